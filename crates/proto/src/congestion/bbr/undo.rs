//! [`Undo`]: what losses changed, in case that they prove wrong (draft-ietf-ccwg-bbr, 5.5.11).
//! Whether they do is found by loss recovery.

use rudp_base::Instant;

use super::bounds::Bounds;
use super::{Bbr, State};
use crate::congestion::CongestionSample;

/// The state before the newest round trip with losses.
#[derive(Clone, Debug, Default)]
pub(super) struct Undo {
    /// Boxed, as most sessions lose little.
    saved: Option<Box<Saved>>,
    /// When its first loss was found: losses of packets sent before belong to it.
    began_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Saved {
    bounds: Bounds,
    window: u64,
    /// The state that the losses ended.
    left: Option<State>,
}

impl Undo {
    /// Losses have ended `state`.
    pub(super) fn on_left(&mut self, state: State) {
        if let Some(saved) = &mut self.saved {
            saved.left = Some(state);
        }
    }

    /// There was a sign of congestion that cannot prove wrong.
    pub(super) fn forget(&mut self) {
        self.saved = None;
    }
}

impl Bbr {
    /// Packets were lost: keeps what there is, if it is the first loss of a round trip.
    pub(super) fn save(&mut self, sample: &CongestionSample) {
        if self.undo.began_at.is_none_or(|began| sample.sent_at > began) {
            let saved = Saved { bounds: self.bounds, window: self.window, left: None };
            self.undo = Undo { saved: Some(Box::new(saved)), began_at: Some(sample.now) };
        }
    }

    /// All losses of that round trip were none.
    pub(super) fn restore(&mut self) {
        let Some(saved) = self.undo.saved.take() else { return };
        let Saved { bounds, window, left } = *saved;
        let own = &mut self.bounds;
        own.bw_shortterm = own.bw_shortterm.max(bounds.bw_shortterm);
        own.inflight_shortterm = own.inflight_shortterm.max(bounds.inflight_shortterm);
        own.inflight_longterm = own.inflight_longterm.max(bounds.inflight_longterm);
        self.pipe.restart(0);
        if self.state == State::ProbeRtt {
            self.prior_window = self.prior_window.max(window);
        } else {
            self.window = self.window.max(window);
        }
        match left {
            Some(State::Startup) => {
                self.pipe.set_was_full(false);
                self.cycle.hurried = 0;
                if self.state != State::ProbeRtt {
                    self.enter_startup();
                }
            }
            Some(State::Up) if self.state.is_probe_bw() && self.state != State::Up => {
                self.start_refill();
            }
            _ => {}
        }
    }
}
