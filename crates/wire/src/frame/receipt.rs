//! RECEIPT (docs/PROTOCOL.md, 7.6): how far a stream has come, for host and program.
//! When receipts are sent is decided elsewhere.

use crate::cursor::{Reader, WriteError, Writer};
use crate::varint;

use super::{FrameError, kind};

/// The stream number that stands for the messages of a direction (docs/PROTOCOL.md, 7.6.5).
pub const MESSAGES: u64 = varint::MAX;

const ALL_RECEIVED: u8 = 1;
const ALL_READ: u8 = 2;
const FINAL: u8 = 4;

/// How far a stream has come (docs/PROTOCOL.md, 7.6). Bits 3 to 7 of its last byte are 0 when sent
/// and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The stream, or [`MESSAGES`].
    pub stream: u64,
    /// How many bytes the host has, without a gap.
    pub received: u64,
    /// How many bytes the program has read or confirmed; not more than `received`.
    pub read: u64,
    /// All up to the final size is received.
    pub all_received: bool,
    /// The program has read that as well.
    pub all_read: bool,
    /// The program will read no more of this stream.
    pub is_final: bool,
}

impl Receipt {
    /// The frame's length.
    pub fn encoded_len(&self) -> usize {
        1 + self.body_len()
    }

    /// The length without a type, as in CLOSE.
    pub fn body_len(&self) -> usize {
        varint::len(self.stream) + varint::len(self.received) + varint::len(self.read) + 1
    }

    /// Writes the frame.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        writer.whole(|writer| {
            writer.varint(kind::RECEIPT)?;
            self.encode_body(writer)
        })
    }

    pub(super) fn encode_body(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        if self.read > self.received {
            return Err(WriteError::Value);
        }
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        writer.varint(self.stream)?;
        writer.varint(self.received)?;
        writer.varint(self.read)?;
        writer.u8(bit(self.all_received, ALL_RECEIVED)
            | bit(self.all_read, ALL_READ)
            | bit(self.is_final, FINAL))
    }

    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let (stream, received, read) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let bits = reader.u8()?;
        if read > received {
            return Err(FrameError::ReadBeyondReceived);
        }
        Ok(Self {
            stream,
            received,
            read,
            all_received: bits & ALL_RECEIVED != 0,
            all_read: bits & ALL_READ != 0,
            is_final: bits & FINAL != 0,
        })
    }
}
