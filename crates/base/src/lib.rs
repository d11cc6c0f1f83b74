//! What every protocol of rudp, the simulator and the driver have in common: time as a number,
//! batches of datagrams, seeded randomness, and the [`Machine`] contract.
//!
//! A thing belongs here only if protocols, simulator and driver all need it. Nothing here reads a
//! clock, opens a socket or asks the system for randomness.

mod datagram;
mod error;
mod machine;
mod rng;
mod time;

pub use datagram::{Datagrams, Ecn, Transmit};
pub use error::SendError;
pub use machine::{Application, Machine, TRANSMIT_BUFFER, drain};
pub use rng::{PublicRng, SecretRng, Seed};
pub use time::Instant;
