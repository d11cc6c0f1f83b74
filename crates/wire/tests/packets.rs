//! Packets: exact bytes for each layout, what is dropped, and round trips of any packet.

use proptest::collection::vec;
use proptest::prelude::*;
use rudp_wire::checksum;
use rudp_wire::cursor::WriteError;
use rudp_wire::handshake;
use rudp_wire::packet::{
    self, AckPacket, ConnectionId, ControlType, DataHeader, Form, Malformed, Packet, Pattern,
    Profile, Reset, Retry, Suite, Suites, Syn, SynAck, SynInvariant, Version,
};

const A: ConnectionId = ConnectionId([0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8]);
const B: ConnectionId = ConnectionId([0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8]);
const SEALED: Profile = Profile::Sealed;
const PLAIN: Profile = Profile::Plain;

fn emitted(emit: impl FnOnce(&mut [u8]) -> Result<usize, WriteError>) -> Vec<u8> {
    let mut buffer = vec![0xee; 1 << 17];
    let len = emit(&mut buffer).expect("there is room");
    buffer.truncate(len);
    buffer
}

/// `bytes` with the sum that is right for them.
fn summed(bytes: &[u8]) -> Vec<u8> {
    [bytes, &checksum::crc32c(bytes).to_be_bytes()].concat()
}

/// First byte, ids and version of a control packet.
fn header(first: u8, destination: ConnectionId, version: u32, other: ConnectionId) -> Vec<u8> {
    [&[first][..], &destination.0, &version.to_be_bytes(), &other.0].concat()
}

fn syn(cookie: &'static [u8]) -> Syn<'static> {
    Syn {
        initial: A,
        source: B,
        pattern: Pattern::XxPsk0,
        suites: Suites::of(&[Suite::ChaCha20Poly1305, Suite::Aes256Gcm]),
        cookie,
        message: b"message 1",
    }
}

// All first bytes.
// spec: 2.1, 2.2, 2.6
#[test]
fn first_bytes() {
    for first in 0..=255_u8 {
        let expected = match first {
            0..=191 => Err(Malformed::Form),
            192..=223 => Ok(Form::Data),
            _ => ControlType::TABLE
                .iter()
                .find(|row| row.1 == first & 0x0f)
                .map(|row| Form::Control(row.0))
                .ok_or(Malformed::Type(first & 0x0f)),
        };
        assert_eq!(Form::of(first), expected, "{first:#x}");
    }
    for (_, number, _) in ControlType::TABLE {
        assert!(Form::of(0xe0 | number).is_ok() && Form::of(0xf0 | number).is_ok());
    }
}

// The data header, and the least lengths.
// spec: 2.8, 2.10, 3.5
#[test]
fn layout_of_data() {
    let header = DataHeader { destination: A, number: 0x01_0203_0405_0607, phase: true };
    let bytes = header.bytes(0xf5).unwrap();
    let expected = [&[0xd5][..], &A.0, &[1, 2, 3, 4, 5, 6, 7]].concat();
    assert_eq!(bytes[..], expected);
    let packet = [&bytes[..], &[9; 17]].concat();
    let Ok(Packet::Data(data)) = Packet::parse(&packet, SEALED) else { panic!() };
    assert_eq!(data.header, header);
    assert_eq!((&data.associated[..], data.sealed), (&bytes[..], &[9; 17][..]));
    assert_eq!(Packet::parse(&packet[..32], SEALED), Err(Malformed::Length(32)));
    // 3.5: no key phase.
    assert_eq!(Packet::parse(&packet, PLAIN), Err(Malformed::Form));
    let header = DataHeader { phase: false, ..header };
    let packet = [&header.bytes(0).unwrap()[..], &[9; 5]].concat();
    assert!(matches!(Packet::parse(&packet, PLAIN), Ok(Packet::Data(_))));
    assert_eq!(Packet::parse(&packet[..20], PLAIN), Err(Malformed::Length(20)));

    let largest = DataHeader { number: packet::MAX_PACKET_NUMBER, ..header };
    assert_eq!(DataHeader::read(&largest.bytes(0).unwrap()), Some(largest));
    let beyond = DataHeader { number: packet::MAX_PACKET_NUMBER + 1, ..header };
    assert_eq!(beyond.bytes(0), Err(WriteError::Value));
}

// 4.2: bytes 5 to 8, as a u32.
#[test]
fn steering_is_in_bytes_5_to_8() {
    assert_eq!(packet::steering(&[0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), Some(0x0506_0708));
    assert_eq!(packet::steering(&[0xc0, 1, 2, 3, 4, 5, 6, 7]), None);
    assert_eq!(A.steering(), 0xa5a6_a7a8);
}

// 5.1, 5.1.1 and 5.1.2.
#[test]
fn layout_of_syn() {
    let syn = syn(b"cookie");
    let bytes = emitted(|buffer| syn.emit(true, buffer));
    let mut expected = header(0xf0, A, 1, B);
    expected.extend(b"\x03\x06\x06cookie\x00\x09message 1");
    expected.resize(1_200, 0);
    assert_eq!(bytes, expected);
    assert_eq!(Packet::parse(&bytes, SEALED), Ok(Packet::Syn(syn)));
    let prologue = [&b"RUDP\x00\x00\x00\x01"[..], &A.0, &B.0, &[3, 6]].concat();
    assert_eq!(handshake::prologue(&syn)[..], prologue);
    // 5.2.5a.
    assert_eq!(syn.identity()[..], bytes[1..=22]);
    // The padding is ignored, and may be more.
    let other_padding = [&bytes[..1_000], &[7; 500]].concat();
    assert_eq!(Packet::parse(&other_padding, SEALED), Ok(Packet::Syn(syn)));
    assert_eq!(Packet::parse(&bytes[..1_199], SEALED), Err(Malformed::Length(1_199)));
}

// 5.1: cookie of at most 64 bytes; 5: patterns; 5.0.2: the message in the datagram; 5.2.2: bits 3
// to 7 of byte 22 as they came.
#[test]
fn syns_that_are_dropped() {
    let whole = emitted(|buffer| syn(&[7; 64]).emit(false, buffer));
    let changed = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        bytes
    };
    assert_eq!(Packet::parse(&changed(23, 65), SEALED), Err(Malformed::Cookie(65)));
    assert_eq!(Packet::parse(&changed(21, 4), SEALED), Err(Malformed::Pattern(4)));
    assert_eq!(Packet::parse(&changed(21, 255), SEALED), Err(Malformed::Pattern(255)));
    assert_eq!(Packet::parse(&changed(88, 0x10), SEALED), Err(Malformed::Truncated));
    let bytes = changed(22, 0xff);
    let Ok(Packet::Syn(parsed)) = Packet::parse(&bytes, SEALED) else { panic!() };
    assert_eq!(parsed.suites, Suites(0xff));
    assert_eq!(handshake::prologue(&parsed)[25], 0xff);
    let mut buffer = [0; 1_500];
    assert_eq!(syn(&[7; 65]).emit(false, &mut buffer), Err(WriteError::Value));
    assert_eq!(syn(b"").emit(false, &mut buffer[..1_199]), Err(WriteError::Full));
}

// 2.5: what SYNs of every version have. 3.2: each speaks one profile. 3.1: 0 is no version.
#[test]
fn syns_of_other_versions() {
    for version in [2, 0x8000_0001, 0x1a2a_3a4a] {
        let mut bytes = header(0xe0, A, version, B);
        bytes.resize(1_200, 0xff);
        let version = Version(version);
        let foreign = SynInvariant { initial: A, version, source: B };
        assert_eq!(Packet::parse(&bytes, SEALED), Ok(Packet::ForeignSyn(foreign)));
        assert_eq!(Packet::parse(&bytes[..1_199], SEALED), Err(Malformed::Length(1_199)));
    }
    let mut bytes = header(0xe0, A, 0, B);
    bytes.resize(1_200, 0);
    assert_eq!(Packet::parse(&bytes, SEALED), Err(Malformed::Version(Version::NONE)));
    assert!(Version(0x1a2a_3a4a).is_grease() && !Version::ONE.is_grease());
    // A server of the plain profile answers a client of version 1, which has no sum.
    let bytes = emitted(|buffer| syn(b"").emit(false, buffer));
    assert!(matches!(Packet::parse(&bytes, PLAIN), Ok(Packet::ForeignSyn(_))));
}

// 5.2 and 5.0.2.
#[test]
fn layout_of_syn_ack() {
    let packet = SynAck { destination: A, source: B, message: b"message 2" };
    let bytes = emitted(|buffer| packet.emit(SEALED, false, buffer));
    assert_eq!(bytes, [&header(0xe1, A, 1, B)[..], b"\x00\x09message 2"].concat());
    assert_eq!(bytes.len(), SynAck::overhead(SEALED) + 9);
    assert_eq!(Packet::parse(&bytes, SEALED), Ok(Packet::SynAck(packet)));
    assert_eq!(Packet::parse(&bytes[..31], SEALED), Err(Malformed::Truncated));
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(Packet::parse(&longer, SEALED), Err(Malformed::Trailing(1)));
    let other = [&header(0xe1, A, 2, B)[..], b"\x00\x00"].concat();
    assert_eq!(Packet::parse(&other, SEALED), Err(Malformed::Version(Version(2))));
}

// A data packet may follow, for the same session, and nothing else.
// spec: 2.7, 5.3.7
#[test]
fn layout_of_ack() {
    for profile in [SEALED, PLAIN] {
        let ack = AckPacket { destination: A, source: B, message: b"message 3", data: None };
        let bytes = emitted(|buffer| ack.emit(profile, false, buffer));
        let version = profile.version().0;
        let expected = [&header(0xe2, A, version, B)[..], b"\x00\x09message 3"].concat();
        assert_eq!(bytes, if profile == PLAIN { summed(&expected) } else { expected });
        assert_eq!(bytes.len(), AckPacket::overhead(profile) + 9);
        assert_eq!(Packet::parse(&bytes, profile), Ok(Packet::Ack(ack)));
        let cut = &bytes[..bytes.len() - 1];
        assert_eq!(Packet::parse(cut, profile), Err(Malformed::Truncated));

        let behind = |destination| {
            let header = DataHeader { destination, number: 0, phase: false };
            [&header.bytes(0).unwrap()[..], &[1; 17]].concat()
        };
        let mut both = [&bytes[..], &behind(A)].concat();
        let Ok(Packet::Ack(parsed)) = Packet::parse(&both, profile) else { panic!() };
        assert_eq!(parsed.data.unwrap().header.number, 0);
        let (first, second) = packet::split_ack(&mut both, profile).unwrap();
        assert_eq!((first, &*second), (&bytes[..], &behind(A)[..]));

        let other = [&bytes[..], &behind(B)].concat();
        assert_eq!(Packet::parse(&other, profile), Err(Malformed::Destination));
        let twice = [&bytes[..], &bytes].concat();
        assert!(Packet::parse(&twice, profile).is_err());
        let longer = [&bytes[..], b"x"].concat();
        assert_eq!(Packet::parse(&longer, profile), Err(Malformed::Length(1)));
    }
}

// 5.5: a cookie of 1 to 64 bytes.
#[test]
fn layout_of_retry() {
    let packet = Retry { destination: A, initial: B, cookie: b"cookie" };
    let bytes = emitted(|buffer| packet.emit(SEALED, true, buffer));
    assert_eq!(bytes, [&header(0xf3, A, 1, B)[..], b"\x06cookie"].concat());
    assert_eq!(Packet::parse(&bytes, SEALED), Ok(Packet::Retry(packet)));
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(Packet::parse(&longer, SEALED), Err(Malformed::Trailing(1)));
    for len in [0, 65] {
        let cookie = vec![0; len];
        let mut bytes = header(0xe3, A, 1, B);
        bytes.push(u8::try_from(len).unwrap());
        bytes.extend(&cookie);
        assert_eq!(Packet::parse(&bytes, SEALED), Err(Malformed::Cookie(len)));
        let packet = Retry { cookie: &cookie, ..packet };
        assert_eq!(packet.emit(SEALED, false, &mut [0; 100]), Err(WriteError::Value));
    }
}

// 5.6: 1 to 16 versions; the same in every version (2.5), so without a sum.
#[test]
fn layout_of_version() {
    let syn = SynInvariant { initial: A, version: Version(7), source: B };
    let versions = [Version::ONE, Version(0x1a2a_3a4a)];
    let bytes = emitted(|buffer| packet::write_versions(&syn, &versions, false, buffer));
    assert_eq!(bytes, [&header(0xe4, B, 0, A)[..], b"\x00\x00\x00\x01\x1a\x2a\x3a\x4a"].concat());
    for profile in [SEALED, PLAIN] {
        let Ok(Packet::Version(packet)) = Packet::parse(&bytes, profile) else { panic!() };
        assert_eq!((packet.destination, packet.initial), (B, A));
        assert_eq!(packet.versions().collect::<Vec<_>>(), versions);
    }
    for len in [0, 17 * 4, 6] {
        let bytes = [header(0xe4, B, 0, A), vec![0; len]].concat();
        assert_eq!(Packet::parse(&bytes, SEALED), Err(Malformed::Length(21 + len)));
    }
    let bytes = [&header(0xe4, B, 1, A)[..], &[0; 4]].concat();
    assert_eq!(Packet::parse(&bytes, SEALED), Err(Malformed::Version(Version::ONE)));
    let none = packet::write_versions(&syn, &[], false, &mut [0; 100]);
    assert_eq!(none, Err(WriteError::Value));
}

// 10.2: exactly 25 bytes. 3.6: none in the plain profile.
#[test]
fn layout_of_reset() {
    let packet = Reset { id: A, token: [7; 16] };
    let bytes = emitted(|buffer| packet.emit(true, buffer));
    assert_eq!(bytes, [&[0xf5][..], &A.0, &[7; 16]].concat());
    assert_eq!(Packet::parse(&bytes, SEALED), Ok(Packet::Reset(packet)));
    assert_eq!(Packet::parse(&bytes, PLAIN), Err(Malformed::Reset));
    assert_eq!(Packet::parse(&bytes[..24], SEALED), Err(Malformed::Length(24)));
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(Packet::parse(&longer, SEALED), Err(Malformed::Length(26)));
}

// 5.7.1: what answers is shorter than what caused it.
#[test]
fn answers_are_shorter_than_their_cause() {
    let retry = Retry { destination: A, initial: B, cookie: &[0; packet::MAX_COOKIE] };
    assert!(emitted(|buffer| retry.emit(PLAIN, false, buffer)).len() < packet::MIN_SYN);
    assert!(Reset::LEN < 26 && Reset::LEN < SEALED.min_data_len());
    assert!(Reset::LEN < AckPacket::overhead(SEALED) + 16);
}

// 3.4: RFC 3720, appendix B.4.
#[test]
fn sums_of_the_rfc() {
    let ascending: Vec<u8> = (0..32).collect();
    let descending: Vec<u8> = (0..32).rev().collect();
    assert_eq!(checksum::crc32c(&[0; 32]).to_le_bytes(), [0xaa, 0x36, 0x91, 0x8a]);
    assert_eq!(checksum::crc32c(&[0xff; 32]).to_le_bytes(), [0x43, 0xab, 0xa8, 0x62]);
    assert_eq!(checksum::crc32c(&ascending).to_le_bytes(), [0x4e, 0x79, 0xdd, 0x46]);
    assert_eq!(checksum::crc32c(&descending).to_le_bytes(), [0x5c, 0xdb, 0x3f, 0x11]);
    assert_eq!(checksum::crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(checksum::strip(&summed(b"abc")), Some(&b"abc"[..]));
    assert_eq!(checksum::strip(b"abc"), None);
}

// 3.3 and 3.4: pattern 255; 1200 bytes include the sum; a wrong one is dropped.
#[test]
fn the_plain_profile_has_sums() {
    let syn = Syn { pattern: Pattern::Plain, suites: Suites(0), ..syn(b"") };
    let bytes = emitted(|buffer| syn.emit(false, buffer));
    assert_eq!(bytes.len(), 1_200);
    assert_eq!(Packet::parse(&bytes, PLAIN), Ok(Packet::Syn(syn)));
    let syn_ack = SynAck { destination: A, source: B, message: b"m" };
    let retry = Retry { destination: A, initial: B, cookie: b"c" };
    let syn_ack = emitted(|buffer| syn_ack.emit(PLAIN, false, buffer));
    let retry = emitted(|buffer| retry.emit(PLAIN, false, buffer));
    for bytes in [bytes, syn_ack, retry] {
        assert!(Packet::parse(&bytes, PLAIN).is_ok());
        // Not in the first byte, which may make it a data packet: its sum is for who opens it.
        for bit in bytes.len().saturating_sub(40).max(1) * 8..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Packet::parse(&damaged, PLAIN).is_err(), "bit {bit} of {}", bytes.len());
        }
    }
    // A pattern of the other profile.
    let mut bytes = header(0xe0, A, 0x8000_0001, B);
    bytes.resize(1_196, 0);
    assert_eq!(Packet::parse(&summed(&bytes), PLAIN), Err(Malformed::Pattern(0)));
}

fn id() -> impl Strategy<Value = ConnectionId> {
    any::<[u8; 8]>().prop_map(ConnectionId)
}

fn profile() -> impl Strategy<Value = Profile> {
    prop_oneof![Just(SEALED), Just(PLAIN)]
}

proptest! {
    #[test]
    fn any_bytes_never_panic(
        first in 0xc0..=0xff_u8,
        version in prop_oneof![Just(1_u32), Just(0x8000_0001), Just(0), any::<u32>()],
        rest in vec(any::<u8>(), 0..1_400),
        cut in 0..1_500_usize,
        profile in profile(),
    ) {
        let mut bytes = header(first, A, version, B);
        bytes.extend(rest);
        bytes.truncate(cut);
        for bytes in [&bytes[..], &summed(&bytes)] {
            let _ = Packet::parse(bytes, profile);
            let _ = packet::split_ack(&mut bytes.to_vec(), profile);
        }
    }

    #[test]
    fn syns_are_read_as_written(
        ids in (id(), id()),
        pattern in prop_oneof![
            Just(Pattern::Nx), Just(Pattern::Xx), Just(Pattern::NxPsk0), Just(Pattern::XxPsk0),
            Just(Pattern::Plain),
        ],
        suites: u8,
        cookie in vec(any::<u8>(), 0..=64),
        message in vec(any::<u8>(), 0..1_500),
        random: bool,
    ) {
        let (initial, source) = ids;
        let (cookie, message) = (&cookie[..], &message[..]);
        let syn = Syn { initial, source, pattern, suites: Suites(suites), cookie, message };
        let bytes = emitted(|buffer| syn.emit(random, buffer));
        prop_assert!(bytes.len() >= 1_200);
        prop_assert_eq!(Packet::parse(&bytes, syn.profile()), Ok(Packet::Syn(syn)));
    }

    #[test]
    fn answers_are_read_as_written(
        ids in (id(), id()),
        profile in profile(),
        random: bool,
        message in vec(any::<u8>(), 0..1_500),
        cookie in vec(any::<u8>(), 1..=64),
        token: [u8; 16],
    ) {
        let (destination, other) = ids;
        let (message, cookie) = (&message[..], &cookie[..]);
        let syn_ack = SynAck { destination, source: other, message };
        let bytes = emitted(|buffer| syn_ack.emit(profile, random, buffer));
        prop_assert_eq!(Packet::parse(&bytes, profile), Ok(Packet::SynAck(syn_ack)));
        let ack = AckPacket { destination, source: other, message, data: None };
        let bytes = emitted(|buffer| ack.emit(profile, random, buffer));
        prop_assert_eq!(Packet::parse(&bytes, profile), Ok(Packet::Ack(ack)));
        let retry = Retry { destination, initial: other, cookie };
        let bytes = emitted(|buffer| retry.emit(profile, random, buffer));
        prop_assert_eq!(Packet::parse(&bytes, profile), Ok(Packet::Retry(retry)));
        let reset = Reset { id: destination, token };
        let bytes = emitted(|buffer| reset.emit(random, buffer));
        prop_assert_eq!(Packet::parse(&bytes, SEALED), Ok(Packet::Reset(reset)));
    }

    #[test]
    fn data_headers_are_read_as_written(
        destination in id(),
        number in 0..=packet::MAX_PACKET_NUMBER,
        phase: bool,
        random: u8,
    ) {
        let header = DataHeader { destination, number, phase };
        prop_assert_eq!(DataHeader::read(&header.bytes(random).unwrap()), Some(header));
    }

    #[test]
    fn sums_are_those_of_the_definition(bytes in vec(any::<u8>(), 0..100)) {
        let sum = bytes.iter().fold(!0_u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                (sum >> 1) ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 }
            })
        });
        prop_assert_eq!(checksum::crc32c(&bytes), !sum);
    }
}
