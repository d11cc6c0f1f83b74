//! [`File`]: the file that is downloaded, made on the spot, with the checksum of each piece.
//! Sending and receiving it is done elsewhere.

use rushb::checksum;
use rushb::wire::PAYLOAD_LEN;

/// The name that clients ask for.
pub(crate) const NAME: &str = "bench.txt";

/// A text without zero bytes, of which every process that knows the length has the same copy.
pub(crate) struct File {
    bytes: Vec<u8>,
    sums: Vec<u16>,
}

impl File {
    pub(crate) fn new(len: u32) -> Self {
        // Neighbouring pieces differ, for 1464 is no multiple of 89.
        let bytes: Vec<u8> = (b'!'..b'!' + 89).cycle().take(len as usize).collect();
        let sums = if bytes.is_empty() {
            vec![checksum::of(&[])] // One [DAT] of zeros.
        } else {
            bytes.chunks(PAYLOAD_LEN).map(checksum::of).collect()
        };
        Self { bytes, sums }
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The `len` bytes from `offset` on; fewer, where there are not as many.
    pub(crate) fn piece(&self, offset: u64, len: usize) -> &[u8] {
        let start = usize::try_from(offset).map_or(self.bytes.len(), |at| at.min(self.bytes.len()));
        &self.bytes[start..self.bytes.len().min(start + len)]
    }

    /// The checksum of piece `number`, where the file has it.
    pub(crate) fn sum(&self, number: usize) -> Option<u16> {
        self.sums.get(number).copied()
    }

    /// How many \[DAT\]s the file is.
    pub(crate) fn pieces(&self) -> usize {
        self.sums.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_file() {
        for (len, pieces) in [(0, 1), (1, 1), (1_464, 1), (1_465, 2), (102_400, 70)] {
            let file = File::new(len);
            assert_eq!((file.pieces(), file.len()), (pieces, u64::from(len)));
        }
        let file = File::new(3_000);
        assert_eq!(file.piece(2_928, 1_464).len(), 72);
        assert_ne!(file.sum(0), file.sum(1));
        assert_eq!(file.sum(3), None);
    }
}
