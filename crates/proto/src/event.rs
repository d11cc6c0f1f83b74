//! What an endpoint tells the program above it: handles of sessions, events, and how sessions end.
//! Bytes and messages are not in events; they are asked for.

use core::fmt;

use rudp_wire::code::Code;
use rudp_wire::frame::Direction;

use crate::handshake::Failure;

/// A session of an endpoint. Handles are never used for another session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}.{})", self.index, self.generation)
    }
}

/// Something happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which one.
    pub session: Handle,
    /// What.
    pub kind: EventKind,
}

/// What happened. Each says "look again": that something may be possible now which was not before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A client's session began at a server; [`accept`](crate::Endpoint::accept) gives it.
    Incoming,
    /// The session that was asked for has begun.
    Connected,
    /// A stream has data to read, or its end.
    Readable {
        /// The stream.
        stream: u64,
    },
    /// A stream takes data again, or will take none any more.
    Writable {
        /// The stream.
        stream: u64,
    },
    /// The peer opened a stream.
    Opened,
    /// Another stream may be opened.
    MayOpen {
        /// Of this kind.
        direction: Direction,
    },
    /// More is known of what became of a stream's data.
    Receipt {
        /// The stream; [`MESSAGES`](rudp_wire::frame::MESSAGES) for messages.
        stream: u64,
    },
    /// There is a message to take.
    MessageReadable,
    /// Another message may be sent.
    MessageWritable,
    /// The fate of a message is known.
    MessageFate {
        /// Its number.
        message: u64,
    },
    /// The session has its outcome: its close is decided, or nothing more will be heard. Told once
    /// of every session.
    Closed,
    /// The session is over: nothing can be sent any more, and nothing more will come.
    Ended,
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The program closed it, or aborted it with a code of its own.
    #[error("closed here ({code}){}", Because(.reason))]
    Local {
        /// The code.
        code: Code,
        /// For people.
        reason: String,
    },
    /// The peer closed it.
    #[error("closed by the peer ({code}){}", Because(.reason))]
    Peer {
        /// The code.
        code: Code,
        /// For people, from the peer: any text.
        reason: String,
    },
    /// The peer broke the protocol, or nothing more can be sealed.
    #[error("ended by an error ({code}): {detail}")]
    Error {
        /// The code that the peer was told.
        code: Code,
        /// What happened.
        detail: &'static str,
    },
    /// The peer fell silent, or a user-set number of tries was not answered.
    #[error("the peer fell silent")]
    Silent,
    /// The peer has restarted, or forgotten the session for another reason.
    #[error("the peer has forgotten the session: it has restarted, probably")]
    Forgotten,
    /// The session never began.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A reason behind a colon, if there is one.
struct Because<'a>(&'a str);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

/// What a session came to (docs/PROTOCOL.md, 9.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer's program has read everything.
    Delivered,
    /// The peer's host has everything.
    Received,
    /// Neither is certain.
    Unknown {
        /// For each stream that is not complete: its number, and up to which byte the peer's host
        /// has it for certain.
        streams: Vec<(u64, u64)>,
        /// Why no more is known; `None` if the deadline passed.
        ///
        /// Of a session that never began, that is all there is to say: nothing was sent.
        cause: Option<Ended>,
    },
}
