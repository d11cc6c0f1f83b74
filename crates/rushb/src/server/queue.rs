//! A queue that members can leave from the middle: first come, first served, exact in size.
//! It knows nothing of what waits in it.

use std::collections::BTreeMap;

/// A first-in, first-out queue. Each member holds a ticket and can leave with it.
#[derive(Debug)]
pub(super) struct Queue<T> {
    members: BTreeMap<u64, T>,
    next: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { members: BTreeMap::new(), next: 0 }
    }
}

impl<T: Copy> Queue<T> {
    pub(super) fn push(&mut self, member: T) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.members.insert(ticket, member);
        ticket
    }

    /// Whoever has waited longest.
    pub(super) fn first(&self) -> Option<T> {
        self.members.first_key_value().map(|(_, member)| *member)
    }

    pub(super) fn remove(&mut self, ticket: u64) {
        self.members.remove(&ticket);
    }
}
