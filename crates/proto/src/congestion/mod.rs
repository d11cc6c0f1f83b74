//! [`Controller`]: how much may be in flight, and how fast it leaves. The trait is the one plug for
//! algorithms, which see samples and never the connection.

mod bbr;
mod cubic;
mod fixed;
mod hystart;
#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;

use rudp_base::Instant;

pub use bbr::Bbr;
pub use cubic::Cubic;
pub use fixed::Fixed;

/// Packets in flight before anything is known of the path (RFC 9002, 7.2).
const INITIAL_PACKETS: u64 = 10;
/// Packets that may be in flight whatever happens (RFC 9002, 7.2).
const MINIMUM_PACKETS: u64 = 2;

/// An algorithm that decides how much may be in flight.
///
/// Everything is in bytes of UDP payload.
pub trait Controller: Send + fmt::Debug {
    /// A packet was sent.
    fn on_sent(&mut self, sample: &SentSample);

    /// One acknowledgement has been processed; called after [`on_congestion`](Self::on_congestion)
    /// for what it showed to be lost.
    fn on_ack(&mut self, sample: &AckSample);

    /// Packets were lost, or marked.
    fn on_congestion(&mut self, sample: &CongestionSample);

    /// All that the last [`on_congestion`](Self::on_congestion) was told was a mistake: the packets
    /// had come (docs/PROTOCOL.md, 8.1).
    fn on_undo(&mut self, now: Instant);

    /// The path, or the size of its packets, is another one. If it is `fresh`, nothing that was
    /// measured holds any more.
    fn on_path(&mut self, max_datagram_size: u32, fresh: bool);

    /// How many bytes may be in flight.
    fn window(&self) -> u64;

    /// Bytes per second at which they may leave; `None` while nothing is known of the path.
    fn pacing_rate(&self) -> Option<u64>;
}

/// One packet sent.
#[derive(Clone, Copy, Debug)]
pub struct SentSample {
    /// When.
    pub now: Instant,
    /// Its number.
    pub number: u64,
    /// Its size.
    pub bytes: u64,
    /// In flight, this packet included.
    pub bytes_in_flight: u64,
    /// Whether the sender had less to send than it might have shortly before.
    pub is_app_limited: bool,
}

/// What one acknowledgement showed.
#[derive(Clone, Copy, Debug, Default)]
pub struct AckSample {
    /// When it came.
    pub now: Instant,
    /// Newly acknowledged bytes.
    pub bytes: u64,
    /// When the newest of these packets was sent.
    pub sent_at: Instant,
    /// In flight before and after the acknowledgement (and after what it showed to be lost).
    pub prior_in_flight: u64,
    /// In flight now.
    pub bytes_in_flight: u64,
    /// The newest round-trip time, if this acknowledgement gave one.
    pub latest_rtt: Option<Duration>,
    /// How long of that the peer let the acknowledgement wait, as it says, and within its limit.
    pub ack_delay: Duration,
    /// The smoothed round-trip time.
    pub smoothed_rtt: Duration,
    /// The least round-trip time seen.
    pub min_rtt: Duration,
    /// What was delivered (draft-ietf-ccwg-bbr, 4.1).
    pub delivery: Delivery,
    /// Whether the sender had less to send than it might have while these packets left.
    pub is_app_limited: bool,
}

impl AckSample {
    /// How long the path took there and back: the newest round-trip time without the delay of the
    /// acknowledgement, unless that would explain more than there is (RFC 9002, 5.3).
    pub fn path_rtt(&self) -> Option<Duration> {
        let rtt = self.latest_rtt?;
        let adjusted = rtt.checked_sub(self.ack_delay).filter(|rtt| *rtt >= self.min_rtt);
        Some(adjusted.unwrap_or(rtt))
    }
}

/// What was delivered and lost, in bytes, up to an acknowledgement. Its newest packet is the one
/// that was sent last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How fast since the newest packet was sent, in bytes per second, if it can be told.
    pub rate: Option<u64>,
    /// Delivered in all when the newest packet was sent.
    pub prior_delivered: u64,
    /// Delivered in all.
    pub delivered: u64,
    /// Lost in all, less what came after all. It may fall.
    pub lost: u64,
    /// In flight when the newest packet had been sent.
    pub sent_in_flight: u64,
    /// Lost since then.
    pub lost_since_sent: u64,
}

/// A sign of congestion.
#[derive(Clone, Copy, Debug)]
pub struct CongestionSample {
    /// When it was seen.
    pub now: Instant,
    /// Its kind.
    pub kind: CongestionKind,
    /// When the newest packet that was lost or marked had been sent: losses of packets sent before
    /// the last reaction are part of the same event.
    pub sent_at: Instant,
    /// Bytes lost.
    pub lost: u64,
    /// In flight without them.
    pub bytes_in_flight: u64,
    /// In flight when the newest packet that was lost or marked had been sent.
    pub sent_in_flight: u64,
    /// Bytes lost since then, these included.
    pub lost_since_sent: u64,
    /// Whether the sender had less to send than it might have when that packet left.
    pub is_app_limited: bool,
}

/// The kinds of signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CongestionKind {
    /// Packets were lost.
    Loss,
    /// Packets were marked (CE), which counts as one event per round trip.
    Mark,
    /// Everything was lost for longer than probes explain (RFC 9002, 7.6).
    Persistent,
}
