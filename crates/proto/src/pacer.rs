//! [`Pacer`]: a token bucket that spreads packets over time (docs/PROTOCOL.md, 8.4).
//! The rate is the congestion controller's, the packets are the connection's.

use core::time::Duration;

use rudp_base::Instant;

/// The rate over this time may leave at once on any path. A timer that fired late may make up for as
/// much.
const LEAST_BURST: Duration = Duration::from_millis(1);
/// On long paths it is the rate over this part of a round trip: a queue that long does no harm there, and
/// each time that the timer fires costs as much as a dozen packets in a row.
const PART_OF_RTT: u32 = 12;
/// The same where the path is calm: between two acknowledgements of bulk (8.3) the timer fires once.
const LARGE_PART_OF_RTT: u32 = 8;
/// The largest batch in bytes.
const BATCH: u64 = 64 * 1_024;
/// The least burst, in packets.
const LEAST_PACKETS: u64 = 2;
/// The burst at the start, in packets (RFC 9002, 7.7).
const START_PACKETS: u64 = 10;
const NANOS: u128 = 1_000_000_000;

/// The bucket. Rates are in bytes per second; credit is counted to the billionth of a byte, so that
/// nothing is lost or gained however often it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    /// Bytes that may leave; below zero after probes, which leave whatever is here.
    credit: i64,
    /// Billionths of a byte besides.
    fraction: u64,
    /// What is left of the first burst, which does not expire.
    start: u64,
    /// When the credit was brought up to date.
    updated_at: Option<Instant>,
    /// When the timer should fire.
    due: Option<Instant>,
}

/// How fast packets may leave, and of which size they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// In bytes per second.
    pub(crate) rate: u64,
    /// What is sent in this time may leave at once.
    pub(crate) burst: Duration,
    /// A packet's size at most, in bytes.
    pub(crate) max_datagram_size: u64,
}

impl Pace {
    /// What may leave at once, in bytes.
    fn burst(&self) -> u64 {
        let bytes = sent_in(self.rate, self.burst) / NANOS;
        u64::try_from(bytes).unwrap_or(u64::MAX).max(LEAST_PACKETS * self.max_datagram_size)
    }
}

/// What a path has shown of how it takes bursts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conditions {
    /// Packets are lost, by chance or otherwise.
    Lossy,
    /// Hardly any are.
    Fair,
    /// None is, and there is no queue that others wait in as well.
    Calm,
}

/// What is sent in this time may leave at once on a path with that round-trip time, where `max_burst`
/// is set.
pub(crate) fn burst(rtt: Duration, conditions: Conditions, max_burst: Duration) -> Duration {
    let burst = match conditions {
        Conditions::Lossy => Duration::ZERO,
        Conditions::Fair => (rtt / PART_OF_RTT).min(max_burst / 2),
        Conditions::Calm => (rtt / LARGE_PART_OF_RTT).min(max_burst),
    };
    burst.max(LEAST_BURST)
}

impl Pacer {
    /// A pacer for packets of `max_datagram_size` bytes, also after a change of path.
    pub(crate) fn new(max_datagram_size: u64) -> Self {
        let start = START_PACKETS * max_datagram_size;
        Self { credit: signed(start), fraction: 0, start, updated_at: None, due: None }
    }

    /// How many bytes may leave at `now` as one batch. Without a rate nothing is known of the path
    /// yet, and the window alone is the limit.
    pub(crate) fn budget(&mut self, now: Instant, pace: Option<&Pace>) -> u64 {
        let Some(pace) = pace else {
            self.updated_at = Some(now);
            return BATCH;
        };
        self.refill(now, pace);
        u64::try_from(self.credit).unwrap_or(0).min(BATCH)
    }

    /// `bytes` have left.
    pub(crate) fn on_sent(&mut self, bytes: u64) {
        // Forced packets do not close the pacer for longer than a batch takes.
        self.credit = self.credit.saturating_sub(signed(bytes)).max(-signed(BATCH));
        self.start = self.start.saturating_sub(bytes);
    }

    /// When `wanted` bytes may leave, or so many of them that it is worth the timer: two packets,
    /// and at high rates the burst or a whole batch. Call it behind [`budget`](Self::budget) of the
    /// same instant, where that was not enough.
    pub(crate) fn next(&mut self, now: Instant, pace: &Pace, wanted: u64) -> Instant {
        let Pace { rate, max_datagram_size, .. } = *pace;
        let worth = pace.burst().min(BATCH.max(LEAST_PACKETS * max_datagram_size));
        let missing = i128::from(wanted.min(worth)) - i128::from(self.credit);
        let missing = u128::try_from(missing).unwrap_or(0) * NANOS;
        let wait =
            missing.saturating_sub(u128::from(self.fraction)).div_ceil(u128::from(rate.max(1)));
        let due = now + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX));
        self.due = Some(due);
        due
    }

    fn refill(&mut self, now: Instant, pace: &Pace) {
        let rate = pace.rate;
        let elapsed = now - self.updated_at.unwrap_or(now);
        self.updated_at = Some(self.updated_at.map_or(now, |last| last.max(now)));
        if elapsed.is_zero() {
            return;
        }
        let gained = sent_in(rate, elapsed).saturating_add(u128::from(self.fraction));
        let bytes = i64::try_from(gained / NANOS).unwrap_or(i64::MAX);
        self.credit = self.credit.saturating_add(bytes);
        self.fraction = u64::try_from(gained % NANOS).unwrap_or(0);

        let late = self.due.take_if(|due| *due <= now).map_or(Duration::ZERO, |due| now - due);
        let late = u64::try_from(sent_in(rate, late.min(LEAST_BURST)) / NANOS).unwrap_or(u64::MAX);
        let limit = pace.burst().saturating_add(late).max(self.start);
        if self.credit >= signed(limit) {
            self.credit = signed(limit);
            self.fraction = 0;
        }
    }
}

/// Billionths of a byte that leave in `time`.
fn sent_in(rate: u64, time: Duration) -> u128 {
    u128::from(rate).saturating_mul(time.as_nanos())
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: u64 = 1_200;

    fn at(micros: u64) -> Instant {
        Instant::from_nanos(micros * 1_000)
    }

    fn pace(rate: u64) -> Pace {
        Pace { rate, burst: LEAST_BURST, max_datagram_size: SIZE }
    }

    /// A pacer whose first burst has left at 0.
    fn started(rate: u64) -> Pacer {
        let mut pacer = Pacer::new(SIZE);
        assert_eq!(pacer.budget(at(0), Some(&pace(rate))), 10 * SIZE);
        pacer.on_sent(10 * SIZE);
        pacer
    }

    // spec: 8.4
    #[test]
    fn ten_packets_may_leave_at_the_start_even_later() {
        let mut pacer = Pacer::new(SIZE);
        assert_eq!(pacer.budget(at(0), None), BATCH, "the window is the limit");
        pacer.on_sent(SIZE);
        assert_eq!(pacer.budget(at(90_000), Some(&pace(1_000_000))), 9 * SIZE);
        pacer.on_sent(9 * SIZE);
        assert_eq!(pacer.budget(at(900_000), Some(&pace(1_000_000))), 2 * SIZE);
    }

    // spec: 8.4
    #[test]
    fn a_burst_is_a_millisecond_or_two_packets_and_a_batch_is_64_kib() {
        let cases = [
            (100_000, 2_400),
            (2_000_000, 2_400),
            (10_000_000, 10_000),
            (65_000_000, 65_000),
            (1_000_000_000, BATCH),
        ];
        for (rate, expected) in cases {
            let mut pacer = started(rate);
            assert_eq!(pacer.budget(at(10_000_000), Some(&pace(rate))), expected, "{rate}");
        }
        // Several batches are one burst.
        let mut pacer = started(1_000_000_000);
        let mut burst = 0;
        while let bytes @ 1.. = pacer.budget(at(10_000_000), Some(&pace(1_000_000_000))) {
            pacer.on_sent(bytes);
            burst += bytes;
        }
        assert_eq!(burst, 1_000_000);
    }

    // spec: 8.4
    #[test]
    fn a_burst_is_a_part_of_a_long_round_trip_up_to_what_is_set() {
        let cases = [
            // round trip, most, bursts, all in microseconds
            (100, 8_000, [1_000, 1_000, 1_000]),
            (12_000, 8_000, [1_000, 1_000, 1_500]),
            (36_000, 8_000, [1_000, 3_000, 4_500]),
            (48_000, 8_000, [1_000, 4_000, 6_000]),
            (600_000, 8_000, [1_000, 4_000, 8_000]),
            (600_000, 1_000, [1_000, 1_000, 1_000]),
        ];
        let us = Duration::from_micros;
        for (rtt, most, expected) in cases {
            let bursts = [Conditions::Lossy, Conditions::Fair, Conditions::Calm]
                .map(|conditions| burst(us(rtt), conditions, us(most)));
            assert_eq!(bursts, expected.map(us), "{rtt}");
        }
        let pace = Pace { burst: us(2_500), ..pace(2_400_000) };
        let mut pacer = started(pace.rate);
        assert_eq!(pacer.next(at(0), &pace, u64::MAX), at(2_500));
        assert_eq!(pacer.budget(at(10_000_000), Some(&pace)), 8_400, "and a timer's delay");
    }

    #[test]
    fn the_timer_waits_for_what_is_worth_it() {
        let cases = [
            // rate, wanted, microseconds
            (1_200_000, BATCH, 2_000),    // two packets
            (1_200_000, 600, 500),        // all there is
            (12_000_000, BATCH, 1_000),   // what leaves in a millisecond
            (655_360_000, u64::MAX, 100), // a batch
        ];
        for (rate, wanted, micros) in cases {
            let mut pacer = started(rate);
            assert_eq!(pacer.next(at(0), &pace(rate), wanted), at(micros), "{rate} {wanted}");
            let ready = pacer.budget(at(micros), Some(&pace(rate)));
            assert!(ready >= wanted.min(BATCH).min(pace(rate).burst()), "{rate} {wanted}");
        }
    }

    // spec: 8.4
    #[test]
    fn a_late_timer_makes_up_for_a_millisecond_at_most() {
        let rate = 1_200_000;
        for (late, expected) in [(0, 2_400), (500, 3_000), (1_000, 3_600), (50_000, 3_600)] {
            let mut pacer = started(rate);
            let due = pacer.next(at(0), &pace(rate), BATCH);
            let now = due + Duration::from_micros(late);
            assert_eq!(pacer.budget(now, Some(&pace(rate))), expected, "{late}");
        }
    }

    #[test]
    fn forced_packets_are_paid_back() {
        let rate = 1_000_000;
        let mut pacer = started(rate);
        pacer.on_sent(1_000);
        assert_eq!(pacer.budget(at(1_000), Some(&pace(rate))), 0);
        assert_eq!(pacer.budget(at(1_500), Some(&pace(rate))), 500);
        pacer.on_sent(u64::MAX);
        assert!(pacer.next(at(1_500), &pace(rate), 100) <= at(70_000));
    }

    #[test]
    fn extremes_are_no_overflow() {
        for rate in [0, 1, u64::MAX] {
            let mut pacer = Pacer::new(65_535);
            for now in [at(0), at(1), Instant::MAX, at(5), Instant::MAX] {
                for burst in [Duration::ZERO, Duration::MAX] {
                    let pace = Pace { rate, burst, max_datagram_size: 65_535 };
                    pacer.budget(now, Some(&pace));
                    pacer.on_sent(BATCH);
                    assert!(pacer.next(now, &pace, u64::MAX) >= now);
                }
            }
        }
    }

    proptest! {
        // spec: 8.4
        #[test]
        fn never_more_than_the_rate_and_a_burst(
            rate in 1_000..2_000_000_000u64,
            burst in 1_000..10_000u64,
            steps in prop::collection::vec((0..3_000_000u64, 0..3u8, 1..70_000u64), 1..200),
        ) {
            let mut pacer = started(rate);
            let pace = Pace { burst: Duration::from_micros(burst), ..pace(rate) };
            let mut sent = vec![];
            let (mut now, mut due) = (at(0), None);
            for (wait, kind, bytes) in steps {
                // Never late in half of the cases.
                now = match due {
                    Some(due) if kind == 0 => due,
                    _ => now + Duration::from_nanos(wait),
                };
                let budget = pacer.budget(now, Some(&pace));
                let bytes = bytes.min(budget);
                pacer.on_sent(bytes);
                sent.push((now, bytes));
                due = (kind != 2).then(|| pacer.next(now, &pace, u64::MAX));
            }
            // A burst, and a timer's delay of a millisecond.
            let allowed = u128::from(pace.burst()) + u128::from(rate / 1_000);
            for from in 0..sent.len() {
                let mut total = 0;
                for (at, bytes) in &sent[from..] {
                    total += u128::from(*bytes);
                    let time = (*at - sent[from].0).as_nanos();
                    let most = u128::from(rate) * time / NANOS + allowed + 1;
                    prop_assert!(total <= most, "{total} > {most}");
                }
            }
        }

        // spec: 8.4
        #[test]
        fn punctual_timers_reach_the_rate_exactly(
            rate in 10_000..2_000_000_000u64,
            rounds in 1..300u32,
        ) {
            let mut pacer = started(rate);
            let (mut now, mut sent) = (at(0), 0u128);
            for _ in 0..rounds {
                now = pacer.next(now, &pace(rate), u64::MAX);
                let bytes = pacer.budget(now, Some(&pace(rate)));
                prop_assert!(bytes >= 2 * SIZE);
                pacer.on_sent(bytes);
                sent += u128::from(bytes);
            }
            let exact = u128::from(rate) * (now - at(0)).as_nanos() / NANOS;
            prop_assert!(sent <= exact, "{sent} > {exact}");
            // A full bucket loses the fraction of a byte that came with the last nanosecond.
            let lost = exact - sent;
            prop_assert!(lost <= u128::from(rounds) * (1 + u128::from(rate) / NANOS), "{lost}");
        }
    }
}
