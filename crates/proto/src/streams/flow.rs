//! Flow control (docs/PROTOCOL.md, 7.4.3): [`Window`], how much may be sent to us, which grows with
//! the reader, and [`Credit`], how much we may send. What is counted is their owners' business.

use core::time::Duration;

use rudp_base::Instant;
use rudp_wire::varint;

/// A window should be what is consumed in so many round trips. One is what a path takes that loses
/// nothing; where it loses a packet and then its repetitions, what came behind waits for them.
const ROUND_TRIPS: u32 = 8;
/// The part of a window whose consumption is measured at once: so a window grows before a sender
/// that doubles its rate each round trip has used it up.
const PARTS: u64 = 4;
/// What comes faster than a part in a round trip is the start of a sender whose next round trip may
/// bring four times as much, and lose some of it: its window grows by so much more.
const START: u32 = 4;

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
    /// Whether much of it lies behind a gap, and how far the data went when that was last seen.
    is_short: bool,
    gap_seen_at: u64,
}

impl Window {
    pub(super) fn new(size: u64) -> Self {
        let size = size.min(varint::MAX);
        Self {
            size,
            limit: size,
            consumed: 0,
            epoch: (0, Instant::ZERO),
            is_short: false,
            gap_seen_at: 0,
        }
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

    /// The reader waits for data that are missing, while others went up to `highest`. Says whether
    /// the peer has to be told of a new limit: where a quarter of the window lies behind the gap,
    /// the repetition may be too late for a sender that is about to use the rest.
    pub(super) fn on_gap(&mut self, highest: u64) -> bool {
        let is_news = highest.saturating_sub(self.gap_seen_at) >= self.size / 4;
        if !is_news || highest.saturating_sub(self.consumed) < self.size / 4 {
            return false;
        }
        (self.is_short, self.gap_seen_at) = (true, highest);
        true
    }

    /// The limit to tell now. The window grows, up to `max`, to what is consumed in eight round
    /// trips, and fourfold if it is [short](Self::on_gap); `allow` is asked how much of the growth is
    /// possible.
    pub(super) fn renew(
        &mut self,
        now: Instant,
        rtt: Duration,
        max: u64,
        allow: impl FnOnce(u64) -> u64,
    ) -> u64 {
        let is_short = core::mem::take(&mut self.is_short);
        let mut wanted = self.size.saturating_mul(if is_short { START.into() } else { 1 });
        let (since, at) = self.epoch;
        let used = self.consumed.saturating_sub(since);
        if used >= self.size.div_ceil(PARTS) {
            // Nobody knows when the first epoch began.
            let elapsed = if at == Instant::ZERO { rtt } else { now - at };
            wanted = wanted.max(per_round_trips(used, elapsed, rtt));
            self.epoch = (self.consumed, now);
        }
        let growth = wanted.min(max).saturating_sub(self.size);
        if growth > 0 {
            self.size += allow(growth).min(growth);
        }
        let limit = self.consumed.saturating_add(self.size).min(varint::MAX);
        self.limit = self.limit.max(limit);
        self.limit
    }
}

/// What is consumed in [`ROUND_TRIPS`] if it is `used` in `elapsed`, or in one round trip where that
/// is longer: what comes at once says nothing of a shorter time, but that it is a [start](START).
fn per_round_trips(used: u64, elapsed: Duration, rtt: Duration) -> u64 {
    let (rtt, elapsed) = (rtt.as_nanos().max(1), elapsed.as_nanos());
    let round_trips = if elapsed < rtt { START * ROUND_TRIPS } else { ROUND_TRIPS };
    let wanted = u128::from(used) * u128::from(round_trips) * rtt / elapsed.max(rtt);
    u64::try_from(wanted).unwrap_or(u64::MAX)
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
    fn a_window_grows_for_a_fast_reader_only_and_up_to_its_maximum() {
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
        assert_eq!(run(500, 1_000, u64::MAX), 400, "a window in ten, but the first part at once");
        assert_eq!(run(50, 1_000, 30), 130, "no more than is granted");
    }

    #[test]
    fn a_window_grows_fourfold_while_much_of_it_lies_behind_a_gap() {
        let mut window = Window::new(100);
        assert!(!window.on_gap(24));
        assert!(window.on_gap(25));
        assert_eq!(window.renew(millis(1), RTT, 1_000, |growth| growth), 400);
        assert!(!window.on_gap(124), "once for each quarter");
        assert!(window.on_gap(125));
        assert_eq!(window.renew(millis(2), RTT, 600, |growth| growth), 600, "the maximum");
        assert_eq!(window.renew(millis(3), RTT, 1_000, |growth| growth), 600, "no gap since then");
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
