//! The async form of the API: the same endpoints, sessions and streams, with futures for what waits.
//! No runtime is needed, and every one works: a future is woken by the endpoint's own thread, or runs
//! in one that does its work ([`Endpoint::block_on`]).
//!
//! Everything converts to its blocking twin and back with `From`, and both may be used at once.
//! There are no timeouts here but those of the protocol: a runtime's own does, and drops the future.
//! What that loses is said at each call: *cancel-safe* is one that loses nothing.
//!
//! [`Session`] and [`Stream`] have the traits of `futures-io`, and with the feature `tokio` those of
//! `tokio::io`.
//!
//! ```no_run
//! use rudp::Trust;
//! use rudp::aio::Endpoint;
//!
//! # async fn with() -> Result<(), rudp::Error> {
//! let endpoint = Endpoint::from(rudp::Endpoint::builder().build()?);
//! let session = endpoint.connect("127.0.0.1:7777", Trust::AnyKey).await?;
//! session.send("a question").await?;
//! let answer = session.receive(1024).await?;
//! println!("{}", session.close().await);
//! # Ok(()) }
//! ```

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rudp_proto::{Direction, Message, Priority, SendMode, Stats};

use crate::address::Destination;
use crate::attend;
use crate::closed::Closed;
use crate::common::{session_methods, stream_methods};
use crate::connect::Dial;
use crate::error::{Error, ErrorKind, Result};
use crate::key::PublicKey;
use crate::link::{Link, MAIN};
use crate::receipt::{Claim, Until};
use crate::shards::ShardStats;
use crate::stream::StreamHandle;
use crate::trust::Trust;

mod io;

/// One UDP address; the async form of [`rudp::Endpoint`](crate::Endpoint), which makes it.
#[derive(Clone)]
pub struct Endpoint {
    blocking: crate::Endpoint,
}

impl Endpoint {
    /// As [`rudp::Endpoint::connect`](crate::Endpoint::connect). Names are looked up by a thread of
    /// their own. Cancel-safe: nothing was sent but the beginning of a handshake.
    ///
    /// # Errors
    /// As there.
    pub async fn connect(&self, to: impl ToString, trust: impl Into<Trust>) -> Result<Session> {
        let (to, trust) = (to.to_string(), trust.into());
        let destination = Destination::parse(&to)?;
        let decision = self.blocking.decide(&destination, trust)?;
        let addresses = destination.resolve_aside(self.local_addr()).await?;
        let host = Arc::clone(self.blocking.host());
        let mut dial = Dial::new(host, addresses, destination.service, decision);
        let link = poll_fn(|cx| dial.poll(cx)).await?;
        Ok(Session { link })
    }

    /// As [`rudp::Endpoint::listen`](crate::Endpoint::listen). Does not wait.
    ///
    /// # Errors
    /// As there.
    pub fn listen(&self) -> Result<()> {
        self.blocking.listen()
    }

    /// The next session that a client opens. Cancel-safe.
    ///
    /// # Errors
    /// As [`rudp::Endpoint::accept`](crate::Endpoint::accept).
    pub async fn accept(&self) -> Result<Session> {
        self.blocking.begin_to_accept()?;
        let link = poll_fn(|cx| self.blocking.host().poll_accept(cx)).await?;
        Ok(Session { link })
    }

    /// As [`rudp::Endpoint::shutdown`](crate::Endpoint::shutdown). Does not wait.
    ///
    /// # Errors
    /// As there.
    pub fn shutdown(&self) -> Result<()> {
        self.blocking.shutdown()
    }

    /// As [`rudp::Endpoint::rebind`](crate::Endpoint::rebind). Does not wait, but to look up a name.
    ///
    /// # Errors
    /// As there.
    pub fn rebind(&self, address: impl ToString) -> Result<()> {
        self.blocking.rebind(address)
    }

    /// Waits until all sessions are over, those that close in the background included.
    /// Cancel-safe.
    pub async fn wait_idle(&self) {
        // An endpoint that had to end has nothing to say either.
        let _ = poll_fn(|cx| self.blocking.host().poll_idle(cx)).await;
    }

    /// Runs a future to its end in this thread, which sends and receives for the endpoint while the
    /// future waits: no other thread has to wake it. That is the fastest way to run many sessions,
    /// as tasks of whatever the future is: a set of futures, or an executor that runs in this thread.
    ///
    /// A task that always finds something to do with sessions makes way for others after 50
    /// microseconds: a call that could go on is pending once then. Whoever waits elsewhere for this
    /// endpoint is served as well, but a few milliseconds later while the future computes, or two dozen
    /// where the socket is read at intervals. Of an endpoint with several shards it is the first that is
    /// served here; the others have their threads. Futures may wait for anything else, such as timers
    /// and other endpoints.
    ///
    /// ```
    /// use futures_lite::future::try_zip;
    /// use rudp::Trust;
    /// use rudp::aio::Endpoint;
    ///
    /// # fn main() -> Result<(), rudp::Error> {
    /// let endpoint = Endpoint::from(rudp::Endpoint::builder().bind("127.0.0.1:0").build()?);
    /// endpoint.listen()?;
    /// let answer = endpoint.block_on(async {
    ///     let to_itself = endpoint.connect(endpoint.local_addr(), Trust::AnyKey);
    ///     let (server, client) = try_zip(endpoint.accept(), to_itself).await?;
    ///     server.send("hello").await?;
    ///     client.receive(100).await
    /// })?;
    /// assert_eq!(answer, b"hello");
    /// # Ok(()) }
    /// ```
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        attend::run(&self.blocking.host().shards[0], future)
    }

    /// The address it is bound to, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.blocking.local_addr()
    }

    /// As [`rudp::Endpoint::shards`](crate::Endpoint::shards).
    pub fn shards(&self) -> Vec<ShardStats> {
        self.blocking.shards()
    }

    /// As [`rudp::Endpoint::public_key`](crate::Endpoint::public_key).
    pub fn public_key(&self) -> Option<PublicKey> {
        self.blocking.public_key()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.blocking.fmt(f)
    }
}

impl From<crate::Endpoint> for Endpoint {
    fn from(blocking: crate::Endpoint) -> Self {
        Self { blocking }
    }
}

impl From<Endpoint> for crate::Endpoint {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.blocking
    }
}

/// A reliable, encrypted connection between two programs; the async form of
/// [`rudp::Session`](crate::Session), where more is said about each call.
#[derive(Clone)]
pub struct Session {
    link: Arc<Link>,
}

session_methods!(Session);

impl Session {
    /// Sends all of `data`, and waits only while there is no room. Not cancel-safe: some of it may
    /// have been sent.
    ///
    /// # Errors
    /// As [`rudp::Session::send`](crate::Session::send).
    pub async fn send(&self, data: impl AsRef<[u8]>) -> Result<()> {
        let mut done = 0;
        poll_fn(|cx| self.link.poll_send(cx, MAIN, data.as_ref(), &mut done)).await
    }

    /// The next 1 to `max` bytes, at most 64 KiB; none if the peer has finished. Cancel-safe.
    ///
    /// # Errors
    /// As [`rudp::Session::receive`](crate::Session::receive).
    pub async fn receive(&self, max: usize) -> Result<Vec<u8>> {
        let mut buffer = Vec::new();
        poll_fn(|cx| self.link.poll_receive(cx, MAIN, max, &mut buffer)).await
    }

    /// As [`send`](Self::send), without a copy.
    ///
    /// # Errors
    /// As [`rudp::Session::send_bytes`](crate::Session::send_bytes).
    pub async fn send_bytes(&self, data: impl Into<Bytes>) -> Result<()> {
        self.main_stream().send_bytes(data).await
    }

    /// The next bytes, most often without a copy; none if the peer has finished. Cancel-safe.
    ///
    /// # Errors
    /// As [`rudp::Session::receive_bytes`](crate::Session::receive_bytes).
    pub async fn receive_bytes(&self) -> Result<Bytes> {
        self.main_stream().receive_bytes().await
    }

    /// Opens a stream in both directions. Cancel-safe.
    ///
    /// # Errors
    /// What ended the session.
    pub async fn open_stream(&self) -> Result<Stream> {
        self.open(Direction::Bidirectional).await
    }

    /// Opens a stream that only this side writes to. Cancel-safe.
    ///
    /// # Errors
    /// What ended the session.
    pub async fn open_uni_stream(&self) -> Result<Stream> {
        self.open(Direction::Unidirectional).await
    }

    /// The next stream that the peer opened, of either kind. Cancel-safe.
    ///
    /// # Errors
    /// What ended the session.
    pub async fn accept_stream(&self) -> Result<Stream> {
        let accepted = poll_fn(|cx| self.link.poll_accept(cx)).await?;
        Ok(StreamHandle::accepted(&self.link, accepted).into())
    }

    /// Sends a message. Cancel-safe: it was sent as a whole or not at all.
    ///
    /// # Errors
    /// As [`rudp::Session::send_message`](crate::Session::send_message).
    pub async fn send_message(&self, data: impl Into<Bytes>, mode: SendMode) -> Result<Receipt> {
        self.send_message_with(data, mode, Priority::Normal).await
    }

    /// Sends a message with a priority. Cancel-safe, as [`send_message`](Self::send_message).
    ///
    /// # Errors
    /// As [`rudp::Session::send_message_with`](crate::Session::send_message_with).
    pub async fn send_message_with(
        &self,
        data: impl Into<Bytes>,
        mode: SendMode,
        priority: Priority,
    ) -> Result<Receipt> {
        let (data, how) = (data.into(), (mode, priority));
        let claim = poll_fn(|cx| self.link.poll_send_message(cx, &data, how)).await?;
        Ok(Receipt { claim })
    }

    /// The next message, whatever its mode. Cancel-safe.
    ///
    /// # Errors
    /// What ended the session.
    pub async fn receive_message(&self) -> Result<Message> {
        poll_fn(|cx| self.link.poll_receive_message(cx)).await
    }

    /// Ends all streams, waits until the peer has everything, and tells what is certain, by the
    /// deadline of the settings. Once begun it goes on if the future is dropped.
    pub async fn close(&self) -> Closed {
        self.finish_close(None).await
    }

    /// As [`close`](Self::close), by a deadline of its own.
    pub async fn close_within(&self, deadline: Duration) -> Closed {
        self.finish_close(Some(deadline)).await
    }

    async fn finish_close(&self, deadline: Option<Duration>) -> Closed {
        let mut begun = false;
        poll_fn(|cx| self.link.poll_close(cx, deadline, &mut begun)).await
    }

    async fn open(&self, direction: Direction) -> Result<Stream> {
        let id = poll_fn(|cx| self.link.poll_open(cx, direction)).await?;
        Ok(StreamHandle::opened(&self.link, id, direction).into())
    }
}

impl From<crate::Session> for Session {
    fn from(session: crate::Session) -> Self {
        Self { link: session.link }
    }
}

impl From<Session> for crate::Session {
    fn from(session: Session) -> Self {
        Self { link: session.link }
    }
}

/// One ordered sequence of bytes in each direction, or in one; the async form of
/// [`rudp::Stream`](crate::Stream).
#[derive(Clone)]
pub struct Stream {
    handle: Arc<StreamHandle>,
}

stream_methods!(Stream);

impl Stream {
    /// Writes all of `data`, and waits only while there is no room. Not cancel-safe: some of it may
    /// have been written.
    ///
    /// # Errors
    /// As [`rudp::Stream::send`](crate::Stream::send).
    pub async fn send(&self, data: impl AsRef<[u8]>) -> Result<()> {
        self.handle.check_writes()?;
        let (handle, mut done) = (&self.handle, 0);
        poll_fn(|cx| handle.link.poll_send(cx, handle.id, data.as_ref(), &mut done)).await
    }

    /// The next 1 to `max` bytes, at most 64 KiB; none at the stream's end. Cancel-safe.
    ///
    /// # Errors
    /// As [`rudp::Stream::receive`](crate::Stream::receive).
    pub async fn receive(&self, max: usize) -> Result<Vec<u8>> {
        self.handle.check_reads()?;
        let (handle, mut buffer) = (&self.handle, Vec::new());
        poll_fn(|cx| handle.link.poll_receive(cx, handle.id, max, &mut buffer)).await
    }

    /// As [`send`](Self::send), without a copy.
    ///
    /// # Errors
    /// As [`rudp::Stream::send_bytes`](crate::Stream::send_bytes).
    pub async fn send_bytes(&self, data: impl Into<Bytes>) -> Result<()> {
        self.handle.check_writes()?;
        let (handle, mut data) = (&self.handle, data.into());
        poll_fn(|cx| handle.link.poll_give(cx, handle.id, &mut data)).await
    }

    /// The next bytes, most often without a copy; none at the stream's end. Cancel-safe.
    ///
    /// # Errors
    /// As [`rudp::Stream::receive_bytes`](crate::Stream::receive_bytes).
    pub async fn receive_bytes(&self) -> Result<Bytes> {
        self.handle.check_reads()?;
        let handle = &self.handle;
        poll_fn(|cx| handle.link.poll_take(cx, handle.id)).await
    }
}

impl From<crate::Stream> for Stream {
    fn from(stream: crate::Stream) -> Self {
        Self { handle: stream.handle }
    }
}

impl From<Stream> for crate::Stream {
    fn from(stream: Stream) -> Self {
        Self { handle: stream.handle }
    }
}

/// What was sent up to a moment, or one message; the async form of
/// [`rudp::Receipt`](crate::Receipt).
pub struct Receipt {
    claim: Claim,
}

impl Receipt {
    /// Waits until the peer's host has it, or its program has read it. Cancel-safe.
    ///
    /// # Errors
    /// As [`rudp::Receipt::wait`](crate::Receipt::wait), but for the timeout.
    pub async fn wait(&self, until: Until) -> Result<()> {
        let mut asked = false;
        poll_fn(|cx| self.claim.poll(cx, until, &mut asked)).await
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.claim.fmt(f)
    }
}

impl From<crate::Receipt> for Receipt {
    fn from(receipt: crate::Receipt) -> Self {
        Self { claim: receipt.claim }
    }
}

impl From<Receipt> for crate::Receipt {
    fn from(receipt: Receipt) -> Self {
        Self { claim: receipt.claim }
    }
}
