//! Anything corrupt, invalid or unexpected: no answer, and no effect on the timer.
//! The packets are those that existing peers are known to send, and some more.

use core::time::Duration;

use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Got, Raw, Shop, classic_client, client_address};
use rushb::{Outcome, Server, ServerConfig};

use crate::record::record;

const RTO: Duration = Duration::from_secs(4);

type Make = fn(u16, u16) -> Raw;

/// Datagrams that are no packets, or whose flags no packet has.
fn no_packets(flags: u16) -> Vec<Vec<u8>> {
    let short = (0..=4).map(|len| vec![0; len]);
    let wrong_length = [8, 1_471, 1_473, 4_000].map(|len| {
        let mut bytes = Raw::dat_ack(2, 1).with(flags).bytes();
        bytes.resize(len, 0);
        bytes
    });
    let legal = [0x20, 0x10, 0x90, 0x50, 0x08, 0x88, 0x48].map(|high: u16| high << 8);
    let illegal = (0..32).map(|kind: u16| kind << 11).filter(move |kind| !legal.contains(kind));
    let illegal = illegal.map(move |kind| Raw { flags: kind | 2 | flags, ..Raw::dat_ack(2, 1) });
    let version = (0..8).filter(|version| *version != 2);
    let version =
        version.map(move |version| Raw { flags: 0x9000 | version | flags, ..Raw::dat_ack(2, 1) });
    let reserved =
        (3..9).map(move |bit| Raw { flags: 0x9002 | 1 << bit | flags, ..Raw::dat_ack(2, 1) });
    let raws = illegal.chain(version).chain(reserved).map(|raw| raw.bytes());
    short.chain(wrong_length).chain(raws).collect()
}

/// What a session with `flags` does not take while it waits for the answer to its packet `number`,
/// which is to be the client's packet `number` + 1.
fn unexpected(number: u16, data: bool, flags: u16) -> Vec<Raw> {
    let (ack, nak, other_ack, other_nak): (Make, Make, Make, Make) = if data {
        (Raw::dat_ack, Raw::dat_nak, Raw::fin_ack, Raw::fin_nak)
    } else {
        (Raw::fin_ack, Raw::fin_nak, Raw::dat_ack, Raw::dat_nak)
    };
    let next = number + 1;
    let mut raws = vec![
        Raw::get("x"),
        Raw::get("y"),
        Raw { sequence: next, ..Raw::get("x") },
        Raw::dat(next, b"text"),
        Raw::fin(next),
        other_ack(next, number),
        other_nak(next, number),
    ];
    for make in [ack, nak] {
        raws.extend([
            make(next + 1, number),
            make(next - 1, number),
            make(next, number + 1),
            make(next, number - 1),
            make(next, 0),
            make(999, number),
            Raw { payload: b"x".to_vec(), ..make(next, number) },
        ]);
    }
    let mut raws: Vec<Raw> = raws.into_iter().map(|raw| raw.with(flags)).collect();
    for wrong in [0, Raw::CHK, Raw::ENC, Raw::CHK | Raw::ENC] {
        if wrong != flags {
            raws.extend([ack(next, number).with(wrong), nak(next, number).with(wrong)]);
        }
    }
    for make in [ack, nak] {
        raws.extend(
            [1, 0x1234].map(|sum| Raw { checksum: Some(sum), ..make(next, number).with(flags) }),
        );
    }
    raws
}

/// Sends all of it over the 4 seconds of the timer, which must not care.
fn bombard(hand: &mut Hand<Server, Shop>, raws: Vec<Raw>, flags: u16, expected: &Raw) {
    let packets: Vec<Vec<u8>> =
        raws.into_iter().map(|raw| raw.bytes()).chain(no_packets(flags)).collect();
    let count = u32::try_from(packets.len()).expect("few packets");
    let pause = RTO / (count + 1);
    for packet in packets {
        hand.silence(pause);
        hand.ignored(packet);
    }
    hand.expect_after(RTO.saturating_sub(pause * count), expected.clone());
}

fn nonsense_is_ignored(name: &str, flags: u16) {
    let config = ServerConfig { tries: 100, ..ServerConfig::classic() };
    let mut hand = Hand::client(Shop::new().with("x", *b"text"), config);
    let with = |raw: Raw| raw.with(flags);
    let dat = with(Raw::dat(1, b"text"));
    hand.ask(with(Raw::get("x")), dat.clone());
    bombard(&mut hand, unexpected(1, true, flags), flags, &dat);
    let fin = with(Raw::fin(2));
    hand.ask(with(Raw::dat_ack(2, 1)), fin.clone());
    bombard(&mut hand, unexpected(2, false, flags), flags, &fin);
    hand.ask(with(Raw::fin_ack(3, 2)), with(Raw::fin_ack(3, 3)));
    for raw in unexpected(2, false, flags) {
        if raw.flags & 0x2000 == 0 {
            hand.ignored(raw);
        }
    }
    assert_eq!(hand.shop().outcomes(), [Outcome::Delivered]);
    hand.finish();
    record(name, &hand.world);
}

#[test]
fn a_plain_session_ignores_nonsense() {
    nonsense_is_ignored("nonsense", 0);
}

#[test]
fn a_session_with_chk_ignores_nonsense() {
    nonsense_is_ignored("nonsense, CHK", Raw::CHK);
}

#[test]
fn a_session_with_enc_ignores_nonsense() {
    nonsense_is_ignored("nonsense, ENC", Raw::ENC);
}

#[test]
fn a_session_with_both_ignores_nonsense() {
    nonsense_is_ignored("nonsense, both", Raw::CHK | Raw::ENC);
}

#[test]
fn a_flood_of_strangers_leaves_no_trace() {
    let mut hand = Hand::client(Shop::new().with("x", *b"text"), ServerConfig::classic());
    hand.ask(Raw::get("x"), Raw::dat(1, b"text"));
    for stranger in 1..1_000 {
        hand.send_from(client_address(stranger), Raw::fin_ack(999, 999));
        hand.send_from(client_address(stranger), Raw::dat_ack(2, 1));
    }
    assert_eq!(hand.world.machine(hand.ours).remembered_sessions(), 1);
    assert_eq!(hand.world.packets_sent(), 2);
    hand.expect_after(RTO, Raw::dat(1, b"text"));
    hand.finish();
    record("strangers", &hand.world);
}

#[test]
fn a_get_that_is_damaged_or_not_the_first_opens_nothing() {
    let mut hand = Hand::client(Shop::new().with("x", *b"text"), ServerConfig::classic());
    hand.ignored(Raw { checksum: Some(1), ..Raw::get("x").with(Raw::CHK) });
    hand.ignored(Raw { checksum: Some(1), ..Raw::get("x") });
    hand.ignored(Raw { sequence: 2, ..Raw::get("x") });
    hand.ignored(Raw { sequence: 0, ..Raw::get("x") });
    hand.ignored(Raw { acknowledgement: 1, ..Raw::get("x") });
    assert_eq!(hand.world.machine(hand.ours).remembered_sessions(), 0);
    hand.finish();
    record("no session", &hand.world);
}

#[test]
fn a_client_ignores_what_its_server_would_not_send() {
    let mut hand = Hand::server("x", classic_client(0));
    hand.expect(Raw::get("x"));
    hand.ignored(Raw::dat(2, b"early"));
    hand.ignored(Raw::dat(0, b"late"));
    hand.ignored(Raw::fin_ack(1, 1));
    hand.ignored(Raw::dat(1, b"never asked for").with(Raw::CHK));
    hand.ignored(Raw { acknowledgement: 1, ..Raw::dat(1, b"text") });
    for datagram in no_packets(0) {
        hand.ignored(datagram);
    }
    hand.send_from(client_address(9), Raw::dat(1, b"forged"));
    hand.silence(Duration::ZERO);
    hand.expect_after(RTO, Raw::get("x"));
    hand.ask(Raw::dat(1, b"text"), Raw::dat_ack(2, 1));
    hand.ignored(Raw::fin(3));
    hand.ignored(Raw::fin(2).with(Raw::CHK));
    hand.ask(Raw::fin(2), Raw::fin_ack(3, 2));
    hand.ignored(Raw::fin_ack(3, 2));
    hand.ignored(Raw::fin_ack(2, 3));
    hand.ignored(Raw::fin_ack(3, 3));
    assert_eq!(hand.download().got(b"text"), Got::Exact);
    assert!(hand.world.machine(hand.ours).is_done());
    record("nonsense for the client", &hand.world);
}
