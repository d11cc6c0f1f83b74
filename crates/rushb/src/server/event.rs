//! What a server tells its application: requests, wants, ends, and refusals by limits.
//! Nothing here decides anything.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use rudp_base::Instant;

use crate::wire::Options;

/// A session: the client's address, and a number that no other session of the server has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    /// The client.
    pub peer: SocketAddr,
    /// Counts the server's sessions from 1.
    pub serial: u64,
    /// Where the server keeps it.
    pub(super) slot: usize,
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.peer, self.serial)
    }
}

/// What the application of a [`Server`](super::Server) is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// A client asks for a resource. The application calls [`accept`](super::Server::accept) or
    /// [`refuse`](super::Server::refuse), now or later.
    Requested {
        /// The new session.
        session: SessionId,
        /// What is asked for: not empty, without zero bytes, otherwise as hostile as can be.
        name: String,
        /// What was granted.
        options: Options,
    },
    /// A piece of the resource is needed. The application calls
    /// [`supply`](super::Server::supply) or [`abandon`](super::Server::abandon), now or later.
    Wanted {
        /// The session that needs it.
        session: SessionId,
        /// Where it starts in the resource, in bytes.
        offset: u64,
        /// How many bytes; never 0, never more than a payload holds.
        len: usize,
    },
    /// A session is over; its id means nothing any more.
    Ended {
        /// The session.
        session: SessionId,
        /// How it ended.
        outcome: Outcome,
        /// What it did.
        report: Report,
    },
    /// A \[GET\] was ignored, or another session dropped for it, because of a limit.
    Limited {
        /// Who asked.
        peer: SocketAddr,
        /// Which limit.
        limit: Limit,
    },
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client acknowledged everything, the \[FIN\] included.
    Delivered,
    /// The resource was refused, and the client knows.
    Refused,
    /// The client's name for the resource made no sense, and the client knows.
    BadName,
    /// The client did not answer any more.
    ClientGone,
    /// Dropped for others, before the client's first answer.
    Evicted,
    /// The application gave it up, or supplied what was not wanted.
    Abandoned,
    /// The server was told to drop everything.
    Interrupted,
}

/// A limit that a \[GET\] ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// All sessions are taken by clients that answer.
    Sessions,
    /// All sessions without an answer are taken; the oldest was dropped.
    Unanswered,
    /// The address has as many sessions as it may.
    SessionsPerAddress,
    /// The address started as many sessions in the last second as it may.
    RatePerAddress,
    /// The server is closing.
    Closing,
}

/// What a session did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes of the resource that the client acknowledged.
    pub bytes: u64,
    /// Packets sent.
    pub packets: u64,
    /// Of these, packets sent again.
    pub retransmissions: u64,
    /// NAKs of the client.
    pub naks: u64,
    /// From the \[GET\] to the end.
    pub duration: Duration,
}

/// A report that is being written.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) retransmissions: u64,
    pub(super) naks: u64,
}

impl Progress {
    pub(super) fn starting(now: Instant) -> Self {
        Self { started: now, bytes: 0, packets: 0, retransmissions: 0, naks: 0 }
    }

    pub(super) fn report(&self, now: Instant) -> Report {
        Report {
            bytes: self.bytes,
            packets: self.packets,
            retransmissions: self.retransmissions,
            naks: self.naks,
            duration: now - self.started,
        }
    }
}
