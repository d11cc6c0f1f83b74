//! The queue of events to come, ordered by time and then by the order in which they were queued.
//! What an event does is the world's.

use core::cmp::Ordering;
use std::collections::BinaryHeap;

use rudp_base::Instant;

/// Something to come; the numbers are indices of packets and nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A packet reaches the end of its link.
    Arrival(u32),
    /// A packet that arrived before is looked at.
    Late(u32),
    /// A node may have something due.
    Timeout(u32),
    /// A node may have something to send.
    Drain(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    /// Breaks ties, so that the order does not depend on the heap.
    pub(crate) seq: u64,
    pub(crate) event: Event,
}

impl Ord for Entry {
    /// The earliest is the greatest: the heap gives the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.seq).cmp(&(self.at, self.seq))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    heap: BinaryHeap<Entry>,
    next_seq: u64,
}

impl EventQueue {
    /// Queues an event, and returns its unique sequence number.
    pub(crate) fn push(&mut self, at: Instant, event: Event) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.heap.push(Entry { at, seq, event });
        seq
    }

    pub(crate) fn peek(&self) -> Option<Entry> {
        self.heap.peek().copied()
    }

    pub(crate) fn pop(&mut self) -> Option<Entry> {
        self.heap.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_by_the_order_of_queueing() {
        let mut queue = EventQueue::default();
        for (at, node) in [(5, 0), (3, 1), (5, 2), (3, 3), (4, 4), (5, 5)] {
            queue.push(Instant::from_nanos(at), Event::Drain(node));
        }
        let order: Vec<Event> = core::iter::from_fn(|| queue.pop()).map(|e| e.event).collect();
        assert_eq!(order, [1, 3, 4, 0, 2, 5].map(Event::Drain));
    }
}
