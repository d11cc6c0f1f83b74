//! A thousand changes of a client's address in one transfer each way (docs/PROTOCOL.md, 9.3): what
//! arrives is exact, and no change holds it up for long. Attackers who never were on the way.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use rudp_base::Seed;
use rudp_proto::Outcome;
use rudp_sim::{LinkConfig, What};
use rudp_testkit::rudp::{End, Plan, Scene};

use crate::figures::figure;
use crate::record::record;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const RTT: Duration = Duration::from_millis(50);
const CHANGES: u32 = 1_000;

fn link() -> LinkConfig {
    let ethernet = LinkConfig { mtu: Some(1_500), ..LinkConfig::delay(RTT / 2) };
    ethernet.rate(4_000_000).queue_bdp(2.0, RTT)
}

fn received(scene: &Scene, end: End) -> u64 {
    match end {
        End::Client => scene.log(0).got(0).bytes,
        End::Server => scene.server_log().got(0).bytes,
    }
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Port,
    Address,
}

/// Whether the client knows that its address changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// It stands behind a NAT.
    Nothing,
    /// It has replaced its socket.
    Rebound,
}

/// The round-trip time that `end` measures, queues included.
fn rtt(scene: &mut Scene, end: End) -> Duration {
    let rtt = scene.call(end, |session, _| session.stats().smoothed_rtt).expect("it goes on");
    rtt.max(RTT)
}

/// The longest pauses of a reader, each with the change in which it began, however long it lasts.
struct Pauses {
    reader: End,
    received: u64,
    /// The one that lasts, and the change in which it began.
    pause: (Duration, usize),
    /// For each change the writer's round-trip time before it, and the longest pause.
    longest: Vec<(Duration, Duration)>,
}

impl Pauses {
    fn new(reader: End) -> Self {
        Self { reader, received: 0, pause: (Duration::ZERO, 0), longest: Vec::new() }
    }

    fn on_change(&mut self, scene: &mut Scene) {
        self.longest.push((rtt(scene, self.reader.other()), Duration::ZERO));
    }

    /// A millisecond has passed.
    fn on_step(&mut self, scene: &Scene) {
        let before = core::mem::replace(&mut self.received, received(scene, self.reader));
        let (pause, change) = &mut self.pause;
        if self.received > before {
            *pause = Duration::ZERO;
            return;
        }
        if pause.is_zero() {
            *change = self.longest.len() - 1;
        }
        *pause += MS;
        let longest = &mut self.longest[*change].1;
        *longest = (*longest).max(*pause);
    }

    /// In round trips.
    fn in_trips(&self) -> Vec<f64> {
        self.longest.iter().map(|(rtt, pause)| pause.as_secs_f64() / rtt.as_secs_f64()).collect()
    }
}

/// Plays `CHANGES` changes while the plans' bytes are on their way, and gives each reader's longest
/// pauses that began between one change and the next, in round trips of its writer before the change.
fn play(
    (change, told): (Change, Told),
    client: Plan,
    server: Plan,
    readers: &[End],
) -> Vec<Vec<f64>> {
    let (up, down) = (client.bytes, server.bytes);
    let mut scene = Scene::pair(1, link(), client, server);
    scene.world.set_step_budget(u64::MAX);
    let node = scene.clients[0].0;
    let mut rng = Seed::from_u64(1).public_stream("moves");
    scene.world.run_for(S);
    let mut all: Vec<_> = readers.iter().copied().map(Pauses::new).collect();
    for number in 1..=CHANGES {
        let address: SocketAddr = match change {
            Change::Port => (scene.world.address(node).ip(), 10_000 + number as u16).into(),
            Change::Address => (Ipv4Addr::from((12 << 24) + number), 4_000).into(),
        };
        for pauses in &mut all {
            pauses.on_change(&mut scene);
        }
        if told == Told::Rebound {
            scene.world.move_to(node, address);
            scene.world.with(node, |now, endpoint, _| endpoint.on_rebound(now));
        } else if number % 2 == 0 {
            scene.world.move_to(node, address);
        } else {
            scene.world.rebind(node, address);
        }
        for _ in 0..300 + rng.below(100) {
            scene.world.run_for(MS);
            for pauses in &mut all {
                pauses.on_step(&scene);
            }
        }
    }
    assert!(received(&scene, End::Client) < down || down == 0, "it is to last longer than that");
    for reader in readers.iter().filter(|_| change == Change::Port) {
        // The search goes on, whatever was in flight when the port changed.
        let size = scene.call(reader.other(), |session, _| session.stats().packet_size);
        assert_eq!(size, Some(1_472), "{reader:?} reads");
    }
    scene.run();
    for (log, bytes) in [(scene.log(0), down), (scene.server_log(), up)] {
        assert_eq!(log.outcome(), Some(&Outcome::Delivered));
        // All bytes were compared when they were read.
        assert_eq!((log.got(0).bytes, log.got(0).end), (bytes, true));
    }
    record("moves", &scene.world);
    all.iter().map(Pauses::in_trips).collect()
}

/// Which part of the pauses is longer than three round trips, and the longest.
fn check(name: &str, pauses: &[f64], (part, most): (f64, f64)) {
    let long = pauses.iter().filter(|pause| **pause > 3.0).count() as f64 / pauses.len() as f64;
    let longest = pauses.iter().copied().fold(0.0, f64::max);
    let mean = pauses.iter().sum::<f64>() / pauses.len() as f64;
    figure(name, format!("{mean:.2} round trips on average, {longest:.2} at most, {long} above 3"));
    assert!(long <= part && longest <= most, "{name}: {long} above 3, {longest}");
}

fn plan(bytes: u64) -> Plan {
    Plan { bytes, read_size: 64 << 10, close: Some(600 * S), ..Plan::default() }
}

// spec: 9.3.1, 9.3.2
#[test]
fn a_thousand_changes_of_port_and_address_hold_up_nothing_for_long() {
    for (change, most) in [(Change::Port, (0.08, 6.0)), (Change::Address, (0.08, 6.0))] {
        let readers = [End::Client, End::Server];
        let pauses = play((change, Told::Nothing), plan(180_000_000), plan(180_000_000), &readers);
        for (end, pauses) in readers.iter().zip(&pauses) {
            check(&format!("1000 changes of {change:?}, {end:?} reads"), pauses, most);
        }
    }
}

// spec: 9.3.5
#[test]
fn a_client_that_only_reads_is_found_again() {
    // Half a round trip of silence, one to prove the address, and one for what was lost.
    for (change, most) in [(Change::Port, (0.002, 4.0)), (Change::Address, (0.002, 4.0))] {
        let pauses = play((change, Told::Nothing), plan(0), plan(180_000_000), &[End::Client]);
        let name = format!("1000 changes of {change:?}, only the client reads");
        check(&name, &pauses[0], most);
    }
}

// spec: 9.3.6
#[test]
fn a_client_that_replaces_its_socket_is_found_at_once() {
    // One for the challenge and its answer, half a one each for the question and the data; hardly ever
    // more.
    let most = (0.002, 4.0);
    for told in [(Change::Port, Told::Rebound), (Change::Address, Told::Rebound)] {
        for (reader, up, down) in [(End::Client, 0, 180_000_000), (End::Server, 180_000_000, 0)] {
            let pauses = play(told, plan(up), plan(down), &[reader]);
            check(&format!("1000 sockets, {told:?}, only {reader:?} reads"), &pauses[0], most);
        }
    }
}

// spec: 9.3.1
#[test]
fn who_is_not_on_the_way_does_not_move_a_session() {
    let mut scene = Scene::pair(5, link(), plan(3_000_000), plan(3_000_000));
    scene.world.record_trace(true);
    let (client, server) = (scene.clients[0].0, scene.server);
    let attacker = |number: u64| SocketAddr::from(([66, 0, 0, (number % 250) as u8], 666));
    let mut rng = Seed::from_u64(5).public_stream("attacker");
    let home = scene.world.address(client);
    scene.world.run_for(200 * MS);
    let mut known = Vec::new();
    for number in 0..100 {
        scene.world.run_for(30 * MS);
        // Everything that has arrived, again and from elsewhere; and again with other numbers, or
        // damaged, as who saw it could make it.
        let trace = scene.world.trace();
        let records = trace.records().iter();
        let arrived =
            records.filter(|record| record.what == What::Delivered && record.from == home);
        known = arrived.map(|record| trace.payload(record).to_vec()).collect::<Vec<_>>();
        for packet in known.iter().rev().take(20).filter(|packet| packet[0] & 0x2f != 0x20) {
            scene.world.inject(attacker(number), server, packet);
            let mut forged = packet.clone();
            let at = 9 + rng.below(forged.len() as u64 - 9) as usize;
            forged[at] ^= 1 << rng.below(8);
            scene.world.inject(attacker(number), server, &forged);
            scene.world.inject(attacker(number), client, packet);
        }
        let remote = scene.call(End::Server, |session, _| session.remote());
        assert_eq!(remote, Some(home));
    }
    assert!(known.len() > 100);
    let trace = scene.world.trace();
    let answers = trace.records().iter().filter(|record| record.to.port() == 666);
    // The client's own packets make it think of somebody who has lost a session: RESET (10.2).
    let longest = answers.map(|record| trace.payload(record).len()).max();
    assert!(longest.is_none_or(|bytes| bytes <= 25), "{longest:?}");
    scene.run();
    for log in [scene.log(0), scene.server_log()] {
        assert_eq!(log.outcome(), Some(&Outcome::Delivered));
        assert_eq!(log.got(0).bytes, 3_000_000);
    }
    record("not on the way", &scene.world);
}
