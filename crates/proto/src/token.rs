//! [`Token`]: what a sent packet carried, so that its fate finds the part that has to know.
//! What a part does when a token is acknowledged or lost is its own business.

use rudp_wire::frame::Direction;

/// One thing that a packet carried. Small and without memory of its own: a packet's tokens lie in a
/// ring, not in the packet's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// An ACK whose highest number this was.
    Ack { highest: u64 },
    /// `ACK_FREQUENCY`.
    AckFrequency { sequence: u64 },
    /// Bytes of a stream, and perhaps its end.
    Stream { stream: u64, offset: u64, len: u32, end: bool },
    /// `RESET_STREAM`.
    ResetStream { stream: u64 },
    /// `STOP_SENDING`.
    StopSending { stream: u64 },
    /// `MAX_DATA`.
    MaxData,
    /// `MAX_STREAM_DATA`.
    MaxStreamData { stream: u64 },
    /// `MAX_STREAMS`.
    MaxStreams { direction: Direction },
    /// `DATA_BLOCKED`.
    DataBlocked,
    /// `STREAM_DATA_BLOCKED`.
    StreamDataBlocked { stream: u64 },
    /// `STREAMS_BLOCKED`.
    StreamsBlocked { direction: Direction },
    /// `RECEIPT`; of messages if the stream is `rudp_wire::frame::MESSAGES`.
    Receipt { stream: u64, received: u64, read: u64, bits: u8 },
    /// `RECEIPT_REQUEST`, likewise.
    ReceiptRequest { stream: u64, offset: u64 },
    /// A piece of a message.
    Message { number: u64, offset: u32, len: u32 },
    /// `MESSAGE_DROPPED`.
    MessageDropped { number: u64 },
    /// `MAX_MESSAGE_DATA`.
    MaxMessageData,
    /// DATAGRAM: the sender may want to know its fate.
    Datagram { number: u64 },
}

impl Token {
    /// This token and the next as one, if they are consecutive bytes of one stream: what becomes of
    /// a whole flight is told at once.
    pub(crate) fn joined(self, next: Self) -> Option<Self> {
        match (self, next) {
            (
                Self::Stream { stream, offset, len, end: false },
                Self::Stream { stream: next_stream, offset: next_offset, len: next_len, end },
            ) if stream == next_stream && offset + u64::from(len) == next_offset => {
                Some(Self::Stream { stream, offset, len: len.checked_add(next_len)?, end })
            }
            _ => None,
        }
    }
}

/// What became of a packet, and so of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The peer has it.
    Acknowledged,
    /// It is taken for lost. It may still be acknowledged later: parts hear of that as
    /// [`Acknowledged`](Self::Acknowledged) after `Lost`.
    Lost,
}
