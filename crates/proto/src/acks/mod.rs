//! [`Acks`]: the receiving side: which packets came, what of that the peer is to be told, and when
//! (docs/PROTOCOL.md, 6.9, 7.3 and 8.3). What the packets carried is their parts' business.

mod policy;
mod replay;
#[cfg(test)]
mod tests;

use core::ops::RangeInclusive;
use core::time::Duration;
use std::sync::Arc;

use rudp_base::{Ecn, Instant};
use rudp_wire::frame::{AckDraft, EcnCounts, MAX_FURTHER_RANGES};
use rudp_wire::varint;

use crate::packet::Draft;
use crate::ranges::RangeSet;
use crate::token::Token;

use policy::{Arrival, Frequency};
use replay::ReplayWindow;

/// The most ranges that are kept: as many as an ACK has.
const MAX_RANGES: usize = MAX_FURTHER_RANGES + 1;
/// One in so many packets with nothing but an ACK gets a PING (docs/PROTOCOL.md, 7.3.1).
const PING_EVERY: u32 = 32;
/// A set that was larger returns its memory when little of it is left.
const LARGE_SET: usize = 32;

/// An `ACK_FREQUENCY` that must not be (docs/PROTOCOL.md, 8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrequencyError {
    /// The delay is below this end's `min_ack_delay`.
    #[error("a delay of {0} microseconds, which is less than the minimum")]
    Delay(u64),
    /// A tolerance or a threshold of 0.
    #[error("a tolerance or a threshold of 0")]
    Zero,
}

/// The settings, as told to the peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    /// How long acknowledgements wait, if nothing else is asked for.
    pub(crate) max_ack_delay: Duration,
    /// The least that may be asked for.
    pub(crate) min_ack_delay: Duration,
    /// Whether congestion marks can be read.
    pub(crate) reads_marks: bool,
}

/// What came in one session.
#[derive(Debug)]
pub(crate) struct Acks {
    config: Arc<Config>,
    replay: ReplayWindow,
    /// Numbers to acknowledge.
    ranges: RangeSet,
    /// When the highest of them came.
    highest_at: Instant,
    /// One above the highest number that ever came.
    next: u64,
    counts: EcnCounts,
    frequency: Frequency,
    /// Of the `ACK_FREQUENCY` in force.
    sequence: Option<u64>,
    /// Ack-eliciting packets since the last ACK.
    waiting: u64,
    /// Whether the first of a session has come.
    has_begun: bool,
    is_due_at_once: bool,
    deadline: Option<Instant>,
    /// Of what is missing below this number, the sender knows, or will never be told.
    reported: u64,
    /// So many more packets make an ACK due at once, which tells again of what is missing.
    tells_again: u8,
    /// The lowest number that came since the last ACK: no ACK has told of it.
    untold: u64,
    /// Packets with nothing but an ACK since the last with a PING.
    pingless: u32,
}

impl Acks {
    /// Gives back memory that holds nothing.
    pub(crate) fn release_memory(&mut self) {
        self.replay.release_memory();
        self.ranges.shrink();
    }

    pub(crate) fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        Self {
            replay: ReplayWindow::default(),
            ranges: RangeSet::new(),
            highest_at: Instant::ZERO,
            next: 0,
            counts: EcnCounts::default(),
            frequency: Frequency::new(config.max_ack_delay),
            config,
            sequence: None,
            waiting: 0,
            has_begun: false,
            is_due_at_once: false,
            deadline: None,
            reported: 0,
            tells_again: 0,
            untold: u64::MAX,
            pingless: 0,
        }
    }

    /// Whether `number` is to be opened: it was not seen, and is not too old
    /// (docs/PROTOCOL.md, 6.9).
    pub(crate) fn is_new(&self, number: u64) -> bool {
        self.replay.is_new(number)
    }

    /// Whether `number` is higher than all that came.
    pub(crate) fn is_highest(&self, number: u64) -> bool {
        number >= self.next
    }

    /// A new packet was opened, and all its frames were taken. One whose frames were not is not told
    /// of here: it is as if it had not come.
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        number: u64,
        ecn: Option<Ecn>,
        is_ack_eliciting: bool,
    ) {
        self.replay.insert(number);
        self.next = self.next.max(number.saturating_add(1));
        self.count(ecn);
        self.add(now, number);
        if !is_ack_eliciting {
            return;
        }
        self.waiting = self.waiting.saturating_add(1);
        let arrival = Arrival {
            number,
            highest: self.next - 1,
            missing: self.missing(),
            is_marked: ecn == Some(Ecn::Ce),
            is_first: !self.has_begun,
            waiting: self.waiting,
        };
        self.has_begun = true;
        self.is_due_at_once |=
            self.tells_again > 0 || policy::is_due_at_once(&self.frequency, &arrival);
        self.tells_again = policy::tells_again(&self.frequency, &arrival)
            .unwrap_or_else(|| self.tells_again.saturating_sub(1));
        self.deadline.get_or_insert(now + self.frequency.delay);
    }

    /// Whether a packet came that was ECN-capable.
    pub(crate) fn has_marks(&self) -> bool {
        let EcnCounts { ect0, ect1, ce } = self.counts;
        ect0 > 0 || ect1 > 0 || ce > 0
    }

    fn count(&mut self, ecn: Option<Ecn>) {
        let count = match ecn {
            Some(Ecn::Ect0) => &mut self.counts.ect0,
            Some(Ecn::Ect1) => &mut self.counts.ect1,
            Some(Ecn::Ce) => &mut self.counts.ce,
            None => return,
        };
        *count = count.saturating_add(1);
    }

    fn add(&mut self, now: Instant, number: u64) {
        self.untold = self.untold.min(number);
        self.ranges.insert(number..number.saturating_add(1));
        if self.ranges.last().is_some_and(|last| last.end == number.saturating_add(1)) {
            self.highest_at = now;
        }
        if self.ranges.len() > MAX_RANGES {
            self.ranges.pop_first();
            let lowest = self.ranges.first().map_or(0, |first| first.start);
            self.reported = self.reported.max(lowest);
        }
    }

    /// The lowest missing number that the sender does not know of.
    fn missing(&self) -> Option<u64> {
        // Mostly there is none: all that is not reported is in the last range.
        let last = self.ranges.last().filter(|last| last.start > self.reported)?;
        self.ranges.gaps(self.reported..last.start).next().map(|gap| gap.start)
    }

    /// `IMMEDIATE_ACK` came.
    pub(crate) fn on_immediate_ack(&mut self) {
        self.is_due_at_once = true;
    }

    /// `ACK_FREQUENCY` came, with the delay in microseconds. The one with the highest sequence
    /// counts.
    ///
    /// # Errors
    /// It must not be: [`FrequencyError`].
    pub(crate) fn on_frequency(
        &mut self,
        sequence: u64,
        tolerance: u64,
        delay: u64,
        threshold: u64,
    ) -> Result<(), FrequencyError> {
        let wait = Duration::from_micros(delay);
        if wait < self.config.min_ack_delay {
            return Err(FrequencyError::Delay(delay));
        }
        if tolerance == 0 || threshold == 0 {
            return Err(FrequencyError::Zero);
        }
        if self.sequence.is_none_or(|before| sequence > before) {
            self.sequence = Some(sequence);
            self.frequency = Frequency { tolerance, delay: wait, threshold };
        }
        Ok(())
    }

    /// Whether an ACK is to be sent now, if need be in a packet of its own.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        !self.ranges.is_empty()
            && (self.is_due_at_once || self.deadline.is_some_and(|deadline| deadline <= now))
    }

    /// Whether an ACK would tell something that asks for one: a packet that is sent anyway should
    /// have it.
    pub(crate) fn is_pending(&self) -> bool {
        !self.ranges.is_empty() && (self.is_due_at_once || self.waiting > 0)
    }

    /// When [`is_due`](Self::is_due) becomes true by time alone.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What an ACK says now.
    fn draft(&self, now: Instant) -> AckDraft<impl Iterator<Item = RangeInclusive<u64>> + Clone> {
        let delay = (now - self.highest_at).as_micros();
        AckDraft {
            delay: u64::try_from(delay).unwrap_or(varint::MAX).min(varint::MAX),
            ecn: self.config.reads_marks.then_some(self.counts),
            ranges: self.ranges.iter().rev().map(|range| range.start..=range.end - 1),
        }
    }

    /// Whether an ACK with all ranges fits into `room` bytes.
    pub(crate) fn fits(&self, now: Instant, room: usize) -> bool {
        self.draft(now).plan(room).is_some_and(|plan| plan.ranges == self.ranges.len())
    }

    /// Writes an ACK with as many ranges as fit into `most` bytes, the highest ones. Returns whether
    /// it did: not if there is nothing to acknowledge, or no room.
    pub(crate) fn write(&mut self, now: Instant, draft: &mut Draft<'_>, most: usize) -> bool {
        let Some(highest) = self.ranges.last().map(|last| last.end - 1) else { return false };
        let token = Token::Ack { highest };
        let room = draft.room().min(most);
        let is_written = draft.push_raw(false, Some(token), |writer| {
            let ack = self.draft(now);
            ack.plan(room).is_some_and(|plan| ack.encode(plan, writer).is_ok())
        });
        if !is_written {
            return false;
        }
        self.waiting = 0;
        self.is_due_at_once = false;
        self.deadline = None;
        self.untold = u64::MAX;
        self.reported = self.reported.max(self.frequency.reported(highest));
        true
    }

    /// An ACK up to `highest` was acknowledged: the sender knows what it said
    /// (docs/PROTOCOL.md, 7.3.1). What came late, and was in no ACK yet, stays.
    pub(crate) fn on_ack_acked(&mut self, highest: u64) {
        let end = highest.saturating_add(1);
        let before = self.ranges.len();
        self.ranges.remove(0..end.min(self.untold));
        self.reported = self.reported.max(end);
        if before > LARGE_SET && self.ranges.len() < before / 8 {
            self.ranges.shrink();
        }
    }

    /// To be asked once for each packet that has nothing but an ACK: whether it should have a PING,
    /// so that what it says is acknowledged, and need not be said for ever.
    pub(crate) fn wants_ping(&mut self) -> bool {
        if self.ranges.len() < 2 {
            return false;
        }
        self.pingless += 1;
        let wants = self.pingless >= PING_EVERY;
        if wants {
            self.pingless = 0;
        }
        wants
    }
}
