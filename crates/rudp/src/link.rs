//! [`Link`]: one session, polled: each call tries, and notes its waker in the same turn if it has to
//! wait. The two public forms of the API are thin on top of it; the protocol is `rudp-proto`'s.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use rudp_base::Instant;
use rudp_proto::{Direction, Fail, Handle, Message, Priority, Read, SendMode, Session};

use crate::attend;
use crate::block;
use crate::closed::Closed;
use crate::error::{Error, Result};
use crate::host::{Host, Shard};
use crate::receipt::Claim;
use crate::waits::{Topic, Wait};

/// The most that is read in one turn, in bytes: everybody else waits meanwhile.
const READ_TURN: usize = 64 << 10;

/// The most that is written in one turn, in bytes: a few batches, as the last one is seldom full.
const WRITE_TURN: usize = 256 << 10;

/// The stream of `send` and `receive`.
pub(crate) const MAIN: u64 = 0;

/// One session. When the last handle of it or of its streams goes, it closes in the background.
pub(crate) struct Link {
    host: Arc<Host>,
    /// The number of the shard that has it.
    shard: usize,
    pub(crate) handle: Handle,
    pub(crate) read_patience: Patience,
    pub(crate) write_patience: Patience,
    /// Messages whose fate nobody wants to know any more. The next turn forgets them.
    bygone: Mutex<Vec<u64>>,
}

/// How long a call may wait.
pub(crate) struct Patience(AtomicU64);

impl Patience {
    fn endless() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    pub(crate) fn get(&self) -> Option<Duration> {
        let nanos = self.0.load(Ordering::Relaxed);
        (nanos != u64::MAX).then(|| Duration::from_nanos(nanos))
    }

    /// # Errors
    /// It is zero.
    pub(crate) fn set(&self, time: Option<Duration>) -> Result<()> {
        if time == Some(Duration::ZERO) {
            return Err(Error::invalid("a timeout of zero would let no call wait at all"));
        }
        let nanos =
            time.map_or(u64::MAX, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.0.store(nanos, Ordering::Relaxed);
        Ok(())
    }
}

impl Link {
    pub(crate) fn new(host: Arc<Host>, shard: usize, handle: Handle) -> Arc<Self> {
        Arc::new(Self {
            host,
            shard,
            handle,
            read_patience: Patience::endless(),
            write_patience: Patience::endless(),
            bygone: Mutex::default(),
        })
    }

    /// The shard that has the session.
    pub(crate) fn shard(&self) -> &Shard {
        &self.host.shards[self.shard]
    }

    /// Does something with the session.
    fn turn<R>(&self, call: impl FnOnce(Instant, &mut Session<'_>, &Waits<'_>) -> R) -> Result<R> {
        let bygone = std::mem::take(&mut *self.bygone());
        let done = self.shard().turn(|now, node, hub| {
            let mut session = node.endpoint.session(now, self.handle)?;
            for message in bygone {
                session.forget_message(message);
            }
            let waits = Waits { all: &hub.waits, handle: self.handle };
            Some(call(now, &mut session, &waits))
        });
        done?.ok_or_else(Error::released)
    }

    /// Asks the session something that needs no waiting.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&mut Session<'_>) -> T) -> Result<T> {
        self.turn(|_, session, _| question(session))
    }

    /// Tries something that is not worth waiting for.
    pub(crate) fn attempt<T>(
        &self,
        attempt: impl FnOnce(&mut Session<'_>) -> Result<T, Fail>,
    ) -> Result<T> {
        Ok(self.ask(attempt)??)
    }

    /// Tries something, and waits for `topic` if it is not possible yet.
    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        topic: Topic,
        attempt: impl FnOnce(&mut Session<'_>) -> Result<T, Fail>,
    ) -> Poll<Result<T>> {
        ready!(attend::make_way(self.shard(), cx));
        let tried = self.turn(|_, session, waits| {
            let tried = attempt(session);
            if matches!(tried, Err(Fail::Blocked)) {
                waits.add(topic, cx);
            }
            tried
        });
        match tried? {
            Err(Fail::Blocked) => {
                attend::end_turn();
                Poll::Pending
            }
            tried => Poll::Ready(tried.map_err(Error::from)),
        }
    }

    /// Reads at least one byte; 0 is the stream's end. An empty buffer reads nothing.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        stream: u64,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let len = buffer.len().min(READ_TURN);
        let read = ready!(self.poll(cx, Topic::Readable(stream), |session| {
            session.read(stream, &mut buffer[..len])
        }));
        Poll::Ready(read.map(count))
    }

    /// As [`poll_read`](Self::poll_read), but `WouldBlock` instead of waiting.
    pub(crate) fn try_read(&self, stream: u64, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let len = buffer.len().min(READ_TURN);
        self.attempt(|session| session.read(stream, &mut buffer[..len])).map(count)
    }

    /// As [`poll_read`](Self::poll_read), into a buffer of its own.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        stream: u64,
        max: usize,
        buffer: &mut Vec<u8>,
    ) -> Poll<Result<Vec<u8>>> {
        if max == 0 {
            return Poll::Ready(Err(Error::invalid("at least one byte has to be asked for")));
        }
        // Made once, however often this is polled.
        buffer.resize(max.min(READ_TURN), 0);
        let len = ready!(self.poll_read(cx, stream, buffer))?;
        let mut data = std::mem::take(buffer);
        data.truncate(len);
        Poll::Ready(Ok(data))
    }

    /// Writes at least one byte, unless there is none.
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        stream: u64,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        let data = &data[..data.len().min(WRITE_TURN)];
        self.poll(cx, Topic::Writable(stream), |session| session.write(stream, data))
    }

    /// Writes all of `data`; `done` says how far it came.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        stream: u64,
        data: &[u8],
        done: &mut usize,
    ) -> Poll<Result<()>> {
        loop {
            *done += ready!(self.poll_write(cx, stream, &data[*done..]))?;
            if *done == data.len() {
                return Poll::Ready(Ok(()));
            }
            block::go_on(self.shard());
        }
    }

    /// Writes all of `data` without a copy, and leaves in it what is not written yet.
    pub(crate) fn poll_give(
        &self,
        cx: &mut Context<'_>,
        stream: u64,
        data: &mut Bytes,
    ) -> Poll<Result<()>> {
        loop {
            ready!(self.poll(cx, Topic::Writable(stream), |session| session.give(stream, data)))?;
            if data.is_empty() {
                return Poll::Ready(Ok(()));
            }
            block::go_on(self.shard());
        }
    }

    /// Reads at least one byte, most often without a copy; none is the stream's end.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, stream: u64) -> Poll<Result<Bytes>> {
        let mut data = Bytes::new();
        ready!(self.poll(cx, Topic::Readable(stream), |session| session.take(stream, &mut data)))?;
        Poll::Ready(Ok(data))
    }

    pub(crate) fn poll_open(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<Result<u64>> {
        self.poll(cx, Topic::MayOpen(direction), |session| session.open(direction))
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method's path has one lifetime, and any is wanted"
    )]
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<(u64, Direction)>> {
        self.poll(cx, Topic::Opened, |session| session.accept())
    }

    /// Sends a message; its claim is what can be known of it.
    pub(crate) fn poll_send_message(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        data: &Bytes,
        how: (SendMode, Priority),
    ) -> Poll<Result<Claim>> {
        let sent = ready!(self.poll(cx, Topic::MessageWritable, |session| {
            Claim::send(session, data.clone(), how)
        }));
        Poll::Ready(sent.map(|goal| Claim::new(Arc::clone(self), goal)))
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method's path has one lifetime, and any is wanted"
    )]
    pub(crate) fn poll_receive_message(&self, cx: &mut Context<'_>) -> Poll<Result<Message>> {
        self.poll(cx, Topic::MessageReadable, |session| session.receive_message())
    }

    /// Closes, and waits for what it comes to. `begun` is false at first.
    pub(crate) fn poll_close(
        &self,
        cx: &mut Context<'_>,
        deadline: Option<Duration>,
        begun: &mut bool,
    ) -> Poll<Closed> {
        let outcome = self.turn(|_, session, waits| {
            if !std::mem::replace(begun, true) {
                let deadline = deadline.unwrap_or_else(|| session.close_deadline());
                session.close(deadline);
            }
            if let Some(outcome) = session.outcome() {
                return Some(Closed::from(outcome));
            }
            waits.add(Topic::Closed, cx);
            None
        });
        match outcome {
            Ok(Some(closed)) => Poll::Ready(closed),
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Closed::failed(error)),
        }
    }

    /// Asks something that may have to be asked again when `topic` is told of.
    pub(crate) fn poll_until<T>(
        &self,
        cx: &mut Context<'_>,
        topic: Topic,
        question: impl FnOnce(&mut Session<'_>) -> Option<Result<T>>,
    ) -> Poll<Result<T>> {
        ready!(attend::make_way(self.shard(), cx));
        let answer = self.turn(|_, session, waits| {
            let answer = question(session);
            if answer.is_none() {
                waits.add(topic, cx);
            }
            answer
        });
        answer?.map_or(Poll::Pending, Poll::Ready)
    }

    /// Ends this side's interest in a stream: what was written is sent with its end, and what the
    /// peer still writes is not wanted, if `reads`.
    pub(crate) fn leave_stream(&self, stream: u64, writes: bool, reads: bool) {
        // It may be over already, or the session.
        let _ = self.ask(|session| {
            if writes {
                let _ = session.finish(stream);
            }
            if reads {
                let _ = session.stop(stream, 0);
            }
        });
    }

    /// The fate of a message is of no interest any more.
    pub(crate) fn forget_message(&self, message: u64) {
        self.bygone().push(message);
    }

    fn bygone(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.bygone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // If the endpoint has ended, then the session has.
        let _ = self.shard().turn(|now, node, _| {
            if let Some(session) = node.endpoint.session(now, self.handle) {
                session.release();
            }
        });
    }
}

/// Those who wait for something of one session.
struct Waits<'a> {
    all: &'a crate::waits::Waits,
    handle: Handle,
}

impl Waits<'_> {
    fn add(&self, topic: Topic, cx: &Context<'_>) {
        self.all.add(Wait::About(self.handle, topic), cx.waker());
    }
}

fn count(read: Read) -> usize {
    match read {
        Read::Bytes(len) => len,
        Read::End => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_endless_at_first_and_never_zero() {
        let patience = Patience::endless();
        assert_eq!(patience.get(), None);
        patience.set(Some(Duration::from_millis(3))).unwrap();
        assert_eq!(patience.get(), Some(Duration::from_millis(3)));
        assert!(patience.set(Some(Duration::ZERO)).is_err());
        patience.set(Some(Duration::MAX)).unwrap();
        assert_eq!(patience.get(), None);
    }
}
