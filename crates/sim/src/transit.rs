//! [`Transit`]: a pair of links with the packets on their way through them, for real packets.
//! Whose they are and which socket they leave from is for its user to know.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use rudp_base::{Ecn, Instant, Seed};

use crate::{Fate, Link, LinkConfig};

/// What a packet costs of the memory besides its bytes.
const BOOKKEEPING: usize = 64;

/// A buffer that has grown larger than this is not kept for the next packet.
const KEPT: usize = 2_048;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the server.
    Up,
    /// To the client.
    Down,
}

/// A link each way, and the packets on them, each with a note of type `N` that comes out with it.
///
/// A [`Link`] only says when a packet arrives; here it waits until then, in bounded memory.
///
/// ```
/// use core::time::Duration;
/// use rudp_base::{Instant, Seed};
/// use rudp_sim::{LinkConfig, Transit, Way};
///
/// let link = LinkConfig::delay(Duration::from_millis(10));
/// let mut transit = Transit::new(link.clone(), link, 1 << 20, &Seed::from_u64(1));
/// transit.offer(Instant::ZERO, Way::Up, "from me", &mut b"hello".to_vec(), None);
/// let at = transit.next_arrival().expect("it is on its way");
/// assert_eq!(at, Instant::from_nanos(10_000_000));
/// assert!(transit.take(Instant::ZERO).is_none());
/// let arrival = transit.take(at).expect("it is there");
/// assert_eq!((*arrival.note, arrival.bytes), ("from me", &b"hello"[..]));
/// ```
#[derive(Debug)]
pub struct Transit<N> {
    up: Link,
    down: Link,
    /// When each packet arrives, its number (which breaks ties in order of sending) and its slot.
    due: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    slots: Vec<Packet<N>>,
    free: Vec<usize>,
    next: u64,
    memory: usize,
    used: usize,
    crowded_out: u64,
}

#[derive(Debug)]
struct Packet<N> {
    way: Way,
    note: N,
    ecn: Option<Ecn>,
    /// Kept with its capacity for the next packet in the same slot.
    bytes: Vec<u8>,
}

/// A packet at the end of its way.
#[derive(Debug)]
pub struct Arrival<'a, N> {
    /// When it was to arrive.
    pub at: Instant,
    /// Which way it went.
    pub way: Way,
    /// What was noted of it.
    pub note: &'a N,
    /// The congestion mark it arrives with.
    pub ecn: Option<Ecn>,
    /// The payload, damaged where it was.
    pub bytes: &'a [u8],
}

impl<N: Clone> Transit<N> {
    /// The link up, the link down, and how many bytes of packets may be on their way; what is more
    /// vanishes, as in any router. The links' dice follow from `seed`.
    pub fn new(up: LinkConfig, down: LinkConfig, memory: usize, seed: &Seed) -> Self {
        Self {
            up: Link::new(up, &seed.fork("up")),
            down: Link::new(down, &seed.fork("down")),
            due: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            next: 0,
            memory,
            used: 0,
            crowded_out: 0,
        }
    }

    /// Offers a packet to the link that goes its way. `now` never goes back; the bytes in `packet`
    /// are nobody's afterwards.
    pub fn offer(
        &mut self,
        now: Instant,
        way: Way,
        note: N,
        packet: &mut [u8],
        ecn: Option<Ecn>,
    ) -> Fate {
        let Self { up, down, due, slots, free, next, memory, used, crowded_out } = self;
        let link = match way {
            Way::Up => up,
            Way::Down => down,
        };
        link.offer(now, packet, ecn, |delivery| {
            let cost = delivery.bytes.len() + BOOKKEEPING;
            if *used + cost > *memory {
                *crowded_out += 1;
                return;
            }
            *used += cost;
            let slot = free.pop().unwrap_or(slots.len());
            if slot == slots.len() {
                slots.push(Packet { way, note: note.clone(), ecn: None, bytes: Vec::new() });
            }
            let place = &mut slots[slot];
            (place.way, place.note, place.ecn) = (way, note.clone(), delivery.ecn);
            if place.bytes.capacity() > KEPT {
                place.bytes = Vec::new();
            }
            place.bytes.clear();
            place.bytes.extend_from_slice(delivery.bytes);
            due.push(Reverse((delivery.at, *next, slot)));
            *next += 1;
        })
    }

    /// When the next packet arrives, if one is on its way.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next packet that has arrived by `now`.
    pub fn take(&mut self, now: Instant) -> Option<Arrival<'_, N>> {
        self.next_arrival().filter(|at| *at <= now)?;
        let Reverse((at, _, slot)) = self.due.pop()?;
        self.free.push(slot);
        let Packet { way, note, ecn, bytes } = &self.slots[slot];
        self.used -= bytes.len() + BOOKKEEPING;
        Some(Arrival { at, way: *way, note, ecn: *ecn, bytes })
    }

    /// The link that goes a way.
    pub fn link(&self, way: Way) -> &Link {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }

    /// How many packets vanished because the memory was full.
    pub fn crowded_out(&self) -> u64 {
        self.crowded_out
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn transit(memory: usize) -> Transit<u32> {
        let slow = LinkConfig::delay(Duration::from_secs(1));
        let fast = LinkConfig::delay(Duration::from_millis(1));
        Transit::new(slow, fast, memory, &Seed::from_u64(1))
    }

    #[test]
    fn packets_come_out_by_time_and_then_in_order() {
        let mut transit = transit(1 << 20);
        for number in 0..3 {
            transit.offer(Instant::ZERO, Way::Up, number, &mut [7; 5], None);
            transit.offer(Instant::ZERO, Way::Down, 10 + number, &mut [8; 9], Some(Ecn::Ce));
        }
        let end = Instant::ZERO + Duration::from_secs(1);
        let mut came = Vec::new();
        while let Some(arrival) = transit.take(end) {
            assert_eq!(arrival.bytes.len(), if arrival.way == Way::Up { 5 } else { 9 });
            assert_eq!(arrival.ecn.is_some(), arrival.way == Way::Down);
            came.push(*arrival.note);
        }
        assert_eq!(came, [10, 11, 12, 0, 1, 2]);
        assert_eq!((transit.next_arrival(), transit.used), (None, 0));
    }

    #[test]
    fn a_flood_is_bounded_and_what_has_left_makes_room() {
        let mut transit = transit(10_000);
        for _ in 0..200 {
            transit.offer(Instant::ZERO, Way::Up, 0, &mut [0; 36], None);
        }
        assert_eq!((transit.due.len(), transit.crowded_out()), (100, 100));
        let later = Instant::ZERO + Duration::from_secs(1);
        while transit.take(later).is_some() {}
        transit.offer(later, Way::Up, 0, &mut [0; 9_000], None);
        assert_eq!((transit.due.len(), transit.slots.len()), (1, 100));
    }

    #[test]
    fn large_buffers_are_not_kept() {
        let mut transit = transit(1 << 20);
        transit.offer(Instant::ZERO, Way::Up, 0, &mut vec![0; 60_000], None);
        let later = Instant::ZERO + Duration::from_secs(1);
        transit.take(later).unwrap();
        transit.offer(later, Way::Up, 0, &mut [0; 100], None);
        assert!(transit.slots[0].bytes.capacity() <= KEPT);
    }
}
