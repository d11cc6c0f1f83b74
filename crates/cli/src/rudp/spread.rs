//! [`Spread`]: many durations, of which the mean, the extremes and the percentiles are wanted.
//! What took so long is the caller's.

use std::collections::BTreeMap;
use std::time::Duration;

/// Durations, each in steps of 10 us, with their exact least, mean and greatest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    counts: BTreeMap<u128, u64>,
    count: u64,
    sum: Duration,
    least: Option<Duration>,
    most: Duration,
}

impl Spread {
    /// How exact percentiles are.
    pub(crate) const STEP: Duration = Duration::from_micros(10);

    pub(crate) fn add(&mut self, time: Duration) {
        *self.counts.entry(time.as_nanos() / Self::STEP.as_nanos()).or_default() += 1;
        self.count += 1;
        self.sum += time;
        self.least = Some(self.least.map_or(time, |least| least.min(time)));
        self.most = self.most.max(time);
    }

    /// Adds all of another's.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (step, count) in &other.counts {
            *self.counts.entry(*step).or_default() += count;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.least = self.least.into_iter().chain(other.least).min();
        self.most = self.most.max(other.most);
    }

    pub(crate) fn least(&self) -> Duration {
        self.least.unwrap_or_default()
    }

    pub(crate) fn most(&self) -> Duration {
        self.most
    }

    pub(crate) fn mean(&self) -> Duration {
        let mean = self.sum.as_nanos() / u128::from(self.count.max(1));
        Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// The duration that `percent` of 100 do not exceed, to the step.
    pub(crate) fn percentile(&self, percent: u64) -> Duration {
        let rank = (u128::from(self.count) * u128::from(percent)).div_ceil(100);
        let mut seen = 0;
        let step = self.counts.iter().find(|(_, count)| {
            seen += u128::from(**count);
            seen >= rank
        });
        let nanos = step.map_or(0, |(step, _)| step * Self::STEP.as_nanos());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_spread_knows_its_ranks() {
        let mut spread = Spread::default();
        assert_eq!((spread.least(), spread.mean(), spread.percentile(99)), Default::default());
        for ms in 1..=100 {
            spread.add(MS * ms);
        }
        assert_eq!((spread.least(), spread.mean()), (MS, MS * 101 / 2));
        assert_eq!(spread.most(), MS * 100);
        assert_eq!((spread.percentile(50), spread.percentile(99)), (MS * 50, MS * 99));
        let mut both = spread.clone();
        both.merge(&spread);
        assert_eq!((both.mean(), both.percentile(99)), (spread.mean(), MS * 99));
    }
}
