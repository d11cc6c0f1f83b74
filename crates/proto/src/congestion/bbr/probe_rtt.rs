//! `ProbeRTT`: little in flight for a moment, so that queues drain and the least round-trip time
//! shows (draft-ietf-ccwg-bbr, 5.3.4), and what a pause saves (5.4). When it is due, and the
//! estimate itself, are found elsewhere.

use core::time::Duration;

use rudp_base::Instant;

use super::{Bbr, State};

/// How long little is in flight, at least (draft-ietf-ccwg-bbr, 2.16.2, `ProbeRTTDuration`).
const DURATION: Duration = Duration::from_millis(200);

/// How far the search is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProbeRtt {
    /// When it may end, from when little is in flight.
    done_at: Option<Instant>,
    /// Whether a round was over since then.
    is_round_done: bool,
}

impl Bbr {
    /// The step of the search after an acknowledgement.
    pub(super) fn check_probe_rtt(&mut self, now: Instant) {
        if self.state != State::ProbeRtt && self.min_rtt.is_due() && !self.is_restarting {
            self.save_window();
            self.state = State::ProbeRtt;
            self.probe_rtt = ProbeRtt::default();
            self.cycle.stop();
            self.rounds.begin(self.delivered);
        }
        if self.state != State::ProbeRtt {
            return;
        }
        // What arrives now shows no bandwidth.
        self.limit_samples();
        if self.probe_rtt.done_at.is_some() {
            self.probe_rtt.is_round_done |= self.rounds.is_start();
            if self.probe_rtt.is_round_done {
                self.finish_probe_rtt(now);
            }
        } else if self.in_flight <= self.probe_rtt_window() {
            self.probe_rtt.done_at = Some(now + DURATION);
            self.rounds.begin(self.delivered);
        }
    }

    fn finish_probe_rtt(&mut self, now: Instant) {
        if self.probe_rtt.done_at.is_none_or(|done| now <= done) {
            return;
        }
        self.min_rtt.on_probed(now);
        self.restore_window();
        self.bounds.reset_shortterm();
        if self.pipe.was_full() {
            // There is no queue to drain (draft-ietf-ccwg-bbr, 5.3.4.4).
            self.start_down(now);
            self.start_cruise();
        } else {
            self.enter_startup();
        }
    }

    /// The program sends again after a pause (draft-ietf-ccwg-bbr, 5.4.1).
    pub(super) fn restart_from_idle(&mut self, now: Instant) {
        self.is_restarting = true;
        self.extra_acked.restart(now);
        if self.state.is_probe_bw() {
            self.pace(100);
        } else if self.state == State::ProbeRtt {
            self.finish_probe_rtt(now);
        }
    }
}
