//! The client's own timer: it repeats its \[GET\] and its acknowledgements, and gives up in the end.
//! A server that repeats itself has missed the acknowledgement, and gets it again at once.

use core::time::Duration;

use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Got, Raw, classic_client};
use rushb::{ClientConfig, Failure};

use crate::record::record;

const RTO: Duration = Duration::from_secs(4);

#[test]
fn a_client_repeats_its_get() {
    let mut hand = Hand::server("x", classic_client(0));
    hand.expect(Raw::get("x"));
    hand.expect_after(RTO, Raw::get("x"));
    hand.expect_after(RTO, Raw::get("x"));
    hand.ask(Raw::dat(1, b"text"), Raw::dat_ack(2, 1));
    hand.finish();
    record("GET again", &hand.world);
}

#[test]
fn a_client_repeats_its_acknowledgement() {
    let mut hand = Hand::server("x", classic_client(0));
    hand.expect(Raw::get("x"));
    hand.ask(Raw::dat(1, b"text"), Raw::dat_ack(2, 1));
    hand.expect_after(RTO, Raw::dat_ack(2, 1));
    hand.ask(Raw::dat(1, b"text"), Raw::dat_ack(2, 1));
    hand.ask(Raw::dat(2, b"more"), Raw::dat_ack(3, 2));
    hand.ask(Raw::dat(2, b"more"), Raw::dat_ack(3, 2));
    hand.ask(Raw::fin(3), Raw::fin_ack(4, 3));
    hand.ask(Raw::fin(3), Raw::fin_ack(4, 3));
    hand.finish();
    record("acknowledgement again", &hand.world);
}

#[test]
fn a_client_gives_up_without_an_answer() {
    let mut hand = Hand::server("x", ClientConfig { tries: 3, ..classic_client(0) });
    hand.wait(RTO * 3);
    hand.expect_all([Raw::get("x"), Raw::get("x"), Raw::get("x")]);
    assert_eq!(hand.download().got(b""), Got::Error(Failure::NoAnswer));
    hand.finish();
    record("no answer", &hand.world);
}

#[test]
fn a_client_gives_up_in_mid_transfer() {
    let mut hand = Hand::server("x", classic_client(0));
    hand.send(Raw::dat(1, &[7; 1_464]));
    hand.send(Raw::dat(2, b"text"));
    hand.finish();
    assert_eq!(hand.download().got(b""), Got::Error(Failure::NoAnswer));
    record("no more", &hand.world);
}

#[test]
fn a_client_tells_damage_from_silence() {
    let mut hand = Hand::server("x", classic_client(Raw::CHK));
    for _ in 0..20 {
        hand.send(Raw { checksum: Some(1), ..Raw::dat(1, b"text").with(Raw::CHK) });
        hand.wait(Duration::from_secs(1));
    }
    hand.finish();
    assert_eq!(hand.download().got(b""), Got::Error(Failure::Corrupt));
    record("damage only", &hand.world);
}

#[test]
fn a_server_that_repeats_itself_for_ever_does_not_hold_the_client() {
    let mut hand = Hand::server("x", classic_client(0));
    for _ in 0..300 {
        hand.send(Raw::dat(1, b"text"));
        hand.wait(Duration::from_millis(200));
    }
    assert!(hand.world.machine(hand.ours).is_done());
    assert_eq!(hand.download().got(b""), Got::Error(Failure::NoAnswer));
    record("the same for ever", &hand.world);
}
