//! The key schedule (docs/PROTOCOL.md, 6.1 to 6.3): HKDF from the end of a handshake to the keys of
//! packets. When to go on to the next phase is decided elsewhere.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use rudp_proto::crypto::{Secret, Secrets};
use rudp_wire::packet::Suite;
use zeroize::Zeroizing;

/// The end of a handshake (docs/PROTOCOL.md, 6.1).
pub(crate) struct Finished {
    /// The handshake hash.
    pub(crate) h: [u8; 32],
    /// What Noise's `Split()` gives, for the initiator's and the responder's direction.
    pub(crate) split: [Secret; 2],
}

impl Finished {
    /// The first secrets (docs/PROTOCOL.md, 6.2).
    pub(crate) fn secrets(&self, suite: Suite) -> Secrets {
        let [client, server] = &self.split;
        let secret = |key| expand(&self.extract(key), &[b"rudp 1 secret", &[suite.number()]]);
        Secrets { client: Secret(secret(client)), server: Secret(secret(server)) }
    }

    /// The key for message 3 where Noise has none (docs/PROTOCOL.md, 5.3.2 and 6.2).
    pub(crate) fn confirm(&self) -> Secret {
        let [client, _] = &self.split;
        Secret(expand(&self.extract(client), &[b"rudp 1 confirm"]))
    }

    fn extract(&self, key: &Secret) -> Prk {
        Salt::new(HKDF_SHA256, &self.h).extract(&key.0)
    }
}

/// The key of a phase, as long as the suite needs it (docs/PROTOCOL.md, 6.3).
pub(crate) fn key<const LEN: usize>(secret: &Secret) -> Zeroizing<[u8; LEN]> {
    Zeroizing::new(expand(&prk(secret), &[b"rudp 1 key"]))
}

/// What the nonces of a phase begin as, as long as the suite's are (docs/PROTOCOL.md, 6.3).
pub(crate) fn iv<const LEN: usize>(secret: &Secret) -> [u8; LEN] {
    expand(&prk(secret), &[b"rudp 1 iv"])
}

/// The secret of the next phase (docs/PROTOCOL.md, 6.3).
pub(crate) fn next(secret: &Secret) -> Secret {
    Secret(expand(&prk(secret), &[b"rudp 1 next"]))
}

fn prk(secret: &Secret) -> Prk {
    Prk::new_less_safe(HKDF_SHA256, &secret.0)
}

/// HKDF-Expand over the parts of `info`, one behind the other.
fn expand<const LEN: usize>(prk: &Prk, info: &[&[u8]]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    let okm = prk.expand(info, Length(LEN)).and_then(|okm| okm.fill(&mut bytes));
    okm.expect("HKDF gives up to 8,160 bytes");
    bytes
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_is_that_of_rfc_5869() {
        // RFC 5869, appendix A.1.
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let prk = Salt::new(HKDF_SHA256, &salt).extract(&[0x0b; 22]);
        let (first, second) = info.split_at(3);
        assert_eq!(
            expand(&prk, &[first, second]),
            [
                0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36,
                0x2f, 0x2a, 0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56,
                0xec, 0xc4, 0xc5, 0xbf, 0x34, 0x00, 0x72, 0x08, 0xd5, 0xb8, 0x87, 0x18, 0x58, 0x65
            ]
        );
    }
}
