//! Any datagrams in any order at any time: no panic, the machines' law kept, bounds kept.
//! In the end everything is forgotten.

use core::net::SocketAddr;
use core::time::Duration;

use proptest::prelude::*;
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Raw, Shop, client_address, server_address};
use rushb::{ClientConfig, ServerConfig};

/// A datagram, who sends it, and how long after the one before.
#[derive(Clone, Debug)]
struct Spoonful {
    sender: u32,
    bytes: Vec<u8>,
    pause: Duration,
}

/// Numbers that often fit a young session, and sometimes are anything.
fn numbers() -> impl Strategy<Value = u16> {
    prop_oneof![8 => 0..6_u16, 1 => any::<u16>()]
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => Just(b"x".to_vec()),
        2 => Just(Vec::new()),
        1 => Just(b"missing".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

/// Packets of every legal kind with fields of all sorts.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let kinds = vec![0x2002, 0x2002, 0x1002, 0x9002, 0x9002, 0x5002, 0x0802, 0x8802, 0x4802_u16];
    let kinds = proptest::sample::select(kinds);
    let options = proptest::sample::select(&[0, 0, 0, Raw::CHK, Raw::ENC, Raw::CHK | Raw::ENC][..]);
    let sums = prop_oneof![9 => Just(None), 1 => any::<u16>().prop_map(Some)];
    (kinds, options, numbers(), numbers(), sums, names()).prop_map(
        |(kind, options, sequence, acknowledgement, checksum, name)| {
            let acknowledges = kind & 0xc000 != 0;
            let carries = kind & 0xc800 == 0;
            let payload = if carries { name } else { Vec::new() };
            let acknowledgement = if acknowledges { acknowledgement } else { 0 };
            let sequence = if kind == 0x2002 { sequence.min(1) } else { sequence };
            let raw = Raw { sequence, acknowledgement, flags: kind, checksum, payload };
            raw.with(options).bytes()
        },
    )
}

fn datagrams() -> impl Strategy<Value = Vec<u8>> {
    let damaged = (packets(), any::<usize>(), any::<u8>()).prop_map(|(mut bytes, at, noise)| {
        let at = at % bytes.len();
        bytes[at] ^= noise;
        bytes
    });
    let truncated = (packets(), 0..1_472_usize).prop_map(|(mut bytes, len)| {
        bytes.truncate(len);
        bytes
    });
    prop_oneof![
        8 => packets(),
        1 => damaged,
        1 => truncated,
        1 => proptest::collection::vec(any::<u8>(), 0..2_000),
    ]
}

fn soup() -> impl Strategy<Value = Vec<Spoonful>> {
    let pauses = prop_oneof![4 => 0..10_u64, 1 => 0..5_000_u64].prop_map(Duration::from_millis);
    let spoonfuls = (0..6_u32, datagrams(), pauses);
    let spoonfuls = spoonfuls.prop_map(|(sender, bytes, pause)| Spoonful { sender, bytes, pause });
    proptest::collection::vec(spoonfuls, 0..80)
}

proptest! {
    #[test]
    fn a_server_survives_any_soup(soup in soup(), classic: bool, len in 0..5_000_usize) {
        let base = if classic { ServerConfig::classic() } else { ServerConfig::default() };
        let config = ServerConfig {
            max_sessions: 4,
            max_unanswered: 3,
            max_sessions_per_address: 2,
            max_in_flight: 2,
            ..base
        };
        let shop = Shop::new().with("x", file(Alphabet::Encodable, len));
        let mut hand = Hand::client(shop, config);
        for Spoonful { sender, bytes, pause } in soup {
            // Pairs of senders share an address.
            let ip = client_address(sender / 2).ip();
            let port = 5_000 + u16::try_from(sender % 2).expect("0 or 1");
            hand.send_from(SocketAddr::new(ip, port), bytes);
            let server = hand.world.machine(hand.ours);
            prop_assert!(server.remembered_sessions() <= 4);
            hand.wait(pause);
        }
        hand.finish();
        let ended = hand.shop().ended.len();
        prop_assert_eq!(ended, hand.shop().requested.len() + bad_names(&hand));
    }

    #[test]
    fn a_client_survives_any_soup(soup in soup(), checksum: bool, encoding: bool) {
        let options = rushb::wire::Options { checksum, encoding };
        let config = ClientConfig { options, ..ClientConfig::default() };
        let mut hand = Hand::server("x", config);
        for Spoonful { sender, bytes, pause } in soup {
            let stranger = sender == 5;
            let from = if stranger { client_address(9) } else { server_address() };
            hand.send_from(from, bytes);
            hand.wait(pause);
        }
        hand.finish();
        prop_assert!(hand.download().end.is_some());
    }
}

/// Sessions that ended without having been offered to the shop.
fn bad_names(hand: &Hand<rushb::Server, Shop>) -> usize {
    let offered = &hand.shop().requested;
    hand.shop().ended.iter().filter(|(session, ..)| !offered.contains(session)).count()
}
