//! [`Numbers`]: the numbers of sent packets, with a gap here and there (docs/PROTOCOL.md, 2.9).
//! Who sent what under a number is recovery's.

use rudp_base::PublicRng;
use rudp_wire::packet::MAX_PACKET_NUMBER;

/// About how many packets there are between two numbers that are skipped.
const SKIP_INTERVAL: u64 = 500;
/// Within how many packets one is skipped after a change of address.
const SKIP_SOON: u64 = 10;

/// Gives each number once.
#[derive(Debug)]
pub(super) struct Numbers {
    next: u64,
    skip: u64,
}

impl Numbers {
    pub(super) fn new(rng: &mut PublicRng) -> Self {
        Self { next: 0, skip: interval(rng) }
    }

    /// As late in a session as a test wants.
    #[cfg(test)]
    pub(super) fn late(next: u64) -> Self {
        Self { next, skip: u64::MAX }
    }

    /// The number that [`take`](Self::take) gives next, if there is one.
    pub(super) fn next(&self) -> Option<u64> {
        let next = self.next + u64::from(self.next == self.skip);
        (next < MAX_PACKET_NUMBER).then_some(next)
    }

    /// The next number was used.
    pub(super) fn take(&mut self, rng: &mut PublicRng) {
        if self.next == self.skip {
            self.next += 1;
            self.skip = self.next + interval(rng);
        }
        self.next += 1;
    }

    /// The last number that was used.
    pub(super) fn last(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// The path is another one: who never got anything there must not acknowledge it.
    pub(super) fn on_path(&mut self, rng: &mut PublicRng) {
        self.skip = self.skip.min(self.next + rng.below(SKIP_SOON));
    }
}

/// From half the interval to one and a half.
fn interval(rng: &mut PublicRng) -> u64 {
    1 + SKIP_INTERVAL / 2 + rng.below(SKIP_INTERVAL)
}

#[cfg(test)]
mod tests {
    use rudp_base::Seed;

    use super::*;

    // spec: 2.9
    #[test]
    fn numbers_grow_and_some_are_skipped() {
        let mut rng = Seed::from_u64(1).public_stream("numbers");
        let mut numbers = Numbers::new(&mut rng);
        let mut taken = Vec::new();
        for _ in 0..10_000 {
            taken.push(numbers.next().unwrap());
            numbers.take(&mut rng);
        }
        assert_eq!(taken[0], 0);
        assert!(taken.windows(2).all(|pair| pair[0] < pair[1]));
        let skipped = taken[9_999] - 9_999;
        assert!((10..=40).contains(&skipped), "{skipped}");
        let before = numbers.next().unwrap();
        numbers.on_path(&mut rng);
        for _ in 0..10 {
            numbers.take(&mut rng);
        }
        assert_eq!(numbers.next().unwrap(), before + 11);
    }

    // spec: 2.9
    #[test]
    fn the_last_number_is_never_given() {
        let mut numbers = Numbers { next: MAX_PACKET_NUMBER - 1, skip: 0 };
        assert_eq!(numbers.next(), Some(MAX_PACKET_NUMBER - 1));
        numbers.take(&mut Seed::from_u64(1).public_stream("numbers"));
        assert_eq!(numbers.next(), None);
    }
}
