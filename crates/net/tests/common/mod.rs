//! Machines for the driver's tests, and ways to wait for what they do.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(dead_code, reason = "each test file uses a part of this")]

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rudp_base::{Application, Datagrams, Instant, Machine, Transmit};
use rudp_net::{Driver, DriverOptions, Socket, SocketOptions};

/// Longer than anything takes that is going to happen at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One datagram as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) remote: SocketAddr,
    pub(crate) local: Option<IpAddr>,
    pub(crate) data: Vec<u8>,
    /// Who received it.
    pub(crate) by: ThreadId,
}

/// What a [`Peer`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Arrived(Arrived),
    TimedOut { deadline: Instant, now: Instant },
}

/// Sends what it is told to, tells what arrives, and echoes it if it is to.
#[derive(Default)]
pub(crate) struct Peer {
    pub(crate) echo: bool,
    pub(crate) outgoing: VecDeque<(Transmit, Vec<u8>)>,
    pub(crate) deadlines: Vec<Instant>,
    /// How long datagrams may lie unread.
    pub(crate) patience: Duration,
    pub(crate) count: u64,
    pub(crate) last_now: Instant,
    pub(crate) events: VecDeque<Event>,
}

impl Peer {
    pub(crate) fn send(&mut self, remote: SocketAddr, data: &[u8]) {
        self.send_batch(remote, data, data.len());
    }

    pub(crate) fn send_batch(&mut self, remote: SocketAddr, data: &[u8], stride: usize) {
        let transmit = Transmit { stride, ..Transmit::single(remote, data.len()) };
        self.outgoing.push_back((transmit, data.to_vec()));
    }

    /// The first clause of the law: time goes forward, whoever calls.
    fn on_time(&mut self, now: Instant) {
        assert!(now >= self.last_now, "{now} after {}", self.last_now);
        self.last_now = now;
    }
}

impl Machine for Peer {
    type Event = Event;

    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>) {
        self.on_time(now);
        for data in datagrams.iter() {
            let Datagrams { remote, local, .. } = datagrams;
            if self.echo {
                let transmit = Transmit { local, ..Transmit::single(remote, data.len()) };
                self.outgoing.push_back((transmit, data.to_vec()));
            }
            let (data, by) = (data.to_vec(), thread::current().id());
            self.events.push_back(Event::Arrived(Arrived { remote, local, data, by }));
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.on_time(now);
        self.deadlines.sort();
        let due = self.deadlines.partition_point(|&deadline| deadline <= now);
        let events = self.deadlines.drain(..due);
        self.events.extend(events.map(|deadline| Event::TimedOut { deadline, now }));
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.on_time(now);
        let (transmit, data) = self.outgoing.pop_front()?;
        buffer[..data.len()].copy_from_slice(&data);
        Some(transmit)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.deadlines.iter().min().copied()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn max_read_delay(&self, _: Instant) -> Duration {
        self.patience
    }
}

/// An application that passes every event on to a channel.
pub(crate) struct Tell(pub(crate) Sender<Event>);

impl Application<Peer> for Tell {
    fn on_event(&mut self, _: Instant, _: &mut Peer, event: Event) {
        // A test that is over does not listen any more.
        let _ = self.0.send(event);
    }
}

pub(crate) type PeerDriver = Driver<Peer, Tell>;

/// What a driver's [`Peer`] tells.
pub(crate) struct Told(Receiver<Event>);

impl Told {
    pub(crate) fn new(receiver: Receiver<Event>) -> Self {
        Self(receiver)
    }

    pub(crate) fn next_within(&self, patience: Duration) -> Option<Event> {
        self.0.recv_timeout(patience).ok()
    }

    pub(crate) fn next(&self) -> Event {
        self.0.recv_timeout(PATIENCE).expect("nothing happened")
    }

    pub(crate) fn try_next(&self) -> Option<Event> {
        self.0.try_recv().ok()
    }

    pub(crate) fn arrived(&self) -> Arrived {
        match self.next() {
            Event::Arrived(arrived) => arrived,
            other @ Event::TimedOut { .. } => panic!("{other:?}"),
        }
    }
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Runs a peer on a socket bound to `bind`.
pub(crate) fn start(bind: &str, options: &SocketOptions, peer: Peer) -> (PeerDriver, Told) {
    let socket = Socket::bind(address(bind), options).unwrap();
    let (sender, receiver) = channel();
    let driver = Driver::spawn(peer, Tell(sender), socket, DriverOptions::default()).unwrap();
    (driver, Told(receiver))
}

pub(crate) fn quiet_peer(bind: &str) -> (PeerDriver, Told) {
    start(bind, &SocketOptions::default(), Peer::default())
}

pub(crate) fn echo_peer(bind: &str) -> (PeerDriver, Told) {
    start(bind, &SocketOptions::default(), Peer { echo: true, ..Peer::default() })
}
