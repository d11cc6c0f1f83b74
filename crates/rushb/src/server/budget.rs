//! How many packets the server may have in flight to all clients together.
//! It backs off when the socket drops, and knows neither sessions nor sockets.

use core::time::Duration;

use rudp_base::Instant;

/// The least limit: progress for everybody, however small the socket's buffer.
const MIN_LIMIT: usize = 32;

/// Drops within this time of a back-off are of the same overflow.
const BACKOFF_INTERVAL: Duration = Duration::from_millis(100);

/// A window over all sessions: halved when the socket dropped, grown by one for every window of
/// answers until the maximum is reached again.
#[derive(Debug)]
pub(super) struct Budget {
    max: usize,
    limit: usize,
    in_flight: usize,
    /// Answers since the limit last grew.
    answered: usize,
    backed_off_at: Option<Instant>,
}

impl Budget {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { max, limit: max, in_flight: 0, answered: 0, backed_off_at: None }
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight < self.limit
    }

    pub(super) fn on_sent(&mut self) {
        self.in_flight += 1;
    }

    /// A packet is no longer in flight, and was answered or not.
    pub(super) fn on_left(&mut self, answered: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if answered && self.limit < self.max {
            self.answered += 1;
            if self.answered >= self.limit {
                self.answered = 0;
                self.limit += 1 + self.limit / 16;
                self.limit = self.limit.min(self.max);
            }
        }
    }

    pub(super) fn on_receive_drops(&mut self, now: Instant) {
        if self.backed_off_at.is_some_and(|at| now - at < BACKOFF_INTERVAL) {
            return;
        }
        self.backed_off_at = Some(now);
        self.answered = 0;
        // What overflowed the buffer is what was in flight, which may be far below the limit.
        self.limit = (self.limit.min(self.in_flight.max(1)) / 2).max(MIN_LIMIT).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_halve_it_once_for_each_overflow() {
        let mut budget = Budget::new(1_000);
        for _ in 0..1_000 {
            assert!(budget.has_room());
            budget.on_sent();
        }
        assert!(!budget.has_room());
        let now = Instant::ZERO + Duration::from_secs(1);
        budget.on_receive_drops(now);
        budget.on_receive_drops(now + Duration::from_millis(50));
        assert_eq!(budget.limit, 500);
        for _ in 0..20 {
            budget.on_receive_drops(now + Duration::from_secs(9));
        }
        assert_eq!(budget.limit, 250);
    }

    #[test]
    fn answers_bring_it_back_and_losses_do_not() {
        let mut budget = Budget::new(100);
        for _ in 0..100 {
            budget.on_sent();
        }
        budget.on_receive_drops(Instant::ZERO);
        assert_eq!(budget.limit, 50);
        for _ in 0..100 {
            budget.on_left(false);
        }
        assert_eq!(budget.limit, 50);
        for _ in 0..10_000 {
            budget.on_sent();
            budget.on_left(true);
        }
        assert_eq!(budget.limit, 100);
    }

    #[test]
    fn never_falls_to_nothing() {
        let mut budget = Budget::new(2_048);
        for second in 1..100 {
            budget.on_receive_drops(Instant::ZERO + Duration::from_secs(second));
        }
        assert_eq!(budget.limit, MIN_LIMIT);
        let mut tiny = Budget::new(0);
        tiny.on_receive_drops(Instant::ZERO);
        assert!(tiny.has_room());
    }
}
