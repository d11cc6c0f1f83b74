//! Frames: exact bytes for each layout, what is refused, and round trips of any frame.

use proptest::collection::vec;
use proptest::prelude::*;
use rudp_wire::code::Code;
use rudp_wire::cursor::{WriteError, Writer};
use rudp_wire::frame::{
    self, AckDraft, CloseDraft, CloseKind, Control, Direction, EcnCounts, Extent, Frame,
    FrameError, Frames, Message, MessageDropped, MessageHeader, Mode, Receipt, Stream,
};
use rudp_wire::varint;

fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<(), WriteError>) -> Vec<u8> {
    let mut buffer = vec![0xee; 1 << 17];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer).expect("there is room");
    writer.written().to_vec()
}

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let bytes = written(|writer| frame.encode(writer));
    assert_eq!(bytes.len(), frame.encoded_len(), "{frame:?}");
    bytes
}

fn parsed(bytes: &[u8]) -> Result<Vec<Frame<'_>>, FrameError> {
    Frames::new(bytes).collect()
}

/// That the bytes are one frame, which is written as the same bytes.
fn assert_layout(bytes: &[u8], frame: Frame<'_>) {
    assert_eq!(parsed(bytes), Ok(vec![frame]), "{bytes:02x?}");
    assert_eq!(encoded(&frame), bytes, "{frame:?}");
}

const RECEIPT: Receipt = Receipt {
    stream: 4,
    received: 0x100,
    read: 0x3f,
    all_received: true,
    all_read: false,
    is_final: true,
};

// 7.2, and the layouts of 7.4 to 7.6.
#[test]
fn layouts() {
    let header =
        MessageHeader { mode: Mode::Reliable, number: 1, start: 34, length: 9, offset: 3, len: 2 };
    let message = |mode| Frame::Message(Message::new(MessageHeader { mode, ..header }, b"ab"));
    let stream = |stream, offset, end, data| Frame::Stream(Stream { stream, offset, end, data });
    assert_layout(&[0], Frame::Padding { len: 1 });
    assert_layout(&[0; 7], Frame::Padding { len: 7 });
    assert_layout(&[1], Frame::Ping);
    assert_layout(&[4], Frame::ImmediateAck);
    assert_layout(b"\x0a\x05\x02hi", stream(5, 0, false, b"hi"));
    assert_layout(b"\x0b\x05\x00", stream(5, 0, true, b""));
    assert_layout(b"\x0e\x05\x41\x00\x02hi", stream(5, 256, false, b"hi"));
    assert_layout(b"\x0f\x40\x40\x01\x01x", stream(64, 1, true, b"x"));
    assert_layout(b"\x1b\x04\x41\x00\x3f\x05", Frame::Receipt(RECEIPT));
    assert_layout(b"\x1c\x00\x01\x07\x22\x09\x03\x02ab", message(Mode::Ordered { order: 7 }));
    assert_layout(b"\x1c\x01\x01\x22\x09\x03\x02ab", message(Mode::Reliable));
    assert_layout(b"\x1c\x02\x01\x22\x09\x05\x03\x02ab", message(Mode::Deadline { lifetime: 5 }));
    let dropped = MessageDropped { number: 1, start: 34, length: 9 };
    assert_layout(b"\x1d\x01\x22\x09", Frame::MessageDropped(dropped));
    assert_layout(b"\x1fabc\x00", Frame::Datagram(b"abc\x00"));
    assert_layout(b"\x40\x40\x01x", Frame::Extension { kind: 0x40, payload: b"x" });
}

// spec: 7.5.5
#[test]
fn a_message_that_follows_has_a_short_header() {
    for (mode, following) in
        [(Mode::Reliable, Mode::Reliable), (Mode::Ordered { order: 7 }, Mode::Ordered { order: 8 })]
    {
        let header = MessageHeader { mode, number: 8, start: 90, length: 3, offset: 1, len: 2 };
        let first = Message::new(header, b"bc");
        let header =
            MessageHeader { mode: following, number: 9, start: 125, length: 4, offset: 0, len: 4 };
        let next = Message::new(header, b"defg");
        let bytes = written(|writer| {
            first.encode(writer)?;
            writer.varint(1)?;
            next.encode_next(first.header(), writer)
        });
        assert!(bytes.ends_with(b"\x01\x25\x04defg"), "{bytes:02x?}");
        // What is between them does not matter.
        let frames = [Frame::Message(first), Frame::Ping, Frame::Message(next)];
        assert_eq!(parsed(&bytes), Ok(frames.to_vec()));
        let mut short = [0; 5];
        let mut writer = Writer::new(&mut short);
        assert_eq!(next.encode_next(first.header(), &mut writer), Err(WriteError::Full));
        assert!(writer.is_empty());
        for other in [
            Message::new(MessageHeader { number: 10, ..header }, b"defg"),
            Message::new(MessageHeader { start: 126, ..header }, b"defg"),
            Message::new(MessageHeader { length: 5, ..header }, b"defg"),
            Message::new(MessageHeader { offset: 1, ..header }, b"efg"),
            Message::new(MessageHeader { mode: Mode::Deadline { lifetime: 1 }, ..header }, b"defg"),
        ] {
            let refused = other.encode_next(first.header(), &mut Writer::new(&mut [0; 99]));
            assert_eq!(refused, Err(WriteError::Value), "{other:?}");
        }
    }
}

// spec: 7.5.5
#[test]
fn a_message_follows_only_what_it_can_follow() {
    let errors = |bytes: &[u8]| parsed(bytes).unwrap_err();
    assert_eq!(errors(b"\x25\x01a"), FrameError::NotNext, "there is none");
    assert_eq!(errors(b"\x01\x25\x01a"), FrameError::NotNext);
    let dropped = b"\x1d\x01\x22\x09\x25\x01a";
    assert_eq!(errors(dropped), FrameError::NotNext, "that is no piece");
    let behind = |header: MessageHeader| {
        let mut bytes = encoded(&Frame::Message(Message::new(header, b"")));
        bytes.extend(b"\x25\x01a");
        parsed(&bytes).map(|frames| frames.len())
    };
    let header =
        MessageHeader { mode: Mode::Reliable, number: 0, start: 0, length: 0, offset: 0, len: 0 };
    assert_eq!(behind(header), Ok(2));
    let mode = Mode::Deadline { lifetime: 9 };
    assert_eq!(behind(MessageHeader { mode, ..header }), Err(FrameError::NotNext));
    assert_eq!(FrameError::NotNext.code(), Code::FRAME_ERROR);
    let mode = Mode::Ordered { order: varint::MAX };
    for header in [
        MessageHeader { mode, ..header },
        MessageHeader { number: varint::MAX, ..header },
        MessageHeader { start: varint::MAX - 32, ..header },
    ] {
        assert_eq!(behind(header), Err(FrameError::Overflow), "{header:?}");
    }
    let beyond = b"\x1c\x01\x01\x22\x01\x00\x01a\x25\x02a";
    assert_eq!(errors(beyond), FrameError::Truncated);
}

// 7.2: the frames that are a few numbers.
#[test]
fn layouts_of_numbers() {
    let (bidi, uni) = (Direction::Bidirectional, Direction::Unidirectional);
    let code = Code(256);
    let table: &[(&[u8], Control)] = &[
        (
            &[5, 1, 2, 0x43, 0xe8, 3],
            Control::AckFrequency { sequence: 1, tolerance: 2, delay: 1000, threshold: 3 },
        ),
        (&[0x10, 4, 0x41, 0, 9], Control::ResetStream { stream: 4, code, final_size: 9 }),
        (&[0x11, 4, 0x41, 0], Control::StopSending { stream: 4, code }),
        (&[0x12, 9], Control::MaxData { limit: 9 }),
        (&[0x13, 4, 9], Control::MaxStreamData { stream: 4, limit: 9 }),
        (&[0x14, 9], Control::MaxStreams { direction: bidi, count: 9 }),
        (&[0x15, 9], Control::MaxStreams { direction: uni, count: 9 }),
        (&[0x16, 9], Control::DataBlocked { limit: 9 }),
        (&[0x17, 4, 9], Control::StreamDataBlocked { stream: 4, limit: 9 }),
        (&[0x18, 9], Control::StreamsBlocked { direction: bidi, limit: 9 }),
        (&[0x19, 9], Control::StreamsBlocked { direction: uni, limit: 9 }),
        (&[0x1a, 4, 9], Control::ReceiptRequest { stream: 4, offset: 9 }),
        (&[0x1e, 9], Control::MaxMessageData { limit: 9 }),
        (&[0x23, 1, 2, 3, 4, 5, 6, 7, 8], Control::PathChallenge([1, 2, 3, 4, 5, 6, 7, 8])),
        (&[0x24, 1, 2, 3, 4, 5, 6, 7, 8], Control::PathResponse([1, 2, 3, 4, 5, 6, 7, 8])),
    ];
    for (bytes, control) in table {
        assert_layout(bytes, Frame::Control(*control));
    }
}

// 7.3: gap and length are each less 1, and a range begins two below the gap.
#[test]
fn layout_of_ack() {
    let bytes = [2, 20, 7, 2, 3, 0, 1, 4, 0];
    let frames = parsed(&bytes).unwrap();
    let [Frame::Ack(ack)] = frames[..] else { panic!("{frames:?}") };
    assert_eq!((ack.highest, ack.delay, ack.ecn), (20, 7, None));
    assert_eq!(ack.ranges().collect::<Vec<_>>(), [17..=20, 14..=15, 8..=8]);
    assert_layout(&bytes, Frame::Ack(ack));

    let bytes = [3, 0x40, 100, 0, 0, 0x40, 100, 1, 2, 3];
    let frames = parsed(&bytes).unwrap();
    let [Frame::Ack(ack)] = frames[..] else { panic!("{frames:?}") };
    assert_eq!(ack.ecn, Some(EcnCounts { ect0: 1, ect1: 2, ce: 3 }));
    assert_eq!(ack.ranges().collect::<Vec<_>>(), [0..=100]);
    assert_layout(&bytes, Frame::Ack(ack));
}

// 9.2, and 7.6 without a type in it.
#[test]
fn layout_of_close() {
    for (kind, of) in [(6, CloseKind::Close), (7, CloseKind::CloseAck)] {
        let receipts = [Receipt { stream: 0, ..RECEIPT }, RECEIPT];
        let draft = CloseDraft {
            code: Code::SERVER_SHUTDOWN,
            reason: b"bye",
            receipts: receipts.into_iter(),
        };
        let plan = draft.plan(usize::MAX).unwrap();
        let bytes = written(|writer| draft.encode(of, plan, writer));
        let expected = [&[kind], &b"\x0b\x03bye\x02\x00\x41\x00\x3f\x05\x04\x41\x00\x3f\x05"[..]];
        assert_eq!(bytes, expected.concat());
        assert_eq!(plan.len, bytes.len());
        let frames = parsed(&bytes).unwrap();
        let [Frame::Close(close) | Frame::CloseAck(close)] = frames[..] else { panic!() };
        assert_eq!((close.code, close.reason), (Code::SERVER_SHUTDOWN, &b"bye"[..]));
        assert_eq!(close.receipts().collect::<Vec<_>>(), receipts);
        assert_layout(&bytes, frames[0]);
    }
}

// 9.2.1: as many receipts as fit, the first ones.
#[test]
fn a_close_takes_the_receipts_that_fit() {
    let receipts = (0..2_000).map(|stream| Receipt { stream: 4 * stream, ..RECEIPT });
    let draft = CloseDraft { code: Code::NO_ERROR, reason: b"", receipts };
    for room in 0..1_200 {
        let Some(plan) = draft.plan(room) else {
            assert!(room < 4);
            continue;
        };
        assert!(plan.len <= room && room - plan.len < 9, "{plan:?} in {room}");
        let mut buffer = vec![0; room];
        draft.encode(CloseKind::Close, plan, &mut Writer::new(&mut buffer)).unwrap();
        let frames = parsed(&buffer[..plan.len]).unwrap();
        let [Frame::Close(close)] = frames[..] else { panic!() };
        assert_eq!(close.receipts().count(), plan.receipts);
    }
}

// Shortest form, known type, not reserved, and what else is FRAME_ERROR.
// spec: 7.1, 7.1.1
#[test]
fn what_is_no_frame() {
    use FrameError as E;
    let long_reason = [&b"\x06\x00\x41\x01"[..], &[b'x'; 257], b"\x00"].concat();
    let table: &[(&[u8], FrameError)] = &[
        (b"\x40\x01", E::LongType(1)),
        (b"\x80\x00\x00\x00", E::LongType(0)),
        (b"\x80\x00\x00\x40\x00", E::LongType(0x40)),
        (b"\x20\x00", E::Type(0x20)),
        (b"\x21\x00", E::Type(0x21)),
        (b"\x22\x00", E::Type(0x22)),
        (b"\x26\x00", E::Type(0x26)),
        (b"\x3f\x00", E::Type(0x3f)),
        (b"\x40", E::Truncated),
        (b"\x40\x40\x02x", E::Truncated),
        (b"\x02\x05\x00\x00\x06", E::BelowZero),
        (b"\x02\x05\x00\x01\x00\x04\x00", E::BelowZero),
        (b"\x02\x05\x00\x01\x00\x03\x01", E::BelowZero),
        (b"\x02\x05\x00\x01\x00", E::Truncated),
        (b"\x02\x05\x00\x42\x01\x00", E::TooManyRanges(513)),
        (b"\x03\x05\x00\x00\x00\x01\x01", E::Truncated),
        (b"\x0a\x00\x03hi", E::Truncated),
        (b"\x0e\x00\xff\xff\xff\xff\xff\xff\xff\xff\x01x", E::Overflow),
        (b"\x14\xd0\x00\x00\x00\x00\x00\x00\x01", E::Streams((1 << 60) + 1)),
        (b"\x1c\x03\x01\x22\x09\x03\x00", E::Mode(3)),
        (b"\x1c\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00", E::Overflow),
        (b"\x1d\x01\xff\xff\xff\xff\xff\xff\xff\xe0\x00", E::Overflow),
        (b"\x23\x01\x02\x03\x04\x05\x06\x07", E::Truncated),
        (&long_reason, E::Reason(257)),
        (b"\x06\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", E::Truncated),
    ];
    for (bytes, error) in table {
        assert_eq!(parsed(bytes), Err(*error), "{bytes:02x?}");
        assert_eq!(error.code(), Code::FRAME_ERROR);
    }
}

// 7.5.1, 7.6.1 and 8.3: what has a code of its own, and can be seen in the frame alone.
#[test]
fn what_a_frame_may_not_say() {
    let table: &[(&[u8], Code)] = &[
        (b"\x1c\x01\x01\x22\x03\x02\x02ab", Code::MESSAGE_ERROR),
        (b"\x1b\x04\x05\x06\x00", Code::PROTOCOL_VIOLATION),
        (b"\x06\x00\x00\x01\x04\x05\x06\x00", Code::PROTOCOL_VIOLATION),
        (b"\x05\x00\x00\x01\x01", Code::PROTOCOL_VIOLATION),
        (b"\x05\x00\x01\x01\x00", Code::PROTOCOL_VIOLATION),
    ];
    for (bytes, code) in table {
        assert_eq!(parsed(bytes).map_err(FrameError::code), Err(*code), "{bytes:02x?}");
    }
}

// 7.1.1: frames before the bad one may have acted. None behind it does.
#[test]
fn the_first_error_ends_a_packet() {
    let mut frames = Frames::new(&[1, 0x20, 1, 1]);
    assert_eq!(frames.next(), Some(Ok(Frame::Ping)));
    assert_eq!(frames.next(), Some(Err(FrameError::Type(0x20))));
    assert_eq!(frames.next(), None);
}

// Unknown types from 0x40 on are skipped; 7.2: without L, and in DATAGRAM, to the end.
// spec: 7.1
#[test]
fn frames_in_a_row() {
    let frames = parsed(b"\x40\x5f\x03abc\x00\x00\x01\x09\x04rest\x01").unwrap();
    let rest = Stream { stream: 4, offset: 0, end: true, data: b"rest\x01" };
    assert_eq!(
        frames,
        [
            Frame::Extension { kind: 0x5f, payload: b"abc" },
            Frame::Padding { len: 2 },
            Frame::Ping,
            Frame::Stream(rest),
        ]
    );
    assert_eq!(written(|writer| rest.encode(Extent::ToEnd, writer)), b"\x09\x04rest\x01");
}

// 7.6: the other bits are ignored.
#[test]
fn reserved_bits_of_a_receipt_are_ignored() {
    assert_eq!(parsed(b"\x1b\x04\x41\x00\x3f\xfd"), Ok(vec![Frame::Receipt(RECEIPT)]));
}

// Every length for a value.
// spec: 1.2
#[test]
fn fields_of_any_form_are_taken() {
    let frame = Frame::Control(Control::MaxData { limit: 5 });
    for bytes in [&b"\x12\x05"[..], b"\x12\x40\x05", b"\x12\x80\x00\x00\x05"] {
        assert_eq!(parsed(bytes), Ok(vec![frame]));
    }
    assert_eq!(parsed(b"\x12\xc0\x00\x00\x00\x00\x00\x00\x05"), Ok(vec![frame]));
}

// 1.2, inside the lists that are kept as they came.
#[test]
fn lists_are_equal_by_meaning() {
    let pairs: [[&[u8]; 2]; 2] = [
        [&[2, 20, 7, 1, 3, 0, 1], &[2, 20, 7, 1, 3, 0x40, 0, 0x40, 1]],
        [&[6, 0, 0, 1, 4, 5, 5, 3], &[6, 0, 0, 1, 0x40, 4, 5, 0x40, 5, 0xfb]],
    ];
    for [short, long] in pairs {
        assert_eq!(parsed(short), parsed(long));
        assert_eq!(encoded(&parsed(long).unwrap()[0]), short);
    }
}

// 7.3.1: the highest ranges are those that fit; 7.3: at most 512 behind the first.
#[test]
fn an_ack_takes_the_ranges_that_fit() {
    let ranges = (0..1_000_u64).map(|index| (1_000_000 - 5 * index)..=(1_000_001 - 5 * index));
    let draft = AckDraft { delay: 25_000, ecn: Some(EcnCounts::default()), ranges };
    assert_eq!(draft.plan(13), None);
    for room in 14..2_000 {
        let plan = draft.plan(room).unwrap();
        assert!(plan.len <= room);
        assert!(room - plan.len < 4 || plan.ranges == 513, "{plan:?} in {room}");
        let bytes = written(|writer| draft.encode(plan, writer));
        assert_eq!(bytes.len(), plan.len);
        let frames = parsed(&bytes).unwrap();
        let [Frame::Ack(ack)] = frames[..] else { panic!() };
        assert!(ack.ranges().eq(draft.ranges.clone().take(plan.ranges)));
        assert_eq!(ack.ranges().count(), plan.ranges);
    }
}

#[test]
fn ranges_that_touch_are_not_written() {
    let ranges = [10..=12, 5..=9];
    let draft = AckDraft { delay: 0, ecn: None, ranges: ranges.into_iter() };
    assert_eq!(draft.plan(100).unwrap().ranges, 1);
    let plan = frame::AckPlan { ranges: 2, len: 7 };
    let mut buffer = [0; 100];
    let mut writer = Writer::new(&mut buffer);
    assert_eq!(draft.encode(plan, &mut writer), Err(WriteError::Value));
    assert!(writer.is_empty());
}

// 7.2: the table, and what frames say of themselves.
#[test]
fn the_table_of_types_is_complete() {
    let mut next = 0;
    for row in frame::TABLE {
        assert_eq!(row.first, next, "{row:?}");
        next = row.last + 1;
    }
    assert_eq!(next, 0x26);
    let eliciting = |number| frame::row(number).is_some_and(|row| row.ack_eliciting);
    let not: Vec<_> = (0..0x26).filter(|number| !eliciting(*number)).collect();
    assert_eq!(not, [0, 2, 3, 6, 7, 0x20, 0x21, 0x22]);
}

// 9.2.7: cut between characters.
#[test]
fn a_reason_is_cut_between_characters() {
    assert_eq!(frame::cut_reason("ab\u{e9}", 3), "ab");
    assert_eq!(frame::cut_reason("ab\u{e9}", 4), "ab\u{e9}");
    assert_eq!(frame::cut_reason("", 256), "");
}

#[test]
fn values_that_no_field_holds_are_not_written() {
    let mut buffer = [0; 100];
    let too_large = varint::MAX + 1;
    let header =
        MessageHeader { mode: Mode::Reliable, number: 0, start: 0, length: 1, offset: 1, len: 0 };
    let frames = [
        Frame::Control(Control::MaxData { limit: too_large }),
        Frame::Control(Control::ResetStream { stream: 0, code: Code(0), final_size: too_large }),
        Frame::Control(Control::MaxStreams {
            direction: Direction::Bidirectional,
            count: frame::MAX_STREAMS + 1,
        }),
        Frame::Stream(Stream { stream: too_large, offset: 0, end: true, data: b"" }),
        Frame::Stream(Stream { stream: 0, offset: varint::MAX, end: true, data: b"x" }),
        Frame::Message(Message::new(header, b"x")),
        Frame::MessageDropped(MessageDropped { number: 0, start: varint::MAX, length: 0 }),
        Frame::Receipt(Receipt { read: 0x101, ..RECEIPT }),
        Frame::Extension { kind: 0x3f, payload: b"" },
    ];
    for frame in frames {
        let mut writer = Writer::new(&mut buffer);
        assert_eq!(frame.encode(&mut writer), Err(WriteError::Value), "{frame:?}");
        assert!(writer.is_empty(), "{frame:?}");
    }
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..100_u64, 0..=u64::from(u32::MAX), 0..=varint::MAX / 4]
}

fn control() -> impl Strategy<Value = Control> {
    let directions = prop_oneof![Just(Direction::Bidirectional), Just(Direction::Unidirectional)];
    let numbers = (number(), number(), number(), number());
    (0..14_u8, numbers, directions, any::<[u8; 8]>()).prop_map(
        |(kind, (a, b, c, d), way, bytes)| match kind {
            0 => Control::AckFrequency {
                sequence: a,
                tolerance: b.max(1),
                delay: c,
                threshold: d.max(1),
            },
            1 => Control::ResetStream { stream: a, code: Code(b), final_size: c },
            2 => Control::StopSending { stream: a, code: Code(b) },
            3 => Control::MaxData { limit: a },
            4 => Control::MaxStreamData { stream: a, limit: b },
            5 => Control::MaxStreams { direction: way, count: a },
            6 => Control::DataBlocked { limit: a },
            7 => Control::StreamDataBlocked { stream: a, limit: b },
            8 => Control::StreamsBlocked { direction: way, limit: a },
            9 => Control::ReceiptRequest { stream: a, offset: b },
            10 => Control::MaxMessageData { limit: a },
            11 => Control::PathChallenge(bytes),
            _ => Control::PathResponse(bytes),
        },
    )
}

fn receipt() -> impl Strategy<Value = Receipt> {
    (number(), number(), number(), any::<[bool; 3]>()).prop_map(|(stream, a, b, bits)| Receipt {
        stream,
        received: a.max(b),
        read: a.min(b),
        all_received: bits[0],
        all_read: bits[1],
        is_final: bits[2],
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        number().prop_map(|order| Mode::Ordered { order }),
        Just(Mode::Reliable),
        number().prop_map(|lifetime| Mode::Deadline { lifetime }),
    ]
}

/// Disjoint ranges that do not touch, the highest first, and the count of them.
fn ranges() -> impl Strategy<Value = Vec<core::ops::RangeInclusive<u64>>> {
    (number(), vec((0..5_000_u64, 0..5_000_u64), 1..100)).prop_map(|(lowest, steps)| {
        let mut next = lowest;
        let mut ranges: Vec<_> = steps
            .into_iter()
            .map(|(gap, len)| {
                let low = next + gap;
                next = low + len + 2;
                low..=low + len
            })
            .collect();
        ranges.reverse();
        ranges
    })
}

/// One frame in one packet, by its bytes.
fn frame_bytes() -> impl Strategy<Value = Vec<u8>> {
    let data = || vec(any::<u8>(), 0..100);
    prop_oneof![
        (1..50_usize).prop_map(|len| encoded(&Frame::Padding { len })),
        Just(encoded(&Frame::Ping)),
        Just(encoded(&Frame::ImmediateAck)),
        control().prop_map(|control| encoded(&Frame::Control(control))),
        receipt().prop_map(|receipt| encoded(&Frame::Receipt(receipt))),
        (number(), number(), any::<bool>(), data()).prop_map(|(stream, offset, end, data)| {
            encoded(&Frame::Stream(Stream { stream, offset, end, data: &data }))
        }),
        (mode(), number(), number(), (number(), number()), data()).prop_map(
            |(mode, number, start, (offset, more), data)| {
                let length = offset / 2 + more / 2 + data.len() as u64;
                let header =
                    MessageHeader { mode, number, start, length, offset: offset / 2, len: 0 };
                encoded(&Frame::Message(Message::new(header, &data)))
            }
        ),
        (number(), number(), number()).prop_map(|(number, start, length)| {
            encoded(&Frame::MessageDropped(MessageDropped { number, start, length }))
        }),
        (0x40..varint::MAX, data())
            .prop_map(|(kind, data)| encoded(&Frame::Extension { kind, payload: &data })),
        (number(), any::<Option<(u16, u32, u8)>>(), ranges()).prop_map(|(delay, ecn, ranges)| {
            let ecn = ecn.map(|(ect0, ect1, ce)| EcnCounts {
                ect0: ect0.into(),
                ect1: ect1.into(),
                ce: ce.into(),
            });
            let draft = AckDraft { delay, ecn, ranges: ranges.into_iter() };
            written(|writer| {
                draft.encode(draft.plan(usize::MAX).expect("room is no limit"), writer)
            })
        }),
        (number(), data(), vec(receipt(), 0..5), any::<bool>()).prop_map(
            |(code, reason, receipts, ack)| {
                let draft = CloseDraft {
                    code: Code(code),
                    reason: &reason,
                    receipts: receipts.into_iter(),
                };
                let kind = if ack { CloseKind::CloseAck } else { CloseKind::Close };
                written(|writer| {
                    draft.encode(kind, draft.plan(usize::MAX).expect("room is no limit"), writer)
                })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn any_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        let frames: Vec<_> = Frames::new(&bytes).collect();
        prop_assert!(frames.iter().rev().skip(1).all(Result::is_ok));
        for frame in frames.into_iter().flatten() {
            // What parses is written with the same meaning.
            let again = encoded(&frame);
            prop_assert_eq!(parsed(&again), Ok(vec![frame]));
            prop_assert!(again.len() <= bytes.len() + 8);
        }
    }

    #[test]
    fn frames_of_known_types_with_any_fields(kind in 0..0x42_u8, bytes in vec(any::<u8>(), 0..60)) {
        let bytes = [&[kind], &bytes[..]].concat();
        for frame in Frames::new(&bytes).flatten() {
            let again = encoded(&frame);
            prop_assert_eq!(parsed(&again), Ok(vec![frame]));
        }
    }

    #[test]
    fn what_is_written_is_read(frames in vec(frame_bytes(), 0..20)) {
        let whole = frames.concat();
        let mut again = Vec::new();
        for frame in Frames::new(&whole) {
            let frame = frame.unwrap();
            let row = frame::row(frame.kind());
            prop_assert_eq!(frame.is_ack_eliciting(), row.is_none_or(|row| row.ack_eliciting));
            prop_assert!(row.is_none_or(|row| row.name == frame.name() && !row.reserved));
            again.extend(encoded(&frame));
        }
        prop_assert_eq!(again, whole);
    }

    #[test]
    fn what_does_not_fit_is_not_written(bytes in frame_bytes()) {
        let frame = Frames::new(&bytes).next().unwrap().unwrap();
        let mut buffer = vec![0; frame.encoded_len()];
        for room in 0..buffer.len() {
            let mut writer = Writer::new(&mut buffer[..room]);
            prop_assert_eq!(frame.encode(&mut writer), Err(WriteError::Full));
            prop_assert!(writer.is_empty());
        }
        prop_assert_eq!(frame.encode(&mut Writer::new(&mut buffer)), Ok(()));
    }

    #[test]
    fn a_frame_that_is_cut_is_none(bytes in frame_bytes(), cut in any::<prop::sample::Index>()) {
        prop_assume!(bytes[0] != 0);
        let cut = cut.index(bytes.len());
        prop_assert!(cut == 0 || parsed(&bytes[..cut]).is_err());
    }

    #[test]
    fn stream_data_fill_their_room(
        stream in number(),
        offset in number(),
        available in 0..20_000_usize,
        room in 0..17_000_usize,
    ) {
        let Some(header) = Stream::fit(stream, offset, available, room) else {
            prop_assert!(room < 18);
            return Ok(());
        };
        let len = header.encoded_len() + header.len;
        prop_assert!(len <= room);
        prop_assert!(header.len == available || len == room);
        let data = vec![7; header.len];
        let piece = Stream { stream, offset, end: false, data: &data };
        let bytes = written(|writer| piece.encode(header.extent, writer));
        prop_assert_eq!(bytes.len(), len);
        prop_assert_eq!(parsed(&bytes), Ok(vec![Frame::Stream(piece)]));
    }

    #[test]
    fn message_data_fill_their_room(
        mode in mode(),
        offset in 0..100_000_u64,
        left in 0..20_000_u64,
        room in 0..17_000_usize,
    ) {
        let length = offset + left;
        let header = MessageHeader { mode, number: 1, start: 5, length, offset, len: 0 };
        let Some(header) = header.fit(room) else {
            prop_assert!(room < 30);
            return Ok(());
        };
        let len = header.encoded_len() + header.len;
        prop_assert!(len <= room);
        // Between two lengths of a length there is a byte that cannot be filled.
        prop_assert!(header.len as u64 == left || room - len <= 2);
    }
}
