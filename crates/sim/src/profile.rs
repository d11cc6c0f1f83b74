//! Presets: links as people have them, with round numbers that are typical and not measured.
//! What the numbers mean is explained at [`LinkConfig`].

use core::time::Duration;

use crate::{BurstLoss, LinkConfig};

/// A subscriber's line: the links to the network and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// From the subscriber.
    pub up: LinkConfig,
    /// To the subscriber.
    pub down: LinkConfig,
}

const MBIT: u64 = 1_000_000;

impl Profile {
    /// Gigabit Ethernet: 0.2 ms round trip, no loss.
    pub fn lan() -> Self {
        let link = line(1_000 * MBIT, Duration::from_micros(100), 256 * 1024);
        Self { up: link.clone(), down: link }
    }

    /// A DSL line: 50 Mbit/s down, 10 up, 30 ms round trip, an MTU of 1492 bytes.
    pub fn dsl() -> Self {
        let delay = Duration::from_millis(15);
        let up = LinkConfig { mtu: Some(1_492), ..line(10 * MBIT, delay, 64 * 1024) };
        let down = LinkConfig { mtu: Some(1_492), ..line(50 * MBIT, delay, 256 * 1024) };
        Self { up, down }
    }

    /// A mobile network: 40 Mbit/s down, 10 up, 60 to 80 ms round trip, jitter and little loss.
    pub fn lte() -> Self {
        let mobile = |rate, queue| LinkConfig {
            jitter: Duration::from_millis(10),
            loss: 0.001,
            mtu: Some(1_428),
            ..line(rate, Duration::from_millis(30), queue)
        };
        Self { up: mobile(10 * MBIT, 256 * 1024), down: mobile(40 * MBIT, 1024 * 1024) }
    }

    /// A geostationary satellite: 25 Mbit/s down, 3 up, 600 ms round trip, some loss.
    pub fn satellite() -> Self {
        let space = |rate: u64| {
            let link = LinkConfig { loss: 0.005, ..line(rate, Duration::from_millis(300), 0) };
            link.queue_bdp(1.0, Duration::from_millis(600))
        };
        Self { up: space(3 * MBIT), down: space(25 * MBIT) }
    }

    /// Crowded Wi-Fi: 20 Mbit/s, 10 to 50 ms round trip, bursts of loss, packets out of order.
    pub fn bad_wifi() -> Self {
        let burst = BurstLoss { enter: 0.005, leave: 0.25, good_loss: 0.002, bad_loss: 0.6 };
        let link = LinkConfig {
            burst_loss: Some(burst),
            jitter: Duration::from_millis(20),
            duplicate: 0.001,
            reorder: 0.01,
            reorder_by: Duration::from_millis(5),
            ..line(20 * MBIT, Duration::from_millis(5), 128 * 1024)
        };
        Self { up: link.clone(), down: link }
    }

    /// A slow line with a queue much too long: 10 Mbit/s down, 1 up, 40 ms round trip, and 2 s of
    /// queue either way.
    pub fn bufferbloat() -> Self {
        let bloated =
            |rate| line(rate, Duration::from_millis(20), 0).queue_bdp(1.0, Duration::from_secs(2));
        Self { up: bloated(MBIT), down: bloated(10 * MBIT) }
    }

    /// All presets with their names, in the order above.
    pub fn all() -> [(&'static str, Self); 6] {
        [
            ("lan", Self::lan()),
            ("dsl", Self::dsl()),
            ("lte", Self::lte()),
            ("satellite", Self::satellite()),
            ("bad_wifi", Self::bad_wifi()),
            ("bufferbloat", Self::bufferbloat()),
        ]
    }
}

fn line(rate: u64, delay: Duration, queue_bytes: usize) -> LinkConfig {
    let queue_bytes = Some(queue_bytes);
    LinkConfig { mtu: Some(1_500), queue_bytes, ..LinkConfig::delay(delay) }.rate(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_a_queue_of_at_least_some_packets() {
        for (name, profile) in Profile::all() {
            for link in [profile.up, profile.down] {
                assert!(link.queue_bytes.is_some_and(|bytes| bytes > 50_000), "{name}");
                assert!(link.rate.is_some() && link.mtu.is_some(), "{name}");
            }
        }
    }

    #[test]
    fn bloat_is_two_seconds() {
        let Profile { up, down } = Profile::bufferbloat();
        assert_eq!((up.queue_bytes, down.queue_bytes), (Some(250_000), Some(2_500_000)));
    }
}
