//! When to send a packet again: the fixed timer of old peers, or RFC 6298's estimate.
//! What is sent again, and how often, is the sender's business.

use core::time::Duration;

/// No timer is shorter, whatever it was told: one of no length would never stop firing.
pub(crate) const LEAST: Duration = Duration::from_millis(1);

/// The retransmission timer's rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rto {
    /// The same time for every packet and every try; the classic value is 4 s.
    Fixed(Duration),
    /// RFC 6298: from measured round-trip times, doubled for every try in a row.
    Adaptive {
        /// Until the first measurement.
        initial: Duration,
        /// The least, whatever was measured.
        min: Duration,
        /// The most, doubling included.
        max: Duration,
    },
}

impl Rto {
    /// The timer of the peers that existed first.
    pub const CLASSIC: Self = Self::Fixed(Duration::from_secs(4));

    /// The longest time between two transmissions of a packet.
    pub fn longest(self) -> Duration {
        match self {
            Self::Fixed(rto) => rto,
            Self::Adaptive { max, .. } => max,
        }
    }
}

impl Default for Rto {
    /// Adaptive: 1 s at first (RFC 6298, 2.1), then 200 ms to 4 s.
    fn default() -> Self {
        Self::Adaptive {
            initial: Duration::from_secs(1),
            min: Duration::from_millis(200),
            max: Duration::from_secs(4),
        }
    }
}

/// The estimate for one session.
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    rule: Rto,
    /// Smoothed round-trip time and its variation, once measured.
    measured: Option<(Duration, Duration)>,
    /// How often the timer was doubled since the last measurement (RFC 6298, 5.5).
    backoff: u32,
}

impl RttEstimator {
    pub(crate) fn new(rule: Rto) -> Self {
        Self { rule, measured: None, backoff: 0 }
    }

    /// Takes the round-trip time of a packet that was sent once: one that was sent again measures
    /// nothing (Karn's rule, RFC 6298, 3).
    pub(crate) fn on_sample(&mut self, rtt: Duration) {
        self.backoff = 0;
        self.measured = Some(match self.measured {
            None => (rtt, rtt / 2),
            Some((srtt, rttvar)) => {
                (srtt * 7 / 8 + rtt / 8, rttvar * 3 / 4 + srtt.abs_diff(rtt) / 4)
            }
        });
    }

    /// Doubles the timer: nothing came in time.
    pub(crate) fn on_timeout(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// The time to wait for an answer to a packet sent now.
    pub(crate) fn rto(&self) -> Duration {
        match self.rule {
            Rto::Fixed(rto) => rto.max(LEAST),
            Rto::Adaptive { initial, min, max } => {
                let base =
                    self.measured.map_or(initial, |(srtt, rttvar)| (srtt + rttvar * 4).max(min));
                base.saturating_mul(1 << self.backoff.min(16)).min(max).max(LEAST)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn starts_at_one_second_and_doubles_to_four() {
        let mut rtt = RttEstimator::new(Rto::default());
        let mut waits = Vec::new();
        for _ in 0..4 {
            waits.push(rtt.rto().as_millis());
            rtt.on_timeout();
        }
        assert_eq!(waits, [1_000, 2_000, 4_000, 4_000]);
    }

    #[test]
    fn follows_rfc_6298() {
        let mut rtt = RttEstimator::new(Rto::default());
        rtt.on_sample(400 * MS);
        assert_eq!(rtt.rto(), 400 * MS + 4 * (200 * MS), "2.2: SRTT + 4 RTT/2");
        rtt.on_sample(480 * MS);
        // 2.3: RTTVAR = 3/4 200 + 1/4 |400 - 480|, SRTT = 7/8 400 + 1/8 480.
        assert_eq!(rtt.rto(), 410 * MS + 4 * (170 * MS));
    }

    #[test]
    fn stays_between_its_bounds() {
        let mut rtt = RttEstimator::new(Rto::default());
        rtt.on_sample(MS / 10);
        assert_eq!(rtt.rto(), 200 * MS);
        rtt.on_sample(60_000 * MS);
        assert_eq!(rtt.rto(), 4_000 * MS);
        for _ in 0..100 {
            rtt.on_timeout();
        }
        assert_eq!(rtt.rto(), 4_000 * MS);
    }

    #[test]
    fn a_measurement_ends_the_doubling() {
        let mut rtt = RttEstimator::new(Rto::default());
        rtt.on_sample(100 * MS);
        rtt.on_timeout();
        assert_eq!(rtt.rto(), 600 * MS);
        rtt.on_sample(100 * MS);
        assert!(rtt.rto() < 300 * MS);
    }

    #[test]
    fn the_fixed_timer_stays_fixed() {
        let mut rtt = RttEstimator::new(Rto::CLASSIC);
        rtt.on_sample(MS);
        rtt.on_timeout();
        assert_eq!(rtt.rto(), 4_000 * MS);
    }
}
