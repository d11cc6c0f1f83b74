//! The bare echo: receive a batch, send each datagram back, wait, and so on.
//! No driver and no machine, so that their own cost shows; the batching is the same.

use std::sync::Arc;
use std::thread;

use anyhow::Result;
use rudp_base::Transmit;
use rudp_net::{ReceiveBuffers, Socket};
use rustix::event::{PollFd, PollFlags, poll};

use crate::child;
use crate::sample::Sample;

/// Echoes in a thread of its own, and reports from this one.
pub(super) fn run(socket: Socket) -> Result<()> {
    let socket = Arc::new(socket);
    let echo = Arc::clone(&socket);
    thread::Builder::new().name("bare-echo".into()).spawn(move || {
        if let Err(error) = run_echo(&echo) {
            eprintln!("the bare echo ended: {error}");
        }
    })?;
    child::report(|| {
        let mut sample = Sample::of_process()?;
        sample.set("port", socket.local_addr().port().into());
        sample.set("receive_drops", socket.receive_drops().unwrap_or(0).into());
        Ok(sample)
    })
}

fn run_echo(socket: &Socket) -> Result<()> {
    let mut buffers = ReceiveBuffers::new();
    loop {
        wait(socket, PollFlags::IN)?;
        loop {
            match socket.receive(&mut buffers) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
            for batch in buffers.batches() {
                let transmit = Transmit {
                    remote: batch.remote,
                    local: batch.local,
                    ecn: None,
                    len: batch.data.len(),
                    stride: batch.stride,
                };
                send(socket, &transmit, batch.data)?;
            }
            // Only a full set of buffers says that there is more: as the driver does it.
            if !buffers.is_full() {
                break;
            }
        }
    }
}

fn send(socket: &Socket, transmit: &Transmit, data: &[u8]) -> Result<()> {
    let mut sent = 0;
    while let Err(error) = socket.send(transmit, data, &mut sent) {
        if error.kind() != std::io::ErrorKind::WouldBlock {
            return Err(error.into());
        }
        wait(socket, PollFlags::OUT)?;
    }
    Ok(())
}

fn wait(socket: &Socket, interest: PollFlags) -> Result<()> {
    loop {
        match poll(&mut [PollFd::new(socket, interest)], None) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result.map(|_| ())?),
        }
    }
}
