//! MESSAGE, `NEXT_MESSAGE` and `MESSAGE_DROPPED` (docs/PROTOCOL.md, 7.5), and how much data fits into
//! a piece. Messages are put together elsewhere.

use crate::cursor::{Reader, WriteError, Writer};
use crate::varint;

use super::{FrameError, kind};

/// What remembering a message costs towards the limits (docs/PROTOCOL.md, 7.5.1).
pub const COST: u64 = 32;

/// How a message is delivered (docs/PROTOCOL.md, 7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Mode 0: reliably, behind the messages of this mode with lower numbers.
    Ordered {
        /// How many of them there are.
        order: u64,
    },
    /// Mode 1: reliably, as soon as it is complete.
    Reliable,
    /// Mode 2: until its time is over.
    Deadline {
        /// The time that is left, in microseconds.
        lifetime: u64,
    },
}

/// Everything of a MESSAGE frame but the piece's data, which the caller puts behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageHeader {
    /// How the message is delivered.
    pub mode: Mode,
    /// Its number among the messages of modes 0 to 2 of this direction.
    pub number: u64,
    /// Length plus 32, summed over all messages with lower numbers.
    pub start: u64,
    /// The length of the whole message.
    pub length: u64,
    /// Where in the message this piece begins.
    pub offset: u64,
    /// How many bytes of data follow.
    pub len: usize,
}

/// A piece of a message (docs/PROTOCOL.md, 7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// All but the data; its `len` is theirs.
    header: MessageHeader,
    data: &'a [u8],
}

impl MessageHeader {
    /// The length of the header in bytes.
    pub fn encoded_len(&self) -> usize {
        self.bare_len() + varint::len_of(self.len)
    }

    /// The length of the header without the piece's length.
    fn bare_len(&self) -> usize {
        let of_mode = match self.mode {
            Mode::Ordered { order } => varint::len(order),
            Mode::Reliable => 0,
            Mode::Deadline { lifetime } => varint::len(lifetime),
        };
        let fields = [self.number, self.start, self.length, self.offset];
        2 + of_mode + fields.into_iter().map(varint::len).sum::<usize>()
    }

    /// This header for as much as `room` takes of what the message has from `offset` on; `len` is
    /// not looked at. `None` if not a single byte fits that is left, or no header.
    pub fn fit(self, room: usize) -> Option<Self> {
        let fits = varint::counted_room(room.checked_sub(self.bare_len())?)?;
        let left = self.length.checked_sub(self.offset)?;
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(fits);
        (len > 0 || left == 0).then_some(Self { len, ..self })
    }

    /// Writes the header, if that and the data fit.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        self.check().map_err(|_| WriteError::Value)?;
        if self.encoded_len().saturating_add(self.len) > writer.room() {
            return Err(WriteError::Full);
        }
        let (mode, order, lifetime) = match self.mode {
            Mode::Ordered { order } => (0, Some(order), None),
            Mode::Reliable => (1, None, None),
            Mode::Deadline { lifetime } => (2, None, Some(lifetime)),
        };
        writer.whole(|writer| {
            writer.varint(kind::MESSAGE)?;
            writer.u8(mode)?;
            writer.varint(self.number)?;
            order.map_or(Ok(()), |order| writer.varint(order))?;
            writer.varint(self.start)?;
            writer.varint(self.length)?;
            lifetime.map_or(Ok(()), |lifetime| writer.varint(lifetime))?;
            writer.varint(self.offset)?;
            writer.varint(self.len as u64)
        })
    }

    /// All of the message with the next number, of `len` bytes, if its header follows from this one
    /// (docs/PROTOCOL.md, 7.5.5).
    ///
    /// # Errors
    /// [`FrameError::NotNext`] behind one of mode 2, whose time is its own, and [`FrameError::Overflow`]
    /// if a sum is not a number.
    pub fn next(&self, len: usize) -> Result<Self, FrameError> {
        let following = |number: u64| {
            number.checked_add(1).filter(|next| *next <= varint::MAX).ok_or(FrameError::Overflow)
        };
        let mode = match self.mode {
            Mode::Ordered { order } => Mode::Ordered { order: following(order)? },
            Mode::Reliable => Mode::Reliable,
            Mode::Deadline { .. } => return Err(FrameError::NotNext),
        };
        let number = following(self.number)?;
        let start = end_of(self.start, self.length).ok_or(FrameError::Overflow)?;
        let next = Self { mode, number, start, length: len as u64, offset: 0, len };
        next.check()?;
        Ok(next)
    }

    /// How many bytes all of this message takes as a `NEXT_MESSAGE` frame behind `before`; `None` if it
    /// does not follow from that.
    pub fn next_frame_len(&self, before: &Self) -> Option<usize> {
        let len = usize::try_from(self.length).ok()?;
        let follows = before.next(len) == Ok(Self { len, ..*self });
        follows.then(|| {
            (varint::len(kind::NEXT_MESSAGE) + varint::len(self.length)).saturating_add(len)
        })
    }

    /// Whether the sums are in range, and the piece in the message.
    fn check(&self) -> Result<(), FrameError> {
        let end = end_of(self.start, self.length);
        let piece = self.offset.checked_add(self.len as u64);
        if end.is_none() || piece.is_none_or(|piece| piece > varint::MAX) {
            return Err(FrameError::Overflow);
        }
        if piece.is_some_and(|piece| piece > self.length) {
            return Err(FrameError::BeyondMessage);
        }
        Ok(())
    }
}

/// The end of a message in the count that is limited, if it is a number (docs/PROTOCOL.md, 7.5.1).
pub fn end_of(start: u64, length: u64) -> Option<u64> {
    start.checked_add(length)?.checked_add(COST).filter(|end| *end <= varint::MAX)
}

impl<'a> Message<'a> {
    /// A piece with all of `data`, whatever length `header` says.
    pub fn new(header: MessageHeader, data: &'a [u8]) -> Self {
        Self { header: MessageHeader { len: data.len(), ..header }, data }
    }

    /// All but the data.
    pub fn header(&self) -> &MessageHeader {
        &self.header
    }

    /// The data.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The frame's length.
    pub fn encoded_len(&self) -> usize {
        self.header.encoded_len() + self.data.len()
    }

    /// Writes the frame.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        writer.whole(|writer| {
            self.header.encode(writer)?;
            writer.bytes(self.data)
        })
    }

    /// Writes a `NEXT_MESSAGE` frame; `before` is the last message that is in the packet already.
    ///
    /// # Errors
    /// [`WriteError::Value`] if this message does not follow from that one, [`WriteError::Full`] if it
    /// does not fit.
    pub fn encode_next(
        &self,
        before: &MessageHeader,
        writer: &mut Writer<'_>,
    ) -> Result<(), WriteError> {
        if before.next(self.data.len()) != Ok(self.header) {
            return Err(WriteError::Value);
        }
        writer.whole(|writer| {
            writer.varint(kind::NEXT_MESSAGE)?;
            writer.counted(self.data)
        })
    }

    /// Reads what is behind the type of a `NEXT_MESSAGE` frame.
    pub(super) fn parse_next(
        before: Option<&MessageHeader>,
        reader: &mut Reader<'a>,
    ) -> Result<Self, FrameError> {
        let data = reader.counted()?;
        let header = before.ok_or(FrameError::NotNext)?.next(data.len())?;
        Ok(Self { header, data })
    }

    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        let number_of_mode = reader.u8()?;
        if number_of_mode > 2 {
            return Err(FrameError::Mode(number_of_mode));
        }
        let number = reader.varint()?;
        let order = if number_of_mode == 0 { reader.varint()? } else { 0 };
        let (start, length) = (reader.varint()?, reader.varint()?);
        let mode = match number_of_mode {
            0 => Mode::Ordered { order },
            1 => Mode::Reliable,
            _ => Mode::Deadline { lifetime: reader.varint()? },
        };
        let offset = reader.varint()?;
        let data = reader.counted()?;
        let header = MessageHeader { mode, number, start, length, offset, len: data.len() };
        header.check()?;
        Ok(Self { header, data })
    }
}

/// `MESSAGE_DROPPED`: the sender will not send the rest of a message of mode 2 (docs/PROTOCOL.md,
/// 7.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageDropped {
    /// The message's number.
    pub number: u64,
    /// As in [`MessageHeader`].
    pub start: u64,
    /// The length of the whole message.
    pub length: u64,
}

impl MessageDropped {
    /// The frame's length.
    pub fn encoded_len(&self) -> usize {
        1 + varint::len(self.number) + varint::len(self.start) + varint::len(self.length)
    }

    /// Writes the frame.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        end_of(self.start, self.length).ok_or(WriteError::Value)?;
        writer.whole(|writer| {
            writer.varint(kind::MESSAGE_DROPPED)?;
            writer.varint(self.number)?;
            writer.varint(self.start)?;
            writer.varint(self.length)
        })
    }

    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let (number, start, length) = (reader.varint()?, reader.varint()?, reader.varint()?);
        end_of(start, length).ok_or(FrameError::Overflow)?;
        Ok(Self { number, start, length })
    }
}
