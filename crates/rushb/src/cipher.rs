//! The byte substitution that ENC asks for (docs/RUSHB.md, 6): c^11 mod 249, undone by c^15.
//! It is a toy with one fixed key and hides nothing; it is kept for the peers that use it.

/// Bytes of this value and above have no code.
const MODULUS: u8 = 249;

const ENCODE: [u8; 256] = powers(11);
const DECODE: [u8; 256] = powers(15);

#[expect(clippy::cast_possible_truncation, reason = "a remainder modulo 249 fits a byte")]
const fn powers(exponent: u32) -> [u8; 256] {
    let mut table = [0; 256];
    let mut base = 0;
    while base < MODULUS as usize {
        let mut power = 1;
        let mut step = 0;
        while step < exponent {
            power = power * base % MODULUS as usize;
            step += 1;
        }
        table[base] = power as u8;
        base += 1;
    }
    table
}

/// A byte over 248 stands in data that are to be encoded or decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a byte over 248 has no code under ENC")]
pub struct NoCode;

/// Whether every byte has a code.
pub fn is_encodable(data: &[u8]) -> bool {
    // The greatest byte instead of `all`: without the early exit it is vectorised, and most data pass.
    data.iter().copied().max().is_none_or(|most| most < MODULUS)
}

/// Encodes in place.
///
/// # Errors
/// [`NoCode`] where a byte has none; `data` are then unchanged.
///
/// ```
/// let mut name = *b"ab";
/// rushb::cipher::encode(&mut name).unwrap();
/// assert_eq!(name, [0xb5, 0x2f]);
/// rushb::cipher::decode(&mut name).unwrap();
/// assert_eq!(&name, b"ab");
/// ```
pub fn encode(data: &mut [u8]) -> Result<(), NoCode> {
    substitute(data, &ENCODE)
}

/// Decodes in place.
///
/// # Errors
/// [`NoCode`] where a byte is none that encoding gives; `data` are then unchanged.
pub fn decode(data: &mut [u8]) -> Result<(), NoCode> {
    substitute(data, &DECODE)
}

fn substitute(data: &mut [u8], table: &[u8; 256]) -> Result<(), NoCode> {
    if !is_encodable(data) {
        return Err(NoCode);
    }
    for byte in data {
        *byte = table[usize::from(*byte)];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum;

    #[test]
    fn the_documents_vectors() {
        let mut name = *b"files/file.txt";
        encode(&mut name).unwrap();
        let expected =
            [0x69, 0xba, 0x78, 0x8c, 0x85, 0x80, 0x69, 0xba, 0x78, 0x8c, 0xe8, 0x56, 0xb7, 0x56];
        assert_eq!(name, expected);
        assert_eq!(checksum::of(&name), 17430, "with CHK the sum is over the encoded bytes");
    }

    #[test]
    fn every_byte_below_249_comes_back_and_zero_stays() {
        let all: Vec<u8> = (0..MODULUS).collect();
        let mut data = all.clone();
        encode(&mut data).unwrap();
        assert_eq!(data[0], 0, "padding stays padding");
        decode(&mut data).unwrap();
        assert_eq!(data, all);
    }

    #[test]
    fn bytes_over_248_are_refused_and_left_alone() {
        for byte in MODULUS..=255 {
            let mut data = [1, byte];
            assert_eq!(encode(&mut data), Err(NoCode));
            assert_eq!(decode(&mut data), Err(NoCode));
            assert_eq!(data, [1, byte]);
        }
    }
}
