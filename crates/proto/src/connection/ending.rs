//! How a session ends (docs/PROTOCOL.md, 9.2): what the program is told, when CLOSE begins, and what
//! a close came to. Which CLOSE is due when is in `closing`.

use core::time::Duration;

use rudp_base::{Instant, Transmit};
use rudp_wire::code::Code;
use rudp_wire::cursor::Writer;
use rudp_wire::frame::{CloseDraft, CloseKind, MESSAGES, Receipt, cut_reason};

use super::closing::Why;
use super::{Connection, Resources};
use crate::event::{Ended, EventKind, Outcome};
use crate::keys::Allowance;
use crate::packet::Draft;
use crate::recovery::Sent;
use crate::streams::{self, Growth};

/// The largest datagram with a CLOSE (docs/PROTOCOL.md, 9.2.1).
const CLOSE_SIZE: usize = 1_200;
/// The longest reason that is sent, so that there is room for receipts (docs/PROTOCOL.md, 9.2).
const MAX_REASON: usize = 256;
/// So many receipts fit into a CLOSE, whatever else is in it.
const CLOSE_RECEIPTS: usize = 20;

impl Connection {
    /// The program closes: everything is sent, then the session is closed, at `deadline` at the
    /// latest.
    pub(crate) fn close(&mut self, now: Instant, deadline: Duration) {
        let deadline = now + deadline;
        if self.outcome.is_some() {
            return;
        }
        self.awaits_outcome = Some(self.awaits_outcome.map_or(deadline, |old| old.min(deadline)));
        if self.ended.is_some() {
            // CLOSE may be on its way, and is not repeated beyond this deadline.
            self.closing.hasten(deadline);
            return self.decide(now);
        }
        self.streams.finish_all();
        self.streams.give_up_reading();
        self.messages.finish();
        self.messages.give_up_reading();
        self.closing.finish(deadline);
        self.go_on_closing(now);
    }

    /// The program, or the endpoint, ends the session at once.
    pub(crate) fn abort(&mut self, now: Instant, code: Code, reason: &str) {
        let reason = cut_reason(reason, MAX_REASON).to_owned();
        if self.ended.is_none() {
            self.end(Ended::Local { code, reason: reason.clone() });
        }
        self.start_closing(now, now, Why { code, reason });
        self.decide(now);
    }

    /// The peer broke the protocol.
    pub(super) fn fail(&mut self, now: Instant, code: Code, detail: &'static str) {
        if self.ended.is_none() {
            self.end(Ended::Error { code, detail });
        }
        let reason = cut_reason(detail, MAX_REASON).to_owned();
        self.start_closing(now, now, Why { code, reason });
        self.decide(now);
    }

    /// The peer's first CLOSE came.
    pub(super) fn on_peer_closed(&mut self) {
        if let (None, Some(Why { code, reason })) = (&self.ended, self.closing.theirs().cloned()) {
            self.end(Ended::Peer { code, reason });
        }
    }

    /// The session is over without a CLOSE: nothing more is sent or heard.
    pub(super) fn lose(&mut self, now: Instant, why: Ended) {
        self.end(why.clone());
        self.conclude(Some(why));
        self.forget(now);
    }

    /// The session is over for the program.
    pub(super) fn end(&mut self, ended: Ended) {
        if self.ended.is_none() {
            self.ended = Some(Box::new(ended));
            self.events.push_back(EventKind::Ended);
        }
    }

    /// Receipts, or a deadline, may allow CLOSE now.
    pub(super) fn go_on_closing(&mut self, now: Instant) {
        let Some(deadline) = self.closing.finishing() else { return };
        let is_settled = !self.streams.awaits_receipts()
            && self.messages.closing().is_none_or(|end| end.is_settled());
        if !is_settled && now < deadline {
            return;
        }
        let why = Why { code: Code::NO_ERROR, reason: String::new() };
        self.end(Ended::Local { code: why.code, reason: String::new() });
        self.start_closing(now, deadline, why);
        if now >= deadline {
            self.decide(now);
        }
    }

    /// From now on nothing is sent but CLOSE and receipts.
    fn start_closing(&mut self, now: Instant, deadline: Instant, why: Why) {
        self.streams.enter_closing();
        if !self.closing.is_over() {
            self.closing.start(now, self.recovery.probe_timeout(), deadline, why);
            self.repeat_receipts();
        }
    }

    /// CLOSE is due again: two packets of receipts leave with it as probes, whatever is in flight
    /// (docs/PROTOCOL.md, 9.2.2).
    pub(super) fn repeat_close(&mut self) {
        self.probes = 2;
        self.repeat_receipts();
    }

    /// CLOSE is due. Receipts that are not known to be known and do not fit into it go before it,
    /// each time (docs/PROTOCOL.md, 9.2.1).
    fn repeat_receipts(&mut self) {
        let are_apart = self.receipts_to_tell().nth(CLOSE_RECEIPTS).is_some();
        self.are_receipts_apart = are_apart;
        if self.are_receipts_apart {
            self.streams.repeat_receipts();
            self.messages.repeat_receipt();
        }
    }

    /// The receipts that are not known to be known, in their order (docs/PROTOCOL.md, 9.2.1).
    fn receipts_to_tell(&self) -> impl Iterator<Item = Receipt> + Clone {
        self.streams.receipts_to_tell().chain(self.messages.receipt_to_tell())
    }

    /// `CLOSE_ACK` came, perhaps for a CLOSE that overtook receipts which did not fit into it: they
    /// have to be known as well (docs/PROTOCOL.md, 9.2.2).
    pub(super) fn on_answered(&mut self, now: Instant) {
        let is_all_known = !self.are_receipts_apart || self.receipts_to_tell().next().is_none();
        if self.closing.on_close_ack(now, self.recovery.probe_timeout(), is_all_known) {
            self.repeat_close();
        }
    }

    /// Writes a packet with receipts that go before CLOSE.
    pub(super) fn receipts_packet(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        let is_own_due = matches!(self.closing.due(), Some((CloseKind::Close, _)));
        let size = self.size();
        let fits = self.flow.free(self.recovery.bytes_in_flight()) >= u64::from(size);
        let may_leave = (fits || self.probes > 0)
            && self.path.budget() >= u64::from(size)
            && self.keys.allowance() == Allowance::All;
        let is_owed = self.streams.wants() || self.messages.owes_receipt();
        if !(self.are_receipts_apart && is_own_due && may_leave && is_owed) {
            return None;
        }
        let Resources { scratch, tokens, public, .. } = cx;
        let room = usize::from(size).checked_sub(self.overhead())?;
        let mut draft = Draft::new(scratch.get_mut(..room)?, tokens);
        let rtt = self.recovery.rtt().smoothed();
        self.messages.write_receipt(&mut draft);
        self.streams.write_first(&mut Growth { now, rtt, grant: &mut 0 }, &mut draft);
        if draft.is_empty() {
            return None;
        }
        let len = self.seal(public, draft, buffer);
        self.probes = self.probes.saturating_sub(1);
        self.on_sent(now, (true, false), len, tokens);
        (len > 0).then(|| self.transmit(len, len, false))
    }

    /// What the session came to, if the program wants to know and nothing more is waited for, or
    /// nothing more can be heard.
    pub(super) fn decide(&mut self, now: Instant) {
        let has_time = self.awaits_outcome.is_none_or(|deadline| now < deadline);
        let is_asked = self.awaits_outcome.is_some();
        let is_early = !is_asked || (has_time && self.may_hear_more());
        if self.outcome.is_some() || (is_early && !self.is_forgotten) {
            return;
        }
        // The peer's CLOSE ends the wait, whatever this side had begun before.
        let cause = match self.closing.theirs().cloned() {
            Some(Why { code, reason }) => Some(Ended::Peer { code, reason }),
            None => self.ended.as_deref().cloned().filter(|ended| !is_plain_close(ended)),
        };
        self.conclude(cause);
    }

    /// Whether something may still come that makes the outcome of a close better.
    fn may_hear_more(&mut self) -> bool {
        // An answer has all that is known; an error and an abort wait for nothing.
        let is_ended_here = self.ended.as_deref().is_some_and(is_end_of_this_side);
        if self.closing.is_answered() || is_ended_here {
            return false;
        }
        if self.closing.theirs().is_none() {
            // The own CLOSE is on its way.
            return true;
        }
        // 9.2.3: the peer's CLOSE may have overtaken receipts.
        self.streams.may_be_told_more()
            || self.messages.closing().is_some_and(|end| !end.is_settled())
    }

    /// What the session came to: `cause` is why no more will be known.
    fn conclude(&mut self, cause: Option<Ended>) {
        if self.outcome.is_some() {
            return;
        }
        let messages = self.messages.closing();
        let streams = self.streams.closing().outcome;
        let outcome = if streams == streams::Outcome::Delivered
            && messages.is_none_or(|end| end.is_delivered())
        {
            Outcome::Delivered
        } else if streams >= streams::Outcome::Received
            && messages.is_none_or(|end| end.is_received())
        {
            Outcome::Received
        } else {
            let certain = self.streams.certain().map(|certain| (certain.stream, certain.received));
            let mut streams: Vec<_> = certain.collect();
            if let Some(messages) = messages.filter(|messages| !messages.is_received()) {
                streams.push((MESSAGES, messages.received));
            }
            Outcome::Unknown { streams, cause }
        };
        self.outcome = Some(Box::new(outcome));
        self.events.push_back(EventKind::Closed);
    }

    /// Nothing is sent or expected any more. What was received stays until it is read.
    pub(super) fn forget(&mut self, now: Instant) {
        self.is_forgotten = true;
        self.keys.shrink();
        self.recovery.forget_all(&mut |_, _| {});
        self.streams.enter_closing();
        self.streams.release_memory();
        self.confirmation = None;
        self.messages.conclude();
        // Nothing more will be heard: this is the outcome.
        self.decide(now);
    }

    /// Writes a packet with CLOSE or `CLOSE_ACK`, if one is due (docs/PROTOCOL.md, 9.2.2).
    pub(super) fn closing_packet(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        let (kind, why) = self.closing.due()?;
        // 9.3.1 holds for CLOSE as well.
        let budget = usize::try_from(self.path.budget()).unwrap_or(usize::MAX);
        let room = CLOSE_SIZE.min(budget).checked_sub(self.overhead())?;
        let Resources { scratch, tokens, public, .. } = cx;
        let mut draft = Draft::new(scratch.get_mut(..room)?, tokens);
        // In front: who gets a CLOSE should know by then what was acknowledged.
        self.acks.write(now, &mut draft, room / 4);
        {
            let receipts = self.receipts_to_tell();
            let close = CloseDraft { code: why.code, reason: why.reason.as_bytes(), receipts };
            let write = |writer: &mut Writer<'_>| {
                let plan = close.plan(writer.room());
                plan.is_some_and(|plan| close.encode(kind, plan, writer).is_ok())
            };
            if !draft.push_raw(false, None, write) {
                return None;
            }
        }
        let len = self.seal(public, draft, buffer);
        let pto = self.recovery.probe_timeout();
        self.closing.on_sent(now, pto, kind);
        let number = self.numbers.last()?;
        let sent = Sent { number, ..Sent::default() };
        self.recovery.on_sent(now, sent, tokens, self.flow.feed());
        self.path.on_sent(len as u64);
        self.on_left(now, 1, len);
        (len > 0).then(|| self.transmit(len, len, false))
    }
}

/// Whether it is the program's own close, which is no reason for anything to be unknown.
fn is_plain_close(ended: &Ended) -> bool {
    matches!(ended, Ended::Local { code: Code::NO_ERROR, .. })
}

/// Whether this side has ended it otherwise than by a close.
fn is_end_of_this_side(ended: &Ended) -> bool {
    !is_plain_close(ended) && !matches!(ended, Ended::Peer { .. })
}
