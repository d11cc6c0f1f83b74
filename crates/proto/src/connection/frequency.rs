//! [`Frequency`]: how often the peer is asked to acknowledge (docs/PROTOCOL.md, 8.3). How often this
//! side does is in `acks`.

use core::time::Duration;

use rudp_wire::frame::{Control, Frame};

use crate::packet::Draft;
use crate::token::{Fate, Token};

/// What a peer does that was never asked (docs/PROTOCOL.md, 13).
const DEFAULT_TOLERANCE: u64 = 2;
const THRESHOLD: u64 = 3;

/// One wish, sent until the peer has it.
#[derive(Debug)]
pub(super) struct Frequency {
    tolerance: u64,
    delay: Duration,
    is_due: bool,
    /// The peer has it, since the last time that somebody asked.
    is_confirmed: bool,
}

impl Frequency {
    /// The wish for one acknowledgement in `tolerance` packets, or after `delay`.
    pub(super) fn new(tolerance: u32, delay: Duration) -> Self {
        let tolerance = u64::from(tolerance);
        Self { tolerance, delay, is_due: tolerance != DEFAULT_TOLERANCE, is_confirmed: false }
    }

    /// How long the peer's acknowledgements may wait from now on, if that has changed: the longer
    /// of both delays when it is asked, the one asked for when it has heard of it.
    pub(super) fn new_delay(&mut self, before: Duration) -> Option<Duration> {
        let is_sent = !self.is_due && self.tolerance != DEFAULT_TOLERANCE;
        let confirmed = core::mem::take(&mut self.is_confirmed).then_some(self.delay);
        confirmed.or_else(|| (is_sent && before < self.delay).then_some(self.delay))
    }

    pub(super) fn wants(&self) -> bool {
        self.is_due
    }

    pub(super) fn write(&mut self, draft: &mut Draft<'_>) {
        if !self.is_due {
            return;
        }
        let delay = u64::try_from(self.delay.as_micros()).unwrap_or(u64::MAX);
        let wish = Control::AckFrequency {
            sequence: 0,
            tolerance: self.tolerance,
            delay,
            threshold: THRESHOLD,
        };
        let token = Token::AckFrequency { sequence: 0 };
        self.is_due = !draft.push_with(&Frame::Control(wish), token);
    }

    pub(super) fn on_fate(&mut self, fate: Fate) {
        self.is_due = fate == Fate::Lost;
        self.is_confirmed = fate == Fate::Acknowledged;
    }
}
