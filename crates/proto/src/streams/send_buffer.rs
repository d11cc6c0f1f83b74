//! [`SendBuffer`]: a stream's bytes from the program's write to the peer's acknowledgement, copied
//! once, or given away by the program. Limits, ends and turns of streams are elsewhere.

use core::ops::Range;
use std::collections::VecDeque;

use bytes::Bytes;

use crate::ranges::RangeSet;

use super::chunk::{Chunk, HEADROOM, Pool};

/// The longest prefix that [`SendBuffer::with_prefixed`] puts before data, in bytes.
const PREFIX: usize = 256;

/// Bytes that were written and not all acknowledged, by their offsets in the stream.
#[derive(Debug, Default)]
pub(super) struct SendBuffer {
    /// Ascending, without gaps between them.
    chunks: VecDeque<Chunk>,
    /// All bytes below were acknowledged.
    floor: u64,
    /// Where the next written byte goes.
    written: u64,
    /// Where the next byte is that was never sent.
    next: u64,
    /// Acknowledged bytes above `floor`.
    acked: RangeSet,
    /// Bytes to send again.
    lost: RangeSet,
}

/// Bytes that lie one behind the other.
#[derive(Debug)]
pub(super) enum Row<'a> {
    /// In the stream's own memory, behind [`HEADROOM`] bytes.
    Own(&'a mut [u8]),
    /// In the program's, which is only read.
    Given(&'a [u8]),
}

impl SendBuffer {
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether all that was written is acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.floor == self.written
    }

    /// Copies all of `data` behind what was written.
    pub(super) fn write(&mut self, mut data: &[u8], pool: &mut Pool) {
        while !data.is_empty() {
            let room = self.chunks.back().map_or(0, |chunk| chunk.end() - self.written);
            if room == 0 {
                let doubled = self.chunks.back().map_or(0, |chunk| 2 * chunk.allocated());
                let sizes = pool.sizes();
                // Powers of two, so that they can be used again.
                let wanted = data.len().max(doubled).min(sizes.most);
                let size = wanted.next_power_of_two().clamp(sizes.least, sizes.most);
                self.chunks.push_back(pool.take(self.written, size));
                continue;
            }
            let len = usize::try_from(room).map_or(data.len(), |room| room.min(data.len()));
            let (now, rest) = data.split_at(len);
            let end = self.written + len as u64;
            let slot = self.chunks.back_mut().and_then(|chunk| chunk.get_mut(self.written..end));
            if let Some(slot) = slot {
                slot.copy_from_slice(now);
            }
            self.written = end;
            data = rest;
        }
    }

    /// Puts all of `data` behind what was written, as it is.
    pub(super) fn give(&mut self, data: Bytes, pool: &mut Pool) {
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.cut(self.written);
        }
        let chunk = Chunk::given(self.written, data);
        self.written = chunk.end();
        pool.adopt(&chunk);
        self.chunks.push_back(chunk);
    }

    /// The bytes to send again that come first.
    pub(super) fn first_lost(&self) -> Option<Range<u64>> {
        self.lost.first()
    }

    /// Bytes from `offset` on were sent.
    pub(super) fn on_sent(&mut self, range: Range<u64>) {
        if range.start == self.next {
            self.next = range.end;
        } else {
            self.lost.remove(range);
        }
    }

    /// A packet with these bytes was acknowledged, whatever was thought of it before.
    pub(super) fn on_acked(&mut self, range: Range<u64>, pool: &mut Pool) {
        if !self.lost.is_empty() {
            self.lost.remove(range.clone());
        }
        if range.start > self.floor {
            self.acked.insert(range);
            return;
        }
        self.floor = self.floor.max(range.end);
        while let Some(first) = self.acked.first().filter(|first| first.start <= self.floor) {
            self.floor = self.floor.max(first.end);
            self.acked.pop_first();
        }
        while self.chunks.front().is_some_and(|chunk| chunk.end() <= self.floor) {
            self.chunks.pop_front().into_iter().for_each(|chunk| pool.give(chunk));
        }
        if self.is_empty() {
            self.clear(pool);
        }
    }

    /// Whether the peer has none of these bytes, as far as is known.
    pub(super) fn misses(&self, range: &Range<u64>) -> bool {
        let is_above = range.start >= self.floor && (range.end > self.floor || range.is_empty());
        is_above
            && (range.is_empty() || self.acked.gaps(range.clone()).next() == Some(range.clone()))
    }

    /// A packet with these bytes is taken for lost. Those of them that came by another packet are
    /// not sent again.
    pub(super) fn on_lost(&mut self, range: Range<u64>) {
        let range = range.start.max(self.floor)..range.end;
        if self.acked.is_empty() {
            self.lost.insert(range);
            return;
        }
        let Self { acked, lost, .. } = self;
        for gap in acked.gaps(range) {
            lost.insert(gap);
        }
    }

    /// Gives all chunks back.
    pub(super) fn clear(&mut self, pool: &mut Pool) {
        self.chunks.drain(..).for_each(|chunk| pool.give(chunk));
    }

    /// Gives back memory that holds nothing to be sent.
    pub(super) fn release_memory(&mut self) {
        self.chunks.shrink_to_fit();
        self.acked.shrink();
        self.lost.shrink();
    }

    fn index(&self, offset: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.end() <= offset)
    }

    /// Whether the bytes lie in one chunk, with room in front of them.
    pub(super) fn takes_prefix(&self, range: Range<u64>) -> bool {
        let chunk = self.chunks.get(self.index(range.start));
        chunk.is_some_and(|chunk| chunk.has_headroom() && chunk.get(range).is_some())
    }

    /// Gives `f` the bytes of `range` with `prefix` in front of them, in one piece; what `prefix`
    /// overwrites is restored afterwards. `None`, without calling `f`, if the bytes lie in several
    /// chunks or in the program's memory, or the prefix does not fit.
    pub(super) fn with_prefixed<T>(
        &mut self,
        range: Range<u64>,
        prefix: &[u8],
        f: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        let index = self.index(range.start);
        let bytes = self.chunks.get_mut(index)?.with_headroom(range, prefix.len())?;
        let mut saved = [0; PREFIX];
        let saved = saved.get_mut(..prefix.len())?;
        saved.copy_from_slice(bytes.get(..prefix.len())?);
        bytes.get_mut(..prefix.len())?.copy_from_slice(prefix);
        let result = f(bytes);
        bytes.get_mut(..prefix.len())?.copy_from_slice(saved);
        Some(result)
    }

    /// The bytes of `range` as far as they lie in the chunk of its first one.
    pub(super) fn row(&mut self, range: Range<u64>) -> Option<Row<'_>> {
        let index = self.index(range.start);
        let chunk = self.chunks.get_mut(index)?;
        let range = range.start..range.end.min(chunk.end());
        if chunk.has_headroom() {
            return chunk.with_headroom(range, HEADROOM).map(Row::Own);
        }
        chunk.get(range).map(Row::Given)
    }

    /// Copies the bytes from `offset` on to `out`, and says whether they are all here.
    pub(super) fn copy_out(&self, mut offset: u64, mut out: &mut [u8]) -> bool {
        for chunk in self.chunks.range(self.index(offset)..) {
            let end = chunk.end().min(offset + out.len() as u64);
            let Some(bytes) = chunk.get(offset..end) else { return false };
            let Some((now, rest)) = out.split_at_mut_checked(bytes.len()) else { return false };
            now.copy_from_slice(bytes);
            (out, offset) = (rest, end);
            if out.is_empty() {
                return true;
            }
        }
        out.is_empty()
    }
}
