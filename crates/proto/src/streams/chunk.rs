//! [`Chunk`]: a piece of memory for consecutive bytes of a stream, and [`Pool`], where a connection's
//! chunks are counted. Which bytes are valid is known to the buffers that hold chunks.

use core::fmt;
use core::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::shelf::Shelf;

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
    memory: Memory,
}

enum Memory {
    /// With headroom in front.
    Own(Box<[u8]>),
    /// The program's, who gave it away: it is only read.
    Given(Bytes),
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({}..{})", self.base, self.end())
    }
}

impl Chunk {
    /// The bytes from `base` on, in memory that is the program's.
    pub(super) fn given(base: u64, bytes: Bytes) -> Self {
        Self { base, room: bytes.len(), memory: Memory::Given(bytes) }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn end(&self) -> u64 {
        self.base + self.room as u64
    }

    /// What the allocation holds.
    pub(super) fn allocated(&self) -> usize {
        match &self.memory {
            Memory::Own(bytes) => bytes.len() - HEADROOM,
            Memory::Given(bytes) => bytes.len(),
        }
    }

    /// Gives up the room from `end` on.
    pub(super) fn cut(&mut self, end: u64) {
        let room = end.saturating_sub(self.base).min(self.room as u64);
        self.room = usize::try_from(room).unwrap_or(self.room);
    }

    /// Where the bytes of `range` lie behind the headroom, if they are all of this chunk.
    fn place(&self, range: &Range<u64>) -> Option<Range<usize>> {
        if range.start < self.base || range.end > self.end() || range.start > range.end {
            return None;
        }
        let start = usize::try_from(range.start - self.base).ok()?;
        Some(start..start + usize::try_from(range.end - range.start).ok()?)
    }

    pub(super) fn get(&self, range: Range<u64>) -> Option<&[u8]> {
        let place = self.place(&range)?;
        match &self.memory {
            Memory::Own(bytes) => bytes.get(HEADROOM..)?.get(place),
            Memory::Given(bytes) => bytes.get(place),
        }
    }

    /// The same to be written to; `None` also if the memory is not the chunk's own.
    pub(super) fn get_mut(&mut self, range: Range<u64>) -> Option<&mut [u8]> {
        self.with_headroom(range, 0)
    }

    /// The bytes of `range` and `before` bytes in front of them, whatever those are; `None` also if
    /// the memory is not the chunk's own.
    pub(super) fn with_headroom(&mut self, range: Range<u64>, before: usize) -> Option<&mut [u8]> {
        let place = self.place(&range)?;
        let Memory::Own(bytes) = &mut self.memory else { return None };
        bytes.get_mut((HEADROOM + place.start).checked_sub(before)?..HEADROOM + place.end)
    }

    /// Whether there is memory in front of the bytes that may be written to.
    pub(super) fn has_headroom(&self) -> bool {
        matches!(self.memory, Memory::Own(_))
    }
}

/// Memory of a chunk in the program's hands.
struct Lent {
    bytes: Box<[u8]>,
    shelf: Arc<Shelf>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.shelf.put(core::mem::take(&mut self.bytes));
    }
}

/// The chunks of one direction of a connection.
#[derive(Debug)]
pub(super) struct Pool {
    sizes: Sizes,
    shelf: Arc<Shelf>,
    /// Bytes of chunks in use, each with its [`COST`].
    used: usize,
}

impl Pool {
    pub(super) fn new(sizes: Sizes, shelf: Arc<Shelf>) -> Self {
        let least = sizes.least.max(1);
        Self { sizes: Sizes { least, most: sizes.most.max(least) }, shelf, used: 0 }
    }

    pub(super) fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Bytes of chunks in use, and what they cost besides.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// A chunk for `room` bytes from `base` on; the caller has seen that they may be used.
    pub(super) fn take(&mut self, base: u64, room: usize) -> Chunk {
        let bytes = self.shelf.take(HEADROOM + room);
        let bytes = bytes.unwrap_or_else(|| vec![0; HEADROOM + room].into_boxed_slice());
        self.used += room + COST;
        Chunk { base, room, memory: Memory::Own(bytes) }
    }

    /// Counts a chunk of the program's memory.
    pub(super) fn adopt(&mut self, chunk: &Chunk) {
        self.used += chunk.allocated() + COST;
    }

    /// Gives the bytes of `range` to the program, without a copy, with all of their chunk's memory,
    /// which comes back when the program is done with it. `None` if they are not all of the chunk.
    pub(super) fn lend(&mut self, chunk: Chunk, range: &Range<u64>) -> Option<Bytes> {
        let place = chunk.place(range)?;
        self.used = self.used.saturating_sub(chunk.allocated() + COST);
        Some(match chunk.memory {
            Memory::Given(bytes) => bytes.slice(place),
            Memory::Own(bytes) => {
                let lent = Bytes::from_owner(Lent { bytes, shelf: Arc::clone(&self.shelf) });
                lent.slice(HEADROOM + place.start..HEADROOM + place.end)
            }
        })
    }

    /// Takes a chunk back.
    pub(super) fn give(&mut self, chunk: Chunk) {
        self.used = self.used.saturating_sub(chunk.allocated() + COST);
        if let Memory::Own(bytes) = chunk.memory {
            self.shelf.put(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(least: usize, most: usize) -> Pool {
        Pool::new(Sizes { least, most }, Arc::default())
    }

    #[test]
    fn a_pool_counts_what_is_used() {
        let mut pool = pool(16, 64);
        let (small, large) = (pool.take(0, 16), pool.take(16, 64));
        assert_eq!(pool.used(), 16 + 64 + 2 * COST);
        pool.give(small);
        pool.give(large);
        assert_eq!(pool.used(), 0);
        let again = pool.take(7, 64);
        assert_eq!((again.base(), again.end(), pool.used()), (7, 71, 64 + COST));
    }

    #[test]
    fn what_is_lent_is_the_programs_until_it_is_done() {
        let shelf = Arc::<Shelf>::default();
        let sizes = Sizes { least: 16, most: 64 };
        let [mut pool, mut others] = [0; 2].map(|_| Pool::new(sizes, Arc::clone(&shelf)));
        let mut chunk = pool.take(100, 16);
        chunk.get_mut(100..116).unwrap().copy_from_slice(b"0123456789abcdef");
        let lent = pool.lend(chunk, &(104..110)).unwrap();
        assert_eq!((&lent[..], pool.used()), (&b"456789"[..], 0));
        // Another chunk does not get its memory, and it goes by when nobody has a use for it.
        let at = lent.as_ptr() as usize;
        let other = others.take(0, 16);
        let part = lent.slice(2..4);
        drop(lent);
        assert_eq!((&part[..], others.used()), (&b"67"[..], 16 + COST));
        drop(part);
        let mut again = others.take(0, 16);
        assert_eq!(again.get_mut(4..5).unwrap().as_ptr() as usize, at, "whosever it was");
        assert!(others.lend(other, &(10..17)).is_none());
    }

    #[test]
    fn a_given_chunk_is_only_read() {
        let mut chunk = Chunk::given(100, Bytes::from_static(b"given"));
        assert_eq!((chunk.get(101..103), chunk.end()), (Some(&b"iv"[..]), 105));
        assert!(chunk.get_mut(100..101).is_none() && !chunk.has_headroom());
        let mut pool = pool(16, 64);
        pool.adopt(&chunk);
        assert_eq!(pool.used(), 5 + COST);
        pool.give(chunk);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_chunk_gives_only_its_own_bytes() {
        let mut chunk = pool(8, 8).take(100, 8);
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
