//! Files of all awkward sizes: empty, one byte, multiples of a payload, zeros at their end.
//! The length is not on the wire, so the padding decides.

use rudp_sim::LinkConfig;
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Got, Raw, Scene, Shop, classic_client};
use rushb::ServerConfig;

use crate::record::record;

#[test]
fn an_empty_file_is_one_dat_of_zeros() {
    let mut hand = Hand::client(Shop::new().with("x", *b""), ServerConfig::classic());
    hand.ask(Raw::get("x"), Raw::dat(1, b""));
    hand.ask(Raw::dat_ack(2, 1), Raw::fin(2));
    hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    hand.finish();
    record("empty file", &hand.world);
}

#[test]
fn a_multiple_of_a_payload_sends_no_extra_packet() {
    for packets in 1..4_u16 {
        let text = file(Alphabet::Bytes, usize::from(packets) * 1_464);
        let shop = Shop::new().with("x", text.clone());
        let mut hand = Hand::client(shop, ServerConfig::classic());
        hand.send(Raw::get("x"));
        for (number, chunk) in (1..).zip(text.chunks(1_464)) {
            hand.expect(Raw::dat(number, chunk));
            hand.send(Raw::dat_ack(number + 1, number));
        }
        hand.expect(Raw::fin(packets + 1));
        hand.finish();
        record("multiple of a payload", &hand.world);
    }
}

#[test]
fn a_client_accepts_an_extra_empty_packet() {
    let text = file(Alphabet::Bytes, 1_464);
    let mut hand = Hand::server("x", classic_client(0));
    hand.expect(Raw::get("x"));
    hand.ask(Raw::dat(1, &text), Raw::dat_ack(2, 1));
    hand.ask(Raw::dat(2, b""), Raw::dat_ack(3, 2));
    hand.ask(Raw::fin(3), Raw::fin_ack(4, 3));
    assert_eq!(hand.download().got(&text), Got::Exact);
    hand.finish();
    record("extra packet", &hand.world);
}

#[test]
fn all_sizes_around_a_payload_arrive() {
    let sizes = [0, 1, 2, 1_463, 1_464, 1_465, 2_927, 2_928, 2_929, 14_640, 100_000];
    for (seed, size) in (0..).zip(sizes) {
        let text = file(Alphabet::Bytes, size);
        let shop = Shop::new().with("x", text.clone());
        let mut scene = Scene::pair(seed, shop, "x", LinkConfig::default());
        scene.run();
        assert_eq!(scene.got(0, &text), Got::Exact, "{size} bytes");
        record("sizes", &scene.world);
    }
}

#[test]
fn zeros_arrive_but_for_those_at_the_end() {
    let mut text = vec![0; 3 * 1_464];
    text[0] = 1;
    text[2 * 1_464 + 9] = 1;
    let shop = Shop::new().with("x", text.clone());
    let mut scene = Scene::pair(1, shop, "x", LinkConfig::default());
    scene.run();
    assert_eq!(scene.got(0, &text[..2 * 1_464 + 10]), Got::Exact);
    record("zeros", &scene.world);
}
