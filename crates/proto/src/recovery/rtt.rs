//! [`Rtt`]: the round-trip time and how much it varies (RFC 9002, section 5). Which packets give a
//! sample is decided by who processes acknowledgements.

use core::time::Duration;

use rudp_base::Instant;

use super::GRANULARITY;

/// The estimate for one path. In nanoseconds, of which a `u64` holds more than any path needs: a
/// `Duration` takes twice the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rtt {
    latest: u64,
    smoothed: u64,
    variation: u64,
    min: u64,
    /// When the first sample was taken.
    pub(super) first_sample_at: Option<Instant>,
}

impl Rtt {
    pub(super) fn new(initial: Duration) -> Self {
        let initial = nanos(initial);
        let (latest, smoothed, variation, min) = (initial, initial, initial / 2, initial);
        Self { latest, smoothed, variation, min, first_sample_at: None }
    }

    /// The newest sample.
    pub(crate) fn latest(&self) -> Duration {
        Duration::from_nanos(self.latest)
    }

    /// RFC 9002's `smoothed_rtt`.
    pub(crate) fn smoothed(&self) -> Duration {
        Duration::from_nanos(self.smoothed)
    }

    /// The least sample of this path; the initial value before there is one.
    pub(crate) fn min(&self) -> Duration {
        Duration::from_nanos(self.min)
    }

    /// Takes a sample. `ack_delay` is what the peer says that it waited, already held to its limit.
    pub(super) fn on_sample(&mut self, now: Instant, sample: Duration, ack_delay: Duration) {
        let (sample, ack_delay) = (nanos(sample), nanos(ack_delay));
        self.latest = sample;
        if self.first_sample_at.is_none() {
            self.first_sample_at = Some(now);
            (self.min, self.smoothed, self.variation) = (sample, sample, sample / 2);
            return;
        }
        self.min = self.min.min(sample);
        // A delay that would explain more than there is was not all delay (RFC 9002, 5.3).
        let adjusted = match sample.checked_sub(ack_delay) {
            Some(adjusted) if adjusted >= self.min => adjusted,
            _ => sample,
        };
        self.variation = self.variation / 4 * 3 + self.smoothed.abs_diff(adjusted) / 4;
        self.smoothed = self.smoothed / 8 * 7 + adjusted / 8;
    }

    /// After persistent congestion the path may be another one (RFC 9002, 5.2).
    pub(super) fn forget_min(&mut self) {
        self.min = self.latest;
    }

    /// The time in which an answer should come (RFC 9002, 6.2.1), without bounds or backoff.
    pub(super) fn probe_timeout(&self, max_ack_delay: Duration) -> Duration {
        let margin = Duration::from_nanos(self.variation.saturating_mul(4)).max(GRANULARITY);
        self.smoothed().saturating_add(margin).saturating_add(max_ack_delay)
    }
}

/// In nanoseconds, up to 584 years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// `smoothed_rtt`, `rttvar` and `min_rtt`.
    fn values(rtt: &Rtt) -> [Duration; 3] {
        [rtt.smoothed, rtt.variation, rtt.min].map(Duration::from_nanos)
    }

    #[test]
    fn follows_rfc_9002() {
        let mut rtt = Rtt::new(333 * MS);
        assert_eq!(rtt.probe_timeout(25 * MS), 333 * MS + 666 * MS + 25 * MS);
        rtt.on_sample(Instant::ZERO, 80 * MS, 40 * MS);
        assert_eq!(values(&rtt), [80 * MS, 40 * MS, 80 * MS]);
        // 5.3: the delay counts only where the rest is not below the minimum.
        rtt.on_sample(Instant::ZERO, 112 * MS, 24 * MS);
        assert_eq!(values(&rtt), [81 * MS, 32 * MS, 80 * MS]);
        rtt.on_sample(Instant::ZERO, 89 * MS, 24 * MS);
        assert_eq!(values(&rtt), [82 * MS, 26 * MS, 80 * MS]);
        assert_eq!(rtt.latest(), 89 * MS);
    }

    #[test]
    fn the_margin_is_never_below_the_granularity() {
        let mut rtt = Rtt::new(333 * MS);
        for _ in 0..100 {
            rtt.on_sample(Instant::ZERO, MS / 50, Duration::ZERO);
        }
        assert!(rtt.probe_timeout(Duration::ZERO) >= GRANULARITY);
    }
}
