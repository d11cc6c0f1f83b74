//! Propagation: delay, jitter, and packets that are held back while others pass.
//! Waiting for the serialiser is the queue's.

use core::time::Duration;

use rudp_base::{Instant, PublicRng};

use crate::LinkConfig;

#[derive(Clone, Debug, Default)]
pub(crate) struct Delay {
    /// The latest arrival of a packet that was not held back.
    latest: Instant,
}

/// When a packet arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) held_back: bool,
}

impl Delay {
    /// The arrival of a packet that left the serialiser at `departure`.
    pub(crate) fn arrival(
        &mut self,
        departure: Instant,
        config: &LinkConfig,
        rng: &mut PublicRng,
    ) -> Arrival {
        let mut at = departure + config.delay + jitter(config.jitter, rng);
        if !config.jitter_reorders {
            at = at.max(self.latest);
        }
        if rng.chance(config.reorder) {
            // Packets behind do not wait for it: that is the point.
            return Arrival { at: at + config.reorder_by, held_back: true };
        }
        self.latest = self.latest.max(at);
        Arrival { at, held_back: false }
    }
}

fn jitter(most: Duration, rng: &mut PublicRng) -> Duration {
    if most.is_zero() {
        return Duration::ZERO;
    }
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(rng.below(nanos.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use rudp_base::Seed;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn arrivals(config: &LinkConfig) -> Vec<Arrival> {
        let mut rng = Seed::from_u64(1).public_stream("test");
        let mut delay = Delay::default();
        (0..10_000).map(|i| delay.arrival(Instant::ZERO + MS * i, config, &mut rng)).collect()
    }

    fn overtakes(arrivals: &[Arrival]) -> usize {
        arrivals.windows(2).filter(|pair| pair[1].at < pair[0].at).count()
    }

    #[test]
    fn jitter_keeps_order_unless_told_otherwise() {
        let orderly = LinkConfig { jitter: MS * 5, ..LinkConfig::delay(MS * 10) };
        assert_eq!(overtakes(&arrivals(&orderly)), 0);
        let wild = LinkConfig { jitter_reorders: true, ..orderly };
        let wild = arrivals(&wild);
        assert!(overtakes(&wild) > 3_000);
        for (i, arrival) in (0..).zip(&wild) {
            let took = arrival.at - (Instant::ZERO + MS * i);
            assert!((MS * 10..=MS * 15).contains(&took));
        }
    }

    #[test]
    fn held_back_packets_are_late_and_alone_in_it() {
        let config = LinkConfig { reorder: 0.1, reorder_by: MS * 3, ..LinkConfig::delay(MS) };
        let arrivals = arrivals(&config);
        for (i, arrival) in (0..).zip(&arrivals) {
            let late = if arrival.held_back { MS * 3 } else { Duration::ZERO };
            assert_eq!(arrival.at, Instant::ZERO + MS * i + MS + late);
        }
        let held_back = arrivals.iter().filter(|arrival| arrival.held_back).count();
        assert!((900..1_100).contains(&held_back), "{held_back}");
    }
}
