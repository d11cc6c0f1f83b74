//! A second implementation of docs/PROTOCOL.md, 5 and 6: written from the document and the Noise
//! specification (revision 34), as short as it can be, on primitives alone. It panics where it likes.

use aegis::aegis128l::Aegis128L;
use aegis::aegis128x4::Aegis128X4;
use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::{digest, hmac};
use rudp_wire::packet::{Pattern, Suite};

pub(crate) type Bytes32 = [u8; 32];

pub(crate) fn mac(key: &[u8], data: &[u8]) -> Bytes32 {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, data).as_ref().try_into().unwrap()
}

fn sha256(parts: &[&[u8]]) -> Bytes32 {
    digest::digest(&digest::SHA256, &parts.concat()).as_ref().try_into().unwrap()
}

fn private(secret: &Bytes32) -> PrivateKey {
    PrivateKey::from_private_key(&X25519, secret).unwrap()
}

pub(crate) fn public(secret: &Bytes32) -> Bytes32 {
    private(secret).compute_public_key().unwrap().as_ref().try_into().unwrap()
}

fn dh(secret: &Bytes32, public: &Bytes32) -> Bytes32 {
    let public = UnparsedPublicKey::new(&X25519, public);
    agree(&private(secret), public, (), |shared| Ok(shared.try_into().unwrap())).unwrap()
}

fn cipher(algorithm: &'static Algorithm, key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap())
}

fn seal(key: &LessSafeKey, nonce: [u8; 12], associated: &[u8], text: &[u8]) -> Vec<u8> {
    let mut sealed = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(associated), &mut sealed).unwrap();
    sealed
}

fn open(key: &LessSafeKey, nonce: [u8; 12], associated: &[u8], sealed: &[u8]) -> Vec<u8> {
    let mut text = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.open_in_place(nonce, Aad::from(associated), &mut text).unwrap().to_vec()
}

/// Noise, 4.3: HKDF with `N` outputs.
fn hkdf<const N: usize>(ck: &Bytes32, input: &[u8]) -> [Bytes32; N] {
    let temporary = mac(ck, input);
    let mut last = Vec::new();
    core::array::from_fn(|index| {
        last.push(u8::try_from(index).unwrap() + 1);
        let output = mac(&temporary, &last);
        last = output.to_vec();
        output
    })
}

/// One side of a handshake: Noise's `SymmetricState`, `CipherState` and `HandshakeState` in one.
pub(crate) struct Side {
    pattern: Pattern,
    is_client: bool,
    own: Bytes32,
    ephemeral: Bytes32,
    psk: Bytes32,
    pub(crate) peer: Option<Bytes32>,
    peer_ephemeral: Bytes32,
    ck: Bytes32,
    pub(crate) h: Bytes32,
    key: Option<Bytes32>,
    n: u64,
    messages: usize,
}

impl Side {
    pub(crate) fn new(
        (pattern, is_client): (Pattern, bool),
        prologue: &[u8],
        own: Bytes32,
        ephemeral: Bytes32,
        psk: Bytes32,
    ) -> Self {
        let name = format!("Noise_{}_25519_ChaChaPoly_SHA256", pattern.name());
        let name = name.as_bytes();
        let mut h = [0; 32];
        if name.len() <= 32 {
            h[..name.len()].copy_from_slice(name);
        } else {
            h = sha256(&[name]);
        }
        let (peer, key, peer_ephemeral) = (None, None, [0; 32]);
        let ck = h;
        let h = sha256(&[&h, prologue]);
        let (n, messages) = (0, 0);
        Self {
            pattern,
            is_client,
            own,
            ephemeral,
            psk,
            peer,
            peer_ephemeral,
            ck,
            h,
            key,
            n,
            messages,
        }
    }

    fn tokens(&self) -> &'static [&'static str] {
        match self.messages {
            0 if self.pattern.has_secret() => &["psk", "e"],
            0 => &["e"],
            1 => &["e", "ee", "s", "es"],
            _ => &["s", "se"],
        }
    }

    pub(crate) fn write(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        for token in self.tokens() {
            match *token {
                "e" => {
                    let public = public(&self.ephemeral);
                    message.extend(public);
                    self.mix_ephemeral(&public);
                }
                "s" => message.extend(self.encrypt(&public(&self.own))),
                other => self.mix(other),
            }
        }
        message.extend(self.encrypt(payload));
        self.messages += 1;
        message
    }

    pub(crate) fn read(&mut self, mut message: &[u8]) -> Vec<u8> {
        for token in self.tokens() {
            match *token {
                "e" => {
                    let public = message.split_off(..32).unwrap().try_into().unwrap();
                    self.peer_ephemeral = public;
                    self.mix_ephemeral(&public);
                }
                "s" => {
                    let sealed = message.split_off(..48).unwrap();
                    self.peer = Some(self.decrypt(sealed).try_into().unwrap());
                }
                other => self.mix(other),
            }
        }
        self.messages += 1;
        self.decrypt(message)
    }

    fn mix_ephemeral(&mut self, public: &Bytes32) {
        self.h = sha256(&[&self.h, public]);
        if self.pattern.has_secret() {
            self.mix_key(public);
        }
    }

    fn mix(&mut self, token: &str) {
        if token == "psk" {
            let [ck, hash, key] = hkdf(&self.ck, &self.psk);
            self.ck = ck;
            self.h = sha256(&[&self.h, &hash]);
            (self.key, self.n) = (Some(key), 0);
            return;
        }
        // The first letter is the initiator's key, the second one the responder's.
        let (mine, theirs) = match (self.is_client, token) {
            (_, "ee") => (self.ephemeral, self.peer_ephemeral),
            (true, "es") | (false, "se") => (self.ephemeral, self.peer.unwrap()),
            (false, "es") | (true, "se") => (self.own, self.peer_ephemeral),
            _ => unreachable!("{token}"),
        };
        self.mix_key(&dh(&mine, &theirs));
    }

    fn mix_key(&mut self, input: &[u8]) {
        let [ck, key] = hkdf(&self.ck, input);
        self.ck = ck;
        (self.key, self.n) = (Some(key), 0);
    }

    fn nonce(&mut self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.n.to_le_bytes());
        self.n += 1;
        nonce
    }

    fn encrypt(&mut self, text: &[u8]) -> Vec<u8> {
        let sealed = match self.key {
            Some(key) => seal(&cipher(&CHACHA20_POLY1305, &key), self.nonce(), &self.h, text),
            None => text.to_vec(),
        };
        self.h = sha256(&[&self.h, &sealed]);
        sealed
    }

    fn decrypt(&mut self, sealed: &[u8]) -> Vec<u8> {
        let text = match self.key {
            Some(key) => open(&cipher(&CHACHA20_POLY1305, &key), self.nonce(), &self.h, sealed),
            None => sealed.to_vec(),
        };
        self.h = sha256(&[&self.h, sealed]);
        text
    }

    /// `k1` and `k2` (docs/PROTOCOL.md, 6.1).
    pub(crate) fn split(&self) -> [Bytes32; 2] {
        hkdf(&self.ck, &[])
    }

    /// `prk` for both directions (docs/PROTOCOL.md, 6.2).
    pub(crate) fn prks(&self) -> [Bytes32; 2] {
        self.split().map(|key| mac(&self.h, &key))
    }

    /// Message 3 of NX and `NXpsk0` (docs/PROTOCOL.md, 5.3.2).
    pub(crate) fn confirm(&self, payload: &[u8]) -> Vec<u8> {
        seal(&self.confirm_cipher(), [0; 12], &self.h, payload)
    }

    pub(crate) fn open_confirmation(&self, message: &[u8]) -> Vec<u8> {
        open(&self.confirm_cipher(), [0; 12], &self.h, message)
    }

    fn confirm_cipher(&self) -> LessSafeKey {
        let [prk, _] = self.prks();
        cipher(&CHACHA20_POLY1305, &expand(&prk, b"rudp 1 confirm"))
    }

    /// `secret_0` of both directions (docs/PROTOCOL.md, 6.2).
    pub(crate) fn secrets(&self, suite: Suite) -> [Bytes32; 2] {
        let info = [&b"rudp 1 secret"[..], &[suite.number()]].concat();
        self.prks().map(|prk| expand(&prk, &info))
    }
}

/// HKDF-Expand of at most 32 bytes: its first block (RFC 5869, 2.3).
pub(crate) fn expand(prk: &Bytes32, info: &[u8]) -> Bytes32 {
    mac(prk, &[info, &[1]].concat())
}

/// The keys of a phase (docs/PROTOCOL.md, 6.3).
pub(crate) struct Phase {
    suite: Suite,
    pub(crate) key: Vec<u8>,
    pub(crate) iv: Vec<u8>,
    pub(crate) next: Bytes32,
}

impl Phase {
    pub(crate) fn new(suite: Suite, secret: &Bytes32) -> Self {
        let (key, iv) = match suite {
            Suite::Aes128Gcm => (16, 12),
            Suite::ChaCha20Poly1305 | Suite::Aes256Gcm => (32, 12),
            Suite::Aegis128L | Suite::Aegis128X4 => (16, 16),
        };
        let key = expand(secret, b"rudp 1 key")[..key].to_vec();
        let iv = expand(secret, b"rudp 1 iv")[..iv].to_vec();
        let next = expand(secret, b"rudp 1 next");
        Self { suite, key, iv, next }
    }

    pub(crate) fn nonce(&self, number: u64) -> Vec<u8> {
        let path_and_number = [&[0; 4][..], &number.to_be_bytes()].concat();
        let zeros = vec![0; self.iv.len() - path_and_number.len()];
        let right = [zeros, path_and_number].concat();
        self.iv.iter().zip(right).map(|(left, right)| left ^ right).collect()
    }

    /// Frames sealed, and the tag (docs/PROTOCOL.md, 6.4).
    pub(crate) fn seal(&self, number: u64, header: &[u8; 16], frames: &[u8]) -> Vec<u8> {
        let nonce = self.nonce(number);
        let algorithm = match self.suite {
            Suite::Aes128Gcm => &AES_128_GCM,
            Suite::Aes256Gcm => &AES_256_GCM,
            Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            Suite::Aegis128L | Suite::Aegis128X4 => {
                let (key, nonce) = (self.key[..].try_into().unwrap(), nonce.try_into().unwrap());
                let (body, tag) = if self.suite == Suite::Aegis128L {
                    Aegis128L::<16>::new(key, &nonce).encrypt(frames, header)
                } else {
                    Aegis128X4::<16>::new(key, &nonce).encrypt(frames, header)
                };
                return [&body[..], &tag].concat();
            }
        };
        seal(&cipher(algorithm, &self.key), nonce.try_into().unwrap(), header, frames)
    }
}
