//! [`Cubic`]: the window as a cubic function of the time since the last congestion (RFC 9438), with
//! `HyStart++` in slow start. Loss is found elsewhere.

#[cfg(test)]
mod tests;

use core::time::Duration;

use rudp_base::Instant;

use super::hystart::{Growth, HyStart};
use super::{
    AckSample, CongestionKind, CongestionSample, Controller, INITIAL_PACKETS, MINIMUM_PACKETS,
    SentSample,
};

/// How steep the cubic is, in packets per second cubed (RFC 9438, 4.1, C).
const STEEPNESS: f64 = 0.4;
/// What is left of the window after congestion (RFC 9438, 4.6).
const BETA: f64 = 0.7;
/// Growth per round trip, in packets, that is as fast as Reno's on average with this `BETA`
/// (RFC 9438, 4.3).
const RENO_ALPHA: f64 = 3.0 * (1.0 - BETA) / (1.0 + BETA);
/// What conservative slow start divides growth by (RFC 9406, 4.3, `CSS_GROWTH_DIVISOR`).
const CSS_DIVISOR: f64 = 4.0;
/// No window is larger: 2^40 bytes, far beyond every path and exact in an `f64`.
const MAXIMUM: f64 = 1_099_511_627_776.0;

/// CUBIC.
#[derive(Clone, Debug)]
pub struct Cubic {
    state: State,
    /// The state before the last congestion event, if it may be undone.
    before: Option<Box<State>>,
    /// In bytes.
    max_datagram_size: f64,
    smoothed_rtt: Option<Duration>,
    /// When something was acknowledged last, or sent into an empty path.
    last_activity: Option<Instant>,
}

/// What congestion changes. Sizes are in bytes.
#[derive(Clone, Debug)]
struct State {
    window: f64,
    /// Where slow start ends: infinite until congestion was met.
    threshold: f64,
    /// The window when congestion was met last (RFC 9438, 4.1.2, `W_max`). `None` if the next epoch
    /// begins at its own plateau: after slow start without loss, and after persistent congestion
    /// (4.8, 4.10).
    plateau: Option<f64>,
    /// The window before the last reaction (RFC 9438, 4.1.2, `cwnd_prior`).
    prior: f64,
    /// `None` until something is acknowledged in congestion avoidance.
    epoch: Option<Epoch>,
    /// When the last reaction was: losses of packets sent before it are part of the same event.
    reacted_at: Option<Instant>,
    /// Only the first slow start has one.
    hystart: Option<HyStart>,
}

/// A stage of congestion avoidance (RFC 9438, 4.1.2).
#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// Its begin, moved on by the time in which nothing could be learnt (RFC 9438, 5.8).
    start: Instant,
    /// Seconds from its begin to the plateau, K.
    to_plateau: f64,
    plateau: f64,
    /// The window of Reno under the same losses, `W_est`.
    reno: f64,
}

impl State {
    fn new(max_datagram_size: f64) -> Self {
        Self {
            window: size(INITIAL_PACKETS) * max_datagram_size,
            threshold: f64::INFINITY,
            plateau: None,
            prior: 0.0,
            epoch: None,
            reacted_at: None,
            hystart: Some(HyStart::default()),
        }
    }

    fn in_slow_start(&self) -> bool {
        self.window < self.threshold
    }
}

impl Epoch {
    /// Begins at `now` with `window`, below `plateau` after congestion.
    fn new(now: Instant, window: f64, plateau: Option<f64>, max_datagram_size: f64) -> Self {
        let plateau = plateau.map_or(window, |plateau| plateau.max(window));
        // RFC 9438, 4.2, figure 2.
        let to_plateau = ((plateau - window) / max_datagram_size / STEEPNESS).cbrt();
        Self { start: now, to_plateau, plateau, reno: window }
    }

    /// `W_cubic` at `time` seconds, in bytes (RFC 9438, 4.2, figure 1).
    fn at(&self, time: f64, max_datagram_size: f64) -> f64 {
        STEEPNESS * (time - self.to_plateau).powi(3) * max_datagram_size + self.plateau
    }
}

impl Cubic {
    /// A controller for packets of `max_datagram_size` bytes.
    pub fn new(max_datagram_size: u32) -> Self {
        let max_datagram_size = f64::from(max_datagram_size.max(1));
        Self {
            state: State::new(max_datagram_size),
            before: None,
            max_datagram_size,
            smoothed_rtt: None,
            last_activity: None,
        }
    }

    fn minimum(&self) -> f64 {
        size(MINIMUM_PACKETS) * self.max_datagram_size
    }

    /// Moves the epoch on by the time since the last activity, in which the window was not in use.
    fn skip_to(&mut self, now: Instant) {
        if let (Some(epoch), Some(last)) = (&mut self.state.epoch, self.last_activity) {
            epoch.start = (epoch.start + (now - last)).min(now);
        }
    }

    fn slow_start(&mut self, sample: &AckSample) {
        let growth =
            self.state.hystart.as_mut().map_or(Growth::Fast, |hystart| {
                hystart.on_ack(&sample.delivery, sample.latest_rtt)
            });
        let bytes = match growth {
            Growth::Over => {
                // RFC 9406, 4.2; RFC 9438, 4.10: the epoch begins at its plateau.
                self.state.hystart = None;
                self.state.threshold = self.state.window;
                self.state.plateau = None;
                return;
            }
            _ if sample.is_app_limited => return,
            Growth::Fast => size(sample.bytes),
            Growth::Slow => size(sample.bytes) / CSS_DIVISOR,
        };
        self.state.window += bytes;
    }

    /// RFC 9438, 4.2 to 4.5.
    fn avoid_congestion(&mut self, sample: &AckSample) {
        if sample.is_app_limited {
            return self.skip_to(sample.now);
        }
        let (mss, bytes) = (self.max_datagram_size, size(sample.bytes));
        let state = &mut self.state;
        let (window, plateau) = (state.window, state.plateau);
        let epoch = state.epoch.get_or_insert_with(|| Epoch::new(sample.now, window, plateau, mss));
        let time = (sample.now - epoch.start).as_secs_f64();
        // Beyond the window before, Reno has found its rate again (RFC 9438, 4.3).
        let alpha = if epoch.reno < state.prior { RENO_ALPHA } else { 1.0 };
        epoch.reno = (epoch.reno + alpha * mss * bytes / window).min(MAXIMUM);
        if epoch.at(time, mss) < epoch.reno {
            // The region where Reno is faster (RFC 9438, 4.3).
            state.window = window.max(epoch.reno);
        } else {
            let ahead = time + sample.smoothed_rtt.as_secs_f64();
            let target = epoch.at(ahead, mss).clamp(window, 1.5 * window);
            state.window += (target - window) * (bytes / window).min(1.0);
        }
    }

    fn reduce(&mut self, now: Instant) {
        let minimum = self.minimum();
        let state = &mut self.state;
        let window = state.window;
        // Fast convergence: a window that did not reach the last plateau leaves room for newer
        // flows (RFC 9438, 4.7).
        state.plateau = Some(match state.plateau {
            Some(plateau) if window < plateau => window * (1.0 + BETA) / 2.0,
            _ => window,
        });
        state.prior = window;
        state.window = (window * BETA).max(minimum);
        state.threshold = state.window;
        state.epoch = None;
        state.hystart = None;
        state.reacted_at = Some(now);
    }
}

impl Controller for Cubic {
    fn on_sent(&mut self, sample: &SentSample) {
        if sample.bytes_in_flight <= sample.bytes {
            // Nothing was in flight: the time before did not test the window.
            self.skip_to(sample.now);
            self.last_activity = Some(sample.now);
        }
    }

    fn on_ack(&mut self, sample: &AckSample) {
        self.smoothed_rtt = Some(sample.smoothed_rtt);
        // What was sent before the reaction says nothing of the window after it (RFC 9002, 7.3.2).
        if self.state.reacted_at.is_none_or(|reaction| sample.sent_at > reaction) {
            if self.state.in_slow_start() {
                self.slow_start(sample);
            } else {
                self.avoid_congestion(sample);
            }
            self.state.window = self.state.window.min(MAXIMUM);
        }
        self.last_activity = Some(sample.now);
    }

    fn on_congestion(&mut self, sample: &CongestionSample) {
        if self.state.reacted_at.is_none_or(|reaction| sample.sent_at > reaction) {
            self.before = Some(Box::new(self.state.clone()));
            self.reduce(sample.now);
        }
        if sample.kind == CongestionKind::Persistent {
            // RFC 9002, 7.6.2, and RFC 9438, 4.8.
            self.before = None;
            self.state.window = self.minimum();
            self.state.plateau = None;
            self.state.epoch = None;
        }
    }

    fn on_undo(&mut self, _: Instant) {
        if let Some(before) = self.before.take() {
            let grown = self.state.window;
            self.state = *before;
            // RFC 9438, 4.9.2: what was gained since then stays.
            self.state.window = self.state.window.max(grown);
        }
    }

    fn on_path(&mut self, max_datagram_size: u32, fresh: bool) {
        if fresh {
            *self = Self::new(max_datagram_size);
        } else {
            self.max_datagram_size = f64::from(max_datagram_size.max(1));
            self.state.window = self.state.window.max(self.minimum());
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 2 packets and MAXIMUM"
    )]
    fn window(&self) -> u64 {
        self.state.window as u64
    }

    fn pacing_rate(&self) -> Option<u64> {
        let rtt = u64::try_from(self.smoothed_rtt?.as_nanos()).ok()?.max(1);
        // RFC 9002, 7.7: faster than the window alone, so that pacing never is the limit.
        let quarters = if self.state.in_slow_start() { 8 } else { 5 };
        let rate = u128::from(self.window()) * 1_000_000_000 * quarters / 4 / u128::from(rtt);
        Some(u64::try_from(rate).unwrap_or(u64::MAX).max(1))
    }
}

/// A number of bytes as an `f64`.
#[expect(clippy::cast_precision_loss, reason = "sizes beyond 2^53 bytes do not occur")]
fn size(bytes: u64) -> f64 {
    bytes as f64
}
