//! [`Ready`]: streams with data to send for the first time, by their priority. Whose turn it is within
//! a class is the order of its queue.

use super::queue::Queue;
use crate::priority::{Classes, Priority, Turns};

/// Queues of streams, one for each class. Most sessions have one class.
#[derive(Debug, Default)]
pub(super) struct Ready {
    normal: Queue,
    others: Option<Box<Others>>,
}

/// The queues of the other classes; the one of the normal class is not used.
#[derive(Debug, Default)]
struct Others {
    queues: Classes<Queue>,
    turns: Turns,
}

impl Ready {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        let others = self.others.iter().flat_map(|others| others.queues.iter());
        self.normal.len() + others.map(Queue::len).sum::<usize>()
    }

    /// The stream, if it is the only one.
    pub(super) fn only(&self) -> Option<u64> {
        let mut others = self.others.iter().flat_map(|others| others.queues.iter());
        let only = self.normal.only().or_else(|| others.find_map(Queue::only));
        only.filter(|_| self.len() == 1)
    }

    /// Whether an urgent one waits.
    pub(super) fn is_urgent(&self) -> bool {
        self.others.as_ref().is_some_and(|others| !others.queues.get(Priority::Urgent).is_empty())
    }

    fn queue(&mut self, priority: Priority) -> &mut Queue {
        match priority {
            Priority::Normal => &mut self.normal,
            priority => self.others.get_or_insert_default().queues.get_mut(priority),
        }
    }

    pub(super) fn push_back(&mut self, stream: u64, priority: Priority) {
        self.queue(priority).push_back(stream);
    }

    pub(super) fn push_front(&mut self, stream: u64, priority: Priority) {
        self.queue(priority).push_front(stream);
    }

    /// The stream whose turn it is.
    pub(super) fn pop_front(&mut self) -> Option<u64> {
        let Some(others) = &mut self.others else { return self.normal.pop_front() };
        let order = others.turns.next();
        order.into_iter().find_map(|priority| self.queue(priority).pop_front())
    }

    /// Takes a stream out, and says whether it was here.
    pub(super) fn remove(&mut self, stream: u64, priority: Priority) -> bool {
        self.queue(priority).remove(stream)
    }

    /// Gives back memory that holds nothing.
    pub(super) fn release_memory(&mut self) {
        self.normal.release_memory();
        self.others.take_if(|others| others.queues.iter().all(Queue::is_empty));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_classes_go_first_and_none_waits_for_ever() {
        let mut ready = Ready::default();
        ready.push_back(4, Priority::Normal);
        assert_eq!((ready.only(), ready.is_urgent()), (Some(4), false));
        ready.push_back(8, Priority::Urgent);
        ready.push_back(12, Priority::Background);
        assert_eq!((ready.only(), ready.is_urgent()), (None, true));
        let mut seen = Vec::new();
        for _ in 0..32 {
            let stream = ready.pop_front().unwrap();
            seen.push(stream);
            let priority = match stream {
                8 => Priority::Urgent,
                12 => Priority::Background,
                _ => Priority::Normal,
            };
            ready.push_back(stream, priority);
        }
        assert_eq!(seen.iter().filter(|stream| **stream == 8).count(), 30);
        assert_eq!(seen.iter().filter(|stream| **stream == 12).count(), 2);
        assert!(ready.remove(8, Priority::Urgent) && !ready.remove(8, Priority::Urgent));
        assert_eq!(ready.pop_front(), Some(4));
        assert_eq!(ready.pop_front(), Some(12));
        ready.release_memory();
        assert!(ready.is_empty() && ready.others.is_none());
    }
}
