//! When the server sends a packet again, and when it stops.
//! Without an answer after its timer, at once for a NAK, and not for ever.

use core::time::Duration;

use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Raw, Shop};
use rushb::{Outcome, Rto, Server, ServerConfig};

use crate::record::record;

const RTO: Duration = Duration::from_secs(4);
const MS: Duration = Duration::from_millis(1);

fn hand(config: ServerConfig) -> Hand<Server, Shop> {
    let mut hand = Hand::client(Shop::new().with("x", *b"text"), config);
    hand.ask(Raw::get("x"), Raw::dat(1, b"text"));
    hand
}

#[test]
fn a_classic_server_sends_again_after_just_4_seconds() {
    let mut hand = hand(ServerConfig::classic());
    hand.expect_after(RTO, Raw::dat(1, b"text"));
    hand.expect_after(RTO, Raw::dat(1, b"text"));
    hand.ask(Raw::dat_ack(2, 1), Raw::fin(2));
    hand.expect_after(RTO, Raw::fin(2));
    hand.expect_after(RTO, Raw::fin(2));
    hand.finish();
    record("4 seconds", &hand.world);
}

#[test]
fn a_nak_is_answered_at_once_and_restarts_the_timer() {
    let mut hand = hand(ServerConfig::classic());
    hand.silence(RTO / 2);
    hand.ask(Raw::dat_nak(2, 1), Raw::dat(1, b"text"));
    hand.expect_after(RTO, Raw::dat(1, b"text"));
    hand.ask(Raw::dat_ack(3, 1), Raw::fin(2));
    hand.silence(RTO / 2);
    hand.ask(Raw::fin_nak(4, 2), Raw::fin(2));
    hand.expect_after(RTO, Raw::fin(2));
    hand.finish();
    record("NAK restarts the timer", &hand.world);
}

#[test]
fn an_adaptive_timer_starts_at_a_second_and_doubles_to_its_maximum() {
    let mut hand = hand(ServerConfig::default());
    hand.ask(Raw::dat_nak(2, 1), Raw::dat(1, b"text"));
    hand.expect_after(MS * 1_000, Raw::dat(1, b"text"));
    hand.expect_after(MS * 2_000, Raw::dat(1, b"text"));
    hand.expect_after(MS * 4_000, Raw::dat(1, b"text"));
    hand.expect_after(MS * 4_000, Raw::dat(1, b"text"));
    hand.silence(MS * 4_000);
    assert_eq!(hand.shop().outcomes(), [Outcome::ClientGone], "six packets for two");
    hand.finish();
    record("back-off", &hand.world);
}

#[test]
fn an_adaptive_timer_follows_the_round_trip_time() {
    let mut hand = hand(ServerConfig::default());
    hand.silence(MS * 300);
    hand.ask(Raw::dat_ack(2, 1), Raw::fin(2));
    // Three times the first measurement (RFC 6298, 2.2), doubled each time.
    hand.expect_after(MS * 900, Raw::fin(2));
    hand.expect_after(MS * 1_800, Raw::fin(2));
    hand.expect_after(MS * 3_600, Raw::fin(2));
    hand.finish();
    record("measured timer", &hand.world);
}

#[test]
fn an_adaptive_timer_has_a_minimum() {
    let mut hand = hand(ServerConfig::default());
    hand.silence(MS);
    hand.ask(Raw::dat_ack(2, 1), Raw::fin(2));
    hand.expect_after(MS * 200, Raw::fin(2));
    hand.finish();
    record("least timer", &hand.world);
}

#[test]
fn a_server_sends_three_packets_for_each_it_got_and_one_eight_times_at_most() {
    let text = vec![7; 10 * 1_464];
    let config = ServerConfig { rto: Rto::CLASSIC, ..ServerConfig::default() };
    for answers in 0..10_u16 {
        let mut hand = Hand::client(Shop::new().with("x", text.clone()), config.clone());
        hand.ask(Raw::get("x"), Raw::dat(1, &text[..1_464]));
        for number in 1..=answers {
            hand.send(Raw::dat_ack(number + 1, number));
        }
        hand.take();
        hand.wait(RTO * 100);
        let tries = 1 + hand.take().len();
        assert_eq!(tries, usize::from(3 + 2 * answers).min(8), "{answers} answers");
        assert_eq!(hand.shop().outcomes(), [Outcome::ClientGone]);
        hand.finish();
        record("tries", &hand.world);
    }
}

#[test]
fn a_classic_server_has_patience() {
    let mut hand = hand(ServerConfig::classic());
    for _ in 1..64 {
        hand.expect_after(RTO, Raw::dat(1, b"text"));
    }
    hand.ask(Raw::dat_ack(2, 1), Raw::fin(2));
    hand.finish();
    record("classic patience", &hand.world);
}

#[test]
fn naks_do_not_become_a_flood() {
    let rto = Rto::Fixed(RTO);
    let mut hand = hand(ServerConfig { rto, tries: 1_000, ..ServerConfig::default() });
    for number in 2..102 {
        hand.send(Raw::dat_nak(number, 1));
        hand.wait(MS);
    }
    let sent = hand.take().len();
    assert!((4..=7).contains(&sent), "{sent} packets for 100 NAKs in 100 ms");
    hand.ask(Raw::dat_ack(102, 1), Raw::fin(2));
    hand.finish();
    record("NAK flood", &hand.world);
}
