//! Tests of the whole pipeline: order of the impairments, statistics, and laws for any
//! configuration. The algorithms of single impairments are tested beside them.

use core::time::Duration;

use proptest::prelude::*;
use rudp_base::Seed;

use super::*;
use crate::{Action, BurstLoss, Corruption, Fault};

const MS: Duration = Duration::from_millis(1);

fn link(config: LinkConfig) -> Link {
    Link::new(config, &Seed::from_u64(1))
}

fn at(micros: u64) -> Instant {
    Instant::from_nanos(micros * 1_000)
}

/// Offers a packet of `size` bytes, and returns its fate and arrivals.
fn offer(link: &mut Link, now: Instant, size: usize) -> (Fate, Vec<Instant>) {
    let mut arrivals = Vec::new();
    let fate = link.offer(now, &mut vec![0; size], None, |delivery| arrivals.push(delivery.at));
    (fate, arrivals)
}

const PLAIN: Fate =
    Fate::Delivered { copies: 1, corrupted: false, reordered: false, ce_marked: false };

#[test]
fn the_default_is_perfect() {
    let mut link = link(LinkConfig::default());
    for micros in 0..100 {
        assert_eq!(offer(&mut link, at(micros), 1_000), (PLAIN, vec![at(micros)]));
    }
    let stats = LinkStats {
        offered: 100,
        offered_bytes: 100_000,
        delivered: 100,
        delivered_bytes: 100_000,
        queued: 100,
        ..LinkStats::default()
    };
    assert_eq!(*link.stats(), stats);
}

#[test]
fn each_cause_of_a_drop_is_told_and_counted() {
    let config = LinkConfig {
        mtu: Some(1_000),
        queue_packets: Some(1),
        ..LinkConfig::default().rate(8_000_000)
    };
    let mut link = link(config);
    link.set_script(vec![Fault::drop(1)]);
    let dropped = |cause| (Fate::Dropped(cause), vec![]);
    assert_eq!(offer(&mut link, at(0), 72), dropped(DropCause::Script));
    link.set_partitioned(true);
    assert_eq!(offer(&mut link, at(0), 72), dropped(DropCause::Partition));
    link.set_partitioned(false);
    assert_eq!(offer(&mut link, at(0), 973), dropped(DropCause::Mtu));
    assert_eq!(offer(&mut link, at(0), 972), (PLAIN, vec![at(1_000)]));
    assert_eq!(offer(&mut link, at(999), 72), dropped(DropCause::Queue));
    link.config_mut().loss = 1.0;
    assert_eq!(offer(&mut link, at(1_000), 72), dropped(DropCause::Loss));
    link.config_mut().loss = 0.0;
    // The lost packet has used the link until 1,100, and is alone in the queue.
    link.config_mut().queue_packets = None;
    assert_eq!(offer(&mut link, at(1_050), 72), (PLAIN, vec![at(1_200)]));
    let LinkStats { dropped_script, dropped_partition, dropped_mtu, .. } = *link.stats();
    let LinkStats { dropped_queue, dropped_loss, .. } = *link.stats();
    assert_eq!([dropped_script, dropped_partition, dropped_mtu], [1; 3]);
    assert_eq!([dropped_queue, dropped_loss], [1; 2]);
    assert_eq!(link.stats().queue_delay_max, Duration::from_micros(50));
    assert_eq!(link.stats().queue_delay_mean(), Duration::from_nanos(50_000 / 3));
}

#[test]
fn only_capable_packets_are_marked() {
    let mut link =
        link(LinkConfig { ce_threshold: Some(0), ..LinkConfig::default().rate(8_000_000) });
    let mut marks = Vec::new();
    for ecn in [Some(Ecn::Ect0), Some(Ecn::Ect0), Some(Ecn::Ect1), None, Some(Ecn::Ce)] {
        link.offer(at(0), &mut [0; 100], ecn, |delivery| marks.push(delivery.ecn));
    }
    assert_eq!(marks, [Some(Ecn::Ect0), Some(Ecn::Ce), Some(Ecn::Ce), None, Some(Ecn::Ce)]);
    assert_eq!(link.stats().ce_marked, 2);
}

#[test]
fn codepoints_are_kept_cleared_or_the_end_of_a_packet() {
    let all = [Some(Ecn::Ect0), None, Some(Ecn::Ce)];
    for (ecn, expected) in [
        (EcnHandling::Kept, &all[..]),
        (EcnHandling::Bleached, &[None; 3][..]),
        (EcnHandling::Dropped, &[None][..]),
    ] {
        let mut link = link(LinkConfig { ecn, ..LinkConfig::default() });
        let mut arrived = Vec::new();
        for ecn in all {
            link.offer(at(0), &mut [0; 100], ecn, |delivery| arrived.push(delivery.ecn));
        }
        assert_eq!(arrived, expected, "{ecn:?}");
        assert_eq!(link.stats().dropped_ecn, 3 - expected.len() as u64);
        assert_eq!(link.stats().dropped(), link.stats().dropped_ecn);
    }
}

#[test]
fn scripted_faults_are_exact() {
    let mut link = link(LinkConfig::delay(MS));
    link.set_script(vec![
        Fault::new(2, Action::Duplicate),
        Fault::new(3, Action::Delay(MS * 5)),
        Fault::new(4, Action::FlipBit(8)),
    ]);
    let mut arrivals = Vec::new();
    for number in 1..=5 {
        link.offer(at(0), &mut [number, 0], None, |delivery| {
            arrivals.push((delivery.at, delivery.bytes.to_vec()));
        });
    }
    let ms = at(1_000);
    let expected =
        [(ms, [1, 0]), (ms, [2, 0]), (ms, [2, 0]), (at(6_000), [3, 0]), (ms, [4, 1]), (ms, [5, 0])];
    assert_eq!(arrivals, expected.map(|(at, bytes)| (at, bytes.to_vec())));
    let LinkStats { duplicated, reordered, corrupted, .. } = *link.stats();
    assert_eq!([duplicated, reordered, corrupted], [1; 3]);
}

#[test]
fn random_impairments_have_their_rates() {
    let mut link = link(LinkConfig {
        loss: 0.02,
        corrupt: 0.05,
        duplicate: 0.03,
        reorder: 0.04,
        reorder_by: MS,
        ..LinkConfig::default()
    });
    let mut flipped = 0;
    for micros in 0..100_000 {
        link.offer(at(micros), &mut [0; 50], None, |delivery| {
            flipped += delivery.bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
        });
    }
    let stats = link.stats();
    assert!((1_850..2_150).contains(&stats.dropped_loss), "{stats:?}");
    assert!((4_650..5_150).contains(&stats.corrupted), "{stats:?}");
    assert!((2_750..3_150).contains(&stats.duplicated), "{stats:?}");
    assert!((3_750..4_250).contains(&stats.reordered), "{stats:?}");
    assert!(u64::from(flipped) >= stats.corrupted);
}

#[test]
fn a_faster_link_does_not_let_packets_overtake() {
    let mut link = link(LinkConfig::delay(MS * 100));
    assert_eq!(offer(&mut link, at(0), 10).1, [at(100_000)]);
    link.config_mut().delay = MS;
    assert_eq!(offer(&mut link, at(10), 10).1, [at(100_000)]);
    assert_eq!(offer(&mut link, at(200_000), 10).1, [at(201_000)]);
}

/// Each impairment alone, at a rate where nothing is certain.
fn impairments() -> Vec<(&'static str, LinkConfig)> {
    let off = LinkConfig::default;
    let burst = BurstLoss { enter: 0.1, leave: 0.5, good_loss: 0.01, bad_loss: 0.6 };
    vec![
        ("loss", LinkConfig { loss: 0.1, ..off() }),
        ("bursts", LinkConfig { burst_loss: Some(burst), ..off() }),
        ("corrupt", LinkConfig { corrupt: 0.1, corruption: Corruption::Bits(2), ..off() }),
        ("duplicate", LinkConfig { duplicate: 0.1, ..off() }),
        ("jitter", LinkConfig { jitter: MS, ..off() }),
        ("wild jitter", LinkConfig { jitter: MS, jitter_reorders: true, ..off() }),
        ("reorder", LinkConfig { reorder: 0.1, reorder_by: MS * 1_000, ..off() }),
    ]
}

/// Both at once. Of two with jitter, the first has its way.
fn both(a: &LinkConfig, b: &LinkConfig) -> LinkConfig {
    let jitter = if a.jitter.is_zero() { b } else { a };
    LinkConfig {
        loss: a.loss.max(b.loss),
        burst_loss: a.burst_loss.or(b.burst_loss),
        corrupt: a.corrupt.max(b.corrupt),
        corruption: Corruption::Bits(2),
        duplicate: a.duplicate.max(b.duplicate),
        jitter: jitter.jitter,
        jitter_reorders: jitter.jitter_reorders,
        reorder: a.reorder.max(b.reorder),
        reorder_by: a.reorder_by.max(b.reorder_by),
        ..LinkConfig::default()
    }
}

/// What became of a packet: how long each copy took, and its bytes.
type Outcome = Vec<(Duration, [u8; 9])>;

/// The outcomes of 2,000 packets.
fn outcomes(config: LinkConfig) -> Vec<Outcome> {
    let mut link = link(config);
    let outcome = |nth: u64| {
        let now = at(nth * 2_000);
        let mut outcome = Vec::new();
        link.offer(now, &mut [0; 9], None, |delivery| {
            outcome.push((delivery.at - now, delivery.bytes.try_into().unwrap()));
        });
        outcome
    };
    (0..2_000).map(outcome).collect()
}

#[test]
fn switching_one_impairment_on_leaves_the_dice_of_the_others() {
    let alone: Vec<_> =
        impairments().into_iter().map(|(name, config)| (name, outcomes(config))).collect();
    for ((a, config_a), (_, a_alone)) in impairments().iter().zip(&alone) {
        for ((b, config_b), (_, b_alone)) in impairments().iter().zip(&alone) {
            let together = outcomes(both(config_a, config_b));
            for nth in 0..together.len() {
                let (a_alone, b_alone, together) = (&a_alone[nth], &b_alone[nth], &together[nth]);
                let lost = a_alone.is_empty() || b_alone.is_empty();
                assert_eq!(together.is_empty(), lost, "{a} with {b}, packet {nth}");
                let same = lost || same_in(a, a_alone, together);
                assert!(same, "{a} with {b}, packet {nth}: {a_alone:?} alone, now {together:?}");
            }
        }
    }
}

/// Whether the impairment did the same to the first copy, as far as the others let it be seen.
fn same_in(impairment: &str, alone: &Outcome, together: &Outcome) -> bool {
    let ((took_alone, bytes_alone), (took, bytes)) = (alone[0], together[0]);
    let late = Duration::from_secs(1);
    match impairment {
        "corrupt" => bytes == bytes_alone,
        "duplicate" => together.len() == alone.len(),
        // What is held back by a second has its jitter all the same.
        "jitter" | "wild jitter" => took.checked_sub(late).unwrap_or(took) == took_alone,
        "reorder" => (took >= late) == (took_alone >= late),
        _ => true,
    }
}

fn probability() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..0.5_f64]
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), (0..20_000_u64).prop_map(Duration::from_micros)]
}

prop_compose! {
    fn burst()(enter in probability(), leave in 0.1..1.0_f64, bad_loss in probability())
        -> BurstLoss
    {
        BurstLoss { enter, leave, good_loss: 0.0, bad_loss }
    }
}

prop_compose! {
    /// Any link that keeps the order.
    fn orderly()(
        rate in prop::option::of(1_000..1_000_000_000_u64),
        queue_bytes in prop::option::of(0..100_000_usize),
        queue_packets in prop::option::of(0..50_usize),
        burst_loss in prop::option::of(burst()),
        (loss, corrupt, duplicate) in (probability(), probability(), probability()),
        (delay, jitter) in (duration(), duration()),
        longest in 0..20_usize,
    ) -> LinkConfig {
        LinkConfig {
            rate, queue_bytes, queue_packets, burst_loss, loss, corrupt, duplicate, delay, jitter,
            corruption: Corruption::Noise { longest },
            mtu: Some(1_500),
            ..LinkConfig::default()
        }
    }
}

/// Pauses in microseconds and sizes in bytes.
fn traffic() -> impl Strategy<Value = Vec<(u64, usize)>> {
    prop::collection::vec((0..2_000_u64, 0..1_600_usize), 1..200)
}

/// Offers all the traffic: the arrivals with their sizes, in the order of the offers.
fn arrivals(link: &mut Link, traffic: &[(u64, usize)]) -> Vec<(Instant, Instant, usize)> {
    let mut arrivals = Vec::new();
    let mut now = Instant::ZERO;
    for &(pause, size) in traffic {
        now += Duration::from_micros(pause);
        link.offer(now, &mut vec![0; size], None, |delivery| {
            arrivals.push((now, delivery.at, delivery.bytes.len()));
        });
    }
    arrivals
}

proptest! {
    #[test]
    fn nothing_arrives_early_or_out_of_order(config in orderly(), traffic in traffic()) {
        let mut link = link(config.clone());
        let arrivals = arrivals(&mut link, &traffic);
        prop_assert!(arrivals.iter().all(|(sent, at, _)| *at >= *sent + config.delay));
        prop_assert!(arrivals.is_sorted_by_key(|(_, at, _)| *at));
    }

    #[test]
    fn packets_are_conserved(
        config in orderly(),
        reorder in probability(),
        reorder_by in duration(),
        traffic in traffic(),
    ) {
        let mut link = link(LinkConfig { reorder, reorder_by, jitter_reorders: true, ..config });
        let arrived = arrivals(&mut link, &traffic).len() as u64;
        let stats = link.stats();
        prop_assert_eq!(stats.offered, traffic.len() as u64);
        prop_assert_eq!(stats.delivered, arrived);
        prop_assert_eq!(stats.offered + stats.duplicated, stats.delivered + stats.dropped());
    }

    #[test]
    fn the_rate_is_never_exceeded(rate in 1_000..1_000_000_000_u64, traffic in traffic()) {
        let mut link = link(LinkConfig::default().rate(rate));
        let arrivals = arrivals(&mut link, &traffic);
        // Between any two arrivals there was time for all packets after the first.
        let mut bits = 0;
        let (_, first, _) = arrivals[0];
        for (_, at, size) in &arrivals[1..] {
            bits += (*size as u128 + 28) * 8;
            let nanos = u128::from(at.as_nanos() - first.as_nanos());
            prop_assert!(nanos * u128::from(rate) >= bits * 1_000_000_000);
        }
    }

    #[test]
    fn the_queue_has_its_limit(limit in 0..20_000_usize, traffic in traffic()) {
        let rate = 8_000_000;
        let config = LinkConfig { queue_bytes: Some(limit), ..LinkConfig::default() }.rate(rate);
        let mut link = link(config);
        for (sent, at, size) in arrivals(&mut link, &traffic) {
            // A byte takes a microsecond; an idle link takes any packet.
            let most = limit.max(size + 28) as u64;
            prop_assert!(at - sent <= Duration::from_micros(most));
        }
    }
}
