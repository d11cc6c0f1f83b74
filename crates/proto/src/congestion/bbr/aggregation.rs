//! [`ExtraAcked`]: how far acknowledgements run ahead of the bandwidth when they come in lumps
//! (draft-ietf-ccwg-bbr, 5.5.9). The window is widened by that much, elsewhere.

use rudp_base::Instant;

use super::volume;

/// Rounds that are remembered once the pipe was full (draft-ietf-ccwg-bbr, 2.12,
/// `ExtraAckedFilterLen`). Before, it is one.
const ROUNDS: u64 = 10;

/// The estimate, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExtraAcked {
    /// Where the current lump is measured from, and what was acknowledged since.
    began_at: Instant,
    acked: u64,
    /// The maxima of this span of rounds and of the one before, which together are as long as the
    /// filter, or up to half of it longer.
    now: u64,
    before: u64,
    /// The round in which this span began.
    since: u64,
}

impl ExtraAcked {
    /// Begins the measurement anew: a pause is over.
    pub(super) fn restart(&mut self, now: Instant) {
        (self.began_at, self.acked) = (now, 0);
    }

    /// `bytes` were acknowledged in round `round`. The path takes `rate`, and no more than `window`
    /// can come at once.
    pub(super) fn on_ack(
        &mut self,
        now: Instant,
        bytes: u64,
        (rate, window): (u64, u64),
        (round, was_full): (u64, bool),
    ) {
        let mut expected = volume(rate, now - self.began_at);
        if self.acked <= expected {
            self.restart(now);
            expected = 0;
        }
        self.acked = self.acked.saturating_add(bytes);
        let extra = self.acked.saturating_sub(expected).min(window);
        let span = if was_full { ROUNDS / 2 } else { 1 };
        if round.saturating_sub(self.since) >= span {
            let is_recent = was_full && round - self.since < 2 * span;
            self.before = if is_recent { self.now } else { 0 };
            (self.now, self.since) = (0, round);
        }
        self.now = self.now.max(extra);
    }

    pub(super) fn get(&self) -> u64 {
        self.now.max(self.before)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const RATE: u64 = 1_000_000;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_lump_is_what_comes_beyond_the_rate() {
        let mut extra = ExtraAcked::default();
        // 1,000 bytes each millisecond is the rate: a lump is one packet.
        for ms in 1..100 {
            extra.on_ack(at(ms), 1_000, (RATE, u64::MAX), (1, true));
        }
        assert_eq!(extra.get(), 1_000);
        // 10 ms of silence, and all at once.
        extra.on_ack(at(110), 11_000, (RATE, u64::MAX), (1, true));
        assert_eq!(extra.get(), 11_000);
        extra.on_ack(at(111), 30_000, (RATE, 20_000), (1, true));
        assert_eq!(extra.get(), 20_000, "never more than the window");
    }

    #[test]
    fn lumps_are_forgotten_after_ten_rounds_and_in_startup_after_one() {
        for (was_full, most) in [(true, 10), (false, 1)] {
            let mut extra = ExtraAcked::default();
            extra.on_ack(at(1), 50_000, (RATE, u64::MAX), (1, was_full));
            let mut rounds = 0;
            while extra.get() >= 50_000 {
                rounds += 1;
                let now = at(1_000) + Duration::from_millis(100) * rounds;
                extra.on_ack(now, 1_000, (RATE, u64::MAX), (1 + u64::from(rounds), was_full));
            }
            assert!(rounds <= most, "{rounds}");
            assert!(rounds >= most / 2, "{rounds}");
        }
    }
}
