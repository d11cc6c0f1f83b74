//! [`Ids`]: which session a packet belongs to. Choosing ids is the handshake's business.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::BTreeSet;

use hashbrown::HashMap;
use rudp_wire::packet::ConnectionId;

/// The ids of this endpoint and of its peers.
#[derive(Debug, Default)]
pub(super) struct Ids {
    own: HashMap<ConnectionId, u32, BuildHasherDefault<IdHasher>>,
    /// Peers choose their ids, so that two may have the same, and somebody may choose them badly:
    /// an ordered set. Only RESET looks here (docs/PROTOCOL.md, 10.4).
    theirs: BTreeSet<(ConnectionId, u32)>,
}

impl Ids {
    pub(super) fn contains(&self, id: ConnectionId) -> bool {
        self.own.contains_key(&id)
    }

    /// The session that chose `id`.
    pub(super) fn session_of(&self, id: ConnectionId) -> Option<u32> {
        self.own.get(&id).copied()
    }

    /// The sessions whose peer chose `id`.
    pub(super) fn sessions_with_peer(&self, id: ConnectionId) -> impl Iterator<Item = u32> {
        self.theirs.range((id, 0)..=(id, u32::MAX)).map(|entry| entry.1)
    }

    pub(super) fn insert(&mut self, own: ConnectionId, session: u32) {
        self.own.insert(own, session);
    }

    pub(super) fn insert_peer(&mut self, theirs: ConnectionId, session: u32) {
        self.theirs.insert((theirs, session));
    }

    pub(super) fn remove(&mut self, own: ConnectionId, theirs: Option<ConnectionId>, session: u32) {
        self.own.remove(&own);
        if let Some(theirs) = theirs {
            self.theirs.remove(&(theirs, session));
        }
    }
}

/// Spreads ids. They are random, and this endpoint's own choice: nobody can make them collide.
#[derive(Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            // Prefix and shard take randomness from some bits: all of them reach the high ones,
            // which the map looks at, and the low ones, which it looks at as well.
            let mixed = (self.0 ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.0 = mixed ^ (mixed >> 32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_find_their_sessions() {
        let mut ids = Ids::default();
        let id = |n: u8| ConnectionId([n; 8]);
        ids.insert(id(1), 7);
        ids.insert(id(2), 8);
        ids.insert_peer(id(9), 7);
        ids.insert_peer(id(9), 8);
        assert_eq!((ids.session_of(id(1)), ids.session_of(id(3))), (Some(7), None));
        assert_eq!(ids.sessions_with_peer(id(9)).collect::<Vec<_>>(), [7, 8]);
        ids.remove(id(1), Some(id(9)), 7);
        assert!(!ids.contains(id(1)));
        assert_eq!(ids.sessions_with_peer(id(9)).collect::<Vec<_>>(), [8]);
    }
}
