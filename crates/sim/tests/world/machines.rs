//! The machines of these tests: one that sends what it is given and keeps what it gets, and one
//! with a timer.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use rudp_base::{Application, Datagrams, Ecn, Instant, Machine, Transmit};
use rudp_sim::{NodeId, World};

/// The address of host `host` of a test network.
pub(crate) fn address(host: u8) -> SocketAddr {
    ([10, 0, 0, host], 4_000 + u16::from(host)).into()
}

pub(crate) fn millis(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

pub(crate) const MS: Duration = Duration::from_millis(1);

/// A batch as it was given to `handle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) remote: SocketAddr,
    pub(crate) local: Option<IpAddr>,
    pub(crate) ecn: Option<Ecn>,
    pub(crate) datagrams: Vec<Vec<u8>>,
}

/// Sends what is in its outbox, keeps what it gets, and answers if it is an echo.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    pub(crate) echo: bool,
    pub(crate) outbox: VecDeque<(Transmit, Vec<u8>)>,
    pub(crate) inbox: Vec<Received>,
    events: VecDeque<usize>,
}

impl Peer {
    pub(crate) fn echo() -> Self {
        Self { echo: true, ..Self::default() }
    }

    /// Sends one datagram.
    pub(crate) fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.outbox.push_back((Transmit::single(to, bytes.len()), bytes.to_vec()));
    }

    /// All datagrams received.
    pub(crate) fn datagrams(&self) -> Vec<Vec<u8>> {
        self.inbox.iter().flat_map(|received| received.datagrams.clone()).collect()
    }
}

impl Machine for Peer {
    /// The number of datagrams in a batch.
    type Event = usize;

    fn handle(&mut self, now: Instant, batch: Datagrams<'_>) {
        let datagrams: Vec<Vec<u8>> = batch.iter().map(<[u8]>::to_vec).collect();
        self.events.push_back(datagrams.len());
        let Datagrams { remote, local, ecn, .. } = batch;
        if self.echo {
            for datagram in &datagrams {
                let transmit = Transmit { local, ..Transmit::single(remote, datagram.len()) };
                self.outbox.push_back((transmit, datagram.clone()));
            }
        }
        self.inbox.push(Received { at: now, remote, local, ecn, datagrams });
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let (transmit, bytes) = self.outbox.pop_front()?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Some(transmit)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    fn poll_event(&mut self) -> Option<usize> {
        self.events.pop_front()
    }
}

/// Counts the datagrams it is told of.
#[derive(Debug, Default)]
pub(crate) struct Count(pub(crate) usize);

impl Application<Peer> for Count {
    fn on_event(&mut self, _: Instant, _: &mut Peer, datagrams: usize) {
        self.0 += datagrams;
    }
}

pub(crate) type PeerId = NodeId<Peer, Count>;

/// A world with `count` peers at `address(1)` and so on.
pub(crate) fn world_of<const COUNT: usize>(seed: u64) -> (World, [PeerId; COUNT]) {
    let mut world = World::new(seed);
    let mut host = 0;
    let peers = [(); COUNT].map(|()| {
        host += 1;
        world.add(address(host), Peer::default(), Count::default())
    });
    (world, peers)
}

/// Sends a numbered packet at each tick.
#[derive(Debug)]
pub(crate) struct Ticker {
    pub(crate) remote: SocketAddr,
    pub(crate) period: Duration,
    pub(crate) next: Option<Instant>,
    pub(crate) ticks: u32,
    pub(crate) sent: u32,
}

impl Ticker {
    pub(crate) fn new(remote: SocketAddr, period: Duration) -> Self {
        Self { remote, period, next: Some(Instant::ZERO + period), ticks: 0, sent: 0 }
    }
}

impl Machine for Ticker {
    type Event = ();

    fn handle(&mut self, _: Instant, _: Datagrams<'_>) {}

    fn handle_timeout(&mut self, now: Instant) {
        if self.next.is_some_and(|next| next <= now) {
            self.ticks += 1;
            self.next = Some(now + self.period);
        }
    }

    fn poll_transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if self.sent == self.ticks {
            return None;
        }
        self.sent += 1;
        buffer[..4].copy_from_slice(&self.sent.to_be_bytes());
        Some(Transmit::single(self.remote, 4))
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.next
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }
}

/// The application that does nothing.
pub(crate) fn ignore<M: Machine>(_: Instant, _: &mut M, _: M::Event) {}
