//! SHA-256, and HMAC with it, for cookies (docs/PROTOCOL.md, 5.5.3) and reset tokens (10.1).
//! What goes into them, and how long they are good, is decided elsewhere.

use core::fmt;

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use rudp_proto::crypto::TokenKey;

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&SHA256, bytes).as_ref());
    hash
}

pub(crate) struct HmacKey(Key);

impl HmacKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Key::new(HMAC_SHA256, key))
    }
}

impl TokenKey for HmacKey {
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_and_hash_are_those_of_the_rfcs() {
        // RFC 4231, section 4.2: a key of 20 bytes, which HMAC fills up with zeros.
        let mut key = [0x0b; 32];
        key[20..].fill(0);
        let mac = HmacKey::new(&key).mac(&[b"Hi ", b"There"]);
        assert_eq!(mac[..8], [0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53]);
        assert_eq!(mac[24..], [0x26, 0xe9, 0x37, 0x6c, 0x2e, 0x32, 0xcf, 0xf7]);
        // RFC 6234, section 8.5.
        let hash = sha256(b"abc");
        assert_eq!(hash[..8], [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea]);
        assert_eq!(hash[24..], [0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad]);
    }

    #[test]
    fn parts_are_joined() {
        let key = HmacKey::new(&[0x0b; 32]);
        let whole = key.mac(&[b"rudp reset\x01\x02"]);
        assert_eq!(key.mac(&[b"rudp reset", &[1], &[], &[2]]), whole);
        assert_ne!(key.mac(&[b"rudp reset", &[1], &[3]]), whole);
        assert_ne!(HmacKey::new(&[0x0c; 32]).mac(&[b"rudp reset\x01\x02"]), whole);
        assert_eq!(format!("{key:?}"), "HmacKey(..)");
    }
}
