//! [`Chunk`]: a piece of memory for consecutive bytes of a stream, and [`Pool`], where a connection's
//! chunks come from and are counted. Which bytes are valid is known to the buffers that hold chunks.

use core::fmt;
use core::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

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

/// Where memory that was lent to the program comes back to.
#[derive(Debug, Default)]
struct Shelf {
    returned: Mutex<Vec<Box<[u8]>>>,
}

/// Memory of a chunk in the program's hands.
struct Lent {
    bytes: Box<[u8]>,
    shelf: Weak<Shelf>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(shelf) = self.shelf.upgrade() else { return };
        let mut returned = shelf.returned.lock().unwrap_or_else(PoisonError::into_inner);
        if returned.len() < MAX_RETURNED {
            returned.push(core::mem::take(&mut self.bytes));
        }
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
    /// Made when something is lent for the first time.
    shelf: Option<Arc<Shelf>>,
}

/// How much unused memory a pool keeps, in bytes: as much as a fast transfer uses by turns.
const MAX_KEPT: usize = 2 << 20;

/// How many allocations that come back wait to be taken.
const MAX_RETURNED: usize = 16;

impl Pool {
    pub(super) fn new(sizes: Sizes) -> Self {
        let least = sizes.least.max(1);
        Self {
            sizes: Sizes { least, most: sizes.most.max(least) },
            free: Vec::new(),
            kept: 0,
            used: 0,
            shelf: None,
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
        self.take_returned();
        let reused = self.reuse(room);
        while self.allocated() + room + COST > budget && self.drop_one() {}
        let bytes = reused.unwrap_or_else(|| vec![0; HEADROOM + room].into_boxed_slice());
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
                let shelf = Arc::downgrade(self.shelf.get_or_insert_default());
                let lent = Bytes::from_owner(Lent { bytes, shelf });
                lent.slice(HEADROOM + place.start..HEADROOM + place.end)
            }
        })
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
        self.used = self.used.saturating_sub(chunk.allocated() + COST);
        if let Memory::Own(bytes) = chunk.memory {
            self.keep(bytes);
        }
    }

    /// Takes back what the program does not need any more.
    fn take_returned(&mut self) {
        let Some(shelf) = &self.shelf else { return };
        let returned =
            core::mem::take(&mut *shelf.returned.lock().unwrap_or_else(PoisonError::into_inner));
        for bytes in returned {
            self.keep(bytes);
        }
    }

    /// Keeps an allocation for later, in the place of older ones if there are many.
    fn keep(&mut self, bytes: Box<[u8]>) {
        let size = bytes.len() - HEADROOM + COST;
        while self.kept + size > MAX_KEPT && self.drop_one() {}
        self.kept += size;
        self.free.push(bytes);
    }

    /// Drops what nobody uses.
    pub(super) fn release(&mut self) {
        self.free = Vec::new();
        self.kept = 0;
        self.shelf = None;
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
        // Of the same size: what is kept is used.
        let again = pool.take(7, 64, 1_000);
        assert_eq!((again.base(), again.end()), (7, 71));
        assert_eq!(pool.allocated(), 16 + 64 + 2 * COST);
        pool.give(again);
        // Another size needs the budget: what is kept goes, the oldest first.
        let other = pool.take(0, 100, 164 + 2 * COST);
        assert_eq!(pool.allocated(), 164 + 2 * COST);
        pool.give(other);
        let size = MAX_KEPT / 4;
        let chunks: Vec<_> = (0..6).map(|base| pool.take(base, size, usize::MAX)).collect();
        for chunk in chunks {
            pool.give(chunk);
        }
        assert_eq!(pool.allocated(), 3 * (size + COST));
        pool.release();
        assert_eq!(pool.allocated(), 0);
    }

    #[test]
    fn what_is_lent_is_the_programs_until_it_is_done() {
        let mut pool = Pool::new(Sizes { least: 16, most: 64 });
        let mut chunk = pool.take(100, 16, 1_000);
        chunk.get_mut(100..116).unwrap().copy_from_slice(b"0123456789abcdef");
        let lent = pool.lend(chunk, &(104..110)).unwrap();
        assert_eq!((&lent[..], pool.allocated()), (&b"456789"[..], 0));
        // Another chunk does not get its memory, and it goes by when nobody has a use for it.
        let at = lent.as_ptr() as usize;
        let other = pool.take(0, 16, 1_000);
        let part = lent.slice(2..4);
        drop(lent);
        assert_eq!((&part[..], pool.allocated()), (&b"67"[..], 16 + COST));
        drop(part);
        let mut again = pool.take(0, 16, 1_000);
        assert_eq!(again.get_mut(4..5).unwrap().as_ptr() as usize, at);
        let late = pool.lend(again, &(0..16)).unwrap();
        assert!(pool.lend(other, &(10..17)).is_none());
        pool.release();
        drop(late);
        assert_eq!(pool.take(0, 16, 1_000).get(0..1), Some(&[0][..]));
    }

    #[test]
    fn what_comes_back_counts_towards_the_budget() {
        let mut pool = Pool::new(Sizes { least: 16, most: 64 });
        let chunks: Vec<_> = (0..4).map(|base| pool.take(base, 64, 1_000)).collect();
        let lent = chunks.into_iter().map(|chunk| {
            let range = chunk.base()..chunk.end();
            pool.lend(chunk, &range)
        });
        drop(lent.collect::<Vec<_>>());
        assert_eq!(pool.allocated(), 0);
        // Two of them come within it, one of which is used.
        let chunk = pool.take(0, 64, 400);
        assert_eq!((pool.used(), pool.allocated()), (64 + COST, 2 * (64 + COST)));
        pool.give(chunk);
        // Whatever is of the size: the others are not kept.
        let chunk = pool.take(0, 64, 0);
        assert_eq!(pool.allocated(), 64 + COST);
        pool.give(chunk);
    }

    #[test]
    fn a_given_chunk_is_only_read() {
        let mut chunk = Chunk::given(100, Bytes::from_static(b"given"));
        assert_eq!((chunk.get(101..103), chunk.end()), (Some(&b"iv"[..]), 105));
        assert!(chunk.get_mut(100..101).is_none() && !chunk.has_headroom());
        let mut pool = Pool::new(Sizes { least: 16, most: 64 });
        pool.adopt(&chunk);
        assert_eq!(pool.used(), 5 + COST);
        pool.give(chunk);
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
