//! Links, routes, addresses and the packets in flight: everything between the machines.
//! Machines, timers and the clock are the world's.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use rudp_base::{Ecn, Instant, Seed, Transmit};

use crate::events::{Event, EventQueue};
use crate::node::AnyNode;
use crate::{DropCause, Fate, Link, LinkConfig, Script, Trace, What};

/// Names a link of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(usize);

/// A packet between two machines.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) header: Header,
    /// Kept with its capacity for the next packet in the same place.
    pub(crate) bytes: Vec<u8>,
}

/// What is on a packet's envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Counted from 1 over the whole world; 0 for forged packets.
    pub(crate) number: u64,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) ecn: Option<Ecn>,
}

pub(crate) struct Network {
    seed: Seed,
    links: Vec<Link>,
    pub(crate) default_link: LinkConfig,
    /// By sender, then by receiver.
    routes: Vec<Vec<Option<LinkId>>>,
    directory: BTreeMap<SocketAddr, AnyNode>,
    pub(crate) packets: PacketPool,
    pub(crate) events: EventQueue,
    pub(crate) trace: Trace,
    pub(crate) script: Script,
    pub(crate) sent: u64,
}

impl Network {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            seed,
            links: Vec::new(),
            default_link: LinkConfig::default(),
            routes: Vec::new(),
            directory: BTreeMap::new(),
            packets: PacketPool::default(),
            events: EventQueue::default(),
            trace: Trace::default(),
            script: Script::default(),
            sent: 0,
        }
    }

    pub(crate) fn add_link(&mut self, config: LinkConfig) -> LinkId {
        let id = LinkId(self.links.len());
        let seed = self.seed.fork(&format!("link {}", id.0));
        self.links.push(Link::new(config, &seed));
        id
    }

    pub(crate) fn link(&self, id: LinkId) -> &Link {
        &self.links[id.0]
    }

    pub(crate) fn link_mut(&mut self, id: LinkId) -> &mut Link {
        &mut self.links[id.0]
    }

    pub(crate) fn route(&mut self, from: AnyNode, to: AnyNode, link: LinkId) {
        let rows = self.routes.len().max(from.index() + 1);
        self.routes.resize_with(rows, Vec::new);
        let row = &mut self.routes[from.index()];
        row.resize(row.len().max(to.index() + 1), None);
        row[to.index()] = Some(link);
    }

    /// The link of a route; a new one with the default configuration, where there is none yet.
    pub(crate) fn link_between(&mut self, from: AnyNode, to: AnyNode) -> LinkId {
        let known = self.routes.get(from.index()).and_then(|row| *row.get(to.index())?);
        known.unwrap_or_else(|| {
            let link = self.add_link(self.default_link.clone());
            self.route(from, to, link);
            link
        })
    }

    pub(crate) fn register(&mut self, address: SocketAddr, node: AnyNode) {
        let before = self.directory.insert(address, node);
        assert!(before.is_none(), "{address} is taken by {before:?}");
    }

    pub(crate) fn unregister(&mut self, address: SocketAddr) {
        self.directory.remove(&address);
    }

    pub(crate) fn receiver(&self, address: SocketAddr) -> Option<AnyNode> {
        self.directory.get(&address).copied()
    }

    /// Sends each datagram of a batch from a node, unless it does not have the address, which is an error
    /// then.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        sender: AnyNode,
        from: Result<SocketAddr, SocketAddr>,
        transmit: &Transmit,
        bytes: &mut [u8],
    ) {
        if bytes.is_empty() {
            // An empty datagram is a datagram, but not a chunk.
            self.send_one(now, sender, from, transmit, &mut []);
        }
        for datagram in bytes.chunks_mut(transmit.stride.max(1)) {
            self.send_one(now, sender, from, transmit, datagram);
        }
    }

    fn send_one(
        &mut self,
        now: Instant,
        sender: AnyNode,
        source: Result<SocketAddr, SocketAddr>,
        transmit: &Transmit,
        bytes: &mut [u8],
    ) {
        self.sent += 1;
        let (Ok(from) | Err(from)) = source;
        let header = Header { number: self.sent, from, to: transmit.remote, ecn: transmit.ecn };
        self.trace.packet(now, What::Sent, &header, bytes);
        if source.is_err() {
            self.trace.packet(now, What::Dropped(DropCause::NoSource), &header, &[]);
            return;
        }
        let scripted = self.script.apply(bytes);
        let Some(receiver) = self.receiver(header.to) else {
            self.trace.packet(now, What::Dropped(DropCause::NoReceiver), &header, &[]);
            return;
        };
        let link = self.link_between(sender, receiver);
        let Self { links, packets, events, .. } = self;
        let fate = links[link.0].offer_scripted(now, bytes, header.ecn, scripted, |delivery| {
            let header = Header { ecn: delivery.ecn, ..header };
            events.push(delivery.at, Event::Arrival(packets.insert(header, delivery.bytes)));
        });
        self.note(now, &header, fate);
    }

    fn note(&mut self, now: Instant, header: &Header, fate: Fate) {
        let mut note = |what| self.trace.packet(now, what, header, &[]);
        match fate {
            Fate::Dropped(cause) => note(What::Dropped(cause)),
            Fate::Delivered { copies, corrupted, reordered, ce_marked } => {
                if corrupted {
                    note(What::Corrupted);
                }
                if copies > 1 {
                    note(What::Duplicated);
                }
                if reordered {
                    note(What::HeldBack);
                }
                if ce_marked {
                    note(What::CeMarked);
                }
            }
        }
    }

    /// Puts a packet that nobody sent right before a receiver.
    pub(crate) fn inject(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let header = Header { number: 0, from, to, ecn: None };
        self.trace.packet(now, What::Injected, &header, bytes);
        let slot = self.packets.insert(header, bytes);
        self.events.push(now, Event::Arrival(slot));
    }
}

/// Packets by number of slot; slots and their buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct PacketPool {
    slots: Vec<InFlight>,
    free: Vec<u32>,
}

impl PacketPool {
    fn insert(&mut self, header: Header, bytes: &[u8]) -> u32 {
        if let Some(slot) = self.free.pop() {
            let packet = &mut self.slots[slot as usize];
            packet.header = header;
            packet.bytes.clear();
            packet.bytes.extend_from_slice(bytes);
            return slot;
        }
        self.slots.push(InFlight { header, bytes: bytes.to_vec() });
        u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 packets in flight")
    }

    pub(crate) fn get(&mut self, slot: u32) -> &mut InFlight {
        &mut self.slots[slot as usize]
    }

    /// Gives the slot back; its bytes stay until the next packet is inserted.
    pub(crate) fn free(&mut self, slot: u32) {
        self.free.push(slot);
    }
}
