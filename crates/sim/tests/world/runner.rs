//! The rough runner: that it does all that a real driver may do, and nothing else.

use core::time::Duration;

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use rudp_sim::{LinkConfig, NodeId, Runner, What, World, seeds};

use crate::machines::{Count, MS, Peer, PeerId, Ticker, address, ignore, millis};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Handle(u8),
    Timeout { due: Instant },
    Sent(u8),
    Nothing,
}

/// Echoes each datagram, has a timer, and keeps what it was called for.
#[derive(Debug)]
struct Witness {
    calls: Vec<(Instant, Call)>,
    owed: Vec<(Transmit, u8)>,
    due: Instant,
}

impl Machine for Witness {
    type Event = ();

    fn handle(&mut self, now: Instant, batch: Datagrams<'_>) {
        for datagram in batch.iter() {
            self.calls.push((now, Call::Handle(datagram[3])));
            self.owed.push((Transmit::single(batch.remote, 1), datagram[3]));
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.calls.push((now, Call::Timeout { due: self.due }));
        if self.due <= now {
            self.due = now + MS * 7;
        }
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if self.owed.is_empty() {
            self.calls.push((now, Call::Nothing));
            return None;
        }
        let (transmit, byte) = self.owed.remove(0);
        self.calls.push((now, Call::Sent(byte)));
        buffer[0] = byte;
        Some(transmit)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        Some(self.due)
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }
}

type WitnessId = NodeId<Witness, fn(Instant, &mut Witness, ())>;

/// 100 ms of a ticker that sends to a witness, which answers.
fn run(seed: u64, runner: Runner) -> (World, WitnessId) {
    let mut world = World::new(seed);
    world.set_runner(runner);
    world.record_trace(true);
    let witness = Witness { calls: vec![], owed: vec![], due: millis(7) };
    let witness = world.add(address(2), witness, ignore as fn(Instant, &mut Witness, ()));
    let ticker = world.add(address(1), Ticker::new(address(2), MS / 4), ignore);
    world.connect(ticker, witness, LinkConfig::delay(MS));
    world.run_until(millis(100));
    (world, witness)
}

/// How often a rough runner did what an ideal one does not.
#[derive(Debug, Default)]
struct Seen {
    inputs_before_a_drain: usize,
    early: usize,
    late: usize,
    asked_again: usize,
    refused: usize,
}

impl Seen {
    fn look(&mut self, world: &World, witness: WitnessId) {
        let calls = &world.machine(witness).calls;
        assert!(calls.is_sorted_by_key(|(at, _)| *at));
        for pair in calls.windows(2) {
            let same_time = pair[0].0 == pair[1].0;
            match (pair[0].1, pair[1].1) {
                (Call::Handle(_), Call::Handle(_)) if same_time => self.inputs_before_a_drain += 1,
                (Call::Nothing, Call::Nothing) if same_time => self.asked_again += 1,
                _ => {}
            }
        }
        for (at, call) in calls {
            if let Call::Timeout { due } = call {
                assert!(*at <= *due + MS, "no later than a millisecond");
                self.early += usize::from(at < due);
                self.late += usize::from(at > due);
            }
        }
        let polled = calls.iter().filter_map(|(at, call)| match call {
            Call::Sent(byte) => Some((*at, *byte)),
            _ => None,
        });
        let records = world.trace().records().iter();
        let sent = records.filter(|r| r.what == What::Sent && r.from == address(2));
        let sent = sent.map(|record| (record.at, world.trace().payload(record)[0]));
        for ((polled_at, byte), (sent_at, same_byte)) in polled.zip(sent) {
            assert_eq!(byte, same_byte, "batches are sent in order, once each");
            assert!((polled_at..=polled_at + MS).contains(&sent_at));
            self.refused += usize::from(sent_at > polled_at);
        }
    }
}

#[test]
fn a_rough_runner_does_all_that_a_driver_may_do() {
    let mut seen = Seen::default();
    seeds(0..20, |seed| {
        let (world, witness) = run(seed, Runner::Rough);
        seen.look(&world, witness);
    });
    let Seen { inputs_before_a_drain, early, late, asked_again, refused } = seen;
    let all = [inputs_before_a_drain, early, late, asked_again, refused];
    assert!(all.iter().all(|count| *count > 0), "{all:?}");
}

#[test]
fn an_ideal_runner_does_none_of_it() {
    let mut seen = Seen::default();
    let (world, witness) = run(1, Runner::Ideal);
    seen.look(&world, witness);
    let Seen { inputs_before_a_drain, early, late, asked_again, refused } = seen;
    assert_eq!([inputs_before_a_drain, early, late, asked_again, refused], [0; 5]);
}

#[test]
fn a_rough_run_has_one_digest_and_each_seed_its_own() {
    let digest = |seed, runner| run(seed, runner).0.digest();
    assert_eq!(digest(1, Runner::Rough), digest(1, Runner::Rough));
    assert_ne!(digest(1, Runner::Rough), digest(2, Runner::Rough));
    // Nothing here is random but the runner.
    assert_eq!(digest(1, Runner::Ideal), digest(2, Runner::Ideal));
}

#[test]
fn nothing_is_lost_or_overtaken_by_a_rough_runner() {
    seeds(0..50, |seed| {
        let mut world = World::new(seed);
        world.set_runner(Runner::Rough);
        world.set_coalesce(seed % 2 == 0);
        let alice: PeerId = world.add(address(1), Peer::default(), Count::default());
        let bob = world.add(address(2), Peer::echo(), Count::default());
        world.connect(alice, bob, LinkConfig::delay(MS).rate(1_000_000));
        let numbers: Vec<Vec<u8>> = (0..100).map(|number| vec![number]).collect();
        for number in &numbers {
            world.with(alice, |_, peer, _| peer.send(address(2), number));
            world.run_for(Duration::from_micros(100));
        }
        assert!(world.run_until_idle(millis(1_000)));
        assert_eq!(world.machine(bob).datagrams(), numbers);
        assert_eq!(world.machine(alice).datagrams(), numbers);
        assert_eq!((world.application(alice).0, world.application(bob).0), (100, 100));
    });
}

#[test]
fn a_node_can_be_killed_while_a_batch_waits_and_packets_are_unseen() {
    seeds(0..50, |seed| {
        let mut world = World::new(seed);
        world.set_runner(Runner::Rough);
        let alice: PeerId = world.add(address(1), Peer::default(), Count::default());
        let bob = world.add(address(2), Peer::echo(), Count::default());
        for number in 0..50 {
            world.with(alice, |_, peer, _| peer.send(address(2), &[number]));
        }
        world.kill(bob);
        world.run_for(MS / 10);
        world.kill(alice);
        assert!(world.run_until_idle(millis(1_000)));
    });
}
