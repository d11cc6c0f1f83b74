//! Keys and secrets: [`Key`], [`PublicKey`], [`Secret`], and their text forms.
//! What is computed with them is `rudp-crypto`'s; the files they are in are in `file`.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use rudp_crypto::{PresharedSecret, StaticKey};
use rudp_proto::crypto;
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, Result};
use crate::{file, random, text};

const KEY_PREFIX: &str = "rudp-key:";
const SECRET_PREFIX: &str = "rudp-secret:";

/// The secret key of an endpoint: its identity. Erased from memory when dropped, never printed.
///
/// Its text form, for files and secret stores, is `rudp-key:` and 43 characters of base64url.
///
/// ```
/// use rudp::Key;
///
/// let key = Key::generate()?;
/// assert_eq!(Key::from_text(&key.to_text())?.public_key(), key.public_key());
/// println!("clients pin this: {}", key.public_key());
/// # Ok::<(), rudp::Error>(())
/// ```
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

/// The public key of an endpoint: what others know it by, and pin.
///
/// Its text form is 43 characters of base64url, without anything around it, so that it can be part
/// of addresses and file names.
///
/// ```
/// let key = rudp::Key::generate()?.public_key();
/// let again: rudp::PublicKey = key.to_string().parse()?;
/// assert_eq!(key, again);
/// # Ok::<(), rudp::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// A secret that clients and server share besides their keys: 256 random bits, no password.
///
/// A server that has one does not answer clients without it, and does not tell them its key.
///
/// ```
/// use rudp::Secret;
///
/// let secret = Secret::generate()?;
/// assert!(secret.to_text().starts_with("rudp-secret:"));
/// assert!(Secret::from_text("correct horse battery staple").is_err());
/// # Ok::<(), rudp::Error>(())
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Key {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn generate() -> Result<Self> {
        Ok(Self(random::bytes()?))
    }

    /// The key with these 32 bytes, which nobody else may know.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key's 32 bytes. Whoever has them can pose as this endpoint.
    pub fn to_bytes(&self) -> [u8; 32] {
        *self.0
    }

    /// The key with this text form. White space around it is ignored.
    ///
    /// # Errors
    /// It is none.
    pub fn from_text(text: &str) -> Result<Self> {
        parse(text.trim(), KEY_PREFIX).map(Self)
    }

    /// The key's text form. Whoever has it can pose as this endpoint.
    pub fn to_text(&self) -> String {
        format!("{KEY_PREFIX}{}", text::encode(&self.0))
    }

    /// The public key that belongs to it.
    pub fn public_key(&self) -> PublicKey {
        self.to_static().public_key().into()
    }

    /// The key in a file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// The file cannot be read, or others than its owner can read it, or there is no key in it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = Zeroizing::new(file::read_secret(path)?);
        Self::from_text(&text)
            .map_err(|_| Error::invalid(format!("{} is no file of a key", path.display())))
    }

    /// Writes the key's text form to a file that only its owner may read (mode 600), in one step:
    /// whatever happens, the file is complete or not there. A file that was there is replaced.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::write_secret(path.as_ref(), &self.line(), file::Existing::Replace)
    }

    /// The key in a file, or, if there is no such file, a new one that is then in it. Programs that
    /// do this at the same time get the same key.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`save`](Self::save).
    pub fn load_or_generate(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if !path.exists() {
            file::write_secret(path, &Self::generate()?.line(), file::Existing::Keep)?;
        }
        Self::load(path)
    }

    fn line(&self) -> Zeroizing<String> {
        Zeroizing::new(self.to_text() + "\n")
    }

    pub(crate) fn to_static(&self) -> StaticKey {
        StaticKey::from_bytes(*self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(of {})", self.public_key())
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::from_text(text)
    }
}

impl PublicKey {
    /// The key with these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's 32 bytes.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The key with this text form.
    ///
    /// # Errors
    /// It is none.
    pub fn from_text(text: &str) -> Result<Self> {
        if text.starts_with(KEY_PREFIX) {
            return Err(Error::invalid("this is a secret key, where a public one is wanted"));
        }
        let bytes = text::decode(text).ok_or_else(|| {
            Error::invalid("a public key has 43 characters of base64url, and this is none")
        })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&text::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::from_text(text)
    }
}

impl From<crypto::PublicKey> for PublicKey {
    fn from(key: crypto::PublicKey) -> Self {
        Self(key.0)
    }
}

impl From<PublicKey> for crypto::PublicKey {
    fn from(key: PublicKey) -> Self {
        Self(key.0)
    }
}

impl Secret {
    /// A new secret from the system's randomness.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn generate() -> Result<Self> {
        Ok(Self(random::bytes()?))
    }

    /// The secret with these 32 bytes, which have to be random: a password is no secret.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret with this text form. White space around it is ignored.
    ///
    /// # Errors
    /// It is none.
    pub fn from_text(text: &str) -> Result<Self> {
        parse(text.trim(), SECRET_PREFIX).map(Self)
    }

    /// The secret's text form: `rudp-secret:` and 43 characters of base64url.
    pub fn to_text(&self) -> String {
        format!("{SECRET_PREFIX}{}", text::encode(&self.0))
    }

    pub(crate) fn to_preshared(&self) -> PresharedSecret {
        PresharedSecret::from_bytes(*self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl FromStr for Secret {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::from_text(text)
    }
}

fn parse(text: &str, prefix: &str) -> Result<Zeroizing<[u8; 32]>> {
    let mut bytes = text.strip_prefix(prefix).and_then(text::decode).ok_or_else(|| {
        Error::invalid(format!("this is not {prefix} and 43 characters of base64url"))
    })?;
    let kept = Zeroizing::new(bytes);
    bytes.zeroize();
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_are_told_apart() {
        let bytes = [7; 32];
        let key = Key::from_bytes(bytes).to_text();
        let secret = Secret::from_bytes(bytes).to_text();
        let public = PublicKey::from_bytes(bytes).to_string();
        assert_eq!(Key::from_text(&format!(" {key}\n")).unwrap().to_text(), key);
        assert_eq!(Secret::from_text(&secret).unwrap().to_text(), secret);
        assert_eq!(PublicKey::from_text(&public).unwrap().to_bytes(), bytes);
        for wrong in [&secret, &public] {
            assert!(Key::from_text(wrong).is_err());
        }
        for wrong in [&key, &public] {
            assert!(Secret::from_text(wrong).is_err());
        }
        for wrong in [&key, &secret] {
            assert!(PublicKey::from_text(wrong).is_err());
        }
        let error = PublicKey::from_text(&key).unwrap_err().to_string();
        assert!(error.contains("secret key") && !error.contains(&key), "{error}");
    }

    #[test]
    fn secrets_are_not_printed() {
        let key = Key::from_bytes([9; 32]);
        assert!(!format!("{key:?}").contains(&text::encode(&[9; 32])));
        assert_eq!(format!("{:?}", Secret::from_bytes([9; 32])), "Secret(..)");
    }

    #[test]
    fn generated_keys_differ() {
        assert_ne!(Key::generate().unwrap().to_text(), Key::generate().unwrap().to_text());
    }

    #[test]
    fn a_key_comes_back_from_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.key");
        let key = Key::load_or_generate(&path).unwrap();
        assert_eq!(Key::load_or_generate(&path).unwrap().to_text(), key.to_text());
        let other = Key::generate().unwrap();
        other.save(&path).unwrap();
        assert_eq!(Key::load(&path).unwrap().to_text(), other.to_text());
        std::fs::write(&path, "not a key").unwrap();
        let error = Key::load(&path).unwrap_err().to_string();
        assert!(error.contains("server.key"), "{error}");
    }
}
