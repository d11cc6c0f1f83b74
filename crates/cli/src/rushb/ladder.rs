//! A machine around a machine that shows each packet that passes, as the ladder of a textbook.
//! It changes nothing on the way.

use std::net::SocketAddr;

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use rushb::wire::Packet;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}

/// A client whose packets are shown to `watch`.
pub(crate) struct Ladder<M, W> {
    inner: M,
    server: SocketAddr,
    watch: W,
}

impl<M, W: FnMut(Direction, &[u8])> Ladder<M, W> {
    pub(crate) fn new(inner: M, server: SocketAddr, watch: W) -> Self {
        Self { inner, server, watch }
    }
}

impl<M: Machine, W: FnMut(Direction, &[u8])> Machine for Ladder<M, W> {
    type Event = M::Event;

    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>) {
        // Strangers are no part of the session.
        for datagram in datagrams.iter().filter(|_| datagrams.remote == self.server) {
            (self.watch)(Direction::ToClient, datagram);
        }
        self.inner.handle(now, datagrams);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.inner.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let transmit = self.inner.poll_transmit(now, buffer)?;
        for datagram in buffer[..transmit.len].chunks(transmit.stride.max(1)) {
            (self.watch)(Direction::ToServer, datagram);
        }
        Some(transmit)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.inner.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<M::Event> {
        self.inner.poll_event()
    }
}

/// One line: `C [GET|CHK] 1 "file.txt", sum ok`.
pub(crate) fn line(direction: Direction, datagram: &[u8]) -> String {
    let who = match direction {
        Direction::ToServer => 'C',
        Direction::ToClient => 'S',
    };
    match Packet::parse(datagram) {
        Ok(packet) => format!("{who} {packet}"),
        Err(error) => format!("{who} no packet: {error}"),
    }
}
