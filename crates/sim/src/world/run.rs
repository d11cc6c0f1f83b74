//! How time passes: the loop that takes the next event and keeps and checks the machines' law.
//! The calls of tests and applications in between are the world's.

use core::ops::ControlFlow;
use core::task::Waker;
use core::time::Duration;

use rudp_base::{Datagrams, Instant, TRANSMIT_BUFFER};

use super::address::{local, source};
use super::{Held, Slot, World};
use crate::events::{Entry, Event};
use crate::network::Network;
use crate::node::{AnyNode, Drained};
use crate::runner::Rough;
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

    /// Goes to the next event and lets it happen: an arrival (or a coalesced batch), a timeout, a
    /// new node's start, or what a rough [`Runner`](crate::Runner) does later. False where there is
    /// none.
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
            Event::Arrival(slot) => self.arrive(slot),
            Event::Late(slot) => self.deliver(slot),
            Event::Timeout(index) => self.come_true(AnyNode(index)),
            Event::Drain(index) => self.drain(AnyNode(index)),
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
    fn arrive(&mut self, slot: u32) {
        if self.rough.is_some() {
            let to = self.network.packets.get(slot).header.to;
            if let Some(until) = self.network.receiver(to).and_then(|id| self.asleep(id)) {
                // Also at the end of the nap: what came before goes first.
                self.network.events.push(until, Event::Late(slot));
                return;
            }
        }
        self.deliver(slot);
    }

    fn come_true(&mut self, id: AnyNode) {
        if let Some(until) = self.asleep(id).filter(|until| *until > self.now) {
            let seq = self.network.events.push(until, Event::Timeout(id.0));
            self.nodes[id.index()].armed = Some((until, seq));
            return;
        }
        self.time_out(id);
    }

    /// Until when nobody looks at a node, if that is not over; a nap may begin here.
    fn asleep(&mut self, id: AnyNode) -> Option<Instant> {
        let Self { rough: Some(rough), nodes, now, .. } = self else { return None };
        let until = &mut nodes[id.index()].asleep_until;
        if *until < *now {
            *until = *now + rough.nap()?;
        }
        Some(*until)
    }

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
            network.trace.batch(batch.len());
            batch
        } else {
            &mut packet.bytes
        };
        let Slot { node, addresses, timed_out, .. } = &mut nodes[receiver.index()];
        *timed_out = None;
        let (remote, ecn) = (header.from, header.ecn);
        let local = local(addresses, header.to);
        node.handle(*now, Datagrams { remote, local, ecn, stride, data });
        self.network.packets.free(slot);
        if self.rough.as_mut().is_some_and(Rough::is_early) {
            self.time_out(receiver);
        } else {
            self.settle(receiver);
        }
    }

    fn time_out(&mut self, id: AnyNode) {
        let slot = &mut self.nodes[id.index()];
        slot.armed = None;
        slot.timed_out = Some(self.now);
        let address = slot.addresses[0].public;
        self.network.trace.node(self.now, What::Timeout, address, address);
        slot.node.handle_timeout(self.now);
        self.settle(id);
    }

    /// Drains a node after an input, or after the further ones that are queued for the same time.
    fn settle(&mut self, id: AnyNode) {
        if self.rough.as_mut().is_some_and(Rough::waits_for_more) {
            self.network.events.push(self.now, Event::Drain(id.0));
        } else {
            self.drain(id);
        }
    }

    /// Takes all that a node has to tell and to send, sets its timer, and wakes whom its
    /// application wants woken.
    pub(super) fn drain(&mut self, id: AnyNode) {
        if self.nodes[id.index()].held.is_some() && !self.send_held(id) {
            return;
        }
        let Self { now, network, nodes, buffer, poison, rough, .. } = self;
        let Slot { node, addresses, alive: true, held, .. } = &mut nodes[id.index()] else {
            return;
        };
        let again = rough.as_mut().is_some_and(Rough::asks_again);
        let drained = node.drain(*now, buffer, again, &mut |transmit, bytes| {
            if let Some(pause) = rough.as_mut().and_then(Rough::refusal) {
                let until = *now + pause;
                *held = Some(Box::new(Held { until, transmit: *transmit, bytes: bytes.to_vec() }));
                network.events.push(until, Event::Drain(id.0));
                return ControlFlow::Break(());
            }
            network.send(*now, id, source(addresses, transmit.local), transmit, bytes);
            poison.fill(bytes);
            ControlFlow::Continue(())
        });
        self.end_turn(id, &drained);
    }

    /// Sends the batch that the socket has refused, or takes events alone if it still would.
    #[cold]
    fn send_held(&mut self, id: AnyNode) -> bool {
        let Slot { node, addresses, held, .. } = &mut self.nodes[id.index()];
        if let Some(mut held) = held.take_if(|held| held.until <= self.now) {
            let from = source(addresses, held.transmit.local);
            self.network.send(self.now, id, from, &held.transmit, &mut held.bytes);
            return true;
        }
        let drained = Drained { events: node.take_events(self.now), complete: false };
        self.end_turn(id, &drained);
        false
    }

    fn end_turn(&mut self, id: AnyNode, drained: &Drained) {
        self.set_timer(id, drained);
        self.nodes[id.index()].node.take_wakes(&mut self.wakes);
        self.wakes.drain(..).for_each(Waker::wake);
    }

    fn set_timer(&mut self, id: AnyNode, drained: &Drained) {
        let slot = &mut self.nodes[id.index()];
        slot.deadline = slot.node.poll_timeout();
        self.network.trace.drained(drained.events, slot.deadline);
        let was_due = drained.complete && slot.timed_out == Some(self.now);
        assert!(
            !was_due || slot.deadline.is_none_or(|deadline| deadline > self.now),
            "{}: poll_timeout is {:?} after handle_timeout at {:?} and a drain",
            slot.node.name(),
            slot.deadline,
            self.now
        );
        self.arm(id);
    }

    /// Sees to it that the event queue has an entry no later than the node's deadline.
    fn arm(&mut self, id: AnyNode) {
        let slot = &mut self.nodes[id.index()];
        let Some(deadline) = slot.deadline else { return };
        // A machine that could not send all may ask for the time again and again.
        let earliest = slot.held.as_ref().map_or(self.now, |held| held.until);
        let at = deadline.max(earliest);
        if slot.armed.is_none_or(|(armed, _)| at < armed) {
            slot.armed = Some((at, self.network.events.push(at, Event::Timeout(id.0))));
        }
    }
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
        let Some(Entry { at, event: Event::Arrival(slot) | Event::Late(slot), .. }) =
            network.events.peek()
        else {
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
