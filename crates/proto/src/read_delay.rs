//! How long packets may lie unread without harm, so that one wake-up is for several of them: what a
//! session can bear ([`read_delay`]), and what all sessions of an endpoint can ([`Patience`]).
//! Whether anybody makes use of it is decided by who runs the machine.

use core::time::Duration;

use rudp_base::Instant;

/// On shorter paths it is not a part of the round trip: a timer for that would be no better than a
/// wake-up.
const LEAST_RTT: Duration = Duration::from_millis(10);

/// How long packets may lie there: long enough for a dozen that come one by one, and too short to hold
/// up a sender that has something like a millisecond's packets in flight.
const SHORT: Duration = Duration::from_micros(50);

/// Whoever has written in this time may wait for an answer, of however many packets, and there the delay
/// would be a large part of what it takes.
const QUIET: Duration = Duration::from_millis(10);

/// Where a round trip takes less, packets are counted for so long: those of a few bursts alone are no
/// bulk, and too few fall into it.
const LEAST_ROUND: Duration = Duration::from_millis(1);

/// Packets may lie unread for this part of a round trip: by no more do its time and what depends on it
/// grow.
const PART_OF_RTT: u32 = 16;

/// So many packets are worth a wake-up: where fewer come in that time they may lie for up to twice as long.
const WORTH_A_WAKE_UP: u32 = 8;

/// So many packets that come in a round trip are bulk, of which none is waited for by itself.
const BULK: u64 = 32;

/// Who has so many packets in flight waits for their acknowledgements: from when they come it learns
/// the path's round-trip time and rate.
const AWAITED: u64 = 8;

/// For at least this time, and for twice as long at most, an endpoint reads at once after it had
/// to do with a session that needs it.
const MEMORY: Duration = Duration::from_millis(100);

/// What a session can bear at most on a path with that round-trip time, in which so many packets come, if
/// it [only receives](receives_bulk), has written last so long ago, and `most` is set.
pub(crate) fn read_delay(rtt: Duration, coming: u64, wrote: Duration, most: Duration) -> Duration {
    if rtt < LEAST_RTT {
        return if wrote < QUIET { Duration::ZERO } else { SHORT.min(most / 2) };
    }
    let delay = (rtt / PART_OF_RTT).min(most / 2);
    let coming = u32::try_from(coming).unwrap_or(u32::MAX).max(1);
    (rtt.saturating_mul(WORTH_A_WAKE_UP) / coming).clamp(delay, delay * 2)
}

/// Whether so many packets, coming in a round trip and in flight, are bulk of which this end is the
/// receiver.
pub(crate) fn receives_bulk(coming: u64, in_flight: u64) -> bool {
    coming >= BULK && in_flight < AWAITED
}

/// How many packets come in a round trip, and when the program wrote last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inflow {
    /// When the current round began, and how many packets had come in all by then.
    began_at: Instant,
    before: u64,
    /// How many came in the round before.
    last: u64,
    /// How often the program had written when it was seen to have, and when that was.
    writes: u32,
    wrote_at: Instant,
}

impl Inflow {
    /// How long ago the program wrote last, which it has done so often in all.
    pub(crate) fn wrote(&mut self, now: Instant, writes: u32) -> Duration {
        if self.writes != writes {
            (self.writes, self.wrote_at) = (writes, now);
        }
        now - self.wrote_at
    }

    /// How many it were in the last round trip of `rtt`, or are in this one by now if that is more; in a
    /// millisecond where that is longer. `received` have come in all.
    pub(crate) fn packets(&mut self, now: Instant, rtt: Duration, received: u64) -> u64 {
        let rtt = rtt.max(LEAST_ROUND);
        let current = received.saturating_sub(self.before);
        let age = now - self.began_at;
        if age < rtt {
            return self.last.max(current);
        }
        // The round may have ended long ago, with a pause.
        let part = u128::from(current) * rtt.as_nanos() / age.as_nanos();
        self.last = u64::try_from(part).unwrap_or(current);
        (self.began_at, self.before) = (now, received);
        self.last
    }
}

/// The least of what sessions could bear lately: one that cannot wait does not have to for
/// another's sake.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    began_at: Instant,
    least: Duration,
    /// The least before that.
    before: Duration,
}

impl Patience {
    /// Something happened to a session that can bear `delay`.
    pub(crate) fn note(&mut self, now: Instant, delay: Duration) {
        let age = now - self.began_at;
        if age < MEMORY {
            self.least = self.least.min(delay);
            return;
        }
        let is_recent = age < MEMORY * 2;
        self.before = if is_recent { self.least } else { Duration::ZERO };
        (self.began_at, self.least) = (now, delay);
    }

    /// What all of them can bear; nothing if none was heard of.
    pub(crate) fn get(&self, now: Instant) -> Duration {
        if now - self.began_at < MEMORY * 2 { self.least.min(self.before) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const S: Duration = Duration::from_secs(1);
    const RTT: Duration = Duration::from_millis(32);

    fn at(ms: u32) -> Instant {
        Instant::ZERO + Duration::from_secs(9) + MS * ms
    }

    #[test]
    fn a_session_bears_a_part_of_a_long_round_trip() {
        let us = Duration::from_micros;
        let table = [
            (us(0), 999, 50),
            (us(9_999), 999, 50),
            (10 * MS, 999, 625),
            (640 * MS, 999, 40_000),
            (640 * MS, 128, 40_000),
            (640 * MS, 80, 64_000),
            (640 * MS, 64, 80_000),
            (640 * MS, 0, 80_000),
            (6_400 * MS, 9_999, 50_000),
            (6_400 * MS, 999, 51_251),
        ];
        for (rtt, coming, micros) in table {
            let delay = read_delay(rtt, coming, S, 100 * MS);
            assert_eq!(delay.as_micros(), micros, "{rtt:?} {coming}");
        }
        for rtt in [us(100), 640 * MS] {
            assert!(read_delay(rtt, 0, S, Duration::ZERO).is_zero());
        }
        assert_eq!(read_delay(us(100), 999, S, us(60)), us(30));
        assert_eq!(read_delay(us(100), 999, 10 * MS, S), us(50));
        assert!(read_delay(us(100), 999, us(9_999), S).is_zero(), "it waits for an answer");
        assert!(!read_delay(10 * MS, 999, us(0), S).is_zero(), "which takes long anyway");
        let table = [(31, 0, false), (32, 0, true), (999, 7, true), (999, 8, false)];
        for (coming, in_flight, is_bulk) in table {
            assert_eq!(receives_bulk(coming, in_flight), is_bulk, "{coming}, {in_flight}");
        }
    }

    #[test]
    fn packets_are_counted_by_round_trip() {
        let mut inflow = Inflow::default();
        // (when, how many have come in all, how many come in a round trip)
        let table = [
            (0, 1_000, 3, "of what came in nine seconds"),
            (10, 1_020, 20, "the round has begun"),
            (31, 1_060, 60, "it goes on"),
            (32, 1_064, 64, "it is over"),
            (33, 1_065, 64, "the next one has hardly begun"),
            (60, 1_075, 64, "it has fewer"),
            (64, 1_080, 16, "and is over"),
            (200, 1_081, 0, "after a pause"),
            (210, 1_100, 19, "it begins anew"),
        ];
        for (ms, received, packets, why) in table {
            assert_eq!(inflow.packets(at(ms), RTT, received), packets, "{why}");
        }
    }

    #[test]
    fn it_is_seen_when_the_program_writes() {
        let mut inflow = Inflow::default();
        assert!(inflow.wrote(at(0), 0) > S);
        for (ms, writes, wrote) in [(1, 3, 0), (5, 3, 4), (6, 4, 0), (6, 4, 0), (900, 4, 894)] {
            assert_eq!(inflow.wrote(at(ms), writes), MS * wrote, "{ms}");
        }
    }

    #[test]
    fn packets_of_short_round_trips_are_counted_for_a_millisecond() {
        let (mut inflow, rtt) = (Inflow::default(), Duration::from_micros(30));
        for ms in 0..9 {
            let (begun, over) = (at(ms), at(ms) + MS * 9 / 10);
            let before = u64::from(ms) * 40;
            inflow.packets(begun, rtt, before);
            assert_eq!(inflow.packets(over, rtt, before + 39), if ms == 0 { 39 } else { 40 });
        }
    }

    #[test]
    fn the_least_counts_for_a_while() {
        let mut patience = Patience::default();
        assert_eq!(patience.get(at(0)), Duration::ZERO);
        // (when, what a session can bear, what all can)
        let table = [
            (0, 2, 0, "nothing is known of what was before"),
            (99, 2, 0, "for a while"),
            (100, 2, 2, "now it is"),
            (150, 1, 1, "another cannot bear as much"),
            (200, 2, 1, "and may come again"),
            (299, 2, 1, "up to here"),
            (300, 2, 2, "no more"),
            (310, 0, 0, "somebody waits"),
            (320, 2, 0, "and still does"),
            (400, 2, 0, "for at least 100 ms"),
            (500, 2, 2, "and less than 200"),
            (900, 2, 0, "after a pause anybody may"),
        ];
        for (ms, delay, all, why) in table {
            patience.note(at(ms), MS * delay);
            assert_eq!(patience.get(at(ms)), MS * all, "{why}");
        }
        assert_eq!(patience.get(at(1_100)), Duration::ZERO, "nobody was heard of for long");
    }

    #[test]
    fn extremes_are_no_overflow() {
        let (mut inflow, mut patience) = (Inflow::default(), Patience::default());
        for now in [Instant::ZERO, Instant::MAX, Instant::ZERO] {
            for rtt in [Duration::ZERO, Duration::MAX] {
                inflow.packets(now, rtt, u64::MAX);
                patience.note(now, read_delay(rtt, u64::MAX, inflow.wrote(now, 1), MS));
                patience.get(now);
            }
        }
    }
}
