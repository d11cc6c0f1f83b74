//! [`Flows`]: which sessions send as one flow, and whose turn it is (docs/PROTOCOL.md, 8.4.2).
//! How much may leave is the flow's business, what leaves the session's.

use core::mem;
use std::collections::{BTreeMap, VecDeque};

use rudp_base::PublicRng;
use slab::Slab;

use crate::connection::{Connection, Way};
use crate::flow::{Flow, Share};

/// All flows.
#[derive(Debug, Default)]
pub(super) struct Flows {
    entries: Slab<Entry>,
    /// Those that further sessions may join.
    by_way: BTreeMap<Way, usize>,
}

/// One flow, and its sessions.
#[derive(Debug)]
struct Entry {
    flow: Box<Flow>,
    way: Option<Way>,
    sessions: usize,
    /// What they have in flight together, in bytes.
    in_flight: u64,
    /// Those that wait for a turn, each once, but for a session that is alone. It is the first one's.
    queue: VecDeque<u32>,
    /// What is left of this turn, in bytes.
    left: u64,
    /// What more could be in flight when the flow was lent.
    room: u64,
}

/// A session's place in its flow.
#[derive(Debug)]
pub(super) struct Member {
    flow: usize,
    /// What it has in flight, as the flow knows, in bytes.
    in_flight: u64,
    is_queued: bool,
}

/// Whose turn it is after another one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// That of a session that waited for it.
    Of(u32),
    /// That of the first that has something to send.
    Free,
}

impl Flows {
    /// A place for a session that begins.
    pub(super) fn join(&mut self, connection: &Connection, public: &mut PublicRng) -> Member {
        let way = connection.way();
        let known = way.and_then(|way| self.by_way.get(&way)).copied();
        let flow = known.unwrap_or_else(|| {
            let flow = self.entries.insert(Entry::new(connection.new_flow(public), way));
            if let Some(way) = way {
                self.by_way.insert(way, flow);
            }
            flow
        });
        if let Some(entry) = self.entries.get_mut(flow) {
            entry.sessions += 1;
        }
        Member { flow, in_flight: 0, is_queued: false }
    }

    /// The session `index` leaves for good. Says whose turn it is now, if there are others.
    pub(super) fn leave(&mut self, index: u32, member: &Member) -> Option<Turn> {
        let entry = self.entries.get_mut(member.flow)?;
        entry.sessions = entry.sessions.saturating_sub(1);
        entry.in_flight = entry.in_flight.saturating_sub(member.in_flight);
        if member.is_queued {
            let is_first = entry.queue.front() == Some(&index);
            entry.queue.retain(|queued| *queued != index);
            if is_first {
                entry.begin_turn();
            }
        }
        if entry.sessions == 0 {
            let entry = self.entries.remove(member.flow);
            if let Some(way) = entry.way {
                self.by_way.remove(&way);
            }
            return None;
        }
        Some(entry.first())
    }

    /// Gives the session `index` its flow, for as long as it is called.
    pub(super) fn lend(&mut self, index: u32, member: &Member, connection: &mut Connection) {
        let Some(entry) = self.entries.get_mut(member.flow) else { return };
        entry.flow.set_share(Share {
            packet_size: connection.packet_size(),
            in_flight: entry.in_flight.saturating_sub(member.in_flight),
            has_others: entry.sessions > 1,
            others_wait: entry.queue.len() > usize::from(member.is_queued),
            turn: entry.turn(index, member),
        });
        entry.room = entry.free();
        mem::swap(&mut entry.flow, connection.flow());
    }

    /// Takes the flow back. Says whose turn it is if there is more room for it than before.
    pub(super) fn take_back(
        &mut self,
        index: u32,
        member: &mut Member,
        connection: &mut Connection,
    ) -> Option<u32> {
        let entry = self.entries.get_mut(member.flow)?;
        mem::swap(&mut entry.flow, connection.flow());
        if entry.queue.front() == Some(&index)
            && let Some(left) = entry.flow.turn()
        {
            entry.left = left;
        }
        let before = mem::replace(&mut member.in_flight, connection.flight());
        entry.in_flight = entry.in_flight.saturating_sub(before) + member.in_flight;
        let first = entry.queue.front().copied()?;
        let has_more = member.in_flight < before || entry.free() > entry.room;
        has_more.then_some(first)
    }

    /// The session `index` was asked for what it has to send, and may want to send more. Says whose turn
    /// begins, if one does.
    pub(super) fn on_asked(
        &mut self,
        index: u32,
        member: &mut Member,
        wants_more: bool,
    ) -> Option<Turn> {
        let entry = self.entries.get_mut(member.flow)?;
        if !member.is_queued {
            if wants_more {
                member.is_queued = true;
                entry.queue.push_back(index);
                if entry.queue.len() == 1 {
                    entry.begin_turn();
                }
            }
            return None;
        }
        let is_over = entry.left == 0 && entry.queue.len() > 1;
        if entry.queue.front() != Some(&index) || wants_more && !is_over {
            return None;
        }
        entry.queue.pop_front();
        member.is_queued = wants_more;
        if wants_more {
            entry.queue.push_back(index);
        }
        entry.begin_turn();
        Some(entry.first())
    }

    /// A packet may have shown that the session `index` sends another way: then it belongs to another
    /// flow, unless it is the only one and takes its flow along. Says who may go on in the one that it left.
    pub(super) fn follow(
        &mut self,
        index: u32,
        member: &mut Member,
        connection: &mut Connection,
        public: &mut PublicRng,
    ) -> Option<Turn> {
        let way = connection.way();
        let entry = self.entries.get_mut(member.flow)?;
        if entry.way == way {
            return None;
        }
        let is_known = way.is_some_and(|way| self.by_way.contains_key(&way));
        if entry.sessions == 1 && !is_known {
            if let Some(before) = mem::replace(&mut entry.way, way) {
                self.by_way.remove(&before);
            }
            if let Some(way) = way {
                self.by_way.insert(way, member.flow);
            }
            return None;
        }
        let freed = self.leave(index, member);
        *member = self.join(connection, public);
        connection.on_other_flow();
        member.in_flight = connection.flight();
        if let Some(entry) = self.entries.get_mut(member.flow) {
            entry.in_flight += member.in_flight;
        }
        freed
    }

    /// How many sessions each flow has.
    #[cfg(test)]
    pub(super) fn sessions(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().map(|(_, entry)| entry.sessions)
    }

    /// What each of them has in flight.
    #[cfg(test)]
    pub(super) fn in_flight(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().map(|(_, entry)| entry.in_flight)
    }

    /// The flow of a session, to look at.
    pub(super) fn get(&self, member: &Member) -> Option<&Flow> {
        self.entries.get(member.flow).map(|entry| &*entry.flow)
    }
}

impl Entry {
    fn new(flow: Box<Flow>, way: Option<Way>) -> Self {
        Self { flow, way, sessions: 0, in_flight: 0, queue: VecDeque::new(), left: 0, room: 0 }
    }

    /// Whose turn it is.
    fn first(&self) -> Turn {
        self.queue.front().map_or(Turn::Free, |first| Turn::Of(*first))
    }

    /// How many more bytes could be in flight, if anybody waits for that.
    fn free(&self) -> u64 {
        if self.queue.is_empty() { 0 } else { self.flow.window().saturating_sub(self.in_flight) }
    }

    /// The turn of whoever is the first now.
    fn begin_turn(&mut self) {
        self.left = self.flow.turn_len();
    }

    /// What is left of the turn of the session `index`, in bytes, if others wait for its end; nothing if
    /// it is another one's.
    fn turn(&self, index: u32, member: &Member) -> Option<u64> {
        let first = *self.queue.front()?;
        let is_alone = member.is_queued && self.queue.len() == 1;
        (!is_alone).then_some(if first == index { self.left } else { 0 })
    }
}
