//! [`LinkConfig`]: what a link does to packets, as plain numbers that may change in mid-run.
//! State and dice are not here: they belong to the [`Link`](crate::Link).

use core::time::Duration;

/// IPv4 header (20 bytes) plus UDP header (8 bytes).
pub const IPV4_UDP_OVERHEAD: usize = 28;

/// What a one-way link does to the packets offered to it. The default is a perfect link without
/// delay.
///
/// Probabilities are from 0 (never) to 1 (always). Each impairment has dice of its own, and each
/// packet that leaves the queue throws all of them, lost or not: switching one on, or changing it,
/// does not change which packets the others hit. (Partitions, the MTU and full queues do: what they
/// drop throws nothing.)
///
/// ```
/// use core::time::Duration;
/// use rudp_sim::LinkConfig;
///
/// let config = LinkConfig { loss: 0.01, ..LinkConfig::delay(Duration::from_millis(20)) }
///     .rate(10_000_000)
///     .queue_bdp(1.0, Duration::from_millis(40));
/// assert_eq!(config.queue_bytes, Some(50_000));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinkConfig {
    /// Bytes that every datagram costs beyond its payload; they count towards the MTU, the queue
    /// and the rate. 28 by default: IPv4 and UDP; 48 for IPv6.
    pub overhead: usize,
    /// The greatest packet in bytes, [`overhead`](Self::overhead) included; greater ones vanish, as
    /// they do without ICMP. `None`: any.
    pub mtu: Option<usize>,
    /// Bits per second, at least 1. `None`: no serialisation time, and so no queue.
    pub rate: Option<u64>,
    /// How many bytes may be in the queue, with the packet being serialised and the new one. An
    /// idle link takes any packet. `None`: any number.
    pub queue_bytes: Option<usize>,
    /// As [`queue_bytes`](Self::queue_bytes), in packets.
    pub queue_packets: Option<usize>,
    /// ECN-capable packets that find more than so many bytes in the queue are marked CE. `None`:
    /// no marking.
    pub ce_threshold: Option<usize>,
    /// What is done to packets that are ECN-capable.
    pub ecn: EcnHandling,
    /// The probability that a packet is lost, independently of all others.
    pub loss: f64,
    /// Loss in bursts, in addition to [`loss`](Self::loss).
    pub burst_loss: Option<BurstLoss>,
    /// The probability that a packet is damaged, in a way that no checksum of IP or UDP finds.
    pub corrupt: f64,
    /// What damage is done.
    pub corruption: Corruption,
    /// The probability that a packet arrives twice.
    pub duplicate: f64,
    /// Propagation delay.
    pub delay: Duration,
    /// A packet takes up to so much more, half of it on average.
    ///
    /// The extra delay is a function of the time at which a packet leaves the queue, whatever the
    /// load: at each multiple of `jitter` it has a random value from 0 to `jitter`, equally
    /// distributed, and in between it is on the straight line from one to the next. So packets of
    /// about the same time share it, and none overtakes another: it never falls faster than time
    /// passes.
    pub jitter: Duration,
    /// Whether jitter lets packets overtake each other: then each has an extra delay of its own
    /// from 0 to [`jitter`](Self::jitter), equally distributed.
    pub jitter_reorders: bool,
    /// The probability that a packet is held back by [`reorder_by`](Self::reorder_by), while those
    /// behind it pass.
    pub reorder: f64,
    /// How long a held back packet is late.
    pub reorder_by: Duration,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            overhead: IPV4_UDP_OVERHEAD,
            mtu: None,
            rate: None,
            queue_bytes: None,
            queue_packets: None,
            ce_threshold: None,
            ecn: EcnHandling::Kept,
            loss: 0.0,
            burst_loss: None,
            corrupt: 0.0,
            corruption: Corruption::Bits(1),
            duplicate: 0.0,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            jitter_reorders: false,
            reorder: 0.0,
            reorder_by: Duration::ZERO,
        }
    }
}

impl LinkConfig {
    /// A link that does nothing but take `delay`.
    #[must_use]
    pub fn delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// The same link with a `rate` in bits per second.
    #[must_use]
    pub fn rate(self, rate: u64) -> Self {
        Self { rate: Some(rate), ..self }
    }

    /// The same link with a queue of `factor` times its rate times `rtt`, in bytes; without a rate,
    /// without a limit.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a queue's size needs no more than 53 bits, and the cast saturates"
    )]
    pub fn queue_bdp(self, factor: f64, rtt: Duration) -> Self {
        let bytes = |rate: u64| (factor * rate as f64 / 8.0 * rtt.as_secs_f64()).round() as usize;
        Self { queue_bytes: self.rate.map(bytes), ..self }
    }

    /// The same link with bursts of loss in place of independent loss: a part `loss` of all packets,
    /// from 0 to less than 1, in bursts of `length` packets on average, at least 1.
    #[must_use]
    pub fn bursts(self, loss: f64, length: f64) -> Self {
        let leave = 1.0 / length;
        // The part of the time in the bad state is enter / (enter + leave).
        let enter = (leave * loss / (1.0 - loss)).min(1.0);
        let burst_loss = Some(BurstLoss { enter, leave, good_loss: 0.0, bad_loss: 1.0 });
        Self { loss: 0.0, burst_loss, ..self }
    }

    /// The probability that a packet that has left the queue does not arrive as it was sent: that
    /// it is lost, alone or in a burst, or damaged.
    pub fn mean_loss(&self) -> f64 {
        let bursts = self.burst_loss.map_or(0.0, |burst| {
            let changes = burst.enter + burst.leave;
            let bad = if changes > 0.0 { burst.enter / changes } else { 0.0 };
            bad * burst.bad_loss + (1.0 - bad) * burst.good_loss
        });
        1.0 - (1.0 - self.loss) * (1.0 - bursts) * (1.0 - self.corrupt)
    }
}

/// What a link does to packets with ECT(0), ECT(1) or CE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EcnHandling {
    /// They pass, and are marked where [`LinkConfig::ce_threshold`] says so.
    #[default]
    Kept,
    /// They pass without their codepoint, as behind a box that clears it.
    Bleached,
    /// They vanish.
    Dropped,
}

/// Loss by the model of Gilbert and Elliott: a good and a bad state, each with its own loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurstLoss {
    /// The probability, per packet, to go from the good state to the bad one.
    pub enter: f64,
    /// The probability, per packet, to go back: the mean burst has 1 / `leave` packets.
    pub leave: f64,
    /// The probability of loss in the good state, often 0.
    pub good_loss: f64,
    /// The probability of loss in the bad state, often 1.
    pub bad_loss: f64,
}

/// What is done to a damaged packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// So many different bits are flipped, spread over the packet.
    Bits(usize),
    /// A run of 1 to `longest` bytes somewhere in the packet is overwritten with noise; at least
    /// its first byte changes.
    Noise {
        /// The longest run in bytes, at least 1.
        longest: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_of_loss_add_up() {
        let near = |config: &LinkConfig, loss: f64| (config.mean_loss() - loss).abs() < 1e-9;
        let link = LinkConfig::default();
        assert!(near(&link, 0.0));
        assert!(near(&LinkConfig { loss: 0.1, corrupt: 0.5, ..link.clone() }, 0.55));
        for (loss, length) in [(0.01, 1.0), (0.05, 4.0), (0.4, 20.0)] {
            let bursts = link.clone().bursts(loss, length);
            assert!(near(&bursts, loss), "{loss} {length}");
            assert!(near(&LinkConfig { loss: 0.5, ..bursts }, 0.5 + loss / 2.0));
        }
    }
}
