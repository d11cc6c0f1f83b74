//! What an ACK does to [`Recovery`]: acknowledged packets, samples, losses, and what the controller
//! hears of them. The parts of it that are rules are in the modules beside this one.

use core::time::Duration;

use rudp_base::Instant;
use rudp_wire::frame::Ack;

use super::loss::{LossRun, persistent_duration};
use super::sent::{Packet, State, is_free};
use super::{Fates, Feed, Recovery, Tally};
use crate::config::MIN_PACKET_SIZE;
use crate::congestion::{AckSample, CongestionKind, CongestionSample};

/// An ACK for a packet that was never sent (docs/PROTOCOL.md, 7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ACK for packets up to {0}, not all of which were sent")]
pub(crate) struct NeverSent(pub(crate) u64);

/// What an ACK told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AckOutcome {
    /// Whether it told anything new.
    pub(crate) is_new: bool,
    /// The highest number acknowledged, if it is higher than before.
    pub(crate) highest: Option<u64>,
    /// The largest size probe that came.
    pub(crate) acked_size_probe: Option<u16>,
    /// The largest packet that came, in bytes.
    pub(crate) largest: u16,
    /// What was lost, where sizes may be why.
    pub(crate) lost: SizeLosses,
}

/// Losses of packets larger than what every path takes (docs/PROTOCOL.md, 9.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SizeLosses {
    /// The size of a size probe.
    pub(crate) probe: Option<u16>,
    /// How many others there were.
    pub(crate) packets: u32,
    /// The size of the smallest of these, in bytes; 0 if there was none.
    pub(crate) least: u16,
}

/// The packets that one ACK acknowledged.
#[derive(Debug, Default)]
struct Newly {
    is_any: bool,
    /// The one with the highest number.
    newest: Option<Packet>,
    /// Bytes, and packets with ECT(0), of this path.
    bytes: u64,
    ect0: u64,
    size_probe: Option<u16>,
    largest: u16,
}

/// The packets that were declared lost together.
#[derive(Debug, Default)]
struct Losses {
    /// Signs of congestion on this path, size probes excepted.
    packets: u64,
    bytes: u64,
    /// The one with the highest number.
    newest: Option<Packet>,
    run: LossRun,
    sizes: SizeLosses,
}

impl Recovery {
    /// Takes an ACK. The controller hears of an undo first, then of congestion, then of what was
    /// acknowledged. The work is bounded by the ranges and the packets that change.
    ///
    /// # Errors
    /// It is for a packet that was never sent. Then nothing has changed.
    pub(crate) fn on_ack(
        &mut self,
        now: Instant,
        ack: &Ack<'_>,
        mut feed: Feed<'_>,
        fates: &mut Fates<'_>,
    ) -> Result<AckOutcome, NeverSent> {
        self.check(ack)?;
        let prior_in_flight = feed.tally.in_flight(self.bytes_in_flight());
        let newly = self.acknowledge(now, ack, feed.tally, fates);
        let grew = self.highest_acked.is_none_or(|before| ack.highest > before);
        if !newly.is_any && !grew {
            return Ok(AckOutcome::default());
        }
        if grew {
            self.highest_acked = Some(ack.highest);
        }
        let latest_rtt = self.sample_rtt(now, ack, grew, newly.newest.as_ref());
        if grew {
            self.take_marks(now, ack, &newly, feed.again());
        }
        if feed.tally.undo.take_proof() {
            self.counters.undone += 1;
            feed.controller.on_undo(now);
        }
        let lost = self.detect_losses(now, feed.again(), fates);
        self.probe.count = 0;
        if let Some(newest) = newly.newest.filter(|newest| newest.number >= self.path_start) {
            let Feed { controller, tally } = feed;
            let delivery = tally.rate.sample(now, newest.sent_at, &newest.rate, self.rtt.min());
            controller.on_ack(&AckSample {
                now,
                bytes: newly.bytes,
                sent_at: newest.sent_at,
                prior_in_flight,
                bytes_in_flight: tally.in_flight(self.bytes_in_flight()),
                latest_rtt,
                ack_delay: self.ack_delay(ack),
                smoothed_rtt: self.rtt.smoothed(),
                min_rtt: self.rtt.min(),
                delivery,
                is_app_limited: newest.is_app_limited,
            });
        }
        Ok(AckOutcome {
            is_new: true,
            highest: grew.then_some(ack.highest),
            acked_size_probe: newly.size_probe,
            largest: newly.largest,
            lost,
        })
    }

    /// Whether all of it was sent.
    fn check(&self, ack: &Ack<'_>) -> Result<(), NeverSent> {
        let was_sent = ack.highest < self.next
            && ack.ranges().all(|range| is_free(&self.skipped, *range.start()..range.end() + 1));
        if was_sent { Ok(()) } else { Err(NeverSent(ack.highest)) }
    }

    fn acknowledge(
        &mut self,
        now: Instant,
        ack: &Ack<'_>,
        tally: &mut Tally,
        fates: &mut Fates<'_>,
    ) -> Newly {
        let mut newly = Newly::default();
        let Tally { rate, undo, .. } = tally;
        let Self { sent, thresholds, loss_rate, counters, .. } = self;
        let (path_start, before) = (self.path_start, self.highest_acked.unwrap_or(0));
        let flight = sent.outstanding() as u64;
        thresholds.on_ack(ack.highest, self.next);
        for range in ack.ranges() {
            let (is_new, newest) = sent.acknowledge(&range, fates, |packet| {
                let Packet { number, bytes, .. } = *packet;
                if packet.state == State::Lost {
                    counters.spurious_losses += 1;
                }
                if number < path_start {
                    return;
                }
                newly.bytes += u64::from(bytes);
                newly.largest = newly.largest.max(bytes);
                if packet.is_size_probe {
                    newly.size_probe = newly.size_probe.max(Some(bytes));
                }
                newly.ect0 += u64::from(packet.is_ect0);
                rate.on_acked(now, u64::from(bytes));
                if packet.state == State::Lost {
                    thresholds.on_spurious(before.saturating_sub(number), flight);
                    if packet.is_counted {
                        loss_rate.on_spurious();
                        rate.on_spurious(u64::from(bytes));
                        undo.on_spurious(packet.lost_at);
                    }
                } else {
                    loss_rate.on_acked();
                }
            });
            newly.is_any |= is_new;
            // The highest range comes first.
            newly.newest = newly.newest.or(newest);
        }
        newly
    }

    /// The highest number gives a sample when it is acknowledged for the first time (RFC 9002, 5.1).
    fn sample_rtt(
        &mut self,
        now: Instant,
        ack: &Ack<'_>,
        grew: bool,
        newest: Option<&Packet>,
    ) -> Option<Duration> {
        let newest = newest
            .filter(|newest| grew && newest.number == ack.highest)
            .filter(|newest| newest.number >= self.path_start)?;
        let sample = now - newest.sent_at;
        self.rtt.on_sample(now, sample, self.ack_delay(ack));
        self.update_probe_timeout();
        Some(sample)
    }

    /// How long the peer let an ACK wait, as it says, and within its limit.
    fn ack_delay(&self, ack: &Ack<'_>) -> Duration {
        Duration::from_micros(ack.delay).min(self.max_ack_delay)
    }

    /// The counts of an ACK that raised the highest number. One that acknowledges no packet in
    /// flight says nothing, and its marks are seen in the next.
    fn take_marks(&mut self, now: Instant, ack: &Ack<'_>, newly: &Newly, feed: Feed<'_>) {
        let Some(newest) = &newly.newest else { return };
        let is_marked = self.ecn.on_ack(newly.ect0, ack.ecn);
        if is_marked && newest.number >= self.path_start {
            let Feed { controller, tally } = feed;
            tally.undo.on_certain(now, newest.sent_at);
            controller.on_congestion(&CongestionSample {
                now,
                kind: CongestionKind::Mark,
                sent_at: newest.sent_at,
                lost: 0,
                bytes_in_flight: tally.in_flight(self.bytes_in_flight()),
                sent_in_flight: newest.rate.in_flight,
                lost_since_sent: tally.rate.lost_since(&newest.rate),
                is_app_limited: newest.is_app_limited,
            });
        }
    }

    /// Declares lost what is, tells the controller, and releases what is over. Returns the
    /// losses that sizes may be the cause of.
    pub(super) fn detect_losses(
        &mut self,
        now: Instant,
        feed: Feed<'_>,
        fates: &mut Fates<'_>,
    ) -> SizeLosses {
        let mut losses = Losses::default();
        let highest_acked = self.highest_acked.unwrap_or(0);
        let loss_delay = self.thresholds.loss_delay(&self.rtt);
        let Self { sent, rtt, thresholds, counters, ecn, path_start, .. } = self;
        let Self { loss_rate, last_loss_at, .. } = self;
        self.loss_time = sent.declare_lost(
            now,
            highest_acked,
            |packet| {
                let sent = (packet.number, packet.sent_at);
                thresholds.judge(now, loss_delay, highest_acked, sent)
            },
            fates,
            |packet, is_contiguous| {
                counters.lost_packets += 1;
                counters.lost_bytes += u64::from(packet.bytes);
                if packet.number < *path_start {
                    return;
                }
                let may_be_mark = packet.is_ect0 && ecn.on_lost(packet.number);
                losses.sizes.add(packet);
                if !packet.is_size_probe && !may_be_mark {
                    packet.is_counted = true;
                    feed.tally.rate.on_lost(u64::from(packet.bytes));
                    loss_rate.on_lost();
                    *last_loss_at = Some(now);
                    losses.add(packet, is_contiguous, rtt.first_sample_at);
                }
            },
        );
        self.react(now, &losses, feed);
        self.sent.release(now - self.probe_timeout());
        if self.sent.outstanding() == 0 {
            // The timer now waits for the end of what is still kept.
            self.probe.restart(now);
        }
        losses.sizes
    }

    /// Tells the controller of losses.
    fn react(&mut self, now: Instant, losses: &Losses, feed: Feed<'_>) {
        let Some(newest) = &losses.newest else { return };
        let is_persistent = losses.run.longest > persistent_duration(&self.rtt, self.max_ack_delay);
        let Feed { controller, tally } = feed;
        tally.undo.on_loss(now, newest.sent_at, losses.packets);
        if is_persistent {
            tally.undo.on_certain(now, newest.sent_at);
            self.rtt.forget_min();
            self.counters.persistent_congestion += 1;
        }
        controller.on_congestion(&CongestionSample {
            now,
            kind: if is_persistent { CongestionKind::Persistent } else { CongestionKind::Loss },
            sent_at: newest.sent_at,
            lost: losses.bytes,
            bytes_in_flight: tally.in_flight(self.bytes_in_flight()),
            sent_in_flight: newest.rate.in_flight,
            lost_since_sent: tally.rate.lost_since(&newest.rate),
            is_app_limited: newest.is_app_limited,
        });
    }
}

impl SizeLosses {
    fn add(&mut self, packet: &Packet) {
        if packet.is_size_probe {
            self.probe = Some(packet.bytes);
        } else if packet.bytes > MIN_PACKET_SIZE {
            self.least =
                if self.packets == 0 { packet.bytes } else { self.least.min(packet.bytes) };
            self.packets += 1;
        }
    }
}

impl Losses {
    /// Adds a packet, in the order of their numbers.
    fn add(&mut self, packet: &Packet, is_contiguous: bool, first_sample_at: Option<Instant>) {
        self.packets += 1;
        self.bytes += u64::from(packet.bytes);
        self.newest = Some(*packet);
        // Before there was a sample, nobody knew how long to wait (RFC 9002, 7.6.2).
        if first_sample_at.is_some_and(|first| packet.sent_at > first) {
            self.run.on_lost(packet.sent_at, is_contiguous);
        }
    }
}
