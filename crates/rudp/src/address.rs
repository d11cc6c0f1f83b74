//! Where to connect to: `host:port`, or `host:port/service`, and the addresses behind a name.
//! Which of them answers is found out in `connect`.

use std::collections::VecDeque;
use std::future::Future;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::error::{Error, Result};

/// What a program wants to be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Host and port, as the program wrote them.
    pub(crate) server: String,
    /// The service's name; empty for the only one.
    pub(crate) service: String,
}

impl Destination {
    /// # Errors
    /// There is no port, or the name of the service has more than 255 bytes.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (server, service) = text.split_once('/').unwrap_or((text, ""));
        let port = server.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none_or(|port| port == 0) || server.contains(char::is_whitespace) {
            return Err(Error::invalid(format!("{text:?} is not host:port or host:port/service")));
        }
        if service.len() > 255 {
            return Err(Error::invalid("the name of a service has at most 255 bytes"));
        }
        Ok(Self { server: server.to_owned(), service: service.to_owned() })
    }

    /// The addresses, found out by this thread, of which a socket bound to `local` can send to.
    pub(crate) fn resolve(&self, local: SocketAddr) -> Result<VecDeque<SocketAddr>> {
        usable(look_up(&self.server)?, local, &self.server)
    }

    /// As [`resolve`](Self::resolve), with a thread of its own for names, which may take long.
    pub(crate) async fn resolve_aside(&self, local: SocketAddr) -> Result<VecDeque<SocketAddr>> {
        let addresses = match self.server.parse() {
            Ok(address) => vec![address],
            Err(_) => LookUp::begin(self.server.clone())?.await?,
        };
        usable(addresses, local, &self.server)
    }
}

/// `host` and `port` as one text, with the brackets that IPv6 needs.
pub(crate) fn join(host: &str, port: u16) -> String {
    let bare = host.contains(':') && !host.starts_with('[');
    if bare { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn look_up(server: &str) -> Result<Vec<SocketAddr>> {
    let found = server.to_socket_addrs();
    let found = found.map_err(|error| Error::system(format!("looking up {server}"), error))?;
    Ok(found.collect())
}

/// Those that a socket bound to `local` can send to, each once, in the order they came.
fn usable(
    addresses: Vec<SocketAddr>,
    local: SocketAddr,
    server: &str,
) -> Result<VecDeque<SocketAddr>> {
    // A socket bound to all addresses of IPv6 serves IPv4 as well.
    let both = local.is_ipv6() && local.ip().is_unspecified();
    let mut usable = VecDeque::new();
    for address in addresses {
        let fits = both || address.is_ipv4() == local.is_ipv4();
        if fits && !usable.contains(&address) {
            usable.push_back(address);
        }
    }
    if usable.is_empty() {
        let text = format!("{server} has no address that can be reached from {local}");
        return Err(Error::invalid(text));
    }
    Ok(usable)
}

/// A look-up in a thread of its own.
struct LookUp(Arc<Mutex<Answer>>);

#[derive(Default)]
struct Answer {
    found: Option<Result<Vec<SocketAddr>>>,
    waker: Option<Waker>,
}

impl LookUp {
    fn begin(server: String) -> Result<Self> {
        let answer = Arc::new(Mutex::new(Answer::default()));
        let theirs = Arc::clone(&answer);
        let run = move || {
            let found = look_up(&server);
            let mut answer = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            answer.found = Some(found);
            let waker = answer.waker.take();
            drop(answer);
            waker.into_iter().for_each(Waker::wake);
        };
        let thread = thread::Builder::new().name("rudp-names".to_owned()).spawn(run);
        thread.map_err(|error| Error::system("starting a thread for a name", error))?;
        Ok(Self(answer))
    }
}

impl Future for LookUp {
    type Output = Result<Vec<SocketAddr>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = answer.found.take() {
            return Poll::Ready(found);
        }
        answer.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_host_port_and_perhaps_a_service() {
        let cases = [
            ("host:7777", "host:7777", ""),
            ("[::1]:7777/files", "[::1]:7777", "files"),
            ("127.0.0.1:1/a/b", "127.0.0.1:1", "a/b"),
        ];
        for (text, server, service) in cases {
            let expected = Destination { server: server.to_owned(), service: service.to_owned() };
            assert_eq!(Destination::parse(text).unwrap(), expected);
        }
        let long = format!("host:1/{}", "x".repeat(256));
        for text in ["", "host", "host:", "host:0", "host:99999", "ho st:1", "/x", &long] {
            assert!(Destination::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_reaches_its_own_family_or_both() {
        let (v4, v6) = ("127.0.0.1:9".parse().unwrap(), "[::1]:9".parse().unwrap());
        let reach = |local: &str| {
            usable(vec![v6, v4, v6], local.parse().unwrap(), "x").map(Vec::from).unwrap()
        };
        assert_eq!(reach("[::]:1"), [v6, v4]);
        assert_eq!(reach("[::1]:1"), [v6]);
        assert_eq!(reach("0.0.0.0:1"), [v4]);
        assert!(usable(vec![v6], "0.0.0.0:1".parse().unwrap(), "x").is_err());
    }

    #[test]
    fn names_are_looked_up_aside() {
        let local = "[::]:1".parse().unwrap();
        let destination = Destination::parse("localhost:9").unwrap();
        let found = futures_lite::future::block_on(destination.resolve_aside(local)).unwrap();
        assert!(!found.is_empty() && found.iter().all(|found| found.ip().is_loopback()));
    }

    #[test]
    fn hosts_of_ipv6_get_their_brackets() {
        assert_eq!(join("::1", 5), "[::1]:5");
        assert_eq!(join("[::1]", 5), "[::1]:5");
        assert_eq!(join("localhost", 5), "localhost:5");
    }
}
