//! The end of a session: the last \[FIN/ACK\] has no timer, so both sides must cope with its loss.
//! The server repeats it on request for a bounded time; the client can do without it.

use core::time::Duration;

use rudp_sim::{Fault, LinkConfig};
use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Got, Raw, Scene, Shop, classic_client};
use rushb::{Outcome, Server, ServerConfig};

use crate::record::record;

const RTO: Duration = Duration::from_secs(4);
const NS: Duration = Duration::from_nanos(1);

fn closed() -> Hand<Server, Shop> {
    let mut hand = Hand::client(Shop::new().with("x", *b"text"), ServerConfig::classic());
    hand.ask(Raw::get("x"), Raw::dat(1, b"text"));
    hand.ask(Raw::dat_ack(2, 1), Raw::fin(2));
    hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    hand
}

#[test]
fn the_last_packet_is_sent_once() {
    let mut hand = closed();
    hand.silence(RTO * 100);
    hand.finish();
    record("sent once", &hand.world);
}

#[test]
fn the_last_packet_is_repeated_for_two_retransmission_times_and_then_forgotten() {
    let mut hand = closed();
    hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    hand.silence(RTO);
    hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    hand.silence(RTO.saturating_sub(NS));
    hand.ask(Raw::fin_ack(3, 2), Raw::fin_ack(3, 3));
    assert_eq!(hand.world.machine(hand.ours).remembered_sessions(), 1);
    hand.silence(NS);
    assert_eq!(hand.world.machine(hand.ours).remembered_sessions(), 0);
    hand.ignored(Raw::fin_ack(3, 2));
    assert_eq!(hand.shop().outcomes(), [Outcome::Delivered]);
    hand.finish();
    record("repeated and forgotten", &hand.world);
}

#[test]
fn a_new_get_ends_the_wait() {
    let mut hand = closed();
    hand.ask(Raw::get("x"), Raw::dat(1, b"text"));
    hand.ignored(Raw::fin_ack(3, 2));
    hand.finish();
    record("new GET", &hand.world);
}

#[test]
fn a_client_repeats_its_fin_ack_and_succeeds_without_an_answer() {
    let mut hand = Hand::server("x", classic_client(0));
    hand.expect(Raw::get("x"));
    hand.send(Raw::dat(1, b"text"));
    hand.take();
    hand.ask(Raw::fin(2), Raw::fin_ack(3, 2));
    assert_eq!(hand.download().got(b"text"), Got::Exact, "the file is here");
    hand.expect_after(RTO, Raw::fin_ack(3, 2));
    hand.ask(Raw::fin(2), Raw::fin_ack(3, 2));
    hand.finish();
    assert_eq!(hand.download().got(b"text"), Got::Exact);
    record("no last packet", &hand.world);
}

#[test]
fn both_sides_get_over_the_loss_of_the_last_packet() {
    for losses in 1..=4_u64 {
        let shop = Shop::new().with("x", *b"text");
        let mut scene = Scene::pair(losses, shop, "x", LinkConfig::default());
        // [GET], [DAT], [DAT/ACK], [FIN], [FIN/ACK], and then the server's.
        let faults: Vec<Fault> = (0..losses).map(|loss| Fault::drop(6 + 2 * loss)).collect();
        scene.world.set_script(faults);
        scene.run();
        assert_eq!(scene.got(0, b"text"), Got::Exact);
        assert_eq!(scene.shop().outcomes(), [Outcome::Delivered]);
        record("last packet lost", &scene.world);
    }
}
