//! STREAM frames (docs/PROTOCOL.md, 7.4), and how much data fits into one.
//! Order, limits and ends of streams are kept elsewhere.

use crate::cursor::{Reader, WriteError, Writer};
use crate::varint;

use super::{FrameError, kind};

const OFFSET: u64 = 0b100;
const LENGTH: u64 = 0b010;
const END: u64 = 0b001;

/// A piece of a stream (docs/PROTOCOL.md, 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream<'a> {
    /// The stream's number.
    pub stream: u64,
    /// Where in the stream the data begin.
    pub offset: u64,
    /// Whether the stream ends behind them (F).
    pub end: bool,
    /// The data.
    pub data: &'a [u8],
}

/// How a frame's data say where they end (docs/PROTOCOL.md, 7.4, L).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// By a length; other frames may follow.
    Counted,
    /// With the packet: no frame may follow, padding included.
    ToEnd,
}

/// Everything of a STREAM frame but the data, which the caller puts behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamHeader {
    /// The stream's number.
    pub stream: u64,
    /// Where in the stream the data begin.
    pub offset: u64,
    /// Whether the stream ends behind them (F).
    pub end: bool,
    /// How many bytes of data follow.
    pub len: usize,
    /// Whether that number is written (L).
    pub extent: Extent,
}

impl StreamHeader {
    /// The length of the header in bytes.
    pub fn encoded_len(&self) -> usize {
        let length = match self.extent {
            Extent::Counted => varint::len_of(self.len),
            Extent::ToEnd => 0,
        };
        bare_len(self.stream, self.offset) + length
    }

    /// Writes the header, if that and the data fit.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        let sum = (self.offset).checked_add(self.len as u64).ok_or(WriteError::Value)?;
        if sum > varint::MAX || self.stream > varint::MAX {
            return Err(WriteError::Value);
        }
        if self.encoded_len().saturating_add(self.len) > writer.room() {
            return Err(WriteError::Full);
        }
        let bit = |set: bool, bit: u64| if set { bit } else { 0 };
        let counted = self.extent == Extent::Counted;
        let bits = bit(self.offset > 0, OFFSET) | bit(counted, LENGTH) | bit(self.end, END);
        writer.varint(kind::STREAM | bits)?;
        writer.varint(self.stream)?;
        if self.offset > 0 {
            writer.varint(self.offset)?;
        }
        if counted {
            writer.varint(self.len as u64)?;
        }
        Ok(())
    }
}

/// The header of a frame whose data reach to the end of the packet, without F: that of most packets of
/// a fast transfer, made at once.
#[derive(Clone, Copy, Debug)]
pub struct TailHeader {
    bytes: [u8; 1 + 2 * varint::MAX_LEN],
    len: usize,
}

impl TailHeader {
    /// The longest one in bytes.
    pub const MAX_LEN: usize = 1 + 2 * varint::MAX_LEN;

    /// The header for data at `offset` of `stream`; `None` if one of them has no form.
    pub fn new(stream: u64, offset: u64) -> Option<Self> {
        if stream > varint::MAX || offset > varint::MAX {
            return None;
        }
        let mut bytes = [0; Self::MAX_LEN];
        let bits = if offset > 0 { OFFSET } else { 0 };
        bytes[0] = u8::try_from(kind::STREAM | bits).ok()?;
        let mut len = varint::put(&mut bytes, 1, stream);
        if offset > 0 {
            len = varint::put(&mut bytes, len, offset);
        }
        Some(Self { bytes, len })
    }

    /// The header's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The length of a header without a length field.
fn bare_len(stream: u64, offset: u64) -> usize {
    1 + varint::len(stream) + if offset > 0 { varint::len(offset) } else { 0 }
}

impl<'a> Stream<'a> {
    /// The header with which a packet whose free room is `room` takes as much as possible of
    /// `available` bytes; it has no length where that would leave no room for another frame.
    ///
    /// `None` if not a single byte fits, or, with nothing available, not even the empty frame. F is
    /// not set: the caller knows whether the last byte is among them.
    pub fn fit(stream: u64, offset: u64, available: usize, room: usize) -> Option<StreamHeader> {
        let room = room.checked_sub(bare_len(stream, offset))?;
        let len = available.min(room);
        if len == 0 && available > 0 {
            return None;
        }
        let counted = len.saturating_add(varint::len_of(len)) <= room;
        let extent = if counted { Extent::Counted } else { Extent::ToEnd };
        Some(StreamHeader { stream, offset, end: false, len, extent })
    }

    /// This frame's header.
    pub fn header(&self, extent: Extent) -> StreamHeader {
        let Self { stream, offset, end, data } = *self;
        StreamHeader { stream, offset, end, len: data.len(), extent }
    }

    /// The frame's length.
    pub fn encoded_len(&self, extent: Extent) -> usize {
        self.header(extent).encoded_len() + self.data.len()
    }

    /// Writes the frame.
    pub fn encode(&self, extent: Extent, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        writer.whole(|writer| {
            self.header(extent).encode(writer)?;
            writer.bytes(self.data)
        })
    }

    pub(super) fn parse(kind: u64, reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        let stream = reader.varint()?;
        let offset = if kind & OFFSET == 0 { 0 } else { reader.varint()? };
        let data = if kind & LENGTH == 0 { reader.take_rest() } else { reader.counted()? };
        // Below 2^62 plus the length of a slice: no overflow.
        if offset + data.len() as u64 > varint::MAX {
            return Err(FrameError::Overflow);
        }
        Ok(Self { stream, offset, end: kind & END != 0, data })
    }
}
