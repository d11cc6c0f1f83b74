//! Bare datagrams: what the system takes for them alone. In bulk one call sends as many as GSO
//! takes, one call receives what GRO has put together, and whatever is dropped stays dropped.

use std::net::{SocketAddr, UdpSocket};

use anyhow::{Result, bail};
use nix::sys::socket::{setsockopt, sockopt};

use super::ANY;
use crate::args::{Task, Test};
use crate::loads::{Mark, PING, Pings, say_ready};

/// Bytes in a datagram, and in as many of them as one call sends.
const SIZE: usize = 1_472;
const BATCH: usize = 65_507 / SIZE * SIZE;

pub(super) fn server(task: &Task) -> Result<()> {
    let socket = UdpSocket::bind(ANY)?;
    say_ready(socket.local_addr()?, "")?;
    let mut buffer = vec![0; 1 << 16];
    if task.test == Test::Pingpong {
        loop {
            let (len, from) = socket.recv_from(&mut buffer)?;
            socket.send_to(&buffer[..len], from)?;
        }
    }
    setsockopt(&socket, sockopt::UdpGroSegment, &true)?;
    let mut bytes = socket.recv(&mut buffer)? as u64;
    let mark = Mark::now();
    while mark.elapsed() < task.time() {
        bytes += socket.recv(&mut buffer)? as u64;
    }
    mark.say_bytes(bytes)
}

pub(super) fn client(task: &Task, address: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind(ANY)?;
    socket.connect(address)?;
    match task.test {
        Test::Bulk => {
            setsockopt(&socket, sockopt::UdpGsoSegment, &i32::try_from(SIZE)?)?;
            let batch = vec![0x5a; BATCH];
            Mark::now().say_after(task.time());
            // The parent ends this process. Nobody hears of datagrams once the server has gone.
            loop {
                let _ = socket.send(&batch);
            }
        }
        Test::Pingpong => {
            let (mut pings, mut bytes) = (Pings::new(task.time()), [0x5a; PING]);
            while pings.goes_on() {
                let sent = std::time::Instant::now();
                socket.send(&bytes)?;
                socket.recv(&mut bytes)?;
                pings.came(sent);
            }
            pings.say()
        }
        Test::Setups => bail!("bare datagrams are not set up"),
    }
}
