//! How a driver lets datagrams lie unread for a while, where its machine does not mind.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test above the line: real sockets and threads"
)]

mod common;

use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use common::{Event, PATIENCE, Peer, PeerDriver, Told, start};
use rudp_net::{SocketOptions, Visit};

/// So long may datagrams lie unread: no test takes as long, so that what comes was not waited for.
const LONG: Duration = Duration::from_hours(1);

/// Far fewer than fit into half of the socket's buffer, and than one call receives.
const SOME: u8 = 4;

/// A driver of a machine that minds no delay, and somebody who sends to it.
fn patient() -> (PeerDriver, Told, impl Fn(u8)) {
    let peer = Peer { patience: LONG, ..Peer::default() };
    let (driver, told) = start("127.0.0.1:0", &SocketOptions::default(), peer);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to: SocketAddr = driver.local_addr();
    (driver, told, move |byte| assert_eq!(socket.send_to(&[byte], to).unwrap(), 1))
}

/// The first one shows that some come; from the next turn on the socket is left alone.
fn engage(driver: &PeerDriver, told: &Told, send: impl Fn(u8)) {
    send(0);
    assert_eq!(told.arrived().data, [0]);
    (1..=SOME).for_each(&send);
    assert_eq!(driver.stats().datagrams_in, 1);
    assert!(told.try_next().is_none());
}

fn all_arrive(told: &Told) {
    (1..=SOME).for_each(|byte| assert_eq!(told.arrived().data, [byte]));
}

#[test]
fn what_comes_meanwhile_is_read_with_the_next_deadline() {
    let (driver, told, send) = patient();
    engage(&driver, &told, &send);
    let before = driver.stats();
    driver.with(|now, peer, _| peer.deadlines.push(now + Duration::from_millis(1)));
    all_arrive(&told);
    assert!(matches!(told.next(), Event::TimedOut { .. }));
    let after = driver.stats();
    assert_eq!(after.datagrams_in - before.datagrams_in, SOME.into());
    // One for the call, which brings the deadline, and at most one for that.
    assert!(after.wake_ups - before.wake_ups <= 2, "{before:?} {after:?}");
}

#[test]
fn a_machine_that_minds_it_by_now_is_not_kept_waiting() {
    let (driver, told, send) = patient();
    engage(&driver, &told, &send);
    driver.with(|_, peer, _| peer.patience = Duration::ZERO);
    all_arrive(&told);
    // Nor is anything later.
    send(SOME + 1);
    assert_eq!(told.arrived().data, [SOME + 1]);
}

#[test]
fn whoever_spins_wants_no_datagram_late() {
    let (driver, told, send) = patient();
    engage(&driver, &told, &send);
    let count = Cell::new(0);
    let is_over = || {
        count.set(count.get() + usize::from(told.try_next().is_some()));
        count.get() == usize::from(SOME)
    };
    let deadline = Some(driver.clock().now() + PATIENCE);
    let spin = Duration::from_micros(10);
    driver.visit(&Visit { is_over: &is_over, deadline, spin, is_alone: &|| true });
    assert_eq!(count.get(), usize::from(SOME));
}
