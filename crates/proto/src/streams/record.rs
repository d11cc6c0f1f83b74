//! [`Record`]: what is kept of one stream: its two directions, what is to be sent and told of it.
//! Small, as there may be ten thousand; buffers are behind it, in [`Half::Open`].

use rudp_wire::code::Code;

use super::StreamEvent;
use super::receiver::Receiver;
use super::sender::Sender;

/// Frames that a stream owes its peer, the first ones first.
pub(super) const RESET: u8 = 1;
pub(super) const STOP: u8 = 2;
pub(super) const RECEIPT: u8 = 4;
pub(super) const REQUEST: u8 = 8;
pub(super) const MAX_DATA: u8 = 16;
pub(super) const BLOCKED: u8 = 32;

/// Events of a stream.
pub(super) const READABLE: u8 = 1;
pub(super) const WRITABLE: u8 = 2;
pub(super) const FINISHED: u8 = 4;
pub(super) const STOPPED: u8 = 8;
pub(super) const RECEIPT_CHANGED: u8 = 16;

/// In both sets: the stream is in the queue for them.
pub(super) const LISTED: u8 = 128;

/// One direction of a stream.
#[derive(Debug)]
pub(super) enum Half<T> {
    /// Nothing has happened on it.
    Fresh,
    Open(Box<T>),
    /// It is over and needed for nothing, or does not exist.
    Over,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) send: Half<Sender>,
    pub(super) receive: Half<Receiver>,
    /// Frames to send.
    pub(super) owed: u8,
    /// Events to tell the program.
    pub(super) events: u8,
    /// Both directions are over, though receipts may be missing.
    pub(super) is_ended: bool,
}

impl Record {
    pub(super) fn new(writes: bool, reads: bool) -> Self {
        Self {
            send: if writes { Half::Fresh } else { Half::Over },
            receive: if reads { Half::Fresh } else { Half::Over },
            owed: 0,
            events: 0,
            is_ended: false,
        }
    }

    /// Whether both directions are over (docs/PROTOCOL.md, 7.4.8).
    pub(super) fn is_over(&self) -> bool {
        let sent = match &self.send {
            Half::Fresh => false,
            Half::Open(sender) => sender.is_over(),
            Half::Over => true,
        };
        let read = match &self.receive {
            Half::Fresh => false,
            Half::Open(receiver) => receiver.is_over(),
            Half::Over => true,
        };
        sent && read
    }

    pub(super) fn is_forgettable(&self) -> bool {
        matches!((&self.send, &self.receive), (Half::Over, Half::Over))
            && self.events == 0
            && self.owed == 0
    }

    /// Takes one event out; `None` at last, and then the stream is in no queue.
    pub(super) fn take_event(&mut self, stream: u64) -> Option<StreamEvent> {
        let event = (self.events & !LISTED) & (self.events & !LISTED).wrapping_neg();
        self.events &= !event;
        match (event, &self.send) {
            (READABLE, _) => Some(StreamEvent::Readable(stream)),
            (WRITABLE, _) => Some(StreamEvent::Writable(stream)),
            (FINISHED, _) => Some(StreamEvent::Finished(stream)),
            (STOPPED, Half::Open(sender)) => {
                Some(StreamEvent::Stopped(stream, sender.reset.unwrap_or(Code::NO_ERROR)))
            }
            (RECEIPT_CHANGED, _) => Some(StreamEvent::ReceiptChanged(stream)),
            _ => {
                self.events = 0;
                None
            }
        }
    }
}
