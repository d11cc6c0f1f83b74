//! Every loss of one or two packets of a handshake, and every duplicate.

use std::collections::BTreeSet;

use rudp_base::Instant;

use super::scene::*;
use crate::handshake::{Begun, Failure, Opened, Settings, Step, When};
use crate::toy::Toy;

/// One way, in milliseconds.
const DELAY: u64 = 20;
/// How long a session of the test waits between datagrams that begin with its ACK.
const PROBE: u64 = 300;

/// A handshake over a network that loses the datagrams with the numbers of `lost`.
struct Network {
    client: Client,
    server: Server,
    lost: BTreeSet<usize>,
    copies: usize,
    sent: usize,
    /// When what arrives, and whether at the server.
    under_way: Vec<(Instant, bool, Vec<u8>)>,
    opened: Option<Box<Opened>>,
    begun: Vec<Begun>,
    failed: Option<Failure>,
    next_ack: Option<Instant>,
}

impl Network {
    fn new(retry: When, lost: &[usize], copies: usize) -> Self {
        let settings = Settings { retry, ..Settings::default() };
        Self {
            client: Client::simple(at(0), 1),
            server: Server::new(Toy::sealed().with_key(SERVER), settings),
            lost: lost.iter().copied().collect(),
            copies,
            sent: 0,
            under_way: Vec::new(),
            opened: None,
            begun: Vec::new(),
            failed: None,
            next_ack: None,
        }
    }

    fn send(&mut self, now: Instant, to_server: bool, datagram: &[u8]) {
        if !self.lost.contains(&self.sent) {
            let arrives = now + core::time::Duration::from_millis(DELAY);
            for _ in 0..self.copies {
                self.under_way.push((arrives, to_server, datagram.to_vec()));
            }
        }
        self.sent += 1;
    }

    /// Runs until both sides have a session or none has anything to wait for.
    fn run(mut self) -> Self {
        for millis in 0..25_000 {
            let now = at(millis);
            let (due, rest) = self.under_way.into_iter().partition(|(at, ..)| *at <= now);
            self.under_way = rest;
            let due: Vec<(Instant, bool, Vec<u8>)> = due;
            for (_, to_server, datagram) in due {
                self.arrive(now, to_server, &datagram);
            }
            if self.client.attempt.timeout().is_some_and(|at| at <= now) {
                let step = self.client.attempt.on_timeout(now);
                self.step(step);
            }
            if let Some(syn) = self.client.send(now) {
                self.send(now, true, &syn);
            }
            if self.next_ack.is_some_and(|at| at <= now) {
                self.send_ack(now);
            }
            self.server.pending.on_timeout(now);
        }
        self
    }

    fn arrive(&mut self, now: Instant, to_server: bool, datagram: &[u8]) {
        if !to_server {
            let step = self.client.take(now, datagram);
            let opens = matches!(step, Step::Done(_));
            self.step(step);
            if opens {
                self.send_ack(now);
            }
        } else if let Ok(begun) = self.server.ack(now, client_addr(), datagram) {
            self.begun.push(*begun);
            // The server's first data packet reaches the client: no more ACKs.
            self.next_ack = None;
        } else if let Ok((_, answer)) = self.server.syn(now, client_addr(), datagram) {
            self.send(now, false, &answer);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Waiting => {}
            Step::Done(opened) => assert!(self.opened.replace(opened).is_none()),
            Step::Failed(failure) => assert!(self.failed.replace(failure).is_none()),
        }
    }

    /// What the session does with its ACK (5.3.5): again and again, until the deadline.
    fn send_ack(&mut self, now: Instant) {
        let Some(opened) = &self.opened else { return };
        if opened.deadline <= now {
            self.next_ack = None;
            return;
        }
        let ack = opened.ack.clone();
        self.next_ack = Some(now + core::time::Duration::from_millis(PROBE));
        self.send(now, true, &ack);
    }
}

fn check(retry: When, lost: &[usize], copies: usize) {
    let network = Network::new(retry, lost, copies).run();
    let what = format!("{retry:?}, {lost:?}, {copies} copies");
    let opened = network.opened.unwrap_or_else(|| panic!("{what}: {:?}", network.failed));
    assert_eq!(network.begun.len(), 1, "{what}");
    agree(&opened, &network.begun[0]);
    assert_eq!(network.server.pending.len(), 0, "{what}");
    assert_eq!(network.server.pending.timeout(), None, "{what}");
}

// spec: 5.1.4, 5.2.5, 5.3.5
#[test]
fn every_single_and_double_loss_ends_in_one_session() {
    for retry in [When::Never, When::Always] {
        for first in 0..9 {
            check(retry, &[first], 1);
            for second in first + 1..9 {
                check(retry, &[first, second], 1);
            }
        }
    }
}

// spec: 5.2.5a, 12.7
#[test]
fn duplicates_begin_one_session() {
    for retry in [When::Never, When::Always] {
        for lost in 0..6 {
            check(retry, &[lost], 2);
        }
        check(retry, &[], 5);
    }
}

// spec: 5.1.4, 5.1.5
#[test]
fn without_a_way_both_sides_give_up() {
    let network = Network::new(When::Never, &(0..1_000).collect::<Vec<_>>(), 1).run();
    assert_eq!(network.failed, Some(Failure::Timeout { answered: false }));
    assert_eq!((network.server.pending.len(), network.sent), (0, 5));
    // SYNs arrive, and nothing comes back: every second datagram is lost.
    let lost: Vec<_> = (0..1_000).filter(|number| number % 2 == 1).collect();
    let network = Network::new(When::Never, &lost, 1).run();
    assert_eq!(network.failed, Some(Failure::Timeout { answered: false }));
    assert_eq!((network.server.pending.len(), network.server.pending.timeout()), (0, None));
    assert_eq!(network.sent, 10, "five SYNs, and an answer to each but by no timer");
}
