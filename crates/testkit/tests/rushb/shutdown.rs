//! The two ways to stop a server: let the open sessions end, or drop everything at once.
//! Either way nothing is left.

use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Raw, Shop, client_address};
use rushb::{Limit, Outcome, ServerConfig};

use crate::record::record;

#[test]
fn a_closing_server_serves_open_sessions_and_opens_none() {
    let mut hand = Hand::client(Shop::new().with("x", *b"text"), ServerConfig::classic());
    hand.ask(Raw::get("x"), Raw::dat(1, b"text"));
    hand.world.with(hand.ours, |_, server, _| server.close());
    hand.send_from(client_address(1), Raw::get("x"));
    assert_eq!(hand.shop().limited, [(client_address(1), Limit::Closing)]);
    hand.ask(Raw::dat_ack(2, 1), Raw::fin(2));
    hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    assert_eq!(hand.world.machine(hand.ours).open_sessions(), 0);
    hand.finish();
    record("close", &hand.world);
}

#[test]
fn an_interrupted_server_drops_everything_at_once() {
    let mut hand = Hand::client(Shop::new().with("x", *b"text"), ServerConfig::classic());
    hand.ask(Raw::get("x"), Raw::dat(1, b"text"));
    for number in 1..50 {
        hand.send_from(client_address(number), Raw::get("x"));
    }
    hand.send_from(client_address(1), Raw::dat_ack(2, 1));
    hand.send_from(client_address(1), Raw::fin_ack(3, 2));
    hand.world.with(hand.ours, |now, server, _| server.interrupt(now));
    assert_eq!(hand.world.machine(hand.ours).remembered_sessions(), 0);
    let interrupted = hand.shop().outcomes();
    assert_eq!(interrupted[0], Outcome::Delivered);
    assert_eq!(interrupted[1..], [Outcome::Interrupted; 49]);
    hand.ignored(Raw::dat_ack(2, 1));
    hand.finish();
    record("interrupt", &hand.world);
}
