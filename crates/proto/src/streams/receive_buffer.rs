//! [`ReceiveBuffer`]: a stream's bytes from the packet to the program's read, each written to its
//! place. Limits, ends and receipts of streams are elsewhere.

use core::ops::Range;
use std::collections::VecDeque;

use bytes::Bytes;

use crate::ranges::RangeSet;

use super::chunk::{COST, Chunk, Pool};

/// The most separate pieces of one stream (docs/PROTOCOL.md, 7.4.6).
pub(super) const MAX_PIECES: usize = 1_024;

/// A chunk that is filled by less than this part of it is not given away: the program might keep it.
const LEAST_FILLED: usize = 4;

/// Bytes that came and were not read yet, by their offsets in the stream.
#[derive(Debug, Default)]
pub(super) struct ReceiveBuffer {
    /// Ascending; there may be gaps between them.
    chunks: VecDeque<Chunk>,
    /// The program has read all below.
    read: u64,
    /// Everything below is here or was read.
    contiguous: u64,
    /// What is here above `contiguous`.
    ahead: RangeSet,
    /// How large the next chunk should be; the pool's sizes are its bounds.
    next_size: usize,
}

impl ReceiveBuffer {
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    pub(super) fn contiguous(&self) -> u64 {
        self.contiguous
    }

    /// How many pieces there are that do not follow on what came before.
    pub(super) fn pieces(&self) -> usize {
        self.ahead.len()
    }

    fn index(&self, offset: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.end() <= offset)
    }

    /// The parts of `range` that no chunk has memory for.
    fn missing(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let mut chunks = self.chunks.range(self.index(range.start)..);
        let mut at = range.start;
        core::iter::from_fn(move || {
            while at < range.end {
                let (base, end) = chunks
                    .next()
                    .map_or((range.end, range.end), |own| (own.base().min(range.end), own.end()));
                let gap = at..base;
                at = end;
                if !gap.is_empty() {
                    return Some(gap);
                }
            }
            None
        })
    }

    /// How much memory it takes at least to hold `range`, besides what is allocated.
    pub(super) fn need(&self, range: Range<u64>) -> usize {
        let gaps = self.missing(range.start.max(self.contiguous)..range.end);
        let sizes = gaps.map(|gap| usize::try_from(gap.end - gap.start).unwrap_or(usize::MAX));
        sizes.fold(0, |sum, size| sum.saturating_add(size).saturating_add(COST))
    }

    /// Puts `data` to their place. The caller has seen that [`need`](Self::need) is within `budget`.
    pub(super) fn insert(&mut self, offset: u64, data: &[u8], pool: &mut Pool, budget: usize) {
        let end = offset + data.len() as u64;
        let start = offset.max(self.contiguous);
        if start >= end {
            return;
        }
        loop {
            let gap = self.missing(start..end).next();
            let Some(gap) = gap else { break };
            self.allocate(gap, pool, budget);
        }
        let mut at = start;
        for chunk in self.chunks.range_mut(self.index(start)..) {
            let upto = chunk.end().min(end);
            let from = usize::try_from(at - offset).unwrap_or(data.len());
            let behind = usize::try_from(upto - offset).unwrap_or(data.len());
            if let (Some(slot), Some(data)) = (chunk.get_mut(at..upto), data.get(from..behind)) {
                slot.copy_from_slice(data);
            }
            at = upto;
            if at >= end {
                break;
            }
        }
        self.commit(start..end);
    }

    /// The bytes of `range` are in their place.
    pub(super) fn commit(&mut self, range: Range<u64>) {
        if range.start > self.contiguous {
            self.ahead.insert(range);
            return;
        }
        self.contiguous = self.contiguous.max(range.end);
        while let Some(first) = self.ahead.first().filter(|own| own.start <= self.contiguous) {
            self.contiguous = self.contiguous.max(first.end);
            self.ahead.pop_first();
        }
    }

    /// Allocates memory at the start of `gap`, for all of it if that is within the size of a chunk,
    /// and for what is likely to come next as far as the budget has half of itself to spare: a busy
    /// stream's chunks grow, and where memory is short chunks are no larger than their data.
    fn allocate(&mut self, gap: Range<u64>, pool: &mut Pool, budget: usize) {
        let sizes = pool.sizes();
        let index = self.index(gap.start);
        let exact = usize::try_from(gap.end - gap.start).unwrap_or(usize::MAX);
        let before = index.checked_sub(1).and_then(|index| self.chunks.get(index));
        let edge = before.map_or(self.contiguous, Chunk::end).max(self.contiguous);
        let filled = before.filter(|chunk| chunk.end() == gap.start);
        let doubled = filled.map_or(0, |chunk| 2 * chunk.allocated());
        let mut wanted = self.next_size.max(doubled).max(exact).clamp(sizes.least, sizes.most);
        if pool.used().saturating_add(wanted + COST) > budget / 2 {
            wanted = exact.min(sizes.most);
        }
        // What is missing right behind the last chunk is likely to come: begin there.
        let mut base = gap.start;
        let lead = usize::try_from(gap.start - edge).unwrap_or(usize::MAX);
        if lead > 0 && lead.saturating_add(exact) <= wanted {
            base = edge;
        }
        let limit = self.chunks.get(index).map_or(u64::MAX, Chunk::base) - base;
        let room = usize::try_from(limit).map_or(wanted, |limit| limit.min(wanted));
        self.chunks.insert(index, pool.take(base, room));
    }

    /// Where `len` bytes can be opened that follow on what is here, with `before` bytes in front of
    /// them. `None` if anything came out of order, or memory is short.
    pub(super) fn landing(
        &mut self,
        before: usize,
        len: usize,
        pool: &mut Pool,
        budget: usize,
    ) -> Option<&mut [u8]> {
        let range = self.contiguous..self.contiguous + len as u64;
        if !self.ahead.is_empty() || len > pool.sizes().most {
            return None;
        }
        if self.chunks.back().is_none_or(|chunk| chunk.end() < range.end) {
            if pool.used().saturating_add(pool.sizes().most + COST) > budget / 2 {
                return None;
            }
            // The rest of the last chunk is too short for the packet: it ends here.
            if let Some(chunk) = self.chunks.back_mut() {
                chunk.cut(range.start);
            }
            self.drop_empty(pool);
            self.allocate(range.clone(), pool, budget);
        }
        self.chunks.back_mut()?.with_headroom(range, before)
    }

    /// Copies what is here to `out`, as much as fits, and says how much.
    pub(super) fn copy_to(&mut self, out: &mut [u8], pool: &mut Pool) -> usize {
        let mut copied = 0;
        for chunk in &self.chunks {
            let rest = (out.len() - copied) as u64;
            let end = chunk.end().min(self.contiguous).min(self.read + rest);
            let Some(bytes) = chunk.get(self.read..end).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            if let Some(slot) = out.get_mut(copied..copied + bytes.len()) {
                slot.copy_from_slice(bytes);
            }
            copied += bytes.len();
            self.read = end;
        }
        self.drop_empty(pool);
        copied
    }

    /// Takes what is here of the first chunk, with its memory if that holds nothing else.
    pub(super) fn take(&mut self, pool: &mut Pool) -> Bytes {
        let Some(chunk) = self.chunks.front() else { return Bytes::new() };
        let end = chunk.end().min(self.contiguous);
        let len = usize::try_from(end.saturating_sub(self.read)).unwrap_or(0);
        if self.read < chunk.base() || len == 0 {
            return Bytes::new();
        }
        let is_shared = self.ahead.first().is_some_and(|first| first.start < chunk.end());
        if is_shared || len < chunk.allocated() / LEAST_FILLED {
            let mut copy = vec![0; len];
            self.copy_to(&mut copy, pool);
            return copy.into();
        }
        let size = chunk.allocated();
        self.next_size = if chunk.end() <= end { size.saturating_mul(2) } else { size };
        let range = self.read..end;
        self.read = end;
        let chunk = self.chunks.pop_front();
        chunk.and_then(|chunk| pool.lend(chunk, &range)).unwrap_or_default()
    }

    /// Gives back the chunks whose bytes were all read.
    fn drop_empty(&mut self, pool: &mut Pool) {
        while let Some(chunk) = self.chunks.front() {
            // A chunk without anything behind what was read is not kept for what may come.
            let is_drained = self.read == self.contiguous && self.ahead.is_empty();
            let is_last = self.chunks.len() == 1;
            if chunk.end() > self.read && !(is_drained && is_last && chunk.base() < self.read) {
                break;
            }
            // The next one is twice as large if this one was full, and half if it hardly was used.
            let (size, used) = (chunk.allocated(), self.read.saturating_sub(chunk.base()));
            self.next_size = match used {
                _ if chunk.end() <= self.read => size.saturating_mul(2),
                _ if used < (size / 4) as u64 => size / 2,
                _ => size,
            };
            self.chunks.pop_front().into_iter().for_each(|chunk| pool.give(chunk));
        }
    }

    /// Gives all chunks back.
    pub(super) fn clear(&mut self, pool: &mut Pool) {
        self.chunks.drain(..).for_each(|chunk| pool.give(chunk));
        self.ahead = RangeSet::new();
    }

    /// Gives back memory that holds nothing to be read.
    pub(super) fn release_memory(&mut self, pool: &mut Pool) {
        if self.contiguous == self.read && self.ahead.is_empty() {
            self.clear(pool);
        }
        self.chunks.shrink_to_fit();
    }

    /// Whether no memory is held.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Moves what is here to chunks no larger than that.
    pub(super) fn compact(&mut self, pool: &mut Pool) {
        let most = pool.sizes().most as u64;
        let mut tight = VecDeque::new();
        let head = Some(self.read..self.contiguous).filter(|head| !head.is_empty());
        for range in head.into_iter().chain(self.ahead.iter()) {
            let mut at = range.start;
            while at < range.end {
                let end = range.end.min(at + most);
                let len = usize::try_from(end - at).unwrap_or(0);
                let mut chunk = pool.take(at, len);
                if let Some(slot) = chunk.get_mut(at..end) {
                    self.gather(at, slot);
                }
                tight.push_back(chunk);
                at = end;
            }
        }
        for chunk in core::mem::replace(&mut self.chunks, tight) {
            pool.give(chunk);
        }
        self.next_size = 0;
    }

    /// Copies the bytes from `offset` on, which are all here.
    fn gather(&self, mut offset: u64, mut out: &mut [u8]) {
        for chunk in self.chunks.range(self.index(offset)..) {
            let end = chunk.end().min(offset + out.len() as u64);
            let Some(bytes) = chunk.get(offset..end) else { return };
            let Some((now, rest)) = out.split_at_mut_checked(bytes.len()) else { return };
            now.copy_from_slice(bytes);
            (out, offset) = (rest, end);
        }
    }
}
