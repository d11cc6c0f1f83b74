//! What is not there, or has no sensible name, is answered with \[FIN\] 1 at once.
//! The closing handshake follows as ever.

use core::time::Duration;

use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Got, Raw, Shop, classic_client};
use rushb::{Failure, Outcome, ServerConfig};

use crate::record::record;

/// Asks with `get`, and goes through the closing handshake.
fn refused(name: &str, get: Raw, outcome: Outcome) {
    let flags = get.flags & (Raw::CHK | Raw::ENC);
    let mut hand = Hand::client(Shop::new().with("x", *b"text"), ServerConfig::classic());
    hand.ask(get, Raw::fin(1).with(flags));
    hand.expect_after(Duration::from_secs(4), Raw::fin(1).with(flags));
    hand.ask(Raw::fin_ack(2, 1).with(flags), Raw::fin_ack(2, 2).with(flags));
    assert_eq!(hand.shop().outcomes(), [outcome]);
    hand.finish();
    record(name, &hand.world);
}

#[test]
fn a_missing_resource() {
    refused("missing", Raw::get("y"), Outcome::Refused);
}

#[test]
fn a_name_that_is_no_text() {
    let get = Raw { payload: b"x\xff\xfe".to_vec(), ..Raw::get("") };
    refused("no text", get, Outcome::BadName);
}

#[test]
fn a_name_with_a_zero_byte_inside() {
    refused("zero byte inside", Raw::get("x\0x"), Outcome::BadName);
}

#[test]
fn no_name() {
    refused("no name", Raw::get(""), Outcome::BadName);
}

#[test]
fn a_name_that_has_no_code_under_enc() {
    let mut get = Raw::get("").with(Raw::ENC | Raw::CHK);
    get.payload = vec![0x69, 249];
    refused("no code", get, Outcome::BadName);
}

#[test]
fn the_client_reports_a_refusal_and_closes() {
    let mut hand = Hand::server("y", classic_client(0));
    hand.expect(Raw::get("y"));
    hand.ask(Raw::fin(1), Raw::fin_ack(2, 1));
    assert_eq!(hand.download().got(b""), Got::Error(Failure::Refused));
    hand.ignored(Raw::fin_ack(2, 2));
    assert!(hand.world.machine(hand.ours).is_done());
    record("client is refused", &hand.world);
}

#[test]
fn the_longest_name_fills_the_payload() {
    let name = "n".repeat(1_464);
    let mut hand = Hand::client(Shop::new().with(&name, *b"text"), ServerConfig::classic());
    hand.ask(Raw::get(&name), Raw::dat(1, b"text"));
    hand.finish();
    record("longest name", &hand.world);
}
