//! [`HyStart`]: when to leave slow start before the queue overflows (`HyStart++`, RFC 9406).
//! It watches round-trip times; the window is its owner's.

use core::time::Duration;

use super::Delivery;

/// A rise of the round-trip time below this is noise (RFC 9406, 4.3, `MIN_RTT_THRESH`).
const LEAST_RISE: Duration = Duration::from_millis(4);
/// A rise of this much always counts (RFC 9406, 4.3, `MAX_RTT_THRESH`).
const MOST_RISE: Duration = Duration::from_millis(16);
/// Between the two, this part of the round-trip time (RFC 9406, 4.3, `MIN_RTT_DIVISOR`).
const RISE_DIVISOR: u32 = 8;
/// Samples of a round that are needed to judge it (RFC 9406, 4.3, `N_RTT_SAMPLE`).
const LEAST_SAMPLES: u32 = 8;
/// Rounds of conservative slow start (RFC 9406, 4.3, `CSS_ROUNDS`).
const CSS_ROUNDS: u32 = 5;

/// What the window does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// Slow start: by what was acknowledged.
    Fast,
    /// Conservative slow start: by a quarter of that (RFC 9406, 4.3, `CSS_GROWTH_DIVISOR`).
    Slow,
    /// Slow start is over.
    Over,
}

/// Conservative slow start: was the rise a real one?
#[derive(Clone, Copy, Debug)]
struct Css {
    /// The least round-trip time of the round in which it began.
    baseline: Duration,
    /// Rounds that have begun, the first and partial one included (RFC 9406, 4.2).
    rounds: u32,
}

/// The rounds of one slow start.
#[derive(Clone, Debug, Default)]
pub(super) struct HyStart {
    /// The round ends when a packet is acknowledged that was sent when so much had been delivered.
    round_end: Option<u64>,
    last_round: Option<Duration>,
    this_round: Option<Duration>,
    samples: u32,
    css: Option<Css>,
}

impl HyStart {
    /// An acknowledgement in slow start.
    pub(super) fn on_ack(&mut self, delivery: &Delivery, rtt: Option<Duration>) -> Growth {
        if let Some(rtt) = rtt {
            self.samples = self.samples.saturating_add(1);
            self.this_round = Some(self.this_round.map_or(rtt, |least| least.min(rtt)));
        }
        self.judge();
        match self.round_end {
            None => self.round_end = Some(delivery.delivered),
            Some(end) if delivery.prior_delivered >= end => {
                return self.next_round(delivery.delivered);
            }
            Some(_) => {}
        }
        self.growth()
    }

    fn growth(&self) -> Growth {
        if self.css.is_some() { Growth::Slow } else { Growth::Fast }
    }

    /// Compares this round with the last one, or with the one in which doubts began.
    fn judge(&mut self) {
        let Some(now) = self.this_round.filter(|_| self.samples >= LEAST_SAMPLES) else { return };
        match (self.css, self.last_round) {
            // The rise was a jitter: on with slow start.
            (Some(css), _) if now < css.baseline => self.css = None,
            (None, Some(last)) => {
                let rise = (last / RISE_DIVISOR).clamp(LEAST_RISE, MOST_RISE);
                if now >= last.saturating_add(rise) {
                    self.css = Some(Css { baseline: now, rounds: 1 });
                }
            }
            _ => {}
        }
    }

    fn next_round(&mut self, delivered: u64) -> Growth {
        self.round_end = Some(delivered);
        self.last_round = self.this_round.take().or(self.last_round);
        self.samples = 0;
        match &mut self.css {
            Some(css) if css.rounds >= CSS_ROUNDS => return Growth::Over,
            Some(css) => css.rounds += 1,
            None => {}
        }
        self.growth()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Of the packet with that number, with ten in flight, each of one byte.
    fn delivery(number: u64) -> Delivery {
        Delivery { prior_delivered: number, delivered: number + 10, ..Delivery::default() }
    }

    /// Plays rounds with ten packets in flight and the given round-trip times in ms, and says what
    /// each round ended with.
    fn rounds(hystart: &mut HyStart, rtts: &[u32]) -> Vec<Growth> {
        let mut number = hystart.round_end.unwrap_or(0);
        let mut play = |rtt: &u32| loop {
            number += 1;
            let is_last = hystart.round_end.is_some_and(|end| number >= end);
            let growth = hystart.on_ack(&delivery(number), Some(*rtt * MS));
            if is_last {
                return growth;
            }
        };
        rtts.iter().map(&mut play).collect()
    }

    use Growth::{Fast, Over, Slow};

    #[test]
    fn goes_on_while_the_round_trip_time_stays() {
        let mut hystart = HyStart::default();
        assert_eq!(rounds(&mut hystart, &[40; 20]), [Fast; 20]);
    }

    #[test]
    fn a_rise_ends_slow_start_after_five_rounds() {
        let mut hystart = HyStart::default();
        // An eighth of 40 ms is 5 ms: 44 is none, 45 is one.
        assert_eq!(rounds(&mut hystart, &[40, 40, 44]), [Fast; 3]);
        let mut hystart = HyStart::default();
        let ends = rounds(&mut hystart, &[40, 40, 45, 45, 45, 45, 45, 45]);
        assert_eq!(ends, [Fast, Fast, Slow, Slow, Slow, Slow, Over, Over]);
    }

    #[test]
    fn the_threshold_is_between_4_and_16_ms() {
        let cases = [(8, 11, Fast), (8, 12, Slow), (400, 415, Fast), (400, 416, Slow)];
        for (before, after, expected) in cases {
            let mut hystart = HyStart::default();
            let ends = rounds(&mut hystart, &[before, before, after]);
            assert_eq!(ends.last(), Some(&expected), "{before} to {after} ms");
        }
    }

    #[test]
    fn a_rise_that_goes_away_was_none() {
        let mut hystart = HyStart::default();
        assert_eq!(rounds(&mut hystart, &[40, 40, 50, 49, 49]), [Fast, Fast, Slow, Fast, Fast]);
    }

    #[test]
    fn too_few_samples_say_nothing() {
        let mut hystart = HyStart::default();
        rounds(&mut hystart, &[40, 40]);
        let begin = hystart.round_end.unwrap() - 10;
        for number in begin + 1..=begin + 7 {
            assert_eq!(hystart.on_ack(&delivery(number), Some(90 * MS)), Fast);
        }
        assert_eq!(hystart.on_ack(&delivery(begin + 8), None), Fast);
        assert_eq!(hystart.on_ack(&delivery(begin + 9), Some(90 * MS)), Slow);
    }
}
