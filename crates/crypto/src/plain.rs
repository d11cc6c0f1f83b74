//! [`PlainCrypto`]: the plain profile (docs/PROTOCOL.md, 3.2 to 3.6), where nothing is secret and a
//! sum stands behind each packet. It is for closed networks and for measuring.

use rudp_base::SecretRng;
use rudp_proto::crypto::{
    Awaiting, Confirmed, Confirmer, Crypto, Initiator, PacketKey, PublicKey, Rejected, Responder,
    Secret, Secrets, TokenKey,
};
use rudp_wire::checksum;
use rudp_wire::packet::{DataHeader, Pattern, Profile, Suite, Suites};

use crate::token::{self, HmacKey};

/// No encryption and no authentication: handshakes that are their payloads.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainCrypto;

impl Crypto for PlainCrypto {
    fn profile(&self) -> Profile {
        Profile::Plain
    }

    fn public_key(&self) -> Option<PublicKey> {
        None
    }

    fn pattern(&self) -> Pattern {
        Pattern::Plain
    }

    fn accepts(&self, pattern: Pattern) -> bool {
        pattern == Pattern::Plain
    }

    fn suites(&self) -> Suites {
        Suites(0)
    }

    fn choose(&self, _: Suites) -> Option<Suite> {
        None
    }

    fn initiate(&self, _: &[u8], payload: &[u8], _: &mut SecretRng) -> Box<dyn Initiator> {
        Box::new(PlainInitiator(payload.to_vec()))
    }

    fn respond(
        &self,
        pattern: Pattern,
        _: &[u8],
        message: &[u8],
        _: &mut SecretRng,
    ) -> Result<Box<dyn Responder>, Rejected> {
        if !self.accepts(pattern) {
            return Err(Rejected);
        }
        Ok(Box::new(PlainResponder(message.to_vec())))
    }

    fn packet_key(&self, _: Option<Suite>, _: &Secret) -> Box<dyn PacketKey> {
        Box::new(Sum)
    }

    fn next_secret(&self, _: &Secret) -> Secret {
        Secret([0; 32])
    }

    fn token_key(&self, key: &[u8; 32]) -> Box<dyn TokenKey> {
        Box::new(HmacKey::new(key))
    }

    fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        token::sha256(bytes)
    }
}

/// Secrets of a session that has none.
fn no_secrets() -> Secrets {
    Secrets { client: Secret([0; 32]), server: Secret([0; 32]) }
}

// A name for each state, though all but the last are a payload: the types tell them apart.

#[derive(Debug)]
struct PlainInitiator(Vec<u8>);

impl Initiator for PlainInitiator {
    fn message(&self) -> &[u8] {
        &self.0
    }

    fn read(&self, message: &[u8]) -> Result<Box<dyn Confirmer>, Rejected> {
        Ok(Box::new(PlainConfirmer(message.to_vec())))
    }
}

#[derive(Debug)]
struct PlainConfirmer(Vec<u8>);

impl Confirmer for PlainConfirmer {
    fn server_key(&self) -> Option<PublicKey> {
        None
    }

    fn payload(&self) -> &[u8] {
        &self.0
    }

    fn confirm(self: Box<Self>, _: Option<Suite>, payload: &[u8]) -> (Vec<u8>, Secrets) {
        (payload.to_vec(), no_secrets())
    }
}

#[derive(Debug)]
struct PlainResponder(Vec<u8>);

impl Responder for PlainResponder {
    fn payload(&self) -> &[u8] {
        &self.0
    }

    fn answer(
        self: Box<Self>,
        _: Option<Suite>,
        payload: &[u8],
    ) -> Result<(Vec<u8>, Box<dyn Awaiting>), Rejected> {
        Ok((payload.to_vec(), Box::new(PlainAwaiting)))
    }
}

#[derive(Debug)]
struct PlainAwaiting;

impl Awaiting for PlainAwaiting {
    fn read(&mut self, message: &[u8]) -> Result<Confirmed, Rejected> {
        Ok(Confirmed { client_key: None, payload: message.to_vec(), secrets: no_secrets() })
    }
}

/// The sum behind each data packet (docs/PROTOCOL.md, 3.4).
#[derive(Debug)]
struct Sum;

impl PacketKey for Sum {
    fn is_small(&self) -> bool {
        true
    }

    fn seal(&self, _: u64, header: &[u8; DataHeader::LEN], frames: &[u8], sealed: &mut [u8]) {
        let (body, sum) =
            sealed.split_last_chunk_mut::<{ checksum::LEN }>().expect("there is room for the sum");
        body.copy_from_slice(frames);
        *sum = checksum::crc32c_of(&[header, body]).to_be_bytes();
    }

    fn open(
        &self,
        _: u64,
        header: &[u8; DataHeader::LEN],
        sealed: &[u8],
        frames: &mut [u8],
    ) -> Result<(), Rejected> {
        let (body, sum) = sealed.split_last_chunk::<{ checksum::LEN }>().ok_or(Rejected)?;
        let sums_up = checksum::crc32c_of(&[header, body]) == u32::from_be_bytes(*sum);
        if !sums_up || body.len() != frames.len() {
            return Err(Rejected);
        }
        frames.copy_from_slice(body);
        Ok(())
    }
}
