//! The clock and the ways to run a world.

use rudp_base::Instant;
use rudp_sim::World;

use crate::machines::{Count, MS, Peer, Ticker, address, ignore, millis};

#[test]
fn timers_fire_on_time_and_not_after_the_limit() {
    let mut world = World::new(1);
    let ticker = world.add(address(1), Ticker::new(address(2), MS * 10), ignore);
    world.run_until(millis(10));
    assert_eq!(world.machine(ticker).ticks, 1);
    world.run_until(millis(99));
    assert_eq!((world.machine(ticker).ticks, world.now()), (9, millis(99)));
    world.run_for(MS);
    assert_eq!((world.machine(ticker).ticks, world.now()), (10, millis(100)));
    assert!(!world.run_until_idle(millis(105)));
    assert_eq!(world.now(), millis(105));
}

#[test]
fn a_deadline_may_move_both_ways_and_away() {
    let mut world = World::new(1);
    let ticker = world.add(address(1), Ticker::new(address(2), MS * 10), ignore);
    world.step();
    world.with(ticker, |_, machine, _| machine.next = Some(millis(50)));
    assert_eq!(world.next_event(), Some(millis(50)));
    world.with(ticker, |_, machine, _| machine.next = Some(millis(20)));
    world.with(ticker, |_, machine, _| machine.next = Some(millis(70)));
    world.with(ticker, |_, machine, _| machine.next = Some(millis(30)));
    world.run_until(millis(29));
    assert_eq!(world.machine(ticker).ticks, 0);
    world.run_until(millis(39));
    assert_eq!(world.machine(ticker).ticks, 1);
    world.with(ticker, |_, machine, _| machine.next = None);
    assert!(world.run_until_idle(Instant::MAX));
    assert_eq!((world.machine(ticker).ticks, world.next_event()), (1, None));
}

#[test]
fn a_condition_ends_a_run() {
    let mut world = World::new(1);
    let bob = world.add(address(2), Peer::default(), Count::default());
    world.add(address(1), Ticker::new(address(2), MS * 10), ignore);
    assert!(world.run_while(millis(500), |world| world.application(bob).0 < 3));
    assert_eq!(world.now(), millis(30));
    assert!(!world.run_while(millis(50), |world| world.application(bob).0 < 99));
    assert_eq!((world.application(bob).0, world.now()), (5, millis(50)));
}

#[test]
#[should_panic(expected = "no end after 1000 steps, at 0.000000")]
fn two_echoes_on_a_perfect_link_spend_the_budget() {
    let mut world = World::new(1);
    let alice = world.add(address(1), Peer::echo(), Count::default());
    world.add(address(2), Peer::echo(), Count::default());
    world.with(alice, |_, peer, _| peer.send(address(2), b"ball"));
    world.set_step_budget(1_000);
    world.run_until(millis(1));
}
