//! [`EcnValidation`]: whether congestion marks get through this path (docs/PROTOCOL.md, 8.5).
//! Marks themselves are a controller's business.

use rudp_wire::frame::EcnCounts;

/// So many packets are marked to find out (RFC 9000, appendix A.4). If all are lost, marks may be
/// why.
const TEST_PACKETS: u64 = 10;
/// So many probe timeouts are followed by another test.
const MOST_DOUBTS: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Marked packets are sent, or have been, and none was acknowledged.
    Testing,
    /// They get through, and are counted.
    Capable,
    /// Nothing at all got through for a while. Packets are not marked.
    Doubted,
    /// They do not, or are not counted as they should.
    Failed,
}

/// The validation of one path.
#[derive(Clone, Copy, Debug)]
pub(super) struct EcnValidation {
    state: State,
    /// Packets sent with ECT(0) on this path.
    sent: u64,
    /// Of these, how many were lost before any was acknowledged.
    lost: u64,
    /// The test began with this number.
    tested_from: u64,
    /// A marked packet of this path came.
    has_come: bool,
    /// Probe timeouts since a marked packet came, or ever.
    doubts: u8,
    /// Packets sent with ECT(0) on all paths of the session, as the peer counts them.
    sent_in_all: u64,
    /// The peer's counts so far.
    counts: EcnCounts,
}

impl EcnValidation {
    pub(super) fn new() -> Self {
        Self {
            state: State::Testing,
            sent: 0,
            lost: 0,
            tested_from: 0,
            has_come: false,
            doubts: 0,
            sent_in_all: 0,
            counts: EcnCounts::default(),
        }
    }

    /// Another path. The peer goes on counting.
    pub(super) fn restart(&mut self) {
        (self.state, self.sent, self.lost) = (State::Testing, 0, 0);
        (self.tested_from, self.has_come, self.doubts) = (0, false, 0);
    }

    /// How many of the next packets may have ECT(0).
    pub(super) fn left(&self) -> u64 {
        match self.state {
            State::Testing => TEST_PACKETS.saturating_sub(self.sent),
            State::Capable => u64::MAX,
            State::Doubted | State::Failed => 0,
        }
    }

    pub(super) fn on_sent(&mut self) {
        self.sent = self.sent.saturating_add(1);
        self.sent_in_all = self.sent_in_all.saturating_add(1);
    }

    /// Packet `number` of this path, which had ECT(0), was lost. Says whether its mark may be to
    /// blame, so that it is no sign of congestion: of the first ones none has come.
    pub(super) fn on_lost(&mut self, number: u64) -> bool {
        if self.state == State::Testing && number >= self.tested_from {
            self.lost += 1;
            if self.lost >= TEST_PACKETS {
                self.state = State::Failed;
            }
        }
        !self.has_come
    }

    /// Nothing was heard for a probe timeout, and `next` is the number of the next packet. Marks may
    /// be why: probes go unmarked, and when they come there is another test, but not a third one.
    pub(super) fn on_probe_timeout(&mut self, next: u64) {
        if matches!(self.state, State::Testing | State::Capable) {
            let is_last = self.doubts >= MOST_DOUBTS;
            self.state = if is_last { State::Failed } else { State::Doubted };
            (self.tested_from, self.doubts) = (next, self.doubts + 1);
        }
    }

    /// Takes the counts of an ACK that raised the highest number and newly acknowledged `marked`
    /// packets of this path that had ECT(0). Returns whether packets were marked with CE.
    pub(super) fn on_ack(&mut self, marked: u64, counts: Option<EcnCounts>) -> bool {
        if self.state == State::Failed {
            return false;
        }
        let Some(counts) = counts else {
            if marked > 0 {
                self.state = State::Failed;
            } else {
                self.retest();
            }
            return false;
        };
        let Some(rise) = self.rise_to(counts).filter(|rise| rise.is_plausible(marked)) else {
            self.state = State::Failed;
            return false;
        };
        self.counts = counts;
        if marked > 0 {
            (self.state, self.has_come, self.doubts) = (State::Capable, true, 0);
        } else {
            self.retest();
        }
        rise.ce > 0
    }

    /// Unmarked packets came after a doubt.
    fn retest(&mut self) {
        if self.state == State::Doubted {
            (self.state, self.sent, self.lost) = (State::Testing, 0, 0);
        }
    }

    /// How much the counts rose, or `None` if one fell, or more came than were sent.
    fn rise_to(&self, counts: EcnCounts) -> Option<Rise> {
        let rise = Rise {
            ect0: counts.ect0.checked_sub(self.counts.ect0)?,
            ect1: counts.ect1.checked_sub(self.counts.ect1)?,
            ce: counts.ce.checked_sub(self.counts.ce)?,
        };
        (counts.ect0 <= self.sent_in_all).then_some(rise)
    }
}

struct Rise {
    ect0: u64,
    ect1: u64,
    ce: u64,
}

impl Rise {
    /// Whether `marked` newly acknowledged packets with ECT(0) explain it (RFC 9000, 13.4.2.1).
    fn is_plausible(&self, marked: u64) -> bool {
        self.ect1 == 0 && self.ect0.saturating_add(self.ce) >= marked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl EcnValidation {
        fn can_mark(&self) -> bool {
            self.left() > 0
        }
    }

    fn counts(ect0: u64, ect1: u64, ce: u64) -> EcnCounts {
        EcnCounts { ect0, ect1, ce }
    }

    fn tested(sent: u64) -> EcnValidation {
        let mut ecn = EcnValidation::new();
        for _ in 0..sent {
            assert!(ecn.can_mark());
            ecn.on_sent();
        }
        ecn
    }

    // spec: 8.5
    #[test]
    fn validates_as_the_table_says() {
        let table = [
            ("all counted", 5, Some(counts(5, 0, 0)), true, false),
            ("some marked", 5, Some(counts(3, 0, 2)), true, true),
            ("ACK-only packets count too", 2, Some(counts(5, 0, 0)), true, false),
            ("no counts", 1, None, false, false),
            ("too few", 5, Some(counts(2, 0, 2)), false, false),
            ("ECT(1) rises", 5, Some(counts(5, 1, 0)), false, false),
            ("more than were sent", 5, Some(counts(6, 0, 0)), false, false),
            ("nothing marked, no counts", 0, None, true, false),
            ("huge", 5, Some(counts(u64::MAX >> 2, 0, u64::MAX >> 2)), false, false),
        ];
        for (what, marked, counts, is_valid, is_marked) in table {
            let mut ecn = tested(5);
            assert_eq!(ecn.on_ack(marked, counts), is_marked, "{what}");
            assert_eq!(ecn.can_mark(), is_valid, "{what}");
        }
    }

    #[test]
    fn counts_must_not_fall() {
        let mut ecn = tested(9);
        ecn.on_ack(5, Some(counts(5, 0, 0)));
        ecn.on_ack(0, Some(counts(4, 0, 1)));
        assert!(!ecn.can_mark());
    }

    // spec: 8.5
    #[test]
    fn ten_lost_packets_end_it() {
        assert_eq!([0, 3, 10].map(|sent| tested(sent).left()), [10, 7, 0]);
        let mut ecn = tested(10);
        assert!(!ecn.can_mark(), "no more while nothing is known");
        for number in 0..10 {
            assert!(ecn.on_lost(number), "marks may be to blame");
        }
        ecn.on_ack(1, Some(counts(1, 0, 0)));
        assert!(!ecn.can_mark());
    }

    #[test]
    fn losses_after_the_test_mean_nothing() {
        let mut ecn = tested(10);
        ecn.on_ack(1, Some(counts(1, 0, 0)));
        for number in 0..20 {
            assert!(!ecn.on_lost(number));
        }
        assert!(ecn.can_mark());
    }

    // spec: 8.5
    #[test]
    fn probes_go_unmarked_while_nothing_is_known() {
        let mut ecn = tested(1);
        ecn.on_probe_timeout(1);
        assert!(!ecn.can_mark());
        ecn.on_ack(0, None);
        assert!(ecn.can_mark(), "another test");
        ecn.on_probe_timeout(2);
        ecn.on_ack(0, None);
        assert!(!ecn.can_mark(), "and no third one");
        let mut ecn = tested(1);
        ecn.on_probe_timeout(1);
        ecn.on_ack(1, Some(counts(1, 0, 0)));
        assert!(ecn.can_mark(), "it was not the marks");
    }

    // spec: 8.5
    #[test]
    fn a_route_that_drops_marks_from_now_on_is_noticed() {
        for do_marks_come in [false, true] {
            let mut ecn = tested(9);
            ecn.on_ack(5, Some(counts(5, 0, 0)));
            ecn.on_probe_timeout(20);
            assert!(!ecn.can_mark(), "probes go unmarked");
            for number in 0..20 {
                assert!(!ecn.on_lost(number), "perhaps the link was gone for a while");
            }
            ecn.on_ack(0, Some(counts(5, 0, 0)));
            assert!(ecn.can_mark(), "another test");
            if do_marks_come {
                ecn.on_ack(1, Some(counts(6, 0, 0)));
            }
            for number in 20..30 {
                ecn.on_sent();
                ecn.on_lost(number);
            }
            assert_eq!(ecn.can_mark(), do_marks_come);
        }
    }

    #[test]
    fn another_path_starts_anew_with_the_old_counts() {
        let mut ecn = tested(5);
        ecn.on_ack(5, None);
        assert!(!ecn.can_mark());
        ecn.restart();
        ecn.on_sent();
        ecn.on_ack(1, Some(counts(6, 0, 0)));
        assert!(ecn.can_mark());
    }
}
