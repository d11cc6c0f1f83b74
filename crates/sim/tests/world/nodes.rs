//! Addresses of nodes: rebinding, aliases, chosen sources, forged packets, death.

use core::net::IpAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;
use std::sync::Arc;
use std::task::Wake;

use rudp_base::{Application, Instant, Transmit};
use rudp_sim::{DropCause, LinkConfig, Runner, What, World};

use crate::machines::{Count, MS, Peer, PeerId, address, millis, world_of};

#[test]
fn a_ball_goes_there_and_back() {
    let mut world = World::new(1);
    let alice = world.add(address(1), Peer::default(), Count::default());
    let bob = world.add(address(2), Peer::echo(), Count::default());
    world.connect(alice, bob, LinkConfig::delay(MS * 10));
    world.with(alice, |_, peer, _| peer.send(address(2), b"ball"));
    assert!(world.run_until_idle(millis(1_000)));
    assert_eq!(world.now(), millis(20));
    assert_eq!(world.machine(alice).datagrams(), [b"ball"]);
    assert_eq!((world.application(alice).0, world.application(bob).0), (1, 1));
    let received = &world.machine(bob).inbox[0];
    assert_eq!((received.remote, received.local), (address(1), Some(address(2).ip())));
    assert_eq!(received.at, millis(10));
}

#[test]
fn a_rebound_node_sends_from_and_is_reached_at_its_new_address_only() {
    let (mut world, [alice, bob]) = world_of(1);
    let (there, _) = world.connect(alice, bob, LinkConfig::delay(MS * 10));
    world.with(alice, |_, peer, _| peer.send(address(2), b"1"));
    world.with(bob, |_, peer, _| peer.send(address(1), b"on its way"));
    world.rebind(alice, address(9));
    assert_eq!(world.address(alice), address(9));
    world.with(alice, |_, peer, _| peer.send(address(2), b"2"));
    world.with(bob, |_, peer, _| peer.send(address(1), b"to the old"));
    world.with(bob, |_, peer, _| peer.send(address(9), b"to the new"));
    assert!(world.run_until_idle(millis(1_000)));
    let remotes: Vec<_> = world.machine(bob).inbox.iter().map(|r| r.remote).collect();
    assert_eq!(remotes, [address(1), address(9)]);
    assert_eq!(world.machine(alice).datagrams(), [b"to the new"]);
    assert_eq!(world.link(there).stats().offered, 2, "the route follows the node");
}

#[test]
fn answers_leave_from_the_address_they_were_asked_at() {
    let mut world = World::new(1);
    let alice = world.add(address(1), Peer::default(), Count::default());
    let bob = world.add(address(2), Peer::echo(), Count::default());
    world.alias(bob, address(3));
    world.with(alice, |_, peer, _| {
        peer.send(address(2), b"first");
        peer.send(address(3), b"second");
    });
    assert!(world.run_until_idle(millis(1)));
    let remotes: Vec<_> = world.machine(alice).inbox.iter().map(|r| r.remote).collect();
    assert_eq!(remotes, [address(2), address(3)]);
}

/// The local addresses that a peer was told.
fn locals(world: &World, peer: PeerId) -> Vec<IpAddr> {
    world.machine(peer).inbox.iter().filter_map(|received| received.local).collect()
}

#[test]
fn a_machine_behind_a_nat_is_not_told_and_a_moved_one_is() {
    for moves in [false, true] {
        let (mut world, [alice, bob]) = world_of(1);
        world.with(bob, |_, peer, _| peer.send(address(1), b"1"));
        world.run_for(MS);
        if moves {
            world.move_to(alice, address(9));
        } else {
            world.rebind(alice, address(9));
        }
        world.with(bob, |_, peer, _| peer.send(address(9), b"2"));
        world.run_for(MS);
        let then = address(if moves { 9 } else { 1 });
        assert_eq!(locals(&world, alice), [address(1).ip(), then.ip()]);
    }
}

#[test]
fn answers_from_behind_a_nat_leave_from_the_public_address_they_were_asked_at() {
    let mut world = World::new(1);
    let alice = world.add(address(1), Peer::default(), Count::default());
    let bob = world.add(address(2), Peer::echo(), Count::default());
    world.alias(bob, address(3));
    world.rebind(bob, address(8));
    for host in [8, 3] {
        world.with(alice, |_, peer, _| peer.send(address(host), b"?"));
    }
    assert!(world.run_until_idle(millis(1)));
    let remotes: Vec<_> = world.machine(alice).inbox.iter().map(|r| r.remote).collect();
    assert_eq!(remotes, [address(8), address(3)]);
    assert_eq!(locals(&world, bob), [address(2).ip(), address(3).ip()]);
}

#[test]
fn nothing_leaves_from_an_address_that_is_gone() {
    let (mut world, [alice, bob]) = world_of(1);
    world.record_trace(true);
    world.alias(alice, address(3));
    world.move_to(alice, address(9));
    world.with(alice, |_, peer, _| {
        let local = Some(address(1).ip());
        let transmit = Transmit { local, ..Transmit::single(address(2), 1) };
        peer.outbox.push_back((transmit, vec![1]));
    });
    world.run_until_idle(millis(1));
    assert!(world.machine(bob).inbox.is_empty());
    let last = world.trace().records().last().unwrap();
    let from = (address(1).ip(), address(9).port());
    assert_eq!((last.what, last.from), (What::Dropped(DropCause::NoSource), from.into()));
}

#[test]
fn a_forged_packet_needs_no_sender_and_no_link() {
    let (mut world, [alice, bob]) = world_of(1);
    world.set_partitioned(alice, bob, true);
    world.inject(address(66), bob, b"boo");
    world.run_until_idle(millis(1));
    let received = &world.machine(bob).inbox[0];
    assert_eq!((received.remote, received.datagrams[0].as_slice()), (address(66), &b"boo"[..]));
    assert_eq!(world.packets_sent(), 0);
}

#[test]
fn a_killed_node_gets_nothing_and_leaves_its_address_to_a_successor() {
    let (mut world, [alice, bob]) = world_of(1);
    world.connect(alice, bob, LinkConfig::delay(MS));
    world.with(alice, |_, peer, _| peer.send(address(2), b"1"));
    world.run_until(millis(5));
    world.with(alice, |_, peer, _| peer.send(address(2), b"2"));
    world.kill(bob);
    world.run_until(millis(10));
    let heir = world.add(address(2), Peer::default(), Count::default());
    world.with(alice, |_, peer, _| peer.send(address(2), b"3"));
    assert!(world.run_until_idle(millis(20)));
    assert_eq!(world.machine(bob).datagrams(), [b"1"]);
    assert_eq!(world.machine(heir).datagrams(), [b"3"]);
}

#[test]
#[should_panic(expected = "10.0.0.2:4002 is taken")]
fn an_address_has_one_node() {
    let (mut world, [alice, _]) = world_of(1);
    world.alias(alice, address(2));
}

#[test]
fn a_batch_is_split_and_coalesced_again() {
    for coalesce in [false, true] {
        let (mut world, [alice, bob]) = world_of(1);
        world.set_coalesce(coalesce);
        world.with(alice, |_, peer, _| {
            let transmit = Transmit { stride: 4, ..Transmit::single(address(2), 10) };
            peer.outbox.push_back((transmit, b"aaaabbbbcc".to_vec()));
            // A shorter datagram ends a batch, and an empty one is a batch of its own.
            peer.send(address(2), b"dddd");
            peer.send(address(2), b"");
        });
        world.run_until_idle(millis(1));
        let inbox = &world.machine(bob).inbox;
        let batches: Vec<usize> = inbox.iter().map(|received| received.datagrams.len()).collect();
        let expected: &[usize] = if coalesce { &[3, 1, 1] } else { &[1; 5] };
        assert_eq!(batches, expected);
        let all: [&[u8]; 5] = [b"aaaa", b"bbbb", b"cc", b"dddd", b""];
        assert_eq!(world.machine(bob).datagrams(), all);
        assert_eq!(world.packets_sent(), 5);
    }
}

#[test]
fn only_packets_of_one_sender_and_time_are_coalesced() {
    let (mut world, [alice, bob, carol]) = world_of(1);
    world.set_coalesce(true);
    world.connect(alice, carol, LinkConfig::delay(MS));
    world.connect(bob, carol, LinkConfig::delay(MS));
    world.with(alice, |_, peer, _| peer.send(address(3), b"a"));
    world.with(bob, |_, peer, _| peer.send(address(3), b"b"));
    world.run_until(millis(1));
    world.with(alice, |_, peer, _| peer.send(address(3), b"c"));
    world.run_for(MS / 2);
    world.with(alice, |_, peer, _| peer.send(address(3), b"d"));
    world.run_until_idle(millis(9));
    assert_eq!(world.machine(carol).inbox.len(), 4);
}

/// Has one waker woken for each event, and one for each call that asks for it.
struct Doorman {
    bell: Arc<Bell>,
    due: usize,
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Application<Peer> for Doorman {
    fn on_event(&mut self, _: Instant, _: &mut Peer, _: usize) {
        self.due += 1;
    }

    fn take_wakes(&mut self, wakes: &mut Vec<Waker>) {
        assert!(wakes.is_empty());
        wakes.extend((0..self.due).map(|_| Waker::from(Arc::clone(&self.bell))));
        self.due = 0;
    }
}

#[test]
fn whom_an_application_wants_woken_is_woken_after_its_turn() {
    for runner in [Runner::Ideal, Runner::Rough] {
        let mut world = World::new(1);
        world.set_runner(runner);
        let bell = Arc::new(Bell::default());
        let rung = || bell.0.load(Ordering::Relaxed);
        let alice = world.add(address(1), Peer::default(), Count::default());
        let doorman = Doorman { bell: Arc::clone(&bell), due: 0 };
        let bob = world.add(address(2), Peer::echo(), doorman);
        world.with(bob, |_, _, doorman| {
            doorman.due += 1;
            assert_eq!(rung(), 0);
        });
        assert_eq!(rung(), 1);
        for n in 0..100 {
            world.with(alice, |_, peer, _| peer.send(address(2), b"knock"));
            assert!(world.run_until_idle(millis(1_000 * (n + 1))));
        }
        assert_eq!((rung(), world.application(bob).due), (101, 0));
        world.kill(bob);
        assert_eq!(Arc::strong_count(&bell), 2);
    }
}
