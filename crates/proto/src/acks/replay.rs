//! [`ReplayWindow`]: which packet numbers have been seen (docs/PROTOCOL.md, 6.9). Which of them are
//! still to be acknowledged is kept elsewhere.

use std::collections::VecDeque;

/// How far below the highest number a packet may be and still be taken (docs/PROTOCOL.md, 6.9).
pub(super) const WINDOW: u64 = 1 << 16;

/// The numbers that are missing below the highest one seen.
///
/// Kept are the missing ones, in words of 64 numbers, where there are any: a session that misses
/// nothing holds no memory, and one that misses most of the window 16 KiB.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplayWindow {
    /// One above the highest number seen.
    next: u64,
    /// Ascending, each word once.
    holes: VecDeque<Holes>,
}

/// The missing ones of the 64 numbers from 64 * `word` on.
#[derive(Clone, Copy, Debug)]
struct Holes {
    word: u64,
    missing: u64,
}

impl ReplayWindow {
    /// Whether `number` was not seen before, and is not too old to know.
    pub(super) fn is_new(&self, number: u64) -> bool {
        if number >= self.next {
            return true;
        }
        number >= self.lowest()
            && self.index_of(number / 64).is_some_and(|index| {
                self.holes.get(index).is_some_and(|holes| holes.missing & bit(number) != 0)
            })
    }

    /// Notes that `number` was seen.
    pub(super) fn insert(&mut self, number: u64) {
        if number < self.next {
            self.fill(number);
            return;
        }
        let before = self.next;
        self.next = number.saturating_add(1);
        let lowest = self.lowest();
        while self.holes.front().is_some_and(|holes| holes.word < lowest / 64) {
            self.holes.pop_front();
        }
        self.miss(before.max(lowest), number);
    }

    /// Gives back memory that holds nothing.
    pub(super) fn release_memory(&mut self) {
        self.holes.shrink_to_fit();
    }

    /// The lowest number that is remembered.
    fn lowest(&self) -> u64 {
        self.next.saturating_sub(WINDOW + 1)
    }

    /// Notes that the numbers from `start` to below `end`, which are above all that are known, are
    /// missing. Both are within one window.
    fn miss(&mut self, mut start: u64, end: u64) {
        while start < end {
            let word = start / 64;
            let behind = end.min((word + 1) * 64);
            // At least one bit, and at most 64.
            let missing = (u64::MAX >> (64 - (behind - start))) << (start % 64);
            match self.holes.back_mut().filter(|holes| holes.word == word) {
                Some(holes) => holes.missing |= missing,
                None => self.holes.push_back(Holes { word, missing }),
            }
            start = behind;
        }
    }

    fn fill(&mut self, number: u64) {
        let Some(index) = self.index_of(number / 64) else { return };
        let Some(holes) = self.holes.get_mut(index) else { return };
        holes.missing &= !bit(number);
        if holes.missing == 0 {
            self.holes.remove(index);
        }
    }

    fn index_of(&self, word: u64) -> Option<usize> {
        self.holes.binary_search_by_key(&word, |holes| holes.word).ok()
    }
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    // spec: 6.9
    #[test]
    fn remembers_exactly_the_window() {
        let mut window = ReplayWindow::default();
        assert!(window.is_new(0));
        window.insert(WINDOW + 10);
        for (number, is_new) in [(9, false), (10, true), (11, true), (WINDOW + 10, false)] {
            assert_eq!(window.is_new(number), is_new, "{number}");
        }
        window.insert(10);
        assert!(!window.is_new(10));
        window.insert((1 << 56) - 2);
        assert!(!window.is_new(11));
        assert!(window.is_new((1 << 56) - 2 - WINDOW));
        assert!(window.holes.len() <= 1_025);
    }

    #[test]
    fn what_misses_nothing_holds_nothing() {
        let mut window = ReplayWindow::default();
        for number in 0..100_000 {
            // Each pair is swapped.
            window.insert(number ^ 1);
        }
        assert_eq!((window.holes.len(), window.next), (0, 100_000));
    }

    proptest! {
        // spec: 6.9
        #[test]
        fn agrees_with_a_set(steps in prop::collection::vec(
            prop_oneof![8 => 0..200u64, 1 => 0..2 * WINDOW, 1 => Just(WINDOW)], 1..200,
        )) {
            let (mut window, mut seen) = (ReplayWindow::default(), BTreeSet::new());
            for step in steps {
                // Around the highest, up to a window's jump ahead.
                let highest: u64 = seen.last().copied().unwrap_or(0);
                let number = (highest + step).saturating_sub(100);
                let is_known = seen.contains(&number) || number + WINDOW < highest;
                prop_assert_eq!(window.is_new(number), !is_known);
                if !is_known {
                    window.insert(number);
                    seen.insert(number);
                }
                prop_assert!(!window.is_new(number));
            }
        }
    }
}
