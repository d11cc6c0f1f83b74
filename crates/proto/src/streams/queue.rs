//! [`Queue`]: streams in the order of their turns, which holds nothing while a session is idle.
//! Whose turn it is, and what for, is decided elsewhere.

use std::collections::VecDeque;

/// The numbers of streams. A session has several queues, mostly empty ones: each is a pointer.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "four words more in each queue of each idle session")]
pub(super) struct Queue(Option<Box<VecDeque<u64>>>);

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |streams| streams.len())
    }

    pub(super) fn front(&self) -> Option<u64> {
        self.0.as_ref()?.front().copied()
    }

    /// The stream, if it is the only one.
    pub(super) fn only(&self) -> Option<u64> {
        self.front().filter(|_| self.len() == 1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|streams| streams.iter().copied())
    }

    pub(super) fn push_back(&mut self, stream: u64) {
        self.0.get_or_insert_default().push_back(stream);
    }

    pub(super) fn push_front(&mut self, stream: u64) {
        self.0.get_or_insert_default().push_front(stream);
    }

    pub(super) fn pop_front(&mut self) -> Option<u64> {
        self.0.as_mut()?.pop_front()
    }

    /// Takes a stream out, and says whether it was here.
    pub(super) fn remove(&mut self, stream: u64) -> bool {
        let Some(streams) = &mut self.0 else { return false };
        let before = streams.len();
        streams.retain(|other| *other != stream);
        streams.len() < before
    }

    /// Gives back memory that holds nothing.
    pub(super) fn release_memory(&mut self) {
        self.0.take_if(|streams| streams.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_order_and_leave_nothing() {
        let mut queue = Queue::default();
        assert_eq!((queue.front(), queue.only(), queue.pop_front()), (None, None, None));
        queue.push_back(1);
        assert_eq!(queue.only(), Some(1));
        queue.push_back(2);
        queue.push_front(3);
        assert_eq!((queue.front(), queue.only(), queue.len()), (Some(3), None, 3));
        assert_eq!(queue.iter().collect::<Vec<_>>(), [3, 1, 2]);
        queue.release_memory();
        let all: Vec<_> = core::iter::from_fn(|| queue.pop_front()).collect();
        assert_eq!(all, [3, 1, 2]);
        queue.release_memory();
        assert!(queue.0.is_none() && queue.is_empty());
    }
}
