//! [`Relay`]: a pair of links as a machine between a client and a server.
//! In a driver it puts real sockets behind a simulated bad network; it understands no protocol.

use core::convert::Infallible;
use core::net::SocketAddr;
use std::collections::BTreeMap;

use rudp_base::{Datagrams, Ecn, Instant, Machine, Seed, Transmit};

use crate::{Link, LinkConfig};

/// Packets under way at the same time; more are lost, as in any router.
const MAX_PACKETS: usize = 16_384;

/// Carries datagrams between one client, whoever sent last, and a server, through a link each way.
#[derive(Debug)]
pub struct Relay {
    server: SocketAddr,
    client: Option<SocketAddr>,
    up: Link,
    down: Link,
    /// By time of arrival; the number breaks ties in order of sending.
    under_way: BTreeMap<(Instant, u64), Packet>,
    next: u64,
}

#[derive(Debug)]
struct Packet {
    to: SocketAddr,
    ecn: Option<Ecn>,
    bytes: Vec<u8>,
}

impl Relay {
    /// A relay to `server`, with the link towards it and the link back.
    pub fn new(server: SocketAddr, up: LinkConfig, down: LinkConfig, seed: &Seed) -> Self {
        Self {
            server,
            client: None,
            up: Link::new(up, &seed.fork("up")),
            down: Link::new(down, &seed.fork("down")),
            under_way: BTreeMap::new(),
            next: 0,
        }
    }

    /// The link to the server, and the one back.
    pub fn links(&self) -> (&Link, &Link) {
        (&self.up, &self.down)
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
        let (link, to) =
            if from_server { (&mut self.down, client) } else { (&mut self.up, self.server) };
        let ecn = datagrams.ecn;
        for datagram in datagrams.iter_mut() {
            link.offer(now, datagram, ecn, |delivery| {
                if self.under_way.len() < MAX_PACKETS {
                    let packet = Packet { to, ecn: delivery.ecn, bytes: delivery.bytes.to_vec() };
                    self.under_way.insert((delivery.at, self.next), packet);
                    self.next += 1;
                }
            });
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {
        // What has arrived by now is sent when it is polled for.
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let first = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        let Packet { to, ecn, bytes } = first.remove();
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Some(Transmit { ecn, ..Transmit::single(to, bytes.len()) })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
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

    #[test]
    fn a_flood_is_bounded() {
        let server = "10.0.0.1:1".parse().unwrap();
        let slow = LinkConfig::delay(Duration::from_secs(1));
        let mut relay = Relay::new(server, slow.clone(), slow, &Seed::from_u64(1));
        for _ in 0..MAX_PACKETS + 10 {
            relay.handle(Instant::ZERO, Datagrams::single("10.0.0.2:2".parse().unwrap(), &mut [0]));
        }
        assert_eq!(relay.under_way.len(), MAX_PACKETS);
    }
}
