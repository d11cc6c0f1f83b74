//! Propagation: delay, jitter, and packets that are held back while others pass.
//! Waiting for the serialiser is the queue's.

use core::time::Duration;

use rudp_base::Instant;

use crate::LinkConfig;
use crate::dice::Dice;

#[derive(Clone, Debug, Default)]
pub(crate) struct Delay {
    /// The latest arrival of a packet that was not held back.
    latest: Instant,
    /// What makes this link's wave of jitter.
    wave: Option<u64>,
}

/// What a packet takes beyond the link's delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extra {
    jitter: Duration,
    pub(crate) held_back: bool,
}

impl Delay {
    /// Throws the dice for a packet that left the serialiser at `departure`. Second copies have
    /// dice of their own.
    pub(crate) fn throw(
        &mut self,
        departure: Instant,
        config: &LinkConfig,
        dice: &mut Dice,
        second: bool,
    ) -> Extra {
        let most = u64::try_from(config.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = if most == 0 {
            0
        } else if config.jitter_reorders {
            let die = if second { &mut dice.copies } else { &mut dice.jitter };
            die.rng().below(most.saturating_add(1))
        } else {
            let key = self.wave.get_or_insert_with(|| dice.wave.rng().next_u64());
            wave(departure.as_nanos(), most, *key)
        };
        let die = if second { &mut dice.copies } else { &mut dice.reorder };
        Extra { jitter: Duration::from_nanos(jitter), held_back: die.chance(config.reorder) }
    }

    /// When the packet arrives.
    pub(crate) fn arrival(
        &mut self,
        departure: Instant,
        config: &LinkConfig,
        extra: Extra,
    ) -> Instant {
        let mut at = departure + config.delay + extra.jitter;
        if !config.jitter_reorders {
            // The wave keeps the order by itself, but not across a change of the configuration.
            at = at.max(self.latest);
        }
        if extra.held_back {
            // Packets behind do not wait for it: that is the point.
            return at + config.reorder_by;
        }
        self.latest = self.latest.max(at);
        at
    }
}

/// A continuous function of time from 0 to `most` that never falls faster than time passes, so that
/// what is delayed by it stays in order: a straight line from each multiple of `most` to the next,
/// where it has random values.
///
/// It is a function, not a process: no load and no other impairment has an influence on it.
fn wave(time: u64, most: u64, key: u64) -> u64 {
    let (nth, passed) = (time / most, time % most);
    let (from, to) = (target(nth, most, key), target(nth.wrapping_add(1), most, key));
    let part = |height: u64| {
        // Not more than `height`, since `passed` is less than `most`.
        u64::try_from(u128::from(height) * u128::from(passed) / u128::from(most)).unwrap_or(height)
    };
    if from < to { from + part(to - from) } else { from - part(from - to) }
}

/// A number from 0 to `most` for each `nth`, as a splitmix64 generator would give it.
fn target(nth: u64, most: u64, key: u64) -> u64 {
    let mut bits = key.wrapping_add(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    let scaled = u128::from(bits) * (u128::from(most) + 1);
    u64::try_from(scaled >> 64).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use rudp_base::Seed;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    struct Arrival {
        at: Instant,
        held_back: bool,
    }

    /// The arrivals of 10,000 packets, `spacing` apart.
    fn arrivals_every(spacing: Duration, config: &LinkConfig) -> Vec<Arrival> {
        let mut dice = Dice::new(&Seed::from_u64(1));
        let mut delay = Delay::default();
        let mut arrival = |nth: u32| {
            let departure = Instant::ZERO + spacing * nth;
            let extra = delay.throw(departure, config, &mut dice, false);
            let at = delay.arrival(departure, config, extra);
            Arrival { at, held_back: extra.held_back }
        };
        (0..10_000).map(&mut arrival).collect()
    }

    fn arrivals(config: &LinkConfig) -> Vec<Arrival> {
        arrivals_every(MS, config)
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

    #[test]
    fn jitter_that_keeps_order_has_its_mean_and_range_and_no_clumps_under_any_load() {
        let config = LinkConfig { jitter: MS, ..LinkConfig::default() };
        for spacing in [50, 100, 900, 1_000, 7_777, 100_000].map(Duration::from_micros) {
            let arrivals = arrivals_every(spacing, &config);
            let took: Vec<Duration> =
                (0..).zip(&arrivals).map(|(i, a)| a.at - (Instant::ZERO + spacing * i)).collect();
            let mean = took.iter().sum::<Duration>() / 10_000;
            assert!((MS * 47 / 100..=MS * 53 / 100).contains(&mean), "{spacing:?}: {mean:?}");
            assert!(took.iter().min() < Some(&(MS / 50)), "{spacing:?}");
            assert!(took.iter().max() > Some(&(MS * 49 / 50)), "{spacing:?}");
            assert!(took.iter().max() <= Some(&MS), "{spacing:?}");
            let clumps = arrivals.windows(2).filter(|pair| pair[0].at == pair[1].at).count();
            assert!(clumps < 10, "{spacing:?}: {clumps}");
        }
    }

    #[test]
    fn neighbours_share_their_jitter() {
        let config = LinkConfig { jitter: MS * 100, ..LinkConfig::default() };
        let spacing = MS / 10;
        let arrivals = arrivals_every(spacing, &config);
        for pair in arrivals.windows(2) {
            assert!(pair[1].at - pair[0].at <= spacing * 2 + Duration::from_nanos(1));
        }
    }

    #[test]
    fn the_wave_never_falls_faster_than_time_passes() {
        for key in 0..200 {
            for most in [1, 2, 3, 7, 100] {
                let delayed: Vec<u64> = (0..1_000).map(|at| at + wave(at, most, key)).collect();
                assert!(delayed.is_sorted(), "{most} {key}");
                assert!((0..1_000).all(|at| wave(at, most, key) <= most));
            }
            // The greatest jitter and the latest time do not overflow.
            wave(u64::MAX - 1, u64::MAX, key);
            wave(u64::MAX, 1, key);
        }
    }
}
