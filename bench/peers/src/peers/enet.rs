//! ENet (`rusty_enet`) with its defaults. It has packets and a loop of its own instead of streams, and
//! no bound on what it queues: in bulk the reader's program answers each packet of 64 KiB, and 32 are
//! on their way.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::poll::{PollFd, PollFlags, poll};
use rusty_enet::{Event, EventNoRef, Host, HostSettings, Packet, PeerID};

use super::ANY;
use crate::args::{Task, Test};
use crate::loads::{Mark, PING, Pings, say_ready, say_setups};

const PACKET: usize = 64 << 10;
const WINDOW: usize = 32;
const CHANNEL: u8 = 0;

/// How long the host may sleep, in milliseconds: it has timers, but does not say when they are due.
const NAP: u8 = 5;

struct Node(Host<UdpSocket>);

impl Node {
    fn new() -> Result<Self> {
        let settings =
            HostSettings { peer_limit: 256, channel_limit: 1, ..HostSettings::default() };
        Ok(Self(Host::new(UdpSocket::bind(ANY)?, settings)?))
    }

    /// The next thing that happens.
    fn next(&mut self) -> Result<EventNoRef> {
        loop {
            if let Some(event) = self.0.service()?.map(Event::no_ref) {
                return Ok(event);
            }
            poll(&mut [PollFd::new(self.0.socket().as_fd(), PollFlags::POLLIN)], NAP)?;
        }
    }

    fn send(&mut self, peer: PeerID, bytes: &[u8]) -> Result<()> {
        self.0.peer_mut(peer).send(CHANNEL, &Packet::reliable(bytes)).context("cannot send")?;
        self.0.flush();
        Ok(())
    }

    fn connect(&mut self, address: SocketAddr) -> Result<PeerID> {
        let peer = self.0.connect(address, 1, 0).context("no peer is free")?.id();
        loop {
            match self.next()? {
                EventNoRef::Connect { peer: connected, .. } if connected == peer => {
                    return Ok(peer);
                }
                EventNoRef::Disconnect { .. } => anyhow::bail!("it was not accepted"),
                _ => {}
            }
        }
    }

    /// Waits until something comes.
    fn receive(&mut self) -> Result<()> {
        loop {
            match self.next()? {
                EventNoRef::Receive { .. } => return Ok(()),
                EventNoRef::Disconnect { .. } => anyhow::bail!("it was disconnected"),
                EventNoRef::Connect { .. } => {}
            }
        }
    }
}

pub(super) fn server(task: &Task) -> Result<()> {
    let mut node = Node::new()?;
    say_ready(node.0.socket().local_addr()?, "")?;
    let mut counted: Option<(Mark, u64)> = None;
    let mut is_said = task.test != Test::Bulk;
    loop {
        let EventNoRef::Receive { peer, packet, .. } = node.next()? else { continue };
        if task.test != Test::Bulk {
            node.send(peer, packet.data())?;
            continue;
        }
        node.send(peer, &[1])?;
        let (mark, bytes) = counted.get_or_insert((Mark::now(), 0));
        *bytes += packet.data().len() as u64;
        if !is_said && mark.elapsed() >= task.time() {
            mark.say_bytes(*bytes)?;
            is_said = true;
        }
    }
}

pub(super) fn client(task: &Task, address: SocketAddr) -> Result<()> {
    let mut node = Node::new()?;
    match task.test {
        Test::Bulk => {
            let (peer, packet) = (node.connect(address)?, vec![0x5a; PACKET]);
            Mark::now().say_after(task.time());
            (0..WINDOW).try_for_each(|_| node.send(peer, &packet))?;
            // The parent ends this process.
            loop {
                node.receive()?;
                node.send(peer, &packet)?;
            }
        }
        Test::Pingpong => {
            let peer = node.connect(address)?;
            let mut pings = Pings::new(task.time());
            while pings.goes_on() {
                let sent = Instant::now();
                node.send(peer, &[0x5a; PING])?;
                node.receive()?;
                pings.came(sent);
            }
            pings.say()
        }
        Test::Setups => {
            let (begun, mut count) = (Instant::now(), 0);
            while begun.elapsed() < task.time() {
                let peer = node.connect(address)?;
                node.send(peer, &[1])?;
                node.receive()?;
                node.0.peer_mut(peer).disconnect_now(0);
                count += 1;
            }
            say_setups(begun, count)
        }
    }
}
