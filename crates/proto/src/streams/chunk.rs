//! [`Chunk`]: a piece of memory for consecutive bytes of a stream, and [`Pool`], where a connection's
//! chunks come from and are counted. Which bytes are valid is known to the buffers that hold chunks.

use core::fmt;
use core::ops::Range;

/// Bytes in front of a chunk's first one. There is room for what has to stand before data when a
/// packet is sealed from the chunk, or opened into it.
pub(super) const HEADROOM: usize = 64;
/// What a chunk costs besides its bytes: its headroom and its place in a list.
pub(super) const COST: usize = HEADROOM + 64;

/// How large chunks are, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// The first chunk of a stream that has little data.
    pub(crate) least: usize,
    /// The chunks of a busy stream.
    pub(crate) most: usize,
}

/// Memory for the bytes of a stream from `base` to [`end`](Self::end).
pub(super) struct Chunk {
    base: u64,
    /// How many bytes it may hold: what was allocated, or less once its end was cut off.
    room: usize,
    bytes: Box<[u8]>,
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({}..{})", self.base, self.end())
    }
}

impl Chunk {
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn end(&self) -> u64 {
        self.base + self.room as u64
    }

    /// What the allocation holds.
    pub(super) fn allocated(&self) -> usize {
        self.bytes.len() - HEADROOM
    }

    /// Gives up the room from `end` on.
    pub(super) fn cut(&mut self, end: u64) {
        let room = end.saturating_sub(self.base).min(self.room as u64);
        self.room = usize::try_from(room).unwrap_or(self.room);
    }

    /// Where the bytes of `range` lie in the allocation, if they are all of this chunk.
    fn place(&self, range: &Range<u64>) -> Option<Range<usize>> {
        if range.start < self.base || range.end > self.end() || range.start > range.end {
            return None;
        }
        let start = HEADROOM + usize::try_from(range.start - self.base).ok()?;
        Some(start..start + usize::try_from(range.end - range.start).ok()?)
    }

    pub(super) fn get(&self, range: Range<u64>) -> Option<&[u8]> {
        self.bytes.get(self.place(&range)?)
    }

    pub(super) fn get_mut(&mut self, range: Range<u64>) -> Option<&mut [u8]> {
        let place = self.place(&range)?;
        self.bytes.get_mut(place)
    }

    /// The bytes of `range` and `before` bytes in front of them, whatever those are.
    pub(super) fn with_headroom(&mut self, range: Range<u64>, before: usize) -> Option<&mut [u8]> {
        let place = self.place(&range)?;
        self.bytes.get_mut(place.start.checked_sub(before)?..place.end)
    }
}

/// The chunks of one direction of a connection.
#[derive(Debug)]
pub(super) struct Pool {
    sizes: Sizes,
    /// Allocations that nobody uses, and their bytes with the [`COST`] of each.
    free: Vec<Box<[u8]>>,
    kept: usize,
    /// Bytes of chunks in use, each with its [`COST`].
    used: usize,
}

/// How many unused allocations a pool keeps.
const KEPT: usize = 8;

impl Pool {
    pub(super) fn new(sizes: Sizes) -> Self {
        let least = sizes.least.max(1);
        Self {
            sizes: Sizes { least, most: sizes.most.max(least) },
            free: Vec::new(),
            kept: 0,
            used: 0,
        }
    }

    pub(super) fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Bytes of chunks in use, and what they cost besides.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// The same with those that are kept for later use.
    pub(super) fn allocated(&self) -> usize {
        self.used + self.kept
    }

    /// A chunk for `room` bytes from `base` on. Unused memory is dropped first if everything
    /// together were more than `budget` with it; the caller has seen that the rest fits.
    pub(super) fn take(&mut self, base: u64, room: usize, budget: usize) -> Chunk {
        let bytes = self.reuse(room).unwrap_or_else(|| {
            while self.allocated() + room + COST > budget && self.drop_one() {}
            vec![0; HEADROOM + room].into_boxed_slice()
        });
        self.used += room + COST;
        Chunk { base, room, bytes }
    }

    /// An allocation that nobody uses, of exactly this size: the one used last, which is most likely
    /// in the processor's cache.
    fn reuse(&mut self, room: usize) -> Option<Box<[u8]>> {
        let index = self.free.iter().rposition(|bytes| bytes.len() == HEADROOM + room)?;
        self.kept -= room + COST;
        Some(self.free.remove(index))
    }

    /// Drops the allocation that nobody has used for longest.
    fn drop_one(&mut self) -> bool {
        if self.free.is_empty() {
            return false;
        }
        self.kept -= self.free.remove(0).len() - HEADROOM + COST;
        true
    }

    /// Takes a chunk back.
    pub(super) fn give(&mut self, chunk: Chunk) {
        let size = chunk.allocated() + COST;
        self.used = self.used.saturating_sub(size);
        if self.free.len() == KEPT {
            self.drop_one();
        }
        self.kept += size;
        self.free.push(chunk.bytes);
    }

    /// Drops what nobody uses.
    pub(super) fn release(&mut self) {
        self.free = Vec::new();
        self.kept = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_counts_what_is_used_and_keeps_some_for_later() {
        let mut pool = Pool::new(Sizes { least: 16, most: 64 });
        let (small, large) = (pool.take(0, 16, 1_000), pool.take(16, 64, 1_000));
        assert_eq!(pool.used(), 16 + 64 + 2 * COST);
        pool.give(small);
        pool.give(large);
        assert_eq!((pool.used(), pool.allocated()), (0, 16 + 64 + 2 * COST));
        // Of the same size: what is kept is used, whatever the budget.
        let again = pool.take(7, 64, 0);
        assert_eq!((again.base(), again.end()), (7, 71));
        assert_eq!(pool.allocated(), 16 + 64 + 2 * COST);
        pool.give(again);
        // Another size needs the budget: what is kept goes, the oldest first.
        let other = pool.take(0, 100, 164 + 2 * COST);
        assert_eq!(pool.allocated(), 164 + 2 * COST);
        pool.give(other);
        let chunks: Vec<_> = (0..KEPT as u64 + 3).map(|base| pool.take(base, 20, 10_000)).collect();
        for chunk in chunks {
            pool.give(chunk);
        }
        assert_eq!(pool.allocated(), KEPT * (20 + COST));
        pool.release();
        assert_eq!(pool.allocated(), 0);
    }

    #[test]
    fn a_chunk_gives_only_its_own_bytes() {
        let mut chunk = Pool::new(Sizes { least: 8, most: 8 }).take(100, 8, 1_000);
        assert!(chunk.get(99..101).is_none() && chunk.get(107..109).is_none());
        assert_eq!(chunk.get(100..108).map(<[u8]>::len), Some(8));
        assert_eq!(chunk.with_headroom(100..108, HEADROOM).map(|b| b.len()), Some(8 + HEADROOM));
        assert!(chunk.with_headroom(100..108, HEADROOM + 1).is_none());
        assert!(chunk.with_headroom(103..104, HEADROOM + 3).is_some());
        chunk.cut(105);
        assert_eq!(chunk.end(), 105);
        assert!(chunk.get_mut(100..106).is_none());
    }
}
