//! What test programs write: bytes that follow from who writes them, stream and offset, so that
//! whoever reads them can tell whether they are the right ones.
//! Who writes how much is a plan's business.

use core::ops::Range;

/// Which of the two ends writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The one that connects.
    Client,
    /// The one that is connected to.
    Server,
}

impl End {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The bytes that `end` writes to `stream` from `offset` on.
pub fn fill(end: End, stream: u64, offset: u64, buffer: &mut [u8]) {
    for_each_word(end, stream, offset, buffer.len(), |range, word| {
        buffer[range].copy_from_slice(word);
    });
}

/// Whether `data` are what `end` writes to `stream` at `offset`.
pub fn is_right(end: End, stream: u64, offset: u64, data: &[u8]) -> bool {
    let mut is_right = true;
    for_each_word(end, stream, offset, data.len(), |range, word| {
        is_right &= &data[range] == word;
    });
    is_right
}

/// Goes through `len` bytes from `offset` on in words of eight bytes, the first and last of which
/// may be cut, with their places among the `len` bytes.
fn for_each_word(
    end: End,
    stream: u64,
    offset: u64,
    len: usize,
    mut each: impl FnMut(Range<usize>, &[u8]),
) {
    let mut at = 0;
    while at < len {
        let position = offset + at as u64;
        let word = word(end, stream, position / 8);
        let skipped = usize::try_from(position % 8).expect("below 8");
        let part = &word[skipped..8.min(skipped + len - at)];
        each(at..at + part.len(), part);
        at += part.len();
    }
}

fn word(end: End, stream: u64, index: u64) -> [u8; 8] {
    let seed = (stream << 1 | u64::from(end == End::Server)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
    (word ^ word >> 30).wrapping_mul(0x94d0_49bb_1331_11eb).to_le_bytes()
}

/// A message that `end` sends as its number `number`, of `len` bytes: its number comes first, as far
/// as there is room.
pub fn message(end: End, number: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fill(end, 1 << 40 | number, 0, &mut bytes);
    for (byte, part) in bytes.iter_mut().zip(number.to_be_bytes()) {
        *byte = part;
    }
    bytes
}

/// The number of a message of at least 8 bytes that `end` sent, if it is as it was sent.
pub fn message_number(end: End, bytes: &[u8]) -> Option<u64> {
    let number = u64::from_be_bytes(*bytes.first_chunk()?);
    (message(end, number, bytes.len()) == bytes).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_tell_writer_stream_and_offset() {
        let mut bytes = [0; 64];
        fill(End::Client, 4, 1_000, &mut bytes);
        assert!(is_right(End::Client, 4, 1_000, &bytes));
        assert!(is_right(End::Client, 4, 1_010, &bytes[10..]));
        for (end, stream, offset) in
            [(End::Server, 4, 1_000), (End::Client, 5, 1_000), (End::Client, 4, 1_001)]
        {
            assert!(!is_right(end, stream, offset, &bytes));
        }
        assert_eq!(message_number(End::Server, &message(End::Server, 77, 20)), Some(77));
        assert_eq!(message_number(End::Client, &message(End::Server, 77, 20)), None);
    }
}
