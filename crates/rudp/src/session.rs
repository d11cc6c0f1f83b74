//! [`Session`]: a reliable, encrypted connection between two programs, blocking.
//! The async form is in `aio`; what happens behind it is in `link`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rudp_proto::{Direction, Message, Priority, SendMode, Stats};

use crate::block;
use crate::closed::Closed;
use crate::common::session_methods;
use crate::error::{Error, Result};
use crate::key::PublicKey;
use crate::link::{Link, MAIN};
use crate::receipt::Receipt;
use crate::stream::{Stream, StreamHandle};

/// A reliable, encrypted connection between two programs.
///
/// All methods work on `&self`, from as many threads as there are; handles are cheap to clone.
/// [`io::Read`] and [`io::Write`] work on it and on references to it.
///
/// [`send`](Self::send) and [`receive`](Self::receive) are an ordered sequence of bytes in each
/// direction. Besides, there are [streams](Self::open_stream) and
/// [messages](Self::send_message), in the same session.
///
/// When the last handle of the session and its streams goes, what was sent leaves at once with its
/// end, and the session closes in the background, within the
/// [`close_deadline`](crate::Config::close_deadline) of its settings. If the process ends before
/// that, nothing is promised: [`close`](Self::close) tells what has arrived, and
/// [`Endpoint::wait_idle`](crate::Endpoint::wait_idle) waits for closes in the background.
///
/// ```no_run
/// use rudp::{Closed, Endpoint, PublicKey};
///
/// # fn with(key: PublicKey) -> Result<(), rudp::Error> {
/// let session = Endpoint::builder().build()?.connect("example.org:7777", key)?;
/// session.send("a question")?;
/// session.finish()?;
/// let answer = session.receive(1024)?;
/// match session.close() {
///     Closed::Delivered => println!("the server's program has read the question"),
///     other => println!("{other}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session {
    pub(crate) link: Arc<Link>,
}

session_methods!(Session);

impl Session {
    /// Sends all of `data`, in order, and waits only while there is no room: what is in the send
    /// buffer is on its way, whether or not this program does anything more.
    ///
    /// Calls of several threads at once do not lose anything, but their data may be mixed.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut) after the [write
    /// timeout](Self::set_write_timeout), with some of the data sent;
    /// [`StreamStopped`](crate::ErrorKind::StreamStopped) if the peer wants no more;
    /// [`Finished`](crate::ErrorKind::Finished) behind [`finish`](Self::finish); what ended the
    /// session.
    pub fn send(&self, data: impl AsRef<[u8]>) -> Result<()> {
        let (data, mut done) = (data.as_ref(), 0);
        block::at(self.link.shard(), self.link.write_patience.get(), |cx| {
            self.link.poll_send(cx, MAIN, data, &mut done)
        })
    }

    /// The next 1 to `max` bytes, as many as are there; none if the peer has finished.
    ///
    /// At most 64 KiB are returned at once, however large `max` is. To read into a buffer of one's
    /// own use [`io::Read`].
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut) after the [read timeout](Self::set_read_timeout);
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `max` is 0; what ended the session.
    pub fn receive(&self, max: usize) -> Result<Vec<u8>> {
        let mut buffer = Vec::new();
        block::at(self.link.shard(), self.link.read_patience.get(), |cx| {
            self.link.poll_receive(cx, MAIN, max, &mut buffer)
        })
    }

    /// As [`send`](Self::send), without a copy: the memory is the session's until the peer has it. That
    /// pays for pieces of 4 KiB and more; smaller ones are copied.
    ///
    /// ```no_run
    /// # fn with(session: rudp::Session) -> rudp::Result<()> {
    /// let block = bytes::Bytes::from(vec![7; 1 << 20]);
    /// session.send_bytes(block.clone())?;
    /// session.send_bytes(block.slice(..1_000))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_bytes(&self, data: impl Into<Bytes>) -> Result<()> {
        self.main_stream().send_bytes(data)
    }

    /// The next bytes, as many as lie one behind the other, and most often without a copy; none if the
    /// peer has finished. A piece holds up to four times its length of memory, until all of it is
    /// dropped.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_bytes(&self) -> Result<Bytes> {
        self.main_stream().receive_bytes()
    }

    /// How long calls that read may wait: `receive`, `receive_message`, `accept_stream`, and reads
    /// of streams. `None`, the default, is for ever, which the idle timeout bounds.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        self.link.read_patience.set(timeout)
    }

    /// How long calls that write may wait: `send`, `send_message`, `open_stream`, and writes to
    /// streams. `None`, the default, is for ever, which the idle timeout bounds.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        self.link.write_patience.set(timeout)
    }

    /// Opens a stream in both directions. Waits while the peer lets no more be open at once. The
    /// peer learns of it with the first byte, or the end.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut) after the write timeout; what ended the session.
    pub fn open_stream(&self) -> Result<Stream> {
        self.open(Direction::Bidirectional)
    }

    /// Opens a stream that only this side writes to.
    ///
    /// # Errors
    /// As [`open_stream`](Self::open_stream).
    pub fn open_uni_stream(&self) -> Result<Stream> {
        self.open(Direction::Unidirectional)
    }

    /// The next stream that the peer opened, of either kind ([`Stream::can_write`] tells).
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut) after the read timeout; what ended the session.
    pub fn accept_stream(&self) -> Result<Stream> {
        let accepted = block::at(self.link.shard(), self.link.read_patience.get(), |cx| {
            self.link.poll_accept(cx)
        })?;
        Ok(StreamHandle::accepted(&self.link, accepted).into())
    }

    /// Sends a message, of which the peer receives all or nothing. Waits while there is no room,
    /// but an unreliable one is discarded then, and never waits.
    ///
    /// ```no_run
    /// # fn with(session: rudp::Session) -> Result<(), rudp::Error> {
    /// use std::time::Duration;
    /// use rudp::{Mode, Until};
    ///
    /// session.send_message("where I am", Mode::Unreliable)?;
    /// session.send_message("what I heard", Mode::Deadline(Duration::from_millis(80)))?;
    /// let receipt = session.send_message("what I bought", Mode::Reliable)?;
    /// receipt.wait(Until::Read, Duration::from_secs(5))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`TooLarge`](crate::ErrorKind::TooLarge): the peer takes no messages of this size, or an
    /// unreliable one does not fit one packet; [`TimedOut`](crate::ErrorKind::TimedOut) after the
    /// write timeout; what ended the session.
    pub fn send_message(&self, data: impl Into<Bytes>, mode: SendMode) -> Result<Receipt> {
        self.send_message_with(data, mode, Priority::Normal)
    }

    /// As [`send_message`](Self::send_message), before or after others that wait: an urgent message
    /// does not wait behind a large one, nor behind a stream. [`Ordered`](SendMode::Ordered) messages
    /// keep their order, and all have the usual priority.
    ///
    /// While a large message is under way the peer's window of messages
    /// ([`message_window`](crate::Config::message_window)) has to have room for both, and this end's
    /// [`send_buffer`](crate::Config::send_buffer) as well.
    ///
    /// # Errors
    /// As [`send_message`](Self::send_message).
    pub fn send_message_with(
        &self,
        data: impl Into<Bytes>,
        mode: SendMode,
        priority: Priority,
    ) -> Result<Receipt> {
        let data = data.into();
        let claim = block::at(self.link.shard(), self.link.write_patience.get(), |cx| {
            self.link.poll_send_message(cx, &data, (mode, priority))
        })?;
        Ok(Receipt { claim })
    }

    /// The next message, whatever its mode.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut) after the read timeout; what ended the session.
    pub fn receive_message(&self) -> Result<Message> {
        block::at(self.link.shard(), self.link.read_patience.get(), |cx| {
            self.link.poll_receive_message(cx)
        })
    }

    /// Ends all streams, waits until the peer has everything, and tells what is certain. The
    /// deadline is [`close_deadline`](crate::Config::close_deadline) of the settings.
    pub fn close(&self) -> Closed {
        self.finish_close(None)
    }

    /// As [`close`](Self::close), but returns after `deadline` at the latest. What the peer does not
    /// have by then is not sent any more.
    pub fn close_within(&self, deadline: Duration) -> Closed {
        self.finish_close(Some(deadline))
    }

    fn finish_close(&self, deadline: Option<Duration>) -> Closed {
        let mut begun = false;
        let closed = block::beside(self.link.shard(), None, |cx| {
            self.link.poll_close(cx, deadline, &mut begun).map(Ok)
        });
        closed.unwrap_or_else(Closed::failed)
    }

    fn open(&self, direction: Direction) -> Result<Stream> {
        let patience = self.link.write_patience.get();
        let id = block::at(self.link.shard(), patience, |cx| self.link.poll_open(cx, direction))?;
        Ok(StreamHandle::opened(&self.link, id, direction).into())
    }
}

impl io::Read for &Session {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let patience = self.link.read_patience.get();
        Ok(block::at(self.link.shard(), patience, |cx| self.link.poll_read(cx, MAIN, buffer))?)
    }
}

impl io::Write for &Session {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let patience = self.link.write_patience.get();
        Ok(block::at(self.link.shard(), patience, |cx| self.link.poll_write(cx, MAIN, data))?)
    }

    /// Does nothing: what was written is on its way.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for Session {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl io::Write for Session {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
