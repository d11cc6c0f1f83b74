//! What the model comes to: the pacing rate and the window (draft-ietf-ccwg-bbr, 5.6). Packets are
//! spread, and batches cut, by the pacer.

use core::time::Duration;

use super::{Bbr, INITIAL_PACKETS, MAXIMUM, MIN_PIPE_PACKETS, State, percent, volume};
use crate::congestion::AckSample;

/// Paces a little below the bandwidth, so that queues drain (draft-ietf-ccwg-bbr, 2.5,
/// `PacingMarginPercent` = 1).
const PACED_PERCENT: u64 = 99;
/// With fewer packets per round trip the bandwidth is known too late for its double to be sent in
/// the next one: `Startup` goes by the window then.
const FEW_PACKETS: u64 = 64;
/// No less is in flight than what leaves in this time, at least two packets and at most a batch
/// (draft-ietf-ccwg-bbr, 5.6.3). How much of that leaves at once is for the pacer.
const QUANTUM: Duration = Duration::from_millis(1);
const LEAST_QUANTUM_PACKETS: u64 = 2;
const MOST_QUANTUM: u64 = 64 << 10;

impl State {
    /// The rate in percent of the bandwidth (draft-ietf-ccwg-bbr, 5.6.1).
    fn pacing_percent(self) -> u64 {
        match self {
            Self::Startup => 277,
            Self::Drain => 50,
            Self::Down => 90,
            Self::Cruise | Self::Refill | Self::ProbeRtt => 100,
            Self::Up => 125,
        }
    }

    /// The window in percent of the bandwidth-delay product (draft-ietf-ccwg-bbr, 5.6.1).
    fn window_percent(self) -> u64 {
        match self {
            Self::Up => 225,
            Self::ProbeRtt => 50,
            _ => 200,
        }
    }
}

impl Bbr {
    /// After the model and the state (draft-ietf-ccwg-bbr, 5.2.3, `UpdateControlParameters`).
    pub(super) fn update_control(&mut self, sample: &AckSample) {
        self.update_window(sample);
        if self.state == State::Startup && !self.pipe.was_full() {
            if self.train.take_end() {
                // It has left faster than the bandwidth.
                self.pacing_rate = None;
            }
            if let Some(rate) = self.startup_rate(sample) {
                self.pacing_rate = Some(rate.max(self.pacing_rate.unwrap_or(0)));
            }
        }
        self.pace(self.state.pacing_percent());
    }

    /// The rate by the window (draft-ietf-ccwg-bbr, 5.6.2, for the initial one), while that says more
    /// than the bandwidth.
    fn startup_rate(&self, sample: &AckSample) -> Option<u64> {
        let nanos = sample.smoothed_rtt.as_nanos().max(1_000_000);
        let rate = u128::from(self.window) * 1_000_000_000 / nanos;
        let rate = u64::try_from(rate).unwrap_or(MAXIMUM);
        let is_small = self.window < FEW_PACKETS * self.max_datagram_size;
        let own = is_small.then(|| State::Startup.pacing_percent());
        let gain = self.train.gain(self.window, self.max_datagram_size).or(own)?;
        Some(percent(rate, gain).clamp(1, MAXIMUM))
    }

    /// Sets the rate to `gain` percent of the bandwidth (draft-ietf-ccwg-bbr, 5.6.2). Until the pipe
    /// was full it only rises.
    pub(super) fn pace(&mut self, gain: u64) {
        let rate = percent(percent(self.loss.to_send(self.bw), gain), PACED_PERCENT);
        let rate = rate.clamp(1, MAXIMUM);
        if self.bw > 0 && (self.pipe.was_full() || self.pacing_rate.is_none_or(|now| rate > now)) {
            self.pacing_rate = Some(rate);
        }
    }

    /// What has to be in flight so that `bw` arrives; the first window while nothing is known.
    pub(super) fn bdp(&self, bw: u64) -> u64 {
        match self.min_rtt.get() {
            Some(rtt) if bw > 0 => volume(self.loss.to_send(bw), rtt).min(MAXIMUM),
            _ => INITIAL_PACKETS * self.max_datagram_size,
        }
    }

    /// As [`bdp`](Self::bdp), and not less than what host and pipe need (draft-ietf-ccwg-bbr,
    /// 5.6.4.2, `Inflight`).
    pub(super) fn inflight(&self, bw: u64) -> u64 {
        self.with_budget(self.bdp(bw))
    }

    fn with_budget(&self, in_flight: u64) -> u64 {
        let quantum = volume(self.pacing_rate.unwrap_or(0), QUANTUM).clamp(
            LEAST_QUANTUM_PACKETS * self.max_datagram_size,
            MOST_QUANTUM.max(LEAST_QUANTUM_PACKETS * self.max_datagram_size),
        );
        let in_flight = in_flight.max(quantum).max(self.least_window());
        let more = if self.state == State::Up { 2 * self.max_datagram_size } else { 0 };
        in_flight + more
    }

    /// The least window (draft-ietf-ccwg-bbr, 5.6.4.3).
    pub(super) fn least_window(&self) -> u64 {
        MIN_PIPE_PACKETS * self.max_datagram_size
    }

    /// draft-ietf-ccwg-bbr, 5.6.4.5.
    pub(super) fn probe_rtt_window(&self) -> u64 {
        percent(self.bdp(self.bw), State::ProbeRtt.window_percent()).max(self.least_window())
    }

    /// The long-term bound that leaves something to others.
    pub(super) fn longterm_with_headroom(&self) -> u64 {
        self.bounds.with_headroom(self.max_datagram_size).max(self.least_window())
    }

    /// draft-ietf-ccwg-bbr, 5.6.4.6 and 5.6.4.7.
    fn update_window(&mut self, sample: &AckSample) {
        let wanted = percent(self.bdp(self.bw), self.state.window_percent());
        // Before the rate is known, what comes faster is no lump but the rate.
        let lumps = if self.pipe.was_full() { self.extra_acked.get() } else { 0 };
        let most = self.with_budget(wanted.saturating_add(lumps));
        let grown = self.window.saturating_add(sample.bytes);
        let initial = INITIAL_PACKETS * self.max_datagram_size;
        if self.pipe.was_full() {
            self.window = grown.min(most);
        } else if self.window < most || sample.delivery.delivered < initial {
            self.window = grown;
        }
        if self.state == State::Startup && !self.pipe.was_full() {
            self.window = self.window.max(self.train.window(sample.min_rtt));
        }
        let longterm = match self.state {
            State::Startup | State::Drain => MAXIMUM,
            State::Cruise | State::ProbeRtt => self.longterm_with_headroom(),
            State::Down | State::Refill | State::Up => self.bounds.inflight_longterm,
        };
        let mut most = longterm.min(self.bounds.inflight_shortterm).min(MAXIMUM);
        if self.state == State::ProbeRtt {
            most = most.min(self.probe_rtt_window());
        }
        self.window = self.window.min(most).max(self.least_window());
    }

    /// The window is about to be made small for a while (draft-ietf-ccwg-bbr, 5.6.4.4).
    pub(super) fn save_window(&mut self) {
        let kept = if self.state == State::ProbeRtt { self.prior_window } else { 0 };
        self.prior_window = self.window.max(kept);
    }

    /// It was, and is over.
    pub(super) fn restore_window(&mut self) {
        self.window = self.window.max(self.prior_window);
    }

    /// Nothing got through for long (draft-ietf-ccwg-bbr, 5.6.4.4): the path may be another one, and
    /// is felt for with little.
    pub(super) fn collapse(&mut self) {
        self.save_window();
        self.window = self.least_window();
    }
}
