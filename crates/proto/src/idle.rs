//! [`Idle`]: when a session has been silent for too long, and when to say something before
//! (docs/PROTOCOL.md, 8.6). Forgetting it, and the PING, are the connection's business.

use core::time::Duration;

use rudp_base::Instant;

/// Keep-alives come earlier by up to this part of their interval: so those of many sessions fall
/// together, and wake the machine once.
const SLACK: u64 = 32;

/// The least idle timeout in probe timeouts (docs/PROTOCOL.md, 8.6).
const MIN_PROBES: u32 = 3;

/// The idle timeout of a session: the lesser of both sides' in milliseconds that are not 0
/// (docs/PROTOCOL.md, 5.4.3). `None`: never.
pub(crate) fn timeout_of(own: u64, peer: u64) -> Option<Duration> {
    [own, peer].into_iter().filter(|timeout| *timeout != 0).min().map(Duration::from_millis)
}

/// When something last happened in a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    /// When the timeout started anew.
    started: Instant,
    /// Whether an ack-eliciting packet was sent since one came.
    has_sent: bool,
    /// When an ack-eliciting packet was sent, or a packet came.
    active_at: Instant,
}

impl Idle {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { started: now, has_sent: false, active_at: now }
    }

    /// A packet with a new number opened.
    pub(crate) fn on_packet(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// An ack-eliciting packet was sent. Only the first since one came starts the timeout anew: who
    /// sends to nobody must notice.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        if !self.has_sent {
            self.started = now;
        }
        self.has_sent = true;
        self.active_at = now;
    }

    /// When the session is over.
    pub(crate) fn expiry(
        &self,
        timeout: Option<Duration>,
        probe_timeout: Duration,
    ) -> Option<Instant> {
        timeout.map(|timeout| self.started + timeout.max(probe_timeout.saturating_mul(MIN_PROBES)))
    }

    /// When a PING is due that keeps the session alive, `interval` after anything happened, or a
    /// third of the idle timeout if that is less.
    pub(crate) fn keep_alive(
        &self,
        interval: Option<Duration>,
        timeout: Option<Duration>,
    ) -> Option<Instant> {
        let interval = interval?.min(timeout.map_or(Duration::MAX, |timeout| timeout / 3));
        let due = (self.active_at + interval).as_nanos();
        let slack = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX) / SLACK;
        Some(Instant::from_nanos(due - due % slack.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn at(seconds: u32) -> Instant {
        Instant::ZERO + S * seconds
    }

    // spec: 5.4.3
    #[test]
    fn the_lesser_timeout_that_is_not_0_counts() {
        let table = [(0, 0, None), (5, 0, Some(5)), (0, 7, Some(7)), (9, 8, Some(8))];
        for (own, peer, timeout) in table {
            assert_eq!(timeout_of(own, peer), timeout.map(Duration::from_millis));
        }
    }

    // spec: 8.6
    #[test]
    fn packets_and_the_first_one_sent_since_start_it_anew() {
        let expiry = |idle: &Idle| idle.expiry(Some(S * 30), S).unwrap();
        let mut idle = Idle::new(at(0));
        assert_eq!(expiry(&idle), at(30));
        idle.on_packet(at(10));
        assert_eq!(expiry(&idle), at(40));
        idle.on_sent(at(15));
        assert_eq!(expiry(&idle), at(45));
        idle.on_sent(at(20));
        assert_eq!(expiry(&idle), at(45), "not by the second one");
        idle.on_packet(at(25));
        idle.on_sent(at(30));
        assert_eq!(expiry(&idle), at(60));
        assert_eq!(idle.expiry(None, S), None);
    }

    // spec: 8.6
    #[test]
    fn it_is_never_less_than_three_probe_timeouts() {
        assert_eq!(Idle::new(at(0)).expiry(Some(S), S * 2), Some(at(6)));
    }

    // spec: 8.6
    #[test]
    fn keep_alives_come_at_a_third_of_the_timeout_at_the_latest() {
        let mut idle = Idle::new(at(0));
        assert_eq!(idle.keep_alive(None, Some(S)), None);
        assert_eq!(idle.keep_alive(Some(S * 20), None), Some(at(20)));
        assert_eq!(idle.keep_alive(Some(S * 20), Some(S * 30)), Some(at(10)));
        idle.on_sent(at(10));
        assert_eq!(idle.keep_alive(Some(S * 20), Some(S * 30)), Some(at(20)));
        idle.on_sent(at(20));
        assert_eq!(idle.keep_alive(Some(S * 20), Some(S * 30)), Some(at(30)), "always later");
    }

    #[test]
    fn keep_alives_of_many_sessions_fall_together() {
        let due = |ms: u64| {
            let idle = Idle::new(Instant::ZERO + Duration::from_millis(ms));
            idle.keep_alive(Some(S * 32), None).unwrap()
        };
        assert_eq!([due(0), due(1), due(999), due(1_000)], [at(32), at(32), at(32), at(33)]);
    }
}
