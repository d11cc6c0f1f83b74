//! [`Window`]: how much the peer may have under way, and when it is told of more.
//! What counts towards the limit is decided elsewhere.

use rudp_wire::varint;

/// The limit for the peer's messages (docs/PROTOCOL.md, 7.5.1), which is always as far ahead of what
/// was delivered.
#[derive(Debug)]
pub(super) struct Window {
    /// In bytes of messages, each with 32 more.
    size: u64,
    /// What one message may need: less must never be free when all were delivered, or the peer
    /// would wait for ever with nothing to tell it by.
    least: u64,
    limit: u64,
    used: u64,
    is_owed: bool,
}

impl Window {
    /// `least` is the cost of the largest message; no window is smaller.
    pub(super) fn new(size: u64, least: u64) -> Self {
        let size = size.clamp(least, varint::MAX);
        Self { size, least, limit: size, used: 0, is_owed: false }
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

    /// Messages of this cost were delivered, or will never be.
    pub(super) fn release(&mut self, cost: u64) {
        self.used = self.used.saturating_add(cost);
        let gained = self.used.saturating_add(self.size).saturating_sub(self.limit);
        let worth_telling = (self.size / 2).min(self.size - self.least).max(1);
        if gained < worth_telling || self.limit >= varint::MAX {
            return;
        }
        self.limit = self.used.saturating_add(self.size).min(varint::MAX);
        self.is_owed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_told_by_halves() {
        let mut window = Window::new(1_000, 100);
        assert_eq!((window.limit(), window.is_owed()), (1_000, false));
        window.release(499);
        assert!(!window.is_owed());
        window.release(1);
        assert_eq!((window.limit(), window.is_owed()), (1_500, true));
        window.release(1_000);
        assert_eq!(window.limit(), 2_500);
    }

    #[test]
    fn when_all_is_delivered_the_largest_message_fits() {
        for (size, least) in [(50, 100), (100, 100), (150, 100), (300, 100)] {
            let mut window = Window::new(size, least);
            let mut sent = 0;
            for cost in (1..=least).chain([least; 50]) {
                assert!(sent + cost <= window.limit(), "{size} {cost}");
                sent += cost;
                window.release(cost);
            }
        }
    }

    #[test]
    fn limits_end_with_what_the_wire_can_say() {
        let mut window = Window::new(u64::MAX, 100);
        assert_eq!(window.limit(), varint::MAX);
        window.release(u64::MAX);
        assert_eq!((window.limit(), window.is_owed()), (varint::MAX, false));
    }
}
