//! A UDP echo server: the smallest useful machine, run by the driver.
//!
//! `cargo run -p rudp-net --example echo -- [::]:7007`, and then `nc -u localhost 7007`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use rudp_net::{Driver, DriverOptions, Socket, SocketOptions};

/// How many bytes may wait to be sent back. A machine must not grow without bound, and whoever
/// sends over UDP expects loss.
const BACKLOG: usize = 1 << 20;

/// Sends every batch back to where it came from, in one piece.
#[derive(Default)]
struct Echo {
    answers: VecDeque<(Transmit, Box<[u8]>)>,
    waiting: usize,
}

impl Machine for Echo {
    /// There is nothing to tell.
    type Event = Infallible;

    fn handle(&mut self, _now: Instant, datagrams: Datagrams<'_>) {
        let Datagrams { remote, local, ecn: _, stride, data } = datagrams;
        if self.waiting + data.len() > BACKLOG {
            return;
        }
        self.waiting += data.len();
        // `local`: the answer leaves from the address the question was sent to.
        let transmit = Transmit { local, stride, ..Transmit::single(remote, data.len()) };
        self.answers.push_back((transmit, (&*data).into()));
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let (transmit, data) = self.answers.pop_front()?;
        self.waiting -= data.len();
        buffer[..data.len()].copy_from_slice(&data);
        Some(transmit)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    fn poll_event(&mut self) -> Option<Infallible> {
        None
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "[::]:7007".to_owned());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let socket = Socket::bind(address, &SocketOptions::default())?;
    let application = |_: Instant, _: &mut Echo, event: Infallible| match event {};
    let driver = Driver::spawn(Echo::default(), application, socket, DriverOptions::default())?;
    println!("echoing on {}", driver.local_addr());
    driver.join()
}
