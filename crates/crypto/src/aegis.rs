//! [`AegisKey`]: seals and opens packets with AEGIS-128L (RFC 10032; docs/PROTOCOL.md, 6.4).
//! The other suites are in `aead`.

use core::fmt;

use aegis::aegis128l::Aegis128L;
use rudp_proto::crypto::{PacketKey, Rejected, Secret};
use rudp_wire::packet::DataHeader;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::schedule;

/// Length of the tag in bytes, with all suites (docs/PROTOCOL.md, 2.8).
const TAG: usize = 16;

/// From so many bytes on, data go from one buffer to the other through the incremental interface: it
/// takes 90 ns to set up and to erase, which is what a copy of 8 KiB takes.
const INCREMENTAL_FROM: usize = 8 << 10;

/// The key of one direction and phase: all that the cipher needs, since it has no key schedule.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct AegisKey {
    key: [u8; 16],
    iv: [u8; 16],
}

impl AegisKey {
    /// The key of the phase that `secret` belongs to (docs/PROTOCOL.md, 6.3).
    pub(crate) fn new(secret: &Secret) -> Self {
        Self { key: *schedule::key(secret), iv: schedule::iv(secret) }
    }

    /// The cipher for packet `number` (docs/PROTOCOL.md, 6.4).
    fn cipher(&self, number: u64) -> Aegis128L<TAG> {
        // The path id, which is 0, would be in the four bytes before the number.
        let nonce = (u128::from_be_bytes(self.iv) ^ u128::from(number)).to_be_bytes();
        Aegis128L::new(&self.key, &nonce)
    }
}

impl PacketKey for AegisKey {
    fn is_small(&self) -> bool {
        true
    }

    fn seal(&self, number: u64, header: &[u8; DataHeader::LEN], frames: &[u8], sealed: &mut [u8]) {
        let (body, tag) = sealed.split_at_mut(frames.len());
        let cipher = self.cipher(number);
        let sum = if frames.len() < INCREMENTAL_FROM {
            body.copy_from_slice(frames);
            cipher.encrypt_in_place(body, header)
        } else {
            let mut encryptor = cipher.encryptor(header);
            encryptor.update(frames, body);
            encryptor.finalize()
        };
        tag.copy_from_slice(&sum);
    }

    fn open(
        &self,
        number: u64,
        header: &[u8; DataHeader::LEN],
        sealed: &[u8],
        frames: &mut [u8],
    ) -> Result<(), Rejected> {
        let (body, tag) = sealed.split_last_chunk::<TAG>().ok_or(Rejected)?;
        let cipher = self.cipher(number);
        if body.len() < INCREMENTAL_FROM {
            frames.copy_from_slice(body);
            return cipher.decrypt_in_place(frames, tag, header).map_err(|_| Rejected);
        }
        let mut decryptor = cipher.decryptor(header, frames);
        decryptor.update(body).map_err(|_| Rejected)?;
        decryptor.finalize(tag).map(drop).map_err(|_| Rejected)
    }
}

impl fmt::Debug for AegisKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AegisKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    // spec: 6.4
    #[test]
    fn aegis_is_that_of_rfc_10032() {
        // RFC 10032, appendix A: AEGIS-128L, test vectors 1, 3 and 5.
        let (key, nonce) = ("10010000000000000000000000000000", "10000200000000000000000000000000");
        let cipher =
            Aegis128L::<TAG>::new(&hex(key).try_into().unwrap(), &hex(nonce).try_into().unwrap());
        for (header, text, sealed, sum) in [
            (
                "",
                "00000000000000000000000000000000",
                "c1c0e58bd913006feba00f4b3cc3594e",
                "abe0ece80c24868a226a35d16bdae37a",
            ),
            (
                "0001020304050607",
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                "79d94593d8c2119d7e8fd9b8fc77845c5c077a05b2528b6ac54b563aed8efe84",
                "cc6f3372f6aa1bb82388d695c3962d9a",
            ),
            (
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\
                 20212223242526272829",
                "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f\
                 3031323334353637",
                "b31052ad1cca4e291abcf2df3502e6bdb1bfd6db36798be3607b1f94d34478aa\
                 7ede7f7a990fec10",
                "7542a745733014f9474417b337399507",
            ),
        ] {
            let mut text = hex(text);
            assert_eq!(cipher.encrypt_in_place(&mut text, &hex(header)), *hex(sum));
            assert_eq!(text, hex(sealed));
        }
    }

    // spec: 6.4
    #[test]
    fn the_number_is_the_end_of_the_nonce() {
        let mut iv = [0x55; 16];
        let key = AegisKey { key: [3; 16], iv };
        let mut sealed = [0; 4 + TAG];
        key.seal(0x00ab_cdef_0123_4567, &[1; 16], &[9; 4], &mut sealed);
        for (byte, other) in iv[8..].iter_mut().zip(0x00ab_cdef_0123_4567_u64.to_be_bytes()) {
            *byte ^= other;
        }
        let mut body = [9; 4];
        let sum = Aegis128L::<TAG>::new(&[3; 16], &iv).encrypt_in_place(&mut body, &[1; 16]);
        assert_eq!((&sealed[..4], &sealed[4..]), (&body[..], &sum[..]));
    }

    #[test]
    fn long_packets_are_as_short_ones() {
        let key = AegisKey { key: [3; 16], iv: [4; 16] };
        for len in [INCREMENTAL_FROM - 1, INCREMENTAL_FROM, INCREMENTAL_FROM + 33] {
            let text: Vec<u8> = (0..=255).cycle().take(len).collect();
            let (mut sealed, mut opened) = (vec![0; len + TAG], vec![0; len]);
            key.seal(7, &[1; 16], &text, &mut sealed);
            let mut body = text.clone();
            let sum = key.cipher(7).encrypt_in_place(&mut body, &[1; 16]);
            assert_eq!(sealed, [&body[..], &sum].concat(), "{len}");
            key.open(7, &[1; 16], &sealed, &mut opened).unwrap();
            assert_eq!(opened, text, "{len}");
            sealed[len / 2] ^= 1;
            assert!(key.open(7, &[1; 16], &sealed, &mut opened).is_err(), "{len}");
        }
    }
}
