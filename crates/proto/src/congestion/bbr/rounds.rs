//! [`Rounds`]: round trips counted by packets and not by time (draft-ietf-ccwg-bbr, 5.5.1), so that
//! pauses do not count. What a round ends is decided elsewhere.

/// Round trips: each ends when a packet is acknowledged that was sent after it began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rounds {
    count: u64,
    /// The round is over when a packet is acknowledged that was sent with this much delivered.
    end: u64,
    is_start: bool,
}

impl Rounds {
    /// An acknowledgement whose newest packet was sent with `prior_delivered` bytes delivered; now
    /// it is `delivered`.
    pub(super) fn on_ack(&mut self, prior_delivered: u64, delivered: u64) {
        self.is_start = prior_delivered >= self.end;
        if self.is_start {
            self.count += 1;
            self.begin(delivered);
        }
    }

    /// Begins another round now, whatever is left of this one.
    pub(super) fn begin(&mut self, delivered: u64) {
        self.end = delivered;
    }

    /// Rounds that are over.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether the last acknowledgement ended a round.
    pub(super) fn is_start(&self) -> bool {
        self.is_start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_ends_with_the_first_packet_sent_in_it() {
        let mut rounds = Rounds::default();
        // (delivered when the packet was sent, delivered now, whether a round ends)
        let table = [
            (0, 1_000, true),
            (0, 2_000, false),
            (1_000, 3_000, true),
            (2_000, 4_000, false),
            (3_000, 9_000, true),
        ];
        for (prior, delivered, is_start) in table {
            rounds.on_ack(prior, delivered);
            assert_eq!(rounds.is_start(), is_start, "{prior} {delivered}");
        }
        assert_eq!(rounds.count(), 3);
        rounds.begin(10_000);
        rounds.on_ack(9_000, 11_000);
        assert!(!rounds.is_start());
    }
}
