//! [`Train`]: what the packets of one round trip show of the path while `Startup` does not know it.
//! They leave faster than the rate that would fill the pipe with them; how much later the last of
//! them comes than it would through an empty path is how fast the path takes them.
//!
//! The draft doubles what is in flight each round, whatever the acknowledgements say: on a path with
//! a thousand packets in flight that takes seven round trips, and nearly all of the capacity is not
//! used until then. Where a train shows that the path takes more, `Startup` quadruples instead, and
//! from 20 packets on grows up to sixteenfold, but goes no further in this way than to what the
//! train's rate would fill. So it overshoots less than by doubling. (SUSS, SIGCOMM 2024, quadruples
//! as well, and guesses from the length of the round whether it may.)

use core::time::Duration;

use rudp_base::Instant;

use super::volume;
use crate::congestion::AckSample;

/// Fewer packets show nothing.
const LEAST_PACKETS: u64 = 8;
/// A queue that delays packets by more than this part of the least round-trip time shows that the
/// path is full.
const FULL_DIVISOR: u32 = 8;
/// They meet a longer queue where they are later by this part of it.
const LATER_DIVISOR: u32 = 64;
/// The window grows by so much for each byte acknowledged, where doubling adds one: fourfold, and
/// where more packets were seen sixteenfold, as far as the rate allows.
const GROWTH: u64 = 3;
const MANY_PACKETS: u64 = 20;
const MANY_GROWTH: u64 = 15;
/// The train leaves in so much of a round trip, in percent of its rate over all of it: one that is
/// small makes no queue worth the name, and may be fast.
const SMALL_PACKETS: u64 = 64;
const SMALL_GAIN: u64 = 1_600;
const GAIN: u64 = 400;

/// The acknowledgements of one round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Train {
    /// The window when the round began, and what was acknowledged in it.
    window: u64,
    acked: u64,
    has_many: bool,
    /// What the first acknowledgement was about, and when its newest packet had been sent.
    first: u64,
    first_sent_at: Instant,
    /// How fast the path took packets in this round, in bytes per second.
    rate: Option<u64>,
    /// How much later than through an empty path the packets came that showed it.
    late: Duration,
    /// Something was seen, in this round or before.
    is_known: bool,
    /// The path is full, or loses more than it should: no more trains.
    is_over: bool,
}

impl Train {
    /// The first acknowledgement of a round, before which the window was `window`.
    pub(super) fn begin(&mut self, sample: &AckSample, window: u64) {
        (self.window, self.acked, self.first) = (window, sample.bytes, sample.bytes);
        self.first_sent_at = sample.sent_at;
        (self.rate, self.late, self.has_many) = (None, Duration::ZERO, false);
    }

    /// A further one.
    pub(super) fn on_ack(&mut self, sample: &AckSample, max_datagram_size: u64) {
        self.acked = self.acked.saturating_add(sample.bytes);
        self.has_many = self.acked >= MANY_PACKETS * max_datagram_size;
        let bytes = self.acked - self.first;
        let Some(rtt) = sample.path_rtt() else { return };
        if bytes < LEAST_PACKETS * max_datagram_size {
            return;
        }
        let sending = sample.sent_at - self.first_sent_at;
        let late = rtt.saturating_sub(sample.min_rtt);
        // What is too short to be called later is too short to divide by: packets that come in one lump
        // seem to take no time at all.
        let least = sample.min_rtt / LATER_DIVISOR;
        let nanos = (sending + late).max(least).as_nanos().max(1);
        let rate = u128::from(bytes) * 1_000_000_000 / nanos;
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        let was_over = self.is_over;
        self.is_over |= late > sample.min_rtt / FULL_DIVISOR;
        // Packets that left more slowly, and met no longer queue, do not show that the path is slower.
        let is_later = late > self.late + least;
        if is_later || self.rate.is_none_or(|best| rate > best) {
            (self.rate, self.late) = (Some(rate), late);
        }
        self.is_known |= !was_over;
    }

    /// More was lost than the path loses by itself.
    pub(super) fn on_congestion(&mut self) {
        self.is_over = true;
    }

    /// How large the window may be; 0 if this round has shown nothing.
    pub(super) fn window(&self, min_rtt: Duration) -> u64 {
        let Some(rate) = self.rate.filter(|_| !self.is_over) else { return 0 };
        let growth = if self.has_many { MANY_GROWTH } else { GROWTH };
        let grown = self.window.saturating_add(growth.saturating_mul(self.acked));
        grown.min(volume(rate, min_rtt))
    }

    /// At how many percent of its rate over a whole round trip the `window` shall leave, if that is as
    /// a train: something was seen, and the path is not full.
    pub(super) fn gain(&self, window: u64, max_datagram_size: u64) -> Option<u64> {
        let is_small = window < SMALL_PACKETS * max_datagram_size;
        let gain = if is_small { SMALL_GAIN } else { GAIN };
        (self.is_known && !self.is_over).then_some(gain)
    }

    /// Whether trains have come to an end.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The same, once.
    pub(super) fn take_end(&mut self) -> bool {
        let is_news = self.is_over && self.is_known;
        self.is_known &= !is_news;
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 1_000;
    const RTT: u64 = 100_000;

    fn at(micros: u64) -> Instant {
        Instant::from_nanos(micros * 1_000)
    }

    /// As many packets that leave `spacing` microseconds apart, through a path that needs `each` for
    /// one, from a window of as many.
    fn train_of(packets: u64, spacing: u64, each: u64) -> Train {
        let times: Vec<_> = (0..packets).map(|number| number * spacing).collect();
        train_at(&times, |_| each)
    }

    /// Packets that leave at these times, through a path that needs `each` for the one with that number.
    fn train_at(times: &[u64], each: impl Fn(usize) -> u64) -> Train {
        let (mut train, mut free_at) = (Train::default(), 0);
        let packets = times.len() as u64;
        for (number, &sent) in times.iter().enumerate() {
            free_at = free_at.max(sent) + each(number);
            let sample = AckSample {
                now: at(free_at + RTT),
                bytes: SIZE,
                sent_at: at(sent),
                latest_rtt: Some(Duration::from_micros(free_at + RTT - sent)),
                min_rtt: Duration::from_micros(RTT + each(0)),
                ..AckSample::default()
            };
            if number == 0 {
                train.begin(&sample, packets * SIZE);
            } else {
                train.on_ack(&sample, SIZE);
            }
        }
        train
    }

    fn train(spacing: u64, each: u64) -> Train {
        train_of(20, spacing, each)
    }

    fn window(train: &Train) -> u64 {
        train.window(Duration::from_micros(RTT)) / SIZE
    }

    fn gain(train: &Train) -> Option<u64> {
        train.gain(20 * SIZE, SIZE)
    }

    #[test]
    fn the_path_is_known_where_packets_leave_faster() {
        // All at once, through a path that takes 200 in a round trip, and 1,000.
        assert_eq!(window(&train_of(19, 0, 500)), 76, "no more than four times as many");
        assert_eq!(window(&train(0, 500)), 200, "as many as the path takes");
        assert_eq!(window(&train(0, 100)), 320, "no more than sixteen times as many");
        assert_eq!(window(&train(200, 600)), 166);
        assert!(
            gain(&train(0, 100)).is_some() && gain(&train(0, 1_000)).is_none(),
            "the queue is seen"
        );
    }

    #[test]
    fn an_acknowledgement_that_waited_is_no_queue() {
        for (ack_delay, is_known) in [(25_000, true), (0, false)] {
            let mut train = train(0, 100);
            let sample = AckSample {
                bytes: SIZE,
                latest_rtt: Some(Duration::from_micros(RTT + 2_100 + 25_000)),
                ack_delay: Duration::from_micros(ack_delay),
                min_rtt: Duration::from_micros(RTT + 100),
                ..AckSample::default()
            };
            train.on_ack(&sample, SIZE);
            assert_eq!(gain(&train).is_some(), is_known);
        }
    }

    #[test]
    fn where_they_leave_slower_the_path_takes_them_at_least() {
        let train = train(2_000, 100);
        assert_eq!(window(&train), 50);
        assert_eq!(gain(&train), Some(1_600));
    }

    /// Ten at once, and fifty behind them `spacing` microseconds apart.
    fn head_and_tail(spacing: u64) -> Vec<u64> {
        (0..60).map(|number: u64| number.saturating_sub(9) * spacing).collect()
    }

    #[test]
    fn those_that_leave_slower_behind_others_do_not_make_the_path_slower() {
        assert_eq!(window(&train_at(&head_and_tail(10_000), |_| 500)), 200);
        assert_eq!(window(&train_at(&head_and_tail(600), |_| 500)), 200);
        assert_eq!(window(&train_at(&head_and_tail(600), |_| 900)), 0, "a queue grows");
    }

    #[test]
    fn a_path_that_becomes_slower_is_slower() {
        let train = train_at(&[0; 30], |number| if number < 10 { 100 } else { 500 });
        // 29 in 10.9 ms or a little less, and not nine in one.
        assert!((266..=280).contains(&window(&train)), "{}", window(&train));
    }

    #[test]
    fn packets_that_come_in_one_lump_are_not_taken_for_a_rate_without_end() {
        let train = train_at(&head_and_tail(10_000), |_| 0);
        assert_eq!(window(&train), 9 * u64::from(LATER_DIVISOR));
    }

    #[test]
    fn few_packets_and_other_rounds_show_nothing() {
        let mut train = train(0, 500);
        assert_eq!(gain(&train), Some(1_600));
        let sample = AckSample { bytes: SIZE, ..AckSample::default() };
        train.begin(&sample, 50 * SIZE);
        for _ in 0..LEAST_PACKETS - 1 {
            train.on_ack(&AckSample { latest_rtt: Some(Duration::ZERO), ..sample }, SIZE);
            assert_eq!(window(&train), 0);
        }
        train.on_congestion();
        assert_eq!(gain(&train), None);
    }
}
