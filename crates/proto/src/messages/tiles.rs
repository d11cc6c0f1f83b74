//! [`Tiles`]: which messages of the peer are known, and where each lies in the count that is
//! limited. Their data, and what becomes of them, are elsewhere.

use std::collections::BTreeMap;

use rudp_wire::frame::{COST, end_of};

/// Where a message lies: its number, and its part of the count of length plus 32
/// (docs/PROTOCOL.md, 7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) number: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Extent {
    /// `None` if the sum is no number (docs/PROTOCOL.md, 7.1.1).
    pub(super) fn new(number: u64, start: u64, length: u64) -> Option<Self> {
        Some(Self { number, start, end: end_of(start, length)? })
    }

    /// What the message costs of the limit.
    pub(super) const fn cost(self) -> u64 {
        self.end - self.start
    }
}

/// A message is described in two ways (docs/PROTOCOL.md, 7.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mismatch;

/// What is known of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known<T> {
    /// Nothing.
    New,
    /// It has begun to come.
    Open(T),
    /// It has come, or was discarded or dropped.
    Done,
}

/// One message, or a row of neighbours that are done.
#[derive(Debug)]
struct Tile<T> {
    /// The number behind the last one.
    next: u64,
    start: u64,
    end: u64,
    /// `None` if done.
    open: Option<T>,
}

/// All messages that are known.
///
/// As they may not overlap in the count that is limited, that limit bounds how many there are:
/// those that are done cost a place only where others are missing between them, and each missing
/// one holds back 32 bytes of the limit at least.
#[derive(Debug)]
pub(super) struct Tiles<T> {
    /// All numbers below are done, up to this point of the count.
    next: u64,
    end: u64,
    /// The others, by their first number. No two that are done touch, nor does one touch `next`.
    above: BTreeMap<u64, Tile<T>>,
}

impl<T> Tiles<T> {
    pub(super) const fn new() -> Self {
        Self { next: 0, end: 0, above: BTreeMap::new() }
    }

    /// Up to where all are done (docs/PROTOCOL.md, 7.6.5).
    pub(super) const fn done(&self) -> u64 {
        self.end
    }

    /// What is known of the message that says to lie at `extent`, if that agrees with all others.
    pub(super) fn find(&self, extent: Extent) -> Result<Known<&T>, Mismatch> {
        let require = |agrees: bool| if agrees { Ok(()) } else { Err(Mismatch) };
        if extent.number < self.next {
            require(extent.end <= self.end)?;
            return Ok(Known::Done);
        }
        let (next, end) = match self.above.range(..=extent.number).next_back() {
            Some((_, tile)) if extent.number < tile.next => {
                require(tile.start <= extent.start && extent.end <= tile.end)?;
                let Some(open) = &tile.open else { return Ok(Known::Done) };
                require((tile.start, tile.end) == (extent.start, extent.end))?;
                return Ok(Known::Open(open));
            }
            Some((_, tile)) => (tile.next, tile.end),
            None => (self.next, self.end),
        };
        require(fits(end, extent.number - next, extent.start))?;
        if let Some((first, tile)) = self.above.range(extent.number..).next() {
            require(fits(extent.end, first - extent.number - 1, tile.start))?;
        }
        Ok(Known::New)
    }

    /// Adds a message that has begun to come and is new.
    pub(super) fn open(&mut self, extent: Extent, value: T) {
        let Extent { number, start, end } = extent;
        self.above.insert(number, Tile { next: number + 1, start, end, open: Some(value) });
    }

    /// The value of a message that has begun to come, and where it lies.
    pub(super) fn get_mut(&mut self, number: u64) -> Option<(Extent, &mut T)> {
        let Tile { start, end, open, .. } = self.above.get_mut(&number)?;
        Some((Extent { number, start: *start, end: *end }, open.as_mut()?))
    }

    /// The message at `extent` is done, which it was not before. Returns its value if it had one.
    pub(super) fn close(&mut self, extent: Extent) -> Option<T> {
        let value = self.above.remove(&extent.number).and_then(|tile| tile.open);
        let Extent { number, start, end } = extent;
        let mut row = Tile { next: number + 1, start, end, open: None };
        if self.above.get(&row.next).is_some_and(|tile| tile.open.is_none())
            && let Some(tile) = self.above.remove(&row.next)
        {
            (row.next, row.end) = (tile.next, tile.end);
        }
        if number == self.next {
            (self.next, self.end) = (row.next, row.end);
            if self.above.is_empty() {
                self.above = BTreeMap::new();
            }
            return value;
        }
        match self.above.range_mut(..number).next_back() {
            Some((_, tile)) if tile.next == number && tile.open.is_none() => {
                (tile.next, tile.end) = (row.next, row.end);
            }
            _ => {
                self.above.insert(number, row);
            }
        }
        value
    }

    /// Forgets the messages that have begun to come.
    pub(super) fn clear(&mut self) {
        self.above = BTreeMap::new();
    }

    /// How many places are used.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.above.len()
    }

    /// The values of messages that have begun to come.
    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.above.values().filter_map(|tile| tile.open.as_ref())
    }
}

/// Whether there are exactly `between` messages, of any lengths, from `end` to `start`.
fn fits(end: u64, between: u64, start: u64) -> bool {
    match (start.checked_sub(end), between.checked_mul(COST)) {
        (Some(room), Some(least)) => room >= least && (between > 0 || room == 0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn extents(lengths: &[u64]) -> Vec<Extent> {
        let mut start = 0;
        let extent = |(number, length): (usize, &u64)| {
            let extent = Extent::new(number as u64, start, *length).unwrap();
            start = extent.end;
            extent
        };
        lengths.iter().enumerate().map(extent).collect()
    }

    proptest! {
        #[test]
        fn true_descriptions_agree_and_places_are_few(
            lengths in prop::collection::vec(0..100u64, 1..40),
            steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..120),
        ) {
            let extents = extents(&lengths);
            let mut model = vec![Known::New; extents.len()];
            let mut tiles = Tiles::new();
            for (index, close) in steps {
                let index = index.index(extents.len());
                let extent = extents[index];
                prop_assert_eq!(tiles.find(extent), Ok(as_ref(&model[index])));
                match (&model[index], close) {
                    (Known::New, false) => {
                        tiles.open(extent, index);
                        model[index] = Known::Open(index);
                        prop_assert_eq!(tiles.get_mut(extent.number), Some((extent, &mut index.clone())));
                    }
                    (Known::New | Known::Open(_), true) => {
                        let was_open = matches!(model[index], Known::Open(_));
                        prop_assert_eq!(tiles.close(extent), was_open.then_some(index));
                        model[index] = Known::Done;
                    }
                    _ => {}
                }
                let done = model.iter().take_while(|known| **known == Known::Done).count();
                prop_assert_eq!(tiles.done(), done.checked_sub(1).map_or(0, |last| extents[last].end));
                let missing = model.iter().filter(|known| **known == Known::New).count();
                let open = model.iter().filter(|known| matches!(known, Known::Open(_))).count();
                prop_assert!(tiles.len() <= missing + 2 * open + 1);
            }
        }

        #[test]
        fn no_descriptions_overlap_or_panic(
            given in prop::collection::vec((0..20u64, 0..600u64, 0..60u64, any::<bool>()), 0..60),
        ) {
            let mut tiles = Tiles::new();
            let mut taken: Vec<Extent> = Vec::new();
            for (number, start, length, close) in given {
                let extent = Extent::new(number, start, length).unwrap();
                match tiles.find(extent) {
                    Ok(Known::New) => {
                        for other in &taken {
                            let (low, high) =
                                if other.number < number { (*other, extent) } else { (extent, *other) };
                            prop_assert!(low.number < high.number);
                            prop_assert!(fits(low.end, high.number - low.number - 1, high.start));
                        }
                        taken.push(extent);
                        if close { tiles.close(extent); } else { tiles.open(extent, ()); }
                    }
                    Ok(Known::Open(())) => prop_assert!(taken.contains(&extent)),
                    _ => {}
                }
            }
        }
    }

    fn as_ref<T>(known: &Known<T>) -> Known<&T> {
        match known {
            Known::New => Known::New,
            Known::Open(value) => Known::Open(value),
            Known::Done => Known::Done,
        }
    }

    impl<T: Clone> Clone for Known<T> {
        fn clone(&self) -> Self {
            match self {
                Self::New => Self::New,
                Self::Open(value) => Self::Open(value.clone()),
                Self::Done => Self::Done,
            }
        }
    }

    // spec: 7.5.1
    #[test]
    fn neighbours_agree_in_start() {
        let at = |number, start, length| Extent::new(number, start, length).unwrap();
        let mut tiles = Tiles::new();
        tiles.open(at(5, 1_000, 10), ());
        let cases = [
            (at(0, 0, 1), true),
            (at(0, 1, 1), false),
            (at(1, 31, 0), false),
            (at(1, 32, 0), true),
            (at(4, 958, 10), true),
            (at(4, 957, 10), false),
            (at(4, 959, 10), false),
            (at(3, 926, 10), true),
            (at(3, 927, 10), false),
            (at(6, 1_042, 0), true),
            (at(6, 1_041, 0), false),
            (at(6, 1_043, 0), false),
            (at(7, 1_074, 0), true),
            (at(7, 1_073, 0), false),
            (at(5, 1_000, 11), false),
            (at(5, 999, 10), false),
        ];
        for (extent, agrees) in cases {
            assert_eq!(tiles.find(extent).is_ok(), agrees, "{extent:?}");
        }
        assert_eq!(tiles.find(at(5, 1_000, 10)), Ok(Known::Open(&())));
        tiles.close(at(0, 0, 1));
        assert_eq!(tiles.find(at(0, 0, 1)), Ok(Known::Done));
        assert_eq!(tiles.find(at(0, 0, 2)), Err(Mismatch));
        let far = (1 << 62) - 33;
        assert_eq!(tiles.find(at(u64::MAX >> 2, far, 0)), Err(Mismatch), "too many between");
    }
}
