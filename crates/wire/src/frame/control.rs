//! Frames that are a few numbers, or eight bytes (docs/PROTOCOL.md, 7.2): limits, resets, requests,
//! challenges. They borrow nothing, so that they can be kept, elsewhere, until acknowledged.

use crate::code::Code;
use crate::cursor::{Reader, WriteError, Writer};
use crate::varint;

use super::{FrameError, kind};

/// The largest count of streams (docs/PROTOCOL.md, 7.4.7).
pub const MAX_STREAMS: u64 = 1 << 60;

/// Whether both ends of a stream write to it (docs/PROTOCOL.md, 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Both do.
    Bidirectional,
    /// Only who opened it does.
    Unidirectional,
}

/// A frame that is a few numbers (docs/PROTOCOL.md, 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are named as in the table of 7.2")]
pub enum Control {
    /// `ACK_FREQUENCY`: how often the sender wants acknowledgements (docs/PROTOCOL.md, 8.3).
    AckFrequency { sequence: u64, tolerance: u64, delay: u64, threshold: u64 },
    /// `RESET_STREAM`: no more data of this stream will be sent (docs/PROTOCOL.md, 7.4.5).
    ResetStream { stream: u64, code: Code, final_size: u64 },
    /// `STOP_SENDING`: data of this stream are no longer wanted (docs/PROTOCOL.md, 7.4.5).
    StopSending { stream: u64, code: Code },
    /// `MAX_DATA`: the limit for all streams together (docs/PROTOCOL.md, 7.4.3).
    MaxData { limit: u64 },
    /// `MAX_STREAM_DATA`: the limit for one stream (docs/PROTOCOL.md, 7.4.3).
    MaxStreamData { stream: u64, limit: u64 },
    /// `MAX_STREAMS`: how many streams may be opened (docs/PROTOCOL.md, 7.4.8).
    MaxStreams { direction: Direction, count: u64 },
    /// `DATA_BLOCKED`: there are data beyond the limit (docs/PROTOCOL.md, 7.2).
    DataBlocked { limit: u64 },
    /// `STREAM_DATA_BLOCKED`: there are data beyond the stream's limit (docs/PROTOCOL.md, 7.2).
    StreamDataBlocked { stream: u64, limit: u64 },
    /// `STREAMS_BLOCKED`: there would be more streams (docs/PROTOCOL.md, 7.2).
    StreamsBlocked { direction: Direction, limit: u64 },
    /// `RECEIPT_REQUEST`: a receipt is wanted for that much (docs/PROTOCOL.md, 7.6.1).
    ReceiptRequest { stream: u64, offset: u64 },
    /// `MAX_MESSAGE_DATA`: the limit for messages (docs/PROTOCOL.md, 7.5.1).
    MaxMessageData { limit: u64 },
    /// `PATH_CHALLENGE`: is the peer there? (docs/PROTOCOL.md, 9.3.1)
    PathChallenge([u8; 8]),
    /// `PATH_RESPONSE`: yes (docs/PROTOCOL.md, 9.3.3).
    PathResponse([u8; 8]),
}

/// The fields of a frame: up to four numbers, or the bytes of a challenge.
enum Fields {
    One([u64; 1]),
    Two([u64; 2]),
    Three([u64; 3]),
    Four([u64; 4]),
    Bytes([u8; 8]),
}

impl Fields {
    fn numbers(&self) -> &[u64] {
        match self {
            Self::One(numbers) => numbers,
            Self::Two(numbers) => numbers,
            Self::Three(numbers) => numbers,
            Self::Four(numbers) => numbers,
            Self::Bytes(_) => &[],
        }
    }

    fn bytes(&self) -> &[u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }
}

impl Control {
    /// The frame's type.
    pub(super) fn kind(&self) -> u64 {
        self.layout().0
    }

    /// The type and the fields in their order.
    fn layout(&self) -> (u64, Fields) {
        use Fields::{Bytes, Four, One, Three, Two};
        let either = |direction, bidi, uni| match direction {
            Direction::Bidirectional => bidi,
            Direction::Unidirectional => uni,
        };
        match *self {
            Self::AckFrequency { sequence, tolerance, delay, threshold } => {
                (kind::ACK_FREQUENCY, Four([sequence, tolerance, delay, threshold]))
            }
            Self::ResetStream { stream, code, final_size } => {
                (kind::RESET_STREAM, Three([stream, code.0, final_size]))
            }
            Self::StopSending { stream, code } => (kind::STOP_SENDING, Two([stream, code.0])),
            Self::MaxData { limit } => (kind::MAX_DATA, One([limit])),
            Self::MaxStreamData { stream, limit } => (kind::MAX_STREAM_DATA, Two([stream, limit])),
            Self::MaxStreams { direction, count } => {
                (either(direction, kind::MAX_STREAMS_BIDI, kind::MAX_STREAMS_UNI), One([count]))
            }
            Self::DataBlocked { limit } => (kind::DATA_BLOCKED, One([limit])),
            Self::StreamDataBlocked { stream, limit } => {
                (kind::STREAM_DATA_BLOCKED, Two([stream, limit]))
            }
            Self::StreamsBlocked { direction, limit } => {
                let kind = either(direction, kind::STREAMS_BLOCKED_BIDI, kind::STREAMS_BLOCKED_UNI);
                (kind, One([limit]))
            }
            Self::ReceiptRequest { stream, offset } => {
                (kind::RECEIPT_REQUEST, Two([stream, offset]))
            }
            Self::MaxMessageData { limit } => (kind::MAX_MESSAGE_DATA, One([limit])),
            Self::PathChallenge(bytes) => (kind::PATH_CHALLENGE, Bytes(bytes)),
            Self::PathResponse(bytes) => (kind::PATH_RESPONSE, Bytes(bytes)),
        }
    }

    /// The frame's length.
    pub fn encoded_len(&self) -> usize {
        let (_, fields) = self.layout();
        let numbers = fields.numbers().iter().map(|number| varint::len(*number));
        1 + numbers.sum::<usize>() + fields.bytes().len()
    }

    /// Writes the frame.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        self.check().map_err(|_| WriteError::Value)?;
        let (kind, fields) = self.layout();
        writer.whole(|writer| {
            writer.varint(kind)?;
            fields.numbers().iter().try_for_each(|number| writer.varint(*number))?;
            writer.bytes(fields.bytes())
        })
    }

    /// Reads the fields of a type that has them; `None` for other types.
    pub(super) fn parse(kind: u64, reader: &mut Reader<'_>) -> Result<Option<Self>, FrameError> {
        use Direction::{Bidirectional, Unidirectional};
        let mut next = || reader.varint();
        let frame = match kind {
            kind::ACK_FREQUENCY => Self::AckFrequency {
                sequence: next()?,
                tolerance: next()?,
                delay: next()?,
                threshold: next()?,
            },
            kind::RESET_STREAM => {
                Self::ResetStream { stream: next()?, code: Code(next()?), final_size: next()? }
            }
            kind::STOP_SENDING => Self::StopSending { stream: next()?, code: Code(next()?) },
            kind::MAX_DATA => Self::MaxData { limit: next()? },
            kind::MAX_STREAM_DATA => Self::MaxStreamData { stream: next()?, limit: next()? },
            kind::MAX_STREAMS_BIDI => Self::MaxStreams { direction: Bidirectional, count: next()? },
            kind::MAX_STREAMS_UNI => Self::MaxStreams { direction: Unidirectional, count: next()? },
            kind::DATA_BLOCKED => Self::DataBlocked { limit: next()? },
            kind::STREAM_DATA_BLOCKED => {
                Self::StreamDataBlocked { stream: next()?, limit: next()? }
            }
            kind::STREAMS_BLOCKED_BIDI => {
                Self::StreamsBlocked { direction: Bidirectional, limit: next()? }
            }
            kind::STREAMS_BLOCKED_UNI => {
                Self::StreamsBlocked { direction: Unidirectional, limit: next()? }
            }
            kind::RECEIPT_REQUEST => Self::ReceiptRequest { stream: next()?, offset: next()? },
            kind::MAX_MESSAGE_DATA => Self::MaxMessageData { limit: next()? },
            kind::PATH_CHALLENGE => Self::PathChallenge(*reader.array()?),
            kind::PATH_RESPONSE => Self::PathResponse(*reader.array()?),
            _ => return Ok(None),
        };
        frame.check()?;
        Ok(Some(frame))
    }

    /// What can be wrong with the numbers alone.
    fn check(&self) -> Result<(), FrameError> {
        match *self {
            Self::AckFrequency { tolerance: 0, .. } | Self::AckFrequency { threshold: 0, .. } => {
                Err(FrameError::ZeroFrequency)
            }
            Self::MaxStreams { count, .. } if count > MAX_STREAMS => {
                Err(FrameError::Streams(count))
            }
            _ => Ok(()),
        }
    }
}
