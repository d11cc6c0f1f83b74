//! The checksum that CHK asks for (docs/RUSHB.md, 5).
//! Where it stands in a packet is `wire`'s business.

/// The sum over a payload: the 16-bit ones' complement of the ones' complement sum of its bytes,
/// **each pair taken as a little-endian word**. The header stores the result big-endian.
///
/// Zero padding does not change it, so the padded and the unpadded payload have one sum. A payload
/// of odd length counts as followed by one zero byte.
///
/// ```
/// assert_eq!(rushb::checksum::of(b"files/file.txt"), 19008);
/// assert_eq!(rushb::checksum::of(&[b'a'; 1464]), 36237);
/// assert_eq!(rushb::checksum::of(b""), 65535);
/// ```
pub fn of(payload: &[u8]) -> u16 {
    // Two words at a time: their sum has the same remainder modulo 65,535 as the words' own.
    let (pairs, rest) = payload.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    let pairs = pairs.iter().chain([&last]);
    let mut sum: u64 = pairs.map(|pair| u64::from(u32::from_le_bytes(*pair))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_swapped_internet_checksum() {
        let payload: Vec<u8> = (0..=255).cycle().take(1464).collect();
        let mut sum: u32 = 0;
        for word in payload.chunks_exact(2) {
            sum += u32::from(u16::from_be_bytes([word[0], word[1]]));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let rfc_1071 = !u16::try_from(sum).unwrap();
        assert_eq!(of(&payload), rfc_1071.swap_bytes());
    }

    #[test]
    fn padding_does_not_count() {
        let mut padded = b"odd".to_vec();
        let sum = of(&padded);
        padded.resize(1464, 0);
        assert_eq!(of(&padded), sum);
    }
}
