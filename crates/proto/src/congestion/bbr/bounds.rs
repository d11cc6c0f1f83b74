//! [`Bounds`]: what losses say about how much may be in flight and how fast it may leave, in the long
//! run and until the next probe (draft-ietf-ccwg-bbr, 2.9 and 5.5.10). When they are lost, and when
//! it is probed, is decided elsewhere.

use super::percent;

/// What is left of a bound after a round with congestion, at least (draft-ietf-ccwg-bbr, 2.8,
/// `Beta`).
const BETA_PERCENT: u64 = 70;
/// What is left of the rate after a round of cruising that stood in a queue, at least.
const QUEUED_PERCENT: u64 = 90;
/// What is left of the bandwidth after any number of them: the queue may be others', or the path a longer
/// one.
const LEAST_QUEUED_PERCENT: u64 = 50;
/// The part of the long-term bound that is left to others while cruising (draft-ietf-ccwg-bbr, 2.8,
/// `Headroom`).
const HEADROOM_PERCENT: u64 = 15;
/// The slope of the long-term bound doubles at most so often (draft-ietf-ccwg-bbr, 5.3.3.9).
const MAX_DOUBLINGS: u32 = 30;
/// No bound.
pub(super) const NONE: u64 = u64::MAX;

/// What the newest round trip delivered: its highest rate and volume (draft-ietf-ccwg-bbr,
/// 5.5.10.3).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Latest {
    /// Bytes per second.
    pub(super) rate: u64,
    /// Bytes.
    pub(super) volume: u64,
}

/// The bounds, in bytes and bytes per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) inflight_longterm: u64,
    pub(super) inflight_shortterm: u64,
    pub(super) bw_shortterm: u64,
    /// How often the slope of the long-term bound doubled in this probe, and how much has to be
    /// acknowledged before it grows by a packet.
    doublings: u32,
    acked_per_packet: u64,
    acked: u64,
}

impl Bounds {
    pub(super) fn new() -> Self {
        Self {
            inflight_longterm: NONE,
            inflight_shortterm: NONE,
            bw_shortterm: NONE,
            doublings: 0,
            acked_per_packet: NONE,
            acked: 0,
        }
    }

    /// Forgets the bounds that hold until the next probe.
    pub(super) fn reset_shortterm(&mut self) {
        (self.bw_shortterm, self.inflight_shortterm) = (NONE, NONE);
    }

    /// A round without probing met congestion: from now on about what the path `latest` delivered,
    /// and not less than 70 % of what there was before (draft-ietf-ccwg-bbr, 5.5.10.3).
    pub(super) fn cut(&mut self, max_bw: u64, window: u64, latest: Latest) {
        let bw = if self.bw_shortterm == NONE { max_bw } else { self.bw_shortterm };
        let inflight = match self.inflight_shortterm {
            NONE => window,
            bound => bound,
        };
        self.bw_shortterm = percent(bw, BETA_PERCENT).max(latest.rate);
        self.inflight_shortterm = percent(inflight, BETA_PERCENT).max(latest.volume);
    }

    /// A round of cruising at `bw` stood in a queue all the time: from now on about what `latest`
    /// delivered, since what is beyond that only makes the queue longer. While the queue stands each round
    /// takes a little, as the pacing is below the rate.
    pub(super) fn follow(&mut self, (bw, max_bw): (u64, u64), latest: Latest) {
        let least = percent(bw, QUEUED_PERCENT).max(percent(max_bw, LEAST_QUEUED_PERCENT));
        self.bw_shortterm = self.bw_shortterm.min(least.max(latest.rate));
    }

    /// A probe met congestion with `in_flight`, where `target` is meant to be
    /// (draft-ietf-ccwg-bbr, 5.5.10.2).
    pub(super) fn on_too_high(&mut self, in_flight: u64, target: u64) {
        self.inflight_longterm = percent(target, BETA_PERCENT).max(in_flight);
    }

    /// The long-term bound with what is left to others, in packets of `max_datagram_size`
    /// (draft-ietf-ccwg-bbr, 5.3.3.9).
    pub(super) fn with_headroom(&self, max_datagram_size: u64) -> u64 {
        if self.inflight_longterm == NONE {
            return NONE;
        }
        let headroom = percent(self.inflight_longterm, HEADROOM_PERCENT).max(max_datagram_size);
        self.inflight_longterm.saturating_sub(headroom)
    }

    /// Before a probe.
    pub(super) fn stop_growth(&mut self) {
        (self.doublings, self.acked, self.acked_per_packet) = (0, 0, NONE);
    }

    /// Doubles the slope of the long-term bound (draft-ietf-ccwg-bbr, 5.3.3.9).
    pub(super) fn raise_slope(&mut self, window: u64, max_datagram_size: u64) {
        self.acked_per_packet = (window >> self.doublings).max(max_datagram_size);
        self.doublings = (self.doublings + 1).min(MAX_DOUBLINGS);
    }

    /// `bytes` were acknowledged while the long-term bound was in the way of a probe.
    pub(super) fn grow(&mut self, bytes: u64, max_datagram_size: u64) {
        self.acked = self.acked.saturating_add(bytes);
        let packets = self.acked / self.acked_per_packet.max(1);
        self.acked -= packets * self.acked_per_packet;
        let growth = packets.saturating_mul(max_datagram_size);
        self.inflight_longterm = self.inflight_longterm.saturating_add(growth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_follow_what_arrives_but_not_below_70_percent() {
        let mut bounds = Bounds::new();
        bounds.cut(1_000, 2_000, Latest { rate: 900, volume: 100 });
        assert_eq!((bounds.bw_shortterm, bounds.inflight_shortterm), (900, 1_400));
        bounds.cut(1_000, 2_000, Latest { rate: 10, volume: 1_300 });
        assert_eq!((bounds.bw_shortterm, bounds.inflight_shortterm), (630, 1_300));
        bounds.reset_shortterm();
        assert_eq!((bounds.bw_shortterm, bounds.inflight_shortterm), (NONE, NONE));
    }

    #[test]
    fn a_round_in_a_queue_takes_a_tenth_of_the_rate_at_most() {
        let mut bounds = Bounds::new();
        // (rate before, what arrived, rate afterwards)
        let table = [
            (1_000, 950, 950),
            (950, 10, 855),
            (855, 900, 855),
            (855, 0, 769),
            (769, 0, 692),
            (550, 0, 500),
            (500, 0, 500),
        ];
        for (bw, rate, expected) in table {
            bounds.follow((bw, 1_000), Latest { rate, volume: 100 });
            assert_eq!(bounds.bw_shortterm, expected, "{rate} of {bw}");
        }
        assert_eq!(bounds.inflight_shortterm, NONE);
    }

    #[test]
    fn the_long_term_bound_is_what_was_in_flight_with_headroom() {
        let mut bounds = Bounds::new();
        assert_eq!(bounds.with_headroom(1_000), NONE);
        bounds.on_too_high(50_000, 100_000);
        assert_eq!(bounds.inflight_longterm, 70_000);
        bounds.on_too_high(100_000, 100_000);
        assert_eq!(bounds.with_headroom(1_000), 85_000);
        assert_eq!(bounds.with_headroom(20_000), 80_000);
    }

    #[test]
    fn growth_doubles_with_each_round_of_a_probe() {
        let mut bounds = Bounds::new();
        bounds.on_too_high(100_000, 100_000);
        let mut grown = Vec::new();
        for _ in 0..5 {
            bounds.raise_slope(100_000, 1_000);
            let before = bounds.inflight_longterm;
            // A window, packet by packet.
            (0..100).for_each(|_| bounds.grow(1_000, 1_000));
            grown.push((bounds.inflight_longterm - before) / 1_000);
        }
        assert_eq!(grown, [1, 2, 4, 8, 16]);
        bounds.stop_growth();
        bounds.grow(1 << 40, 1_000);
        assert_eq!(bounds.inflight_longterm, 131_000);
    }
}
