//! [`MaxBandwidth`]: the highest delivery rate of two bandwidth probes (draft-ietf-ccwg-bbr, 5.5.2
//! to 5.5.6). How much of it is used at the moment is decided elsewhere.

/// The maximum over this cycle of probing and the one before (draft-ietf-ccwg-bbr, 2.11,
/// `MaxBwFilterLen` = 2), in bytes per second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaxBandwidth {
    before: u64,
    now: u64,
    /// The highest but one of this cycle.
    second: u64,
}

impl MaxBandwidth {
    /// The estimate; 0 while there is none.
    pub(super) fn get(&self) -> u64 {
        self.before.max(self.now)
    }

    /// Takes a rate. One that the program limited counts only where it is higher than all others
    /// (draft-ietf-ccwg-bbr, 5.5.4).
    pub(super) fn on_sample(&mut self, rate: u64, is_limited: bool) {
        if !is_limited || rate >= self.get() {
            self.second = rate.min(self.now).max(self.second);
            self.now = self.now.max(rate);
        }
    }

    /// Rates do not grow any more. Of those seen while they did the highest is not taken, as the draft
    /// does, if it stands alone: one acknowledgement that comes late, and the next one in time, seem to
    /// show a few percent more than there is, and a queue would grow for two cycles.
    pub(super) fn settle(&mut self) {
        if self.second > 0 {
            self.now = self.second;
        }
    }

    /// A cycle is over. One without samples is not: an estimate is never forgotten for nothing.
    pub(super) fn advance(&mut self) {
        if self.now > 0 {
            *self = Self { before: self.now, ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_for_two_cycles() {
        let mut max = MaxBandwidth::default();
        max.on_sample(500, false);
        max.on_sample(900, false);
        max.advance();
        max.advance();
        assert_eq!(max.get(), 900, "no cycle without a sample");
        max.on_sample(600, false);
        assert_eq!(max.get(), 900);
        max.advance();
        assert_eq!(max.get(), 600);
    }

    #[test]
    fn what_the_program_limited_counts_only_if_it_is_more() {
        let mut max = MaxBandwidth::default();
        max.on_sample(500, true);
        max.advance();
        max.on_sample(400, true);
        max.advance();
        assert_eq!(max.get(), 500);
        max.on_sample(501, true);
        assert_eq!(max.get(), 501);
    }

    #[test]
    fn one_that_stood_alone_does_not_count_when_rates_grow_no_more() {
        let table: [(&[u64], u64); 6] = [
            (&[], 0),
            (&[500], 500),
            (&[500, 900, 800], 800),
            (&[900, 500, 800, 700], 800),
            (&[500, 900, 900], 900),
            (&[500, 600, 700], 600),
        ];
        for (rates, expected) in table {
            let mut max = MaxBandwidth::default();
            for &rate in rates {
                max.on_sample(rate, false);
            }
            max.settle();
            assert_eq!(max.get(), expected, "{rates:?}");
            max.on_sample(950, false);
            assert_eq!(max.get(), 950, "from then on it does");
        }
    }
}
