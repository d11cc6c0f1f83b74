//! [`RangeSet`]: sets of numbers as ranges: packets that came, bytes that were acknowledged.
//! What the numbers mean is their owners' business.

use core::ops::Range;

use smallvec::SmallVec;

/// A set of numbers, kept as ascending half-open ranges that neither overlap nor touch.
///
/// Meant for sets of few ranges that mostly grow at their upper end: everything is a binary search
/// in one vector, which has no memory of its own for a single range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSet(SmallVec<[Range<u64>; 1]>);

impl RangeSet {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// How many ranges there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives back the memory of ranges that are not there any more.
    pub(crate) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Adds the numbers of `range`, and returns how many of them are new.
    pub(crate) fn insert(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        // Mostly it follows on the last one.
        if let Some(last) = self.0.last_mut().filter(|last| last.end == range.start) {
            last.end = range.end;
            return range.end - range.start;
        }
        // All ranges that overlap or touch it become one with it.
        let first = self.0.partition_point(|own| own.end < range.start);
        let behind = first + self.0[first..].partition_point(|own| own.start <= range.end);
        let Some(joined) = self.0.get(first..behind).filter(|joined| !joined.is_empty()) else {
            self.0.insert(first, range.clone());
            return range.end - range.start;
        };
        let known: u64 = joined.iter().map(|own| own.end - own.start).sum();
        let start = range.start.min(joined[0].start);
        let end = range.end.max(joined[joined.len() - 1].end);
        self.0[first] = start..end;
        self.0.drain(first + 1..behind);
        end - start - known
    }

    /// Takes the numbers of `range` out.
    pub(crate) fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|own| own.end <= range.start);
        let behind = first + self.0[first..].partition_point(|own| own.start < range.end);
        if first == behind {
            return;
        }
        let left = self.0[first].start..range.start;
        let right = range.end..self.0[behind - 1].end;
        let mut kept = first;
        for rest in [left, right].into_iter().filter(|rest| !rest.is_empty()) {
            if kept < behind {
                self.0[kept] = rest;
            } else {
                self.0.insert(kept, rest);
            }
            kept += 1;
        }
        self.0.drain(kept.min(behind)..behind);
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.range_of(number).is_some()
    }

    /// The range that `number` is in.
    pub(crate) fn range_of(&self, number: u64) -> Option<Range<u64>> {
        let index = self.0.partition_point(|own| own.end <= number);
        self.0.get(index).filter(|own| own.start <= number).cloned()
    }

    pub(crate) fn first(&self) -> Option<Range<u64>> {
        self.0.first().cloned()
    }

    pub(crate) fn last(&self) -> Option<Range<u64>> {
        self.0.last().cloned()
    }

    pub(crate) fn pop_first(&mut self) -> Option<Range<u64>> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// The ranges, ascending.
    pub(crate) fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = Range<u64>> + ExactSizeIterator + Clone {
        self.0.iter().cloned()
    }

    /// The parts of `range` that are not in the set, ascending.
    pub(crate) fn gaps(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let first = self.0.partition_point(|own| own.end <= range.start);
        let mut inside = self.0[first..].iter();
        let mut at = range.start;
        core::iter::from_fn(move || {
            while at < range.end {
                let (start, end) = inside
                    .next()
                    .map_or((range.end, range.end), |own| (own.start.min(range.end), own.end));
                let gap = at..start;
                at = end;
                if !gap.is_empty() {
                    return Some(gap);
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(Range<u64>),
        Remove(Range<u64>),
    }

    fn step() -> impl Strategy<Value = Step> {
        let range = (0..60u64, 0..12u64).prop_map(|(start, len)| start..start + len);
        (range, any::<bool>()).prop_map(|(range, insert)| {
            if insert { Step::Insert(range) } else { Step::Remove(range) }
        })
    }

    proptest! {
        #[test]
        fn behaves_as_a_set_of_numbers(steps in prop::collection::vec(step(), 0..60)) {
            let (mut ranges, mut model) = (RangeSet::new(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Insert(range) => {
                        let before = model.len();
                        model.extend(range.clone());
                        prop_assert_eq!(ranges.insert(range), (model.len() - before) as u64);
                    }
                    Step::Remove(range) => {
                        model.retain(|number| !range.contains(number));
                        ranges.remove(range);
                    }
                }
                let own: Vec<_> = ranges.iter().flatten().collect();
                prop_assert_eq!(&own, &model.iter().copied().collect::<Vec<_>>());
                let bounds: Vec<_> = ranges.iter().collect();
                prop_assert!(bounds.windows(2).all(|pair| pair[0].end < pair[1].start));
                let gaps: Vec<_> = ranges.gaps(5..50).flatten().collect();
                let missing: Vec<_> = (5..50).filter(|number| !model.contains(number)).collect();
                prop_assert_eq!(gaps, missing);
                prop_assert_eq!(ranges.contains(30), model.contains(&30));
            }
        }
    }
}
