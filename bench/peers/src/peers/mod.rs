//! The transports: a file for each, with how it is listened and connected with it, and its settings
//! where they are not its defaults.

mod enet;
mod kcp;
mod quic;
mod quinn;
mod rudp;
mod s2n_quic;
mod tcp;
mod udp;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;

use crate::args::{Peer, Task};

/// Any free port of loopback.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Serves, until this process is ended.
pub(crate) fn server(task: &Task) -> Result<()> {
    match task.peer {
        Peer::Rudp | Peer::RudpFound | Peer::RudpPlain => rudp::server(task),
        Peer::Quinn => quinn::server(task),
        Peer::S2nQuic => s2n_quic::server(task),
        Peer::Kcp => kcp::server(task),
        Peer::Enet => enet::server(task),
        Peer::Tcp => tcp::server(task),
        Peer::Udp => udp::server(task),
    }
}

/// Measures against the server at `address`, with what it said that its clients have to trust.
pub(crate) fn client(task: &Task, address: SocketAddr, trust: &str) -> Result<()> {
    match task.peer {
        Peer::Rudp | Peer::RudpFound | Peer::RudpPlain => rudp::client(task, address, trust),
        Peer::Quinn => quinn::client(task, address, trust),
        Peer::S2nQuic => s2n_quic::client(task, address, trust),
        Peer::Kcp => kcp::client(task, address),
        Peer::Enet => enet::client(task, address),
        Peer::Tcp => tcp::client(task, address),
        Peer::Udp => udp::client(task, address),
    }
}
