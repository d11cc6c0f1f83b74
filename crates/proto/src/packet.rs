//! [`Draft`]: the frames of a packet that is being written, with the tokens of what they carry.
//! Numbers, keys and sending are elsewhere.

use rudp_wire::cursor::Writer;
use rudp_wire::frame::{Frame, Message, MessageHeader, StreamHeader};

use crate::token::Token;

/// Bytes of a stream that are sealed from where they lie, behind the frames of the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) stream: u64,
    pub(crate) offset: u64,
    pub(crate) len: usize,
}

/// The frames of one packet.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    writer: Writer<'a>,
    tokens: &'a mut Vec<Token>,
    is_ack_eliciting: bool,
    tail: Option<Tail>,
    /// Of the last message so far.
    message: Option<MessageHeader>,
    /// A DATAGRAM takes the rest of the packet (docs/PROTOCOL.md, 7.2): nothing follows it.
    is_closed: bool,
}

impl<'a> Draft<'a> {
    /// An empty draft. `buffer` has the length that the frames may have together.
    pub(crate) fn new(buffer: &'a mut [u8], tokens: &'a mut Vec<Token>) -> Self {
        tokens.clear();
        let writer = Writer::new(buffer);
        Self {
            writer,
            tokens,
            is_ack_eliciting: false,
            tail: None,
            message: None,
            is_closed: false,
        }
    }

    /// How many bytes still fit.
    pub(crate) fn room(&self) -> usize {
        if self.is_open() { self.writer.room() } else { 0 }
    }

    /// Whether something may follow what was written.
    fn is_open(&self) -> bool {
        self.tail.is_none() && !self.is_closed
    }

    /// Bytes of frames so far, the tail included.
    pub(crate) fn len(&self) -> usize {
        self.writer.len() + self.tail.map_or(0, |tail| tail.len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn is_ack_eliciting(&self) -> bool {
        self.is_ack_eliciting
    }

    /// Writes `frame`, and says whether it fitted.
    pub(crate) fn push(&mut self, frame: &Frame<'_>) -> bool {
        let fits = self.is_open() && frame.encode(&mut self.writer).is_ok();
        self.is_closed |= fits && matches!(frame, Frame::Datagram(_));
        self.is_ack_eliciting |= fits && frame.is_ack_eliciting();
        fits
    }

    /// Writes `frame`, whose fate the owner of `token` is told, and says whether it fitted.
    pub(crate) fn push_with(&mut self, frame: &Frame<'_>, token: Token) -> bool {
        let fits = self.push(frame);
        if fits {
            self.tokens.push(token);
        }
        fits
    }

    /// How many bytes of a message fit, from the offset in `header` on, when `reserve` bytes are left
    /// free; `None` if not one does that is left, or no header.
    pub(crate) fn fitting(&self, header: &MessageHeader, reserve: usize) -> Option<usize> {
        let room = self.room().checked_sub(reserve)?;
        let next = self.message.and_then(|before| header.next_frame_len(&before));
        match next.filter(|len| *len <= room) {
            Some(_) => usize::try_from(header.length).ok(),
            None => header.fit(room).map(|fitting| fitting.len),
        }
    }

    /// Writes a piece of a message, whose fate the owner of `token` is told, and says whether it fitted.
    /// All of one that follows the message before it has a shorter header (docs/PROTOCOL.md, 7.5.5).
    pub(crate) fn push_message(&mut self, message: &Message<'_>, token: Token) -> bool {
        let before = self.message;
        let is_next = before.is_some_and(|before| {
            self.push_raw(true, Some(token), |writer| message.encode_next(&before, writer).is_ok())
        });
        let fits = is_next || self.push_with(&Frame::Message(*message), token);
        if fits {
            self.message = Some(*message.header());
        }
        fits
    }

    /// Lets `write` put one frame here, which leaves nothing if it fails.
    pub(crate) fn push_raw(
        &mut self,
        is_ack_eliciting: bool,
        token: Option<Token>,
        write: impl FnOnce(&mut Writer<'a>) -> bool,
    ) -> bool {
        let fits = self.is_open() && write(&mut self.writer);
        if fits {
            self.is_ack_eliciting |= is_ack_eliciting;
            self.tokens.extend(token);
        }
        fits
    }

    /// Writes the header of a STREAM frame alone. Its data are the tail: they stay where they are
    /// until the packet is sealed, and nothing follows them.
    pub(crate) fn push_tail(&mut self, header: &StreamHeader, token: Token) -> bool {
        let fits = self.is_open() && header.encode(&mut self.writer).is_ok();
        if fits {
            let &StreamHeader { stream, offset, len, .. } = header;
            self.tail = Some(Tail { stream, offset, len });
            self.is_ack_eliciting = true;
            self.tokens.push(token);
        }
        fits
    }

    /// Lets `copy` put the tail behind the other frames after all.
    pub(crate) fn take_tail(&mut self, copy: impl FnOnce(&Tail, &mut [u8])) {
        if let Some(tail) = self.tail.take()
            && let Ok(slot) = self.writer.slot(tail.len)
        {
            copy(&tail, slot);
            self.is_closed = true;
        }
    }

    /// Fills up a draft that is shorter than `len` bytes, if its memory is not. PADDING goes in
    /// front, since the last frame may be one without a length.
    pub(crate) fn pad_to(&mut self, len: usize) {
        let missing = len.saturating_sub(self.len());
        if missing > 0 && !self.is_empty() && self.tail.is_none() {
            // Where there is no room the packet stays as it is.
            let _ = self.writer.zeros_in_front(missing);
        }
    }

    /// The bytes written, without the tail, and the tail.
    pub(crate) fn parts(&self) -> (&[u8], Option<Tail>) {
        (self.writer.written(), self.tail)
    }
}
