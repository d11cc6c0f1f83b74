//! The same seed and calls give the same run, and other seeds others.

use std::collections::BTreeSet;

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use rudp_sim::{Profile, Tap, World, seeds};

use crate::machines::{Count, MS, Peer, Ticker, address, ignore, millis};

/// A second of bad Wi-Fi.
fn run(seed: u64, keep: bool) -> World {
    let mut world = World::new(seed);
    world.record_trace(keep);
    let Profile { up, down } = Profile::bad_wifi();
    let ticker = world.add(address(1), Ticker::new(address(2), MS), ignore);
    let echo = world.add(address(2), Peer::echo(), Count::default());
    world.connect_with(ticker, echo, up, down);
    world.run_until(millis(1_000));
    world
}

#[test]
fn a_seed_has_one_digest_and_one_trace() {
    let (first, again, silent) = (run(1, true), run(1, true), run(1, false));
    assert_eq!(first.digest(), again.digest());
    assert_eq!(first.digest(), silent.digest());
    assert!(first.trace().events() > 3_000);
    assert_eq!(first.trace().text(None), again.trace().text(None));
    assert_eq!(first.trace().pcap(Tap::Sent), again.trace().pcap(Tap::Sent));
}

#[test]
fn seeds_have_digests_of_their_own() {
    let digests: BTreeSet<u64> = (0..50).map(|seed| run(seed, false).digest()).collect();
    assert_eq!(digests.len(), 50);
}

#[test]
fn a_payload_changes_the_digest() {
    let digest = |payload: &[u8]| {
        let mut world = World::new(1);
        let alice = world.add(address(1), Peer::default(), Count::default());
        world.with(alice, |_, peer, _| peer.send(address(2), payload));
        world.digest()
    };
    assert_eq!(digest(b"one"), digest(b"one"));
    assert_ne!(digest(b"one"), digest(b"two"));
}

/// A machine that tells so many events at its start, and then a deadline.
struct Teller {
    events: u8,
    deadline: Option<Instant>,
}

impl Machine for Teller {
    type Event = ();

    fn handle(&mut self, _: Instant, _: Datagrams<'_>) {}

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, _: Instant, _: &mut [u8]) -> Option<Transmit> {
        None
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.deadline
    }

    fn poll_event(&mut self) -> Option<()> {
        self.events = self.events.checked_sub(1)?;
        Some(())
    }
}

#[test]
fn what_machines_tell_changes_the_digest() {
    let digest = |events, deadline| {
        let mut world = World::new(1);
        world.add(address(1), Teller { events, deadline }, ignore);
        world.run_until(millis(1));
        world.digest()
    };
    let cases = [(0, None), (1, None), (2, None), (0, Some(millis(5))), (0, Some(millis(6)))];
    let digests = cases.map(|(events, deadline)| digest(events, deadline));
    assert_eq!(BTreeSet::from(digests).len(), cases.len());
}

#[test]
fn how_datagrams_are_batched_changes_the_digest() {
    let digest = |coalesce| {
        let mut world = World::new(1);
        world.set_coalesce(coalesce);
        // A machine that tells nothing of its batches.
        world.add(address(1), Teller { events: 0, deadline: None }, ignore);
        let alice = world.add(address(2), Peer::default(), Count::default());
        world.with(alice, |_, peer, _| {
            peer.send(address(1), b"a");
            peer.send(address(1), b"b");
        });
        world.run_until(millis(1));
        world.digest()
    };
    assert_ne!(digest(false), digest(true));
}

#[test]
#[should_panic(expected = "seed ")]
fn a_panic_gets_out_of_the_helper() {
    seeds(2..5, |seed| panic!("seed {seed}"));
}
