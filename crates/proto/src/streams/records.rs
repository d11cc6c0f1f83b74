//! [`Records`]: the records of a connection's streams, in the order of their numbers.
//! What is in a record, and when there is one, is decided elsewhere.

use std::collections::BTreeMap;

use super::record::Record;

/// The stream that every connection has. Many have no other, and need no tree for it, whose least
/// node is as large as eleven records.
const MAIN: u64 = 0;

/// Records by the numbers of their streams.
#[derive(Debug, Default)]
pub(super) struct Records {
    main: Option<Record>,
    others: BTreeMap<u64, Record>,
}

impl Records {
    pub(super) fn len(&self) -> usize {
        self.others.len() + usize::from(self.main.is_some())
    }

    pub(super) fn contains(&self, stream: u64) -> bool {
        self.get(stream).is_some()
    }

    pub(super) fn get(&self, stream: u64) -> Option<&Record> {
        if stream == MAIN { self.main.as_ref() } else { self.others.get(&stream) }
    }

    pub(super) fn get_mut(&mut self, stream: u64) -> Option<&mut Record> {
        if stream == MAIN { self.main.as_mut() } else { self.others.get_mut(&stream) }
    }

    pub(super) fn insert(&mut self, stream: u64, record: Record) {
        if stream == MAIN {
            self.main = Some(record);
        } else {
            self.others.insert(stream, record);
        }
    }

    pub(super) fn remove(&mut self, stream: u64) {
        if stream == MAIN {
            self.main = None;
        } else {
            self.others.remove(&stream);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Record)> + Clone {
        self.from(MAIN)
    }

    /// The records from that of `stream` on.
    pub(super) fn from(&self, stream: u64) -> impl Iterator<Item = (u64, &Record)> + Clone {
        let main = self.main.iter().filter(move |_| stream == MAIN).map(|record| (MAIN, record));
        main.chain(self.others.range(stream..).map(|(&stream, record)| (stream, record)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.main.iter_mut().chain(self.others.values_mut())
    }

    /// The numbers of all streams with records.
    pub(super) fn streams(&self) -> Vec<u64> {
        self.iter().map(|(stream, _)| stream).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_stream_comes_first_and_is_one_of_them() {
        let mut records = Records::default();
        for stream in [8, MAIN, 3] {
            records.insert(stream, Record::new(true, true));
        }
        assert_eq!((records.len(), records.streams()), (3, vec![0, 3, 8]));
        let from = |stream| records.from(stream).map(|(stream, _)| stream).collect::<Vec<_>>();
        assert_eq!((from(0), from(1), from(9)), (vec![0, 3, 8], vec![3, 8], vec![]));
        records.remove(MAIN);
        records.remove(3);
        assert!(!records.contains(MAIN) && !records.contains(3) && records.contains(8));
        assert!(records.get_mut(8).is_some() && records.get_mut(MAIN).is_none());
        assert_eq!((records.len(), records.iter_mut().count()), (1, 1));
    }
}
