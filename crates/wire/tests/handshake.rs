//! Payloads of the handshake, parameters, integers, codes, and the text of the dissector.

use proptest::collection::vec;
use proptest::prelude::*;
use rudp_wire::code::{self, Code};
use rudp_wire::cursor::{Reader, WriteError, Writer};
use rudp_wire::dissect::{Datagram, Payload};
use rudp_wire::handshake::{Accepted, Confirmation, PayloadError, Request, Response};
use rudp_wire::packet::{ConnectionId, DataHeader, Profile, Suite, Version};
use rudp_wire::parameters::{self, ParameterError, Parameters};
use rudp_wire::varint;

fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<(), WriteError>) -> Vec<u8> {
    let mut buffer = vec![0xee; 2_000];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer).expect("there is room");
    writer.written().to_vec()
}

const ID: ConnectionId = ConnectionId([1, 2, 3, 4, 5, 6, 7, 8]);

// The examples of RFC 9000, appendix A.1, and every length for a value.
// spec: 1.2
#[test]
fn integers() {
    let table: &[(&[u8], u64)] = &[
        (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
        (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
        (&[0x7b, 0xbd], 15_293),
        (&[0x25], 37),
        (&[0xff; 8], varint::MAX),
    ];
    for (bytes, value) in table {
        assert_eq!(varint::decode(bytes), Some((*value, &[][..])));
        assert_eq!(written(|writer| writer.varint(*value)), *bytes);
        assert_eq!(varint::len(*value), bytes.len());
        assert_eq!(varint::decode(&bytes[..bytes.len() - 1]), None);
    }
    assert_eq!(varint::decode(&[0x40, 0x25, 9]), Some((37, &[9][..])));
    assert_eq!(Writer::new(&mut [0; 9]).varint(varint::MAX + 1), Err(WriteError::Value));
}

#[test]
fn counted_bytes_fill_their_room() {
    for room in 0..70_000_usize {
        let Some(bytes) = varint::counted_room(room) else {
            assert_eq!(room, 0);
            continue;
        };
        let len = |bytes: usize| varint::len(bytes as u64) + bytes;
        assert!(len(bytes) <= room && len(bytes + 1) > room, "{bytes} in {room}");
    }
}

// 5.1.3.
#[test]
fn layout_of_message_1() {
    let request = Request { service: "files" };
    let bytes = written(|writer| request.encode(writer));
    assert_eq!(bytes, b"\x05files");
    assert_eq!(Request::parse(&bytes), Ok(request));
    assert_eq!(Request::parse(b"\x05files\x1b\x02ab\x1b\x00"), Ok(request));
    assert_eq!(Request::parse(b"\x00"), Ok(Request { service: "" }));
    assert_eq!(Request::parse(b""), Err(PayloadError::Truncated));
    assert_eq!(Request::parse(b"\x06files"), Err(PayloadError::Truncated));
    assert_eq!(Request::parse(b"\x01\xff"), Err(PayloadError::ServiceName));
    assert_eq!(Request::parse(b"\x05files\x1b\x02a"), Err(PayloadError::Truncated));
    let long = "x".repeat(256);
    let mut buffer = [0; 300];
    let mut writer = Writer::new(&mut buffer);
    assert_eq!(Request { service: &long }.encode(&mut writer), Err(WriteError::Value));
}

// 5.2.1.
#[test]
fn layout_of_message_2() {
    let parameters = Parameters { max_datagram_size: 1_472, ..Parameters::default() };
    let accepted =
        Accepted { suite: Some(Suite::Aes256Gcm), source: ID, reset_token: [9; 16], parameters };
    let bytes = written(|writer| Response::Accepted(accepted).encode(writer));
    let expected = [&[0, 0, 2][..], &ID.0, &[9; 16], &[2, 2, 0x45, 0xc0]].concat();
    assert_eq!(bytes, expected);
    assert_eq!(Response::parse(&bytes, Profile::Sealed), Ok(Response::Accepted(accepted)));
    let plain = Accepted { suite: None, ..accepted };
    assert_eq!(Response::parse(&bytes, Profile::Plain), Ok(Response::Accepted(plain)));
    let mut other = bytes.clone();
    other[2] = 5;
    assert_eq!(Response::parse(&other, Profile::Sealed), Err(PayloadError::Suite(5)));
    assert_eq!(Response::parse(&bytes[..26], Profile::Sealed), Err(PayloadError::Truncated));
}

// 5.2.1, a refusal; 5.0.2, nothing behind it.
#[test]
fn layout_of_a_refusal() {
    let refused = Response::Refused { code: Code::UNKNOWN_SERVICE, reason: b"no" };
    let bytes = written(|writer| refused.encode(writer));
    assert_eq!(bytes, [0, 13, 2, b'n', b'o']);
    assert_eq!(Response::parse(&bytes, Profile::Sealed), Ok(refused));
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(Response::parse(&longer, Profile::Sealed), Err(PayloadError::Trailing(1)));
    let mut buffer = [0; 300];
    for code in [0, 0x1_0000] {
        let refused = Response::Refused { code: Code(code), reason: b"" };
        assert_eq!(refused.encode(&mut Writer::new(&mut buffer)), Err(WriteError::Value));
    }
}

// 5.3.3.
#[test]
fn layout_of_message_3() {
    let parameters = Parameters { reset_token: Some([7; 16]), ..Parameters::default() };
    let confirmation = Confirmation { first_version: Version::ONE, parameters };
    let bytes = written(|writer| confirmation.encode(writer));
    assert_eq!(bytes, [&[0, 0, 0, 1, 11, 16][..], &[7; 16]].concat());
    assert_eq!(Confirmation::parse(&bytes), Ok(confirmation));
}

// 5.4.2: ids, ranges and defaults.
#[test]
fn ranges_of_parameters() {
    let most: &[(u64, u64, u64)] = &[
        (1, 0, 1 << 32),
        (2, 1_200, 65_535),
        (3, 0, varint::MAX),
        (4, 0, varint::MAX),
        (5, 0, 1 << 60),
        (6, 0, 1 << 60),
        (7, 0, varint::MAX),
        (8, 0, 1 << 24),
        (9, 0, 1 << 24),
        (10, 0, 25_000),
    ];
    for (id, least, most) in most {
        let parse = |value: u64| {
            let number = written(|writer| writer.varint(value));
            Parameters::parse(&written(|writer| parameters::write_raw(*id, &number, writer)))
        };
        assert!(parse(*least).is_ok() && parse(*most).is_ok(), "{id}");
        if *most < varint::MAX {
            assert_eq!(parse(most + 1), Err(ParameterError::Range(*id)));
        }
        if *least > 0 {
            assert_eq!(parse(least - 1), Err(ParameterError::Range(*id)));
        }
        assert!(parameters::name(*id).is_some());
    }
    assert_eq!(Parameters::parse(b""), Ok(Parameters::default()));
    assert_eq!(written(|writer| Parameters::default().encode(writer)), b"");
    // `min_ack_delay` is implied to be no more than `max_ack_delay`.
    let parameters = Parameters::parse(&[9, 1, 5]).unwrap();
    assert_eq!((parameters.max_ack_delay, parameters.min_ack_delay), (5, 5));
    assert_eq!(Parameters::parse(&[9, 1, 5, 10, 1, 6]), Err(ParameterError::Range(10)));
}

// 5.4.1 and 5.4.2: unknown ones are ignored, known ones come once.
#[test]
fn parameters_in_a_row() {
    use ParameterError as E;
    let default = Ok(Parameters::default());
    assert_eq!(Parameters::parse(&[27, 3, 1, 2, 3, 27, 0, 0x40, 58, 1, 9, 0, 0, 12, 0]), default);
    assert!(parameters::is_grease(27) && parameters::is_grease(58) && !parameters::is_grease(28));
    assert_eq!(Parameters::parse(&[3, 1, 5, 3, 1, 5]), Err(E::Duplicate(3)));
    assert_eq!(Parameters::parse(&[3, 2, 5, 5]), Err(E::Value(3)));
    assert_eq!(Parameters::parse(&[3, 0]), Err(E::Value(3)));
    assert_eq!(Parameters::parse(&[3, 1, 0x40]), Err(E::Value(3)));
    assert_eq!(Parameters::parse(&[3, 2, 5]), Err(E::Truncated));
    assert_eq!(Parameters::parse(&[3]), Err(E::Truncated));
    assert_eq!(Parameters::parse(&[11, 2, 5, 5]), Err(E::Value(11)));
    // 1.2: every length for a value, for ids and lengths as well.
    let limited = Parameters { initial_max_data: 5, ..Parameters::default() };
    assert_eq!(Parameters::parse(&[0x40, 3, 0x40, 2, 0x40, 5]), Ok(limited));
    let mut buffer = [0; 100];
    let wrong = Parameters { max_datagram_size: 1_199, ..Parameters::default() };
    assert_eq!(wrong.encode(&mut Writer::new(&mut buffer)), Err(WriteError::Value));
}

// 11: the rows are where their codes say. 11.1: the program's own.
#[test]
fn codes() {
    for (index, row) in code::TABLE.iter().enumerate() {
        assert_eq!(row.code.0, index as u64);
        assert_eq!(row.code.row(), Some(row));
        assert_eq!(row.code.to_string(), row.name);
        assert_eq!(row.code.program(), None);
    }
    assert_eq!(code::TABLE.len(), 21);
    assert_eq!(Code::of_program(3), Some(Code(259)));
    assert_eq!(Code(259).program(), Some(3));
    assert_eq!(Code(259).to_string(), "program's 3");
    assert_eq!(Code(255).to_string(), "code 255");
    assert_eq!(Code::of_program(varint::MAX), None);
}

#[test]
fn packets_and_frames_as_text() {
    let header = DataHeader { destination: ID, number: 7, phase: true };
    let bytes = [&header.bytes(0).unwrap()[..], &[0; 20]].concat();
    let line = |bytes| Datagram { bytes, profile: Profile::Sealed }.to_string();
    assert_eq!(line(&bytes), "DATA to 0102030405060708 number 7 phase 1 sealed 20, 36 bytes");
    assert_eq!(line(b"x"), "no packet: no packet begins like that, 1 bytes");
    let table: &[(&[u8], &str)] = &[
        (b"", ""),
        (b"\x01\x00\x00", "PING; PADDING 2"),
        (&[2, 20, 7, 1, 3, 0, 0], "ACK delay 7 17-20 15"),
        (b"\x0f\x04\x05\x02hi", "STREAM 4 offset 5 length 2 end"),
        (
            b"\x06\x00\x02ok\x01\x00\x05\x05\x03",
            "CLOSE NO_ERROR \"ok\" RECEIPT 0 received 5 read 5 all-received all-read",
        ),
        (b"\x11\x04\x41\x05", "STOP_SENDING 4 program's 5"),
        (b"\x14\x09", "MAX_STREAMS Bidirectional 9"),
        (
            b"\x1c\x00\x01\x00\x22\x09\x03\x02ab",
            "MESSAGE 1 order 0 start 34 of 9 offset 3 length 2",
        ),
        (
            b"\x40\x40\x00\x20",
            "EXTENSION 0x40 length 0; no frame: no known frame has the type 0x20",
        ),
    ];
    for (bytes, text) in table {
        assert_eq!(Payload(bytes).to_string(), *text);
    }
}

fn any_parameters() -> impl Strategy<Value = Parameters> {
    let large = 0..=varint::MAX;
    (
        (0..=1_u64 << 32, 1_200..=65_535_u64, large.clone(), large.clone()),
        (0..=1_u64 << 60, 0..=1_u64 << 60, large, 0..=1_u64 << 24),
        (0..=1_u64 << 24, 0..=1_u64 << 24, any::<Option<[u8; 16]>>()),
    )
        .prop_map(|(a, b, (delay, other, reset_token))| Parameters {
            max_idle_timeout: a.0,
            max_datagram_size: a.1,
            initial_max_data: a.2,
            initial_max_stream_data: a.3,
            initial_max_streams_bidi: b.0,
            initial_max_streams_uni: b.1,
            initial_max_message_data: b.2,
            max_message_size: b.3,
            max_ack_delay: delay.max(other),
            min_ack_delay: delay.min(other),
            reset_token,
        })
}

proptest! {
    #[test]
    fn parameters_are_read_as_written(parameters in any_parameters(), id in 12..varint::MAX) {
        let mut bytes = written(|writer| parameters.encode(writer));
        prop_assert_eq!(Parameters::parse(&bytes), Ok(parameters));
        bytes.extend(written(|writer| parameters::write_raw(id, b"any value", writer)));
        prop_assert_eq!(Parameters::parse(&bytes), Ok(parameters));
    }

    #[test]
    fn payloads_are_read_as_written(
        service in "\\PC{0,60}",
        version: u32,
        code in 1..=u16::MAX,
        reason in vec(any::<u8>(), 0..=255),
        suite in prop::sample::select(&Suite::ALL[..]),
        (source, reset_token) in any::<([u8; 8], [u8; 16])>(),
        parameters in any_parameters(),
    ) {
        let request = Request { service: &service };
        let bytes = written(|writer| request.encode(writer));
        prop_assert_eq!(Request::parse(&bytes), Ok(request));
        let confirmation = Confirmation { first_version: Version(version), parameters };
        let bytes = written(|writer| confirmation.encode(writer));
        prop_assert_eq!(Confirmation::parse(&bytes), Ok(confirmation));
        let source = ConnectionId(source);
        let accepted = Accepted { suite: Some(suite), source, reset_token, parameters };
        let refused = Response::Refused { code: Code(code.into()), reason: &reason };
        for response in [Response::Accepted(accepted), refused] {
            let bytes = written(|writer| response.encode(writer));
            prop_assert_eq!(Response::parse(&bytes, Profile::Sealed), Ok(response));
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in vec(any::<u8>(), 0..100)) {
        let _ = (Request::parse(&bytes), Confirmation::parse(&bytes));
        for profile in [Profile::Sealed, Profile::Plain] {
            if let Ok(response) = Response::parse(&bytes, profile) {
                let again = written(|writer| response.encode(writer));
                prop_assert_eq!(Response::parse(&again, profile), Ok(response));
            }
            let _ = Datagram { bytes: &bytes, profile }.to_string();
        }
        let _ = Payload(&bytes).to_string();
        if let Ok(parameters) = Parameters::parse(&bytes) {
            let again = written(|writer| parameters.encode(writer));
            prop_assert_eq!(Parameters::parse(&again), Ok(parameters));
        }
        let mut reader = Reader::new(&bytes);
        while reader.varint().is_ok() {}
    }
}
