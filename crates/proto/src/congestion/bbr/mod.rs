//! [`Bbr`]: a model of the path, its bandwidth and round-trip time, that decides how fast to send
//! (BBR, version 3, draft-ietf-ccwg-bbr-06). Samples are made, and packets spread, elsewhere.
//!
//! It deviates from the draft in what it takes for congestion: see [`loss`]. It begins with a rate
//! besides the initial window (see [`startup`]), grows faster than by doubling where the path shows that
//! it takes more (see [`train`]), ends a probe sooner that makes nothing but a queue, and does not cruise
//! above what arrives while a queue stands (see [`probe_bw`]). In steady phases it does not take the noise
//! of single samples for bandwidth (see `Bbr::is_steady`), nor the one of Startup that stands alone (see
//! [`bandwidth`]). Since the rate at which data arrive is less than the one at which they leave where a
//! path loses some of them whatever is done, both the pacing rate and the bandwidth-delay product are
//! those of what has to be sent.

mod aggregation;
mod bandwidth;
mod bounds;
mod control;
mod full_pipe;
mod loss;
mod min_rtt;
mod probe_bw;
mod probe_rtt;
mod rounds;
mod startup;
#[cfg(test)]
mod tests;
mod train;
mod undo;

use core::time::Duration;

use rudp_base::Instant;

use super::{AckSample, CongestionKind, CongestionSample, Controller, INITIAL_PACKETS, SentSample};
use aggregation::ExtraAcked;
use bandwidth::MaxBandwidth;
use bounds::{Bounds, Latest};
use full_pipe::FullPipe;
use loss::{Loss, Totals};
use min_rtt::MinRtt;
use probe_bw::Cycle;
use probe_rtt::ProbeRtt;
use rounds::Rounds;
use train::Train;
use undo::Undo;

/// Packets that may be in flight whatever the model says (draft-ietf-ccwg-bbr, 2.8, `MinPipeCwnd`).
const MIN_PIPE_PACKETS: u64 = 4;
/// No rate and no volume is larger: 2^40 bytes, and per second, far beyond every path.
const MAXIMUM: u64 = 1 << 40;

/// Where the state machine is (draft-ietf-ccwg-bbr, 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Doubles the rate each round until the pipe is full.
    Startup,
    /// Lets the queue drain that this made.
    Drain,
    /// `ProbeBW_DOWN`: sends less than arrives, so that the queue drains.
    Down,
    /// `ProbeBW_CRUISE`: sends as much as arrives.
    Cruise,
    /// `ProbeBW_REFILL`: fills the pipe for a round, with the short-term bounds forgotten.
    Refill,
    /// `ProbeBW_UP`: sends more than arrives, to see whether more arrives.
    Up,
    /// Keeps little in flight, to see the round-trip time without a queue.
    ProbeRtt,
}

impl State {
    /// Whether it is one of `ProbeBW`.
    fn is_probe_bw(self) -> bool {
        matches!(self, Self::Down | Self::Cruise | Self::Refill | Self::Up)
    }

    /// Whether losses now show what a probe costs, and not that the path has become slower
    /// (draft-ietf-ccwg-bbr, 5.5.10.3, `IsProbingBW`).
    fn is_probing(self) -> bool {
        matches!(self, Self::Startup | Self::Refill | Self::Up)
    }
}

/// BBR, version 3.
#[derive(Clone, Debug)]
pub struct Bbr {
    state: State,
    rounds: Rounds,
    max_bw: MaxBandwidth,
    min_rtt: MinRtt,
    extra_acked: ExtraAcked,
    pipe: FullPipe,
    train: Train,
    loss: Loss,
    bounds: Bounds,
    latest: Latest,
    cycle: Cycle,
    probe_rtt: ProbeRtt,
    undo: Undo,
    /// The round in which `Drain` began.
    drain_since: u64,
    /// What arrives per second, as far as all bounds allow (`BBR.bw`).
    bw: u64,
    window: u64,
    /// The last window that neither `ProbeRTT` nor persistent congestion made small.
    prior_window: u64,
    pacing_rate: Option<u64>,
    max_datagram_size: u64,
    /// As the newest acknowledgement said.
    delivered: u64,
    in_flight: u64,
    /// Samples of packets sent while less than this was delivered do not show what the path takes:
    /// this end kept little in flight.
    limited_until: u64,
    /// Whether the window was full in this round, and in the one before.
    is_window_full: [bool; 2],
    /// The program has begun to send after a pause.
    is_restarting: bool,
    /// When a mark was reacted to: those of packets sent before belong to the same event.
    marked_at: Option<Instant>,
    seed: u64,
}

impl Bbr {
    /// A controller for packets of `max_datagram_size` bytes. Flows that share a path should have
    /// different seeds: their probes do not meet then.
    pub fn new(max_datagram_size: u32, seed: u64) -> Self {
        let max_datagram_size = u64::from(max_datagram_size.max(1));
        Self {
            state: State::Startup,
            rounds: Rounds::default(),
            max_bw: MaxBandwidth::default(),
            min_rtt: MinRtt::default(),
            extra_acked: ExtraAcked::default(),
            pipe: FullPipe::default(),
            train: Train::default(),
            loss: Loss::new(max_datagram_size),
            bounds: Bounds::new(),
            latest: Latest::default(),
            cycle: Cycle::default(),
            probe_rtt: ProbeRtt::default(),
            undo: Undo::default(),
            drain_since: 0,
            bw: 0,
            window: startup::FIRST_PACKETS * max_datagram_size,
            prior_window: 0,
            pacing_rate: Some(startup::FIRST_RATE_PACKETS * max_datagram_size),
            max_datagram_size,
            delivered: 0,
            in_flight: 0,
            limited_until: 0,
            is_window_full: [false; 2],
            is_restarting: false,
            marked_at: None,
            seed,
        }
    }

    /// What the acknowledgement says about the path (draft-ietf-ccwg-bbr, 5.2.3).
    fn update_model(&mut self, sample: &AckSample, newest: Latest, is_limited: bool) {
        let delivery = &sample.delivery;
        let totals = Totals { delivered: delivery.delivered, lost: delivery.lost };
        let rtt = sample.latest_rtt;
        self.loss.on_ack(totals, (rtt, self.min_rtt.get()), self.state != State::Up);
        self.latest.rate = self.latest.rate.max(newest.rate);
        self.latest.volume = self.latest.volume.max(newest.volume);
        if newest.rate > 0 {
            let most = if self.is_steady() { self.max_bw.get() } else { MAXIMUM };
            self.max_bw.on_sample(newest.rate.min(most), is_limited);
        }
        if self.rounds.is_start() {
            self.end_round(is_limited);
            self.train.begin(sample, self.window);
        } else if self.state == State::Startup {
            self.train.on_ack(sample, self.max_datagram_size);
        }
        let lumps = (self.rounds.count(), self.pipe.was_full());
        let expected = (self.bw, self.window);
        self.extra_acked.on_ack(sample.now, sample.bytes, expected, lumps);
    }

    /// What a round trip as a whole says.
    fn end_round(&mut self, is_limited: bool) {
        self.is_window_full = [false, self.is_window_full[0]];
        let round = self.loss.end_round();
        let is_pressed = round.is_congested
            || (round.is_lossy && self.state == State::Cruise && self.has_rivals());
        if is_pressed && !self.state.is_probing() {
            self.bounds.cut(self.max_bw.get(), self.window, self.latest);
        }
        if !is_limited && self.latest.rate > 0 {
            if round.is_queued && self.has_cruised() {
                self.bounds.follow((self.bw, self.max_bw.get()), self.latest);
            }
            let has_queue = match self.state {
                State::Startup => self.train.is_over(),
                State::Up => self.loss.has_queue() && self.loss.is_rare() && !self.has_rivals(),
                _ => false,
            };
            self.pipe.on_round(self.latest.rate, has_queue);
        }
        if self.state == State::Startup {
            if round.is_heavy || round.is_certain {
                self.train.on_congestion();
            }
            self.check_startup_loss(round);
        }
    }

    /// The state machine (draft-ietf-ccwg-bbr, 5.3).
    fn update_state(&mut self, sample: &AckSample, is_limited: bool) {
        self.check_startup(sample.now);
        self.update_cycle(sample, is_limited);
        self.min_rtt.on_ack(sample.now, sample.latest_rtt);
        self.check_probe_rtt(sample.now);
        self.is_restarting = false;
    }

    /// One congestion event, whatever showed it, while a probe's packets are looked at.
    fn on_excess(&mut self, sample: &CongestionSample) {
        if self.cycle.is_probe_sample {
            self.on_inflight_too_high(sample);
        }
    }

    /// How much is meant to be in flight (draft-ietf-ccwg-bbr, 5.3.3.8, `TargetInflight`).
    fn target(&self) -> u64 {
        self.bdp(self.bw).min(self.window)
    }

    /// Whether no more was sent, of what arrives now, than what the path is known to take, and to lose.
    /// What seems to arrive faster is the noise of bursts and of acknowledgements that come in lumps: the
    /// draft takes the highest of it for the bandwidth, and a queue grows until the next probe. (Where a
    /// path ends to lose packets, more arrives indeed, and that counts from the next probe on.) The first
    /// round of cruising still counts as the phase before.
    fn is_steady(&self) -> bool {
        self.state == State::Refill || self.has_cruised()
    }

    /// Whether others fill the queue (see [`probe_bw`]).
    fn has_rivals(&self) -> bool {
        self.state.is_probe_bw() && self.loss.has_standing_queue()
    }

    fn is_window_limited(&self) -> bool {
        self.is_window_full.contains(&true)
    }

    /// Marks what is in flight as limited by this end.
    fn limit_samples(&mut self) {
        self.limited_until = self.delivered.saturating_add(self.in_flight).saturating_add(1);
    }

    /// A pseudo-random number below `bound`, for intervals that should not be the same for all
    /// (`SplitMix64`). A `PublicRng` of its own would take hundreds of bytes in each session, and the
    /// endpoint's, where the seed is from, is not for controllers to see.
    fn random(&mut self, bound: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

impl Controller for Bbr {
    fn on_sent(&mut self, sample: &SentSample) {
        if sample.is_app_limited && sample.bytes_in_flight <= sample.bytes {
            self.restart_from_idle(sample.now);
        }
        let next = sample.bytes_in_flight.saturating_add(self.max_datagram_size);
        self.is_window_full[0] |= next > self.window;
    }

    fn on_ack(&mut self, sample: &AckSample) {
        let delivery = &sample.delivery;
        self.delivered = delivery.delivered;
        self.in_flight = sample.bytes_in_flight;
        if self.rounds.count() == 0 {
            self.end_first_flight(sample.prior_in_flight);
        }
        self.rounds.on_ack(delivery.prior_delivered, delivery.delivered);
        let is_limited = sample.is_app_limited || delivery.prior_delivered < self.limited_until;
        let newest = Latest {
            rate: delivery.rate.unwrap_or(0).min(MAXIMUM),
            volume: delivery.delivered.saturating_sub(delivery.prior_delivered),
        };
        self.update_model(sample, newest, is_limited);
        self.update_state(sample, is_limited);
        if self.rounds.is_start() {
            self.latest = newest;
        }
        self.bw = self.max_bw.get().min(self.bounds.bw_shortterm);
        self.update_control(sample);
    }

    fn on_congestion(&mut self, sample: &CongestionSample) {
        match sample.kind {
            CongestionKind::Loss => {
                self.save(sample);
                self.loss.on_loss();
                if self.loss.is_excess(sample.lost_since_sent, sample.sent_in_flight) {
                    self.on_excess(sample);
                }
            }
            CongestionKind::Mark => {
                // One event per round trip (docs/PROTOCOL.md, 8.5).
                if self.marked_at.is_none_or(|marked| sample.sent_at > marked) {
                    self.marked_at = Some(sample.now);
                    self.undo.forget();
                    self.loss.on_certain();
                    self.on_excess(sample);
                }
            }
            CongestionKind::Persistent => {
                self.undo.forget();
                self.loss.on_loss();
                self.collapse();
            }
        }
    }

    fn on_undo(&mut self, _: Instant) {
        self.restore();
    }

    fn on_path(&mut self, max_datagram_size: u32, fresh: bool) {
        if fresh {
            *self = Self::new(max_datagram_size, self.seed);
        } else {
            self.max_datagram_size = u64::from(max_datagram_size.max(1));
            self.loss.set_max_datagram_size(self.max_datagram_size);
            self.window = self.window.max(self.least_window());
        }
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn pacing_rate(&self) -> Option<u64> {
        self.pacing_rate
    }
}

/// So many percent of `value`.
fn percent(value: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(value) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

/// What `rate` bytes per second are in `time`.
fn volume(rate: u64, time: Duration) -> u64 {
    let bytes = u128::from(rate).saturating_mul(time.as_nanos()) / 1_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
