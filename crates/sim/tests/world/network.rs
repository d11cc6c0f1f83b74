//! Links between nodes: partition and healing, shared bottlenecks, defaults, scripts.

use rudp_base::Instant;
use rudp_sim::{Action, DropCause, Fault, LinkConfig, What, World};

use crate::machines::{Count, MS, Peer, Ticker, address, ignore, millis, world_of};

#[test]
fn a_partition_drops_everything_until_it_heals() {
    let mut world = World::new(1);
    let bob = world.add(address(2), Peer::default(), Count::default());
    let ticker = world.add(address(1), Ticker::new(address(2), MS * 10), ignore);
    world.connect(ticker, bob, LinkConfig::delay(MS));
    world.run_until(millis(35));
    world.set_partitioned(ticker, bob, true);
    world.run_until(millis(65));
    world.set_partitioned(ticker, bob, false);
    world.run_until(millis(95));
    let numbers: Vec<u8> = world.machine(bob).datagrams().iter().map(|bytes| bytes[3]).collect();
    assert_eq!(numbers, [1, 2, 3, 7, 8, 9]);
}

#[test]
fn a_shared_link_is_a_shared_bottleneck() {
    let (mut world, [alice, bob, carol]) = world_of(1);
    // A packet of 972 + 28 bytes takes 1 ms.
    let link = world.add_link(LinkConfig::default().rate(8_000_000));
    world.route(alice, carol, link);
    world.route(bob, carol, link);
    for peer in [alice, bob, alice, bob] {
        world.with(peer, |_, peer, _| peer.send(address(3), &[0; 972]));
    }
    world.run_until_idle(millis(100));
    let inbox = &world.machine(carol).inbox;
    let arrivals: Vec<Instant> = inbox.iter().map(|received| received.at).collect();
    assert_eq!(arrivals, [1, 2, 3, 4].map(millis));
    assert_eq!(world.link(link).stats().offered, 4);
}

#[test]
fn where_no_route_is_set_each_pair_has_a_default_link_of_its_own() {
    let (mut world, [alice, bob, carol]) = world_of(1);
    world.default_link(LinkConfig::delay(MS * 7));
    world.with(alice, |_, peer, _| peer.send(address(2), b"x"));
    world.with(alice, |_, peer, _| peer.send(address(3), b"x"));
    assert!(world.run_until_idle(millis(100)));
    assert_eq!(world.now(), millis(7));
    let links = [(alice, bob), (alice, carol), (bob, alice)].map(|(a, b)| world.link_between(a, b));
    let offered = links.map(|link| world.link(link).stats().offered);
    assert_eq!(offered, [1, 1, 0]);
}

#[test]
fn links_can_be_changed_in_mid_run() {
    let (mut world, [alice, bob]) = world_of(1);
    let (there, _) = world.connect(alice, bob, LinkConfig::delay(MS));
    world.with(alice, |_, peer, _| peer.send(address(2), b"1"));
    world.run_until(millis(10));
    world.link_mut(there).config_mut().delay = MS * 5;
    world.with(alice, |_, peer, _| peer.send(address(2), b"2"));
    assert!(world.run_until_idle(millis(100)));
    assert_eq!(world.now(), millis(15));
}

#[test]
fn scripts_count_on_a_link_and_in_the_world() {
    let (mut world, [alice, bob]) = world_of(1);
    let (there, _) = world.connect(alice, bob, LinkConfig::default());
    world.link_mut(there).set_script(vec![Fault::drop(2)]);
    world.set_script(vec![Fault::new(4, Action::FlipBit(0)), Fault::new(6, Action::Duplicate)]);
    for byte in [10, 20, 30, 40] {
        // The odd packets of the world go there, the even ones back.
        world.with(alice, |_, peer, _| peer.send(address(2), &[byte]));
        world.with(bob, |_, peer, _| peer.send(address(1), &[byte]));
    }
    world.run_until_idle(millis(1));
    assert_eq!(world.machine(bob).datagrams(), [[10], [30], [40]]);
    assert_eq!(world.machine(alice).datagrams(), [[10], [21], [30], [30], [40]]);
    assert_eq!(world.script().remaining(), 0);
}

#[test]
fn what_is_sent_to_nobody_is_dropped() {
    let (mut world, [alice]) = world_of(1);
    world.record_trace(true);
    world.with(alice, |_, peer, _| peer.send(address(7), b"hello?"));
    assert!(world.run_until_idle(millis(1)));
    let what: Vec<What> = world.trace().records().iter().map(|record| record.what).collect();
    assert_eq!(what, [What::Sent, What::Dropped(DropCause::NoReceiver)]);
}
