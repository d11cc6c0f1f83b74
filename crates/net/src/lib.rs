//! UDP sockets that send and receive in batches, and the driver: one loop that runs any
//! [`Machine`](rudp_base::Machine) on a socket.
//!
//! A machine knows no socket, clock or thread; a [`Driver`] gives it all three. It owns one thread
//! that waits for datagrams and timers, and lets any other thread call the machine in between with
//! [`Driver::with`], whose datagrams leave from the calling thread at once. Nothing here knows a
//! protocol.
//!
//! Several drivers may share a port ([`SocketGroup`], [`Driver::spawn_group`]): each datagram goes to
//! the one that it belongs to, and they have nothing in common but that.
//!
//! ```
//! use rudp_base::{Datagrams, Instant, Machine, Transmit};
//! use rudp_net::{Driver, DriverOptions, Socket, SocketOptions};
//!
//! /// Sends one greeting when told to, and counts what comes back.
//! #[derive(Default)]
//! struct Greeter {
//!     greet: Option<std::net::SocketAddr>,
//!     heard: Vec<usize>,
//! }
//!
//! impl Machine for Greeter {
//!     type Event = usize;
//!     fn handle(&mut self, _: Instant, datagrams: Datagrams<'_>) {
//!         self.heard.extend(datagrams.iter().map(<[u8]>::len));
//!     }
//!     fn handle_timeout(&mut self, _: Instant) {}
//!     fn poll_transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Option<Transmit> {
//!         let remote = self.greet.take()?;
//!         buffer[..5].copy_from_slice(b"hello");
//!         Some(Transmit::single(remote, 5))
//!     }
//!     fn poll_timeout(&mut self) -> Option<Instant> {
//!         None
//!     }
//!     fn poll_event(&mut self) -> Option<usize> {
//!         self.heard.pop()
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let socket = Socket::bind("127.0.0.1:0".parse().unwrap(), &SocketOptions::default())?;
//! let myself = socket.local_addr();
//! let (tell, told) = std::sync::mpsc::channel();
//! let application = move |_: Instant, _: &mut Greeter, len: usize| tell.send(len).unwrap();
//! let driver = Driver::spawn(Greeter::default(), application, socket, DriverOptions::default())?;
//! driver.with(|_now, greeter, _application| greeter.greet = Some(myself));
//! assert_eq!(told.recv(), Ok(5));
//! driver.shutdown();
//! driver.join()
//! # }
//! ```

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this crate is where clocks, threads and sockets come from"
)]

mod address;
mod clock;
#[cfg(target_os = "linux")]
mod control;
mod driver;
mod engine;
mod fault;
mod group;
mod handover;
#[cfg(target_os = "linux")]
mod many;
mod moderation;
mod offload;
mod outbox;
mod posts;
mod receive;
mod seat;
mod shared;
mod socket;
mod split;
mod stats;
#[cfg(target_os = "linux")]
mod sys;
mod thread;
mod visit;
mod wake;
mod wakes;

pub use clock::Clock;
pub use driver::{Driver, DriverOptions, OnEnd, WeakDriver};
pub use group::{SocketGroup, Steering};
pub use receive::{BATCHES, ReceiveBuffers};
pub use socket::{Socket, SocketOptions};
pub use stats::{SendErrors, Stats};
pub use visit::Visit;
