//! Files for tests: each byte follows from its offset, so that what arrives can be checked.
//! Their last byte is never zero, which some protocols cannot carry.

/// Which byte values a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// All 256.
    Bytes,
    /// 0 to 248: what RUSHB's ENC can carry.
    Encodable,
}

/// A file of `len` bytes.
///
/// ```
/// use rudp_testkit::oracle::{Alphabet, file};
///
/// let long = file(Alphabet::Bytes, 100);
/// assert_eq!(long[..50], file(Alphabet::Bytes, 200)[..50]);
/// assert_ne!(long.last(), Some(&0));
/// ```
pub fn file(alphabet: Alphabet, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..).flat_map(word).take(len).collect();
    if alphabet == Alphabet::Encodable {
        for byte in &mut bytes {
            *byte %= 249;
        }
    }
    if let Some(last) = bytes.last_mut() {
        *last = (*last).max(1);
    }
    bytes
}

/// Eight bytes that look random (the finaliser of `SplitMix64`).
fn word(number: u64) -> [u8; 8] {
    let word = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (word ^ word >> 31).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_is_never_zero() {
        for len in 1..5_000 {
            assert_ne!(file(Alphabet::Encodable, len).last(), Some(&0), "{len} bytes");
        }
    }

    #[test]
    fn only_bytes_have_bytes_over_248() {
        assert!(file(Alphabet::Bytes, 5_000).contains(&255));
        assert!(file(Alphabet::Encodable, 5_000).iter().all(|byte| *byte < 249));
    }
}
