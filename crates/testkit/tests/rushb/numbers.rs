//! Sequence and acknowledgement numbers: who counts what, where counting starts and where it wraps.
//! Every packet but a retransmission takes the next number of its side.

use core::time::Duration;

use rudp_sim::LinkConfig;
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Got, Raw, Scene, Shop, classic_client};
use rushb::{ClientConfig, Outcome, ServerConfig};

use crate::record::record;

#[test]
fn a_nak_takes_the_next_number_and_a_retransmission_keeps_its_own() {
    let mut hand = Hand::client(Shop::new().with("x", *b"text"), ServerConfig::classic());
    hand.ask(Raw::get("x"), Raw::dat(1, b"text"));
    hand.ask(Raw::dat_nak(2, 1), Raw::dat(1, b"text"));
    hand.ignored(Raw::dat_ack(2, 1));
    hand.ask(Raw::dat_ack(3, 1), Raw::fin(2));
    hand.ask(Raw::fin_nak(4, 2), Raw::fin(2));
    hand.ask(Raw::fin_ack(5, 2), Raw::fin_ack(3, 5));
    hand.finish();
    record("server and NAKs", &hand.world);
}

#[test]
fn the_clients_naks_take_the_next_number() {
    let mut hand = Hand::server("x", classic_client(Raw::CHK));
    let chk = |raw: Raw| raw.with(Raw::CHK);
    let broken = |raw: Raw| Raw { checksum: Some(7), ..raw.with(Raw::CHK) };
    hand.expect(chk(Raw::get("x")));
    hand.ask(broken(Raw::dat(1, b"text")), chk(Raw::dat_nak(2, 1)));
    hand.ask(broken(Raw::dat(1, b"text")), chk(Raw::dat_nak(3, 1)));
    hand.ask(chk(Raw::dat(1, b"text")), chk(Raw::dat_ack(4, 1)));
    hand.ask(broken(Raw::fin(2)), chk(Raw::fin_nak(5, 2)));
    hand.ask(chk(Raw::fin(2)), chk(Raw::fin_ack(6, 2)));
    hand.ignored(chk(Raw::fin_ack(3, 6)));
    assert_eq!(hand.download().got(b"text"), Got::Exact);
    assert!(hand.world.machine(hand.ours).is_done());
    record("client and NAKs", &hand.world);
}

#[test]
fn a_new_get_from_the_same_address_starts_over() {
    let shop = Shop::new().with("x", *b"first").with("y", *b"second");
    let mut hand = Hand::client(shop, ServerConfig::classic());
    for (name, text) in [("x", &b"first"[..]), ("y", b"second"), ("x", b"first")] {
        hand.ask(Raw::get(name), Raw::dat(1, text));
        hand.ask(Raw::dat_ack(2, 1), Raw::fin(2));
        hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    }
    assert_eq!(hand.shop().outcomes(), [Outcome::Delivered; 3]);
    assert_eq!(hand.world.machine(hand.ours).remembered_sessions(), 1);
    hand.finish();
    record("port used again", &hand.world);
}

#[test]
fn after_65535_comes_0() {
    let text = file(Alphabet::Bytes, 65_540 * 1_464);
    let mut chunks = text.chunks(1_464);
    let shop = Shop::new().with("x", text.clone());
    let mut hand = Hand::client(shop, ServerConfig::classic());
    hand.send(Raw::get("x"));
    let mut number = 1_u16;
    for chunk in &mut chunks {
        hand.expect(Raw::dat(number, chunk));
        hand.send(Raw::dat_ack(number.wrapping_add(1), number));
        number = number.wrapping_add(1);
    }
    assert_eq!(number, 5);
    hand.expect(Raw::fin(5));
    hand.ask(Raw::fin_ack(6, 5), Raw::fin_ack(6, 6));
    hand.finish();
    record("wrap by hand", &hand.world);
}

/// A file of more packets than there are numbers, over `link`.
fn wraps(name: &str, flags: u16, link: LinkConfig) {
    let text = file(Alphabet::Encodable, 65_600 * 1_464 + 7);
    let shop = Shop::new().with("x", text.clone());
    let mut scene = Scene::new(65_536, shop, ServerConfig::default());
    let config = ClientConfig { options: Raw::options(flags), ..ClientConfig::default() };
    scene.download("x", config, link);
    scene.run();
    assert_eq!(scene.got(0, &text), Got::Exact);
    record(name, &scene.world);
}

#[test]
fn numbers_wrap_on_a_clean_link() {
    wraps("wrap, clean", 0, LinkConfig::delay(Duration::from_millis(5)));
}

#[test]
fn numbers_wrap_on_a_lossy_link() {
    let link = LinkConfig { loss: 0.02, ..LinkConfig::delay(Duration::from_millis(5)) };
    wraps("wrap, lossy", Raw::CHK, link);
}

#[test]
fn numbers_wrap_where_packets_are_lost_copied_and_late() {
    let link = LinkConfig {
        loss: 0.01,
        duplicate: 0.05,
        reorder: 0.05,
        reorder_by: Duration::from_millis(300),
        ..LinkConfig::delay(Duration::from_millis(5))
    };
    wraps("wrap, all faults", Raw::CHK | Raw::ENC, link);
}
