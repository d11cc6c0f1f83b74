//! [`MinRtt`]: the least round-trip time of the last ten seconds, and when it has to be looked for
//! with less in flight (draft-ietf-ccwg-bbr, 5.5.7 and 5.3.4.3).

use core::time::Duration;

use rudp_base::Instant;

/// How long a minimum counts (draft-ietf-ccwg-bbr, 2.16.1, `MinRTTFilterLen`).
const WINDOW: Duration = Duration::from_secs(10);
/// After so long without a sample that low it is looked for (draft-ietf-ccwg-bbr, 2.16.2,
/// `ProbeRTTInterval`).
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// Both are at least so many round trips, and twice as many: `Startup` with its `Drain`, and a cycle of
/// probing, take so long, and at their ends the queue is empty without a search. The draft's times,
/// which are for round trips of up to half a second, would have one begun on the way there.
const PROBE_ROUNDS: u32 = 10;
/// A sample that is at most this part above the minimum confirms it: the queue was empty, as it
/// would be after a search. The draft wants a lower sample, which a path without jitter never gives.
const SAME_DIVISOR: u32 = 64;

/// The two minima.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MinRtt {
    /// The estimate, and when it was measured.
    estimate: Option<(Duration, Instant)>,
    /// The least of the current interval (`probe_rtt_min_delay`), and when it was last confirmed.
    recent: Option<(Duration, Instant)>,
    is_due: bool,
}

impl MinRtt {
    /// The estimate.
    pub(super) fn get(&self) -> Option<Duration> {
        self.estimate.map(|estimate| estimate.0)
    }

    /// Whether it has to be looked for.
    pub(super) fn is_due(&self) -> bool {
        self.is_due
    }

    /// An acknowledgement came, with a sample if it gave one.
    pub(super) fn on_ack(&mut self, now: Instant, sample: Option<Duration>) {
        let rounds = self.get().unwrap_or_default().saturating_mul(PROBE_ROUNDS);
        let interval = PROBE_INTERVAL.max(rounds);
        self.is_due = self.recent.is_some_and(|(_, at)| now - at > interval);
        if let Some(rtt) = sample {
            match &mut self.recent {
                Some((least, at)) if !self.is_due => {
                    if rtt <= *least + *least / SAME_DIVISOR {
                        *at = now;
                    }
                    *least = rtt.min(*least);
                }
                recent => *recent = Some((rtt, now)),
            }
        }
        let Some((recent, at)) = self.recent else { return };
        let window = WINDOW.max(rounds.saturating_mul(2));
        let is_old = |(least, since): (Duration, Instant)| recent <= least || now - since > window;
        if self.estimate.is_none_or(is_old) {
            self.estimate = Some((recent, at));
        }
    }

    /// A search is over: the next one is due after another interval.
    pub(super) fn on_probed(&mut self, now: Instant) {
        if let Some((_, at)) = &mut self.recent {
            *at = now;
        }
        self.is_due = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u32) -> Instant {
        Instant::ZERO + MS * ms
    }

    #[test]
    fn a_minimum_lasts_ten_seconds_and_is_looked_for_after_five() {
        let mut min = MinRtt::default();
        // (time, sample in ms, estimate in ms, whether it is due)
        let table = [
            (0, 50, 50, false),
            (1_000, 40, 40, false),
            (2_000, 60, 40, false),
            (6_000, 60, 40, false),
            (6_001, 60, 40, true),
            (6_500, 55, 40, false),
            (11_000, 70, 40, false),
            (11_001, 70, 55, false),
            (12_000, 30, 30, true),
        ];
        for (time, rtt, estimate, is_due) in table {
            min.on_ack(at(time), Some(rtt * MS));
            assert_eq!(min.get(), Some(estimate * MS), "at {time}");
            assert_eq!(min.is_due(), is_due, "at {time}");
        }
    }

    #[test]
    fn with_long_round_trips_it_lasts_twenty_and_is_looked_for_after_ten() {
        let mut min = MinRtt::default();
        // (time, sample in ms, estimate in ms, whether it is due)
        let table = [
            (0, 600, 600, false),
            (5_001, 900, 600, false),
            (6_000, 900, 600, false),
            (6_001, 900, 600, true),
            (12_000, 900, 600, false),
            (12_001, 900, 900, false),
            // Ten of the new ones.
            (21_001, 1_000, 900, false),
            (21_002, 1_000, 900, true),
        ];
        for (time, rtt, estimate, is_due) in table {
            min.on_ack(at(time), Some(rtt * MS));
            assert_eq!(min.get(), Some(estimate * MS), "at {time}");
            assert_eq!(min.is_due(), is_due, "at {time}");
        }
    }

    #[test]
    fn samples_about_as_low_confirm_it_without_raising_it() {
        let mut min = MinRtt::default();
        min.on_ack(at(0), Some(64 * MS));
        for time in 1..20 {
            min.on_ack(at(time * 1_000), Some(65 * MS));
            assert!(!min.is_due() && min.get() == Some(64 * MS), "{time}");
        }
        min.on_ack(at(24_001), Some(66 * MS));
        assert!(min.is_due());
        min.on_probed(at(24_002));
        min.on_ack(at(24_003), None);
        assert!(!min.is_due());
    }
}
