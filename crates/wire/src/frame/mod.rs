//! Frames (docs/PROTOCOL.md, 7): one enum of all, an iterator over those of a packet, and why bytes
//! are no frame. Layouts are in the modules below; what frames do to a session is elsewhere.

mod ack;
mod close;
mod control;
mod kind;
mod message;
mod receipt;
mod stream;

pub use ack::{Ack, AckDraft, AckPlan, EcnCounts, MAX_FURTHER_RANGES, Ranges};
pub use close::{Close, CloseDraft, CloseKind, ClosePlan, MAX_REASON, Receipts, cut_reason};
pub use control::{Control, Direction, MAX_STREAMS};
pub use kind::{FIRST_EXTENSION, Kind, TABLE, row};
pub use message::{COST, Message, MessageDropped, MessageHeader, Mode, end_of};
pub use receipt::{MESSAGES, Receipt};
pub use stream::{Extent, Stream, StreamHeader, TailHeader};

use crate::code::Code;
use crate::cursor::{Reader, Truncated, WriteError, Writer};
use crate::varint;

/// A frame (docs/PROTOCOL.md, 7.2). Data borrow from the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// PADDING, as many in a row as there are.
    Padding {
        /// How many.
        len: usize,
    },
    /// PING: nothing but the wish for an acknowledgement.
    Ping,
    /// ACK, with or without ECN.
    Ack(Ack<'a>),
    /// `IMMEDIATE_ACK`: the wish for an acknowledgement at once.
    ImmediateAck,
    /// CLOSE.
    Close(Close<'a>),
    /// `CLOSE_ACK`.
    CloseAck(Close<'a>),
    /// STREAM.
    Stream(Stream<'a>),
    /// MESSAGE or `NEXT_MESSAGE`: [`encode`](Self::encode) writes the former.
    Message(Message<'a>),
    /// `MESSAGE_DROPPED`.
    MessageDropped(MessageDropped),
    /// RECEIPT.
    Receipt(Receipt),
    /// DATAGRAM: the message takes the rest of the packet.
    Datagram(&'a [u8]),
    /// One of the frames that are a few numbers.
    Control(Control),
    /// A type from 0x40 on, none of which is known (docs/PROTOCOL.md, 7.1).
    Extension {
        /// The type.
        kind: u64,
        /// What is behind its length.
        payload: &'a [u8],
    },
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A length or a count goes beyond the packet (docs/PROTOCOL.md, 7.1.1).
    #[error("a frame goes beyond its packet")]
    Truncated,
    /// A sum is beyond 2^62 - 1 (docs/PROTOCOL.md, 7.1.1).
    #[error("a sum is beyond 2^62 - 1")]
    Overflow,
    /// A range of packet numbers goes below 0 (docs/PROTOCOL.md, 7.1.1).
    #[error("a range of packet numbers goes below 0")]
    BelowZero,
    /// A type that is unknown or reserved (docs/PROTOCOL.md, 7.1).
    #[error("no known frame has the type {0:#04x}")]
    Type(u64),
    /// A type that is not in its shortest form (docs/PROTOCOL.md, 7.1).
    #[error("the type {0:#04x} is not in its shortest form")]
    LongType(u64),
    /// More ranges than an ACK may have (docs/PROTOCOL.md, 7.3).
    #[error("{0} ranges behind the first one, where {MAX_FURTHER_RANGES} are the most")]
    TooManyRanges(u64),
    /// A mode over 2 (docs/PROTOCOL.md, 7.5.1).
    #[error("no message has the mode {0}")]
    Mode(u8),
    /// A reason that is too long (docs/PROTOCOL.md, 9.2.7).
    #[error("a reason of {0} bytes, where {MAX_REASON} are the most")]
    Reason(u64),
    /// A count of streams beyond 2^60 (docs/PROTOCOL.md, 7.4.7).
    #[error("{0} streams, where 2^60 are the most")]
    Streams(u64),
    /// `NEXT_MESSAGE` behind no message, or behind one of mode 2 (docs/PROTOCOL.md, 7.5.5).
    #[error("a message follows none that it could follow")]
    NotNext,
    /// A piece that goes beyond its message (docs/PROTOCOL.md, 7.5.1).
    #[error("a piece goes beyond its message")]
    BeyondMessage,
    /// A receipt for more read than received (docs/PROTOCOL.md, 7.6.1).
    #[error("a receipt for more read than received")]
    ReadBeyondReceived,
    /// A tolerance or a threshold of 0 (docs/PROTOCOL.md, 8.3).
    #[error("a tolerance or a threshold of 0")]
    ZeroFrequency,
}

impl FrameError {
    /// The code with which the session is closed.
    pub fn code(self) -> Code {
        match self {
            Self::ReadBeyondReceived | Self::ZeroFrequency => Code::PROTOCOL_VIOLATION,
            Self::BeyondMessage => Code::MESSAGE_ERROR,
            _ => Code::FRAME_ERROR,
        }
    }
}

impl From<Truncated> for FrameError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

impl<'a> Frame<'a> {
    /// The frame's type: of several with one name, the one that is written.
    pub fn kind(&self) -> u64 {
        match self {
            Self::Padding { .. } => kind::PADDING,
            Self::Ping => kind::PING,
            Self::Ack(Ack { ecn: None, .. }) => kind::ACK,
            Self::Ack(Ack { ecn: Some(_), .. }) => kind::ACK_ECN,
            Self::ImmediateAck => kind::IMMEDIATE_ACK,
            Self::Close(_) => kind::CLOSE,
            Self::CloseAck(_) => kind::CLOSE_ACK,
            Self::Stream(_) => kind::STREAM,
            Self::Message(_) => kind::MESSAGE,
            Self::MessageDropped(_) => kind::MESSAGE_DROPPED,
            Self::Receipt(_) => kind::RECEIPT,
            Self::Datagram(_) => kind::DATAGRAM,
            Self::Control(control) => control.kind(),
            Self::Extension { kind, .. } => *kind,
        }
    }

    /// The name of the frame's type.
    pub fn name(&self) -> &'static str {
        row(self.kind()).map_or("EXTENSION", |row| row.name)
    }

    /// Whether a packet with this frame is acknowledged (docs/PROTOCOL.md, 7.2).
    pub fn is_ack_eliciting(&self) -> bool {
        // What the table says, without looking there for each frame; a test compares the two.
        !matches!(self, Self::Padding { .. } | Self::Ack(_) | Self::Close(_) | Self::CloseAck(_))
    }

    /// The frame's length as [`encode`](Self::encode) writes it.
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Padding { len } => *len,
            Self::Ping | Self::ImmediateAck => 1,
            Self::Ack(ack) => ack.encoded_len(),
            Self::Close(close) | Self::CloseAck(close) => close.encoded_len(),
            Self::Stream(stream) => stream.encoded_len(Extent::Counted),
            Self::Message(message) => message.encoded_len(),
            Self::MessageDropped(dropped) => dropped.encoded_len(),
            Self::Receipt(receipt) => receipt.encoded_len(),
            Self::Datagram(data) => 1 + data.len(),
            Self::Control(control) => control.encoded_len(),
            Self::Extension { kind, payload } => {
                varint::len(*kind) + varint::len_of(payload.len()) + payload.len()
            }
        }
    }

    /// Writes the frame; a STREAM with its length. Behind a DATAGRAM nothing may be written.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        match self {
            Self::Padding { len } => writer.zeros(*len),
            Self::Ping => writer.varint(kind::PING),
            Self::Ack(ack) => ack.encode(writer),
            Self::ImmediateAck => writer.varint(kind::IMMEDIATE_ACK),
            Self::Close(close) => close.encode(kind::CLOSE, writer),
            Self::CloseAck(close) => close.encode(kind::CLOSE_ACK, writer),
            Self::Stream(stream) => stream.encode(Extent::Counted, writer),
            Self::Message(message) => message.encode(writer),
            Self::MessageDropped(dropped) => dropped.encode(writer),
            Self::Receipt(receipt) => receipt.encode(writer),
            Self::Datagram(data) => writer.whole(|writer| {
                writer.varint(kind::DATAGRAM)?;
                writer.bytes(data)
            }),
            Self::Control(control) => control.encode(writer),
            Self::Extension { kind, payload } if *kind >= FIRST_EXTENSION => {
                writer.whole(|writer| {
                    writer.varint(*kind)?;
                    writer.counted(payload)
                })
            }
            Self::Extension { .. } => Err(WriteError::Value),
        }
    }

    /// Reads a frame behind those of the packet of which `message` was the last one of its kind.
    fn parse(reader: &mut Reader<'a>, message: Option<&MessageHeader>) -> Result<Self, FrameError> {
        let before = reader.rest().len();
        let kind = reader.varint()?;
        if before - reader.rest().len() != varint::len(kind) {
            return Err(FrameError::LongType(kind));
        }
        Ok(match kind {
            kind::STREAM..=kind::STREAM_LAST => Self::Stream(Stream::parse(kind, reader)?),
            kind::ACK => Self::Ack(Ack::parse(reader, false)?),
            kind::ACK_ECN => Self::Ack(Ack::parse(reader, true)?),
            kind::PADDING => {
                let rest = reader.rest();
                let more = rest.iter().position(|byte| *byte != 0).unwrap_or(rest.len());
                reader.bytes(more)?;
                Self::Padding { len: 1 + more }
            }
            kind::PING => Self::Ping,
            kind::IMMEDIATE_ACK => Self::ImmediateAck,
            kind::CLOSE => Self::Close(Close::parse(reader)?),
            kind::CLOSE_ACK => Self::CloseAck(Close::parse(reader)?),
            kind::MESSAGE => Self::Message(Message::parse(reader)?),
            kind::NEXT_MESSAGE => Self::Message(Message::parse_next(message, reader)?),
            kind::MESSAGE_DROPPED => Self::MessageDropped(MessageDropped::parse(reader)?),
            kind::RECEIPT => Self::Receipt(Receipt::parse(reader)?),
            kind::DATAGRAM => Self::Datagram(reader.take_rest()),
            FIRST_EXTENSION.. => Self::Extension { kind, payload: reader.counted()? },
            _ => Self::Control(Control::parse(kind, reader)?.ok_or(FrameError::Type(kind))?),
        })
    }
}

/// The frames of a packet, up to the first error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames<'a> {
    reader: Reader<'a>,
    /// Of the last message so far.
    message: Option<MessageHeader>,
}

impl<'a> Frames<'a> {
    /// Reads the frames in `bytes`: an opened packet without header and tag. None at all is no
    /// error here; packets that short are told by their length (docs/PROTOCOL.md, 2.10).
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes), message: None }
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let frame = Frame::parse(&mut self.reader, self.message.as_ref());
        match &frame {
            Ok(Frame::Message(message)) => self.message = Some(*message.header()),
            Ok(_) => {}
            Err(_) => self.reader = Reader::new(&[]),
        }
        Some(frame)
    }
}

impl core::iter::FusedIterator for Frames<'_> {}
