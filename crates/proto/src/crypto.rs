//! What the protocol asks of cryptography, as traits: handshakes, packet keys, token keys.
//! No algorithm is named here but by its number on the wire; crate `rudp-crypto` has them.

use core::fmt;

use rudp_base::SecretRng;
use rudp_wire::packet::{DataHeader, Pattern, Profile, Suite, Suites};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A public key: the identity of a server or of a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// The secret of one direction in one phase (docs/PROTOCOL.md, 6.2). Erased when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(pub [u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The first secrets of both directions.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Of what the client sends.
    pub client: Secret,
    /// Of what the server sends.
    pub server: Secret,
}

/// Something does not open, or is no message of this handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not open")]
pub struct Rejected;

/// Makes handshakes and keys for one endpoint, whose own key and secret it holds.
pub trait Crypto: Send + Sync + fmt::Debug {
    /// Whether this is encryption or the plain profile.
    fn profile(&self) -> Profile;

    /// The endpoint's own public key, if it has one.
    fn public_key(&self) -> Option<PublicKey>;

    /// The pattern of handshakes that this endpoint begins (docs/PROTOCOL.md, 5).
    fn pattern(&self) -> Pattern;

    /// Whether a server with this endpoint's secret, or without one, takes `pattern`.
    fn accepts(&self, pattern: Pattern) -> bool;

    /// The suites that this endpoint has.
    fn suites(&self) -> Suites;

    /// The suite to use of those offered, or `None` if none is known here.
    fn choose(&self, offered: Suites) -> Option<Suite>;

    /// Begins a handshake as a client, with the pattern of [`pattern`](Self::pattern).
    fn initiate(&self, prologue: &[u8], payload: &[u8], rng: &mut SecretRng) -> Box<dyn Initiator>;

    /// Reads message 1 as a server.
    ///
    /// # Errors
    /// It does not open. With a secret this is found out before any Diffie-Hellman.
    fn respond(
        &self,
        pattern: Pattern,
        prologue: &[u8],
        message: &[u8],
        rng: &mut SecretRng,
    ) -> Result<Box<dyn Responder>, Rejected>;

    /// The key for packets of one direction and phase (docs/PROTOCOL.md, 6.3 and 6.4). `suite` is
    /// `None` in the plain profile.
    fn packet_key(&self, suite: Option<Suite>, secret: &Secret) -> Box<dyn PacketKey>;

    /// The secret of the next phase (docs/PROTOCOL.md, 6.3).
    fn next_secret(&self, secret: &Secret) -> Secret;

    /// A key for cookies or reset tokens: HMAC-SHA256.
    fn token_key(&self, key: &[u8; 32]) -> Box<dyn TokenKey>;

    /// SHA-256 (docs/PROTOCOL.md, 5.5.3).
    fn hash(&self, bytes: &[u8]) -> [u8; 32];
}

/// A client's handshake behind message 1.
pub trait Initiator: Send + fmt::Debug {
    /// Message 1.
    fn message(&self) -> &[u8];

    /// Tries a message 2. Whatever it is, the state here stays as it was (docs/PROTOCOL.md, 5.2.3).
    ///
    /// # Errors
    /// It does not open.
    fn read(&self, message: &[u8]) -> Result<Box<dyn Confirmer>, Rejected>;
}

/// A client's handshake behind message 2.
pub trait Confirmer: Send + fmt::Debug {
    /// The server's key; `None` in the plain profile.
    fn server_key(&self) -> Option<PublicKey>;

    /// The payload of message 2.
    fn payload(&self) -> &[u8];

    /// Makes message 3 and the secrets, once the suite is known from the payload.
    fn confirm(self: Box<Self>, suite: Option<Suite>, payload: &[u8]) -> (Vec<u8>, Secrets);
}

/// A server's handshake behind message 1.
pub trait Responder: Send + fmt::Debug {
    /// The payload of message 1.
    fn payload(&self) -> &[u8];

    /// Makes message 2. `suite` is the one that `payload` says, and `None` for a refusal or in the
    /// plain profile. No message 3 opens after a refusal.
    ///
    /// # Errors
    /// The client's key was made so that nothing secret comes out of it (docs/PROTOCOL.md, 5.0.1).
    fn answer(
        self: Box<Self>,
        suite: Option<Suite>,
        payload: &[u8],
    ) -> Result<(Vec<u8>, Box<dyn Awaiting>), Rejected>;
}

/// A server's handshake behind message 2.
pub trait Awaiting: Send + fmt::Debug {
    /// Tries a message 3. One that does not open leaves the state as it was.
    ///
    /// # Errors
    /// It does not open.
    fn read(&mut self, message: &[u8]) -> Result<Confirmed, Rejected>;
}

/// What a server knows when the handshake is over.
#[derive(Debug)]
pub struct Confirmed {
    /// The client's key, with the patterns that have one.
    pub client_key: Option<PublicKey>,
    /// The payload of message 3.
    pub payload: Vec<u8>,
    /// The first secrets.
    pub secrets: Secrets,
}

/// Seals and opens packets of one direction and phase, out of place: from where the data lie to
/// where they have to be.
pub trait PacketKey: Send + fmt::Debug {
    /// Whether it is no larger than the secret it is made of, so that an idle session keeps it.
    fn is_small(&self) -> bool;

    /// Seals `frames` into `sealed`, which is longer by the trailer of the profile
    /// ([`Profile::data_trailer`]).
    fn seal(&self, number: u64, header: &[u8; DataHeader::LEN], frames: &[u8], sealed: &mut [u8]);

    /// Opens `sealed` into `frames`, which is shorter by the trailer. If it fails, what is in
    /// `frames` is of no meaning.
    ///
    /// # Errors
    /// It does not open.
    fn open(
        &self,
        number: u64,
        header: &[u8; DataHeader::LEN],
        sealed: &[u8],
        frames: &mut [u8],
    ) -> Result<(), Rejected>;
}

/// Makes tokens: cookies (docs/PROTOCOL.md, 5.5.3) and reset tokens (10.1).
pub trait TokenKey: Send + Sync + fmt::Debug {
    /// HMAC-SHA256 over `parts`, one behind the other.
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32];
}

/// Whether two tokens are equal, in a time that does not depend on where they differ.
pub fn equal_tokens(a: &[u8; 16], b: &[u8; 16]) -> bool {
    let difference = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    core::hint::black_box(difference) == 0
}
