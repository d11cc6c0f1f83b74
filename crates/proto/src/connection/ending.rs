//! How a session ends (docs/PROTOCOL.md, 9.2): what the program is told, when CLOSE begins, and what
//! a close came to. Which CLOSE is due when is in `closing`.

use core::time::Duration;

use rudp_base::{Instant, Transmit};
use rudp_wire::code::Code;
use rudp_wire::cursor::Writer;
use rudp_wire::frame::{CloseDraft, CloseKind, MESSAGES, cut_reason};

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
            self.ended = Some(ended);
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

    /// CLOSE is due. Receipts that are not known to be known and do not fit into it go before it,
    /// each time (docs/PROTOCOL.md, 9.2.1).
    pub(super) fn repeat_receipts(&mut self) {
        self.are_receipts_apart = self.streams.receipts_to_tell().nth(CLOSE_RECEIPTS).is_some();
        if self.are_receipts_apart {
            self.streams.repeat_receipts();
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
        let may_leave = self.recovery.bytes_in_flight() + u64::from(size)
            <= self.controller.window()
            && self.path.budget() >= u64::from(size)
            && self.keys.allowance() == Allowance::All;
        if !(self.are_receipts_apart && is_own_due && may_leave && self.streams.wants()) {
            return None;
        }
        let Resources { scratch, tokens, public, .. } = cx;
        let room = usize::from(size).checked_sub(self.overhead())?;
        let mut draft = Draft::new(scratch.get_mut(..room)?, tokens);
        let rtt = self.recovery.rtt().smoothed;
        self.streams.write_frames(&mut Growth { now, rtt, grant: &mut 0 }, &mut draft);
        if draft.is_empty() {
            return None;
        }
        let len = self.seal(public, draft, buffer);
        self.on_sent(now, (true, false), len, tokens);
        (len > 0).then(|| self.transmit(len, len, false))
    }

    /// What a close came to, if the program wants to know: nothing more will be heard.
    pub(super) fn decide(&mut self, now: Instant) {
        let Some(deadline) = self.awaits_outcome else { return };
        let has_time = now < deadline;
        // The own CLOSE is still on its way, and nothing else ended the session.
        let is_waiting = self.closing.theirs().is_none()
            && !self.closing.is_answered()
            && self.ended.as_ref().is_none_or(is_plain_close);
        if self.outcome.is_some() || (is_waiting && has_time && !self.is_forgotten) {
            return;
        }
        // The peer's CLOSE ends the wait, whatever this side had begun before.
        let cause = match self.closing.theirs().cloned() {
            Some(Why { code, reason }) => Some(Ended::Peer { code, reason }),
            None => self.ended.clone().filter(|ended| !is_plain_close(ended)),
        };
        self.conclude(cause);
    }

    /// What the close came to, if the program has asked: `cause` is why no more will be known.
    fn conclude(&mut self, cause: Option<Ended>) {
        if self.awaits_outcome.is_none() || self.outcome.is_some() {
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
        self.outcome = Some(outcome);
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
        // Nothing more will be heard: whoever waits for an outcome has it now.
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
            let receipts = self.streams.receipts_to_tell().chain(self.messages.receipt_to_tell());
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
        self.recovery.on_sent(now, sent, tokens, &mut *self.controller);
        self.path.on_sent(len as u64);
        self.on_left(now, 1, len);
        (len > 0).then(|| self.transmit(len, len, false))
    }
}

/// Whether it is the program's own close, which is no reason for anything to be unknown.
fn is_plain_close(ended: &Ended) -> bool {
    matches!(ended, Ended::Local { code: Code::NO_ERROR, .. })
}
