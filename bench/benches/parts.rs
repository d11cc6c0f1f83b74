//! Parts of the protocol alone: ranges, a stream's receive buffer, and loss detection. They are
//! private; the feature `parts` shows them to this file (`rudp_proto::bench`).

#![allow(missing_docs, reason = "criterion's macro makes public functions without any")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rudp::sans_io::Instant;
use rudp_proto::bench::{Assembler, Flight, Ranges};
use rudp_proto::congestion::Fixed;
use rudp_wire::cursor::Writer;
use rudp_wire::frame::{AckDraft, Frame, Frames};

/// Data in one packet.
const PIECE: usize = 1_440;

fn ranges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ranges");
    group.bench_function("insert behind the last", |bencher| {
        let (mut ranges, mut at) = (Ranges::default(), 0);
        bencher.iter(|| {
            at += 10;
            ranges.insert(at - 10, at)
        });
    });
    for count in [10, 1_000] {
        let mut ranges = Ranges::default();
        (0..count).for_each(|range| {
            ranges.insert(10 * range, 10 * range + 5);
        });
        group.bench_function(BenchmarkId::new("put in and take out of", count), |bencher| {
            let mut at = 0;
            bencher.iter(|| {
                at = (at + 7) % count;
                ranges.insert(10 * at + 7, 10 * at + 8);
                ranges.remove(10 * at + 7, 10 * at + 8);
            });
        });
        group.bench_function(BenchmarkId::new("contains, of", count), |bencher| {
            bencher.iter(|| ranges.contains(black_box(5 * count)));
        });
    }
    group.finish();
}

/// Data of 64 packets in an order, and then read.
fn assembler(criterion: &mut Criterion) {
    const PACKETS: u64 = 64;
    let mut group = criterion.benchmark_group("assembler");
    group.throughput(Throughput::Bytes(PACKETS * PIECE as u64));
    let in_order: Vec<u64> = (0..PACKETS).collect();
    let one_late: Vec<u64> = (1..PACKETS).chain([0]).collect();
    let reversed: Vec<u64> = (0..PACKETS).rev().collect();
    let every_other: Vec<u64> = (0..PACKETS).step_by(2).chain((1..PACKETS).step_by(2)).collect();
    let orders = [
        ("in order", in_order),
        ("the first one last", one_late),
        ("every other one first", every_other),
        ("backwards", reversed),
    ];
    for (name, order) in orders {
        let (mut assembler, mut base) = (Assembler::default(), 0);
        let (data, mut out) = (vec![0x5a; PIECE], vec![0; 64 << 10]);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for number in &order {
                    assembler.insert(base + number * PIECE as u64, &data);
                }
                base += PACKETS * PIECE as u64;
                while assembler.read(&mut out) > 0 {}
                assert_eq!(assembler.contiguous(), base);
            });
        });
    }
    group.finish();
}

/// The bytes of an ACK of the packets from `low` on, without every `gap`th of them.
fn ack(low: u64, packets: u64, gap: Option<u64>) -> Vec<u8> {
    let last = low + packets - 1;
    let ranges: Vec<_> = match gap {
        None => vec![low..=last],
        Some(gap) => (0..packets / gap)
            .rev()
            .map(|range| low + range * gap + 1..=low + (range + 1) * gap - 1)
            .collect(),
    };
    let draft = AckDraft { delay: 0, ecn: None, ranges: ranges.into_iter() };
    let plan = draft.plan(1_400).expect("one range fits");
    let mut bytes = vec![0; plan.len];
    draft.encode(plan, &mut Writer::new(&mut bytes)).expect("the plan is exact");
    bytes
}

fn take(flight: &mut Flight, now: Instant, bytes: &[u8], controller: &mut Fixed) -> u64 {
    match Frames::new(bytes).next() {
        Some(Ok(Frame::Ack(ack))) => flight.ack(now, &ack, controller),
        other => panic!("{other:?} is no ACK"),
    }
}

/// One ACK of a whole window. With losses, every 20th packet is missing.
fn recovery(criterion: &mut Criterion) {
    for (name, gap) in [("ack of a window", None), ("ack of a window with losses", Some(20))] {
        let mut group = criterion.benchmark_group(name);
        for packets in [20, 200, 2_000] {
            group.throughput(Throughput::Elements(packets));
            group.bench_function(BenchmarkId::new("packets", packets), |bencher| {
                let start = Instant::ZERO + Duration::from_secs(1);
                let sent = || {
                    let (mut flight, mut controller) =
                        (Flight::default(), Fixed::new(100_000_000, 1_200));
                    flight.send(start, packets, &mut controller);
                    (flight, controller)
                };
                let bytes = ack(0, packets, gap);
                let mut acked = |(mut flight, mut controller): (Flight, Fixed)| {
                    let now = start + Duration::from_millis(50);
                    let fates = take(&mut flight, now, &bytes, &mut controller);
                    assert!(fates > 0);
                    flight
                };
                bencher.iter_batched(sent, &mut acked, BatchSize::SmallInput);
            });
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("send and acknowledge");
    group.throughput(Throughput::Elements(64));
    group.bench_function("64 packets", |bencher| {
        let (mut flight, mut controller) = (Flight::default(), Fixed::new(100_000_000, 1_200));
        let mut now = Instant::ZERO;
        bencher.iter(|| {
            let low = flight.next();
            flight.send(now, 64, &mut controller);
            now += Duration::from_millis(50);
            let bytes = ack(low, 64, None);
            take(&mut flight, now, &bytes, &mut controller);
            assert_eq!(flight.bytes(), 0);
        });
    });
    group.finish();
}

criterion_group!(benches, ranges, assembler, recovery);
criterion_main!(benches);
