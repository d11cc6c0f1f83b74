//! Where a file is: `HOST:PORT/NAME`, with or without `rushb://` before it.
//! Nothing is looked up before [`Location::resolve`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

use crate::exit::{Exit, Failure, OrExit};

/// A server and a name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// Host and port, as given.
    pub(crate) server: String,
    /// The name, as the server is asked for it.
    pub(crate) name: String,
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("rushb://").unwrap_or(text);
        let Some((server, name)) = rest.split_once('/') else {
            return Err("has no name: expected HOST:PORT/NAME".into());
        };
        let port = server.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        match port {
            None => return Err("has no port: expected HOST:PORT/NAME".into()),
            Some(Err(_) | Ok(0)) => return Err("the port must be a number from 1 to 65535".into()),
            Some(Ok(_)) => {}
        }
        if name.is_empty() {
            return Err("has no name: expected HOST:PORT/NAME".into());
        }
        Ok(Self { server: server.into(), name: name.into() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server, self.name)
    }
}

impl Location {
    /// The server's addresses, IPv4 first: that is where a server listens if not told otherwise.
    pub(crate) fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        let addresses = self
            .server
            .to_socket_addrs()
            .or_exit(Exit::NoAnswer, || format!("cannot find the address of {}", self.server))?;
        let mut addresses: Vec<_> = addresses.map(reachable).collect();
        addresses.sort_by_key(|address| !address.is_ipv4());
        if addresses.is_empty() {
            return Err(Failure::message(
                Exit::NoAnswer,
                format!("{} has no address", self.server),
            ));
        }
        Ok(addresses)
    }
}

/// "Any address" is where servers listen; who asks there reaches this host, but the answer comes from
/// another address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let table = [
            ("127.0.0.1:7000/file.txt", "127.0.0.1:7000", "file.txt"),
            ("rushb://host:1/dir/file.txt", "host:1", "dir/file.txt"),
            ("[::1]:7000/a b", "[::1]:7000", "a b"),
        ];
        for (text, server, name) in table {
            let location: Location = text.parse().unwrap();
            assert_eq!((&*location.server, &*location.name), (server, name));
        }
    }

    #[test]
    fn says_what_is_missing() {
        let table = [
            ("host:7000", "name"),
            ("host:7000/", "name"),
            ("host/file", "port"),
            ("host:x/file", "port"),
            ("host:0/file", "port"),
            ("host:70000/file", "port"),
        ];
        for (text, missing) in table {
            let error = text.parse::<Location>().unwrap_err();
            assert!(error.contains(missing), "{text}: {error}");
        }
    }
}
