//! [`Toy`]: a double of [`Crypto`] for tests, as strict as the real one and without any security.
//! It is deterministic; lengths and what is bound to what are as in docs/PROTOCOL.md, bytes are not.

use core::sync::atomic::{AtomicUsize, Ordering};

use rudp_base::SecretRng;
use rudp_wire::checksum::crc32c;
use rudp_wire::packet::{DataHeader, Pattern, Profile, Suite, Suites};

use crate::crypto::{
    Awaiting, Confirmed, Confirmer, Crypto, Initiator, PacketKey, PublicKey, Rejected, Responder,
    Secret, Secrets, TokenKey,
};

const TAG: usize = 16;
const KEY: usize = 32;

/// The double: `Toy::sealed().with_key(1)` is a server, or a client with a key.
#[derive(Debug)]
pub(crate) struct Toy {
    profile: Profile,
    key: Option<PublicKey>,
    /// What both sides have to know, for the patterns with a secret.
    secret: Option<[u8; KEY]>,
    suites: Suites,
    derivations: AtomicUsize,
}

impl Toy {
    /// Encryption, with neither key nor secret.
    pub(crate) fn sealed() -> Self {
        Self {
            profile: Profile::Sealed,
            key: None,
            secret: None,
            suites: Suites::of(&[Suite::Aes128Gcm, Suite::ChaCha20Poly1305]),
            derivations: AtomicUsize::new(0),
        }
    }

    /// The plain profile.
    pub(crate) fn plain() -> Self {
        Self { profile: Profile::Plain, suites: Suites(0), ..Self::sealed() }
    }

    /// The same with a key of its own, [`Toy::key`] of `byte`.
    pub(crate) fn with_key(self, byte: u8) -> Self {
        Self { key: Some(Self::key(byte)), ..self }
    }

    /// The same with a secret.
    pub(crate) fn with_secret(self, byte: u8) -> Self {
        Self { secret: Some([byte; KEY]), ..self }
    }

    /// The same with other suites, the ones that come first in [`Suite::ALL`] preferred.
    pub(crate) fn with_suites(self, suites: &[Suite]) -> Self {
        Self { suites: Suites::of(suites), ..self }
    }

    /// The public key that `byte` stands for.
    pub(crate) fn key(byte: u8) -> PublicKey {
        PublicKey([byte; KEY])
    }

    /// How many packet keys and secrets were derived so far.
    pub(crate) fn derivations(&self) -> usize {
        self.derivations.load(Ordering::Relaxed)
    }

    /// What binds the two first messages to version, ids, pattern, suites and secret.
    fn transcript(&self, pattern: Pattern, prologue: &[u8]) -> [u8; KEY] {
        mix(&[b"prologue", &[pattern.number()], prologue, &self.secret.unwrap_or_default()])
    }
}

impl Crypto for Toy {
    fn profile(&self) -> Profile {
        self.profile
    }

    fn public_key(&self) -> Option<PublicKey> {
        self.key
    }

    fn pattern(&self) -> Pattern {
        match (self.profile, self.key, self.secret) {
            (Profile::Plain, _, _) => Pattern::Plain,
            (_, None, None) => Pattern::Nx,
            (_, Some(_), None) => Pattern::Xx,
            (_, None, Some(_)) => Pattern::NxPsk0,
            (_, Some(_), Some(_)) => Pattern::XxPsk0,
        }
    }

    fn accepts(&self, pattern: Pattern) -> bool {
        (pattern == Pattern::Plain) == (self.profile == Profile::Plain)
            && pattern.has_secret() == self.secret.is_some()
    }

    fn suites(&self) -> Suites {
        self.suites
    }

    fn choose(&self, offered: Suites) -> Option<Suite> {
        let both = |suite: &Suite| self.suites.contains(*suite) && offered.contains(*suite);
        Suite::ALL.into_iter().find(both)
    }

    fn initiate(&self, prologue: &[u8], payload: &[u8], rng: &mut SecretRng) -> Box<dyn Initiator> {
        let pattern = self.pattern();
        let mut state = Transcript { pattern, hash: self.transcript(pattern, prologue) };
        let ephemeral = rng.array::<KEY>();
        let message = match pattern {
            Pattern::Plain => payload.to_vec(),
            _ => state.write(&[&ephemeral, payload], pattern.has_secret()),
        };
        Box::new(ToyInitiator { state, key: self.key, message })
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
        let mut state = Transcript { pattern, hash: self.transcript(pattern, prologue) };
        let payload = if pattern == Pattern::Plain {
            message.to_vec()
        } else {
            let body = state.read(message, pattern.has_secret())?;
            body.get(KEY..).ok_or(Rejected)?.to_vec()
        };
        let key = self.key.unwrap_or(PublicKey([0; KEY]));
        Ok(Box::new(ToyResponder { state, key, ephemeral: rng.array(), payload }))
    }

    fn packet_key(&self, suite: Option<Suite>, secret: &Secret) -> Box<dyn PacketKey> {
        self.derivations.fetch_add(1, Ordering::Relaxed);
        match (self.profile, suite) {
            (Profile::Plain, _) => Box::new(Sum),
            (_, suite) => Box::new(Cipher(mix(&[b"key", &[suite_byte(suite)], &secret.0]))),
        }
    }

    fn next_secret(&self, secret: &Secret) -> Secret {
        self.derivations.fetch_add(1, Ordering::Relaxed);
        Secret(mix(&[b"next", &secret.0]))
    }

    fn token_key(&self, key: &[u8; KEY]) -> Box<dyn TokenKey> {
        Box::new(ToyTokenKey(*key))
    }

    fn hash(&self, bytes: &[u8]) -> [u8; KEY] {
        mix(&[b"hash", bytes])
    }
}

/// What both sides have said so far.
#[derive(Clone, Debug)]
struct Transcript {
    pattern: Pattern,
    hash: [u8; KEY],
}

impl Transcript {
    /// A message of `parts`, with a tag unless it has to be readable by anybody.
    fn write(&mut self, parts: &[&[u8]], tagged: bool) -> Vec<u8> {
        let mut message = parts.concat();
        self.hash = mix(&[&self.hash, &message]);
        if tagged {
            message.extend_from_slice(&self.hash[..TAG]);
        }
        message
    }

    /// What [`write`](Self::write) was given. If it fails the transcript is as it was.
    fn read<'a>(&mut self, message: &'a [u8], tagged: bool) -> Result<&'a [u8], Rejected> {
        let len = message.len().checked_sub(if tagged { TAG } else { 0 }).ok_or(Rejected)?;
        let (body, tag) = message.split_at(len);
        let hash = mix(&[&self.hash, body]);
        if tagged && tag != &hash[..TAG] {
            return Err(Rejected);
        }
        self.hash = hash;
        Ok(body)
    }

    fn secrets(&self, suite: Option<Suite>) -> Secrets {
        let secret = |who: &[u8]| Secret(mix(&[&self.hash, &[suite_byte(suite)], who]));
        match self.pattern {
            Pattern::Plain => Secrets { client: Secret([0; KEY]), server: Secret([0; KEY]) },
            _ => Secrets { client: secret(b"client"), server: secret(b"server") },
        }
    }
}

#[derive(Debug)]
struct ToyInitiator {
    state: Transcript,
    key: Option<PublicKey>,
    message: Vec<u8>,
}

impl Initiator for ToyInitiator {
    fn message(&self) -> &[u8] {
        &self.message
    }

    fn read(&self, message: &[u8]) -> Result<Box<dyn Confirmer>, Rejected> {
        let mut state = self.state.clone();
        let (server_key, payload) = if state.pattern == Pattern::Plain {
            (None, message)
        } else {
            let body = state.read(message, true)?.get(KEY..).ok_or(Rejected)?;
            let (key, payload) = body.split_first_chunk().ok_or(Rejected)?;
            (Some(PublicKey(*key)), payload)
        };
        let payload = payload.to_vec();
        Ok(Box::new(ToyConfirmer { state, key: self.key, server_key, payload }))
    }
}

#[derive(Debug)]
struct ToyConfirmer {
    state: Transcript,
    key: Option<PublicKey>,
    server_key: Option<PublicKey>,
    payload: Vec<u8>,
}

impl Confirmer for ToyConfirmer {
    fn server_key(&self) -> Option<PublicKey> {
        self.server_key
    }

    fn payload(&self) -> &[u8] {
        &self.payload
    }

    fn confirm(mut self: Box<Self>, suite: Option<Suite>, payload: &[u8]) -> (Vec<u8>, Secrets) {
        let secrets = self.state.secrets(suite);
        let message = match (self.state.pattern, self.key) {
            (Pattern::Plain, _) => payload.to_vec(),
            (_, Some(key)) => self.state.write(&[&key.0, &[0; TAG], payload], true),
            (_, None) => self.state.write(&[payload], true),
        };
        (message, secrets)
    }
}

#[derive(Debug)]
struct ToyResponder {
    state: Transcript,
    key: PublicKey,
    ephemeral: [u8; KEY],
    payload: Vec<u8>,
}

impl Responder for ToyResponder {
    fn payload(&self) -> &[u8] {
        &self.payload
    }

    fn answer(
        mut self: Box<Self>,
        suite: Option<Suite>,
        payload: &[u8],
    ) -> Result<(Vec<u8>, Box<dyn Awaiting>), Rejected> {
        let message = match self.state.pattern {
            Pattern::Plain => payload.to_vec(),
            _ => self.state.write(&[&self.ephemeral, &self.key.0, payload], true),
        };
        Ok((message, Box::new(ToyAwaiting { state: self.state, suite })))
    }
}

#[derive(Debug)]
struct ToyAwaiting {
    state: Transcript,
    suite: Option<Suite>,
}

impl Awaiting for ToyAwaiting {
    fn read(&mut self, message: &[u8]) -> Result<Confirmed, Rejected> {
        let secrets = self.state.secrets(self.suite);
        let mut state = self.state.clone();
        let (client_key, payload) = match state.pattern {
            Pattern::Plain => (None, message),
            // Nothing follows a refusal (docs/PROTOCOL.md, 5.2.6).
            _ if self.suite.is_none() => return Err(Rejected),
            pattern if pattern.has_client_key() => {
                let body = state.read(message, true)?;
                let (key, rest) = body.split_first_chunk().ok_or(Rejected)?;
                (Some(PublicKey(*key)), rest.get(TAG..).ok_or(Rejected)?)
            }
            _ => (None, state.read(message, true)?),
        };
        Ok(Confirmed { client_key, payload: payload.to_vec(), secrets })
    }
}

/// The key of one direction and phase.
struct Cipher([u8; KEY]);

impl core::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Cipher(..)")
    }
}

impl Cipher {
    /// `from` under the keystream of packet `number`.
    fn apply(&self, number: u64, from: &[u8], to: &mut [u8]) {
        let seed = mix(&[&self.0, &number.to_be_bytes()]);
        let mut word = u64::from_be_bytes(*seed.first_chunk().unwrap());
        for (from, to) in from.chunks(8).zip(to.chunks_mut(8)) {
            word = stir(word);
            for ((to, from), key) in to.iter_mut().zip(from).zip(word.to_be_bytes()) {
                *to = from ^ key;
            }
        }
    }

    fn tag(&self, number: u64, header: &[u8; DataHeader::LEN], sealed: &[u8]) -> [u8; TAG] {
        let tag = mix(&[b"tag", &self.0, &number.to_be_bytes(), header, sealed]);
        *tag.first_chunk().unwrap()
    }
}

impl PacketKey for Cipher {
    fn is_small(&self) -> bool {
        false
    }

    fn seal(&self, number: u64, header: &[u8; DataHeader::LEN], frames: &[u8], sealed: &mut [u8]) {
        assert_eq!(sealed.len(), frames.len() + TAG);
        let (body, tag) = sealed.split_at_mut(frames.len());
        self.apply(number, frames, body);
        tag.copy_from_slice(&self.tag(number, header, body));
    }

    fn open(
        &self,
        number: u64,
        header: &[u8; DataHeader::LEN],
        sealed: &[u8],
        frames: &mut [u8],
    ) -> Result<(), Rejected> {
        let (body, tag) = sealed.split_last_chunk::<TAG>().ok_or(Rejected)?;
        assert_eq!(frames.len(), body.len());
        if *tag != self.tag(number, header, body) {
            return Err(Rejected);
        }
        self.apply(number, body, frames);
        Ok(())
    }
}

/// The sum of the plain profile, which is the real one (docs/PROTOCOL.md, 3.4).
#[derive(Debug)]
struct Sum;

impl PacketKey for Sum {
    fn is_small(&self) -> bool {
        true
    }

    fn seal(&self, _: u64, header: &[u8; DataHeader::LEN], frames: &[u8], sealed: &mut [u8]) {
        let (body, sum) = sealed.split_at_mut(frames.len());
        body.copy_from_slice(frames);
        sum.copy_from_slice(&crc32c(&[header, frames].concat()).to_be_bytes());
    }

    fn open(
        &self,
        _: u64,
        header: &[u8; DataHeader::LEN],
        sealed: &[u8],
        frames: &mut [u8],
    ) -> Result<(), Rejected> {
        let (body, sum) = sealed.split_last_chunk().ok_or(Rejected)?;
        if crc32c(&[header, body].concat()) != u32::from_be_bytes(*sum) {
            return Err(Rejected);
        }
        frames.copy_from_slice(body);
        Ok(())
    }
}

#[derive(Debug)]
struct ToyTokenKey([u8; KEY]);

impl TokenKey for ToyTokenKey {
    fn mac(&self, parts: &[&[u8]]) -> [u8; KEY] {
        mix(&[b"token", &self.0, &parts.concat()])
    }
}

fn suite_byte(suite: Option<Suite>) -> u8 {
    suite.map_or(255, Suite::number)
}

/// A bijection that leaves no pattern (the finalizer of `SplitMix64`).
fn stir(word: u64) -> u64 {
    let mut word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// 32 bytes that depend on every bit of `parts` and on where they are cut. No hash: it is easily
/// made to collide.
fn mix(parts: &[&[u8]]) -> [u8; KEY] {
    let mut state = 0;
    for part in parts {
        state = stir(state ^ part.len() as u64);
        for chunk in part.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            state = stir(state ^ u64::from_le_bytes(word));
        }
    }
    let mut mixed = [0; KEY];
    for (chunk, lane) in mixed.chunks_mut(8).zip(1..) {
        chunk.copy_from_slice(&stir(state ^ lane).to_be_bytes());
    }
    mixed
}

#[cfg(test)]
mod tests {
    use rudp_base::Seed;

    use super::*;

    fn rng() -> SecretRng {
        Seed::from_u64(1).secret_stream("toy")
    }

    /// A whole handshake, and the secrets of both sides.
    fn shake(client: &Toy, server: &Toy) -> Result<(Secrets, Confirmed), Rejected> {
        let suite = server.choose(client.suites());
        let initiator = client.initiate(b"prologue", b"one", &mut rng());
        let responder =
            server.respond(client.pattern(), b"prologue", initiator.message(), &mut rng())?;
        assert_eq!(responder.payload(), b"one");
        let (message, mut awaiting) = responder.answer(suite, b"two").unwrap();
        if client.profile() == Profile::Sealed {
            assert_eq!(initiator.read(b"forged").err(), Some(Rejected));
            assert_eq!(initiator.read(&message[1..]).err(), Some(Rejected));
        }
        let confirmer = initiator.read(&message)?;
        assert_eq!(
            (confirmer.payload(), confirmer.server_key()),
            (&b"two"[..], server.public_key())
        );
        let (message, secrets) = confirmer.confirm(suite, b"three");
        if client.profile() == Profile::Sealed {
            assert_eq!(awaiting.read(&message[..message.len() - 1]).err(), Some(Rejected));
        }
        Ok((secrets, awaiting.read(&message)?))
    }

    #[test]
    fn handshakes_of_all_patterns_agree() {
        let pairs = [
            (Toy::sealed(), Toy::sealed().with_key(9)),
            (Toy::sealed().with_key(8), Toy::sealed().with_key(9)),
            (Toy::sealed().with_secret(7), Toy::sealed().with_key(9).with_secret(7)),
            (Toy::sealed().with_key(8).with_secret(7), Toy::sealed().with_key(9).with_secret(7)),
            (Toy::plain(), Toy::plain()),
        ];
        for (client, server) in pairs {
            let (secrets, confirmed) = shake(&client, &server).unwrap();
            assert_eq!(confirmed.payload, b"three");
            assert_eq!(confirmed.client_key, client.public_key());
            assert_eq!(confirmed.secrets.client.0, secrets.client.0);
            assert_eq!(confirmed.secrets.server.0, secrets.server.0);
            let sealed = client.profile() == Profile::Sealed;
            assert_eq!(secrets.client.0 != secrets.server.0, sealed);
        }
    }

    #[test]
    fn a_handshake_fails_on_another_secret_pattern_or_prologue() {
        let server = Toy::sealed().with_key(9).with_secret(7);
        assert!(shake(&Toy::sealed().with_secret(6), &server).is_err());
        assert!(shake(&Toy::sealed(), &server).is_err());
        let (client, server) = (Toy::sealed(), Toy::sealed().with_key(9));
        let initiator = client.initiate(b"prologue", b"", &mut rng());
        let answer = |prologue: &[u8]| {
            let responder =
                server.respond(Pattern::Nx, prologue, initiator.message(), &mut rng()).unwrap();
            responder.answer(Some(Suite::Aes128Gcm), b"").unwrap().0
        };
        assert!(initiator.read(&answer(b"prologue")).is_ok());
        assert!(initiator.read(&answer(b"prologuf")).is_err());
    }

    #[test]
    fn packets_open_under_their_own_key_number_and_header_only() {
        let (sealed, plain) = (Toy::sealed(), Toy::plain());
        let secret = Secret([3; 32]);
        let key = sealed.packet_key(Some(Suite::Aes128Gcm), &secret);
        let header = [1; DataHeader::LEN];
        let (mut packet, mut frames) = ([0; 5 + TAG], [0; 5]);
        key.seal(7, &header, b"hello", &mut packet);
        assert_ne!(&packet[..5], b"hello");
        assert_eq!(key.open(7, &header, &packet, &mut frames), Ok(()));
        assert_eq!(&frames, b"hello");
        assert!(key.open(8, &header, &packet, &mut frames).is_err());
        assert!(key.open(7, &[2; DataHeader::LEN], &packet, &mut frames).is_err());
        let others = [
            sealed.packet_key(Some(Suite::ChaCha20Poly1305), &secret),
            sealed.packet_key(Some(Suite::Aes128Gcm), &sealed.next_secret(&secret)),
        ];
        for other in others {
            assert!(other.open(7, &header, &packet, &mut frames).is_err());
        }
        for at in 0..packet.len() {
            let mut damaged = packet;
            damaged[at] ^= 1;
            assert!(key.open(7, &header, &damaged, &mut frames).is_err(), "byte {at}");
        }
        assert_eq!(sealed.derivations(), 4);

        let key = plain.packet_key(None, &secret);
        let mut packet = [0; 9];
        key.seal(7, &header, b"hello", &mut packet);
        assert_eq!(&packet[..5], b"hello");
        assert_eq!(key.open(7, &header, &packet, &mut frames), Ok(()));
        packet[8] ^= 1;
        assert!(key.open(7, &header, &packet, &mut frames).is_err());
    }

    #[test]
    fn tokens_depend_on_all_bytes_and_not_on_where_they_are_cut() {
        let key = Toy::sealed().token_key(&[1; 32]);
        assert_eq!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
        assert_ne!(key.mac(&[b"abc"]), key.mac(&[b"abd"]));
        assert_ne!(key.mac(&[b"abc"]), Toy::sealed().token_key(&[2; 32]).mac(&[b"abc"]));
    }
}
