//! What the program does with streams: opens, writes, ends, reads, stops, confirms. What comes of
//! that on the wire is in the modules beside this one.

use bytes::Bytes;
use rudp_wire::code::Code;
use rudp_wire::frame::Direction;

use super::chunk::Pool;
use super::id::{End, Known};
use super::receive_buffer::ReceiveBuffer;
use super::receiver::Receiver;
use super::record::{self, Half};
use super::send_buffer::SendBuffer;
use super::sender::{Finish, Sender};
use super::{Config, Phase, Streams};
use crate::priority::Priority;

/// The peer's limit allows no more streams of this direction for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no more streams may be opened for now")]
pub(crate) struct Blocked;

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteError {
    /// There is no room; [`Writable`](super::StreamEvent::Writable) will tell.
    #[error("the send buffer is full")]
    Blocked,
    /// The program has ended the stream itself.
    #[error("the stream has ended")]
    Ended,
    /// The peer wants no more of it.
    #[error("the peer has stopped the stream: {0}")]
    Stopped(Code),
    /// It was never opened, or is not ours to write to.
    #[error("no such stream to write to")]
    Unknown,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes, and whether the stream ends behind them.
    Bytes {
        /// How many.
        len: usize,
        /// Whether that was all.
        end: bool,
    },
    /// There is nothing; [`Readable`](super::StreamEvent::Readable) will tell.
    Blocked,
    /// The peer has given the stream up.
    Reset(Code),
}

/// Why nothing can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// The program knows of the end.
    #[error("the stream has ended")]
    Ended,
    /// The program has stopped reading: what more there was is not known.
    #[error("the stream is not read any more")]
    Stopped,
    /// It was never opened, or is not ours to read from.
    #[error("no such stream to read from")]
    Unknown,
}

/// What is known of a stream that we write to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReceiptState {
    /// Bytes that the program has written.
    pub(crate) written: u64,
    /// Bytes that the peer's host has acknowledged without a gap.
    pub(crate) acknowledged: u64,
    /// Bytes that it has by receipt.
    pub(crate) received: u64,
    /// Bytes that its program has read by receipt.
    pub(crate) read: u64,
    /// It has all.
    pub(crate) all_received: bool,
    /// Its program has read all.
    pub(crate) all_read: bool,
    /// Its program will read no more.
    pub(crate) is_final: bool,
}

/// What is given in pieces below so many chunks of the least size is copied all the same: it would cost
/// more to keep apart.
const LEAST_GIVEN: usize = 4;

/// The most streams with records at which more are opened: a peer that allows any number of streams
/// and tells nothing of them must not make us remember more.
const MAX_RECORDS: usize = 1 << 16;

impl Streams {
    /// The direction of a stream that we write to, made if nothing was written yet; `None` if it is
    /// over.
    pub(super) fn sender(&mut self, stream: u64) -> Option<&mut Sender> {
        let limit = self.peer_stream_limit;
        let record = self.touch(stream)?;
        if matches!(record.send, Half::Fresh) {
            record.send = Half::Open(Box::new(Sender::new(limit)));
        }
        if let Half::Open(sender) = &mut record.send { Some(sender) } else { None }
    }

    /// The direction of a stream that we read from, likewise.
    pub(super) fn receiver(&mut self, stream: u64) -> Option<&mut Receiver> {
        let window = self.config.local.initial_max_stream_data;
        let gave_up = self.gave_up;
        let record = self.touch(stream)?;
        if matches!(record.receive, Half::Fresh) {
            record.receive = Half::Open(Box::new(Receiver::new(window)));
            if gave_up {
                self.stop_reading(stream, Code::NO_ERROR);
            }
        }
        match self.records.get_mut(stream) {
            Some(record::Record { receive: Half::Open(receiver), .. }) => Some(receiver),
            _ => None,
        }
    }

    /// Whether the stream was opened and `end` writes to it.
    fn is_for(&mut self, end: End, stream: u64) -> bool {
        self.side.writes(end, stream)
            && (self.records.contains(stream) || self.kind(stream).known(stream) != Known::Unopened)
    }

    /// Opens a stream. The peer does not hear of it before something is written.
    ///
    /// # Errors
    /// The peer allows no more for now: [`MayOpen`](super::StreamEvent::MayOpen) will tell.
    pub(crate) fn open(&mut self, direction: Direction) -> Result<u64, Blocked> {
        let index = self.side.kind(End::Local, direction);
        let is_full = self.records.len() >= MAX_RECORDS;
        let kind = self.kinds.get_mut(index).filter(|_| !is_full).ok_or(Blocked)?;
        kind.open().ok_or_else(|| {
            self.due.streams_blocked.get_mut(index).into_iter().for_each(|due| *due = true);
            Blocked
        })
    }

    /// The next stream that the peer has opened, stream 0 aside.
    pub(crate) fn accept(&mut self) -> Option<(u64, Direction)> {
        [Direction::Bidirectional, Direction::Unidirectional].into_iter().find_map(|direction| {
            let index = self.side.kind(End::Remote, direction);
            let stream = self.kinds.get_mut(index)?.accept()?;
            Some((stream, direction))
        })
    }

    /// Takes as much of `data` as there is room for, and says how much. If that is not all of it,
    /// [`Writable`](super::StreamEvent::Writable) tells of room.
    pub(crate) fn write(&mut self, stream: u64, data: &[u8]) -> Result<usize, WriteError> {
        self.write_with(stream, data.len(), |buffer, pool, len| {
            buffer.write(data.get(..len).unwrap_or_default(), pool);
        })
    }

    /// As [`write`](Self::write), from the front of `data` and without a copy.
    pub(crate) fn give(&mut self, stream: u64, data: &mut Bytes) -> Result<usize, WriteError> {
        self.write_with(stream, data.len(), |buffer, pool, len| {
            let piece = data.split_to(len);
            if len < LEAST_GIVEN * pool.sizes().least {
                buffer.write(&piece, pool);
            } else {
                buffer.give(piece, pool);
            }
        })
    }

    /// Lets `put` put as much of `wanted` bytes into the buffer as there is room for.
    fn write_with(
        &mut self,
        stream: u64,
        wanted: usize,
        put: impl FnOnce(&mut SendBuffer, &mut Pool, usize),
    ) -> Result<usize, WriteError> {
        if !self.is_for(End::Local, stream) {
            return Err(WriteError::Unknown);
        }
        let all = self.config.send_buffer.saturating_sub(self.buffered);
        let (most, unsent) = (self.config.stream_send_buffer, self.config.unsent);
        self.check_stop(stream)?;
        let sender = self.sender(stream).ok_or(WriteError::Ended)?;
        if sender.reset.is_some() || sender.finish != Finish::Open {
            return Err(WriteError::Ended);
        }
        let held = sender.buffer.written() - sender.buffer.floor();
        let waits = sender.buffer.written() - sender.buffer.next();
        let room = most.saturating_sub(held).min(unsent.saturating_sub(waits)).min(all);
        let len = usize::try_from(room).map_or(wanted, |room| room.min(wanted));
        let is_short = len < wanted;
        if is_short {
            sender.is_waiting = true;
            if len as u64 == all && !core::mem::replace(&mut sender.is_starved, true) {
                self.starved.push(stream);
            }
        }
        if len > 0
            && let Some(record::Record { send: Half::Open(sender), .. }) =
                self.records.get_mut(stream)
        {
            put(&mut sender.buffer, &mut self.send_pool, len);
            self.buffered += len as u64;
            self.schedule(stream);
        }
        if len == 0 && is_short { Err(WriteError::Blocked) } else { Ok(len) }
    }

    /// What is sent of the stream goes before, or after, that of others.
    pub(crate) fn set_priority(
        &mut self,
        stream: u64,
        priority: Priority,
    ) -> Result<(), WriteError> {
        if !self.is_for(End::Local, stream) {
            return Err(WriteError::Unknown);
        }
        let sender = self.sender(stream).ok_or(WriteError::Ended)?;
        let before = core::mem::replace(&mut sender.priority, priority);
        for queue in [&mut self.ready, &mut self.lost] {
            if before != priority && queue.remove(stream, before) {
                queue.push_back(stream, priority);
            }
        }
        Ok(())
    }

    /// Ends what the program writes to the stream.
    pub(crate) fn finish(&mut self, stream: u64) -> Result<(), WriteError> {
        if !self.is_for(End::Local, stream) {
            return Err(WriteError::Unknown);
        }
        self.check_stop(stream)?;
        let sender = self.sender(stream).ok_or(WriteError::Ended)?;
        if sender.reset.is_some() || sender.finish != Finish::Open {
            return Err(WriteError::Ended);
        }
        sender.finish = Finish::Due;
        self.schedule(stream);
        Ok(())
    }

    /// Tells the program that the peer stopped the stream. That is kept until it has heard it.
    fn check_stop(&mut self, stream: u64) -> Result<(), WriteError> {
        let Some(code) = self.sender(stream).and_then(Sender::take_stop) else { return Ok(()) };
        self.settle(stream);
        Err(WriteError::Stopped(code))
    }

    /// Gives up what was written and not sent, and ends the stream with `code`.
    pub(crate) fn reset(&mut self, stream: u64, code: Code) -> Result<(), WriteError> {
        if !self.is_for(End::Local, stream) {
            return Err(WriteError::Unknown);
        }
        if self.cancel(stream, code, false) { Ok(()) } else { Err(WriteError::Ended) }
    }

    /// Resets a stream whose data were not all acknowledged, for the program or for the peer, and
    /// says whether it did.
    pub(super) fn cancel(&mut self, stream: u64, code: Code, is_stopped: bool) -> bool {
        if self.sender(stream).is_none_or(|sender| sender.reset.is_some() || sender.is_all_acked())
        {
            return false;
        }
        if let Some(record::Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream)
        {
            sender.reset = Some(code);
            sender.is_stopped = is_stopped;
            sender.buffer.clear(&mut self.send_pool);
            let held = sender.buffer.written() - sender.buffer.floor();
            self.release(stream, held);
        }
        self.owe(stream, record::RESET);
        true
    }

    /// Bytes of a stream leave the send buffer: there may be room for who waits for it.
    pub(super) fn release(&mut self, stream: u64, bytes: u64) {
        if bytes == 0 {
            return;
        }
        self.buffered = self.buffered.saturating_sub(bytes);
        self.offer_room(stream);
        for stream in core::mem::take(&mut self.starved) {
            if let Some(record::Record { send: Half::Open(sender), .. }) =
                self.records.get_mut(stream)
            {
                sender.is_starved = false;
                if core::mem::take(&mut sender.is_waiting) && sender.reset.is_none() {
                    self.announce(stream, record::WRITABLE);
                }
            }
        }
    }

    /// Tells the program that waits to write of room, once it is worth waking up for.
    pub(super) fn offer_room(&mut self, stream: u64) {
        let Config { stream_send_buffer, unsent, send_buffer, .. } = *self.config;
        let has_room = self.buffered < send_buffer;
        if let Some(record::Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream)
            && sender.is_waiting
            && has_room
            && sender.buffer.written() - sender.buffer.floor() < stream_send_buffer
            && sender.buffer.written() - sender.buffer.next() <= unsent / 2
        {
            sender.is_waiting = false;
            if sender.reset.is_none() {
                self.announce(stream, record::WRITABLE);
            }
        }
    }

    /// Reads what is there, as much as fits.
    pub(crate) fn read(&mut self, stream: u64, out: &mut [u8]) -> Result<Read, ReadError> {
        let can_wait = !out.is_empty();
        self.read_with(stream, can_wait, |buffer, pool| buffer.copy_to(out, pool))
    }

    /// Takes what is there, or the front of it, into `out`, most often without a copy.
    pub(crate) fn take(&mut self, stream: u64, out: &mut Bytes) -> Result<Read, ReadError> {
        self.read_with(stream, true, |buffer, pool| {
            *out = buffer.take(pool);
            out.len()
        })
    }

    /// Lets `take` take something, and says how much that was. Nothing is [`Read::Blocked`] if the
    /// program `can_wait`.
    fn read_with(
        &mut self,
        stream: u64,
        can_wait: bool,
        take: impl FnOnce(&mut ReceiveBuffer, &mut Pool) -> usize,
    ) -> Result<Read, ReadError> {
        if !self.is_for(End::Remote, stream) {
            return Err(ReadError::Unknown);
        }
        // An end that the program does not know of must not look like one.
        let over = if self.gave_up { ReadError::Stopped } else { ReadError::Ended };
        self.receiver(stream).ok_or(over)?;
        let Some(record::Record { receive: Half::Open(receiver), .. }) =
            self.records.get_mut(stream)
        else {
            return Err(over);
        };
        match (receiver.is_reported, receiver.reset, receiver.stopped) {
            (true, Some(code), _) => return Ok(Read::Reset(code)),
            (true, None, _) => return Err(ReadError::Ended),
            (false, _, Some(_)) => return Err(ReadError::Stopped),
            (false, _, None) => {}
        }
        if let Some(code) = receiver.reset {
            receiver.is_reported = true;
            self.settle(stream);
            return Ok(Read::Reset(code));
        }
        let len = take(&mut receiver.buffer, &mut self.receive_pool);
        let end = receiver.end == Some(receiver.buffer.read());
        let is_told = receiver.telling.on_progress(&receiver.progress());
        let is_window_due =
            len > 0 && receiver.window.consume(len as u64) && receiver.end.is_none();
        receiver.is_reported |= end;
        self.consume(len as u64);
        self.owe_if(is_told, stream, record::RECEIPT);
        self.owe_if(is_window_due, stream, record::MAX_DATA);
        if end {
            self.settle(stream);
        }
        if len == 0 && !end && can_wait {
            return Ok(Read::Blocked);
        }
        Ok(Read::Bytes { len, end })
    }

    pub(super) fn owe_if(&mut self, condition: bool, stream: u64, frames: u8) {
        if condition {
            self.owe(stream, frames);
        }
    }

    /// Bytes of the connection's window were read or discarded.
    pub(super) fn consume(&mut self, bytes: u64) {
        if bytes > 0 && self.window.consume(bytes) {
            self.due.max_data = true;
        }
    }

    /// Gives up reading a stream, and asks the peer to stop with `code`. What comes is discarded.
    pub(crate) fn stop(&mut self, stream: u64, code: Code) -> Result<(), ReadError> {
        if !self.is_for(End::Remote, stream) {
            return Err(ReadError::Unknown);
        }
        let receiver = self.receiver(stream).ok_or(ReadError::Ended)?;
        if receiver.is_reported || receiver.stopped.is_some() {
            return Err(ReadError::Ended);
        }
        let is_asked = receiver.end.is_none();
        self.stop_reading(stream, code);
        self.owe_if(is_asked && self.phase == Phase::Open, stream, record::STOP);
        Ok(())
    }

    /// Discards what is there of a stream and what will come, with a final receipt (docs/PROTOCOL.md,
    /// 7.6.3).
    pub(super) fn stop_reading(&mut self, stream: u64, code: Code) {
        let Some(record::Record { receive: Half::Open(receiver), .. }) =
            self.records.get_mut(stream)
        else {
            return;
        };
        let is_due = receiver.reset.is_none() && receiver.telling.finish(&receiver.progress());
        let unread = if receiver.takes_data() { receiver.unread() } else { 0 };
        receiver.stopped.get_or_insert(code);
        receiver.buffer.clear(&mut self.receive_pool);
        self.consume(unread);
        self.owe_if(is_due, stream, record::RECEIPT);
        self.settle(stream);
    }

    /// From now on the program confirms by hand how far it has read (docs/PROTOCOL.md, 7.6.2).
    pub(crate) fn set_manual_confirm(&mut self, stream: u64) -> Result<(), ReadError> {
        if !self.is_for(End::Remote, stream) {
            return Err(ReadError::Unknown);
        }
        let receiver = self.receiver(stream).ok_or(ReadError::Ended)?;
        // What was told as read stays so.
        receiver.confirmed.get_or_insert(receiver.buffer.read());
        Ok(())
    }

    /// The program has done with everything below `upto` what it had to do. It cannot confirm what
    /// it has not read.
    pub(crate) fn confirm(&mut self, stream: u64, upto: u64) -> Result<(), ReadError> {
        if !self.is_for(End::Remote, stream) {
            return Err(ReadError::Unknown);
        }
        let receiver = self.receiver(stream).ok_or(ReadError::Ended)?;
        let read = receiver.buffer.read();
        let Some(confirmed) = &mut receiver.confirmed else { return Ok(()) };
        *confirmed = (*confirmed).max(upto.min(read));
        let is_told = receiver.telling.on_progress(&receiver.progress());
        self.owe_if(is_told, stream, record::RECEIPT);
        self.settle(stream);
        Ok(())
    }

    /// Asks for a receipt of everything that has been written to the stream so far.
    pub(crate) fn request_receipt(&mut self, stream: u64) -> Result<(), WriteError> {
        if !self.is_for(End::Local, stream) {
            return Err(WriteError::Unknown);
        }
        let sender = self.sender(stream).ok_or(WriteError::Ended)?;
        let written = sender.buffer.written();
        if sender.told.read() < written && !sender.told.is_final() && sender.reset.is_none() {
            sender.asks = Some(written);
            self.owe(stream, record::REQUEST);
        }
        Ok(())
    }

    /// What is known of how far a stream has come; `None` if it is over and forgotten, or not ours
    /// to write to.
    pub(crate) fn receipt(&self, stream: u64) -> Option<ReceiptState> {
        let Half::Open(sender) = &self.records.get(stream)?.send else { return None };
        Some(ReceiptState {
            written: sender.buffer.written(),
            acknowledged: sender.buffer.floor(),
            received: sender.told.received(),
            read: sender.told.read(),
            all_received: sender.told.all_received(),
            all_read: sender.told.all_read(),
            is_final: sender.told.is_final(),
        })
    }
}
