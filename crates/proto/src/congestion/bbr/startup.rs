//! `Startup` and `Drain`: doubling the rate until the pipe is full, and emptying the queue of it
//! (draft-ietf-ccwg-bbr, 5.3.1 and 5.3.2). How a full pipe shows in the rate is found elsewhere.

use rudp_base::Instant;

use super::loss::Round;
use super::{Bbr, State};

/// Separate losses in a round that may end `Startup` (draft-ietf-ccwg-bbr, 5.3.1.3,
/// `BBRStartupFullLossCnt`).
const FULL_LOSSES: u32 = 6;
/// `Drain` takes so many rounds at most (draft-ietf-ccwg-bbr, 5.3.2).
const DRAIN_ROUNDS: u64 = 3;

impl Bbr {
    pub(super) fn enter_startup(&mut self) {
        self.state = State::Startup;
    }

    /// A round of `Startup` is over: too many losses in it, or a mark, show a full pipe
    /// (draft-ietf-ccwg-bbr, 5.3.1.3).
    pub(super) fn check_startup_loss(&mut self, round: Round) {
        let is_full = round.is_certain || (round.is_congested && round.events >= FULL_LOSSES);
        if !is_full || self.pipe.was_full() {
            return;
        }
        self.undo.on_left(State::Startup);
        self.pipe.set_was_full(true);
        self.bounds.inflight_longterm = self.bdp(self.max_bw.get()).max(self.latest.volume);
    }

    /// On from `Startup` where the pipe is full, and from `Drain` where the queue is empty.
    pub(super) fn check_startup(&mut self, now: Instant) {
        if self.state == State::Startup && self.pipe.was_full() {
            self.state = State::Drain;
            self.drain_since = self.rounds.count();
        }
        let rounds = self.rounds.count() - self.drain_since;
        if self.state == State::Drain
            && (self.in_flight <= self.inflight(self.bw) || rounds > DRAIN_ROUNDS)
        {
            self.start_down(now);
        }
    }
}
