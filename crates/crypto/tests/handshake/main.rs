//! Handshakes from outside: what opens and what does not, a second implementation of the document,
//! and the document's test vectors.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod attacks;
mod document;
mod patterns;
mod second;
mod vectors;

use rudp_base::{SecretRng, Seed};
use rudp_crypto::{NoiseCrypto, PlainCrypto, PresharedSecret, StaticKey};
use rudp_proto::crypto::{Awaiting, Confirmer, Crypto, Initiator};
use rudp_wire::packet::Suite;

const PROLOGUE: &[u8] = b"RUDP and what else is in a SYN";
const SUITE: Option<Suite> = Some(Suite::ChaCha20Poly1305);

fn rng(purpose: &str) -> SecretRng {
    Seed::from_u64(1).secret_stream(purpose)
}

fn key(byte: u8) -> StaticKey {
    StaticKey::from_bytes([byte; 32])
}

fn secret(byte: u8) -> PresharedSecret {
    PresharedSecret::from_bytes([byte; 32])
}

/// Client and server for each pattern, in the order of the document, and for the plain profile.
fn pairs() -> Vec<(Box<dyn Crypto>, Box<dyn Crypto>)> {
    let mut pairs: Vec<(Box<dyn Crypto>, Box<dyn Crypto>)> = Vec::new();
    for has_secret in [false, true] {
        for has_key in [false, true] {
            let secret = || has_secret.then(|| secret(9));
            let client = NoiseCrypto::new(has_key.then(|| key(1)), secret());
            pairs.push((Box::new(client), Box::new(NoiseCrypto::new(Some(key(2)), secret()))));
        }
    }
    pairs.push((Box::new(PlainCrypto), Box::new(PlainCrypto)));
    pairs
}

/// A handshake up to message 2.
struct Asked {
    initiator: Box<dyn Initiator>,
    message_2: Vec<u8>,
    awaiting: Box<dyn Awaiting>,
}

fn ask(client: &dyn Crypto, server: &dyn Crypto) -> Asked {
    let initiator = client.initiate(PROLOGUE, b"one", &mut rng("client"));
    let message = initiator.message();
    let responder =
        server.respond(client.pattern(), PROLOGUE, message, &mut rng("server")).unwrap();
    assert_eq!(responder.payload(), b"one");
    let (message_2, awaiting) = responder.answer(SUITE, b"two").unwrap();
    Asked { initiator, message_2, awaiting }
}

fn confirmer(asked: &Asked) -> Box<dyn Confirmer> {
    asked.initiator.read(&asked.message_2).unwrap()
}
