//! Packet headers and frames: bytes to values, and back.
//! What is done with the values is in the other benchmarks.

#![allow(missing_docs, reason = "criterion's macro makes public functions without any")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rudp_wire::cursor::Writer;
use rudp_wire::frame::{AckDraft, Extent, Frame, Frames, Stream, StreamHeader, TailHeader};
use rudp_wire::packet::{ConnectionId, DataHeader, DataPacket, Profile};

/// Bytes of UDP payload in a full packet.
const PACKET: usize = 1_472;
/// Room for frames in one.
const ROOM: usize = PACKET - DataHeader::LEN - 16;

fn headers(criterion: &mut Criterion) {
    let header = DataHeader { destination: ConnectionId([7; 8]), number: 1 << 40, phase: false };
    let mut packet = [0; PACKET];
    packet[..DataHeader::LEN].copy_from_slice(&header.bytes(5).expect("the number is in range"));
    let mut group = criterion.benchmark_group("header");
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(&header).bytes(5)));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| DataPacket::parse(black_box(&packet), Profile::Sealed));
    });
    group.finish();
}

/// An ACK of so many ranges, with a gap behind each.
fn ack(ranges: u64) -> Vec<u8> {
    let ranges = (0..ranges).rev().map(|range| 1_000 + 10 * range..=1_007 + 10 * range);
    let draft = AckDraft { delay: 25, ecn: None, ranges };
    let plan = draft.plan(ROOM).expect("there is room for one range");
    let mut bytes = vec![0; plan.len];
    draft.encode(plan, &mut Writer::new(&mut bytes)).expect("the plan is exact");
    bytes
}

/// A frame of a few bytes of a stream.
fn small(offset: u64) -> Stream<'static> {
    Stream { stream: 4, offset, end: false, data: &[0x5a; 40] }
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.bench_function("stream to the end of the packet", |bencher| {
        bencher.iter(|| TailHeader::new(black_box(0), black_box(1 << 30)));
    });
    let header =
        StreamHeader { stream: 4, offset: 1 << 30, end: false, len: 40, extent: Extent::Counted };
    let mut buffer = [0; ROOM];
    group.bench_function("stream with a length", |bencher| {
        bencher.iter(|| black_box(&header).encode(&mut Writer::new(&mut buffer)));
    });
    for count in [1, 32, 256] {
        group.bench_function(format!("ack of {count} ranges"), |bencher| {
            let ranges = (0..count).rev().map(|range| 1_000 + 10 * range..=1_007 + 10 * range);
            bencher.iter(|| {
                let draft = AckDraft { delay: 25, ecn: None, ranges: black_box(ranges.clone()) };
                let plan = draft.plan(ROOM)?;
                draft.encode(plan, &mut Writer::new(&mut buffer)).ok()
            });
        });
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    let mut full = vec![0x5a; ROOM];
    let header = TailHeader::new(0, 1 << 30).expect("the offset has a form");
    full[..header.bytes().len()].copy_from_slice(header.bytes());
    let mut many = vec![0; ROOM];
    let mut writer = Writer::new(&mut many);
    let frames = (0..30).map(|number| Frame::Stream(small(1 << 20 | number << 8)));
    frames.for_each(|frame| frame.encode(&mut writer).expect("30 of them fit"));
    let len = writer.len();
    many.truncate(len);
    let packets = [
        ("a full packet of one stream", full),
        ("30 frames of 40 bytes", many),
        ("ack of 1 range", ack(1)),
        ("ack of 32 ranges", ack(32)),
        ("ack of 256 ranges", ack(256)),
    ];
    for (name, bytes) in packets {
        assert!(Frames::new(&bytes).all(|frame| frame.is_ok()), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for frame in Frames::new(black_box(&bytes)) {
                    match frame {
                        // Its ranges are read by whoever takes it.
                        Ok(Frame::Ack(ack)) => ack.ranges().for_each(|range| {
                            black_box(range);
                        }),
                        other => {
                            black_box(&other);
                        }
                    }
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, headers, encode, decode);
criterion_main!(benches);
