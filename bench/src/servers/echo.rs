//! [`Echo`]: the simplest machine there is, which returns each datagram to its sender.
//! What the driver costs shows against the bare echo, what RUSHB costs against this one.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use rudp_base::{Datagrams, Instant, Machine, Transmit};

/// Datagrams that may wait to go back; more are dropped.
const MOST: usize = 65_536;

/// A machine that returns each datagram from the address it was sent to.
#[derive(Default)]
pub(super) struct Echo {
    waiting: VecDeque<Reply>,
    /// Used again, so that the echo does not measure the allocator.
    spare: Vec<Vec<u8>>,
}

struct Reply {
    remote: SocketAddr,
    local: Option<IpAddr>,
    data: Vec<u8>,
}

impl Machine for Echo {
    type Event = ();

    fn handle(&mut self, _now: Instant, datagrams: Datagrams<'_>) {
        for datagram in datagrams.iter() {
            if self.waiting.len() >= MOST {
                return;
            }
            let mut data = self.spare.pop().unwrap_or_default();
            data.clear();
            data.extend_from_slice(datagram);
            let (remote, local) = (datagrams.remote, datagrams.local);
            self.waiting.push_back(Reply { remote, local, data });
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let Reply { remote, local, data } = self.waiting.pop_front()?;
        buffer[..data.len()].copy_from_slice(&data);
        let transmit = Transmit { local, ..Transmit::single(remote, data.len()) };
        self.spare.push(data);
        Some(transmit)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_goes_back_the_way_it_came() {
        let (mut echo, mut buffer) = (Echo::default(), [0; 64]);
        let remote: SocketAddr = "127.1.0.1:9".parse().unwrap();
        let local = Some("127.0.0.1".parse().unwrap());
        let mut data = *b"abc";
        echo.handle(Instant::ZERO, Datagrams { local, ..Datagrams::single(remote, &mut data) });
        let transmit = echo.poll_transmit(Instant::ZERO, &mut buffer).unwrap();
        assert_eq!((transmit.remote, transmit.local, transmit.len), (remote, local, 3));
        assert_eq!(&buffer[..3], b"abc");
        assert_eq!(echo.poll_transmit(Instant::ZERO, &mut buffer), None);
    }
}
