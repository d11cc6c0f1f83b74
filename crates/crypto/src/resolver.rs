//! The primitives that Noise is made of, for `snow`: X25519, ChaCha20-Poly1305 and SHA-256 of
//! AWS-LC, and keys that are ready made. The order in which they are used is `snow`'s.

use core::mem;
use std::sync::Arc;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use snow::Error;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};

use crate::x25519::{Ephemeral, KeyPair};

/// The key pairs of one side in one handshake.
///
/// `snow` gets handles on them instead of secrets and of a generator: a state that is made again
/// from the same keys is the same, and each pair is computed once.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) own: Option<Arc<KeyPair>>,
    pub(crate) ephemeral: Arc<Ephemeral>,
}

impl CryptoResolver for Keys {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(NoRandomness))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        match choice {
            DHChoice::Curve25519 => Some(Box::new(X25519 { keys: self.clone(), held: Held::None })),
            DHChoice::Curve448 => None,
        }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        match choice {
            HashChoice::SHA256 => Some(Box::new(Sha256(Context::new(&SHA256)))),
            HashChoice::SHA512 | HashChoice::Blake2s | HashChoice::Blake2b => None,
        }
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        match choice {
            CipherChoice::ChaChaPoly => Some(Box::new(ChaChaPoly(None))),
            CipherChoice::AESGCM => None,
        }
    }
}

/// What `snow` draws from: nothing. The only random thing in a handshake is the ephemeral key.
struct NoRandomness;

impl Random for NoRandomness {
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::Rng)
    }
}

/// One of the places for a key pair in a Noise state.
struct X25519 {
    keys: Keys,
    held: Held,
}

enum Held {
    None,
    Own,
    Ephemeral,
}

impl X25519 {
    fn pair(&self) -> Option<&KeyPair> {
        match self.held {
            Held::None => None,
            Held::Own => self.keys.own.as_deref(),
            Held::Ephemeral => Some(self.keys.ephemeral.pair()),
        }
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    /// Asked for the static key only. Its bytes are not needed: the pair is here.
    fn set(&mut self, _: &[u8]) {
        self.held = Held::Own;
    }

    fn generate(&mut self, _: &mut dyn Random) -> Result<(), Error> {
        self.held = Held::Ephemeral;
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        self.pair().map_or(&[], |pair| pair.public())
    }

    /// Asked for by generators of keys only.
    fn privkey(&self) -> &[u8] {
        &[]
    }

    fn dh(&self, peer: &[u8], shared: &mut [u8]) -> Result<(), Error> {
        let pair = self.pair().ok_or(Error::Dh)?;
        let peer = peer.first_chunk().ok_or(Error::Dh)?;
        pair.agree(peer, shared).map_err(|_| Error::Dh)
    }
}

struct Sha256(Context);

impl Hash for Sha256 {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        SHA256.block_len
    }

    fn hash_len(&self) -> usize {
        SHA256_OUTPUT_LEN
    }

    fn reset(&mut self) {
        self.0 = Context::new(&SHA256);
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let digest = mem::replace(&mut self.0, Context::new(&SHA256)).finish();
        for (to, from) in out.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
    }
}

struct ChaChaPoly(Option<LessSafeKey>);

/// The nonce of the Noise specification, section 12.3: 4 zero bytes, then little-endian.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    let (_, behind) = nonce.split_at_mut(4);
    behind.copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has the right length");
        self.0 = Some(LessSafeKey::new(key));
    }

    /// `snow` asks for this only with a key, and with room for the tag.
    fn encrypt(&self, number: u64, associated: &[u8], text: &[u8], out: &mut [u8]) -> usize {
        let key = self.0.as_ref().expect("a key was set");
        let (sealed, rest) = out.split_at_mut(text.len());
        let (tag, _) = rest.split_at_mut(CHACHA20_POLY1305.tag_len());
        key.seal_out_of_place_scatter(nonce(number), Aad::from(associated), text, sealed, &[], tag)
            .expect("messages are far below the limit of the cipher");
        sealed.len() + tag.len()
    }

    fn decrypt(
        &self,
        number: u64,
        associated: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let key = self.0.as_ref().ok_or(Error::Decrypt)?;
        let len = sealed.len().checked_sub(CHACHA20_POLY1305.tag_len()).ok_or(Error::Decrypt)?;
        let (text, tag) = sealed.split_at_checked(len).ok_or(Error::Decrypt)?;
        let out = out.get_mut(..len).ok_or(Error::Decrypt)?;
        key.open_separate_gather(nonce(number), Aad::from(associated), text, tag, out)
            .map_err(|_| Error::Decrypt)?;
        Ok(len)
    }
}
