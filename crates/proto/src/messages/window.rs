//! [`Window`]: how much the peer may have under way, and when it is told of more.
//! What counts towards the limit is decided elsewhere.

use core::time::Duration;

use rudp_base::Instant;
use rudp_wire::varint;

/// How large the window is, in bytes of messages, each with 32 more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowSize {
    /// Always that.
    Fixed(u64),
    /// As large as the path needs: at first `initial`, doubled up to `max` while it is used up
    /// within two round trips.
    Tuned {
        /// At first.
        initial: u64,
        /// The most.
        max: u64,
    },
}

/// The limit for the peer's messages (docs/PROTOCOL.md, 7.5.1).
#[derive(Debug)]
pub(super) struct Window {
    size: u64,
    max: u64,
    /// What one message may need: less must never be free when all were delivered, or the peer
    /// would wait for ever with nothing to tell it by.
    least: u64,
    limit: u64,
    used: u64,
    raised_at: Option<Instant>,
    rtt: Option<Duration>,
    is_owed: bool,
}

impl Window {
    /// `least` is the cost of the largest message; no window is smaller.
    pub(super) fn new(size: WindowSize, least: u64) -> Self {
        let (initial, max) = match size {
            WindowSize::Fixed(size) => (size, size),
            WindowSize::Tuned { initial, max } => (initial, max),
        };
        let size = initial.clamp(least, varint::MAX);
        let max = max.clamp(size, varint::MAX);
        let (used, raised_at, rtt, is_owed) = (0, None, None, false);
        Self { size, max, least, limit: size, used, raised_at, rtt, is_owed }
    }

    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether the peer has to be told of the limit.
    pub(super) const fn is_owed(&self) -> bool {
        self.is_owed
    }

    pub(super) fn set_owed(&mut self, is_owed: bool) {
        self.is_owed = is_owed;
    }

    /// What came back of the limit so far.
    #[cfg(test)]
    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
    }

    /// Messages of this cost were delivered, or will never be.
    pub(super) fn release(&mut self, now: Instant, cost: u64) {
        self.used = self.used.saturating_add(cost);
        let gained = self.used.saturating_add(self.size).saturating_sub(self.limit);
        let worth_telling = (self.size / 2).min(self.size - self.least).max(1);
        if gained < worth_telling || self.limit >= varint::MAX {
            return;
        }
        let soon = self.rtt.map_or(Duration::ZERO, |rtt| rtt.saturating_mul(2));
        if self.raised_at.is_some_and(|before| now - before < soon) {
            self.size = self.size.saturating_mul(2).min(self.max);
        }
        self.raised_at = Some(now);
        self.limit = self.used.saturating_add(self.size).min(varint::MAX);
        self.is_owed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_fixed_window_is_told_by_halves() {
        let mut window = Window::new(WindowSize::Fixed(1_000), 100);
        assert_eq!((window.limit(), window.is_owed()), (1_000, false));
        window.set_rtt(1_000 * MS);
        window.release(Instant::ZERO, 499);
        assert!(!window.is_owed());
        window.release(Instant::ZERO, 1);
        assert_eq!((window.limit(), window.is_owed()), (1_500, true));
        window.release(Instant::ZERO, 1_000);
        assert_eq!(window.limit(), 2_500);
    }

    #[test]
    fn a_tuned_window_grows_while_it_is_used_up_soon() {
        let mut window = Window::new(WindowSize::Tuned { initial: 1_000, max: 3_000 }, 100);
        window.set_rtt(10 * MS);
        window.release(Instant::ZERO, 500);
        assert_eq!(window.limit(), 1_500, "nothing is known before the first");
        window.release(Instant::ZERO + 19 * MS, 500);
        assert_eq!(window.limit(), 1_000 + 2_000);
        window.release(Instant::ZERO + 60 * MS, 1_000);
        assert_eq!(window.limit(), 2_000 + 2_000, "slow enough");
        window.release(Instant::ZERO + 61 * MS, 1_000);
        assert_eq!(window.limit(), 3_000 + 3_000, "not beyond the maximum");
    }

    #[test]
    fn when_all_is_delivered_the_largest_message_fits() {
        for (size, least) in [(50, 100), (100, 100), (150, 100), (300, 100)] {
            let mut window = Window::new(WindowSize::Fixed(size), least);
            let mut sent = 0;
            for cost in (1..=least).chain([least; 50]) {
                assert!(sent + cost <= window.limit(), "{size} {cost}");
                sent += cost;
                window.release(Instant::ZERO, cost);
            }
        }
    }

    #[test]
    fn limits_end_with_what_the_wire_can_say() {
        let mut window = Window::new(WindowSize::Fixed(u64::MAX), 100);
        assert_eq!(window.limit(), varint::MAX);
        window.release(Instant::ZERO, u64::MAX);
        assert_eq!((window.limit(), window.is_owed()), (varint::MAX, false));
    }
}
