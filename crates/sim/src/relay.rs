//! [`Relay`]: a pair of links as a machine between a client and a server.
//! In a driver it puts real sockets behind a simulated bad network; it understands no protocol.

use core::convert::Infallible;
use core::net::SocketAddr;

use rudp_base::{Datagrams, Instant, Machine, Seed, Transmit};

use crate::{Link, LinkConfig, Transit, Way};

/// Bytes of packets under way at the same time; more are lost, as in any router.
const MEMORY: usize = 64 << 20;

/// Carries datagrams between one client, whoever sent last, and a server, through a link each way.
#[derive(Debug)]
pub struct Relay {
    server: SocketAddr,
    client: Option<SocketAddr>,
    /// With whom each packet goes to.
    transit: Transit<SocketAddr>,
}

impl Relay {
    /// A relay to `server`, with the link towards it and the link back.
    pub fn new(server: SocketAddr, up: LinkConfig, down: LinkConfig, seed: &Seed) -> Self {
        Self { server, client: None, transit: Transit::new(up, down, MEMORY, seed) }
    }

    /// The link to the server, and the one back.
    pub fn links(&self) -> (&Link, &Link) {
        (self.transit.link(Way::Up), self.transit.link(Way::Down))
    }
}

impl Machine for Relay {
    type Event = Infallible;

    fn handle(&mut self, now: Instant, mut datagrams: Datagrams<'_>) {
        let from_server = datagrams.remote == self.server;
        if !from_server {
            self.client = Some(datagrams.remote);
        }
        let Some(client) = self.client else { return };
        let (way, to) = if from_server { (Way::Down, client) } else { (Way::Up, self.server) };
        let ecn = datagrams.ecn;
        for datagram in datagrams.iter_mut() {
            self.transit.offer(now, way, to, datagram, ecn);
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {
        // What has arrived by now is sent when it is polled for.
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let arrival = self.transit.take(now)?;
        let len = arrival.bytes.len();
        buffer[..len].copy_from_slice(arrival.bytes);
        Some(Transmit { ecn: arrival.ecn, ..Transmit::single(*arrival.note, len) })
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.transit.next_arrival()
    }

    fn poll_event(&mut self) -> Option<Infallible> {
        None
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn carries_both_ways_with_the_links_delay() {
        let [server, client]: [SocketAddr; 2] =
            ["10.0.0.1:1", "10.0.0.2:2"].map(|address| address.parse().unwrap());
        let delay = LinkConfig::delay(Duration::from_millis(10));
        let mut relay = Relay::new(server, delay.clone(), delay, &Seed::from_u64(1));
        let mut buffer = vec![0; 65_535];
        let mut now = Instant::ZERO;
        for (from, to, text) in [(client, server, *b"ping"), (server, client, *b"pong")] {
            relay.handle(now, Datagrams::single(from, &mut text.clone()));
            assert_eq!(relay.poll_transmit(now, &mut buffer), None);
            now += Duration::from_millis(10);
            assert_eq!(relay.poll_timeout(), Some(now));
            assert_eq!(relay.poll_transmit(now, &mut buffer), Some(Transmit::single(to, 4)));
            assert_eq!(buffer[..4], text);
        }
        assert_eq!(relay.poll_timeout(), None);
    }
}
