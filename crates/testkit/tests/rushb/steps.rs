//! The seven steps of the simple session, each compared byte by byte with the document.
//! Both sides are played against a peer that knows nothing of our code.

use core::time::Duration;

use rudp_sim::{LinkConfig, What};
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Download, Got, Raw, Scene, Shop, classic_client, server_address};
use rushb::{Client, Outcome, Server, ServerConfig};

use crate::record::record;

const NAME: &str = "file.txt";

/// Two packets.
fn text() -> Vec<u8> {
    file(Alphabet::Bytes, 2_000)
}

fn by_hand() -> Hand<Server, Shop> {
    Hand::client(Shop::new().with(NAME, text()), ServerConfig::classic())
}

/// A client that has sent its \[GET\].
fn client() -> Hand<Client, Download> {
    let mut hand = Hand::server(NAME, classic_client(0));
    hand.expect(Raw::get(NAME));
    hand
}

#[test]
fn step_1_the_client_sends_get_with_sequence_number_1() {
    let mut hand = Hand::server(NAME, classic_client(0));
    let received = hand.take();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].bytes.len(), 1_472);
    assert_eq!(received[0].bytes[..8], [0, 1, 0, 0, 0, 0, 0b0010_0000, 0b0000_0010]);
    record("step 1", &hand.world);
}

#[test]
fn step_2_its_payload_is_the_name_and_zeros() {
    let mut hand = Hand::server(NAME, classic_client(0));
    let received = hand.take();
    let (name, padding) = received[0].bytes[8..].split_at(NAME.len());
    assert_eq!(name, b"file.txt");
    assert_eq!(padding, [0; 1_456]);
    record("step 2", &hand.world);
}

#[test]
fn step_3_the_server_sends_dat_one_at_a_time_from_sequence_number_1() {
    let (text, mut hand) = (text(), by_hand());
    hand.ask(Raw::get(NAME), Raw::dat(1, &text[..1_464]));
    hand.silence(Duration::from_secs(3));
    hand.ask(Raw::dat_ack(2, 1), Raw::dat(2, &text[1_464..]));
    hand.silence(Duration::from_secs(3));
    hand.finish();
    record("step 3", &hand.world);
}

#[test]
fn step_4_the_client_answers_each_with_dat_ack() {
    let (text, mut hand) = (text(), client());
    hand.ask(Raw::dat(1, &text[..1_464]), Raw::dat_ack(2, 1));
    hand.ask(Raw::dat(2, &text[1_464..]), Raw::dat_ack(3, 2));
    hand.finish();
    record("step 4", &hand.world);
}

#[test]
fn step_5_after_the_last_dat_ack_the_server_sends_fin() {
    let mut hand = by_hand();
    hand.send(Raw::get(NAME));
    hand.send(Raw::dat_ack(2, 1));
    hand.take();
    hand.ask(Raw::dat_ack(3, 2), Raw::fin(3));
    hand.finish();
    record("step 5", &hand.world);
}

#[test]
fn step_6_the_client_answers_with_fin_ack() {
    let (text, mut hand) = (text(), client());
    hand.send(Raw::dat(1, &text[..1_464]));
    hand.send(Raw::dat(2, &text[1_464..]));
    hand.take();
    hand.ask(Raw::fin(3), Raw::fin_ack(4, 3));
    assert_eq!(hand.download().got(&text), Got::Exact);
    hand.finish();
    record("step 6", &hand.world);
}

#[test]
fn step_7_the_server_sends_fin_ack_and_the_session_is_closed() {
    let mut hand = by_hand();
    hand.send(Raw::get(NAME));
    hand.send(Raw::dat_ack(2, 1));
    hand.send(Raw::dat_ack(3, 2));
    hand.take();
    hand.ask(Raw::fin_ack(4, 3), Raw::fin_ack(4, 4));
    assert_eq!(hand.world.machine(hand.ours).open_sessions(), 0);
    assert_eq!(hand.shop().outcomes(), [Outcome::Delivered]);
    hand.finish();
    record("step 7, server", &hand.world);

    let mut hand = client();
    hand.send(Raw::dat(1, b"text"));
    hand.send(Raw::fin(2));
    hand.take();
    assert!(!hand.world.machine(hand.ours).is_done());
    hand.ignored(Raw::fin_ack(3, 3));
    assert!(hand.world.machine(hand.ours).is_done());
    record("step 7, client", &hand.world);
}

#[test]
fn both_sides_together_send_just_these_packets() {
    let text = text();
    let shop = Shop::new().with(NAME, text.clone());
    let mut scene = Scene::new(1, shop, ServerConfig::classic());
    scene.download(NAME, classic_client(0), LinkConfig::delay(Duration::from_millis(9)));
    scene.world.record_trace(true);
    scene.run();
    assert_eq!(scene.got(0, &text), Got::Exact);
    let trace = scene.world.trace();
    let sent = trace.records().iter().filter(|record| record.what == What::Sent);
    let sent: Vec<(bool, &[u8])> =
        sent.map(|record| (record.from == server_address(), trace.payload(record))).collect();
    let expected = [
        (false, Raw::get(NAME)),
        (true, Raw::dat(1, &text[..1_464])),
        (false, Raw::dat_ack(2, 1)),
        (true, Raw::dat(2, &text[1_464..])),
        (false, Raw::dat_ack(3, 2)),
        (true, Raw::fin(3)),
        (false, Raw::fin_ack(4, 3)),
        (true, Raw::fin_ack(4, 4)),
    ];
    assert_eq!(sent.len(), expected.len());
    for (index, (sent, (by_server, raw))) in sent.into_iter().zip(expected).enumerate() {
        assert!(sent == (by_server, &raw.bytes()[..]), "packet {}", index + 1);
    }
    record("all steps", &scene.world);
}
