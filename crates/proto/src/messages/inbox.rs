//! [`Inbox`]: messages and datagrams that are complete and wait for the program, and messages that
//! wait for their turn. What waits costs what its sender was granted; who counts that is elsewhere.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use rudp_base::Instant;

use super::ring::Ring;
use super::tiles::Extent;
use super::{Kind, Message};

/// What remembering a datagram costs: as much as for messages, so that empty ones are not free.
const COST: usize = 32;

/// A complete message.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) message: Message,
    pub(super) extent: Extent,
    /// When it is discarded, if the program has not read it.
    pub(super) deadline: Option<Instant>,
}

/// What the program has to read, by a number that counts arrivals.
#[derive(Debug)]
pub(super) struct Inbox {
    next: u64,
    ready: Ring<Ready>,
    datagrams: VecDeque<(u64, Bytes)>,
    datagram_bytes: usize,
    max_datagram_bytes: usize,
    /// Ordered messages that came before their turn.
    waiting: BTreeMap<u64, Ready>,
    next_order: u64,
}

impl Inbox {
    pub(super) const fn new(max_datagram_bytes: usize) -> Self {
        Self {
            next: 0,
            ready: Ring::new(),
            datagrams: VecDeque::new(),
            datagram_bytes: 0,
            max_datagram_bytes,
            waiting: BTreeMap::new(),
            next_order: 0,
        }
    }

    /// Whether an ordered message of this place can still come.
    pub(super) fn expects(&self, order: u64) -> bool {
        order >= self.next_order && !self.waiting.contains_key(&order)
    }

    /// Adds a message that needs no turn, and returns its number of arrival.
    pub(super) fn push(&mut self, ready: Ready) -> u64 {
        let number = self.next;
        self.next += 1;
        self.ready.push(number, ready);
        number
    }

    /// Adds an ordered message, and says whether there is more to read now.
    pub(super) fn push_ordered(&mut self, order: u64, ready: Ready) -> bool {
        if order != self.next_order {
            self.waiting.insert(order, ready);
            return false;
        }
        self.push(ready);
        self.next_order += 1;
        while let Some(ready) = self.waiting.remove(&self.next_order) {
            self.push(ready);
            self.next_order += 1;
        }
        true
    }

    /// Adds a datagram. The oldest ones make room for it if the program does not read
    /// (docs/PROTOCOL.md, 7.5.4). Says whether it was taken.
    pub(super) fn push_datagram(&mut self, data: &[u8]) -> bool {
        if cost(data.len()) > self.max_datagram_bytes {
            return false;
        }
        while cost(data.len()) > self.max_datagram_bytes - self.datagram_bytes {
            self.pop_datagram();
        }
        self.datagram_bytes += cost(data.len());
        self.datagrams.push_back((self.next, Bytes::copy_from_slice(data)));
        self.next += 1;
        true
    }

    fn pop_datagram(&mut self) -> Option<Bytes> {
        let (_, data) = self.datagrams.pop_front()?;
        self.datagram_bytes -= cost(data.len());
        if self.datagrams.is_empty() && self.datagrams.capacity() > 16 {
            self.datagrams = VecDeque::new();
        }
        Some(data)
    }

    /// What came first, with where it lies if it counts towards limits.
    pub(super) fn pop(&mut self) -> Option<Popped> {
        let ready = self.ready.first().map(|(number, _)| number);
        let datagram = self.datagrams.front().map(|(number, _)| *number);
        if datagram.is_some_and(|datagram| ready.is_none_or(|ready| datagram < ready)) {
            return Some(Popped::Datagram(Message {
                data: self.pop_datagram()?,
                kind: Kind::Unreliable,
            }));
        }
        let (number, ready) = self.ready.pop_first()?;
        Some(Popped::Message(number, ready))
    }

    /// Takes a message out that is not to be read any more.
    pub(super) fn remove(&mut self, number: u64) -> Option<Ready> {
        self.ready.remove(number)
    }

    pub(super) fn is_readable(&self) -> bool {
        !self.ready.is_empty() || !self.datagrams.is_empty()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self { next: self.next, ..Self::new(self.max_datagram_bytes) };
    }

    /// How many bytes of messages and datagrams wait.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let ready = (0..self.next).filter_map(|number| self.ready.get(number));
        let all = ready.chain(self.waiting.values());
        all.map(|ready| ready.message.data.len()).sum::<usize>() + self.datagram_bytes
    }
}

/// What a program reads next.
#[derive(Debug)]
pub(super) enum Popped {
    /// A message, by its number of arrival.
    Message(u64, Ready),
    /// A datagram.
    Datagram(Message),
}

/// What a datagram of `len` bytes costs while it waits.
pub(super) const fn cost(len: usize) -> usize {
    len.saturating_add(COST)
}
