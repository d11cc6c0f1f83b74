//! [`AegisKey`]: seals and opens packets with the family of AEGIS (RFC 10032; docs/PROTOCOL.md, 6.4).
//! The other suites are in `aead`.

use core::fmt;
use core::marker::PhantomData;

use aegis::aegis128l::Aegis128L;
use aegis::aegis128x4::Aegis128X4;
use rudp_proto::crypto::{PacketKey, Rejected, Secret};
use rudp_wire::packet::DataHeader;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::schedule;

/// Length of the tag in bytes, with all suites (docs/PROTOCOL.md, 2.8).
const TAG: usize = 16;

/// From so many bytes on, data go from one buffer to the other through the incremental interface: it
/// takes 90 ns to set up and to erase, which is what a copy of 8 KiB takes.
const INCREMENTAL_FROM: usize = 8 << 10;

/// A cipher of the family. Its types have the same functions, but no trait in common.
trait Cipher {
    /// Encrypts `frames` into `body`, which is as long, and gives the tag. `packet` is its key and nonce.
    fn seal(
        packet: (&[u8; 16], &[u8; 16]),
        header: &[u8],
        frames: &[u8],
        body: &mut [u8],
    ) -> [u8; TAG];

    /// Decrypts a body into `frames`, which is as long, if the tag behind it is right.
    fn open(
        packet: (&[u8; 16], &[u8; 16]),
        header: &[u8],
        sealed: (&[u8], &[u8; TAG]),
        frames: &mut [u8],
    ) -> Result<(), Rejected>;
}

macro_rules! cipher {
    ($cipher:ty) => {
        impl Cipher for $cipher {
            #[inline]
            fn seal(
                (key, nonce): (&[u8; 16], &[u8; 16]),
                header: &[u8],
                frames: &[u8],
                body: &mut [u8],
            ) -> [u8; TAG] {
                let cipher = Self::new(key, nonce);
                if frames.len() < INCREMENTAL_FROM {
                    body.copy_from_slice(frames);
                    return cipher.encrypt_in_place(body, header);
                }
                let mut encryptor = cipher.encryptor(header);
                encryptor.update(frames, body);
                encryptor.finalize()
            }

            #[inline]
            fn open(
                (key, nonce): (&[u8; 16], &[u8; 16]),
                header: &[u8],
                (body, tag): (&[u8], &[u8; TAG]),
                frames: &mut [u8],
            ) -> Result<(), Rejected> {
                let cipher = Self::new(key, nonce);
                if body.len() < INCREMENTAL_FROM {
                    frames.copy_from_slice(body);
                    return cipher.decrypt_in_place(frames, tag, header).map_err(|_| Rejected);
                }
                let mut decryptor = cipher.decryptor(header, frames);
                decryptor.update(body).map_err(|_| Rejected)?;
                decryptor.finalize(tag).map(drop).map_err(|_| Rejected)
            }
        }
    };
}

cipher!(Aegis128L<TAG>);
cipher!(Aegis128X4<TAG>);

/// The key of one direction and phase: all that the ciphers need, since they have no key schedule.
#[derive(Zeroize, ZeroizeOnDrop)]
struct AegisKey<C> {
    key: [u8; 16],
    iv: [u8; 16],
    #[zeroize(skip)]
    cipher: PhantomData<fn() -> C>,
}

/// The key of the phase that `secret` belongs to (docs/PROTOCOL.md, 6.3), for AEGIS-128L.
pub(crate) fn narrow(secret: &Secret) -> Box<dyn PacketKey> {
    Box::new(AegisKey::<Aegis128L<TAG>>::new(secret))
}

/// The same for AEGIS-128X4, which is four of them side by side.
pub(crate) fn wide(secret: &Secret) -> Box<dyn PacketKey> {
    Box::new(AegisKey::<Aegis128X4<TAG>>::new(secret))
}

impl<C> AegisKey<C> {
    fn new(secret: &Secret) -> Self {
        Self { key: *schedule::key(secret), iv: schedule::iv(secret), cipher: PhantomData }
    }

    /// The nonce of packet `number` (docs/PROTOCOL.md, 6.4).
    fn nonce(&self, number: u64) -> [u8; 16] {
        // The path id, which is 0, would be in the four bytes before the number.
        (u128::from_be_bytes(self.iv) ^ u128::from(number)).to_be_bytes()
    }
}

impl<C: Cipher> PacketKey for AegisKey<C> {
    fn is_small(&self) -> bool {
        true
    }

    fn seal(&self, number: u64, header: &[u8; DataHeader::LEN], frames: &[u8], sealed: &mut [u8]) {
        let (body, tag) = sealed.split_at_mut(frames.len());
        let sum = C::seal((&self.key, &self.nonce(number)), header, frames, body);
        tag.copy_from_slice(&sum);
    }

    fn open(
        &self,
        number: u64,
        header: &[u8; DataHeader::LEN],
        sealed: &[u8],
        frames: &mut [u8],
    ) -> Result<(), Rejected> {
        let sealed = sealed.split_last_chunk::<TAG>().ok_or(Rejected)?;
        C::open((&self.key, &self.nonce(number)), header, sealed, frames)
    }
}

impl<C> fmt::Debug for AegisKey<C> {
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
    fn wide_aegis_is_that_of_libaegis() {
        // Vectors 1 and 2 that libaegis has for AEGIS-128X4.
        let from = |first: u8| (first..first + 16).collect::<Vec<_>>().try_into().unwrap();
        let (key, nonce) = (from(0), from(0x10));
        for (header, text, sealed, sum) in [
            ("", vec![], "", "5bef762d0947c00455b97bb3af30dfa3"),
            (
                "0102030401020304",
                [4, 5, 6, 7].repeat(30),
                "e836118562f4479c9d35c17356a833114c21f9aa39e4dda5e5c87f4152a00fce\
                 9a7c38f832eafe8b1c12f8a7cf12a81a1ad8a9c24ba9dedfbdaa586ffea67ddc\
                 801ea97d9ab4a872f42d0e352e2713dacd609f9442c17517c5a29daf3e2a3fac\
                 4ff6b1380c4e46df7b086af6ce6bc1ed594b8dd64aed2a7e",
                "0e56ab94e2e85db80f9d54010caabfb4",
            ),
        ] {
            let mut body = vec![0; text.len()];
            let tag = Aegis128X4::<TAG>::seal((&key, &nonce), &hex(header), &text, &mut body);
            assert_eq!((&body, &tag[..]), (&hex(sealed), &hex(sum)[..]));
        }
    }

    // spec: 6.4
    #[test]
    fn the_number_is_the_end_of_the_nonce() {
        let mut iv = [0x55; 16];
        let key = AegisKey::<Aegis128L<TAG>> { key: [3; 16], iv, cipher: PhantomData };
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
        let header = [1; DataHeader::LEN];
        for len in [INCREMENTAL_FROM - 1, INCREMENTAL_FROM, INCREMENTAL_FROM + 33] {
            let text: Vec<u8> = (0..=255).cycle().take(len).collect();
            let narrow = AegisKey::<Aegis128L<TAG>>::new(&Secret([3; 32]));
            let cipher = Aegis128L::<TAG>::new(&narrow.key, &narrow.nonce(7));
            let (body, tag) = cipher.encrypt(&text, &header);
            check(&narrow, &text, &[&body[..], &tag].concat());
            let wide = AegisKey::<Aegis128X4<TAG>>::new(&Secret([3; 32]));
            let cipher = Aegis128X4::<TAG>::new(&wide.key, &wide.nonce(7));
            let (body, tag) = cipher.encrypt(&text, &header);
            check(&wide, &text, &[&body[..], &tag].concat());
        }
    }

    /// Packet 7 seals and opens as it should, and not when it is damaged.
    fn check(key: &dyn PacketKey, text: &[u8], expected: &[u8]) {
        let header = [1; DataHeader::LEN];
        let (mut sealed, mut opened) = (vec![0; text.len() + TAG], vec![0; text.len()]);
        key.seal(7, &header, text, &mut sealed);
        assert_eq!(sealed, expected, "{}", text.len());
        key.open(7, &header, &sealed, &mut opened).unwrap();
        assert_eq!(opened, text);
        sealed[text.len() / 2] ^= 1;
        assert!(key.open(7, &header, &sealed, &mut opened).is_err(), "{}", text.len());
    }
}
