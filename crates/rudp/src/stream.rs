//! [`Stream`]: one ordered sequence of bytes of a session, blocking.
//! The async form is in `aio`; stream 0 has its methods on the session itself.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use rudp_proto::{Direction, Fail, Priority};

use crate::block;
use crate::common::stream_methods;
use crate::error::{Error, ErrorKind, Origin, Result};
use crate::link::{Link, MAIN};
use crate::receipt::{Claim, Receipt};

/// A handle of a stream. The last one that goes leaves the stream.
pub(crate) struct StreamHandle {
    pub(crate) link: Arc<Link>,
    pub(crate) id: u64,
    pub(crate) reads: bool,
    pub(crate) writes: bool,
}

impl StreamHandle {
    pub(crate) fn main(link: &Arc<Link>) -> Self {
        Self { link: Arc::clone(link), id: MAIN, reads: true, writes: true }
    }

    /// A stream that this side opened.
    pub(crate) fn opened(link: &Arc<Link>, id: u64, direction: Direction) -> Self {
        let reads = direction == Direction::Bidirectional;
        Self { link: Arc::clone(link), id, reads, writes: true }
    }

    /// A stream that the peer opened.
    pub(crate) fn accepted(link: &Arc<Link>, (id, direction): (u64, Direction)) -> Self {
        let writes = direction == Direction::Bidirectional;
        Self { link: Arc::clone(link), id, reads: true, writes }
    }

    pub(crate) fn attempt(
        &self,
        attempt: impl FnOnce(&mut rudp_proto::Session<'_>, u64) -> Result<(), Fail>,
    ) -> Result<()> {
        self.link.attempt(|session| attempt(session, self.id))
    }

    /// # Errors
    /// The stream is one that only the peer writes to.
    pub(crate) fn check_writes(&self) -> Result<()> {
        check(self.writes)
    }

    /// # Errors
    /// The stream is one that only this side writes to.
    pub(crate) fn check_reads(&self) -> Result<()> {
        check(self.reads)
    }
}

fn check(possible: bool) -> Result<()> {
    if possible { Ok(()) } else { Err(Error::bare(ErrorKind::NoStream, Origin::Program)) }
}

impl Drop for StreamHandle {
    fn drop(&mut self) {
        if self.id != MAIN {
            self.link.leave_stream(self.id, self.writes, self.reads);
        }
    }
}

/// One ordered sequence of bytes in each direction, or in one, of a session.
///
/// Streams do not wait for each other: what is lost of one holds up no other. [`io::Read`] and
/// [`io::Write`] work on it and on references to it. Handles are cheap to clone; when the last one
/// goes, what was written is sent with the stream's end, and what the peer still writes is not
/// wanted any more.
///
/// ```no_run
/// # fn with(session: rudp::Session) -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::{Read, Write};
///
/// let mut stream = session.open_stream()?;
/// stream.write_all(b"GET /")?;
/// stream.finish()?;
/// let mut answer = String::new();
/// stream.read_to_string(&mut answer)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Stream {
    pub(crate) handle: Arc<StreamHandle>,
}

stream_methods!(Stream);

impl Stream {
    /// Writes all of `data`, and waits only while the peer or the network takes no more.
    ///
    /// Calls of several threads at once do not lose anything, but their data may be mixed.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) after the session's write timeout, with some of the data
    /// written; [`StreamStopped`](ErrorKind::StreamStopped) if the peer wants no more;
    /// [`Finished`](ErrorKind::Finished) behind [`finish`](Self::finish); what ended the session.
    pub fn send(&self, data: impl AsRef<[u8]>) -> Result<()> {
        self.handle.check_writes()?;
        let (link, data, mut done) = (&self.handle.link, data.as_ref(), 0);
        block::at(link.shard(), link.write_patience.get(), |cx| {
            link.poll_send(cx, self.handle.id, data, &mut done)
        })
    }

    /// The next 1 to `max` bytes; none at the stream's end.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) after the session's read timeout;
    /// [`StreamReset`](ErrorKind::StreamReset) if the peer gave the stream up; what ended the
    /// session.
    pub fn receive(&self, max: usize) -> Result<Vec<u8>> {
        self.handle.check_reads()?;
        let (link, mut buffer) = (&self.handle.link, Vec::new());
        block::at(link.shard(), link.read_patience.get(), |cx| {
            link.poll_receive(cx, self.handle.id, max, &mut buffer)
        })
    }

    /// As [`send`](Self::send), without a copy: the memory is the session's until the peer has it. That
    /// pays for pieces of 4 KiB and more; smaller ones are copied.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_bytes(&self, data: impl Into<Bytes>) -> Result<()> {
        self.handle.check_writes()?;
        let (link, mut data) = (&self.handle.link, data.into());
        block::at(link.shard(), link.write_patience.get(), |cx| {
            link.poll_give(cx, self.handle.id, &mut data)
        })
    }

    /// The next bytes, as many as lie one behind the other, and most often without a copy; none at the
    /// stream's end. A piece holds up to four times its length of memory, until all of it is dropped.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_bytes(&self) -> Result<Bytes> {
        self.handle.check_reads()?;
        let link = &self.handle.link;
        let patience = link.read_patience.get();
        block::at(link.shard(), patience, |cx| link.poll_take(cx, self.handle.id))
    }
}

impl io::Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.handle.check_reads()?;
        let link = &self.handle.link;
        let patience = link.read_patience.get();
        Ok(block::at(link.shard(), patience, |cx| link.poll_read(cx, self.handle.id, buffer))?)
    }
}

impl io::Write for &Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.handle.check_writes()?;
        let link = &self.handle.link;
        let patience = link.write_patience.get();
        Ok(block::at(link.shard(), patience, |cx| link.poll_write(cx, self.handle.id, data))?)
    }

    /// Does nothing: what was written is on its way.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl io::Write for Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
