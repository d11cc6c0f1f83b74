//! rudp by its blocking interface, with a key that the client knows.

use std::io::{Read, Write};
use std::net::SocketAddr;

use anyhow::Result;
use rudp::{Builder, Config, Endpoint, Session, Trust};

use super::ANY;
use crate::args::{Peer, Task, Test};
use crate::loads::{blocking, say_ready};

/// Bytes of UDP payload in an Ethernet frame.
const SIZE: u16 = 1_472;

fn builder(task: &Task) -> Builder {
    let mut config = if task.test == Test::Bulk { Config::bulk() } else { Config::default() };
    if task.peer != Peer::RudpFound {
        config.packet_size = Some(SIZE);
    }
    let builder = Endpoint::builder().bind(ANY).config(config);
    if task.peer == Peer::RudpPlain { builder.plain() } else { builder }
}

pub(super) fn server(task: &Task) -> Result<()> {
    let endpoint = builder(task).build()?;
    endpoint.listen()?;
    let key = endpoint.public_key().map(|key| key.to_string()).unwrap_or_default();
    say_ready(endpoint.local_addr(), &key)?;
    blocking::serve(task.test, task.time(), || Ok(Stream(endpoint.accept()?)))
}

pub(super) fn client(task: &Task, address: SocketAddr, trust: &str) -> Result<()> {
    let endpoint = builder(task).build()?;
    let trust = match task.peer {
        Peer::RudpPlain => Trust::AnyKey,
        _ => Trust::Key(trust.parse()?),
    };
    blocking::load(task.test, task.time(), || {
        Ok(Stream(endpoint.connect(address.to_string(), trust.clone())?))
    })
}

/// A session that is read and written by its owner.
struct Stream(Session);

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (&self.0).read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
