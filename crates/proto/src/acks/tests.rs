//! What is acknowledged, when, and for how long.

use core::ops::RangeInclusive;

use proptest::prelude::*;
use rudp_wire::frame::{Frame, Frames};

use super::*;

const MS: Duration = Duration::from_millis(1);

fn at(ms: u32) -> Instant {
    Instant::ZERO + MS * ms
}

fn acks() -> Acks {
    Acks::new(Config { max_ack_delay: MS * 25, min_ack_delay: MS, reads_marks: true })
}

/// One that has begun, and has nothing to say.
fn begun() -> Acks {
    let mut acks = acks();
    acks.on_packet(at(0), 0, None, true);
    written(&mut acks, at(0), 1_000).unwrap();
    acks
}

#[derive(Debug, PartialEq)]
struct Written {
    delay: u64,
    ecn: Option<EcnCounts>,
    ranges: Vec<RangeInclusive<u64>>,
}

fn written(acks: &mut Acks, now: Instant, room: usize) -> Option<Written> {
    let (mut buffer, mut tokens) = (vec![0; room], Vec::new());
    let mut draft = Draft::new(&mut buffer, &mut tokens);
    if !acks.write(now, &mut draft, room) {
        assert!(draft.is_empty());
        return None;
    }
    assert!(!draft.is_ack_eliciting());
    let bytes = draft.parts().0.to_vec();
    let Some(Ok(Frame::Ack(ack))) = Frames::new(&bytes).next() else { panic!() };
    assert_eq!(tokens, [Token::Ack { highest: ack.highest }]);
    Some(Written { delay: ack.delay, ecn: ack.ecn, ranges: ack.ranges().collect() })
}

#[test]
fn an_ack_fits_with_all_its_ranges_or_not() {
    let mut acks = begun();
    for number in [1, 3, 5, 7] {
        acks.on_packet(at(1), number, None, true);
    }
    let len = (1..100).find(|room| acks.fits(at(1), *room)).unwrap();
    let ranges = |acks: &mut Acks, room| written(acks, at(1), room).unwrap().ranges.len();
    assert_eq!(ranges(&mut acks, len - 1), 3);
    assert_eq!(ranges(&mut acks, len), 4);
    assert!(!acks.fits(at(1), 0));
}

// spec: 8.3
#[test]
fn the_first_packet_is_acknowledged_at_once_and_the_third() {
    let mut acks = acks();
    assert!(!acks.is_due(at(0)));
    acks.on_packet(at(0), 0, None, true);
    assert!(acks.is_due(at(0)));
    written(&mut acks, at(0), 100).unwrap();
    assert!(!acks.is_due(at(0)) && !acks.is_pending());
    acks.on_packet(at(1), 1, None, true);
    assert!(!acks.is_due(at(1)) && acks.is_pending());
    acks.on_packet(at(1), 2, None, true);
    assert!(acks.is_due(at(1)));
}

// spec: 8.3
#[test]
fn one_packet_waits_for_the_delay() {
    let mut acks = begun();
    acks.on_packet(at(10), 1, None, true);
    assert_eq!(acks.deadline(), Some(at(35)));
    assert!(!acks.is_due(at(34)) && acks.is_due(at(35)));
    let ack = written(&mut acks, at(35), 100).unwrap();
    assert_eq!((ack.delay, acks.deadline()), (25_000, None));
}

// spec: 7.2
#[test]
fn packets_that_ask_for_nothing_are_acknowledged_with_others_only() {
    let mut acks = begun();
    for number in 1..100 {
        acks.on_packet(at(1), number * 2, Some(Ecn::Ce), false);
    }
    assert!(!acks.is_due(at(1_000)) && !acks.is_pending() && acks.deadline().is_none());
    assert_eq!(written(&mut acks, at(1), 1_000).unwrap().ranges.len(), 100);
}

// spec: 8.3, 8.5
#[test]
fn marks_and_requests_are_answered_at_once() {
    let mut acks = begun();
    acks.on_packet(at(1), 1, Some(Ecn::Ce), true);
    assert!(acks.is_due(at(1)));
    let counts = written(&mut acks, at(1), 100).unwrap().ecn;
    assert_eq!(counts, Some(EcnCounts { ce: 1, ..EcnCounts::default() }));
    acks.on_packet(at(2), 2, Some(Ecn::Ect0), true);
    assert!(!acks.is_due(at(2)));
    acks.on_immediate_ack();
    assert!(acks.is_due(at(2)));
}

// spec: 8.3
#[test]
fn each_gap_makes_one_ack_due_when_it_is_old_enough() {
    let mut acks = begun();
    acks.on_frequency(0, 1_000, 25_000, 3).unwrap();
    let mut due = Vec::new();
    for number in [2, 3, 4, 5, 6, 9, 10, 1, 11, 12] {
        acks.on_packet(at(1), number, None, true);
        if acks.is_due(at(1)) {
            due.push(number);
            written(&mut acks, at(1), 100).unwrap();
        }
    }
    // 1 is three behind 4; 7 is two behind 9 and three behind 10; 1 itself came late.
    assert_eq!(due, [4, 10, 1, 11], "8 is three behind 11");
}

// spec: 8.3
#[test]
fn who_wants_to_hear_of_each_gap_hears_of_it_three_times() {
    let mut acks = begun();
    acks.on_frequency(0, 1_000, 25_000, 1).unwrap();
    let mut due = Vec::new();
    for number in [1, 2, 3, 5, 6, 7, 8, 10, 12, 13, 14, 15] {
        acks.on_packet(at(1), number, None, true);
        if acks.is_due(at(1)) {
            due.push(number);
            written(&mut acks, at(1), 100).unwrap();
        }
    }
    assert_eq!(due, [5, 6, 7, 10, 12, 13, 14]);
}

// spec: 8.3
#[test]
fn the_highest_sequence_counts_and_bad_ones_are_refused() {
    let mut acks = begun();
    assert_eq!(acks.on_frequency(9, 5, 999, 3), Err(FrequencyError::Delay(999)));
    assert_eq!(acks.on_frequency(9, 0, 1_000, 3), Err(FrequencyError::Zero));
    assert_eq!(acks.on_frequency(9, 5, 1_000, 0), Err(FrequencyError::Zero));
    acks.on_frequency(2, 5, 7_000, 3).unwrap();
    acks.on_frequency(1, 1, u64::MAX >> 2, 1).unwrap();
    acks.on_packet(at(1), 1, None, true);
    assert_eq!(acks.deadline(), Some(at(8)));
    for number in 2..6 {
        assert!(!acks.is_due(at(1)));
        acks.on_packet(at(1), number, None, true);
    }
    assert!(acks.is_due(at(1)));
}

// spec: 7.3.1
#[test]
fn at_most_513_ranges_are_kept_and_the_highest_are_sent() {
    let mut acks = acks();
    for number in 0..2_000 {
        acks.on_packet(at(1), number * 2, None, true);
        assert!(acks.ranges.len() <= MAX_RANGES);
    }
    let ack = written(&mut acks, at(1), 65_000).unwrap();
    assert_eq!((ack.ranges.len(), ack.ranges[0].clone()), (513, 3_998..=3_998));
    let ack = written(&mut acks, at(1), 600).unwrap();
    assert!(ack.ranges.len() >= 256 && ack.ranges[0] == (3_998..=3_998));
    assert!(written(&mut acks, at(1), 3).is_none());
}

// spec: 7.3.1
#[test]
fn what_an_acknowledged_ack_said_is_left_out() {
    let mut acks = acks();
    for number in [0, 1, 4, 5, 8] {
        acks.on_packet(at(1), number, None, true);
    }
    written(&mut acks, at(1), 100).unwrap();
    acks.on_packet(at(2), 3, None, true);
    acks.on_packet(at(2), 9, None, true);
    acks.on_ack_acked(8);
    // 3 came late: no ACK has said so yet.
    assert_eq!(written(&mut acks, at(2), 100).unwrap().ranges, [8..=9, 3..=5]);
    acks.on_ack_acked(9);
    assert_eq!(written(&mut acks, at(2), 100), None);
    assert!(!acks.is_due(at(500)) && acks.deadline().is_none());
    acks.on_packet(at(3), 7, None, true);
    let ack = written(&mut acks, at(5), 100).unwrap();
    assert_eq!((ack.ranges, ack.delay), (vec![7..=7], 2_000));
}

// spec: 7.3.1
#[test]
fn one_in_32_bare_acks_has_a_ping_while_there_are_gaps() {
    let mut acks = begun();
    assert!((0..100).all(|_| !acks.wants_ping()));
    acks.on_packet(at(1), 5, None, true);
    let pings: Vec<_> = (1..=96).filter(|_| acks.wants_ping()).collect();
    assert_eq!(pings, [32, 64, 96]);
}

#[test]
fn marks_that_cannot_be_read_are_not_counted() {
    let mut acks = begun();
    Arc::make_mut(&mut acks.config).reads_marks = false;
    assert_eq!(written(&mut acks, at(0), 100).unwrap().ecn, None);
}

proptest! {
    // spec: 6.9, 7.3.1
    #[test]
    fn acks_say_what_came_and_nothing_else(
        steps in prop::collection::vec((0..60u64, 0..4u8, 20..200usize), 1..200),
    ) {
        let mut acks = acks();
        let (mut came, mut base, mut said) = (std::collections::BTreeSet::new(), 0, Vec::new());
        for (step, what, room) in steps {
            base += step / 20;
            let number = base + step;
            let now = at(u32::try_from(base).unwrap());
            match what {
                0 | 1 => {
                    prop_assert_eq!(acks.is_new(number), !came.contains(&number));
                    if came.insert(number) {
                        acks.on_packet(now, number, None, what == 0);
                    }
                }
                2 => {
                    if let Some(ack) = written(&mut acks, now, room) {
                        prop_assert!(ack.ranges.iter().cloned().flatten().all(|n| came.contains(&n)));
                        said.push(*ack.ranges[0].end());
                        prop_assert!(!acks.is_due(Instant::MAX) && !acks.is_pending());
                    }
                }
                _ => {
                    if let Some(highest) = said.pop() {
                        acks.on_ack_acked(highest);
                    }
                }
            }
            // Whoever waits for an ACK gets one.
            prop_assert_eq!(acks.is_pending(), acks.deadline().is_some());
            prop_assert_eq!(acks.is_due(Instant::MAX), acks.deadline().is_some());
        }
    }
}
