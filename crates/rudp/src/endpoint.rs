//! [`Endpoint`]: one UDP address that connects to others and is connected to, blocking.
//! How it is set up is in `builder`, how it runs in `host`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::address::Destination;
use crate::block;
use crate::builder::Builder;
use crate::connect::Dial;
use crate::error::{ErrorKind, Result};
use crate::host::Host;
use crate::key::PublicKey;
use crate::session::Session;
use crate::shards::ShardStats;
use crate::trust::{Decision, Trust};

/// One UDP address, from which sessions are opened, and to which clients open theirs.
///
/// Handles are cheap to clone. When the last one goes, clients are turned away, and the sessions go
/// on until they are closed; then the endpoint ends, at the latest some seconds after their
/// [`close_deadline`](crate::Config::close_deadline).
///
/// ```no_run
/// use rudp::{Endpoint, Key};
///
/// # fn main() -> Result<(), rudp::Error> {
/// let endpoint = Endpoint::builder().bind("[::]:7777").key(Key::generate()?).build()?;
/// loop {
///     let session = endpoint.accept()?;
///     std::thread::spawn(move || session.send("hello"));
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) desk: Arc<Desk>,
}

/// Where clients are received: it is there as long as somebody could accept them.
pub(crate) struct Desk {
    pub(crate) host: Arc<Host>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.host.leave_unattended();
    }
}

impl Endpoint {
    /// The settings of a new endpoint.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(host: Host) -> Self {
        Self { desk: Arc::new(Desk { host: Arc::new(host) }) }
    }

    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.desk.host
    }

    /// Opens a session to a server: `host:port`, or `host:port/service`. If a name has several
    /// addresses, they are tried in turn, each 250 ms after the one before, and the first that
    /// answers is used.
    ///
    /// ```no_run
    /// use rudp::{Endpoint, Trust};
    ///
    /// # fn main() -> Result<(), rudp::Error> {
    /// let endpoint = Endpoint::builder().build()?;
    /// let trust = Trust::FirstUse("known_hosts".into());
    /// let session = endpoint.connect("example.org:7777/chat", trust)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`NoAnswer`](ErrorKind::NoAnswer) after the
    /// [`handshake_timeout`](crate::Config::handshake_timeout); [`KeyChanged`](ErrorKind::KeyChanged)
    /// if the server has another key than `trust` says; what the server refuses for;
    /// [`InvalidInput`](ErrorKind::InvalidInput) if `to` is no such thing; [`Io`](ErrorKind::Io) if
    /// a name is unknown.
    #[expect(clippy::needless_pass_by_value, reason = "callers have a `&str` or a `SocketAddr`")]
    pub fn connect(&self, to: impl ToString, trust: impl Into<Trust>) -> Result<Session> {
        let destination = Destination::parse(&to.to_string())?;
        let decision = self.decide(&destination, trust.into())?;
        let addresses = destination.resolve(self.local_addr())?;
        let mut dial = Dial::new(Arc::clone(self.host()), addresses, destination.service, decision);
        let shard = dial.shard_of(self.host());
        let link = block::at(shard, None, |cx| dial.poll(cx))?;
        Ok(Session { link })
    }

    pub(crate) fn decide(&self, to: &Destination, trust: Trust) -> Result<Decision> {
        Decision::on(&to.server, trust, self.host().plain)
    }

    /// Answers clients from now on; [`accept`](Self::accept) gives their sessions. Returns at once.
    /// To do it again is no error.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput): it was given neither a key nor an address;
    /// [`ServerShutdown`](ErrorKind::ServerShutdown): it was shut down; [`Io`](ErrorKind::Io): it had
    /// to end.
    pub fn listen(&self) -> Result<()> {
        self.host().listen()
    }

    /// Waits for the next session that a client opens, and [listens](Self::listen) if nobody said so
    /// before. Several threads may do so at once.
    ///
    /// # Errors
    /// [`ServerShutdown`](ErrorKind::ServerShutdown) once the endpoint was [shut
    /// down](Self::shutdown); [`Io`](ErrorKind::Io) if it had to end.
    pub fn accept(&self) -> Result<Session> {
        self.accept_until(None)
    }

    /// As [`accept`](Self::accept), but waits for at most `patience`.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut), and as [`accept`](Self::accept).
    pub fn accept_timeout(&self, patience: Duration) -> Result<Session> {
        self.accept_until(Some(patience))
    }

    fn accept_until(&self, patience: Option<Duration>) -> Result<Session> {
        self.begin_to_accept()?;
        self.host().give_up();
        let link = block::on(patience, |cx| self.host().poll_accept(cx))?;
        Ok(Session { link })
    }

    /// Listens. What was shut down may still have sessions to accept.
    pub(crate) fn begin_to_accept(&self) -> Result<()> {
        self.listen().or_else(|error| match error.kind() {
            ErrorKind::ServerShutdown => Ok(()),
            _ => Err(error),
        })
    }

    /// Refuses new clients, and closes the sessions of those who came, both with
    /// [`ServerShutdown`](ErrorKind::ServerShutdown). Sessions that this side opened go on.
    ///
    /// # Errors
    /// The endpoint had to end.
    pub fn shutdown(&self) -> Result<()> {
        self.host().shutdown()
    }

    /// Replaces the UDP socket by one at another address of this machine, or with another port, and
    /// its sessions go on: for a program that learns that it is in another network, a telephone that
    /// has left its Wi-Fi say. `address` is as in [`bind`](Builder::bind); `[::]:0` leaves the choice to
    /// the system. Returns at once.
    ///
    /// Every session asks its server at once, and the server proves the new address and follows,
    /// which takes about two round trips. What came to the old socket and was not read from it is
    /// lost, as on the way, and sent again. Behind another IP address the search for the rate and the
    /// packet size begins anew; behind another port it goes on. Connects that are under way begin
    /// again.
    ///
    /// It is for clients: an endpoint that has [listened](Self::listen) stays, since its clients would
    /// not look for it elsewhere. Behind a NAT that gives a client another address nothing is needed.
    /// A server that the new address cannot reach (of IPv6, say, from one of IPv4) is not told; its
    /// sessions wait for the next `rebind`, or for their idle timeout.
    ///
    /// ```
    /// use rudp::{Endpoint, Key, Trust};
    ///
    /// # fn main() -> Result<(), rudp::Error> {
    /// let server = Endpoint::builder().bind("127.0.0.1:0").key(Key::generate()?).build()?;
    /// server.listen()?;
    /// let client = Endpoint::builder().bind("127.0.0.1:0").build()?;
    /// let session = client.connect(server.local_addr(), Trust::AnyKey)?;
    /// let accepted = server.accept()?;
    ///
    /// let before = client.local_addr();
    /// client.rebind("127.0.0.1:0")?;
    /// assert_ne!(client.local_addr(), before);
    /// session.send("from elsewhere")?;
    /// assert_eq!(accepted.receive(1024)?, b"from elsewhere");
    /// assert_eq!(accepted.remote_addr(), Some(client.local_addr()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The old socket stays then. [`InvalidInput`](ErrorKind::InvalidInput): the endpoint has
    /// listened, has several [shards](Builder::shards), or speaks the [plain](Builder::plain) profile,
    /// whose sessions have an address for life. [`Io`](ErrorKind::Io): the address is in use, or not of
    /// this machine; or the endpoint had to end.
    #[expect(clippy::needless_pass_by_value, reason = "callers have a `&str` or a `SocketAddr`")]
    pub fn rebind(&self, address: impl ToString) -> Result<()> {
        self.host().rebind(&address.to_string())
    }

    /// Waits until all sessions are over, those that close in the background included, but at most
    /// for `patience`. Returns whether that is so.
    pub fn wait_idle(&self, patience: Duration) -> bool {
        self.host().give_up();
        block::on(Some(patience), |cx| self.host().poll_idle(cx)).is_ok()
    }

    /// The address it is bound to, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.host().local_addr()
    }

    /// What each of its [shards](Builder::shards) did so far.
    pub fn shards(&self) -> Vec<ShardStats> {
        self.host().stats()
    }

    /// The endpoint's key, which clients have to expect here; `None` in the plain profile, and for an
    /// endpoint that only dials and was given none.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.host().public_key
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.local_addr())
    }
}
