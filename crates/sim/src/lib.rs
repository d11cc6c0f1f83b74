//! A deterministic network in virtual time for sans-IO protocol machines.
//!
//! A [`World`] holds nodes (any [`Machine`](rudp_base::Machine) with an
//! [`Application`](rudp_base::Application) on top) and the [`Link`]s between them. It keeps the
//! machines' law and checks that they keep their half. The same seed and the same calls give the
//! same packets at the same nanosecond, on any computer: compare [`World::digest`]. By default it is
//! an ideal [`Runner`]; a rough one does what a driver on a busy computer may do.
//!
//! No OS clock, thread, socket or randomness is used here. A [`Link`] works without a world, too,
//! for whoever has real packets and a real clock, and a [`Transit`] keeps such packets meanwhile.
//!
//! # Example
//!
//! Ping-pong over a link of 10 ms:
//!
//! ```
//! use core::net::SocketAddr;
//! use core::time::Duration;
//! use rudp_base::{Datagrams, Instant, Machine, Transmit};
//! use rudp_sim::{LinkConfig, World};
//!
//! /// Sends back each datagram as often as it is allowed to.
//! struct Player {
//!     balls: u32,
//!     returns: Vec<SocketAddr>,
//! }
//!
//! impl Machine for Player {
//!     type Event = ();
//!
//!     fn handle(&mut self, _: Instant, datagrams: Datagrams<'_>) {
//!         self.returns.push(datagrams.remote);
//!     }
//!
//!     fn handle_timeout(&mut self, _: Instant) {}
//!
//!     fn poll_transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Option<Transmit> {
//!         self.balls = self.balls.checked_sub(1)?;
//!         let Some(remote) = self.returns.pop() else {
//!             self.balls += 1;
//!             return None;
//!         };
//!         buffer[..4].copy_from_slice(b"ball");
//!         Some(Transmit::single(remote, 4))
//!     }
//!
//!     fn poll_timeout(&mut self) -> Option<Instant> {
//!         None
//!     }
//!
//!     fn poll_event(&mut self) -> Option<()> {
//!         None
//!     }
//! }
//!
//! let ignore = |_: Instant, _: &mut Player, ()| {};
//! let mut world = World::new(7);
//! let (a, b) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 1).into());
//! let alice = world.add(a, Player { balls: 5, returns: vec![b] }, ignore);
//! let bob = world.add(b, Player { balls: 5, returns: vec![] }, ignore);
//! world.connect(alice, bob, LinkConfig::delay(Duration::from_millis(10)));
//!
//! assert!(world.run_until_idle(Instant::from_nanos(1_000_000_000)));
//! assert_eq!(world.now() - Instant::ZERO, Duration::from_millis(100));
//! assert_eq!(world.packets_sent(), 10);
//! ```

mod config;
mod dice;
mod events;
mod impair;
mod link;
mod network;
mod node;
mod pcap;
mod poison;
mod profile;
mod relay;
mod runner;
mod script;
mod seed;
mod stats;
mod trace;
mod transit;
mod world;

pub use config::{BurstLoss, Corruption, EcnHandling, IPV4_UDP_OVERHEAD, LinkConfig};
pub use link::{Delivery, Fate, Link};
pub use network::LinkId;
pub use node::{AnyNode, NodeId};
pub use profile::Profile;
pub use relay::Relay;
pub use runner::Runner;
pub use script::{Action, Fault, Script};
pub use seed::{SEED_VARIABLE, SEEDS_VARIABLE, seeds};
pub use stats::{DropCause, LinkStats};
pub use trace::{Record, Tap, Trace, What};
pub use transit::{Arrival, Transit, Way};
pub use world::World;
