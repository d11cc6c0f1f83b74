//! [`Mtu`]: the search for the largest packets that a path takes (RFC 8899, docs/PROTOCOL.md, 9.4).
//! What a probe looks like, and whether there is room for one, is the connection's.

#[cfg(test)]
mod tests;

use core::net::IpAddr;
use core::time::Duration;

use rudp_base::Instant;

use crate::config::{MAX_PACKET_SIZE, MIN_PACKET_SIZE};
use crate::recovery::SizeLosses;

/// RFC 8899's `BASE_PLPMTU`: packets have this size until a larger one was acknowledged.
const BASE: u16 = MIN_PACKET_SIZE;
/// RFC 8899's `MAX_PROBES`: so many probes of a size are lost before it is too large.
const MAX_PROBES: u8 = 3;
/// RFC 8899's `PMTU_RAISE_TIMER`: so long after a search the path may have become better.
const RAISE: Duration = Duration::from_mins(10);
/// So many larger packets in a row are lost, while smaller ones come, before it is asked again
/// whether they get through.
const BLACK_HOLE: u32 = 3;
/// A probe may cost one in so many bytes.
const SHARE: u64 = 16;
/// Sizes are told apart if they differ by one in so many bytes.
const PRECISION: u16 = 32;

/// What links take, in bytes of IP: IPv6's least, tunnels, DSL, Ethernet, `InfiniBand`, clouds,
/// jumbo frames, loopback.
const USUAL: [u32; 11] =
    [1_280, 1_400, 1_420, 1_492, 1_500, 2_044, 4_092, 8_896, 9_000, 16_384, 65_536];
/// The steps upwards while nothing was too large.
const STEPS: [u32; 6] = [1_500, 2_044, 4_092, 9_000, 16_384, 65_536];
/// Links that take this, and not the next step, take nothing in between.
const ETHERNET: [u32; 2] = [1_500, 9_000];

/// What an acknowledgement tells of sizes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Acked {
    /// The largest probe that came.
    pub(crate) probe: Option<u16>,
    /// The largest packet that came, probes among them.
    pub(crate) largest: u16,
}

/// The size of a session's packets, and how it is found.
///
/// It needs no timer: probes leave only between packets that are full, so that a session without
/// much to send is left alone.
#[derive(Clone, Debug)]
pub(crate) struct Mtu {
    /// The size of packets, which is known to get through if it is searched for.
    size: u16,
    /// The least size that is known not to get through: above `size`, and above `limit` while there
    /// is none.
    too_large: u16,
    /// What the peer takes, and no more than IP carries.
    limit: u16,
    /// Bytes of the headers of IP and UDP.
    headers: u16,
    /// The program has said the size: nothing is searched for.
    is_fixed: bool,
    /// The size to be tried next; `None` when the search is over.
    candidate: Option<u16>,
    /// Probes of the candidate that were lost.
    lost: u8,
    /// The size that seems not to get through any more, and is tried before others.
    doubted: Option<u16>,
    in_flight: Option<u16>,
    /// Bytes of full packets that have to leave before the next probe.
    debt: u64,
    /// When to look for larger sizes again.
    raise_at: Option<Instant>,
    /// Packets above the base size that were lost since one of them came.
    missed: u32,
    /// The least of their sizes.
    least_missed: u16,
}

impl Mtu {
    /// The size for a path to `remote`, whose end takes `limit` bytes: the one that the program has
    /// `set`, or the one that is to be found.
    pub(crate) fn new(set: Option<u16>, limit: u16, remote: IpAddr) -> Self {
        let limit = limit.clamp(BASE, MAX_PACKET_SIZE);
        let mut mtu = Self {
            size: set.unwrap_or(BASE).min(limit),
            too_large: limit + 1,
            limit,
            headers: headers(remote),
            is_fixed: set.is_some(),
            candidate: None,
            lost: 0,
            doubted: None,
            in_flight: None,
            debt: 1,
            raise_at: None,
            missed: 0,
            least_missed: u16::MAX,
        };
        mtu.candidate = mtu.next();
        mtu
    }

    /// The size of packets.
    pub(crate) fn size(&self) -> u16 {
        self.size
    }

    /// The size of packets that are sent when nothing is heard of others: too large a size must not
    /// keep the answer away.
    pub(crate) fn safe_size(&self) -> u16 {
        if self.is_fixed { self.size } else { BASE }
    }

    /// The path is a fresh one, to `remote` (docs/PROTOCOL.md, 9.3.2).
    pub(crate) fn restart(&mut self, remote: IpAddr) {
        let set = self.is_fixed.then_some(BASE);
        *self = Self::new(set, self.limit, remote);
    }

    /// Packets of the full [`size`](Self::size) leave, `bytes` in all.
    pub(crate) fn on_full(&mut self, bytes: u64) {
        self.debt = self.debt.saturating_sub(bytes);
    }

    /// The size of the probe that is to leave, if one is.
    pub(crate) fn wants(&mut self, now: Instant) -> Option<u16> {
        if self.debt > 0 || self.in_flight.is_some() {
            return None;
        }
        if self.raise_at.take_if(|at| *at <= now).is_some() {
            self.too_large = self.limit + 1;
            self.plan(now);
        }
        self.candidate
    }

    /// A probe of `size` bytes leaves.
    pub(crate) fn on_probe(&mut self, size: u16) {
        self.in_flight = Some(size);
        self.debt = SHARE * u64::from(size);
    }

    /// An acknowledgement came, and showed what was lost. Says whether packets have another size
    /// from now on.
    pub(crate) fn on_ack(&mut self, now: Instant, acked: Acked, lost: SizeLosses) -> bool {
        let before = self.size;
        self.on_lost(now, lost);
        if self.is_fixed {
            return false;
        }
        if let Some(size) = acked.probe {
            // Nothing is to be learnt any more from a smaller one, which may have come with it.
            self.in_flight.take_if(|probe| *probe <= size);
            self.on_proven(now, size);
        }
        if acked.largest >= self.least_missed {
            self.believe();
        } else if acked.largest > 0 && self.missed >= BLACK_HOLE && self.size > BASE {
            self.doubt(now);
        }
        self.size != before
    }

    /// Packets were lost.
    pub(crate) fn on_lost(&mut self, now: Instant, lost: SizeLosses) {
        // Larger ones are of the past.
        if lost.packets > 0 && self.size > BASE && lost.least <= self.size {
            self.missed = self.missed.saturating_add(lost.packets);
            self.least_missed = self.least_missed.min(lost.least);
        }
        let Some(size) = lost.probe.filter(|size| self.in_flight == Some(*size)) else { return };
        self.in_flight = None;
        if self.candidate == Some(size) {
            self.lost += 1;
            if self.lost >= MAX_PROBES {
                self.on_too_large(now, size);
            }
        }
    }

    /// The system does not take datagrams of `size` bytes, or of more. Says whether packets have
    /// another size from now on.
    pub(crate) fn on_too_big(&mut self, now: Instant, size: u16) -> bool {
        let before = self.size;
        if size <= BASE {
            return false;
        }
        if size <= self.size {
            (self.size, self.debt) = (BASE, 1);
            self.believe();
        }
        if self.in_flight.take_if(|probe| *probe >= size).is_some() {
            // It has not left: there is nothing to pay for.
            self.debt = 0;
        }
        if !self.is_fixed && size < self.too_large {
            self.on_too_large(now, size);
        }
        self.size != before
    }

    /// A probe of `size` bytes came, perhaps later than anybody expected.
    fn on_proven(&mut self, now: Instant, size: u16) {
        if size <= self.size {
            return;
        }
        self.size = size;
        self.believe();
        self.doubted.take_if(|doubted| *doubted <= size);
        if size >= self.too_large {
            self.too_large = self.limit + 1;
        }
        self.plan(now);
    }

    /// Packets of `size` bytes do not get through.
    fn on_too_large(&mut self, now: Instant, size: u16) {
        self.too_large = self.too_large.min(size);
        self.doubted.take_if(|doubted| *doubted >= size);
        self.plan(now);
    }

    /// Only smaller packets come: the path has changed, or many were lost by chance. A probe of the
    /// size tells, while data goes on at the base size (RFC 8899, 4.3).
    fn doubt(&mut self, now: Instant) {
        self.doubted = Some(self.size);
        self.size = BASE;
        self.debt = 1;
        self.believe();
        self.plan(now);
    }

    /// Nothing will be heard of the probe in flight: it went to an address that the peer has left.
    pub(crate) fn forget_probe(&mut self) {
        self.in_flight = None;
    }

    /// The packets that were missed say nothing any more.
    fn believe(&mut self) {
        (self.missed, self.least_missed) = (0, u16::MAX);
    }

    /// Decides what to try next.
    fn plan(&mut self, now: Instant) {
        self.lost = 0;
        self.candidate = self.next();
        let is_over = self.candidate.is_none() && self.size < self.limit;
        self.raise_at = is_over.then(|| now + RAISE);
    }

    /// Upwards by steps while nothing was too large, and then the middle of what is left, by sizes
    /// that are usual first.
    fn next(&self) -> Option<u16> {
        if self.is_fixed {
            return None;
        }
        if self.doubted.is_some() {
            return self.doubted;
        }
        if self.too_large > self.limit {
            let step = STEPS.iter().map(|link| self.payload(*link)).find(|step| *step > self.size);
            let step = step.unwrap_or(self.limit).min(self.limit);
            return (step > self.size).then_some(step);
        }
        let is_open = |size: &u16| (self.size + 1..self.too_large).contains(size);
        let usual = USUAL.iter().map(|link| self.payload(*link)).filter(is_open);
        let count = usual.clone().count();
        if count > 0 {
            return usual.clone().nth(count / 2);
        }
        let gap = self.too_large - self.size;
        let is_usual = ETHERNET.iter().any(|link| self.payload(*link) == self.size);
        (!is_usual && gap > self.size / PRECISION).then(|| self.size + gap / 2)
    }

    /// The UDP payload of packets that a link takes.
    fn payload(&self, link: u32) -> u16 {
        let bytes = link.saturating_sub(u32::from(self.headers));
        u16::try_from(bytes).unwrap_or(u16::MAX).min(MAX_PACKET_SIZE)
    }
}

/// Bytes of the headers of IP and UDP.
fn headers(remote: IpAddr) -> u16 {
    match remote.to_canonical() {
        IpAddr::V4(_) => 20 + 8,
        IpAddr::V6(_) => 40 + 8,
    }
}
