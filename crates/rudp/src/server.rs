//! The names that textbooks use: [`ReliableServer`] and [`ReliableSocket`].
//! They are thin: the sessions behind them are those of [`Endpoint`].

use std::net::{IpAddr, SocketAddr};

use crate::address;
use crate::closed::Closed;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Origin, Result};
use crate::session::Session;
use crate::trust::{self, Trust};

/// A client's session at a [`ReliableServer`].
pub type ClientConnection = Session;

/// A server at an address, with a key of its own that is new each time.
///
/// ```no_run
/// # fn main() -> Result<(), rudp::Error> {
/// use rudp::ReliableServer;
///
/// let mut server = ReliableServer::new("127.0.0.1", 0)?;
/// println!("clients connect to {}", server.local_addr());
/// # Ok(()) }
/// ```
///
/// For a key that stays, client keys, services and settings make an [`Endpoint`] with
/// [`Endpoint::builder`], and a server of it with `From`.
#[derive(Debug)]
pub struct ReliableServer {
    endpoint: Endpoint,
}

impl ReliableServer {
    /// Binds a server to an address of this machine, or to `0.0.0.0` or `::` for all of them; port 0
    /// is any that is free. It does not answer before [`listen`](Self::listen).
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io): the address is in use, or not of this machine.
    pub fn new(ip: &str, port: u16) -> Result<Self> {
        let endpoint = Endpoint::builder().bind(address::join(ip, port)).build()?;
        Ok(Self { endpoint })
    }

    /// Answers clients from now on. Returns at once; to do it again is no error.
    ///
    /// # Errors
    /// As [`Endpoint::listen`].
    pub fn listen(&mut self) -> Result<()> {
        self.endpoint.listen()
    }

    /// Waits for the next client, and [listens](Self::listen) if it does not yet.
    ///
    /// # Errors
    /// As [`Endpoint::accept`].
    pub fn accept(&self) -> Result<ClientConnection> {
        self.endpoint.accept()
    }

    /// Refuses new clients, and closes open sessions, both with
    /// [`ServerShutdown`](ErrorKind::ServerShutdown). [`accept`](Self::accept) returns.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io): the server had to end before.
    pub fn shutdown(&mut self) -> Result<()> {
        self.endpoint.shutdown()
    }

    /// The address it is bound to, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    /// The endpoint behind it.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl From<Endpoint> for ReliableServer {
    fn from(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }
}

/// A client's side: connects to one server.
///
/// On this machine (loopback addresses) any key of the server is accepted. Elsewhere
/// [`trust`](Self::trust) has to say which.
///
/// ```no_run
/// # fn main() -> Result<(), rudp::Error> {
/// use rudp::ReliableSocket;
///
/// let mut socket = ReliableSocket::new("127.0.0.1", 55265)?;
/// socket.connect()?;
/// socket.send("hello")?;
/// println!("{}", String::from_utf8_lossy(&socket.receive(1024)?));
/// println!("{}", socket.close());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ReliableSocket {
    server: String,
    /// Whether the server is on this machine.
    local: bool,
    trust: Option<Trust>,
    session: Option<Session>,
}

impl ReliableSocket {
    /// A socket for the server with this address or name, and port. Nothing is sent yet.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput): the port is 0.
    pub fn new(ip: &str, port: u16) -> Result<Self> {
        if port == 0 {
            return Err(Error::invalid("no server has the port 0"));
        }
        let address = ip.parse::<IpAddr>();
        // A name may be anybody's, but not this one (RFC 6761, section 6.3).
        let local = ip.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.to_canonical().is_loopback());
        Ok(Self { server: address::join(ip, port), local, trust: None, session: None })
    }

    /// Says which key the server has to have.
    pub fn trust(&mut self, trust: impl Into<Trust>) {
        self.trust = Some(trust.into());
    }

    /// Connects. If it is connected already, that session goes on in the background until it is
    /// closed.
    ///
    /// # Errors
    /// [`TrustNeeded`](ErrorKind::TrustNeeded), with the line that is missing, if the server is not
    /// on this machine and nobody said which key it has; as [`Endpoint::connect`].
    pub fn connect(&mut self) -> Result<()> {
        let trust = match &self.trust {
            Some(trust) => trust.clone(),
            None if self.local => Trust::AnyKey,
            None => return Err(trust::undecided(&self.server)),
        };
        let endpoint = Endpoint::builder().build()?;
        self.session = Some(endpoint.connect(&self.server, trust)?);
        Ok(())
    }

    /// As [`Session::send`].
    ///
    /// # Errors
    /// [`NotConnected`](ErrorKind::NotConnected), and as [`Session::send`].
    pub fn send(&self, data: impl AsRef<[u8]>) -> Result<()> {
        self.session()?.send(data)
    }

    /// As [`Session::receive`].
    ///
    /// # Errors
    /// [`NotConnected`](ErrorKind::NotConnected), and as [`Session::receive`].
    pub fn receive(&self, max: usize) -> Result<Vec<u8>> {
        self.session()?.receive(max)
    }

    /// As [`Session::close`].
    pub fn close(&mut self) -> Closed {
        let closed = self.session().map(Session::close);
        closed.unwrap_or_else(Closed::failed)
    }

    /// The session behind it.
    ///
    /// # Errors
    /// [`NotConnected`](ErrorKind::NotConnected).
    pub fn session(&self) -> Result<&Session> {
        let missing = || Error::bare(ErrorKind::NotConnected, Origin::Program);
        self.session.as_ref().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_needs_no_decision() {
        for ip in ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LocalHost", "::ffff:127.0.0.1"] {
            assert!(ReliableSocket::new(ip, 1).unwrap().local, "{ip}");
        }
        for ip in ["192.0.2.1", "::", "0.0.0.0", "example.org", "localhost.example.org"] {
            let mut socket = ReliableSocket::new(ip, 1).unwrap();
            let error = socket.connect().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TrustNeeded, "{ip}");
            assert!(error.to_string().contains("socket.trust(Trust::FirstUse"), "{error}");
        }
    }

    #[test]
    fn without_a_session_there_is_nothing_to_do() {
        let mut socket = ReliableSocket::new("127.0.0.1", 1).unwrap();
        assert_eq!(socket.send("x").unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(socket.receive(1).unwrap_err().kind(), ErrorKind::NotConnected);
        let Closed::Unknown { streams, cause: Some(cause) } = socket.close() else { panic!() };
        assert_eq!((streams.len(), cause.kind()), (0, ErrorKind::NotConnected));
        assert!(ReliableSocket::new("127.0.0.1", 0).is_err());
    }
}
