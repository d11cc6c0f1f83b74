//! [`Frequency`]: how often the peer is asked to acknowledge (docs/PROTOCOL.md, 8.3). How often this
//! side does is in `acks`.

use core::time::Duration;

use rudp_wire::frame::{Control, Frame};

use crate::packet::Draft;
use crate::redundancy::FIRST_COPY;
use crate::token::{Fate, Token};

/// Tolerance and threshold of a peer that was never asked (docs/PROTOCOL.md, 13).
const DEFAULT: (u32, u32) = (2, 3);

/// One acknowledgement for this part of what is in flight is enough to keep it going: each costs both ends
/// about as much as a packet of data, and on a narrow way back they would be what limits the rate.
const PART_OF_FLIGHT: u64 = 16;

/// Nor is more than this part of what is in flight waited for, whatever the program sets: where something is
/// missing as well, nothing more leaves before the delay is over.
const LARGEST_PART: u64 = 2;

/// Fewer packets in flight are mostly a conversation, whose answers carry the acknowledgements: nothing more is
/// asked for then than was set.
const SEVERAL: u64 = 4;

/// More packets are never waited for, whatever is in flight: the controller would see too little of what
/// happens to them.
const MOST_PACKETS: u32 = 32;

/// Who hears of each gap at once lets other acknowledgements wait for two thirds of a round trip, and no
/// longer than that, in microseconds.
const MOST_DELAY: u32 = 25_000;

/// The newest wish, sent until the peer has it.
#[derive(Debug)]
pub(super) struct Frequency {
    /// The tolerance that the program sets, and the one that is asked for now.
    set: u32,
    tolerance: u32,
    threshold: u32,
    /// The delay that the peer can keep to, that of the settings, and the one that is asked for now, in
    /// microseconds.
    least_delay: u32,
    set_delay: u32,
    delay: u32,
    sequence: u32,
    is_due: bool,
    /// The peer has it.
    is_known: bool,
    /// The delay that it has confirmed since somebody asked: another wish may follow at once.
    confirmed: Option<u32>,
}

impl Frequency {
    /// The wish for one acknowledgement in `tolerance` packets, or after `delay`, and at once when packets
    /// are out of order by `threshold`. The peer can keep to no less than `least_delay`.
    pub(super) fn new(
        (tolerance, threshold): (u32, u32),
        delay: Duration,
        least_delay: Duration,
    ) -> Self {
        let is_known = (tolerance, threshold) == DEFAULT;
        let (delay, least_delay) = (micros(delay.max(least_delay)), micros(least_delay));
        Self {
            set: tolerance,
            tolerance,
            threshold,
            least_delay,
            set_delay: delay,
            delay,
            sequence: 0,
            is_due: !is_known,
            is_known,
            confirmed: None,
        }
    }

    /// An acknowledgement came while so many packets were in flight, and the round trip takes so long:
    /// another wish, where that makes a difference and the peer has the last one.
    pub(super) fn on_ack(&mut self, packets: u64, rtt: Duration) {
        if !self.is_known {
            return;
        }
        let (tolerance, delay) = if self.threshold == 1 {
            // What came in order may wait: a third as many packets come back, and nobody waits.
            let delay = micros(rtt * 2 / 3).min(MOST_DELAY);
            // Nor does a copy leave that an acknowledgement at once would have spared.
            let spare = (FIRST_COPY * 3 / 4).saturating_sub(rtt);
            let delay = if rtt < FIRST_COPY { delay.min(micros(spare)) } else { delay };
            (self.tolerance, delay.max(self.set_delay))
        } else {
            // What is in flight may become less than the tolerance before the peer hears of that.
            let delay = micros(rtt / 2).clamp(self.least_delay, self.set_delay);
            (self.tolerance_for(packets), delay)
        };
        // Not for every sample.
        let is_worth_it = self.threshold == 1 || packets >= SEVERAL;
        if (is_worth_it && is_far(delay, self.delay)) || is_far(tolerance, self.tolerance) {
            (self.tolerance, self.delay) = (tolerance, delay);
            self.sequence = self.sequence.wrapping_add(1);
            (self.is_due, self.is_known) = (true, false);
        }
    }

    /// Whoever wants each packet acknowledged keeps to that.
    fn tolerance_for(&self, packets: u64) -> u32 {
        if self.set == 1 {
            return 1;
        }
        if packets < SEVERAL {
            return self.tolerance.min(self.set);
        }
        let part = |divisor| u32::try_from(packets / divisor).unwrap_or(u32::MAX);
        let least = part(LARGEST_PART).clamp(DEFAULT.0, self.set);
        part(PART_OF_FLIGHT).clamp(least, MOST_PACKETS.max(least))
    }

    /// How long the peer's acknowledgements may wait from now on, if that has changed: the longer
    /// of both delays when it is asked, the one asked for when it has heard of it.
    pub(super) fn new_delay(&mut self, before: Duration) -> Option<Duration> {
        let is_asked = self.sequence > 0 || (self.tolerance, self.threshold) != DEFAULT;
        let is_sent = is_asked && !self.is_due;
        let asked = Duration::from_micros(self.delay.into());
        let confirmed = self.confirmed.take().map(|delay| Duration::from_micros(delay.into()));
        confirmed.or_else(|| (is_sent && before < asked).then_some(asked))
    }

    pub(super) fn wants(&self) -> bool {
        self.is_due
    }

    pub(super) fn write(&mut self, draft: &mut Draft<'_>) {
        if !self.is_due {
            return;
        }
        let sequence = u64::from(self.sequence);
        let wish = Control::AckFrequency {
            sequence,
            tolerance: self.tolerance.into(),
            delay: self.delay.into(),
            threshold: self.threshold.into(),
        };
        let token = Token::AckFrequency { sequence };
        self.is_due = !draft.push_with(&Frame::Control(wish), token);
    }

    /// What became of the wish with that sequence.
    pub(super) fn on_fate(&mut self, fate: Fate, sequence: u64) {
        if sequence == u64::from(self.sequence) && !self.is_known {
            self.is_due = fate == Fate::Lost;
            self.is_known = fate == Fate::Acknowledged;
            if self.is_known {
                self.confirmed = Some(self.delay);
            }
        }
    }
}

/// Whether one is at least twice the other.
fn is_far(a: u32, b: u32) -> bool {
    a != b && (a / 2 >= b || a <= b / 2)
}

/// What is more than an hour is taken for an hour.
fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The wish that is sent now: sequence, tolerance, delay and threshold.
    fn wish(frequency: &mut Frequency) -> Option<(u32, u32, Duration, u32)> {
        let (mut buffer, mut tokens) = ([0; 64], Vec::new());
        let mut draft = Draft::new(&mut buffer, &mut tokens);
        frequency.write(&mut draft);
        let Frequency { sequence, tolerance, delay, threshold, .. } = *frequency;
        let delay = Duration::from_micros(delay.into());
        (!draft.is_empty()).then_some((sequence, tolerance, delay, threshold))
    }

    #[test]
    fn it_follows_what_is_in_flight() {
        let mut frequency = Frequency::new((2, 3), 25 * MS, MS);
        assert_eq!(wish(&mut frequency), None, "the peer does so anyway");
        frequency.on_ack(63, 100 * MS);
        assert_eq!(wish(&mut frequency), None, "it makes no difference");
        frequency.on_ack(200, 100 * MS);
        assert_eq!(wish(&mut frequency), Some((1, 12, 25 * MS, 3)));
        assert_eq!(frequency.new_delay(25 * MS), None);
        frequency.on_ack(50_000, 100 * MS);
        assert_eq!(wish(&mut frequency), None, "the first one is on its way");
        frequency.on_fate(Fate::Lost, 1);
        assert_eq!(wish(&mut frequency), Some((1, 12, 25 * MS, 3)));
        frequency.on_fate(Fate::Acknowledged, 1);
        frequency.on_ack(50_000, MS);
        assert_eq!(wish(&mut frequency), Some((2, 32, MS, 3)));
        frequency.on_fate(Fate::Lost, 1);
        frequency.on_fate(Fate::Acknowledged, 2);
        assert_eq!(wish(&mut frequency), None, "an old one that was lost is of no interest");
        assert_eq!(frequency.new_delay(25 * MS), Some(MS));
        frequency.on_ack(3, MS / 10);
        assert_eq!(wish(&mut frequency), Some((3, 2, MS, 3)));
    }

    // spec: 8.1.1
    #[test]
    fn what_is_confirmed_is_not_what_is_wished_for_next() {
        let mut frequency = Frequency::new((2, 3), 25 * MS, MS);
        frequency.on_ack(200, 40 * MS);
        assert_eq!(wish(&mut frequency), Some((1, 12, 20 * MS, 3)));
        // One acknowledgement confirms it and brings another wish, as in a connection.
        frequency.on_fate(Fate::Acknowledged, 1);
        frequency.on_ack(5, 4 * MS);
        assert_eq!(frequency.new_delay(25 * MS), Some(20 * MS), "the peer may wait as long still");
        assert_eq!(wish(&mut frequency), Some((2, 2, 2 * MS, 3)));
        assert_eq!(frequency.new_delay(20 * MS), None);
        frequency.on_fate(Fate::Acknowledged, 2);
        assert_eq!(frequency.new_delay(20 * MS), Some(2 * MS));
    }

    #[test]
    fn what_the_program_wants_is_the_least_but_half_of_what_is_in_flight() {
        let mut frequency = Frequency::new((10, 3), 25 * MS, MS);
        assert_eq!(wish(&mut frequency), Some((0, 10, 25 * MS, 3)));
        frequency.on_fate(Fate::Acknowledged, 0);
        for (sequence, packets, tolerance) in [(1, 8, 4), (2, 20, 10), (3, 1_000, 32), (4, 3, 10)] {
            frequency.on_ack(packets, 50 * MS);
            assert_eq!(wish(&mut frequency), Some((sequence, tolerance, 25 * MS, 3)), "{packets}");
            frequency.on_fate(Fate::Acknowledged, sequence.into());
        }
        frequency.on_ack(40, 50 * MS);
        frequency.on_ack(160, 50 * MS);
        assert_eq!(wish(&mut frequency), None);
        let mut each = Frequency::new((1, 3), 25 * MS, MS);
        assert_eq!(wish(&mut each), Some((0, 1, 25 * MS, 3)));
        each.on_fate(Fate::Acknowledged, 0);
        each.on_ack(5_000, 50 * MS);
        assert_eq!(wish(&mut each), None);
    }

    #[test]
    fn who_wants_no_delay_at_all_says_so_once() {
        let none = Duration::ZERO;
        let mut frequency = Frequency::new((10, 3), none, none);
        assert_eq!(wish(&mut frequency), Some((0, 10, none, 3)));
        frequency.on_fate(Fate::Acknowledged, 0);
        frequency.on_ack(20, MS);
        assert_eq!(wish(&mut frequency), None);
    }

    #[test]
    fn the_delay_follows_the_round_trip_of_more_than_a_conversation() {
        let mut frequency = Frequency::new((2, 3), 25 * MS, MS);
        frequency.on_ack(3, 2 * MS);
        assert_eq!(wish(&mut frequency), None);
        for (sequence, rtt, delay) in [(1, 4, 2), (2, 1, 1), (3, 90, 25)] {
            frequency.on_ack(4, rtt * MS);
            assert_eq!(wish(&mut frequency), Some((sequence, 2, delay * MS, 3)), "{rtt} ms");
            frequency.on_fate(Fate::Acknowledged, sequence.into());
        }
        frequency.on_ack(4, 30 * MS);
        assert_eq!(wish(&mut frequency), None, "not twice as long");
    }

    #[test]
    fn who_hears_of_gaps_at_once_lets_the_rest_wait_for_a_part_of_the_round_trip() {
        let mut early = Frequency::new((2, 1), MS, MS);
        assert_eq!(wish(&mut early), Some((0, 2, MS, 1)));
        early.on_fate(Fate::Acknowledged, 0);
        assert_eq!(early.new_delay(MS), Some(MS));
        early.on_ack(900, 19_500 * MS / 1_000);
        assert_eq!(early.new_delay(MS), None, "it was not sent yet");
        assert_eq!(wish(&mut early), Some((1, 2, 13 * MS, 1)));
        assert_eq!(early.new_delay(MS), Some(13 * MS), "a longer one counts from then on");
        early.on_fate(Fate::Acknowledged, 1);
        assert_eq!(early.new_delay(13 * MS), Some(13 * MS));
        early.on_ack(900, 900 * MS);
        assert_eq!(wish(&mut early), None, "below twice as much");
        early.on_ack(900, MS / 10);
        assert_eq!(wish(&mut early), Some((2, 2, MS, 1)));
        assert_eq!(early.new_delay(13 * MS), None, "a shorter one counts when the peer has it");
        early.on_fate(Fate::Acknowledged, 2);
        assert_eq!(early.new_delay(13 * MS), Some(MS));
    }
}
