//! [`Recovery`]: the sending side's view of the network: what is in flight, how long an answer
//! takes, what is lost, when to probe (docs/PROTOCOL.md, 8.1, 8.2 and 8.5). How much may be in
//! flight is the controller's business, what lost packets carried is their parts'.

mod ack;
mod ecn;
mod loss;
mod loss_rate;
mod rate;
mod rtt;
mod sent;
mod tally;
#[cfg(test)]
mod tests;
mod timer;
mod undo;

use core::time::Duration;
use std::sync::Arc;

use rudp_base::Instant;

use crate::congestion::SentSample;
use crate::ranges::RangeSet;
use crate::token::{Fate, Token};

pub(crate) use ack::SizeLosses;
#[cfg(test)]
use ack::{AckOutcome, NeverSent};
pub(crate) use loss_rate::LossRate;
pub(crate) use rtt::Rtt;
pub(crate) use tally::{Feed, Tally};
pub(crate) use timer::TimeoutOutcome;

use ecn::EcnValidation;
use loss::{Thresholds, Verdict};
use sent::{Packet, SentPackets};
use timer::Probe;

/// Congestion controllers try for more than the path takes more often than this.
const CALM: Duration = Duration::from_secs(4);
/// Where nothing was ever lost their start has tried that, which takes so long, but at least so many round
/// trips.
const START: Duration = Duration::from_secs(1);
const START_ROUND_TRIPS: u32 = 10;

/// RFC 9002's `kGranularity` (docs/PROTOCOL.md, 13).
pub(crate) const GRANULARITY: Duration = Duration::from_millis(1);
/// Skipped numbers stay known while packets before them are kept, and so many longer.
const KEPT_SKIPS: usize = 4;
/// So many probes in a row without answer, and it is not the path's fault alone.
const UNANSWERED: u32 = 3;

/// Who is told the fate of each token.
pub(crate) type Fates<'a> = dyn FnMut(Fate, Token) + 'a;

/// The settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    /// The round-trip time that is assumed until one is measured.
    pub(crate) initial_rtt: Duration,
    /// The least time after which a probe is sent.
    pub(crate) min_probe_timeout: Duration,
    /// The most, doubling included. At least the granularity, whatever is set.
    pub(crate) max_probe_timeout: Duration,
    /// After so many probes without answer the peer is given up (docs/PROTOCOL.md, 8.6).
    pub(crate) max_probes: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            initial_rtt: Duration::from_millis(333),
            min_probe_timeout: GRANULARITY,
            max_probe_timeout: Duration::from_mins(1),
            max_probes: None,
        }
    }
}

/// A packet that leaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    /// Its number: higher than all before. Those left out in between are skipped.
    pub(crate) number: u64,
    /// Its size, in bytes of UDP payload.
    pub(crate) bytes: u16,
    /// Whether it is acknowledged; if not, it is not in flight either.
    pub(crate) is_ack_eliciting: bool,
    /// Whether it has ECT(0).
    pub(crate) is_ect0: bool,
    /// Whether it only tries a size: its loss is no sign of congestion (docs/PROTOCOL.md, 9.4.1).
    pub(crate) is_size_probe: bool,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Packets declared lost, size probes among them.
    pub(crate) lost_packets: u64,
    /// Their bytes.
    pub(crate) lost_bytes: u64,
    /// Packets declared lost that had come.
    pub(crate) spurious_losses: u64,
    /// Congestion responses undone.
    pub(crate) undone: u64,
    /// Probe timeouts.
    pub(crate) probe_timeouts: u64,
    /// Times that congestion was persistent.
    pub(crate) persistent_congestion: u64,
}

/// Loss recovery of one session, which is one packet number space.
///
/// Every token of an ack-eliciting packet meets one fate: acknowledged, or lost, or first lost and
/// later acknowledged.
#[derive(Debug)]
pub(crate) struct Recovery {
    config: Arc<Config>,
    max_ack_delay: Duration,
    rtt: Rtt,
    /// What follows from these: it is asked for several times with every packet.
    probe_timeout: Duration,
    sent: SentPackets,
    /// The least number that the next packet can have.
    next: u64,
    skipped: RangeSet,
    highest_acked: Option<u64>,
    thresholds: Thresholds,
    /// When the lowest packet in flight is lost, if nothing is heard of it.
    loss_time: Option<Instant>,
    probe: Probe,
    ecn: EcnValidation,
    /// The first number sent on this path, and counted in this tally: what went before says nothing about it.
    path_start: u64,
    loss_rate: LossRate,
    /// When a packet was last taken for lost on this path.
    last_loss_at: Option<Instant>,
    counters: Counters,
}

impl Recovery {
    pub(crate) fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let mut recovery = Self {
            max_ack_delay: Duration::from_millis(25),
            rtt: Rtt::new(config.initial_rtt),
            probe_timeout: Duration::ZERO,
            config,
            sent: SentPackets::default(),
            next: 0,
            skipped: RangeSet::new(),
            highest_acked: None,
            thresholds: Thresholds::new(),
            loss_time: None,
            probe: Probe::default(),
            ecn: EcnValidation::new(),
            path_start: 0,
            loss_rate: LossRate::default(),
            last_loss_at: None,
            counters: Counters::default(),
        };
        recovery.update_probe_timeout();
        recovery
    }

    /// How long the peer's acknowledgements wait: its `max_ack_delay`, or the delay that it was
    /// asked for (docs/PROTOCOL.md, 7.3).
    pub(crate) fn set_max_ack_delay(&mut self, delay: Duration) {
        self.max_ack_delay = delay;
        self.update_probe_timeout();
    }

    /// What was [set](Self::set_max_ack_delay).
    pub(crate) fn max_ack_delay(&self) -> Duration {
        self.max_ack_delay
    }

    /// Takes the round-trip time of the handshake (docs/PROTOCOL.md, 5.3.5).
    pub(crate) fn on_handshake_rtt(&mut self, now: Instant, rtt: Duration) {
        self.rtt.on_sample(now, rtt, Duration::ZERO);
        self.update_probe_timeout();
    }

    /// A packet leaves, with what `tokens` name, which are drained.
    ///
    /// Packets that are not ack-eliciting leave nothing here but their number, and their tokens
    /// meet no fate. What is kept is thereby bounded by what may be in flight, whatever the peer
    /// makes this end acknowledge.
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        sent: Sent,
        tokens: &mut Vec<Token>,
        feed: Feed<'_>,
    ) {
        let Sent { number, bytes, .. } = sent;
        debug_assert!(number >= self.next, "numbers only grow");
        self.skip(number);
        if sent.is_ect0 {
            self.ecn.on_sent();
        }
        if !sent.is_ack_eliciting {
            tokens.clear();
            return;
        }
        let Feed { controller, tally } = feed;
        let is_app_limited = tally.rate.is_app_limited();
        let before = tally.in_flight(self.bytes_in_flight());
        let rate = tally.rate.on_sent(now, before, u64::from(bytes));
        self.sent.push(Packet::new(now, &sent, rate, is_app_limited), tokens);
        self.probe.restart(now);
        controller.on_sent(&SentSample {
            now,
            number,
            bytes: u64::from(bytes),
            bytes_in_flight: tally.in_flight(self.bytes_in_flight()),
            is_app_limited,
        });
    }

    /// Notes the numbers that `number` leaves out.
    fn skip(&mut self, number: u64) {
        if number > self.next {
            self.skipped.insert(self.next..number);
            let floor = self.sent.floor();
            while self.skipped.len() > KEPT_SKIPS
                && self.skipped.first().is_some_and(|first| first.end <= floor)
            {
                self.skipped.pop_first();
            }
        }
        self.next = number.saturating_add(1);
    }

    /// The path is another one. If it is `fresh`, its round-trip time is unknown, and so is whether
    /// marks get through (docs/PROTOCOL.md, 9.3.2); what is still in flight counts as such, but
    /// tells nothing. The controller is told by the caller.
    pub(crate) fn on_path(&mut self, now: Instant, fresh: bool) {
        if !fresh {
            return;
        }
        self.on_tally();
        self.rtt = Rtt::new(self.config.initial_rtt);
        self.update_probe_timeout();
        self.thresholds = Thresholds::new();
        self.loss_rate = LossRate::default();
        self.last_loss_at = None;
        self.ecn.restart();
        self.on_rebound(now);
    }

    /// What is sent from now on is counted in another tally, which knows nothing of what is in flight.
    pub(crate) fn on_tally(&mut self) {
        self.path_start = self.next;
    }

    /// Whether the peer has left several probes in a row without answer.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.probe.count >= UNANSWERED
    }

    /// Answers went to a socket that was replaced: that they did not come says nothing.
    pub(crate) fn on_rebound(&mut self, now: Instant) {
        self.probe.count = 0;
        self.probe.restart(now);
    }

    /// What was sent with numbers below `next` went to an address that the peer has left. It is lost,
    /// which is no sign of congestion.
    pub(crate) fn on_left_address(&mut self, now: Instant, next: u64, fates: &mut Fates<'_>) {
        let Some(last) = next.checked_sub(1) else { return };
        let counters = &mut self.counters;
        let each = |packet: &mut Packet, _| {
            counters.lost_packets += 1;
            counters.lost_bytes += u64::from(packet.bytes);
        };
        self.sent.declare_lost(now, last, |_| Verdict::Lost, fates, each);
        // The next acknowledgement tells when others are.
        self.loss_time = None;
    }

    /// How many of the next packets may have ECT(0) (docs/PROTOCOL.md, 8.5).
    pub(crate) fn markable(&self) -> u64 {
        self.ecn.left()
    }

    /// Forgets all packets, with [`Fate::Lost`] for what is in flight.
    pub(crate) fn forget_all(&mut self, fates: &mut Fates<'_>) {
        self.sent.clear(fates);
        self.loss_time = None;
    }

    /// Gives back memory that is kept for speed, while nothing is in flight.
    pub(crate) fn release_memory(&mut self) {
        self.sent.release_memory();
        self.skipped.shrink();
    }

    /// The round-trip time.
    pub(crate) fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    /// Bytes in flight.
    pub(crate) fn bytes_in_flight(&self) -> u64 {
        self.sent.bytes_in_flight()
    }

    /// Which part of the packets was lost lately on this path, size probes aside.
    pub(crate) fn loss_rate(&self) -> LossRate {
        self.loss_rate
    }

    /// Whether nothing was lost on this path for so long that it was tried with more than it takes
    /// meanwhile, and hardly any queue stands.
    pub(crate) fn is_calm(&self, now: Instant) -> bool {
        let start = START.max(START_ROUND_TRIPS * self.rtt.min());
        let last_loss = self.last_loss_at.map(|at| at + CALM);
        let from = last_loss.or(self.rtt.first_sample_at.map(|at| at + start));
        let is_old = from.is_some_and(|from| now >= from);
        is_old && self.rtt.smoothed() <= self.rtt.min() * 5 / 4
    }

    /// What was counted.
    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }
}
