//! [`Sender`]: the direction of a stream that we write to, from the first byte to the last receipt.
//! Turns between streams and the session's credit are elsewhere.

use core::ops::Range;

use rudp_wire::code::Code;

use super::receipts::Told;
use super::send_buffer::SendBuffer;
use crate::priority::Priority;

/// How far the end of the stream (F) is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Finish {
    /// The program writes on.
    #[default]
    Open,
    /// It is to be sent, perhaps again.
    Due,
    Sent,
    Acked,
}

/// The state of a direction that we write to.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, three of them of queues")]
pub(super) struct Sender {
    pub(super) buffer: SendBuffer,
    /// How far the peer allows us to send (docs/PROTOCOL.md, 7.4.3).
    pub(super) limit: u64,
    /// The limit at which the peer was told that we are blocked.
    pub(super) blocked_at: Option<u64>,
    pub(super) finish: Finish,
    /// Whether the peer may know of an end: F or `RESET_STREAM` was sent.
    pub(super) end_sent: bool,
    pub(super) reset: Option<Code>,
    pub(super) is_reset_acked: bool,
    /// Whether the peer asked for the reset, and whether the program knows.
    pub(super) is_stopped: bool,
    pub(super) is_stop_seen: bool,
    /// It was ended by a close alone, without anything written, so that the reader sees an end.
    pub(super) is_courtesy: bool,
    pub(super) told: Told,
    /// How far the program wants a receipt.
    pub(super) asks: Option<u64>,
    /// The program waits for room.
    pub(super) is_waiting: bool,
    /// It is listed for what [needs no credit](Self::lost), and for what is new.
    pub(super) is_lost: bool,
    pub(super) is_ready: bool,
    pub(super) is_starved: bool,
    pub(super) priority: Priority,
}

impl Sender {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            buffer: SendBuffer::default(),
            limit,
            blocked_at: None,
            finish: Finish::Open,
            end_sent: false,
            reset: None,
            is_reset_acked: false,
            is_stopped: false,
            is_stop_seen: false,
            is_courtesy: false,
            told: Told::default(),
            asks: None,
            is_waiting: false,
            is_lost: false,
            is_ready: false,
            is_starved: false,
            priority: Priority::Normal,
        }
    }

    /// What to send that needs no credit: bytes for the second time, or the bare end.
    pub(super) fn lost(&self) -> Option<Range<u64>> {
        if self.reset.is_some() {
            return None;
        }
        if let Some(range) = self.buffer.first_lost() {
            return Some(range);
        }
        let (next, written) = (self.buffer.next(), self.buffer.written());
        let is_bare_end = self.finish == Finish::Due && next == written;
        is_bare_end.then_some(next..next)
    }

    /// What to send for the first time, which needs the session's credit.
    pub(super) fn fresh(&self) -> Option<Range<u64>> {
        let range = self.buffer.next()..self.buffer.written().min(self.limit);
        (self.reset.is_none() && !range.is_empty()).then_some(range)
    }

    /// Whether the stream's limit keeps bytes back.
    pub(super) fn is_blocked(&self) -> bool {
        let next = self.buffer.next();
        self.reset.is_none() && next == self.limit && next < self.buffer.written()
    }

    /// Whether F belongs to a frame that ends at `end`.
    pub(super) fn ends_at(&self, end: u64) -> bool {
        self.finish != Finish::Open && end == self.buffer.written()
    }

    /// Whether the direction is over for its writer (docs/PROTOCOL.md, 7.4.8).
    pub(super) fn is_over(&self) -> bool {
        self.is_all_acked() || self.is_reset_acked
    }

    /// Whether the end and all data were acknowledged.
    pub(super) fn is_all_acked(&self) -> bool {
        self.finish == Finish::Acked && self.buffer.is_empty()
    }

    /// Whether the result of a close counts this direction (docs/PROTOCOL.md, 7.6.4). One that the
    /// peer stopped before anything was written has nothing to deliver.
    pub(super) fn exists(&self) -> bool {
        let is_ended = self.finish != Finish::Open || self.reset.is_some();
        self.buffer.written() > 0 || (is_ended && !self.is_stopped && !self.is_courtesy)
    }

    /// Bytes that the peer's host has, without a gap.
    pub(super) fn received(&self) -> u64 {
        self.buffer.floor().max(self.told.received())
    }

    /// Whether receipts say that all was read: the reader need not have known that it was all
    /// (docs/PROTOCOL.md, 9.2.5). An end without data counts as read as soon as it has come (7.6.4).
    pub(super) fn is_delivered(&self) -> bool {
        let written = self.buffer.written();
        // Behind a stop nothing more is written: what was is all.
        let is_closed = self.finish != Finish::Open || self.is_stopped;
        let is_read = is_closed && written > 0 && self.told.read() >= written;
        self.told.all_read() || is_read || (self.is_all_acked() && written == 0)
    }

    /// Whether the peer's host has everything, and knows that it has: without the end it would wait
    /// for more.
    pub(super) fn is_received(&self) -> bool {
        self.told.all_received() || self.is_all_acked()
    }

    /// The code with which the peer stopped the stream; the program knows it from now on.
    pub(super) fn take_stop(&mut self) -> Option<Code> {
        let code = self.reset.filter(|_| self.is_stopped)?;
        self.is_stop_seen = true;
        Some(code)
    }

    /// Whether the program still has to hear that the peer stopped the stream.
    pub(super) fn is_stop_untold(&self) -> bool {
        self.is_stopped && !self.is_stop_seen
    }

    /// Whether a close still waits for a receipt (docs/PROTOCOL.md, 9.2.1).
    pub(super) fn is_awaited(&self) -> bool {
        let is_without = self.told.is_final() || self.reset.is_some();
        (self.exists() || self.is_courtesy) && !is_without && !self.is_delivered()
    }
}
