//! [`Frequency`]: how often the peer is asked to acknowledge (docs/PROTOCOL.md, 8.3). How often this
//! side does is in `acks`.

use core::time::Duration;

use rudp_wire::frame::{Control, Frame};

use crate::packet::Draft;
use crate::token::{Fate, Token};

/// What a peer does that was never asked (docs/PROTOCOL.md, 13).
const DEFAULT_TOLERANCE: u16 = 2;
const THRESHOLD: u64 = 3;

/// One acknowledgement for this part of what is in flight is enough to keep it going: each costs both ends
/// about as much as a packet of data, and on a narrow way back they would be what limits the rate.
const PART: u64 = 16;

/// More packets are never waited for, whatever is in flight.
const MOST: u16 = 32;

/// One wish, sent until the peer has it.
#[derive(Debug)]
pub(super) struct Frequency {
    /// What the program allows, and what is asked for now.
    least: u16,
    tolerance: u16,
    /// What the peer can keep to, what the program allows, and what is asked for now, in microseconds.
    least_delay: u32,
    most_delay: u32,
    delay: u32,
    /// How many wishes there were before.
    sequence: u64,
    is_due: bool,
    /// The peer has it.
    is_known: bool,
    /// The same, since the last time that somebody asked.
    is_confirmed: bool,
}

impl Frequency {
    /// The wish for one acknowledgement in `tolerance` packets, or after `delay`; `least_delay` is the
    /// least that the peer can keep to.
    pub(super) fn new(tolerance: u32, delay: Duration, least_delay: Duration) -> Self {
        let tolerance = u16::try_from(tolerance).unwrap_or(u16::MAX);
        let (least_delay, delay) = (micros(least_delay), micros(delay.max(least_delay)));
        let is_known = tolerance == DEFAULT_TOLERANCE;
        Self {
            least: tolerance,
            tolerance,
            least_delay,
            most_delay: delay,
            delay,
            sequence: 0,
            is_due: !is_known,
            is_known,
            is_confirmed: false,
        }
    }

    /// An acknowledgement came while so many packets were in flight: wishes for fewer of them, or for
    /// more again, where that makes a difference and the last wish is known. Whoever wants each packet
    /// acknowledged keeps to that.
    pub(super) fn on_flight(&mut self, packets: u64, rtt: Duration) {
        if self.least == 1 || !self.is_known {
            return;
        }
        let wanted = u16::try_from(packets / PART).unwrap_or(MOST);
        let wanted = wanted.clamp(self.least, MOST.max(self.least));
        if wanted / 2 >= self.tolerance || wanted <= self.tolerance / 2 {
            self.tolerance = wanted;
            // What is in flight may become less than the tolerance before the peer hears of that.
            self.delay = micros(rtt / 2).clamp(self.least_delay, self.most_delay);
            self.sequence += 1;
            (self.is_due, self.is_known) = (true, false);
        }
    }

    /// How long the peer's acknowledgements may wait from now on, if that has changed: the longer
    /// of both delays when it is asked, the one asked for when it has heard of it.
    pub(super) fn new_delay(&mut self, before: Duration) -> Option<Duration> {
        let is_sent = !self.is_due && (self.sequence > 0 || self.tolerance != DEFAULT_TOLERANCE);
        let delay = Duration::from_micros(self.delay.into());
        let confirmed = core::mem::take(&mut self.is_confirmed).then_some(delay);
        confirmed.or_else(|| (is_sent && before < delay).then_some(delay))
    }

    pub(super) fn wants(&self) -> bool {
        self.is_due
    }

    pub(super) fn write(&mut self, draft: &mut Draft<'_>) {
        if !self.is_due {
            return;
        }
        let sequence = self.sequence;
        let wish = Control::AckFrequency {
            sequence,
            tolerance: self.tolerance.into(),
            delay: self.delay.into(),
            threshold: THRESHOLD,
        };
        let token = Token::AckFrequency { sequence };
        self.is_due = !draft.push_with(&Frame::Control(wish), token);
    }

    /// What became of the wish with that number.
    pub(super) fn on_fate(&mut self, sequence: u64, fate: Fate) {
        if sequence == self.sequence && !self.is_known {
            self.is_due = fate == Fate::Lost;
            self.is_known = fate == Fate::Acknowledged;
            self.is_confirmed |= self.is_known;
        }
    }
}

/// What is more than an hour is taken for an hour.
fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn wish(frequency: &mut Frequency) -> Option<(u64, u64, u64)> {
        let (mut buffer, mut tokens) = ([0; 64], Vec::new());
        let mut draft = Draft::new(&mut buffer, &mut tokens);
        frequency.write(&mut draft);
        let len = draft.len();
        let mut frames = rudp_wire::frame::Frames::new(&buffer[..len]);
        match frames.next() {
            Some(Ok(Frame::Control(Control::AckFrequency {
                sequence, tolerance, delay, ..
            }))) => Some((sequence, tolerance, delay)),
            _ => None,
        }
    }

    #[test]
    fn it_follows_what_is_in_flight() {
        let mut frequency = Frequency::new(2, 25 * MS, MS);
        assert_eq!(wish(&mut frequency), None, "the peer does so anyway");
        frequency.on_flight(31, 100 * MS);
        assert_eq!(wish(&mut frequency), None, "it makes no difference");
        frequency.on_flight(200, 100 * MS);
        assert_eq!(wish(&mut frequency), Some((1, 12, 25_000)));
        assert_eq!(frequency.new_delay(25 * MS), None);
        frequency.on_flight(50_000, 100 * MS);
        assert_eq!(wish(&mut frequency), None, "the first one is on its way");
        frequency.on_fate(1, Fate::Lost);
        assert_eq!(wish(&mut frequency), Some((1, 12, 25_000)));
        frequency.on_fate(1, Fate::Acknowledged);
        frequency.on_flight(50_000, MS);
        assert_eq!(wish(&mut frequency), Some((2, 32, 1_000)));
        frequency.on_fate(1, Fate::Lost);
        frequency.on_fate(2, Fate::Acknowledged);
        assert_eq!(wish(&mut frequency), None, "an old one that was lost is of no interest");
        assert_eq!(frequency.new_delay(25 * MS), Some(MS));
        frequency.on_flight(3, MS / 10);
        assert_eq!(wish(&mut frequency), Some((3, 2, 1_000)));
    }

    #[test]
    fn what_the_program_wants_is_the_least() {
        let mut frequency = Frequency::new(10, 25 * MS, MS);
        assert_eq!(wish(&mut frequency), Some((0, 10, 25_000)));
        frequency.on_fate(0, Fate::Acknowledged);
        frequency.on_flight(5, MS);
        assert_eq!(wish(&mut frequency), None);
        let mut each = Frequency::new(1, 25 * MS, MS);
        assert_eq!(wish(&mut each), Some((0, 1, 25_000)));
        each.on_fate(0, Fate::Acknowledged);
        each.on_flight(50_000, MS);
        assert_eq!(wish(&mut each), None);
    }
}
