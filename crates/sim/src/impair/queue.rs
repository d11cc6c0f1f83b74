//! A drop-tail queue in front of a serialiser, computed as a virtual clock of departures.
//! Nothing waits here: a packet is told on arrival when it will have left.

use core::time::Duration;
use std::collections::VecDeque;

use rudp_base::Instant;

use crate::LinkConfig;

#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    /// When each accepted packet will have left, and its size in bytes.
    waiting: VecDeque<(Instant, usize)>,
    bytes: usize,
    free_at: Instant,
}

/// An accepted packet's way through the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Departure {
    pub(crate) at: Instant,
    /// The time before serialisation began.
    pub(crate) waited: Duration,
    /// Whether the queue was above the threshold for congestion marks.
    pub(crate) congested: bool,
}

impl Queue {
    /// Takes a packet of `size` bytes, or refuses it because the queue is full.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        size: usize,
        config: &LinkConfig,
    ) -> Option<Departure> {
        self.release(now);
        let starts = self.free_at.max(now);
        let waited = starts - now;
        let Some(rate) = config.rate else {
            return Some(Departure { at: starts, waited, congested: false });
        };
        if !self.waiting.is_empty() && self.is_full(size, config) {
            return None;
        }
        let congested = config.ce_threshold.is_some_and(|threshold| self.bytes > threshold);
        let at = starts + serialisation(size, rate);
        self.free_at = at;
        self.bytes += size;
        self.waiting.push_back((at, size));
        Some(Departure { at, waited, congested })
    }

    fn release(&mut self, now: Instant) {
        while let Some(&(_, size)) = self.waiting.front().filter(|(left, _)| *left <= now) {
            self.bytes -= size;
            self.waiting.pop_front();
        }
    }

    fn is_full(&self, size: usize, config: &LinkConfig) -> bool {
        config.queue_bytes.is_some_and(|limit| self.bytes + size > limit)
            || config.queue_packets.is_some_and(|limit| self.waiting.len() + 1 > limit)
    }
}

/// Rounded up, so that the rate is never exceeded.
fn serialisation(size: usize, rate: u64) -> Duration {
    let bit_nanos = (size as u64).saturating_mul(8_000_000_000);
    Duration::from_nanos(bit_nanos.div_ceil(rate.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_nanos(micros * 1_000)
    }

    /// 8 Mbit/s: a byte takes a microsecond.
    fn slow() -> LinkConfig {
        LinkConfig::default().rate(8_000_000)
    }

    #[test]
    fn packets_leave_one_after_the_other() {
        let mut queue = Queue::default();
        let first = queue.admit(at(0), 100, &slow()).unwrap();
        assert_eq!((first.at, first.waited), (at(100), Duration::ZERO));
        let second = queue.admit(at(30), 100, &slow()).unwrap();
        assert_eq!((second.at, second.waited), (at(200), Duration::from_micros(70)));
        let third = queue.admit(at(500), 100, &slow()).unwrap();
        assert_eq!((third.at, third.waited), (at(600), Duration::ZERO));
    }

    #[test]
    fn a_full_queue_refuses_and_an_idle_one_never_does() {
        let bytes = LinkConfig { queue_bytes: Some(200), ..slow() };
        let packets = LinkConfig { queue_packets: Some(2), ..slow() };
        for config in [bytes, packets] {
            let mut queue = Queue::default();
            assert!(queue.admit(at(0), 100, &config).is_some());
            assert!(queue.admit(at(0), 100, &config).is_some());
            assert!(queue.admit(at(99), 100, &config).is_none());
            assert!(queue.admit(at(100), 100, &config).is_some());
            assert!(queue.admit(at(1_000), 5_000, &config).is_some());
        }
    }

    #[test]
    fn congestion_is_what_a_packet_finds() {
        let config = LinkConfig { ce_threshold: Some(100), ..slow() };
        let mut queue = Queue::default();
        let marks: Vec<bool> =
            (0..3).map(|_| queue.admit(at(0), 100, &config).unwrap().congested).collect();
        assert_eq!(marks, [false, false, true]);
    }

    #[test]
    fn a_rate_that_is_lifted_keeps_the_order() {
        let mut queue = Queue::default();
        queue.admit(at(0), 100, &slow()).unwrap();
        let next = queue.admit(at(10), 100, &LinkConfig::default()).unwrap();
        assert_eq!(next.at, at(100));
    }
}
