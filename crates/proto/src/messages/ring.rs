//! [`Ring`]: values by ascending keys, which go in any order and mostly from the front.
//! What the keys mean is their owners' business.

use std::collections::VecDeque;

/// How many places an empty ring keeps.
const KEPT: usize = 8;
/// How many empty places are too few to be worth a compaction.
const SLACK: usize = 16;

/// Values by ascending keys. Taking one out leaves an empty place, and when more than half of the
/// places are empty they are removed: all operations are amortized constant or a binary search, and
/// none allocates in the steady state.
#[derive(Debug)]
pub(super) struct Ring<T> {
    /// The first and the last place are never empty.
    places: VecDeque<(u64, Option<T>)>,
    len: usize,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Ring<T> {
    pub(super) const fn new() -> Self {
        Self { places: VecDeque::new(), len: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a value, whose key must be larger than all others.
    pub(super) fn push(&mut self, key: u64, value: T) {
        debug_assert!(self.places.back().is_none_or(|(last, _)| *last < key));
        self.places.push_back((key, Some(value)));
        self.len += 1;
    }

    fn place(&self, key: u64) -> Option<usize> {
        // Most rings have no holes.
        let (first, _) = self.places.front()?;
        let likely = usize::try_from(key.checked_sub(*first)?).ok()?;
        if self.places.get(likely).is_some_and(|(own, _)| *own == key) {
            return Some(likely);
        }
        self.places.binary_search_by_key(&key, |(own, _)| *own).ok()
    }

    pub(super) fn get(&self, key: u64) -> Option<&T> {
        self.places.get(self.place(key)?)?.1.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        let place = self.place(key)?;
        self.places.get_mut(place)?.1.as_mut()
    }

    /// The value with the lowest key.
    pub(super) fn first(&self) -> Option<(u64, &T)> {
        let (key, value) = self.places.front()?;
        Some((*key, value.as_ref()?))
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<T> {
        let place = self.place(key)?;
        let value = self.places.get_mut(place)?.1.take()?;
        self.len -= 1;
        while self.places.pop_front_if(|(_, value)| value.is_none()).is_some() {}
        while self.places.pop_back_if(|(_, value)| value.is_none()).is_some() {}
        if self.places.len() > 2 * self.len + SLACK {
            self.places.retain(|(_, value)| value.is_some());
        }
        if self.places.is_empty() && self.places.capacity() > KEPT {
            self.places = VecDeque::new();
        }
        Some(value)
    }

    pub(super) fn pop_first(&mut self) -> Option<(u64, T)> {
        let (key, _) = self.first()?;
        Some((key, self.remove(key)?))
    }

    /// How many places there are, the empty ones included.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_map(steps in prop::collection::vec((any::<bool>(), 0..80u64), 0..300)) {
            let (mut ring, mut model, mut next) = (Ring::new(), BTreeMap::new(), 0);
            for (add, by) in steps {
                if add {
                    next += 1 + by % 3;
                    ring.push(next, by);
                    model.insert(next, by);
                } else {
                    prop_assert_eq!(ring.remove(by), model.remove(&by));
                }
                prop_assert_eq!(ring.get(by), model.get(&by));
                prop_assert_eq!(ring.get_mut(next), model.get_mut(&next));
                prop_assert_eq!(ring.first(), model.first_key_value().map(|(key, value)| (*key, value)));
                prop_assert_eq!(ring.is_empty(), model.is_empty());
                prop_assert!(ring.places() <= 2 * model.len() + SLACK);
            }
            while let Some(first) = ring.pop_first() {
                prop_assert_eq!(Some(first), model.pop_first());
            }
            prop_assert!(model.is_empty());
        }
    }
}
