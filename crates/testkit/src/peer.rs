//! [`Peer`]: a node without a protocol, that sends what a test tells it and keeps what it gets.
//! [`Hand`] puts one opposite a machine of ours, and plays packet by packet.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use rudp_base::{Application, Datagrams, Instant, Machine, Transmit};
use rudp_sim::{NodeId, World};

/// A datagram that a [`Peer`] got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// From whom.
    pub from: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// Sends what it is told, keeps what it gets, and does nothing by itself.
#[derive(Debug, Default)]
pub struct Peer {
    inbox: VecDeque<Received>,
    outbox: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Machine for Peer {
    type Event = ();

    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>) {
        let from = datagrams.remote;
        let received =
            datagrams.iter().map(|bytes| Received { at: now, from, bytes: bytes.into() });
        self.inbox.extend(received);
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let (to, bytes) = self.outbox.pop_front()?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Some(Transmit::single(to, bytes.len()))
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }
}

/// The application of a [`Peer`], which has nothing to tell.
#[derive(Debug)]
pub struct Nobody;

impl Application<Peer> for Nobody {
    fn on_event(&mut self, _: Instant, _: &mut Peer, (): ()) {}
}

/// A machine of ours, and a [`Peer`] that plays its opposite by hand over links without delay.
#[derive(Debug)]
pub struct Hand<M, A> {
    /// The network.
    pub world: World,
    /// The machine of ours.
    pub ours: NodeId<M, A>,
    peer: NodeId<Peer, Nobody>,
}

impl<M: Machine + 'static, A: Application<M> + 'static> Hand<M, A> {
    /// The machine at its address, and its opposite at the other one.
    pub fn new(
        (our_address, machine): (SocketAddr, M),
        application: A,
        peer_address: SocketAddr,
    ) -> Self {
        let mut world = World::new(0);
        let peer = world.add(peer_address, Peer::default(), Nobody);
        let ours = world.add(our_address, machine, application);
        let mut hand = Self { world, ours, peer };
        hand.wait(Duration::ZERO);
        hand
    }

    /// Sends a datagram, which arrives at once.
    pub fn send(&mut self, bytes: impl Into<Vec<u8>>) {
        let to = self.world.address(self.ours);
        self.world.with(self.peer, |_, peer, _| peer.outbox.push_back((to, bytes.into())));
        self.wait(Duration::ZERO);
    }

    /// As if somebody else had sent it.
    pub fn send_from(&mut self, stranger: SocketAddr, bytes: impl Into<Vec<u8>>) {
        self.world.inject(stranger, self.ours, &bytes.into());
        self.wait(Duration::ZERO);
    }

    /// Lets time pass.
    pub fn wait(&mut self, duration: Duration) {
        self.world.run_for(duration);
    }

    /// What has come and was not taken before.
    pub fn take(&mut self) -> Vec<Received> {
        self.world.with(self.peer, |_, peer, _| peer.inbox.drain(..).collect())
    }

    /// Takes the datagrams that have come by now.
    ///
    /// # Panics
    /// Where they are others than `expected`.
    #[track_caller]
    pub fn expect_all<T: Into<Vec<u8>>>(&mut self, expected: impl IntoIterator<Item = T>) {
        let got: Vec<Vec<u8>> = self.take().into_iter().map(|received| received.bytes).collect();
        let expected: Vec<Vec<u8>> = expected.into_iter().map(Into::into).collect();
        assert!(got == expected, "got {}, expected {}", heads(&got), heads(&expected));
    }

    /// Takes the one datagram that has come by now.
    ///
    /// # Panics
    /// Where it is not `expected`, or not alone.
    #[track_caller]
    pub fn expect(&mut self, expected: impl Into<Vec<u8>>) {
        self.expect_all([expected]);
    }

    /// Sends a datagram, and takes the one that answers it at once.
    ///
    /// # Panics
    /// Where the answer is not `expected`, or not alone.
    #[track_caller]
    pub fn ask(&mut self, bytes: impl Into<Vec<u8>>, expected: impl Into<Vec<u8>>) {
        self.send(bytes);
        self.expect(expected);
    }

    /// Nothing comes for `duration`.
    ///
    /// # Panics
    /// Where something came.
    #[track_caller]
    pub fn silence(&mut self, duration: Duration) {
        self.wait(duration);
        assert_eq!(self.take(), []);
    }

    /// Sends what is not to be answered.
    ///
    /// # Panics
    /// Where it is.
    #[track_caller]
    pub fn ignored(&mut self, bytes: impl Into<Vec<u8>>) {
        self.send(bytes);
        self.silence(Duration::ZERO);
    }

    /// The one datagram that comes next, comes after just `duration`.
    ///
    /// # Panics
    /// Where something comes before, or something else comes then.
    #[track_caller]
    pub fn expect_after(&mut self, duration: Duration, expected: impl Into<Vec<u8>>) {
        self.silence(duration.saturating_sub(Duration::from_nanos(1)));
        self.wait(Duration::from_nanos(1));
        self.expect(expected);
    }
}

/// The beginnings of datagrams, to be printed.
fn heads(datagrams: &[Vec<u8>]) -> String {
    let heads: Vec<&[u8]> = datagrams.iter().map(|bytes| &bytes[..bytes.len().min(24)]).collect();
    format!("{} datagrams {heads:02x?}", datagrams.len())
}
