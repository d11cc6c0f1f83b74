//! The endpoint as a state machine, for programs that have a loop of their own, a simulator, or no
//! sockets at all.
//!
//! An [`Endpoint`] is told the time and given datagrams, and asked what to send and when to be
//! called again; [`Machine`] is the contract. Nothing in it reads a clock, opens a socket, starts a
//! thread or asks the system for randomness. `examples/own_loop.rs` is a server on a plain
//! [`std::net::UdpSocket`].
//!
//! ```no_run
//! use rudp::Key;
//! use rudp::sans_io::{Endpoint, EndpointConfig, Seed, noise};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let crypto = noise(Some(&Key::generate()?), None);
//! let seed = Seed::new(Key::generate()?.to_bytes());
//! let mut endpoint = Endpoint::new(EndpointConfig::default(), crypto, &seed)?;
//! endpoint.listen();
//! # Ok(()) }
//! ```

use std::sync::Arc;

pub use rudp_base::{
    Application, Datagrams, Ecn, Instant, Machine, Seed, SendError, TRANSMIT_BUFFER, Transmit,
    drain,
};
use rudp_crypto::{NoiseCrypto, PlainCrypto};
pub use rudp_proto::config::{ClientKeys, EndpointConfig, Services};
pub use rudp_proto::crypto::{Crypto, PublicKey};
pub use rudp_proto::{
    Code, ConnectError, Direction, Ended, Endpoint, Event, EventKind, Fail, Failure, Handle,
    MESSAGES, MessageFate, Outcome, Read, ReceiptState, Session, State, StrayReset, Target,
};

use crate::key::{Key, Secret};

/// Encryption, for an endpoint with this key and this secret. A server has to have a key.
pub fn noise(key: Option<&Key>, secret: Option<&Secret>) -> Arc<dyn Crypto> {
    Arc::new(NoiseCrypto::new(key.map(Key::to_static), secret.map(Secret::to_preshared)))
}

/// The plain profile: neither encryption nor keys, only a checksum.
pub fn plain() -> Arc<dyn Crypto> {
    Arc::new(PlainCrypto)
}
