//! Bytes of keys as text: base64url without padding (RFC 4648, section 5), in one form only.
//! What the bytes are is not known here.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The length of 32 bytes as text.
pub(crate) const LEN: usize = 43;

/// 32 bytes as 43 characters.
pub(crate) fn encode(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(LEN);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let digit = (group >> (18 - 6 * place)) & 63;
            text.push(char::from(ALPHABET[digit as usize]));
        }
    }
    text
}

/// The 32 bytes that `text` stands for, or `None` if it is not exactly what [`encode`] makes.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    if text.len() != LEN {
        return None;
    }
    let mut bytes = [0; 32];
    let mut next = bytes.iter_mut();
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == letter)?;
        bits = bits << 6 | u32::try_from(digit).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            *next.next()? = (bits >> count).to_be_bytes()[3];
            bits &= (1 << count) - 1;
        }
    }
    // Two bits are left over. If they were not looked at, a key would have four texts.
    (bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts() {
        assert_eq!(encode(&[0; 32]), "A".repeat(43));
        assert_eq!(encode(&[0xff; 32]), format!("{}8", "_".repeat(42)));
        let counted: [u8; 32] = core::array::from_fn(|index| u8::try_from(index).unwrap());
        assert_eq!(encode(&counted), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for seed in 0..=255u8 {
            let bytes = core::array::from_fn(|index| {
                seed.wrapping_mul(31).wrapping_add(u8::try_from(index).unwrap().wrapping_mul(7))
            });
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }

    #[test]
    fn nothing_else_is() {
        let good = encode(&[7; 32]);
        let short = &good[1..];
        let padded = format!("{good}=");
        let strange = format!("+{short}");
        let left_over = format!("{}B", "A".repeat(42));
        for text in ["", short, &padded, &strange, &left_over] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
