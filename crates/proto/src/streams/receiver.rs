//! [`Receiver`]: the direction of a stream that we read from, from the first byte to the receipt of
//! the last. The session's limits and memory are elsewhere.

use rudp_wire::code::Code;

use super::flow::Window;
use super::receipts::{Progress, Telling};
use super::receive_buffer::ReceiveBuffer;

/// The state of a direction that we read from.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) buffer: ReceiveBuffer,
    pub(super) window: Window,
    /// The end of the data that came, with gaps or without.
    pub(super) highest: u64,
    /// Where the stream ends, from F or `RESET_STREAM`.
    pub(super) end: Option<u64>,
    pub(super) reset: Option<Code>,
    /// The program knows of the end or of the reset.
    pub(super) is_reported: bool,
    /// The program reads no more; with the code for `STOP_SENDING`.
    pub(super) stopped: Option<Code>,
    /// How far the program has confirmed, if it does that by hand (docs/PROTOCOL.md, 7.6.2).
    pub(super) confirmed: Option<u64>,
    pub(super) telling: Telling,
}

impl Receiver {
    pub(super) fn new(window: u64) -> Self {
        Self {
            buffer: ReceiveBuffer::default(),
            window: Window::new(window),
            highest: 0,
            end: None,
            reset: None,
            is_reported: false,
            stopped: None,
            confirmed: None,
            telling: Telling::default(),
        }
    }

    /// Takes note that data go up to `upto`, and whether they end there. Returns how much of the
    /// session's credit that takes.
    ///
    /// # Errors
    /// Where limits or ends are violated (docs/PROTOCOL.md, 7.4.3 and 7.4.4).
    pub(super) fn extend(&mut self, upto: u64, is_end: bool, credit: u64) -> Result<u64, Code> {
        if self.end.is_some_and(|end| upto > end || (is_end && upto != end)) {
            return Err(Code::FINAL_SIZE_ERROR);
        }
        if is_end && upto < self.highest {
            return Err(Code::FINAL_SIZE_ERROR);
        }
        let growth = upto.saturating_sub(self.highest);
        if upto > self.window.limit() || growth > credit {
            return Err(Code::FLOW_CONTROL_ERROR);
        }
        self.highest += growth;
        if is_end {
            self.end = Some(upto);
        }
        Ok(growth)
    }

    pub(super) fn progress(&self) -> Progress {
        let read = self.buffer.read();
        let read = self.confirmed.map_or(read, |confirmed| confirmed.min(read));
        // A reset gives no receipt of an end (docs/PROTOCOL.md, 7.4.5).
        let end = if self.reset.is_some() { None } else { self.end };
        Progress { received: self.buffer.contiguous(), read, end }
    }

    /// Bytes that came, and count, and that the program has not read.
    pub(super) fn unread(&self) -> u64 {
        self.highest - self.buffer.read()
    }

    /// Whether data are still taken.
    pub(super) fn takes_data(&self) -> bool {
        self.reset.is_none() && self.stopped.is_none()
    }

    /// Whether the direction is over for its reader (docs/PROTOCOL.md, 7.4.8).
    pub(super) fn is_over(&self) -> bool {
        self.is_reported || (self.stopped.is_some() && self.end.is_some())
    }

    /// Whether no receipt is to be sent any more.
    pub(super) fn is_settled(&self) -> bool {
        let is_reset = self.reset.is_some() && !self.telling.is_final();
        is_reset || self.telling.is_settled(&self.progress())
    }
}
