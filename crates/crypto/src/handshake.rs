//! The states of Noise handshakes (docs/PROTOCOL.md, 5.1 to 5.3), each behind one message.
//! What the payloads say, and which message comes when, is decided elsewhere.

use core::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rudp_proto::crypto::{
    Awaiting, Confirmed, Confirmer, Initiator, PublicKey, Rejected, Responder, Secret, Secrets,
};
use rudp_wire::packet::{Pattern, Suite};
use snow::{Builder, HandshakeState};

use crate::identity::PresharedSecret;
use crate::resolver::Keys;
use crate::schedule::Finished;

/// What a handshake begins with. The same recipe always gives the same state.
///
/// `snow`'s states cannot be cloned, and one in which a message has failed half-way is of no use
/// any more. So those that have to outlive a failure are made again: the key pairs are in the recipe,
/// and what is computed again are hashes.
pub(crate) struct Recipe {
    pub(crate) pattern: Pattern,
    pub(crate) prologue: Box<[u8]>,
    pub(crate) keys: Keys,
    pub(crate) secret: Option<Arc<PresharedSecret>>,
}

impl Recipe {
    fn initiator(&self) -> HandshakeState {
        let built = self.builder().and_then(Builder::build_initiator);
        built.expect("everything that the pattern needs is here")
    }

    fn responder(&self) -> HandshakeState {
        let built = self.builder().and_then(Builder::build_responder);
        built.expect("everything that the pattern needs is here")
    }

    fn builder(&self) -> Result<Builder<'_>, snow::Error> {
        let name = format!("Noise_{}_25519_ChaChaPoly_SHA256", self.pattern.name());
        let mut builder = Builder::with_resolver(name.parse()?, Box::new(self.keys.clone()))
            .prologue(&self.prologue)?;
        if self.keys.own.is_some() {
            // That there is a key; the key itself is in the resolver.
            builder = builder.local_private_key(&[])?;
        }
        if let Some(secret) = &self.secret {
            builder = builder.psk(0, secret.bytes())?;
        }
        Ok(builder)
    }
}

/// What a message is longer than its payload at the most: an ephemeral key, a static one with a tag,
/// a tag.
const OVERHEAD: usize = 32 + 48 + 16;

/// The next message of `state`.
///
/// # Errors
/// A Diffie-Hellman result is zero (docs/PROTOCOL.md, 5.0.1).
fn write(state: &mut HandshakeState, payload: &[u8]) -> Result<Vec<u8>, Rejected> {
    let mut message = vec![0; payload.len() + OVERHEAD];
    let len = state.write_message(payload, &mut message).map_err(|_| Rejected)?;
    message.truncate(len);
    Ok(message)
}

/// The payload of `message`. If it fails, `state` is of no use any more.
fn read(state: &mut HandshakeState, message: &[u8]) -> Result<Vec<u8>, Rejected> {
    let mut payload = vec![0; message.len()];
    let len = state.read_message(message, &mut payload).map_err(|_| Rejected)?;
    payload.truncate(len);
    Ok(payload)
}

/// The peer's static key, if a message has told it.
fn peer_key(state: &HandshakeState) -> Option<PublicKey> {
    state.get_remote_static().and_then(|key| key.first_chunk()).copied().map(PublicKey)
}

fn finish(state: &mut HandshakeState) -> Finished {
    let (client, server) = state.dangerously_get_raw_split();
    let mut h = [0; 32];
    h.copy_from_slice(state.get_handshake_hash());
    Finished { h, split: [Secret(client), Secret(server)] }
}

/// A client behind message 1.
pub(crate) struct NoiseInitiator {
    recipe: Recipe,
    payload: Box<[u8]>,
    message: Vec<u8>,
}

impl NoiseInitiator {
    pub(crate) fn new(recipe: Recipe, payload: &[u8]) -> Self {
        let message = write(&mut recipe.initiator(), payload)
            .expect("message 1 has no Diffie-Hellman, and fits");
        Self { recipe, payload: payload.into(), message }
    }
}

impl Initiator for NoiseInitiator {
    fn message(&self) -> &[u8] {
        &self.message
    }

    fn read(&self, message: &[u8]) -> Result<Box<dyn Confirmer>, Rejected> {
        let mut state = self.recipe.initiator();
        write(&mut state, &self.payload)?;
        let payload = read(&mut state, message)?;
        let has_key = self.recipe.pattern.has_client_key();
        Ok(Box::new(NoiseConfirmer { state, has_key, payload }))
    }
}

/// A client behind message 2.
struct NoiseConfirmer {
    state: HandshakeState,
    has_key: bool,
    payload: Vec<u8>,
}

impl Confirmer for NoiseConfirmer {
    fn server_key(&self) -> Option<PublicKey> {
        peer_key(&self.state)
    }

    fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// # Panics
    /// `suite` is `None`: that is the plain profile.
    fn confirm(mut self: Box<Self>, suite: Option<Suite>, payload: &[u8]) -> (Vec<u8>, Secrets) {
        let suite = suite.expect("a sealed session has a suite");
        if self.has_key {
            // Its Diffie-Hellman is with the server's ephemeral key, which has not given zero before:
            // so it is no point of small order, and gives zero with no key (RFC 7748, 6.1).
            let message = write(&mut self.state, payload).expect("the server's key is sound");
            (message, finish(&mut self.state).secrets(suite))
        } else {
            let finished = finish(&mut self.state);
            (Confirmation::new(&finished).seal(payload), finished.secrets(suite))
        }
    }
}

/// A server behind message 1.
pub(crate) struct NoiseResponder {
    recipe: Recipe,
    state: HandshakeState,
    message: Box<[u8]>,
    payload: Vec<u8>,
}

impl NoiseResponder {
    pub(crate) fn new(recipe: Recipe, message: &[u8]) -> Result<Self, Rejected> {
        let mut state = recipe.responder();
        let payload = read(&mut state, message)?;
        Ok(Self { recipe, state, message: message.into(), payload })
    }
}

impl Responder for NoiseResponder {
    fn payload(&self) -> &[u8] {
        &self.payload
    }

    fn answer(
        self: Box<Self>,
        suite: Option<Suite>,
        payload: &[u8],
    ) -> Result<(Vec<u8>, Box<dyn Awaiting>), Rejected> {
        let Self { recipe, mut state, message, .. } = *self;
        let answer = write(&mut state, payload)?;
        let awaiting: Box<dyn Awaiting> = match suite {
            None => Box::new(AwaitingNothing),
            Some(suite) if recipe.pattern.has_client_key() => {
                let state = Some(state);
                Box::new(AwaitingKey { recipe, message, payload: payload.into(), suite, state })
            }
            Some(suite) => {
                let finished = finish(&mut state);
                let (confirmation, secrets) =
                    (Confirmation::new(&finished), finished.secrets(suite));
                Box::new(AwaitingConfirmation { confirmation, secrets })
            }
        };
        Ok((answer, awaiting))
    }
}

/// A server behind a refusal (docs/PROTOCOL.md, 5.2.6).
#[derive(Debug)]
struct AwaitingNothing;

impl Awaiting for AwaitingNothing {
    fn read(&mut self, _: &[u8]) -> Result<Confirmed, Rejected> {
        Err(Rejected)
    }
}

/// A server behind message 2 whose client has no key: all that is left is to see that the client has
/// the secrets (docs/PROTOCOL.md, 5.3.2).
#[derive(Debug)]
struct AwaitingConfirmation {
    confirmation: Confirmation,
    secrets: Secrets,
}

impl Awaiting for AwaitingConfirmation {
    fn read(&mut self, message: &[u8]) -> Result<Confirmed, Rejected> {
        let payload = self.confirmation.open(message)?;
        Ok(Confirmed { client_key: None, payload, secrets: self.secrets.clone() })
    }
}

/// A server behind message 2 that learns the client's key from message 3 (docs/PROTOCOL.md, 5.3.1).
struct AwaitingKey {
    recipe: Recipe,
    /// Message 1, and the payload of message 2: with the recipe, what leads to the state.
    message: Box<[u8]>,
    payload: Box<[u8]>,
    suite: Suite,
    /// The state, unless a message was tried in it.
    state: Option<HandshakeState>,
}

impl AwaitingKey {
    fn state_again(&self) -> Result<HandshakeState, Rejected> {
        let mut state = self.recipe.responder();
        read(&mut state, &self.message)?;
        write(&mut state, &self.payload)?;
        Ok(state)
    }
}

impl Awaiting for AwaitingKey {
    fn read(&mut self, message: &[u8]) -> Result<Confirmed, Rejected> {
        let mut state = match self.state.take() {
            Some(state) => state,
            None => self.state_again()?,
        };
        let payload = read(&mut state, message)?;
        let client_key = peer_key(&state);
        Ok(Confirmed { client_key, payload, secrets: finish(&mut state).secrets(self.suite) })
    }
}

/// Seals and opens message 3 of the patterns that end with message 2 (docs/PROTOCOL.md, 5.3.2). The
/// key seals one message, ever (5.3.4): hence the fixed nonce.
struct Confirmation {
    h: [u8; 32],
    key: Secret,
}

impl Confirmation {
    const TAG: usize = 16;

    fn new(finished: &Finished) -> Self {
        Self { h: finished.h, key: finished.confirm() }
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &self.key.0);
        LessSafeKey::new(key.expect("the key has the right length"))
    }

    fn nonce() -> Nonce {
        Nonce::assume_unique_for_key([0; 12])
    }

    fn seal(&self, payload: &[u8]) -> Vec<u8> {
        let mut message = vec![0; payload.len() + Self::TAG];
        let (sealed, tag) = message.split_at_mut(payload.len());
        self.cipher()
            .seal_out_of_place_scatter(Self::nonce(), Aad::from(&self.h), payload, sealed, &[], tag)
            .expect("a payload is far below the limit of the cipher");
        message
    }

    fn open(&self, message: &[u8]) -> Result<Vec<u8>, Rejected> {
        let (sealed, tag) = message.split_last_chunk::<{ Self::TAG }>().ok_or(Rejected)?;
        let mut payload = vec![0; sealed.len()];
        self.cipher()
            .open_separate_gather(Self::nonce(), Aad::from(&self.h), sealed, tag, &mut payload)
            .map_err(|_| Rejected)?;
        Ok(payload)
    }
}

/// Nothing of a state is shown but its name.
macro_rules! opaque {
    ($($name:ident)*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        })*
    };
}

opaque! { Recipe NoiseInitiator NoiseConfirmer NoiseResponder AwaitingKey Confirmation }

#[cfg(test)]
mod tests;
