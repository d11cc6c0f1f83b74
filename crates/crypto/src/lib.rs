//! RUDP's cryptography: Noise handshakes, packet keys, cookies and reset tokens, behind the traits of
//! [`rudp_proto::crypto`]. The libraries that do the work are named here and nowhere else.
//!
//! The rules are `docs/PROTOCOL.md`, 5 and 6, whose clauses the code cites. The steps of Noise are
//! `snow`'s; all primitives, those of Noise as well, are AWS-LC's, but for AEGIS, which is
//! libaegis'. Nothing here asks the system for randomness: what is drawn comes from the
//! [`SecretRng`](rudp_base::SecretRng) that is given.
//!
//! | module | what lives there |
//! |---|---|
//! | `identity` | the keys that an endpoint has: [`StaticKey`], [`PresharedSecret`] |
//! | `noise` | [`NoiseCrypto`]: version 1 |
//! | `handshake` | the states behind the three messages |
//! | `resolver`, `x25519` | the primitives that Noise is made of |
//! | `schedule` | from the end of a handshake to the keys of packets |
//! | `aead`, `aegis` | sealing and opening packets |
//! | `token` | HMAC for cookies and reset tokens |
//! | `suites` | which AEADs to offer and to choose |
//! | `plain` | [`PlainCrypto`]: the plain profile |
//!
//! # Example
//! ```
//! use rudp_base::Seed;
//! use rudp_crypto::{NoiseCrypto, StaticKey};
//! use rudp_proto::crypto::Crypto;
//!
//! let mut rng = Seed::from_u64(1).secret_stream("keys");
//! let key = StaticKey::generate(&mut rng);
//! let (client, server) = (NoiseCrypto::new(None, None), NoiseCrypto::new(Some(key), None));
//!
//! let initiator = client.initiate(b"prologue", b"hello", &mut rng);
//! let responder =
//!     server.respond(client.pattern(), b"prologue", initiator.message(), &mut rng).unwrap();
//! assert_eq!(responder.payload(), b"hello");
//!
//! let suite = server.choose(client.suites());
//! let (message, mut awaiting) = responder.answer(suite, b"welcome").unwrap();
//! let confirmer = initiator.read(&message).unwrap();
//! assert_eq!(confirmer.server_key(), server.public_key());
//!
//! let (message, secrets) = confirmer.confirm(suite, b"thanks");
//! let confirmed = awaiting.read(&message).unwrap();
//! assert_eq!(confirmed.payload, b"thanks");
//! assert_eq!(confirmed.secrets.client.0, secrets.client.0);
//! ```
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::panic, clippy::unreachable))]

mod aead;
mod aegis;
mod handshake;
mod identity;
mod noise;
mod plain;
mod resolver;
mod schedule;
mod suites;
mod token;
mod x25519;

pub use identity::{PresharedSecret, StaticKey};
pub use noise::NoiseCrypto;
pub use plain::PlainCrypto;

/// The bytes of test vectors.
#[cfg(test)]
fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}
