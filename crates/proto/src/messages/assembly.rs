//! [`Assembly`]: a message of several pieces being put together.
//! Whether the pieces belong together has been checked before.

use core::ops::Range;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::ranges::RangeSet;

/// The most separate pieces of one message (docs/PROTOCOL.md, 7.4.6).
pub(super) const MAX_PIECES: usize = 1_024;

/// Memory comes in pages of this size.
const PAGE: usize = 16 * 1_024;
/// Up to here a message has its buffer at once.
const NEAR: usize = 64 * 1_024;

/// The pieces of one message that have come.
///
/// They go to their place in one buffer. A piece so far behind what has come that the buffer would
/// be mostly empty lies in pages of its own until the buffer reaches it: who sends one byte of a
/// large message gets no memory for all of it.
#[derive(Debug)]
pub(super) struct Assembly {
    length: usize,
    pieces: RangeSet,
    received: usize,
    /// Whole pages, or all of the message.
    head: Vec<u8>,
    /// Pages behind the head, by their offset.
    far: BTreeMap<usize, Box<[u8]>>,
}

impl Assembly {
    /// For a message of `length` bytes, none of which has come.
    pub(super) fn new(length: usize) -> Self {
        let (pieces, head, far) = (RangeSet::new(), Vec::new(), BTreeMap::new());
        Self { length, pieces, received: 0, head, far }
    }

    /// Whether a piece may come when `others` may have come before: not if there would be too many
    /// separate ones.
    pub(super) fn admits(&self, piece: Range<u64>, others: usize) -> bool {
        if piece.is_empty() || self.pieces.len().saturating_add(others) < MAX_PIECES {
            return true;
        }
        // What touches a known piece becomes one with it.
        let around = piece.start.saturating_sub(1)..piece.end.saturating_add(1);
        self.pieces.gaps(around.clone()).next() != Some(around)
    }

    /// Takes a piece, which lies in the message.
    pub(super) fn insert(&mut self, offset: usize, data: &[u8]) {
        let Some(end) = offset.checked_add(data.len()).filter(|end| *end <= self.length) else {
            return;
        };
        let new = self.pieces.insert(offset as u64..end as u64);
        if new == 0 {
            return;
        }
        self.received += usize::try_from(new).unwrap_or(0);
        if self.is_complete() {
            self.grow(self.length);
        } else if end <= self.received.saturating_mul(2).saturating_add(NEAR) {
            self.grow(end);
        }
        self.write(offset, data);
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.received == self.length
    }

    /// The message, which must be complete.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from(self.head)
    }

    /// Makes the head reach to `end`, with all pages up to there.
    fn grow(&mut self, end: usize) {
        if end <= self.head.len() {
            return;
        }
        let doubled = self.head.len().saturating_mul(2);
        let target = end.max(doubled).next_multiple_of(PAGE).min(self.length);
        self.head.reserve_exact(target - self.head.len());
        self.head.resize(target, 0);
        while let Some(page) = self.far.first_entry().filter(|page| *page.key() < target) {
            let (offset, page) = page.remove_entry();
            if let Some(place) = self.head.get_mut(offset..offset + page.len()) {
                place.copy_from_slice(&page);
            }
        }
    }

    fn write(&mut self, offset: usize, data: &[u8]) {
        let near = self.head.len().saturating_sub(offset).min(data.len());
        let (in_head, mut rest) = data.split_at(near);
        if let Some(place) = self.head.get_mut(offset..offset + near) {
            place.copy_from_slice(in_head);
        }
        let mut at = offset + near;
        while !rest.is_empty() {
            let start = at - at % PAGE;
            let len = PAGE.min(self.length - start);
            let page = self.far.entry(start).or_insert_with(|| vec![0; len].into());
            let (now, later) = rest.split_at(rest.len().min(start + len - at));
            if let Some(place) = page.get_mut(at - start..at - start + now.len()) {
                place.copy_from_slice(now);
            }
            at += now.len();
            rest = later;
        }
    }

    /// How many bytes of memory it has.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let far: usize = self.far.values().map(|page| page.len()).sum();
        self.head.capacity() + far + self.pieces.len() * size_of::<Range<u64>>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_in_any_order_become_the_message(
            length in prop_oneof![1..2_000usize, 60_000..300_000usize],
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
            order in any::<u64>(),
        ) {
            let message = message(length);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(length)).collect();
            cuts.extend([0, length]);
            cuts.sort_unstable();
            let mut pieces: Vec<_> = cuts.windows(2).map(|pair| pair[0]..pair[1]).collect();
            pieces.sort_by_key(|piece| (piece.start as u64).wrapping_mul(order | 1));
            let mut assembly = Assembly::new(length);
            for piece in pieces {
                assembly.insert(piece.start, &message[piece.clone()]);
                // A second time, and with more than is new.
                let from = piece.start.saturating_sub(3);
                prop_assert!(assembly.admits(from as u64..piece.end as u64, 0));
                assembly.insert(from, &message[from..piece.end]);
                prop_assert!(assembly.memory() <= length + PAGE);
            }
            prop_assert!(assembly.is_complete());
            prop_assert_eq!(assembly.into_bytes(), message);
        }
    }

    #[test]
    fn memory_grows_with_what_has_come() {
        let length = 16 << 20;
        let mut assembly = Assembly::new(length);
        assembly.insert(length - 1, &[1]);
        assert!(assembly.memory() <= 2 * PAGE);
        assembly.insert(length / 2, &[1]);
        assembly.insert(0, &[1]);
        assert!(assembly.memory() <= 3 * PAGE + NEAR);
        assembly.insert(0, &vec![1; 1 << 20]);
        assert!(assembly.memory() <= 2 * (1 << 20) + NEAR + 3 * PAGE);
    }

    // spec: 7.4.6
    #[test]
    fn separate_pieces_are_counted() {
        let mut assembly = Assembly::new(1 << 20);
        for piece in 0..MAX_PIECES {
            let at = piece as u64 * 3;
            assert!(assembly.admits(at..at + 1, 0));
            assert!(!assembly.admits(at..at + 1, MAX_PIECES - piece));
            assembly.insert(piece * 3, &[1]);
        }
        assert!(!assembly.admits(9_000..9_001, 0));
        assert!(assembly.admits(9_000..9_000, 0), "an empty one costs nothing");
        assert!(assembly.admits(1..2, 0) && assembly.admits(2..3, 0), "these touch another");
        assert!(assembly.admits(1..2, 5_000) && assembly.admits(0..10_000, 5_000));
    }
}
