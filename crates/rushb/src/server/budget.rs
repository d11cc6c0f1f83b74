//! How many packets the server may have in flight to all clients together.
//! It backs off when the socket drops, and knows neither sessions nor sockets.

use core::time::Duration;
use std::collections::VecDeque;

use rudp_base::Instant;

/// The least limit: progress for everybody, however small the socket's buffer.
const MIN_LIMIT: usize = 32;

/// Drops within this time of a back-off are of the same overflow.
const BACKOFF_INTERVAL: Duration = Duration::from_millis(100);

/// A window over all sessions: halved when the socket dropped, grown with the answers until the
/// maximum is reached again. Clients that have never answered get half of it, so that those who
/// forge them do not hold up the others.
#[derive(Debug)]
pub(super) struct Budget {
    max: usize,
    limit: usize,
    /// Packets in flight, and how many of them are to clients that have never answered.
    in_flight: usize,
    unanswered: usize,
    /// Packets of sessions that are gone: when they are not in flight any more, and whether they
    /// were to clients that had never answered.
    orphans: VecDeque<(Instant, bool)>,
    /// Answers since the limit last grew.
    answered: usize,
    backed_off_at: Option<Instant>,
}

impl Budget {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self {
            max,
            limit: max,
            in_flight: 0,
            unanswered: 0,
            orphans: VecDeque::new(),
            answered: 0,
            backed_off_at: None,
        }
    }

    /// Whether a packet may be sent to a client that has answered before, or to a new one.
    pub(super) fn has_room(&self, new: bool) -> bool {
        self.in_flight < self.limit && (!new || self.unanswered < self.limit.div_ceil(2))
    }

    pub(super) fn on_sent(&mut self, new: bool) {
        self.in_flight += 1;
        self.unanswered += usize::from(new);
    }

    /// A packet was answered, which was still in flight, to a new client or another, or was not
    /// taken to be any more.
    pub(super) fn on_answered(&mut self, in_flight: Option<bool>) {
        if let Some(new) = in_flight {
            self.on_lost(new);
        }
        if self.limit == self.max {
            return;
        }
        self.answered += 1;
        if self.answered >= self.limit {
            self.answered = 0;
            self.limit = (self.limit + 1 + self.limit / 16).min(self.max);
        }
    }

    /// A packet has been on its way for too long to be in flight.
    pub(super) fn on_lost(&mut self, new: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.unanswered = self.unanswered.saturating_sub(usize::from(new));
    }

    /// A packet's session is gone: it counts until `at`, which never goes back.
    pub(super) fn on_orphaned(&mut self, at: Instant, new: bool) {
        self.orphans.push_back((at, new));
    }

    /// When the next packet without a session stops to count.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.orphans.front().map(|(at, _)| *at)
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((_, new)) = self.orphans.pop_front_if(|(at, _)| *at <= now) {
            self.on_lost(new);
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

    fn full(max: usize) -> Budget {
        let mut budget = Budget::new(max);
        while budget.has_room(false) {
            budget.on_sent(false);
        }
        budget
    }

    #[test]
    fn drops_halve_it_once_for_each_overflow() {
        let mut budget = full(1_000);
        assert_eq!(budget.in_flight, 1_000);
        let now = Instant::ZERO + Duration::from_secs(1);
        budget.on_receive_drops(now);
        budget.on_receive_drops(now + Duration::from_millis(50));
        assert_eq!(budget.limit, 500);
        budget.on_receive_drops(now + Duration::from_secs(9));
        assert_eq!(budget.limit, 250);
    }

    #[test]
    fn answers_bring_it_back_and_losses_do_not() {
        let mut budget = full(100);
        budget.on_receive_drops(Instant::ZERO);
        assert_eq!(budget.limit, 50);
        for _ in 0..100 {
            budget.on_lost(false);
        }
        assert_eq!(budget.limit, 50);
        for _ in 0..10_000 {
            budget.on_sent(false);
            budget.on_answered(Some(false));
        }
        assert_eq!(budget.limit, 100);
    }

    #[test]
    fn late_answers_bring_it_back_too() {
        let mut budget = full(100);
        budget.on_receive_drops(Instant::ZERO);
        for _ in 0..10_000 {
            budget.on_answered(None);
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
        assert!(tiny.has_room(true));
    }

    #[test]
    fn new_clients_get_half_of_it() {
        let mut budget = Budget::new(10);
        while budget.has_room(true) {
            budget.on_sent(true);
        }
        assert_eq!(budget.in_flight, 5);
        assert!(budget.has_room(false));
        budget.on_answered(Some(true));
        assert!(budget.has_room(true));
    }

    #[test]
    fn what_sessions_leave_behind_counts_for_a_while() {
        let mut budget = full(2);
        let later = Instant::ZERO + Duration::from_millis(200);
        budget.on_orphaned(later, false);
        budget.expire(Instant::ZERO);
        assert!(!budget.has_room(false));
        assert_eq!(budget.next_expiry(), Some(later));
        budget.expire(later);
        assert!(budget.has_room(false));
        assert_eq!(budget.next_expiry(), None);
    }
}
