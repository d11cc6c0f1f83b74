//! [`Bins`]: what is measured over time, in bounded memory. What is measured is the caller's.

use std::ops::AddAssign;
use std::time::Duration;

use rudp::sans_io::Instant;

/// The most bins; then the width is doubled and each two become one.
const MOST: usize = 400;

/// Sums over time, beginning at [`Instant::ZERO`].
#[derive(Clone, Debug)]
pub(super) struct Bins<T> {
    width: Duration,
    sums: Vec<T>,
}

impl<T> Default for Bins<T> {
    fn default() -> Self {
        Self { width: Duration::from_millis(1), sums: Vec::new() }
    }
}

impl<T: Copy + Default + AddAssign> Bins<T> {
    /// Adds something that happened at `now`.
    pub(super) fn add(&mut self, now: Instant, amount: T) {
        let mut index = self.index(now);
        while index >= MOST {
            self.sums = self.sums.chunks(2).map(Self::sum).collect();
            self.width *= 2;
            index = self.index(now);
        }
        if index >= self.sums.len() {
            self.sums.resize(index + 1, T::default());
        }
        self.sums[index] += amount;
    }

    /// The middle of each bin in seconds, and its sum.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, T)> {
        let width = self.width.as_secs_f64();
        (0_u32..).zip(&self.sums).map(move |(index, sum)| ((f64::from(index) + 0.5) * width, *sum))
    }

    /// How long a bin lasts.
    pub(super) fn width(&self) -> Duration {
        self.width
    }

    fn index(&self, now: Instant) -> usize {
        let index = (now - Instant::ZERO).as_nanos() / self.width.as_nanos();
        usize::try_from(index).unwrap_or(usize::MAX)
    }

    fn sum(pair: &[T]) -> T {
        pair.iter().fold(T::default(), |mut sum, one| {
            sum += *one;
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn bins_become_wider_and_lose_nothing() {
        let mut bins = Bins::default();
        for ms in 0..10_000 {
            bins.add(Instant::ZERO + MS * ms, 1_u64);
        }
        assert_eq!(bins.width(), MS * 32);
        assert!(bins.sums.len() <= MOST);
        assert_eq!(bins.iter().map(|(_, sum)| sum).sum::<u64>(), 10_000);
        let (middle, sum) = bins.iter().nth(1).unwrap();
        assert!((middle - 0.048).abs() < 1e-9 && sum == 32, "{middle} {sum}");
    }

    #[test]
    fn one_late_sample_is_far_off() {
        let mut bins = Bins::default();
        bins.add(Instant::ZERO, 1_u64);
        bins.add(Instant::ZERO + Duration::from_hours(24), 2);
        assert_eq!(bins.iter().map(|(_, sum)| sum).sum::<u64>(), 3);
        assert!(bins.sums.len() > MOST / 2);
    }
}
