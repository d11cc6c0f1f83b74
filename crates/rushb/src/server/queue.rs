//! Who waits to send: lanes that members can leave from the middle, first come, first served.
//! Which lanes are open is the server's to say.

use std::collections::BTreeMap;

use super::Slot;

/// What a session waits to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// A \[DAT\] or \[FIN\] to a client that has answered before.
    Known = 0,
    /// A \[DAT\] or \[FIN\] to a client that may not exist.
    New = 1,
    /// A last \[FIN/ACK\].
    Reply = 2,
}

/// A place in a lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    lane: Lane,
    number: u64,
}

/// The lanes. Numbers grow over all of them, so that first come is first served between open lanes
/// as well.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lanes: [BTreeMap<u64, Slot>; 3],
    next: u64,
}

impl Queue {
    pub(super) fn push(&mut self, lane: Lane, slot: Slot) -> Ticket {
        let number = self.next;
        self.next += 1;
        self.lanes[lane as usize].insert(number, slot);
        Ticket { lane, number }
    }

    /// Whoever has waited longest in a lane that is open.
    pub(super) fn first(&self, is_open: impl Fn(Lane) -> bool) -> Option<Slot> {
        let lanes = [Lane::Known, Lane::New, Lane::Reply].into_iter().filter(|lane| is_open(*lane));
        let firsts = lanes.filter_map(|lane| self.lanes[lane as usize].first_key_value());
        firsts.min_by_key(|(number, _)| **number).map(|(_, slot)| *slot)
    }

    pub(super) fn remove(&mut self, ticket: Ticket) {
        self.lanes[ticket.lane as usize].remove(&ticket.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_all_open_lanes_is_first() {
        let mut queue = Queue::default();
        queue.push(Lane::New, 7);
        let known = queue.push(Lane::Known, 8);
        queue.push(Lane::Known, 9);
        assert_eq!(queue.first(|_| true), Some(7));
        assert_eq!(queue.first(|lane| lane != Lane::New), Some(8));
        assert_eq!(queue.first(|lane| lane == Lane::Reply), None);
        queue.remove(known);
        assert_eq!(queue.first(|lane| lane == Lane::Known), Some(9));
    }
}
