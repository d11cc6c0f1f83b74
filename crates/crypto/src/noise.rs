//! [`NoiseCrypto`]: version 1's cryptography (docs/PROTOCOL.md, 5 and 6), for an endpoint with or
//! without a key and a secret. The states of its handshakes are in `handshake`.

use core::fmt;
use std::sync::Arc;

use rudp_base::SecretRng;
use rudp_proto::crypto::{
    Crypto, Initiator, PacketKey, PublicKey, Rejected, Responder, Secret, TokenKey,
};
use rudp_wire::packet::{Pattern, Profile, Suite, Suites};

use crate::aead;
use crate::handshake::{NoiseInitiator, NoiseResponder, Recipe};
use crate::identity::{PresharedSecret, StaticKey};
use crate::resolver::Keys;
use crate::schedule;
use crate::suites::Preference;
use crate::token::{self, HmacKey};
use crate::x25519::{Ephemeral, KeyPair};

/// Noise handshakes and AEADs.
pub struct NoiseCrypto {
    own: Option<Arc<KeyPair>>,
    secret: Option<Arc<PresharedSecret>>,
    suites: Preference,
}

impl NoiseCrypto {
    /// For an endpoint with this key and this secret, and with the suites that suit the machine.
    ///
    /// A server has to have a key: without one it accepts no pattern and rejects every message 1. A
    /// client that has one shows it to every server.
    pub fn new(key: Option<StaticKey>, secret: Option<PresharedSecret>) -> Self {
        Self {
            own: key.map(|key| Arc::new(key.pair())),
            secret: secret.map(Arc::new),
            suites: Preference::of_machine(),
        }
    }

    /// With these suites, the best first, whatever the machine can do. ChaCha20-Poly1305 is always
    /// among them, as the last if it is not named (docs/PROTOCOL.md, 5.2.2).
    #[must_use]
    pub fn with_suites(mut self, suites: &[Suite]) -> Self {
        self.suites = Preference::new(suites);
        self
    }

    fn recipe(&self, pattern: Pattern, prologue: &[u8], rng: &mut SecretRng) -> Recipe {
        Recipe {
            pattern,
            prologue: prologue.into(),
            keys: Keys { own: self.own.clone(), ephemeral: Arc::new(Ephemeral::new(rng.array())) },
            secret: self.secret.clone(),
        }
    }
}

impl fmt::Debug for NoiseCrypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoiseCrypto")
            .field("public_key", &self.public_key())
            .field("has_secret", &self.secret.is_some())
            .field("suites", &self.suites)
            .finish_non_exhaustive()
    }
}

impl Crypto for NoiseCrypto {
    fn profile(&self) -> Profile {
        Profile::Sealed
    }

    fn public_key(&self) -> Option<PublicKey> {
        self.own.as_ref().map(|own| PublicKey(*own.public()))
    }

    fn pattern(&self) -> Pattern {
        match (&self.own, &self.secret) {
            (None, None) => Pattern::Nx,
            (Some(_), None) => Pattern::Xx,
            (None, Some(_)) => Pattern::NxPsk0,
            (Some(_), Some(_)) => Pattern::XxPsk0,
        }
    }

    fn accepts(&self, pattern: Pattern) -> bool {
        pattern != Pattern::Plain
            && self.own.is_some()
            && pattern.has_secret() == self.secret.is_some()
    }

    fn suites(&self) -> Suites {
        self.suites.offer()
    }

    fn choose(&self, offered: Suites) -> Option<Suite> {
        self.suites.choose(offered)
    }

    fn initiate(&self, prologue: &[u8], payload: &[u8], rng: &mut SecretRng) -> Box<dyn Initiator> {
        let recipe = self.recipe(self.pattern(), prologue, rng);
        Box::new(NoiseInitiator::new(recipe, payload))
    }

    fn respond(
        &self,
        pattern: Pattern,
        prologue: &[u8],
        message: &[u8],
        rng: &mut SecretRng,
    ) -> Result<Box<dyn Responder>, Rejected> {
        if !self.accepts(pattern) {
            return Err(Rejected);
        }
        let recipe = self.recipe(pattern, prologue, rng);
        Ok(Box::new(NoiseResponder::new(recipe, message)?))
    }

    /// # Panics
    /// `suite` is `None`: that is the plain profile.
    fn packet_key(&self, suite: Option<Suite>, secret: &Secret) -> Box<dyn PacketKey> {
        aead::packet_key(suite.expect("a sealed session has a suite"), secret)
    }

    fn next_secret(&self, secret: &Secret) -> Secret {
        schedule::next(secret)
    }

    fn token_key(&self, key: &[u8; 32]) -> Box<dyn TokenKey> {
        Box::new(HmacKey::new(key))
    }

    fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        token::sha256(bytes)
    }
}
