//! [`Table`]: a server's unfinished handshakes in bounded memory (docs/PROTOCOL.md, 5.1.5), found by
//! identification and by id, dropped by age and by crowd. What they do is `server`'s business.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rudp_base::Instant;
use rudp_wire::packet::{ConnectionId, Suite};

use super::place::Network;
use crate::crypto::Awaiting;
use crate::memory::Windows;

/// What a handshake is known by (docs/PROTOCOL.md, 5.2.5a): the start of a SHA-256 over it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) [u8; 16]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:032x})", u128::from_be_bytes(self.0))
    }
}

/// An unfinished handshake.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// Whose SYN it was.
    pub(super) remote: SocketAddr,
    pub(super) client_id: ConnectionId,
    pub(super) server_id: ConnectionId,
    /// The SYN-ACK, for repetitions of the SYN.
    pub(super) answer: Box<[u8]>,
    pub(super) answered_at: Instant,
    pub(super) is_repeated: bool,
    /// Whether the SYN had a valid cookie.
    pub(super) has_cookie: bool,
    /// What is wanted of an ACK; `None` if the answer was a refusal.
    pub(super) wanted: Option<Wanted>,
}

/// What becomes a session with the ACK.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) awaiting: Box<dyn Awaiting>,
    pub(super) suite: Option<Suite>,
    pub(super) service: Arc<str>,
    /// What the client was told.
    pub(super) windows: Windows,
}

/// How many handshakes there may be, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) all: usize,
    pub(super) lifetime: Duration,
}

/// The unfinished handshakes, numbered by age.
#[derive(Debug)]
pub(super) struct Table {
    bounds: Bounds,
    next: u64,
    entries: BTreeMap<u64, Entry>,
    by_key: BTreeMap<Key, u64>,
    by_id: BTreeMap<ConnectionId, u64>,
    /// Those without a cookie, over all networks.
    without_cookie: BTreeSet<u64>,
    crowds: Crowds,
}

impl Table {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            next: 0,
            entries: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_id: BTreeMap::new(),
            without_cookie: BTreeSet::new(),
            crowds: Crowds::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn contains_id(&self, id: ConnectionId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn contains_key(&self, key: &Key) -> bool {
        self.by_key.contains_key(key)
    }

    pub(super) fn by_key(&mut self, key: &Key) -> Option<&mut Entry> {
        self.entries.get_mut(self.by_key.get(key)?)
    }

    /// The handshake with this id of the server, and its number.
    pub(super) fn by_id(&mut self, id: ConnectionId) -> Option<(u64, &mut Entry)> {
        let number = *self.by_id.get(&id)?;
        Some((number, self.entries.get_mut(&number)?))
    }

    /// How many handshakes there are of a network, with a valid cookie or without one.
    pub(super) fn crowd(&self, network: Network, has_cookie: bool) -> usize {
        self.crowds.count(network)[usize::from(has_cookie)]
    }

    /// Adds a handshake, whose key and id are new, and drops others if there is no room.
    pub(super) fn insert(&mut self, entry: Entry) -> &Entry {
        let network = Network::of(entry.remote.ip());
        while self.entries.len() >= self.bounds.all.max(1) {
            let first = self.without_cookie.first().copied();
            let Some(number) = first.or_else(|| self.crowds.first_of_largest()) else { break };
            self.remove(number);
        }
        let number = self.next;
        self.next += 1;
        self.by_key.insert(entry.key, number);
        self.by_id.insert(entry.server_id, number);
        if !entry.has_cookie {
            self.without_cookie.insert(number);
        }
        self.crowds.insert(Member { network, has_cookie: entry.has_cookie, number });
        self.entries.entry(number).or_insert(entry)
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        self.by_key.remove(&entry.key);
        self.by_id.remove(&entry.server_id);
        self.without_cookie.remove(&number);
        let network = Network::of(entry.remote.ip());
        self.crowds.remove(Member { network, has_cookie: entry.has_cookie, number });
        Some(entry)
    }

    /// When the oldest one is over.
    pub(super) fn timeout(&self) -> Option<Instant> {
        let (_, oldest) = self.entries.first_key_value()?;
        Some(oldest.answered_at + self.bounds.lifetime)
    }

    /// Drops what is old enough.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.timeout().is_some_and(|at| at <= now) {
            let Some(number) = self.entries.first_key_value().map(|(number, _)| *number) else {
                return;
            };
            self.remove(number);
        }
    }
}

/// A handshake among those of its network: without a cookie before with one, then by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    network: Network,
    has_cookie: bool,
    number: u64,
}

/// Who is here of which network, and which network has most.
#[derive(Debug, Default)]
struct Crowds {
    members: BTreeSet<Member>,
    /// How many without a cookie, and how many with one.
    counts: BTreeMap<Network, [usize; 2]>,
    ranking: BTreeSet<(usize, Network)>,
}

impl Crowds {
    fn count(&self, network: Network) -> [usize; 2] {
        self.counts.get(&network).copied().unwrap_or_default()
    }

    /// Who has to go first of the network that has most.
    fn first_of_largest(&self) -> Option<u64> {
        let (_, network) = *self.ranking.last()?;
        let least = Member { network, has_cookie: false, number: 0 };
        self.members.range(least..).next().map(|member| member.number)
    }

    fn insert(&mut self, member: Member) {
        if self.members.insert(member) {
            self.recount(member, 1);
        }
    }

    fn remove(&mut self, member: Member) {
        if self.members.remove(&member) {
            self.recount(member, -1);
        }
    }

    fn recount(&mut self, member: Member, change: isize) {
        let network = member.network;
        let [mut without, mut with] = self.count(network);
        self.ranking.remove(&(without + with, network));
        let count = if member.has_cookie { &mut with } else { &mut without };
        *count = count.saturating_add_signed(change);
        if without + with == 0 {
            self.counts.remove(&network);
        } else {
            self.counts.insert(network, [without, with]);
            self.ranking.insert((without + with, network));
        }
    }
}
