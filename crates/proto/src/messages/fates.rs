//! [`Fates`]: what became of the messages whose sender wants to know.
//! How that is found out is elsewhere.

use std::collections::{BTreeMap, BTreeSet};

/// What became of a message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFate {
    /// It is not decided yet.
    Waiting,
    /// The peer's host has it.
    Received,
    /// The peer's program has read it. Known only of reliable messages, and only with a receipt.
    Delivered,
    /// Its time was over before the peer had acknowledged all of it. The peer's program may have
    /// got it nonetheless.
    Dropped,
    /// It was lost, or could not be sent: one that is unreliable, or the peer reads no more.
    Lost,
    /// The session is over, and nothing more will be known of it.
    Unknown,
}

#[derive(Debug)]
struct Record {
    fate: MessageFate,
    /// Where a reliable message ends in the count that receipts speak of, if that is not yet read.
    end: Option<u64>,
}

/// Fates of a bounded number of messages, by id, until they are taken.
#[derive(Debug)]
pub(super) struct Fates {
    max: usize,
    records: BTreeMap<u64, Record>,
    /// Those received and not known to be read, by their end.
    unread: BTreeSet<(u64, u64)>,
    /// Those that changed since the program was last told.
    changed: BTreeSet<u64>,
}

impl Fates {
    pub(super) fn new(max: usize) -> Self {
        let (records, unread, changed) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { max, records, unread, changed }
    }

    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= self.max
    }

    /// From now on the fate of this message is kept.
    pub(super) fn add(&mut self, id: u64) {
        self.records.insert(id, Record { fate: MessageFate::Waiting, end: None });
    }

    pub(super) fn get(&self, id: u64) -> Option<MessageFate> {
        self.records.get(&id).map(|record| record.fate)
    }

    /// The fate of a message, which is forgotten.
    pub(super) fn take(&mut self, id: u64) -> Option<MessageFate> {
        let record = self.records.remove(&id)?;
        self.changed.remove(&id);
        if let Some(end) = record.end {
            self.unread.remove(&(end, id));
        }
        Some(record.fate)
    }

    pub(super) fn set(&mut self, id: u64, fate: MessageFate) {
        let Some(record) = self.records.get_mut(&id).filter(|record| record.fate != fate) else {
            return;
        };
        record.fate = fate;
        self.changed.insert(id);
    }

    /// A reliable message, which ends at `end`, was received.
    pub(super) fn set_received(&mut self, id: u64, end: u64) {
        self.set(id, MessageFate::Received);
        if let Some(record) = self.records.get_mut(&id) {
            record.end = Some(end);
            self.unread.insert((end, id));
        }
    }

    /// The peer's program has read everything up to `read`.
    pub(super) fn on_read(&mut self, read: u64) {
        while let Some(first) = self.unread.first().copied().filter(|(end, _)| *end <= read) {
            self.unread.remove(&first);
            if let Some(record) = self.records.get_mut(&first.1) {
                record.end = None;
            }
            self.set(first.1, MessageFate::Delivered);
        }
    }

    /// Nothing more will be known: what is decided stays, and the rest never will be.
    pub(super) fn conclude(&mut self) {
        self.unread.clear();
        for (id, record) in &mut self.records {
            record.end = None;
            if record.fate == MessageFate::Waiting {
                record.fate = MessageFate::Unknown;
                self.changed.insert(*id);
            }
        }
    }

    /// A message whose fate changed since this was last called for it.
    pub(super) fn pop_changed(&mut self) -> Option<u64> {
        self.changed.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_change_until_they_are_taken() {
        let mut fates = Fates::new(2);
        fates.add(1);
        fates.add(5);
        assert!(fates.is_full());
        fates.set(9, MessageFate::Lost);
        assert_eq!((fates.get(9), fates.pop_changed()), (None, None), "nobody asked");
        fates.set_received(5, 300);
        fates.set_received(1, 100);
        fates.on_read(299);
        assert_eq!(fates.get(1), Some(MessageFate::Delivered));
        assert_eq!(fates.get(5), Some(MessageFate::Received));
        assert_eq!(
            (fates.pop_changed(), fates.pop_changed(), fates.pop_changed()),
            (Some(1), Some(5), None)
        );
        fates.on_read(300);
        assert_eq!(fates.pop_changed(), Some(5));
        assert_eq!(fates.take(5), Some(MessageFate::Delivered));
        assert_eq!((fates.take(5), fates.is_full()), (None, false));
        fates.add(6);
        fates.set_received(6, 400);
        assert_eq!(fates.take(6), Some(MessageFate::Received));
        assert!(fates.unread.is_empty() && fates.changed.is_empty(), "nothing is left of it");
    }

    #[test]
    fn what_is_known_at_the_end_stays_and_the_rest_is_unknown() {
        let mut fates = Fates::new(4);
        for id in 0..4 {
            fates.add(id);
        }
        fates.set_received(0, 100);
        fates.set(1, MessageFate::Dropped);
        while fates.pop_changed().is_some() {}
        fates.conclude();
        let known: Vec<_> = (0..4).map(|id| fates.get(id).unwrap()).collect();
        let unknown = MessageFate::Unknown;
        assert_eq!(known, [MessageFate::Received, MessageFate::Dropped, unknown, unknown]);
        assert_eq!((fates.pop_changed(), fates.pop_changed()), (Some(2), Some(3)));
        fates.conclude();
        assert_eq!(fates.pop_changed(), None, "once");
        assert_eq!(fates.take(0), Some(MessageFate::Received));
    }
}
