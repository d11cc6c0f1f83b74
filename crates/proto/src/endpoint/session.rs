//! [`Session`]: what a program may do with one session of an endpoint.
//! The protocol behind it is the connection's.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;
use rudp_base::Instant;
use rudp_wire::frame::Direction;

use super::Endpoint;
use super::inputs::program_code;
use super::slot::Stage;
use crate::connection::Connection;
use crate::crypto::PublicKey;
use crate::event::{Ended, Handle, Outcome};
use crate::priority::Priority;

pub use crate::connection::{
    Fail, Message, MessageFate, Read, ReceiptState, ReceivedMode, SendMode, Stats,
};

/// Where a session is in its life (docs/PROTOCOL.md, 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A client waits for the server's answer.
    Connecting,
    /// Data may be sent.
    Open,
    /// It is being closed.
    Closing,
    /// It is over. What came before may still be read.
    Ended,
}

/// One session, to do something with at one instant. What there is to send then is sent by whoever
/// runs the endpoint.
pub struct Session<'a> {
    endpoint: &'a mut Endpoint,
    now: Instant,
    handle: Handle,
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.endpoint.settle(self.now);
    }
}

/// What a session is.
impl<'a> Session<'a> {
    pub(super) fn new(endpoint: &'a mut Endpoint, now: Instant, handle: Handle) -> Self {
        Self { endpoint, now, handle }
    }

    fn stage(&self) -> Option<&Stage> {
        self.endpoint.slots.get(self.handle.index as usize).map(|slot| &slot.stage)
    }

    fn connection(&self) -> Option<&Connection> {
        match self.stage()? {
            Stage::Live(connection) => Some(connection),
            _ => None,
        }
    }

    /// The connection, to change something.
    fn live(&mut self) -> Result<&mut Connection, Fail> {
        self.endpoint.touch(self.handle.index);
        match self.endpoint.slots.get_mut(self.handle.index as usize).map(|slot| &mut slot.stage) {
            Some(Stage::Live(connection)) => Ok(connection),
            Some(Stage::Failed(failed)) => Err(Fail::Ended(failed.why.clone())),
            _ => Err(Fail::Blocked),
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        match self.stage() {
            Some(Stage::Asking(..)) => State::Connecting,
            Some(Stage::Live(connection)) => connection.state(),
            Some(Stage::Failed(_)) | None => State::Ended,
        }
    }

    /// The peer's address, which may change. Of an attempt that failed, an unspecified one.
    pub fn remote(&self) -> SocketAddr {
        match self.stage() {
            Some(Stage::Asking(attempt, _)) => attempt.remote(),
            Some(Stage::Live(connection)) => connection.remote(),
            Some(Stage::Failed(_)) | None => SocketAddr::from(([0, 0, 0, 0], 0)),
        }
    }

    /// Whether this end asked for the session.
    pub fn is_client(&self) -> bool {
        self.connection().is_none_or(Connection::is_client)
    }

    /// The name of the service; empty if the client named none.
    pub fn service(&self) -> &str {
        self.endpoint.slots.get(self.handle.index as usize).map_or("", |slot| &*slot.service)
    }

    /// The peer's key: always a server's, but for the plain profile, and a client's if it has one.
    pub fn peer_key(&self) -> Option<PublicKey> {
        self.connection()?.peer_key()
    }

    /// What was counted and measured; zeros before the session has begun.
    pub fn stats(&self) -> Stats {
        let slot = self.endpoint.slots.get(self.handle.index as usize);
        let flow = slot.and_then(|slot| self.endpoint.flows.get(slot.member.as_ref()?));
        let stats = self.connection().zip(flow).map(|(connection, flow)| connection.stats(flow));
        stats.unwrap_or_default()
    }

    /// Why it is over, if it is.
    pub fn ended(&self) -> Option<&Ended> {
        match self.stage()? {
            Stage::Asking(..) => None,
            Stage::Live(connection) => connection.ended(),
            Stage::Failed(failed) => Some(&failed.why),
        }
    }
}

/// Streams. Number 0 is open from the beginning, in both directions.
impl Session<'_> {
    /// Opens a stream.
    ///
    /// # Errors
    /// [`Fail::Blocked`] until [`MayOpen`](crate::EventKind::MayOpen), or the session is over.
    pub fn open(&mut self, direction: Direction) -> Result<u64, Fail> {
        self.live()?.open(direction)
    }

    /// The next stream that the peer opened.
    ///
    /// # Errors
    /// [`Fail::Blocked`] until [`Opened`](crate::EventKind::Opened), or the session is over.
    pub fn accept(&mut self) -> Result<(u64, Direction), Fail> {
        self.live()?.accept()
    }

    /// Writes as much as there is room for, and says how many bytes: at least one, unless `data` is
    /// empty.
    ///
    /// # Errors
    /// [`Fail::Blocked`] until [`Writable`](crate::EventKind::Writable), or nothing can be written
    /// any more.
    pub fn write(&mut self, stream: u64, data: &[u8]) -> Result<usize, Fail> {
        self.live()?.write(stream, data)
    }

    /// As [`write`](Self::write), from the front of `data` and without a copy, which pays for pieces
    /// of 4 KiB and more.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn give(&mut self, stream: u64, data: &mut Bytes) -> Result<usize, Fail> {
        self.live()?.give(stream, data)
    }

    /// What is sent of a stream goes before, or after, that of others. Default: [`Priority::Normal`].
    ///
    /// # Errors
    /// The stream is not one to write to, or over.
    pub fn set_priority(&mut self, stream: u64, priority: Priority) -> Result<(), Fail> {
        self.live()?.set_priority(stream, priority)
    }

    /// Ends the stream behind what was written.
    ///
    /// # Errors
    /// It is ended already, or cannot be.
    pub fn finish(&mut self, stream: u64) -> Result<(), Fail> {
        self.live()?.finish(stream)
    }

    /// Gives up what was written and not sent, and ends the stream with a code of the program's own,
    /// below 2^61.
    ///
    /// # Errors
    /// Everything has arrived already, or the stream cannot be reset.
    pub fn reset(&mut self, stream: u64, code: u64) -> Result<(), Fail> {
        self.live()?.reset(stream, program_code(code))
    }

    /// Reads what is there, as far as `buffer` goes.
    ///
    /// # Errors
    /// [`Fail::Blocked`] until [`Readable`](crate::EventKind::Readable), or nothing will come any
    /// more.
    pub fn read(&mut self, stream: u64, buffer: &mut [u8]) -> Result<Read, Fail> {
        self.live()?.read(stream, buffer)
    }

    /// Takes what is there, or the front of it, into `data`, most often without a copy. What was in
    /// `data` is dropped.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn take(&mut self, stream: u64, data: &mut Bytes) -> Result<Read, Fail> {
        self.live()?.take(stream, data)
    }

    /// Gives up reading, and asks the peer to stop, with a code of the program's own, below 2^61.
    ///
    /// # Errors
    /// There is nothing to stop.
    pub fn stop(&mut self, stream: u64, code: u64) -> Result<(), Fail> {
        self.live()?.stop(stream, program_code(code))
    }

    /// From now on what was read counts as read, in receipts, only when it was confirmed.
    ///
    /// # Errors
    /// The stream is not one to read from, or over.
    pub fn confirm_by_hand(&mut self, stream: u64) -> Result<(), Fail> {
        self.live()?.confirm_by_hand(stream)
    }

    /// Confirms everything up to `offset` that was read.
    ///
    /// # Errors
    /// The stream is not one to read from, or over.
    pub fn confirm(&mut self, stream: u64, offset: u64) -> Result<(), Fail> {
        self.live()?.confirm(stream, offset)
    }

    /// Asks the peer for a receipt of all that was written so far, and says how much that is. For
    /// `stream` [`MESSAGES`](crate::MESSAGES) that is all reliable messages and those with a deadline.
    ///
    /// # Errors
    /// The stream is not one to write to, or over.
    pub fn request_receipt(&mut self, stream: u64) -> Result<u64, Fail> {
        self.live()?.request_receipt(stream)
    }

    /// What is known of what was written; `None` if the stream is not one to write to, or forgotten
    /// because all of it was read. [`MESSAGES`](crate::MESSAGES) stands for all messages, as above.
    pub fn receipt(&self, stream: u64) -> Option<ReceiptState> {
        self.connection()?.receipt(stream)
    }
}

/// Messages.
impl Session<'_> {
    /// Sends a message, and returns its number. With `track`, its fate is kept until it is
    /// [forgotten](Self::forget_message).
    ///
    /// # Errors
    /// [`Fail::Blocked`] until [`MessageWritable`](crate::EventKind::MessageWritable), or it cannot
    /// be sent.
    pub fn send_message(&mut self, data: Bytes, mode: SendMode, track: bool) -> Result<u64, Fail> {
        self.send_message_with(data, mode, Priority::Normal, track)
    }

    /// As [`send_message`](Self::send_message), with a priority: it counts for
    /// [`Reliable`](SendMode::Reliable) messages and those with a
    /// [`Deadline`](SendMode::Deadline). [`Ordered`](SendMode::Ordered) ones keep their order.
    ///
    /// # Errors
    /// As [`send_message`](Self::send_message).
    pub fn send_message_with(
        &mut self,
        data: Bytes,
        mode: SendMode,
        priority: Priority,
        track: bool,
    ) -> Result<u64, Fail> {
        let now = self.now;
        self.live()?.send_message(now, data, (mode, priority), track)
    }

    /// The next message that came.
    ///
    /// # Errors
    /// [`Fail::Blocked`] until [`MessageReadable`](crate::EventKind::MessageReadable), or none will
    /// come any more.
    pub fn receive_message(&mut self) -> Result<Message, Fail> {
        let now = self.now;
        self.live()?.receive_message(now)
    }

    /// What became of a tracked message; of others nothing is known.
    pub fn message_fate(&self, message: u64) -> MessageFate {
        self.connection()
            .map_or(MessageFate::Unknown, |connection| connection.message_fate(message))
    }

    /// The fate of a tracked message is of no interest any more.
    pub fn forget_message(&mut self, message: u64) {
        if let Ok(connection) = self.live() {
            connection.forget_message(message);
        }
    }
}

/// The end.
impl Session<'_> {
    /// Ends all streams, sends what is left, and closes when the peer's program has read everything,
    /// or at the deadline. [`Closed`](crate::EventKind::Closed) tells of the
    /// [`outcome`](Self::outcome). Called again, the earlier deadline counts.
    pub fn close(&mut self, deadline: Duration) {
        let now = self.now;
        if let Ok(connection) = self.live() {
            connection.close(now, deadline);
        } else {
            self.give_up();
        }
    }

    /// The deadline of a close, from the settings.
    pub fn close_deadline(&self) -> Duration {
        match self.stage() {
            Some(Stage::Asking(_, terms)) => terms.config.close_deadline,
            Some(Stage::Live(connection)) => connection.config().close_deadline,
            Some(Stage::Failed(_)) | None => Duration::ZERO,
        }
    }

    /// What the session came to: that is known when its close is decided, and of every session when
    /// nothing more will be heard. It does not change any more.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self.stage()? {
            Stage::Asking(..) => None,
            Stage::Live(connection) => connection.outcome(),
            Stage::Failed(failed) => Some(&failed.outcome),
        }
    }

    /// Closes at once, and waits for nothing. `code` is the program's own, below 2^61; `reason` is
    /// for people, and cut at 256 bytes.
    pub fn abort(&mut self, code: u64, reason: &str) {
        let now = self.now;
        if let Ok(connection) = self.live() {
            connection.abort(now, program_code(code), reason);
        } else {
            self.give_up();
        }
    }

    /// The program does not use the session any more. If it is not over it is closed in the
    /// background, with the deadline of the settings, and then forgotten.
    pub fn release(mut self) {
        let now = self.now;
        let deadline = self.close_deadline();
        if let Ok(connection) = self.live() {
            connection.close(now, deadline);
        } else {
            self.give_up();
        }
        if let Some(slot) = self.endpoint.slots.get_mut(self.handle.index as usize) {
            slot.is_released = true;
        }
    }

    /// An attempt to connect is of no interest any more.
    fn give_up(&mut self) {
        self.endpoint.give_up(self.handle.index);
    }
}
