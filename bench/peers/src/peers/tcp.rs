//! The kernel's TCP with its defaults, but without Nagle's delay.

use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::Result;

use super::ANY;
use crate::args::Task;
use crate::loads::{blocking, say_ready};

pub(super) fn server(task: &Task) -> Result<()> {
    let listener = TcpListener::bind(ANY)?;
    say_ready(listener.local_addr()?, "")?;
    blocking::serve(task.test, task.time(), || {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        Ok(stream)
    })
}

pub(super) fn client(task: &Task, address: SocketAddr) -> Result<()> {
    blocking::load(task.test, task.time(), || {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    })
}
