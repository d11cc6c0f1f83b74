//! Paths against the clauses of docs/PROTOCOL.md, 9.3.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rudp_base::Seed;

use super::*;

const PTO: Duration = Duration::from_millis(100);
const SIZE: u64 = 41;

/// Address `host`, port 1000.
fn host(host: u8) -> Address {
    port(host, 1_000)
}

fn port(host: u8, port: u16) -> Address {
    Address { remote: ([10, 0, 0, host], port).into(), local: None }
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// A path with its randomness.
struct Scene {
    path: Path,
    rng: SecretRng,
}

impl Scene {
    fn new(path: Path) -> Self {
        Self { path, rng: Seed::from_u64(1).secret_stream("path") }
    }

    fn roaming() -> Self {
        Self::new(Path::roaming(host(1)))
    }

    /// A packet of 100 bytes.
    fn packet(&mut self, millis: u64, from: Address, is_highest: bool) -> Option<Moved> {
        self.path.on_packet(at(millis), || PTO, &Arrival { from, bytes: 100, is_highest })
    }

    fn respond(&mut self, millis: u64, bytes: ChallengeBytes) -> Option<Moved> {
        self.path.on_response(at(millis), PTO, bytes)
    }

    /// All probes that are ready.
    fn probes(&mut self) -> Vec<(Address, Probe)> {
        std::iter::from_fn(|| self.path.poll_probe(SIZE, &mut self.rng)).collect()
    }

    /// The challenge to the current address, of those that are ready.
    fn challenge(&mut self) -> ChallengeBytes {
        let to = self.path.address();
        let own = self.probes().into_iter().find_map(|probe| match probe {
            (address, Probe::Challenge(bytes)) if address == to => Some(bytes),
            _ => None,
        });
        own.expect("a challenge to the current address")
    }
}

// spec: 9.3.1
#[test]
fn the_highest_packet_from_elsewhere_moves_the_peer_and_both_addresses_are_probed() {
    let mut scene = Scene::roaming();
    assert_eq!(scene.packet(0, host(2), false), None);
    assert_eq!((scene.path.address(), scene.probes()), (host(1), vec![]));

    assert_eq!(scene.packet(1, host(2), true), None);
    assert_eq!((scene.path.address(), scene.path.is_proven()), (host(2), false));
    let probes = scene.probes();
    let [(old, Probe::Challenge(a)), (new, Probe::Challenge(b))] = probes[..] else {
        panic!("{probes:?}")
    };
    assert_eq!((old, new), (host(1), host(2)));
    assert_ne!(a, b);

    // The answer to the old address's challenge proves nothing; that to the new one's does, from
    // wherever it comes.
    assert_eq!(scene.respond(2, a), None);
    assert!(!scene.path.is_proven());
    assert_eq!(scene.respond(3, b), Some(Moved { fresh: true }));
    assert_eq!((scene.path.is_proven(), scene.path.budget()), (true, u64::MAX));
    assert_eq!((scene.path.timeout(), scene.respond(4, b)), (None, None));
}

// spec: 9.3.2
#[test]
fn another_port_alone_is_no_fresh_path() {
    let mut scene = Scene::roaming();
    scene.packet(1, port(1, 7), true);
    let bytes = scene.challenge();
    assert_eq!(scene.respond(2, bytes), Some(Moved { fresh: false }));
}

// spec: 9.3.6
#[test]
fn packets_to_a_new_socket_tell_whether_it_has_another_address() {
    let at_local = |local: u8| Address { local: Some([10, 0, 1, local].into()), ..host(1) };
    let unknown = host(1);
    let cases = [
        (at_local(1), at_local(1), false),
        (at_local(1), at_local(2), true),
        // Systems that do not tell.
        (unknown, at_local(1), false),
        (at_local(1), unknown, false),
    ];
    for (before, after, fresh) in cases {
        let mut scene = Scene::new(Path::to_server(Profile::Sealed, before));
        scene.path.on_rebound();
        assert!(!scene.path.is_proven());
        // One that was overtaken may have come any way.
        assert_eq!(scene.packet(1, before, false), None);
        assert!(!scene.path.is_proven());
        assert_eq!(scene.packet(2, after, true), Some(Moved { fresh }));
        assert!(scene.path.is_proven());
        assert_eq!(scene.path.home(), Some(after));
        assert_eq!(scene.packet(3, after, true), None);
    }
}

// spec: 9.3.7
#[test]
fn a_server_answers_from_where_it_was_asked_and_a_client_lets_the_system_choose() {
    let at_local = |local: u8| Address { local: Some([10, 0, 1, local].into()), ..host(1) };
    let paths = [
        (Path::fixed(at_local(1)), at_local(2)),
        (Path::to_server(Profile::Sealed, at_local(1)), host(1)),
    ];
    for (path, to) in paths {
        let mut scene = Scene::new(path);
        assert_eq!(scene.packet(1, at_local(2), true), None);
        assert_eq!(scene.path.address(), to);
        scene.path.on_challenge(at_local(2), [1; 8]);
        assert_eq!(scene.probes(), [(to, Probe::Response([1; 8]))]);
    }
}

// spec: 9.3.1
#[test]
fn an_unproven_address_gets_no_more_than_came_from_it() {
    let mut scene = Scene::roaming();
    scene.packet(1, host(2), true);
    assert_eq!(scene.path.budget(), 100);
    scene.challenge();
    assert_eq!(scene.path.budget(), 100 - SIZE);
    scene.path.on_sent(59);
    assert_eq!(scene.path.budget(), 0);
    // What comes from there counts, highest or not; what comes from elsewhere does not.
    scene.packet(2, host(2), false);
    scene.packet(2, host(3), false);
    assert_eq!(scene.path.budget(), 100);
    scene.path.on_sent(80);
    // A challenge that does not fit waits for what comes next.
    scene.path.on_timeout(at(101), PTO);
    assert_eq!(scene.probes().len(), 1, "to the old address only");
    scene.packet(102, host(2), true);
    scene.challenge();
}

// spec: 9.3.1
#[test]
fn five_challenges_without_answer_lead_back() {
    let mut scene = Scene::roaming();
    scene.packet(0, host(2), true);
    let mut seen = vec![];
    for round in 1..=5 {
        let probes = scene.probes();
        assert_eq!(probes.iter().map(|probe| probe.0).collect::<Vec<_>>(), [host(1), host(2)]);
        seen.extend(probes.into_iter().map(|probe| format!("{:?}", probe.1)));
        assert_eq!(scene.path.timeout(), Some(at(round * 100)));
        scene.path.on_timeout(at(round * 100 - 1), PTO);
        assert_eq!(scene.probes(), []);
        // Its packets, which it goes on sending, change nothing.
        scene.packet(round * 100 - 1, host(2), true);
        scene.path.on_timeout(at(round * 100), PTO);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10, "new bytes each time");
    assert_eq!((scene.path.address(), scene.path.is_proven()), (host(1), true));
    assert_eq!((scene.path.timeout(), scene.probes()), (None, vec![]));
}

// spec: 9.3.1
#[test]
fn an_answer_to_an_earlier_challenge_proves_as_well() {
    let mut scene = Scene::roaming();
    scene.packet(0, host(2), true);
    let first = scene.challenge();
    scene.path.on_timeout(at(100), PTO);
    assert_ne!(scene.challenge(), first);
    assert_eq!(scene.respond(150, first), Some(Moved { fresh: true }));
}

// spec: 9.3.1
#[test]
fn a_higher_packet_from_the_old_address_leads_back() {
    let mut scene = Scene::roaming();
    scene.packet(0, host(2), true);
    let bytes = scene.challenge();
    assert_eq!(scene.packet(1, host(1), false), None);
    assert_eq!(scene.path.address(), host(2));
    assert_eq!(scene.packet(2, host(1), true), None);
    assert_eq!((scene.path.address(), scene.path.is_proven()), (host(1), true));
    // What was asked of the other address is over.
    assert_eq!(scene.respond(3, bytes), None);
    assert_eq!((scene.path.address(), scene.path.timeout()), (host(1), None));
}

// spec: 9.3.1
#[test]
fn one_address_is_probed_at_a_time() {
    let mut scene = Scene::roaming();
    scene.packet(0, host(2), true);
    let second = scene.challenge();
    scene.packet(1, host(3), true);
    assert_eq!(scene.respond(2, second), None, "that was for another address");
    assert_eq!(scene.path.budget(), 100, "what came from the second does not count");
    let probes = scene.probes();
    assert_eq!(probes.iter().map(|probe| probe.0).collect::<Vec<_>>(), [host(1), host(3)]);
    for round in 0..5 {
        scene.path.on_timeout(at(101 + round * 100), PTO);
    }
    assert_eq!(scene.path.address(), host(1));
}

// spec: 9.3.1
#[test]
fn proven_addresses_are_remembered_for_three_probe_timeouts() {
    for (back, is_known) in [(300, true), (302, false)] {
        let mut scene = Scene::roaming();
        scene.packet(0, host(2), true);
        let bytes = scene.challenge();
        scene.respond(1, bytes);
        let moved = scene.packet(back, host(1), true);
        assert_eq!(moved, is_known.then_some(Moved { fresh: true }), "after {back} ms");
        assert_eq!(scene.path.is_proven(), is_known);
        assert_eq!(scene.path.address(), host(1));
    }
}

#[test]
fn a_remembered_address_ends_a_trial() {
    let mut scene = Scene::roaming();
    scene.packet(0, port(1, 2), true);
    let bytes = scene.challenge();
    scene.respond(1, bytes);
    scene.packet(2, host(9), true);
    assert_eq!(scene.packet(3, host(1), true), Some(Moved { fresh: false }));
    assert_eq!(scene.path.timeout(), None);
    // And where it came from, which was proven, is remembered in turn.
    assert_eq!(scene.packet(4, port(1, 2), true), Some(Moved { fresh: false }));
}

// spec: 5.3.6
#[test]
fn a_session_can_begin_at_an_unproven_address() {
    let mut scene = Scene::new(Path::unproven(at(0), PTO, host(2), 150));
    assert_eq!((scene.path.is_proven(), scene.path.budget()), (false, 150));
    let challenge = scene.challenge();
    let mut proved = Scene::new(Path::unproven(at(0), PTO, host(2), 150));
    proved.challenge();
    assert_eq!(proved.respond(1, challenge), None, "nothing was learnt elsewhere");
    assert!(proved.path.is_proven());

    // There is nowhere to go back to. It stays limited, and begins anew when something comes.
    for round in 1..=5 {
        scene.path.on_timeout(at(round * 100), PTO);
    }
    assert_eq!((scene.path.address(), scene.path.is_proven()), (host(2), false));
    assert_eq!((scene.path.timeout(), scene.probes()), (None, vec![]));
    scene.packet(900, host(2), true);
    assert_eq!(scene.path.timeout(), Some(at(1_000)));
    scene.challenge();
}

// spec: 9.3.3, 3.6
#[test]
fn a_client_and_the_plain_profile_know_one_address() {
    for path in [Path::to_server(Profile::Sealed, host(1)), Path::fixed(host(1))] {
        let mut scene = Scene::new(path);
        assert!(scene.path.accepts(host(1).remote));
        assert!(!scene.path.accepts(host(2).remote) && !scene.path.accepts(port(1, 2).remote));
        assert_eq!(scene.packet(1, host(2), true), None);
        assert_eq!((scene.path.address(), scene.path.timeout()), (host(1), None));
    }
    assert!(Path::roaming(host(1)).accepts(host(2).remote));
}

// spec: 9.3.3
#[test]
fn a_response_goes_once_to_where_the_challenge_came_from() {
    let mut scene = Scene::roaming();
    scene.packet(0, host(3), false);
    scene.path.on_challenge(host(3), [1; 8]);
    scene.path.on_challenge(host(3), [2; 8]);
    scene.packet(0, host(1), true);
    scene.path.on_challenge(host(1), [3; 8]);
    let responses = [(host(3), Probe::Response([1; 8])), (host(1), Probe::Response([3; 8]))];
    assert_eq!(scene.probes(), responses);
    assert_eq!(scene.probes(), []);
    for byte in 0..100 {
        scene.packet(1, host(byte), false);
        scene.path.on_challenge(host(byte), [byte; 8]);
    }
    assert_eq!(scene.probes().len(), MOST_RESPONSES);
}

#[test]
fn answers_leave_from_the_address_that_was_used_last() {
    let mut scene = Scene::roaming();
    let local = Some([10, 0, 0, 99].into());
    assert_eq!(scene.packet(0, Address { local, ..host(1) }, true), None);
    assert_eq!(scene.path.address().local, local);
}

#[derive(Clone, Debug)]
enum Step {
    Packet { host: u8, bytes: u64, is_highest: bool, challenge: bool },
    Send(u64),
    Probes,
    Wait(u64),
    Respond(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..8u8, 33..1_500u64, any::<bool>(), any::<bool>()).prop_map(
            |(host, bytes, is_highest, challenge)| {
                let bytes = if challenge { bytes.max(SIZE) } else { bytes };
                Step::Packet { host, bytes, is_highest, challenge }
            }
        ),
        (1..1_500u64).prop_map(Step::Send),
        Just(Step::Probes),
        (1..400u64).prop_map(Step::Wait),
        (0..20usize).prop_map(Step::Respond),
    ]
}

proptest! {
    // spec: 9.3.1, 12.3
    #[test]
    fn nobody_unproven_gets_more_than_it_sent(
        steps in prop::collection::vec(step(), 0..150),
        unproven in any::<bool>(),
    ) {
        let path = if unproven {
            Path::unproven(at(0), PTO, host(1), 100)
        } else {
            Path::roaming(host(1))
        };
        let mut scene = Scene::new(path);
        let mut now = 0;
        // What each address that was never proven has received less what it sent.
        let mut debts: BTreeMap<SocketAddr, i128> = BTreeMap::new();
        debts.insert(host(1).remote, -100);
        let mut proven = vec![];
        let mut challenges = vec![];
        for step in steps {
            if scene.path.is_proven() {
                proven.push(scene.path.address().remote);
            }
            match step {
                Step::Packet { host: number, bytes, is_highest, challenge } => {
                    let from = host(number);
                    *debts.entry(from.remote).or_default() -= i128::from(bytes);
                    scene.path.on_packet(at(now), || PTO, &Arrival { from, bytes, is_highest });
                    if challenge {
                        scene.path.on_challenge(from, [number; 8]);
                    }
                }
                Step::Send(bytes) if bytes <= scene.path.budget() => {
                    scene.path.on_sent(bytes);
                    *debts.entry(scene.path.address().remote).or_default() += i128::from(bytes);
                }
                Step::Send(_) => {}
                Step::Probes => {
                    for (to, probe) in scene.probes() {
                        *debts.entry(to.remote).or_default() += i128::from(SIZE);
                        if let Probe::Challenge(bytes) = probe {
                            challenges.push(bytes);
                        }
                    }
                }
                Step::Wait(millis) => {
                    now += millis;
                    scene.path.on_timeout(at(now), PTO);
                }
                Step::Respond(index) => {
                    if let Some(bytes) = challenges.iter().rev().nth(index) {
                        scene.path.on_response(at(now), PTO, *bytes);
                    }
                }
            }
            if scene.path.is_proven() {
                proven.push(scene.path.address().remote);
            }
            for (remote, debt) in &debts {
                prop_assert!(*debt <= 0 || proven.contains(remote), "{remote} got {debt} more");
            }
            prop_assert!(scene.path.proven.len() <= MOST_PROVEN);
            prop_assert!(scene.path.responses.len() <= MOST_RESPONSES);
        }
    }
}
