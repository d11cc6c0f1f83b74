//! When [`Recovery`] wants to be called, and what it does then: late packets are lost, silence is
//! probed (RFC 9002, 6.2), and what lies unused is returned.

use core::time::Duration;

use rudp_base::Instant;

use super::ack::SizeLosses;
use super::{Fates, Feed, GRANULARITY, Recovery};

/// What a timeout came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeoutOutcome {
    /// Nothing was due that anybody else has to know.
    Nothing,
    /// Packets were late, and are lost.
    Lost {
        /// Those that may have been too large.
        sizes: SizeLosses,
    },
    /// One or two ack-eliciting packets are to be sent now, whatever the controller says.
    Probe {
        /// How many probe timeouts there were in a row.
        count: u32,
    },
    /// The peer has not answered the last probe that was to be sent.
    GiveUp,
}

/// The probe timer (RFC 9002, 6.2).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Probe {
    /// When it was started: with each ack-eliciting packet, and when it was over.
    started: Instant,
    /// Probe timeouts since an answer.
    pub(super) count: u32,
}

impl Probe {
    pub(super) fn restart(&mut self, now: Instant) {
        self.started = self.started.max(now);
    }

    /// When it is over: each time in a row takes twice as long, up to `max`.
    fn over_at(&self, timeout: Duration, max: Duration) -> Instant {
        self.started + timeout.saturating_mul(1 << self.count.min(30)).min(max)
    }
}

impl Recovery {
    /// The time in which the peer should answer, without backoff: RFC 9002's PTO, within the bounds
    /// that the user set.
    pub(crate) fn probe_timeout(&self) -> Duration {
        self.probe_timeout
    }

    /// The round-trip time, or what is added to it, has changed.
    pub(super) fn update_probe_timeout(&mut self) {
        let timeout = self.rtt.probe_timeout(self.max_ack_delay).max(self.config.min_probe_timeout);
        self.probe_timeout = timeout.max(GRANULARITY).min(self.max_probe_timeout());
    }

    /// Where doubling ends: at what the user set, but not before the answer to a probe can be here.
    /// A timer of no length would never stop firing.
    fn max_probe_timeout(&self) -> Duration {
        let answer = self.rtt.first_sample_at.map_or(GRANULARITY, |_| 2 * self.rtt.smoothed());
        self.config.max_probe_timeout.max(answer).max(GRANULARITY)
    }

    /// When [`on_timeout`](Self::on_timeout) is to be called.
    ///
    /// While something is in flight, that is when the next packet is lost, or else when a probe is
    /// due. A client's first packet is in flight until the server answers, so that its timer runs
    /// (docs/PROTOCOL.md, 5.3.5). Some time after the last packet it is when memory is returned.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        if self.sent.outstanding() == 0 {
            return self.sent.holds_memory().then(|| self.probe.started + self.probe_timeout());
        }
        // Who knows when a packet is lost needs no probe before (RFC 9002, 6.2.1).
        let probe = || self.probe.over_at(self.probe_timeout(), self.max_probe_timeout());
        Some(self.loss_time.unwrap_or_else(probe))
    }

    /// Does one thing that is due at `now`; to be called until [`timeout`](Self::timeout) is later.
    pub(crate) fn on_timeout(
        &mut self,
        now: Instant,
        feed: Feed<'_>,
        fates: &mut Fates<'_>,
    ) -> TimeoutOutcome {
        if self.timeout().is_none_or(|due| due > now) {
            return TimeoutOutcome::Nothing;
        }
        if self.sent.outstanding() == 0 {
            // For so long nothing has happened that what was lost will not come any more.
            self.sent.clear(fates);
            return TimeoutOutcome::Nothing;
        }
        if self.loss_time.is_some_and(|loss| loss <= now) {
            let sizes = self.detect_losses(now, feed, fates);
            return TimeoutOutcome::Lost { sizes };
        }
        self.probe.count = self.probe.count.saturating_add(1);
        if self.config.max_probes.is_some_and(|most| self.probe.count > most) {
            return TimeoutOutcome::GiveUp;
        }
        self.probe.restart(now);
        self.counters.probe_timeouts += 1;
        self.ecn.on_probe_timeout(self.next);
        TimeoutOutcome::Probe { count: self.probe.count }
    }

    /// Where there is nothing new for a probe to carry: gives back, as [`Fate::Lost`], what the
    /// oldest packet in flight carried that has not done so. The packet stays in flight. Returns
    /// whether there was one.
    ///
    /// [`Fate::Lost`]: crate::token::Fate::Lost
    pub(crate) fn give_back_oldest(&mut self, fates: &mut Fates<'_>) -> bool {
        self.sent.give_back_oldest(fates)
    }
}
