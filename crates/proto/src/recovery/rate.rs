//! [`DeliveryRate`]: how fast data arrive at the peer (draft-ietf-ccwg-bbr, delivery rate samples).
//! What a controller makes of the samples is its own business.

use core::time::Duration;

use rudp_base::Instant;

use crate::congestion::Delivery;

/// What is counted for one path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DeliveryRate {
    /// Bytes acknowledged in all (`C.delivered`).
    delivered: u64,
    /// When the newest of them were (`C.delivered_time`).
    delivered_at: Instant,
    /// When the packet was sent whose acknowledgement began the current interval
    /// (`C.first_send_time`).
    first_sent_at: Instant,
    /// Bytes lost in all (`C.lost`), less what came after all.
    lost: u64,
    /// While this much has not been delivered, samples tell what the program sends and not what the
    /// path takes (`C.app_limited`).
    app_limited_until: u64,
}

/// The state when a packet was sent, kept with the packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SendState {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    lost: u64,
    /// In flight, the packet included.
    pub(super) in_flight: u64,
}

impl DeliveryRate {
    /// A packet leaves while `prior_in_flight` bytes are in flight.
    pub(super) fn on_sent(&mut self, now: Instant, prior_in_flight: u64, bytes: u64) -> SendState {
        // An interval begins with nothing in flight: the pause before is not part of it.
        if prior_in_flight == 0 {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        SendState {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            lost: self.lost,
            in_flight: prior_in_flight + bytes,
        }
    }

    /// Whether a packet sent now says less than the path could take.
    pub(super) fn is_app_limited(&self) -> bool {
        self.app_limited_until != 0
    }

    /// There was nothing more to send, with `in_flight` bytes on their way.
    pub(super) fn on_app_limited(&mut self, in_flight: u64) {
        self.app_limited_until = (self.delivered + in_flight).max(1);
    }

    pub(super) fn on_acked(&mut self, now: Instant, bytes: u64) {
        self.delivered += bytes;
        self.delivered_at = now;
    }

    pub(super) fn on_lost(&mut self, bytes: u64) {
        self.lost += bytes;
    }

    /// What was taken for lost has come.
    pub(super) fn on_spurious(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_sub(bytes);
    }

    /// Bytes lost since a packet was sent with `state`.
    pub(super) fn lost_since(&self, state: &SendState) -> u64 {
        self.lost.saturating_sub(state.lost)
    }

    /// The sample of an acknowledgement, after all its packets were counted. The newest of them was
    /// sent at `sent_at` with `state`.
    pub(super) fn sample(
        &mut self,
        now: Instant,
        sent_at: Instant,
        state: &SendState,
        min_rtt: Duration,
    ) -> Delivery {
        if self.delivered > self.app_limited_until {
            self.app_limited_until = 0;
        }
        // A packet that came late does not turn the clock back (`IsNewestPacket`).
        self.first_sent_at = self.first_sent_at.max(sent_at);
        // Whichever took longer, sending or acknowledging: compressed ACKs do not show a rate that
        // the path does not have. Intervals below the least round-trip time are no measure.
        let interval = (sent_at - state.first_sent_at).max(now - state.delivered_at);
        let is_measure = interval >= min_rtt && !interval.is_zero();
        let delivered = self.delivered.saturating_sub(state.delivered);
        let rate = is_measure.then(|| u128::from(delivered) * 1_000_000_000 / interval.as_nanos());
        Delivery {
            rate: rate.map(|rate| u64::try_from(rate).unwrap_or(u64::MAX)),
            prior_delivered: state.delivered,
            delivered: self.delivered,
            lost: self.lost,
            sent_in_flight: state.in_flight,
            lost_since_sent: self.lost_since(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u32) -> Instant {
        Instant::ZERO + MS * ms
    }

    #[test]
    fn a_steady_flow_gives_its_rate() {
        let mut rate = DeliveryRate::default();
        // 1000 bytes each millisecond, each acknowledged after 10 ms.
        let states: Vec<_> =
            (0..10).map(|ms| rate.on_sent(at(ms), u64::from(ms) * 1_000, 1_000)).collect();
        let mut last = Delivery::default();
        for (ms, state) in (0..).zip(&states) {
            rate.on_acked(at(ms + 10), 1_000);
            last = rate.sample(at(ms + 10), at(ms), state, MS * 10);
        }
        // All were sent before anything was delivered: 10,000 bytes in 19 ms.
        assert_eq!(last.rate, Some(10_000_000 / 19));
        assert_eq!(
            (last.prior_delivered, last.delivered, last.sent_in_flight),
            (0, 10_000, 10_000)
        );
        let state = rate.on_sent(at(20), 9_000, 1_000);
        rate.on_acked(at(20), 9_000);
        rate.on_acked(at(29), 1_000);
        let next = rate.sample(at(29), at(20), &state, MS * 10);
        assert_eq!(next.rate, Some(10_000_000 / 11), "what was sent in the interval took 11 ms");
    }

    #[test]
    fn intervals_below_the_least_round_trip_are_no_measure() {
        let mut rate = DeliveryRate::default();
        let state = rate.on_sent(at(0), 0, 1_000);
        rate.on_acked(at(4), 1_000);
        assert!(rate.sample(at(4), at(0), &state, MS * 5).rate.is_none());
        assert!(rate.sample(at(0), at(0), &state, Duration::ZERO).rate.is_none());
    }

    #[test]
    fn app_limited_lasts_until_what_was_in_flight_is_delivered() {
        let mut rate = DeliveryRate::default();
        let state = rate.on_sent(at(0), 0, 1_000);
        rate.on_app_limited(1_000);
        assert!(rate.is_app_limited());
        rate.on_acked(at(5), 1_000);
        rate.sample(at(5), at(0), &state, MS);
        assert!(rate.is_app_limited());
        rate.on_acked(at(6), 1);
        rate.sample(at(6), at(1), &state, MS);
        assert!(!rate.is_app_limited());
    }

    #[test]
    fn losses_are_counted_until_they_prove_wrong() {
        let mut rate = DeliveryRate::default();
        rate.on_lost(500);
        let state = rate.on_sent(at(0), 0, 1_000);
        rate.on_lost(700);
        rate.on_acked(at(5), 1_000);
        assert_eq!(rate.lost_since(&state), 700);
        assert_eq!(rate.sample(at(5), at(0), &state, MS).lost, 1_200);
        rate.on_spurious(800);
        assert_eq!(rate.lost_since(&state), 0);
        assert_eq!(rate.sample(at(6), at(0), &state, MS).lost, 400);
    }
}
