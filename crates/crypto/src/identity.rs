//! The keys that an endpoint is given: its own static key, and the secret that it shares.
//! Where they are stored, and which peers are known, is for others.

use core::fmt;

use rudp_base::SecretRng;
use rudp_proto::crypto::PublicKey;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::x25519::KeyPair;

/// An endpoint's own X25519 key: its identity (docs/PROTOCOL.md, 5). Erased when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StaticKey([u8; 32]);

impl StaticKey {
    /// A fresh key.
    pub fn generate(rng: &mut SecretRng) -> Self {
        Self(rng.array())
    }

    /// The key with this secret: any 32 bytes that nobody can guess.
    pub fn from_bytes(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The secret, to be stored where nobody else reads it.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// What peers know this endpoint by. It is computed anew by each call.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(*self.pair().public())
    }

    pub(crate) fn pair(&self) -> KeyPair {
        KeyPair::new(&self.0)
    }
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticKey(..)")
    }
}

/// A secret that client and server share: 32 random bytes, no password (docs/PROTOCOL.md, 5).
/// Erased when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PresharedSecret([u8; 32]);

impl PresharedSecret {
    /// A fresh secret.
    pub fn generate(rng: &mut SecretRng) -> Self {
        Self(rng.array())
    }

    /// The secret with these bytes, which nobody can guess.
    pub fn from_bytes(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The bytes, to be stored where nobody else reads them.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PresharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresharedSecret(..)")
    }
}
