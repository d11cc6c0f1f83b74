//! [`Transit`]: a pair of links with the packets on their way through them, for real packets.
//! Whose they are and which socket they leave from is for its user to know.

use core::cmp::Reverse;
use core::mem::{size_of, take};
use std::collections::BinaryHeap;

use rudp_base::{Ecn, Instant, Seed};

use crate::{Fate, Link, LinkConfig, LinkStats};

/// The buffer that a packet has at least, and the largest that is kept for the next one.
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
    up: Side,
    down: Side,
    /// When each packet arrives, its number (which breaks ties in order of sending) and its slot.
    due: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    slots: Vec<Packet<N>>,
    free: Vec<usize>,
    /// The last packet that was taken, if it was larger than what is kept.
    large: Vec<u8>,
    next: u64,
    memory: usize,
    used: usize,
}

/// A link, and what it let pass in vain.
#[derive(Debug)]
struct Side {
    link: Link,
    /// Packets that found no memory, and their bytes.
    crowded_out: (u64, u64),
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
    /// What a packet costs of the memory besides its buffer: its places in the three lists, each of
    /// which may have room for twice as many, and what the allocator adds.
    const BOOKKEEPING: usize =
        2 * (size_of::<Packet<N>>() + size_of::<(Instant, u64, usize)>() + size_of::<usize>()) + 16;

    /// The link up, the link down, and how many bytes of memory packets on their way may take, each
    /// for a buffer of 2,048 bytes or its length, whichever is more, and some bookkeeping; what is
    /// more vanishes, as in any router. Buffers that are kept for the next packets take as much
    /// again at the most, if there were packets larger than 2,048 bytes, and else nothing. The
    /// links' dice follow from `seed`.
    pub fn new(up: LinkConfig, down: LinkConfig, memory: usize, seed: &Seed) -> Self {
        let side = |config: LinkConfig, name: &str| Side {
            link: Link::new(config, &seed.fork(name)),
            crowded_out: (0, 0),
        };
        Self {
            up: side(up, "up"),
            down: side(down, "down"),
            due: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            large: Vec::new(),
            next: 0,
            memory,
            used: 0,
        }
    }

    /// What a packet of so many bytes costs of the memory.
    fn cost(len: usize) -> usize {
        len.max(KEPT) + Self::BOOKKEEPING
    }

    /// Offers a packet to the link that goes its way, and tells how many copies of it are on their
    /// way now. `now` never goes back; the bytes in `packet` are nobody's afterwards.
    pub fn offer(
        &mut self,
        now: Instant,
        way: Way,
        note: N,
        packet: &mut [u8],
        ecn: Option<Ecn>,
    ) -> u32 {
        let Self { up, down, due, slots, free, next, memory, used, .. } = self;
        let Side { link, crowded_out } = match way {
            Way::Up => up,
            Way::Down => down,
        };
        let mut vain = 0;
        let fate = link.offer(now, packet, ecn, |delivery| {
            let len = delivery.bytes.len();
            let cost = Self::cost(len);
            if *used + cost > *memory {
                *crowded_out = (crowded_out.0 + 1, crowded_out.1 + len as u64);
                vain += 1;
                return;
            }
            *used += cost;
            let slot = free.pop().unwrap_or(slots.len());
            if slot == slots.len() {
                slots.push(Packet { way, note: note.clone(), ecn: None, bytes: Vec::new() });
            }
            let place = &mut slots[slot];
            (place.way, place.note, place.ecn) = (way, note.clone(), delivery.ecn);
            if place.bytes.capacity() < len.max(KEPT) {
                place.bytes = Vec::with_capacity(len.max(KEPT));
            }
            place.bytes.clear();
            place.bytes.extend_from_slice(delivery.bytes);
            due.push(Reverse((delivery.at, *next, slot)));
            *next += 1;
        });
        match fate {
            Fate::Delivered { copies, .. } => copies - vain,
            Fate::Dropped(_) => 0,
        }
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
        let Packet { way, note, ecn, bytes } = &mut self.slots[slot];
        self.used -= Self::cost(bytes.len());
        let bytes = if bytes.len() > KEPT {
            self.large = take(bytes);
            &self.large
        } else {
            bytes
        };
        Some(Arrival { at, way: *way, note, ecn: *ecn, bytes })
    }

    /// The link that goes a way.
    pub fn link(&self, way: Way) -> &Link {
        &self.side(way).link
    }

    /// What the link that goes a way has counted, but as delivered only what found memory: the
    /// difference to the link's own counters is [`crowded_out`](Self::crowded_out).
    pub fn stats(&self, way: Way) -> LinkStats {
        let Side { link, crowded_out: (packets, bytes) } = self.side(way);
        let stats = *link.stats();
        LinkStats {
            delivered: stats.delivered - packets,
            delivered_bytes: stats.delivered_bytes - bytes,
            ..stats
        }
    }

    /// How many packets vanished because the memory was full, both ways together.
    pub fn crowded_out(&self) -> u64 {
        self.up.crowded_out.0 + self.down.crowded_out.0
    }

    fn side(&self, way: Way) -> &Side {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
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
        let small = Transit::<u32>::cost(1);
        let mut transit = transit(100 * small);
        let kept: u32 =
            (0..200).map(|_| transit.offer(Instant::ZERO, Way::Up, 0, &mut [0; 36], None)).sum();
        assert_eq!((kept, transit.due.len(), transit.crowded_out()), (100, 100, 100));
        // What found no memory does not arrive, whatever the link says.
        let (stats, said) = (transit.stats(Way::Up), transit.link(Way::Up).stats());
        assert_eq!((stats.delivered, stats.delivered_bytes), (100, 3_600));
        assert_eq!((said.delivered, transit.stats(Way::Down).delivered), (200, 0));
        let later = Instant::ZERO + Duration::from_secs(1);
        while transit.take(later).is_some() {}
        transit.offer(later, Way::Up, 0, &mut [0; 9_000], None);
        assert_eq!((transit.due.len(), transit.slots.len()), (1, 100));
    }

    /// The bytes of all buffers.
    fn buffers(transit: &Transit<u32>) -> usize {
        transit.slots.iter().map(|packet| packet.bytes.capacity()).sum()
    }

    #[test]
    fn packets_of_all_lengths_in_turn_take_no_more_than_the_memory() {
        let memory = 1 << 20;
        let mut transit = transit(memory);
        let mut now = Instant::ZERO;
        // Each leaves before the next ones come, so that short ones get the buffers of long ones.
        for len in [1_472, 1, 2_048, 36, 1_000, 1_473, 0].repeat(3) {
            while transit.offer(now, Way::Up, 0, &mut vec![0; len], None) == 1 {}
            assert!(transit.used <= memory && buffers(&transit) <= memory, "{len}");
            now += Duration::from_secs(1);
            for _ in 0..100 {
                transit.take(now).unwrap();
            }
        }
    }

    #[test]
    fn large_buffers_are_not_kept() {
        let memory = 1 << 20;
        let mut transit = transit(memory);
        let at = |number: u32| Instant::ZERO + Duration::from_millis(4) * number;
        for number in 0..200 {
            transit.offer(at(number), Way::Up, number, &mut [0; 100], None);
        }
        // Each time a small packet has left, a large one takes its place, and leaves at once.
        for number in 0..200 {
            let now = at(number) + Duration::from_secs(1);
            assert_eq!(*transit.take(now).unwrap().note, number);
            assert_eq!(transit.offer(now, Way::Down, 0, &mut vec![7; 60_000], None), 1);
            assert!(buffers(&transit) <= 2 * memory);
            let arrival = transit.take(now + Duration::from_millis(1)).unwrap();
            assert_eq!(arrival.bytes, vec![7; 60_000]);
        }
        assert_eq!((transit.used, buffers(&transit)), (0, 0));
    }
}
