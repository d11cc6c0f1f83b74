//! Peers that keep to nothing: no panic, no memory beyond the budget.

use proptest::prelude::*;
use rudp_wire::cursor::Writer;
use rudp_wire::frame::{Control, Receipt, Stream};

use super::*;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..40u64,
        0..3_000u64,
        Just((1 << 62) - 1),
        Just((1 << 60) - 1),
        Just((1 << 62) - 2_000)
    ]
}

fn control() -> impl Strategy<Value = Control> {
    let direction = prop_oneof![Just(Direction::Bidirectional), Just(Direction::Unidirectional)];
    let number = || number();
    prop_oneof![
        (0..20u64, number()).prop_map(|(stream, final_size)| Control::ResetStream {
            stream,
            code: Code(300),
            final_size
        }),
        (0..20u64).prop_map(|stream| Control::StopSending { stream, code: Code(300) }),
        number().prop_map(|limit| Control::MaxData { limit }),
        (0..20u64, number()).prop_map(|(stream, limit)| Control::MaxStreamData { stream, limit }),
        (direction, 0..1u64 << 60)
            .prop_map(|(direction, count)| Control::MaxStreams { direction, count }),
        number().prop_map(|limit| Control::DataBlocked { limit }),
        (0..20u64, number())
            .prop_map(|(stream, offset)| Control::ReceiptRequest { stream, offset }),
    ]
}

/// A packet of frames: mostly pieces of streams within limits, in any order.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let piece = (0..6u64, 0..3_000u64, 0..90usize, prop::bool::weighted(0.02));
    let frame = prop_oneof![
        20 => piece.prop_map(|(stream, offset, len, end)| {
            let (stream, data) = (4 * stream, bytes(4 * stream, offset, len));
            write(&Frame::Stream(Stream { stream, offset, end, data: &data }))
        }),
        1 => (number(), number(), 0..9usize).prop_map(|(stream, offset, len)| {
            let offset = offset.min((1 << 62) - 10);
            write(&Frame::Stream(Stream { stream, offset, end: false, data: &[7; 9][..len] }))
        }),
        2 => control().prop_map(|control| write(&Frame::Control(control))),
        1 => (0..20u64, 0..200u64, 0..200u64, 0..8u8).prop_map(|(stream, received, less, bits)| {
            write(&Frame::Receipt(Receipt {
                stream,
                received,
                read: received.saturating_sub(less),
                all_received: bits & 1 != 0,
                all_read: bits & 2 != 0,
                is_final: bits & 4 != 0,
            }))
        }),
    ];
    prop::collection::vec(frame, 1..12).prop_map(|frames| frames.concat())
}

fn write(frame: &Frame<'_>) -> Vec<u8> {
    let mut buffer = vec![0; 200];
    let mut writer = Writer::new(&mut buffer);
    frame.encode(&mut writer).expect("it fits");
    writer.written().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    // spec: 7.1.1, 7.4.6
    #[test]
    fn whatever_comes_memory_stays_within_the_budget(
        packets in prop::collection::vec((packet(), any::<bool>(), 0..60usize), 0..120),
        floor in 1_000..20_000usize,
    ) {
        let mut node = pair(&Config { receive_floor: floor, ..config(3_000) }).1;
        node.streams.write(0, &bytes(0, 0, 500)).unwrap();
        let mut sent = Vec::new();
        for (bytes, fate, read) in packets {
            let refused_at = (node.streams.received, node.streams.records.len());
            match node.take(&bytes) {
                Ok(true) => {}
                Ok(false) => {
                    let after = (node.streams.received, node.streams.records.len());
                    prop_assert_eq!(refused_at, after);
                }
                // The connection would be closed; going on is harder.
                Err(code) => prop_assert!(code.0 < 8),
            }
            prop_assert!(node.streams.receive_memory() <= node.streams.budget());
            let mut out = vec![0; read];
            let _ = node.streams.read(4, &mut out);
            sent.extend(node.packet(100));
            if let Some(packet) = sent.pop() {
                node.fate(if fate { Fate::Acknowledged } else { Fate::Lost }, &packet);
            }
            node.events();
            prop_assert!(node.streams.events.is_empty());
            prop_assert!(node.streams.records.len() <= 20);
        }
    }
}

// spec: 7.4.6
#[test]
fn chunks_that_hold_little_are_moved_before_anything_is_refused() {
    let local = Parameters { initial_max_streams_uni: 90, ..config(8_192).local };
    let receive_chunks = Sizes { least: 64, most: 4_096 };
    let config = Config { local, receive_chunks, receive_floor: 16_000, ..config(8_192) };
    let mut node = pair(&config).1;
    let mut fallen = 0;
    for stream in (0..90).map(|index| 4 * index + 2) {
        let data = &bytes(stream, 0, 500);
        let before = node.streams.receive_pool.used();
        let frame = Stream { stream, offset: 0, end: false, data };
        assert_eq!(node.frame(&Frame::Stream(frame)), Ok(true), "the limits allow it");
        fallen += usize::from(node.streams.receive_pool.used() < before);
        assert!(node.streams.receive_memory() <= node.streams.budget());
        // All but one byte, so that the chunk stays.
        let read = node.streams.read(stream, &mut [0; 499]);
        assert_eq!(read, Ok(Read::Bytes { len: 499, end: false }));
        // The limits grow with that.
        while node.packet(100).is_some() {}
    }
    assert!(fallen > 0);
    for stream in (0..90).map(|index| 4 * index + 2) {
        assert_eq!(node.read_all(stream, 499), (500, false), "what was moved is what it was");
    }
}
