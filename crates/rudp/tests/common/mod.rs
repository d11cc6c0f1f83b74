//! What the tests of the public API have in common: pairs of sessions over loopback.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

pub(crate) mod relay;

use std::thread;
use std::time::Duration;

use rudp::{Builder, Endpoint, Session, Trust};

/// Longer than anything here takes, so that a test that hangs fails instead.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Both ends of a session. The endpoint of the client goes on with its session.
pub(crate) struct Pair {
    pub(crate) endpoint: Endpoint,
    pub(crate) server: Session,
    pub(crate) client: Session,
}

/// A session between endpoints that are built by the same settings; the server's is at `address`.
pub(crate) fn pair_at(address: &str, build: impl Fn() -> Builder) -> Pair {
    let endpoint = build().bind(address).build().unwrap();
    endpoint.listen().unwrap();
    let to = endpoint.local_addr();
    let client = build().build().unwrap();
    let connecting = thread::spawn(move || client.connect(to, Trust::AnyKey).unwrap());
    let server = endpoint.accept_timeout(LONG).unwrap();
    let client = connecting.join().unwrap();
    for session in [&server, &client] {
        session.set_read_timeout(Some(LONG)).unwrap();
        session.set_write_timeout(Some(LONG)).unwrap();
    }
    Pair { endpoint, server, client }
}

pub(crate) fn pair() -> Pair {
    pair_at("127.0.0.1:0", Endpoint::builder)
}

/// Bytes that are not all the same.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 31 % 251).to_le_bytes()[0]).collect()
}

/// Everything that comes until the peer finishes.
pub(crate) fn receive_all(session: &Session) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let data = session.receive(1 << 20).unwrap();
        if data.is_empty() {
            return all;
        }
        all.extend(data);
    }
}
