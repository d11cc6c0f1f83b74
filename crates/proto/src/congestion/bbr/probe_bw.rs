//! `ProbeBW`: the cycle of sending less than arrives, as much, and more (draft-ietf-ccwg-bbr,
//! 5.3.3). What is learnt in it is kept elsewhere.
//!
//! A queue that does not drain, although this flow sends no more than arrives, is made by others:
//! flows that fill it, as CUBIC does, or more of this kind. A probe takes bandwidth from them that
//! they need longer to take back than the draft waits, so that it comes half as often then; and
//! losses while cruising count from the first one on, as they do for the draft.
//!
//! A flow that cruises through a round in which the queue never drained goes by what arrived in it until
//! the next probe. The draft, as long as nothing is lost, cruises at the highest rate of two cycles: so do
//! all flows of its kind that share a path, more than it takes in all, and the queue grows until the first
//! of them probes. A small one has no room there to grow, and whoever came first keeps most of the rate
//! for minutes.
//!
//! A probe ends after two rounds in which no more arrived, and not after three, if there is a queue by
//! then: it is this flow's, and a third round only makes it longer. The draft's probe leaves half a
//! bandwidth-delay product in the queue, which takes six round trips to drain at 90 % of the rate. Where
//! a round trip takes 600 ms that is the whole cycle, no sample is free of the queue for five seconds,
//! and each cycle ends in a `ProbeRTT` that the path is not used in. It stays at three
//! where others fill the queue, and on paths that lose more than 2 %, where two may be poor by chance.

use core::time::Duration;

use rudp_base::Instant;

use super::bounds::NONE;
use super::{Bbr, State};
use crate::congestion::{AckSample, CongestionSample};

/// The time from one probe to the next is this, and up to a second more (draft-ietf-ccwg-bbr,
/// 5.3.3.8.2, `T_bbr`).
const LEAST_WAIT: Duration = Duration::from_secs(2);
const RANDOM_WAIT_NANOS: u64 = 1_000_000_000;
/// Both are so many times as long where others fill the queue.
const RIVALS_FACTOR: u32 = 2;
/// In rounds it is what Reno would take to grow by what is in flight, but not more than this
/// (draft-ietf-ccwg-bbr, 5.3.3.8.2, `T_reno_bound`).
const MOST_ROUNDS: u64 = 63;

/// What acknowledgements are about, seen from the last probe (draft-ietf-ccwg-bbr, 2.14,
/// `ack_phase`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Feedback {
    /// Nothing of a probe.
    #[default]
    None,
    /// Packets sent to fill the pipe.
    Refilling,
    /// The probe has begun; its packets are not acknowledged yet.
    Starting,
    /// Packets of the probe.
    Probe,
    /// The last packets of the probe, which is over.
    Stopping,
}

/// The place in the cycle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cycle {
    feedback: Feedback,
    /// Whether acknowledgements are about a probe that nothing was concluded from.
    pub(super) is_probe_sample: bool,
    /// The last probe met congestion.
    was_too_high: bool,
    /// It was ended early, as a precaution.
    was_precautionary: bool,
    /// So many of the next probes need not wait (see [`startup`](super::startup)).
    pub(super) hurried: u8,
    /// When the cycle began, and how long it may take.
    began_at: Instant,
    wait: Duration,
    /// The round from which those since the last probe are counted.
    since: u64,
    /// The first round whose packets leave while cruising.
    cruises_since: u64,
}

impl Cycle {
    /// The pipe is not probed any more; the next round of acknowledgements still tells of it.
    pub(super) fn stop(&mut self) {
        self.feedback = Feedback::Stopping;
    }
}

impl Bbr {
    /// Begins a cycle (draft-ietf-ccwg-bbr, 5.3.3.9).
    pub(super) fn start_down(&mut self, now: Instant) {
        self.latest = super::Latest::default();
        self.bounds.stop_growth();
        self.loss.watch_queue();
        // Different for each cycle and flow, so that flows mix (draft-ietf-ccwg-bbr, 5.3.3.8.2).
        let early = self.random(2);
        self.cycle.since = self.rounds.count().saturating_sub(early);
        self.cycle.wait = LEAST_WAIT + Duration::from_nanos(self.random(RANDOM_WAIT_NANOS));
        self.cycle.began_at = now;
        self.cycle.stop();
        self.rounds.begin(self.delivered);
        self.state = State::Down;
    }

    pub(super) fn start_cruise(&mut self) {
        self.cycle.cruises_since = self.rounds.count() + u64::from(!self.rounds.is_start());
        self.state = State::Cruise;
    }

    /// Whether what arrived in the round that is over had left while cruising.
    pub(super) fn has_cruised(&self) -> bool {
        self.state == State::Cruise && self.rounds.count() > self.cycle.cruises_since + 1
    }

    pub(super) fn start_refill(&mut self) {
        self.bounds.reset_shortterm();
        self.bounds.stop_growth();
        self.cycle.was_precautionary = false;
        self.cycle.feedback = Feedback::Refilling;
        self.rounds.begin(self.delivered);
        self.state = State::Refill;
    }

    fn start_up(&mut self) {
        self.cycle.is_probe_sample = true;
        self.cycle.feedback = Feedback::Starting;
        self.rounds.begin(self.delivered);
        self.pipe.restart(self.latest.rate);
        self.state = State::Up;
        self.cycle.hurried = self.cycle.hurried.saturating_sub(1);
        self.bounds.raise_slope(self.window, self.max_datagram_size);
    }

    /// The step of the cycle after an acknowledgement.
    pub(super) fn update_cycle(&mut self, sample: &AckSample, is_limited: bool) {
        if !self.pipe.was_full() || self.adapt_longterm(sample, is_limited) {
            return;
        }
        match self.state {
            State::Down | State::Cruise if self.is_time_to_probe(sample.now) => self.start_refill(),
            State::Down if self.is_time_to_cruise() => self.start_cruise(),
            State::Refill if self.rounds.is_start() => self.start_up(),
            State::Up => self.check_up(sample.now),
            _ => {}
        }
    }

    /// Follows the feedback of a probe, and raises the long-term bound where nothing is wrong with
    /// it (draft-ietf-ccwg-bbr, 5.3.3.9, `AdaptLongTermModel`). Says whether the state is another.
    fn adapt_longterm(&mut self, sample: &AckSample, is_limited: bool) -> bool {
        match self.cycle.feedback {
            Feedback::Starting if self.rounds.is_start() => self.cycle.feedback = Feedback::Probe,
            Feedback::Stopping if self.rounds.is_start() => {
                self.cycle.is_probe_sample = false;
                self.cycle.feedback = Feedback::None;
                if self.state.is_probe_bw() {
                    if !is_limited {
                        self.max_bw.advance();
                    }
                    if self.cycle.was_precautionary && !self.cycle.was_too_high {
                        self.start_refill();
                        return true;
                    }
                }
            }
            _ => {}
        }
        let in_flight = sample.delivery.sent_in_flight;
        if self.bounds.inflight_longterm == NONE
            || self.loss.is_excess(sample.delivery.lost_since_sent, in_flight)
        {
            return false;
        }
        self.bounds.inflight_longterm = self.bounds.inflight_longterm.max(in_flight);
        if self.state == State::Up && self.is_bound_by_longterm() {
            self.bounds.grow(sample.bytes, self.max_datagram_size);
            if self.rounds.is_start() {
                self.bounds.raise_slope(self.window, self.max_datagram_size);
            }
        }
        false
    }

    fn is_bound_by_longterm(&self) -> bool {
        self.is_window_limited() && self.window >= self.bounds.inflight_longterm
    }

    /// draft-ietf-ccwg-bbr, 5.3.3.8.3, `IsTimeToProbeBW`.
    fn is_time_to_probe(&self, now: Instant) -> bool {
        if self.cycle.hurried > 0 && self.loss.is_known() {
            return true;
        }
        let factor = if self.has_rivals() { RIVALS_FACTOR } else { 1 };
        let rounds = (self.target() / self.max_datagram_size).min(MOST_ROUNDS);
        let since = self.rounds.count().saturating_sub(self.cycle.since);
        now > self.cycle.began_at + self.cycle.wait * factor || since >= rounds * u64::from(factor)
    }

    /// draft-ietf-ccwg-bbr, 5.3.3.1: there is headroom, and no queue.
    fn is_time_to_cruise(&self) -> bool {
        self.in_flight <= self.longterm_with_headroom()
            && self.in_flight <= self.inflight(self.max_bw.get())
    }

    /// Ends the probe where it is time (draft-ietf-ccwg-bbr, 5.3.3.7).
    fn check_up(&mut self, now: Instant) {
        if self.cycle.was_too_high && self.in_flight >= self.bounds.inflight_longterm {
            self.cycle.was_precautionary = true;
        } else if self.is_bound_by_longterm() {
            return self.pipe.restart(self.latest.rate);
        } else if !self.pipe.is_full() {
            return;
        }
        self.cycle.was_too_high = false;
        self.cycle.hurried = 0;
        self.start_down(now);
    }

    /// A probe has put too much into the path (draft-ietf-ccwg-bbr, 5.5.10.2): it is reacted to
    /// once per probe.
    pub(super) fn on_inflight_too_high(&mut self, sample: &CongestionSample) {
        self.cycle.was_too_high = true;
        self.cycle.is_probe_sample = false;
        if !sample.is_app_limited {
            self.bounds.on_too_high(sample.sent_in_flight, self.target());
        }
        if self.state == State::Up {
            self.undo.on_left(State::Up);
            if self.loss.has_queue() {
                self.cycle.hurried = 0;
            }
            self.start_down(sample.now);
        }
    }
}
