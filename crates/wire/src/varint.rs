//! Integers of variable length (docs/PROTOCOL.md, 1.2): values, lengths, and what fits behind one.
//! Positions in a packet are not kept here.

/// The largest value: 2^62 - 1 (docs/PROTOCOL.md, 1.2).
pub const MAX: u64 = (1 << 62) - 1;
/// The most bytes that one takes (docs/PROTOCOL.md, 1.2).
pub const MAX_LEN: usize = 8;

/// The length of the shortest form of `value` in bytes. Values beyond [`MAX`] have none; for them
/// it is that of [`MAX`].
pub const fn len(value: u64) -> usize {
    match value {
        0..0x40 => 1,
        0x40..0x4000 => 2,
        0x4000..0x4000_0000 => 4,
        _ => MAX_LEN,
    }
}

/// Writes the shortest form of `value`, which is at most [`MAX`], to `bytes` from `at` on, where there
/// have to be [`MAX_LEN`] bytes, and gives the place behind it.
pub(crate) fn put(bytes: &mut [u8], at: usize, value: u64) -> usize {
    let len = len(value);
    let form = match len {
        1 => 0,
        2 => 1 << 62,
        4 => 2 << 62,
        _ => 3 << 62,
    };
    let word = form | (value << (64 - 8 * len));
    if let Some(slot) = bytes.get_mut(at..at + MAX_LEN) {
        slot.copy_from_slice(&word.to_be_bytes());
    }
    at + len
}

/// The length of the shortest form of a number of bytes in memory.
pub(crate) const fn len_of(bytes: usize) -> usize {
    len(bytes as u64)
}

/// The value at the beginning of `bytes`, in any of its forms, and what is behind it.
pub fn decode(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let first = *bytes.first()?;
    match first >> 6 {
        0 => bytes.split_first().map(|(first, rest)| (u64::from(*first), rest)),
        1 => {
            let (head, rest) = bytes.split_first_chunk::<2>()?;
            Some((u64::from(u16::from_be_bytes(*head)) & 0x3fff, rest))
        }
        2 => {
            let (head, rest) = bytes.split_first_chunk::<4>()?;
            Some((u64::from(u32::from_be_bytes(*head)) & 0x3fff_ffff, rest))
        }
        _ => {
            let (head, rest) = bytes.split_first_chunk::<8>()?;
            Some((u64::from_be_bytes(*head) & MAX, rest))
        }
    }
}

/// The largest number of bytes that fits into `room` together with its own length as an integer.
///
/// `None` if not even an empty one does.
pub fn counted_room(room: usize) -> Option<usize> {
    // A length of `n` bytes is for numbers below its limit; between two limits a byte or more of
    // the room is of no use.
    [(1, 0x3f), (2, 0x3fff), (4, 0x3fff_ffff), (MAX_LEN, usize::MAX)]
        .into_iter()
        .filter_map(|(len, limit)| Some(room.checked_sub(len)?.min(limit)))
        .max()
}
