//! [`Ready`]: streams with data to send, by their priority. Whose turn it is within a class is the order
//! of its queue; between classes it is decided elsewhere.

use super::queue::Queue;
use crate::priority::{Classes, Priority};

/// Queues of streams, one for each class. Most sessions have one class.
#[derive(Debug, Default)]
pub(super) struct Ready {
    normal: Queue,
    /// Of the other classes; the one of the normal class is not used.
    others: Option<Box<Classes<Queue>>>,
}

impl Ready {
    pub(super) fn is_empty(&self) -> bool {
        let is_idle = |others: &Classes<Queue>| others.iter().all(Queue::is_empty);
        self.normal.is_empty() && self.others.as_deref().is_none_or(is_idle)
    }

    fn len(&self) -> usize {
        let others = self.others.iter().flat_map(|others| others.iter());
        self.normal.len() + others.map(Queue::len).sum::<usize>()
    }

    /// The stream, if it is the only one.
    pub(super) fn only(&self) -> Option<u64> {
        let mut others = self.others.iter().flat_map(|others| others.iter());
        let only = self.normal.only().or_else(|| others.find_map(Queue::only));
        only.filter(|_| self.len() == 1)
    }

    /// Whether one of this class waits.
    pub(super) fn has(&self, priority: Priority) -> bool {
        match priority {
            Priority::Normal => !self.normal.is_empty(),
            priority => self.others.as_ref().is_some_and(|others| !others.get(priority).is_empty()),
        }
    }

    fn queue(&mut self, priority: Priority) -> &mut Queue {
        match priority {
            Priority::Normal => &mut self.normal,
            priority => self.others.get_or_insert_default().get_mut(priority),
        }
    }

    pub(super) fn push_back(&mut self, stream: u64, priority: Priority) {
        self.queue(priority).push_back(stream);
    }

    pub(super) fn push_front(&mut self, stream: u64, priority: Priority) {
        self.queue(priority).push_front(stream);
    }

    /// The stream of this class whose turn it is.
    pub(super) fn pop_front(&mut self, priority: Priority) -> Option<u64> {
        match priority {
            Priority::Normal => self.normal.pop_front(),
            priority => self.others.as_mut()?.get_mut(priority).pop_front(),
        }
    }

    /// Takes a stream out, and says whether it was here.
    pub(super) fn remove(&mut self, stream: u64, priority: Priority) -> bool {
        self.queue(priority).remove(stream)
    }

    /// Gives back memory that holds nothing.
    pub(super) fn release_memory(&mut self) {
        self.normal.release_memory();
        self.others.take_if(|others| others.iter().all(Queue::is_empty));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_turns_of_its_own() {
        let mut ready = Ready::default();
        ready.push_back(4, Priority::Normal);
        assert_eq!(ready.only(), Some(4));
        assert_eq!(Priority::ALL.map(|class| ready.has(class)), [false, true, false]);
        assert_eq!(ready.pop_front(Priority::Background), None);
        assert!(ready.others.is_none(), "asking costs nothing");
        ready.push_back(8, Priority::Urgent);
        ready.push_back(12, Priority::Background);
        ready.push_front(16, Priority::Background);
        assert_eq!(ready.only(), None);
        assert_eq!(Priority::ALL.map(|class| ready.has(class)), [true; 3]);
        assert_eq!(ready.pop_front(Priority::Background), Some(16));
        assert!(ready.remove(8, Priority::Urgent) && !ready.remove(8, Priority::Urgent));
        assert_eq!(ready.pop_front(Priority::Urgent), None);
        assert_eq!(ready.pop_front(Priority::Normal), Some(4));
        assert_eq!(ready.only(), Some(12));
        assert_eq!(ready.pop_front(Priority::Background), Some(12));
        ready.release_memory();
        assert!(ready.is_empty() && ready.others.is_none());
    }
}
