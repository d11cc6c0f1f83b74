//! When an acknowledgement is due (docs/PROTOCOL.md, 8.3), as functions over small structs.
//! What is acknowledged is kept elsewhere.

use core::time::Duration;

/// Losses come in bursts, and often one takes two packets.
const TIMES_AGAIN: u8 = 2;

/// How often the sender wants acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frequency {
    /// After so many ack-eliciting packets.
    pub(super) tolerance: u64,
    /// After this time at the latest.
    pub(super) delay: Duration,
    /// At once when packets are out of order by so many.
    pub(super) threshold: u64,
}

impl Frequency {
    /// What holds until the sender asks for something else (docs/PROTOCOL.md, 13).
    pub(super) const fn new(max_ack_delay: Duration) -> Self {
        Self { tolerance: 2, delay: max_ack_delay, threshold: 3 }
    }

    /// Up to which number, this one excluded, packets that are missing cannot come as a surprise to
    /// a sender who knows that `highest` came.
    pub(super) fn reported(&self, highest: u64) -> u64 {
        highest.saturating_add(1).saturating_sub(self.threshold)
    }
}

/// An ack-eliciting packet that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) number: u64,
    /// The highest number that came, this one included.
    pub(super) highest: u64,
    /// The lowest number that is missing, if the sender does not know it from earlier ACKs.
    pub(super) missing: Option<u64>,
    /// It was marked CE.
    pub(super) is_marked: bool,
    /// It is the first one of the session.
    pub(super) is_first: bool,
    /// Packets that wait for an acknowledgement, this one included.
    pub(super) waiting: u64,
}

/// Whether a packet makes an acknowledgement due at once.
pub(super) fn is_due_at_once(frequency: &Frequency, arrival: &Arrival) -> bool {
    arrival.is_first
        || arrival.is_marked
        || arrival.waiting >= frequency.tolerance
        || is_far(frequency, arrival, arrival.number)
        || arrival.missing.is_some_and(|missing| is_far(frequency, arrival, missing))
}

/// How many packets behind this one make an acknowledgement due as well: it tells of something missing a
/// sender who asked for each gap at once, and may be lost itself. `None` if it tells of nothing new.
pub(super) fn tells_again(frequency: &Frequency, arrival: &Arrival) -> Option<u8> {
    (frequency.threshold == 1 && arrival.missing.is_some()).then_some(TIMES_AGAIN)
}

fn is_far(frequency: &Frequency, arrival: &Arrival, number: u64) -> bool {
    arrival.highest.saturating_sub(number) >= frequency.threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: 8.3
    #[test]
    fn is_due_as_the_table_says() {
        let frequency = Frequency { tolerance: 5, ..Frequency::new(Duration::ZERO) };
        let plain = Arrival {
            number: 100,
            highest: 100,
            missing: None,
            is_marked: false,
            is_first: false,
            waiting: 1,
        };
        let table = [
            ("in order", plain, false),
            ("the first of the session", Arrival { is_first: true, ..plain }, true),
            ("marked", Arrival { is_marked: true, ..plain }, true),
            ("below the tolerance", Arrival { waiting: 4, ..plain }, false),
            ("the tolerance", Arrival { waiting: 5, ..plain }, true),
            ("2 late", Arrival { number: 98, ..plain }, false),
            ("3 late", Arrival { number: 97, ..plain }, true),
            ("one missing, 2 behind", Arrival { missing: Some(98), ..plain }, false),
            ("one missing, 3 behind", Arrival { missing: Some(97), ..plain }, true),
        ];
        for (what, arrival, is_due) in table {
            assert_eq!(is_due_at_once(&frequency, &arrival), is_due, "{what}");
            assert_eq!(tells_again(&frequency, &arrival), None, "{what}");
        }
        let each_gap = Frequency { threshold: 1, ..frequency };
        assert_eq!(tells_again(&each_gap, &plain), None);
        let gap = Arrival { missing: Some(99), ..plain };
        assert_eq!(tells_again(&each_gap, &gap), Some(TIMES_AGAIN));
    }
}
