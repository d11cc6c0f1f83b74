//! [`Recent`]: which handshakes have ended in a session lately, so that their SYNs are not answered
//! once more (docs/PROTOCOL.md, 5.2.5a). The unfinished ones are in `table`.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use rudp_base::Instant;

use super::table::Key;

/// A set of keys that forgets each after a while, in bounded memory.
#[derive(Debug)]
pub(super) struct Recent {
    memory: Duration,
    capacity: usize,
    keys: BTreeSet<Key>,
    /// When each is forgotten, the next one first.
    order: VecDeque<(Instant, Key)>,
}

impl Recent {
    pub(super) fn new(memory: Duration, capacity: usize) -> Self {
        Self { memory, capacity, keys: BTreeSet::new(), order: VecDeque::new() }
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.keys.contains(key)
    }

    pub(super) fn is_full(&self) -> bool {
        self.keys.len() >= self.capacity
    }

    /// Remembers `key`. The caller has seen that there is room.
    pub(super) fn insert(&mut self, now: Instant, key: Key) {
        if self.keys.insert(key) {
            self.order.push_back((now + self.memory, key));
        }
    }

    /// When the next one is forgotten.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.order.front().map(|(at, _)| *at)
    }

    /// Forgets what is old enough.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((_, key)) = self.order.pop_front_if(|(at, _)| *at <= now) {
            self.keys.remove(&key);
        }
        if self.order.is_empty() {
            self.order = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_forgotten_in_their_order() {
        let at = |secs| Instant::ZERO + Duration::from_secs(secs);
        let mut recent = Recent::new(Duration::from_secs(10), 3);
        for number in 0..3 {
            assert!(!recent.is_full());
            recent.insert(at(number.into()), Key([number; 16]));
        }
        assert!(recent.is_full());
        assert_eq!(recent.timeout(), Some(at(10)));
        recent.expire(at(11));
        let known: Vec<_> = (0..4).map(|number| recent.contains(&Key([number; 16]))).collect();
        assert_eq!(known, [false, false, true, false]);
        recent.expire(at(12));
        assert_eq!((recent.timeout(), recent.is_full()), (None, false));
    }
}
