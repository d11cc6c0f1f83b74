//! How time passes: the loop that takes the next event and keeps and checks the machines' law.
//! The calls of tests and applications in between are the world's.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use rudp_base::{Datagrams, Instant, TRANSMIT_BUFFER};

use super::{Slot, World};
use crate::events::{Entry, Event};
use crate::network::Network;
use crate::node::AnyNode;
use crate::{DropCause, What};

/// What a coalescing receiver takes at most, as the kernel's GRO does.
const MOST_COALESCED: usize = 64;

/// Time.
impl World {
    /// When the next thing happens; `None`: never, without a call from outside.
    pub fn next_event(&mut self) -> Option<Instant> {
        loop {
            let entry = self.network.events.peek()?;
            let Event::Timeout(index) = entry.event else { return Some(entry.at) };
            let slot = &mut self.nodes[index as usize];
            let current = slot.armed == Some((entry.at, entry.seq));
            if current && slot.deadline.is_some_and(|deadline| deadline <= entry.at) {
                return Some(entry.at);
            }
            self.network.events.pop();
            if current {
                slot.armed = None;
                self.arm(AnyNode(index));
            }
        }
    }

    /// Goes to the next event and lets it happen: an arrival (or a coalesced batch), a timeout, or
    /// a new node's start. False where there is none.
    ///
    /// # Panics
    ///
    /// Where a machine breaks its law.
    pub fn step(&mut self) -> bool {
        if self.next_event().is_none() {
            return false;
        }
        let Some(Entry { at, event, .. }) = self.network.events.pop() else { return false };
        self.now = self.now.max(at);
        match event {
            Event::Arrival(slot) => self.deliver(slot),
            Event::Timeout(index) => self.time_out(AnyNode(index)),
            Event::Start(index) => self.drain(AnyNode(index)),
        }
        true
    }

    /// Runs to `limit`, and lets everything happen that is due until then.
    ///
    /// # Panics
    ///
    /// Where a machine breaks its law, or the step budget is spent.
    pub fn run_until(&mut self, limit: Instant) {
        self.run_while(limit, |_| true);
        self.now = self.now.max(limit);
    }

    /// Runs for `duration`, as [`run_until`](Self::run_until).
    ///
    /// # Panics
    ///
    /// Where a machine breaks its law, or the step budget is spent.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Runs until nothing is left to happen, or to `limit`: then false. Time stays at the last
    /// event, or at `limit`.
    ///
    /// # Panics
    ///
    /// Where a machine breaks its law, or the step budget is spent.
    pub fn run_until_idle(&mut self, limit: Instant) -> bool {
        self.run_while(limit, |_| true);
        let idle = self.next_event().is_none();
        if !idle {
            self.now = self.now.max(limit);
        }
        idle
    }

    /// Runs while `condition` holds, which is asked before each step: true where it ended so, false
    /// where nothing is left to happen until `limit`. Time stays at the last event.
    ///
    /// # Panics
    ///
    /// Where a machine breaks its law, or the step budget is spent.
    pub fn run_while(&mut self, limit: Instant, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let mut steps = 0;
        while condition(self) {
            if self.next_event().is_none_or(|at| at > limit) {
                return false;
            }
            steps += 1;
            assert!(
                steps <= self.step_budget,
                "no end after {} steps, at {}: does something loop?",
                self.step_budget,
                self.now
            );
            self.step();
        }
        true
    }
}

/// Events.
impl World {
    fn deliver(&mut self, slot: u32) {
        let header = self.network.packets.get(slot).header;
        let Some(receiver) = self.network.receiver(header.to) else {
            let what = What::Dropped(DropCause::NoReceiver);
            self.network.trace.packet(self.now, what, &header, &[]);
            self.network.packets.free(slot);
            return;
        };
        let Self { now, network, nodes, batch, .. } = self;
        let packet = network.packets.get(slot);
        let stride = packet.bytes.len();
        network.trace.packet(*now, What::Delivered, &header, &packet.bytes);
        let data = if self.coalesce && stride > 0 {
            coalesce(*now, network, slot, batch);
            batch
        } else {
            &mut packet.bytes
        };
        let (remote, local, ecn) = (header.from, Some(header.to.ip()), header.ecn);
        nodes[receiver.index()].node.handle(*now, Datagrams { remote, local, ecn, stride, data });
        self.network.packets.free(slot);
        self.drain(receiver);
    }

    fn time_out(&mut self, id: AnyNode) {
        let slot = &mut self.nodes[id.index()];
        slot.armed = None;
        let address = slot.addresses[0];
        self.network.trace.node(self.now, What::Timeout, address, address);
        slot.node.handle_timeout(self.now);
        self.drain(id);
        let Slot { node, deadline, .. } = &self.nodes[id.index()];
        assert!(
            deadline.is_none_or(|deadline| deadline > self.now),
            "{}: poll_timeout is {deadline:?} after handle_timeout at {:?} and a drain",
            node.name(),
            self.now
        );
    }

    /// Takes all that a node has to tell and to send, and sets its timer.
    pub(super) fn drain(&mut self, id: AnyNode) {
        let Self { now, network, nodes, buffer, .. } = self;
        let Slot { node, addresses, alive: true, deadline, .. } = &mut nodes[id.index()] else {
            return;
        };
        node.drain(*now, buffer, &mut |transmit, bytes| {
            let from = source(addresses, transmit.local);
            network.send(*now, id, from, transmit, bytes);
        });
        *deadline = node.poll_timeout();
        self.arm(id);
    }

    /// Sees to it that the event queue has an entry no later than the node's deadline.
    fn arm(&mut self, id: AnyNode) {
        let slot = &mut self.nodes[id.index()];
        let Some(deadline) = slot.deadline else { return };
        let at = deadline.max(self.now);
        if slot.armed.is_none_or(|(armed, _)| at < armed) {
            slot.armed = Some((at, self.network.events.push(at, Event::Timeout(id.0))));
        }
    }
}

/// The address to send from: the node's one with the chosen IP. A choice that is not the node's (it
/// was rebound since) becomes its first, as a NAT would have it.
fn source(addresses: &[SocketAddr], chosen: Option<IpAddr>) -> SocketAddr {
    let chosen = chosen.and_then(|ip| addresses.iter().find(|address| address.ip() == ip));
    *chosen.unwrap_or(&addresses[0])
}

/// Writes the packet in `first` and those behind it that fit into `batch`.
fn coalesce(now: Instant, network: &mut Network, first: u32, batch: &mut Vec<u8>) {
    let packet = network.packets.get(first);
    let header = packet.header;
    let stride = packet.bytes.len();
    batch.clear();
    batch.extend_from_slice(&packet.bytes);
    let mut count = 1;
    while count < MOST_COALESCED && batch.len() == count * stride {
        let Some(Entry { at, event: Event::Arrival(slot), .. }) = network.events.peek() else {
            return;
        };
        let packet = network.packets.get(slot);
        let same = packet.header.from == header.from
            && packet.header.to == header.to
            && packet.header.ecn == header.ecn;
        let length = packet.bytes.len();
        let fits = (1..=stride).contains(&length) && batch.len() + length <= TRANSMIT_BUFFER;
        if at > now || !same || !fits {
            return;
        }
        network.trace.packet(now, What::Delivered, &packet.header, &packet.bytes);
        batch.extend_from_slice(&packet.bytes);
        network.events.pop();
        network.packets.free(slot);
        count += 1;
    }
}
