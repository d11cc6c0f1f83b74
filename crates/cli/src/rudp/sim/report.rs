//! [`Report`]: what came of a simulation in numbers, in words for people and as an object for
//! programs. The fields of the object are documented in `docs/NETWORKS.md`.

use std::fmt::Write as _;
use std::time::Duration;

use rudp::Congestion;
use rudp_sim::LinkConfig;
use serde_json::{Value, json};

use super::play::{FlowPlayed, Played, Scenario};
use crate::rudp::path::{bits, digits, millis, ms, share};
use crate::rudp::spread::Spread;

/// What a packet has besides data, in bytes: its header and the cipher's tag (docs/PROTOCOL.md, 6.1).
/// The few bytes of frames are left out.
const PACKET_OVERHEAD: f64 = 32.0;

/// What came of a simulation.
pub(super) struct Report {
    /// How long it took, in virtual time.
    pub(super) seconds: f64,
    /// Bits per second that the link can carry: its rate, less what it loses, less headers.
    capacity: f64,
    /// Bits per second that the receivers' programs have read, all together.
    goodput: f64,
    rtt: Spread,
    queue_mean: Duration,
    queue_max: Duration,
    /// Packets that did not fit into the queue.
    queue_drops: u64,
    /// Bytes of all packets, with the headers of IP and UDP.
    sent_bytes: u64,
    sent_packets: u64,
    /// Packets that were sent again.
    repeated: u64,
    /// Packets that the link lost or damaged by chance.
    required: u64,
    /// When the link was full for the first time.
    full_at: Option<Duration>,
    flows: Vec<FlowReport>,
    /// Jain's index of the flows' goodputs: 1 where all have the same.
    jain: f64,
}

/// What came of one flow.
struct FlowReport {
    label: String,
    is_rival: bool,
    /// When it begins, and what it reaches from then on.
    begins: Duration,
    goodput: f64,
    got: u64,
    rtt: Spread,
    repeated: u64,
    ended: Option<(Duration, String)>,
}

/// What a controller is called.
pub(super) fn name(congestion: Congestion) -> String {
    match congestion {
        Congestion::Bbr => "bbr".into(),
        Congestion::Cubic => "cubic".into(),
        Congestion::Fixed(rate) => format!("fixed {}", bits(rate * 8)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers that a simulation reaches")]
impl Report {
    pub(super) fn new(scenario: &Scenario, played: &Played) -> Self {
        let data = &played.data;
        let flows: Vec<_> = scenario
            .flows
            .iter()
            .zip(&played.flows)
            .map(|(flow, played_flow)| FlowReport {
                label: name(flow.config.congestion),
                is_rival: flow.is_rival,
                goodput: bits_per_second(
                    played_flow.got,
                    played_flow.done_at.unwrap_or(played.time).saturating_sub(flow.begins),
                ),
                begins: flow.begins,
                got: played_flow.got,
                rtt: played_flow.rtt.clone(),
                repeated: repeated(played_flow),
                ended: played_flow.ended.clone(),
            })
            .collect();
        let mut rtt = Spread::default();
        for flow in &flows {
            rtt.merge(&flow.rtt);
        }
        let got: u64 = flows.iter().map(|flow| flow.got).sum();
        Self {
            seconds: played.time.as_secs_f64(),
            capacity: capacity(&scenario.data, played),
            goodput: bits_per_second(got, played.time),
            rtt,
            queue_mean: data.queue_delay_mean(),
            queue_max: data.queue_delay_max,
            queue_drops: data.dropped_queue,
            sent_bytes: data.offered_bytes + data.offered * scenario.data.overhead as u64,
            sent_packets: data.offered,
            repeated: flows.iter().map(|flow| flow.repeated).sum(),
            required: data.dropped_loss + data.corrupted,
            full_at: played.full_at,
            jain: jain(flows.iter().map(|flow| flow.goodput)),
            flows,
        }
    }

    /// The goodput as a part of what the link can carry; 0 where that is nothing.
    fn share(&self) -> f64 {
        if self.capacity > 0.0 { self.goodput / self.capacity } else { 0.0 }
    }

    /// Packets sent again beyond those that the link made necessary.
    fn beyond(&self) -> u64 {
        self.repeated.saturating_sub(self.required)
    }

    /// Their bytes, all packets taken for equally large.
    fn beyond_bytes(&self) -> f64 {
        self.beyond() as f64 * self.sent_bytes as f64 / self.sent_packets.max(1) as f64
    }

    /// Why and when a flow that was to go on was over.
    pub(super) fn broken(&self) -> Option<String> {
        let ended = self.flows.iter().find_map(|flow| flow.ended.as_ref());
        ended.map(|(at, why)| format!("the session was over after {at:?}: {why}"))
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Nothing can fail in writing to a string.
            let _ = writeln!(text, "{name:<14}{value}");
        };
        line(
            "goodput",
            format!(
                "{}, {} of the {} that the link can carry",
                rate(self.goodput),
                share(self.share()),
                rate(self.capacity)
            ),
        );
        line("round trip", rtt_text(&self.rtt));
        line(
            "queue",
            format!(
                "mean {}, most {}; {} packets did not fit",
                millis(self.queue_mean),
                millis(self.queue_max),
                self.queue_drops
            ),
        );
        let packets = self.sent_packets.max(1) as f64;
        line(
            "sent again",
            format!(
                "{} of {} packets; the link lost {}, so {} too many ({} kB, {})",
                self.repeated,
                self.sent_packets,
                self.required,
                self.beyond(),
                digits(self.beyond_bytes() / 1e3),
                share(self.beyond() as f64 / packets)
            ),
        );
        line(
            "90 % of rate",
            self.full_at.map_or("never reached".into(), |at| {
                format!("reached after {} s", digits(at.as_secs_f64()))
            }),
        );
        if self.flows.len() > 1 {
            self.add_flows(&mut text);
        }
        text.trim_end().to_owned()
    }

    fn add_flows(&self, text: &mut String) {
        for (number, flow) in (1..).zip(&self.flows) {
            let whose = if flow.is_rival { " (rival)" } else { "" };
            let _ = writeln!(
                text,
                "{:<14}{}{whose}: {}, {} of all; round trip {}",
                format!("flow {number}"),
                flow.label,
                rate(flow.goodput),
                share(self.part(flow)),
                rtt_text(&flow.rtt),
            );
        }
        let _ = writeln!(text, "{:<14}Jain's index {}", "fairness", digits(self.jain));
    }

    /// A flow's part of everything that arrived.
    fn part(&self, flow: &FlowReport) -> f64 {
        let got: u64 = self.flows.iter().map(|flow| flow.got).sum();
        flow.got as f64 / got.max(1) as f64
    }

    /// For programs: all but what was asked for.
    pub(super) fn object(&self) -> Value {
        let flows = self.flows.iter().map(|flow| {
            json!({
                "congestion": flow.label,
                "rival": flow.is_rival,
                "bytes": flow.got,
                "begins_seconds": flow.begins.as_secs_f64(),
                "goodput_mbit_per_s": flow.goodput / 1e6,
                "part": self.part(flow),
                "rtt_ms": rtt_object(&flow.rtt),
                "packets_sent_again": flow.repeated,
                "ended": flow.ended.as_ref().map(|(at, why)| {
                    json!({"seconds": at.as_secs_f64(), "why": why})
                }),
            })
        });
        json!({
            "seconds": self.seconds,
            "goodput_mbit_per_s": self.goodput / 1e6,
            "capacity_mbit_per_s": self.capacity / 1e6,
            "share": self.share(),
            "rtt_ms": rtt_object(&self.rtt),
            "queue_ms": {"mean": ms(self.queue_mean), "max": ms(self.queue_max)},
            "queue_drops": self.queue_drops,
            "packets_sent": self.sent_packets,
            "bytes_sent": self.sent_bytes,
            "packets_sent_again": self.repeated,
            "packets_lost_by_chance": self.required,
            "packets_too_many": self.beyond(),
            "bytes_too_many": self.beyond_bytes().round(),
            "seconds_to_90_percent": self.full_at.map(|at| at.as_secs_f64()),
            "jain": self.jain,
            "flows": flows.collect::<Vec<_>>(),
        })
    }
}

/// What the link can carry of the programs' data in bits per second, in packets of the size that was
/// found in the end.
#[expect(clippy::cast_precision_loss, reason = "a rate in bits per second")]
fn capacity(data: &LinkConfig, played: &Played) -> f64 {
    let size = played.flows.iter().map(|flow| flow.stats.packet_size).max().unwrap_or_default();
    let size = f64::from(size.max(rudp::MIN_PACKET_SIZE));
    let payload = (size - PACKET_OVERHEAD) / (size + data.overhead as f64);
    data.rate.unwrap_or(u64::MAX) as f64 * (1.0 - data.mean_loss()) * payload
}

/// Packets that were taken for lost, and probes: two for each timeout.
fn repeated(flow: &FlowPlayed) -> u64 {
    flow.stats.packets_lost + 2 * flow.stats.probe_timeouts
}

#[expect(clippy::cast_precision_loss, reason = "a rate in bits per second")]
fn bits_per_second(bytes: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { bytes as f64 * 8.0 / time.as_secs_f64() }
}

/// Jain's index of fairness: 1 where all are equal, 1 / n where one has everything.
fn jain(shares: impl Iterator<Item = f64>) -> f64 {
    let (count, sum, squares) = shares.fold((0.0, 0.0, 0.0), |(count, sum, squares), share| {
        (count + 1.0, sum + share, squares + share * share)
    });
    if squares > 0.0 { sum * sum / (squares * count) } else { 1.0 }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate that is not negative, for people"
)]
fn rate(rate: f64) -> String {
    bits(rate.round() as u64)
}

fn rtt_text(rtt: &Spread) -> String {
    format!(
        "min {}, mean {}, p99 {}",
        millis(rtt.least()),
        millis(rtt.mean()),
        millis(rtt.percentile(99))
    )
}

fn rtt_object(rtt: &Spread) -> Value {
    json!({"min": ms(rtt.least()), "mean": ms(rtt.mean()), "p99": ms(rtt.percentile(99))})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(number: f64, wanted: f64) -> bool {
        (number - wanted).abs() < 1e-9
    }

    #[test]
    fn fairness_is_one_where_all_are_equal() {
        assert!(near(jain([5.0, 5.0, 5.0].into_iter()), 1.0));
        assert!(near(jain([5.0, 0.0].into_iter()), 0.5));
        assert!(near(jain([0.0, 0.0].into_iter()), 1.0));
    }

    #[test]
    fn no_time_is_no_rate() {
        assert!(near(bits_per_second(5, Duration::ZERO), 0.0));
        assert!(near(bits_per_second(5, Duration::from_secs(2)), 20.0));
    }
}
