//! When a packet is lost: thresholds in packets and time that adapt to reordering, and persistent
//! congestion (docs/PROTOCOL.md, 8.1). Packets are kept, and walked, elsewhere.

use core::time::Duration;

use rudp_base::Instant;

use super::GRANULARITY;
use super::rtt::Rtt;

/// RFC 9002's `kPacketThreshold`.
const PACKET_THRESHOLD: u64 = 3;
/// The most that reordering makes of it.
const MAX_PACKET_THRESHOLD: u64 = 1_024;
/// RFC 9002's `kTimeThreshold`, 9/8, in eighths.
const TIME_THRESHOLD: u32 = 9;
/// The most that reordering makes of it, in eighths.
const MAX_TIME_THRESHOLD: u32 = 16;
/// After so many round trips without a spurious loss both return to the start (RFC 8985, 6.2).
const QUIET_ROUNDS: u32 = 16;
/// RFC 9002's `kPersistentCongestionThreshold`, in probe timeouts.
const PERSISTENT_PROBES: u32 = 3;

/// How late a packet may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thresholds {
    /// In packets.
    packets: u64,
    /// In eighths of the round-trip time.
    eighths: u32,
    /// Round trips without a spurious loss.
    quiet_rounds: u32,
    /// The time threshold grows once per round trip, as RFC 8985's window does.
    has_grown: bool,
    /// The round trip is over when this number, or a higher one, is acknowledged.
    round_end: u64,
}

/// What becomes of a packet below the highest one acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is taken for lost.
    Lost,
    /// It will be at this time, if nothing is heard of it.
    LostAt(Instant),
}

impl Thresholds {
    pub(super) const fn new() -> Self {
        Self {
            packets: PACKET_THRESHOLD,
            eighths: TIME_THRESHOLD,
            quiet_rounds: 0,
            has_grown: false,
            round_end: 0,
        }
    }

    /// How long after it was sent a packet is lost if a later one was acknowledged (RFC 9002,
    /// 6.1.2).
    pub(super) fn loss_delay(&self, rtt: &Rtt) -> Duration {
        (rtt.smoothed().max(rtt.latest()).saturating_mul(self.eighths) / 8).max(GRANULARITY)
    }

    /// Judges packet `number`, with `loss_delay` as above and a higher number acknowledged (RFC
    /// 9002, 6.1).
    pub(super) fn judge(
        &self,
        now: Instant,
        loss_delay: Duration,
        highest_acked: u64,
        (number, sent_at): (u64, Instant),
    ) -> Verdict {
        let lost_at = sent_at + loss_delay;
        if lost_at <= now || highest_acked.saturating_sub(number) >= self.packets {
            Verdict::Lost
        } else {
            Verdict::LostAt(lost_at)
        }
    }

    /// `highest` was acknowledged, and `next` will be the next packet.
    pub(super) fn on_ack(&mut self, highest: u64, next: u64) {
        if highest < self.round_end {
            return;
        }
        self.round_end = next;
        self.has_grown = false;
        self.quiet_rounds += 1;
        if self.quiet_rounds >= QUIET_ROUNDS {
            *self = Self { round_end: next, ..Self::new() };
        }
    }

    /// A packet taken for lost came `distance` packets behind the highest one, with `flight`
    /// packets in flight.
    pub(super) fn on_spurious(&mut self, distance: u64, flight: u64) {
        let most = MAX_PACKET_THRESHOLD.min(flight / 2);
        self.packets = self.packets.max(distance.saturating_add(1).min(most));
        if !self.has_grown {
            self.has_grown = true;
            self.eighths = (self.eighths + 1).min(MAX_TIME_THRESHOLD);
        }
        self.quiet_rounds = 0;
    }
}

/// The time of losses in a row that makes congestion persistent (RFC 9002, 7.6.1).
pub(super) fn persistent_duration(rtt: &Rtt, max_ack_delay: Duration) -> Duration {
    rtt.probe_timeout(max_ack_delay).saturating_mul(PERSISTENT_PROBES)
}

/// A run of losses with nothing acknowledged in between (RFC 9002, 7.6.2).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LossRun {
    first_sent_at: Option<Instant>,
    pub(super) longest: Duration,
}

impl LossRun {
    /// The next lost packet; `is_contiguous` if nothing was acknowledged since the one before.
    pub(super) fn on_lost(&mut self, sent_at: Instant, is_contiguous: bool) {
        let first = *self.first_sent_at.get_or_insert(sent_at);
        if is_contiguous {
            self.longest = self.longest.max(sent_at - first);
        } else {
            self.first_sent_at = Some(sent_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u32) -> Instant {
        Instant::ZERO + MS * ms
    }

    // spec: 8.1
    #[test]
    fn judges_by_packets_and_by_time() {
        let thresholds = Thresholds::new();
        let mut rtt = Rtt::new(MS * 333);
        rtt.on_sample(at(0), MS * 80, Duration::ZERO);
        let delay = thresholds.loss_delay(&rtt);
        assert_eq!(delay, MS * 90);
        let table = [
            ("just sent, 2 behind", 10, 8, 0, Verdict::LostAt(at(90))),
            ("just sent, 3 behind", 10, 7, 0, Verdict::Lost),
            ("1 behind, before 9/8", 10, 9, 89, Verdict::LostAt(at(90))),
            ("1 behind, at 9/8", 10, 9, 90, Verdict::Lost),
        ];
        for (what, highest, number, now, verdict) in table {
            let judged = thresholds.judge(at(now), delay, highest, (number, at(0)));
            assert_eq!(judged, verdict, "{what}");
        }
    }

    #[test]
    fn the_time_threshold_is_at_least_the_granularity() {
        let mut rtt = Rtt::new(MS);
        rtt.on_sample(at(0), MS / 100, Duration::ZERO);
        assert_eq!(Thresholds::new().loss_delay(&rtt), GRANULARITY);
    }

    // spec: 8.1
    #[test]
    fn reordering_moves_the_thresholds_within_bounds() {
        let table = [
            ("distance plus 1", 10, 100, 11),
            ("half the flight", 80, 100, 50),
            ("never below the start", 80, 2, 3),
            ("1024", 5_000, 100_000, 1_024),
            ("no overflow", u64::MAX, u64::MAX, 1_024),
        ];
        for (what, distance, flight, packets) in table {
            let mut thresholds = Thresholds::new();
            thresholds.on_spurious(distance, flight);
            assert_eq!((thresholds.packets, thresholds.eighths), (packets, 10), "{what}");
        }
    }

    // spec: 8.1
    #[test]
    fn the_time_threshold_grows_once_a_round_to_two() {
        let mut thresholds = Thresholds::new();
        for round in 0..20 {
            thresholds.on_ack(round * 10, (round + 1) * 10);
            for _ in 0..5 {
                thresholds.on_spurious(4, 100);
            }
        }
        assert_eq!(thresholds.eighths, 16);
    }

    // spec: 8.1
    #[test]
    fn sixteen_quiet_rounds_bring_the_start_back() {
        let mut thresholds = Thresholds::new();
        thresholds.on_ack(0, 10);
        thresholds.on_spurious(20, 100);
        for round in 1..16 {
            thresholds.on_ack(round * 10, (round + 1) * 10);
            thresholds.on_ack(round * 10 + 5, (round + 1) * 10);
            assert_eq!(thresholds.packets, 21);
        }
        thresholds.on_ack(160, 170);
        assert_eq!(thresholds, Thresholds { round_end: 170, ..Thresholds::new() });
    }

    #[test]
    fn a_run_ends_where_something_was_acknowledged() {
        let mut run = LossRun::default();
        run.on_lost(at(0), false);
        run.on_lost(at(50), true);
        run.on_lost(at(100), false);
        run.on_lost(at(130), true);
        assert_eq!(run.longest, MS * 50);
    }
}
