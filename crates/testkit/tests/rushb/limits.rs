//! What a server lets others take: sessions, sessions without an answer, sessions of one address.
//! A forged \[GET\] costs its victim three packets at most.

use core::net::SocketAddr;
use core::time::Duration;

use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Raw, Shop, client_address};
use rushb::{Limit, Outcome, Server, ServerConfig};

use crate::record::record;

const MS: Duration = Duration::from_millis(1);

fn hand(config: ServerConfig) -> Hand<Server, Shop> {
    Hand::client(Shop::new().with("x", *b"text"), config)
}

/// The first address again, with another port.
fn neighbour(number: u16) -> SocketAddr {
    (client_address(0).ip(), 10_000 + number).into()
}

fn sessions(hand: &Hand<Server, Shop>) -> usize {
    hand.world.machine(hand.ours).remembered_sessions()
}

#[test]
fn unanswered_sessions_are_evicted_oldest_first() {
    let mut hand = hand(ServerConfig { max_unanswered: 10, ..ServerConfig::classic() });
    for number in 1..=25 {
        hand.send_from(client_address(number), Raw::get("x"));
        if number == 5 {
            hand.send_from(client_address(5), Raw::dat_ack(2, 1));
        }
    }
    assert_eq!(sessions(&hand), 11, "one has answered");
    let evicted = hand.shop().ended.iter().map(|(session, outcome, _)| {
        assert_eq!(*outcome, Outcome::Evicted);
        session.peer
    });
    let oldest = (1..=15).filter(|number| *number != 5).map(client_address);
    assert!(evicted.eq(oldest));
    assert!(hand.shop().limited.iter().all(|(_, limit)| *limit == Limit::Unanswered));
    hand.finish();
    record("eviction", &hand.world);
}

#[test]
fn sessions_that_answer_are_never_evicted() {
    let mut hand = hand(ServerConfig { max_sessions: 10, ..ServerConfig::classic() });
    for number in 1..=10 {
        hand.send_from(client_address(number), Raw::get("x"));
        hand.send_from(client_address(number), Raw::dat_ack(2, 1));
    }
    hand.send_from(client_address(11), Raw::get("x"));
    assert_eq!(hand.shop().limited, [(client_address(11), Limit::Sessions)]);
    assert_eq!(sessions(&hand), 10);
    // A closed session makes room.
    hand.send_from(client_address(3), Raw::fin_ack(3, 2));
    hand.send_from(client_address(11), Raw::get("x"));
    assert_eq!(hand.shop().requested.last().map(|session| session.peer), Some(client_address(11)));
    assert_eq!(sessions(&hand), 10);
    hand.finish();
    record("all sessions taken", &hand.world);
}

#[test]
fn one_address_has_a_bounded_number_of_sessions() {
    let config = ServerConfig { max_sessions_per_address: 5, ..ServerConfig::classic() };
    let mut hand = hand(config);
    for number in 0..8 {
        hand.send_from(neighbour(number), Raw::get("x"));
        hand.send_from(neighbour(number), Raw::dat_ack(2, 1));
    }
    assert_eq!(sessions(&hand), 5);
    let limited = (5..8).map(|number| (neighbour(number), Limit::SessionsPerAddress));
    assert!(hand.shop().limited.iter().copied().eq(limited));
    hand.send_from(client_address(9), Raw::get("x"));
    assert_eq!(sessions(&hand), 6, "others are not concerned");
    hand.send_from(neighbour(0), Raw::fin_ack(3, 2));
    hand.send_from(neighbour(7), Raw::get("x"));
    assert_eq!(hand.world.machine(hand.ours).open_sessions(), 6, "one has closed");
    hand.finish();
    record("sessions of an address", &hand.world);
}

#[test]
fn whoever_forges_an_address_does_not_lock_it_out() {
    let config = ServerConfig { max_sessions_per_address: 5, ..ServerConfig::default() };
    let mut hand = hand(config);
    hand.send_from(neighbour(0), Raw::get("x"));
    hand.send_from(neighbour(0), Raw::dat_ack(2, 1));
    for number in 1..100 {
        hand.send_from(neighbour(number), Raw::get("x"));
    }
    assert_eq!(sessions(&hand), 5);
    hand.ask(Raw::get("x"), Raw::dat(1, b"text"));
    let outcomes = hand.shop().outcomes();
    assert_eq!(outcomes, [Outcome::Evicted; 96], "of those that never answered, the oldest");
    hand.send_from(neighbour(0), Raw::fin_ack(3, 2));
    assert_eq!(hand.shop().outcomes().last(), Some(&Outcome::Delivered));
    hand.finish();
    record("forged address", &hand.world);
}

#[test]
fn a_refused_get_leaves_the_closed_session_of_its_address() {
    let config = ServerConfig { max_rate_per_address: 1, ..ServerConfig::default() };
    let mut hand = hand(config);
    hand.ask(Raw::get("x"), Raw::dat(1, b"text"));
    hand.ask(Raw::dat_ack(2, 1), Raw::fin(2));
    hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    hand.ignored(Raw::get("x"));
    hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    hand.finish();
    record("refused after close", &hand.world);
}

#[test]
fn one_address_starts_a_bounded_number_of_sessions_per_second() {
    let config = ServerConfig { max_rate_per_address: 10, ..ServerConfig::classic() };
    let mut hand = hand(config);
    for number in 0..300 {
        hand.send_from(neighbour(number), Raw::get("x"));
        hand.wait(MS * 10);
    }
    let started = hand.shop().requested.len();
    assert!(
        (39..=41).contains(&started),
        "{started} sessions: 10 at once, and 10 a second for 3 s"
    );
    assert!(hand.shop().limited.iter().all(|(_, limit)| *limit == Limit::RatePerAddress));
    hand.finish();
    record("rate of an address", &hand.world);
}

/// Forges \[GET\]s for `name` from one address, and compares bytes.
fn amplification(record_name: &str, name: &str, gets: usize, pause: Duration) {
    let mut hand = hand(ServerConfig::default());
    for _ in 0..gets {
        hand.send(Raw::get(name));
        hand.wait(pause);
    }
    hand.finish();
    let sent: usize = hand.take().iter().map(|received| received.bytes.len()).sum();
    assert!(sent <= 3 * gets * 1_472, "{sent} bytes for {gets} packets");
    assert!(hand.shop().outcomes().iter().all(|outcome| *outcome == Outcome::ClientGone));
    record(record_name, &hand.world);
}

#[test]
fn forged_gets_are_answered_with_three_times_their_bytes_at_most() {
    for name in ["x", "missing"] {
        amplification("amplification, one", name, 1, MS);
        amplification("amplification, burst", name, 100, MS);
        amplification("amplification, steady", name, 100, MS * 700);
        amplification("amplification, slow", name, 20, MS * 10_000);
    }
}

#[test]
fn forged_acknowledgements_do_not_change_the_bargain() {
    let text = vec![7; 1_000 * 1_464];
    let mut hand = Hand::client(Shop::new().with("x", text), ServerConfig::default());
    hand.send(Raw::get("x"));
    for number in 1..100 {
        hand.send(Raw::dat_ack(number + 1, number));
    }
    hand.finish();
    let sent = hand.take().len();
    assert!(sent <= 3 * 100, "{sent} packets for 100");
    record("amplification, acknowledged", &hand.world);
}
