//! Keys that seal and open packets (docs/PROTOCOL.md, 6.4), from one buffer into another; those of
//! AES-GCM and ChaCha20-Poly1305 are here. Numbers, phases and how long a key is good are kept elsewhere.

use core::fmt;

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use rudp_proto::crypto::{PacketKey, Rejected, Secret};
use rudp_wire::packet::{DataHeader, Suite};

use crate::{aegis, schedule};

/// Length of the tag in bytes, with all suites (docs/PROTOCOL.md, 2.8).
const TAG: usize = 16;

/// The key of the direction and phase that `secret` belongs to (docs/PROTOCOL.md, 6.3).
pub(crate) fn packet_key(suite: Suite, secret: &Secret) -> Box<dyn PacketKey> {
    let key = match suite {
        Suite::Aegis128L => return aegis::narrow(secret),
        Suite::Aegis128X4 => return aegis::wide(secret),
        Suite::Aes128Gcm => AeadKey::new::<16>(&AES_128_GCM, secret),
        Suite::Aes256Gcm => AeadKey::new::<32>(&AES_256_GCM, secret),
        Suite::ChaCha20Poly1305 => AeadKey::new::<32>(&CHACHA20_POLY1305, secret),
    };
    Box::new(key)
}

/// The key of one direction and phase.
struct AeadKey {
    key: LessSafeKey,
    iv: [u8; 12],
}

impl AeadKey {
    fn new<const LEN: usize>(algorithm: &'static Algorithm, secret: &Secret) -> Self {
        Self::raw(algorithm, &*schedule::key::<LEN>(secret), schedule::iv(secret))
    }

    fn raw(algorithm: &'static Algorithm, key: &[u8], iv: [u8; 12]) -> Self {
        let key = UnboundKey::new(algorithm, key).expect("the key has the algorithm's length");
        Self { key: LessSafeKey::new(key), iv }
    }

    /// `iv` XOR (path id as `u32`, packet number as `u64`). The path id is 0 (docs/PROTOCOL.md,
    /// 6.4).
    fn nonce(&self, number: u64) -> Nonce {
        let mut nonce = self.iv;
        let (_, behind_path) = nonce.split_at_mut(4);
        for (byte, other) in behind_path.iter_mut().zip(number.to_be_bytes()) {
            *byte ^= other;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

impl PacketKey for AeadKey {
    /// AWS-LC keeps key schedules and tables.
    fn is_small(&self) -> bool {
        false
    }

    fn seal(&self, number: u64, header: &[u8; DataHeader::LEN], frames: &[u8], sealed: &mut [u8]) {
        let (nonce, header) = (self.nonce(number), Aad::from(header));
        let (body, tag) = sealed.split_at_mut(frames.len());
        self.key
            .seal_out_of_place_scatter(nonce, header, frames, body, &[], tag)
            .expect("the buffer is longer than the frames by the tag");
    }

    fn open(
        &self,
        number: u64,
        header: &[u8; DataHeader::LEN],
        sealed: &[u8],
        frames: &mut [u8],
    ) -> Result<(), Rejected> {
        let (body, tag) = sealed.split_last_chunk::<TAG>().ok_or(Rejected)?;
        self.key
            .open_separate_gather(self.nonce(number), Aad::from(header), body, tag, frames)
            .map_err(|_| Rejected)
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AeadKey({:?})", self.key.algorithm())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    // spec: 6.4
    #[test]
    fn gcm_is_that_of_the_published_vectors() {
        // NIST CAVP, gcmEncryptExtIV128 and 256, 96 bits of IV and 128 of the others, count 0.
        for (algorithm, key, iv, header, text, sealed) in [
            (
                &AES_128_GCM,
                "c939cc13397c1d37de6ae0e1cb7c423c",
                "b3d8cc017cbb89b39e0f67e2",
                "24825602bd12a984e0092d3e448eda5f",
                "c3b3c41f113a31b73d9a5cd432103069",
                "93fe7d9e9bfd10348a5606e5cafa73540032a1dc85f1c9786925a2e71d8272dd",
            ),
            (
                &AES_256_GCM,
                "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
                "ac93a1a6145299bde902f21a",
                "1e0889016f67601c8ebea4943bc23ad6",
                "2d71bcfa914e4ac045b2aa60955fad24",
                "8995ae2e6df3dbf96fac7b7137bae67feca5aa77d51d4a0a14d9c51e1da474ab",
            ),
        ] {
            // The number is in the nonce, so that of the vector comes out.
            let number = 0x00ab_cdef_0123_4567;
            let mut iv: [u8; 12] = hex(iv).try_into().unwrap();
            for (byte, other) in iv[4..].iter_mut().zip(u64::to_be_bytes(number)) {
                *byte ^= other;
            }
            let key = AeadKey::raw(algorithm, &hex(key), iv);
            let header = hex(header).try_into().unwrap();
            let (text, mut buffer) = (hex(text), [0; 32]);
            key.seal(number, &header, &text, &mut buffer);
            assert_eq!(buffer, *hex(sealed));
            let mut opened = [0; 16];
            key.open(number, &header, &buffer, &mut opened).unwrap();
            assert_eq!(opened, *text);
        }
    }

    // spec: 6.4
    #[test]
    fn chacha20_poly1305_is_that_of_rfc_8439() {
        // RFC 8439, section 2.8.2.
        let key: Vec<u8> = (0x80..=0x9f).collect();
        let key = AeadKey::raw(&CHACHA20_POLY1305, &key, [0; 12]);
        let nonce = hex("070000004041424344454647").try_into().unwrap();
        let mut text =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
            for the future, sunscreen would be it."
                .to_vec();
        let associated = hex("50515253c0c1c2c3c4c5c6c7");
        key.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated),
                &mut text,
            )
            .unwrap();
        assert_eq!(text[..8], hex("d31a8d34648e60db"));
        assert_eq!(text[text.len() - 16..], hex("1ae10b594f09e26a7e902ecbd0600691"));
    }

    #[test]
    fn a_key_is_small() {
        assert_eq!(size_of::<AeadKey>(), 40);
    }
}
