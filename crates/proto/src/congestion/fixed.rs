//! [`Fixed`]: a rate that somebody set, for links that one owns.
//! It reacts to nothing, and must not be used where others share the link.

use core::time::Duration;

use rudp_base::Instant;

use super::{AckSample, CongestionSample, Controller, INITIAL_PACKETS, SentSample};

/// The round-trip time before one was measured (RFC 9002, 6.2.2).
const INITIAL_RTT: Duration = Duration::from_millis(333);

/// A fixed rate.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// Bytes per second.
    rate: u64,
    smoothed_rtt: Duration,
    max_datagram_size: u64,
}

impl Fixed {
    /// A controller that sends `rate` bytes per second (at least 1) in packets of
    /// `max_datagram_size` bytes.
    pub fn new(rate: u64, max_datagram_size: u32) -> Self {
        let max_datagram_size = u64::from(max_datagram_size);
        Self { rate: rate.max(1), smoothed_rtt: INITIAL_RTT, max_datagram_size }
    }
}

impl Controller for Fixed {
    fn on_sent(&mut self, _: &SentSample) {}

    fn on_ack(&mut self, sample: &AckSample) {
        self.smoothed_rtt = sample.smoothed_rtt;
    }

    fn on_congestion(&mut self, _: &CongestionSample) {}

    fn on_undo(&mut self, _: Instant) {}

    fn on_path(&mut self, max_datagram_size: u32, fresh: bool) {
        self.max_datagram_size = u64::from(max_datagram_size);
        if fresh {
            self.smoothed_rtt = INITIAL_RTT;
        }
    }

    /// Twice what is on the way: acknowledgements come late and in lumps, losses leave holes.
    fn window(&self) -> u64 {
        let flight = u128::from(self.rate) * self.smoothed_rtt.as_nanos() / 1_000_000_000;
        let window = u64::try_from(flight * 2).unwrap_or(u64::MAX);
        window.max(INITIAL_PACKETS * self.max_datagram_size)
    }

    fn pacing_rate(&self) -> Option<u64> {
        Some(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::super::CongestionKind;
    use super::super::tests::{ack, congestion};
    use super::*;

    #[test]
    fn the_window_is_twice_the_flight_and_nothing_lowers_the_rate() {
        let mut fixed = Fixed::new(1_000_000, 1_200);
        assert_eq!(fixed.window(), 666_000);
        fixed.on_ack(&ack(50, 1_200, 50));
        assert_eq!(fixed.window(), 100_000);
        fixed.on_congestion(&congestion(60, CongestionKind::Persistent, 60));
        assert_eq!((fixed.window(), fixed.pacing_rate()), (100_000, Some(1_000_000)));
        fixed.on_ack(&ack(100, 1_200, 1));
        assert_eq!(fixed.window(), 12_000, "the floor");
        fixed.on_path(1_400, false);
        assert_eq!(fixed.window(), 14_000);
        fixed.on_path(1_200, true);
        assert_eq!(fixed.window(), 666_000);
    }

    #[test]
    fn absurd_rates_are_no_overflow() {
        assert!(Fixed::new(u64::MAX, 1_200).window() > u64::MAX / 2);
        let mut fixed = Fixed::new(u64::MAX, 1_200);
        fixed.on_ack(&ack(10_000, 1_200, 5_000));
        assert_eq!(fixed.window(), u64::MAX);
        assert_eq!(Fixed::new(0, 1_200).pacing_rate(), Some(1));
    }
}
