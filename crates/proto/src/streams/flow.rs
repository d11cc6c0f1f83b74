//! Flow control (docs/PROTOCOL.md, 7.4.3): [`Window`], how much may be sent to us, which grows with
//! the reader, and [`Credit`], how much we may send. What is counted is their owners' business.

use core::time::Duration;

use rudp_base::Instant;
use rudp_wire::varint;

/// When and with what windows may grow.
#[derive(Debug)]
pub(crate) struct Growth<'a> {
    /// The time.
    pub(crate) now: Instant,
    /// The smoothed round-trip time.
    pub(crate) rtt: Duration,
    /// Bytes by which the connection's window may still grow, from what the endpoint has for all.
    /// What a connection takes it keeps until its end.
    pub(crate) grant: &'a mut u64,
}

/// A receive window: of a stream, or of all streams of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// How far the limit is ahead of what was consumed when it is told.
    size: u64,
    /// The limit that was told.
    limit: u64,
    /// Bytes that were read or discarded.
    consumed: u64,
    /// What was consumed, and when, as the measurement began.
    epoch: (u64, Instant),
}

impl Window {
    pub(super) fn new(size: u64) -> Self {
        let size = size.min(varint::MAX);
        Self { size, limit: size, consumed: 0, epoch: (0, Instant::ZERO) }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Bytes were read or discarded. Says whether the peer has to be told of a new limit, which is
    /// so from a quarter of the window on.
    pub(super) fn consume(&mut self, bytes: u64) -> bool {
        self.consumed = self.consumed.saturating_add(bytes);
        let granted = self.limit.saturating_sub(self.consumed);
        self.limit < varint::MAX
            && self.size.saturating_sub(granted) >= self.size.div_ceil(4).max(1)
    }

    /// The limit to tell now. The window doubles, up to `max`, if a whole one was consumed in less
    /// than two round trips; `allow` is asked how much of the growth is possible.
    pub(super) fn renew(
        &mut self,
        now: Instant,
        rtt: Duration,
        max: u64,
        allow: impl FnOnce(u64) -> u64,
    ) -> u64 {
        let (since, at) = self.epoch;
        if self.consumed.saturating_sub(since) >= self.size {
            // The first epoch began at an unknown time, and so long ago.
            if now.saturating_since(at) < 2 * rtt {
                let growth = self.size.min(max.saturating_sub(self.size));
                self.size += allow(growth).min(growth);
            }
            self.epoch = (self.consumed, now);
        } else if at == Instant::ZERO {
            self.epoch = (self.consumed, now);
        }
        let limit = self.consumed.saturating_add(self.size).min(varint::MAX);
        self.limit = self.limit.max(limit);
        self.limit
    }
}

/// How much may be sent on all streams together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Credit {
    limit: u64,
    used: u64,
}

impl Credit {
    /// A limit came. Lower ones than before are ignored (docs/PROTOCOL.md, 7.4.4).
    pub(super) fn raise(&mut self, limit: u64) -> bool {
        let raised = limit > self.limit;
        self.limit = self.limit.max(limit);
        raised
    }

    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn spend(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    const RTT: Duration = Duration::from_millis(100);

    #[test]
    fn a_new_limit_is_told_from_a_quarter_on() {
        let mut window = Window::new(100);
        assert!(!window.consume(24));
        assert!(window.consume(1));
        assert_eq!(window.renew(millis(1), RTT, 100, |growth| growth), 125);
        assert!(!window.consume(24));
        assert!(window.consume(1));
    }

    #[test]
    fn a_window_doubles_for_a_fast_reader_only_and_up_to_its_maximum() {
        let run = |step: u64, max: u64, grant: u64| {
            let (mut window, mut left) = (Window::new(100), grant);
            for turn in 1..=20 {
                if window.consume(window.size() / 2) {
                    window.renew(millis(turn * step), RTT, max, |growth| {
                        let given = growth.min(left);
                        left -= given;
                        given
                    });
                }
            }
            window.size()
        };
        assert_eq!(run(50, 1_000, u64::MAX), 1_000, "a window in a round trip");
        assert_eq!(run(150, 1_000, u64::MAX), 100, "a window in three");
        assert_eq!(run(50, 1_000, 30), 130, "no more than is granted");
    }

    #[test]
    fn limits_end_where_numbers_do() {
        let mut window = Window::new(varint::MAX);
        assert!(!window.consume(varint::MAX / 2));
        assert_eq!(window.renew(millis(1), RTT, u64::MAX, |growth| growth), varint::MAX);
    }

    // spec: 7.4.4
    #[test]
    fn credit_never_shrinks() {
        let mut credit = Credit::default();
        assert!(credit.raise(10));
        assert!(!credit.raise(5));
        credit.spend(7);
        assert_eq!((credit.left(), credit.limit()), (3, 10));
    }
}
