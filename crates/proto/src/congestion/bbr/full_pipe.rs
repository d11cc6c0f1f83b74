//! [`FullPipe`]: whether sending faster still delivers more (draft-ietf-ccwg-bbr, 5.3.1.2).
//! What follows from a full pipe is decided elsewhere.

/// The rate has to rise by a quarter to count as growth (draft-ietf-ccwg-bbr, 5.3.1.2).
const GROWTH_PERCENT: u64 = 125;
/// Rounds without growth that show a full pipe (draft-ietf-ccwg-bbr, 5.3.1.2).
const ROUNDS: u32 = 3;
/// The same where a queue was seen as well.
const ROUNDS_WITH_QUEUE: u32 = 2;

/// The search for a plateau in the delivery rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FullPipe {
    /// The rate from which growth is measured, in bytes per second.
    baseline: u64,
    /// Rounds since then.
    rounds: u32,
    is_full: bool,
    was_full: bool,
}

impl FullPipe {
    /// Begins the search anew, at a rate of `baseline`.
    pub(super) fn restart(&mut self, baseline: u64) {
        *self = Self { baseline, rounds: 0, is_full: false, ..*self };
    }

    /// The end of a round that the program did not limit, with its newest rate, and whether a queue
    /// was seen since the start.
    pub(super) fn on_round(&mut self, rate: u64, has_queue: bool) {
        if self.is_full {
            return;
        }
        if u128::from(rate) * 100 >= u128::from(self.baseline) * u128::from(GROWTH_PERCENT) {
            return self.restart(rate);
        }
        self.rounds += 1;
        if self.rounds >= if has_queue { ROUNDS_WITH_QUEUE } else { ROUNDS } {
            self.is_full = true;
            self.was_full = true;
        }
    }

    /// Whether the pipe is full, as far as this search has come.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether it ever was.
    pub(super) fn was_full(&self) -> bool {
        self.was_full
    }

    /// Something else has shown whether it ever was.
    pub(super) fn set_was_full(&mut self, was_full: bool) {
        self.was_full = was_full;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_rounds_without_a_quarter_more() {
        // (rates of the rounds, whether the pipe is full after them)
        let table: [(&[u64], bool); 5] = [
            (&[100, 125, 157, 197], false),
            (&[100, 124, 124, 124], true),
            (&[100, 110, 124, 125, 125, 125], false),
            (&[100, 110, 124, 125, 125, 125, 125], true),
            (&[100, 90, 80], false),
        ];
        for (rates, is_full) in table {
            let mut pipe = FullPipe::default();
            for &rate in rates {
                pipe.on_round(rate, false);
            }
            assert_eq!(pipe.is_full(), is_full, "{rates:?}");
            assert_eq!(pipe.was_full(), is_full, "{rates:?}");
        }
    }

    #[test]
    fn a_queue_needs_one_round_less() {
        // (whether a queue was seen, at the end of each round, rounds until the pipe is full)
        let table = [([false; 4], 3), ([true; 4], 2), ([false, true, true, true], 2)];
        for (queues, rounds) in table {
            let mut pipe = FullPipe::default();
            pipe.on_round(100, true);
            let is_full = queues.map(|has_queue| {
                pipe.on_round(100, has_queue);
                pipe.is_full()
            });
            assert_eq!(is_full.iter().position(|is_full| *is_full), Some(rounds - 1), "{queues:?}");
        }
        let mut pipe = FullPipe::default();
        for rate in [100, 100, 125, 125, 157, 157, 197] {
            pipe.on_round(rate, true);
            assert!(!pipe.is_full(), "growth begins it anew, whatever the queue");
        }
    }

    #[test]
    fn another_search_forgets_all_but_that_it_was_full() {
        let mut pipe = FullPipe::default();
        for _ in 0..4 {
            pipe.on_round(100, false);
        }
        pipe.restart(100);
        assert!(!pipe.is_full() && pipe.was_full());
        for _ in 0..3 {
            pipe.on_round(100, false);
        }
        assert!(pipe.is_full());
    }
}
