//! `Startup` and `Drain`: doubling the rate until the pipe is full, and emptying the queue of it
//! (draft-ietf-ccwg-bbr, 5.3.1 and 5.3.2). How a full pipe shows in the rate is found elsewhere.
//!
//! The initial window of ten packets (RFC 9002, 7.2) is for round trips of up to some 100 ms. Through a
//! satellite it is a twelfth of what is sent in the same time elsewhere, and each round trip until the
//! pipe is full costs more than half a second. So ten packets leave at once, as ever, and as long as no
//! acknowledgement tells more, a hundred follow each second, which is as much as a flow with a short
//! round trip would have sent that nobody answers; but no more than sixty in all. (TCP Hybla, which
//! scales the window by the round-trip time, does more. The time of the handshake cannot be asked: it is
//! ambiguous where its first packet was sent again, which it is after 500 ms.)
//!
//! Losses may end `Startup` far below what the path takes: a path that loses many whatever is done is not
//! known yet, and a short queue loses most of what leaves faster than it drains. Where the round-trip time did
//! not show a queue all the time, the first probes do not wait for seconds, but only until it is known how
//! much is lost.

use rudp_base::Instant;

use super::loss::Round;
use super::{Bbr, INITIAL_PACKETS, State};

/// What is in flight before the first acknowledgement, at most, in packets.
pub(super) const FIRST_PACKETS: u64 = 60;
/// The rate of those that do not leave at once, in packets per second.
pub(super) const FIRST_RATE_PACKETS: u64 = 100;
/// Separate losses in a round that may end `Startup` (draft-ietf-ccwg-bbr, 5.3.1.3,
/// `BBRStartupFullLossCnt`).
const FULL_LOSSES: u32 = 6;
/// So many probes follow soon then.
const HURRIED_PROBES: u8 = 2;
/// `Drain` takes so many rounds at most (draft-ietf-ccwg-bbr, 5.3.2).
const DRAIN_ROUNDS: u64 = 3;

impl Bbr {
    pub(super) fn enter_startup(&mut self) {
        self.state = State::Startup;
    }

    /// The first acknowledgement came while so much was in flight: from there the window grows, and the
    /// rate is measured.
    pub(super) fn end_first_flight(&mut self, in_flight: u64) {
        let initial = INITIAL_PACKETS * self.max_datagram_size;
        self.window = self.window.min(in_flight).max(initial);
        self.pacing_rate = None;
    }

    /// A round of `Startup` is over: too many losses in it, or a mark, show a full pipe
    /// (draft-ietf-ccwg-bbr, 5.3.1.3). Those of a path that loses 1 % are more than 2 % of a round now and
    /// then, while no baseline is known, and the rate would be half of the path's until the first probe: so
    /// they have to be more than chance explains.
    pub(super) fn check_startup_loss(&mut self, round: Round) {
        let is_full = round.is_certain || (round.is_heavy && round.events >= FULL_LOSSES);
        if !is_full || self.pipe.was_full() {
            return;
        }
        self.undo.on_left(State::Startup);
        self.pipe.set_was_full(true);
        if !round.is_certain && !round.is_queued {
            self.cycle.hurried = HURRIED_PROBES;
        }
        self.bounds.inflight_longterm = self.bdp(self.max_bw.get()).max(self.latest.volume);
    }

    /// On from `Startup` where the pipe is full, and from `Drain` where the queue is empty.
    pub(super) fn check_startup(&mut self, now: Instant) {
        if self.state == State::Startup && self.pipe.was_full() {
            self.state = State::Drain;
            // Losses and marks may end it while rates still grow.
            if self.pipe.is_full() {
                self.max_bw.settle();
            }
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
