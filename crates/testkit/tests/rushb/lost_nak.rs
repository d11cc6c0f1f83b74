//! A NAK that is lost took a number all the same: the server waits for it.
//! The client repeats it before the acknowledgement, and the session goes on.

use core::time::Duration;

use rudp_sim::{Action, Fault, LinkConfig};
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Got, Raw, Scene, Shop, classic_client};
use rushb::{ClientConfig, Rto, ServerConfig};

use crate::record::record;

/// Packet 1 is the \[GET\], 2 the \[DAT\] that is damaged, 3 the \[DAT/NAK\] that is lost.
fn lose_the_first_nak(server_rto: Rto, client_rto: Rto) -> Scene {
    let text = file(Alphabet::Bytes, 3 * 1464);
    let config = ServerConfig { rto: server_rto, ..ServerConfig::default() };
    let mut scene = Scene::new(1, Shop::new().with("x", text.clone()), config);
    let config = ClientConfig { rto: client_rto, ..ClientConfig::default() };
    scene.download("x", config, LinkConfig::delay(Duration::from_millis(5)));
    scene.world.set_script(vec![Fault::new(2, Action::FlipBit(100)), Fault::drop(3)]);
    scene.run();
    assert_eq!(scene.got(0, &text), Got::Exact);
    assert_eq!(scene.world.script().remaining(), 0);
    scene
}

#[test]
fn a_client_with_the_shorter_timer_repeats_its_lost_nak() {
    let scene = lose_the_first_nak(Rto::CLASSIC, Rto::default());
    record("lost nak, client first", &scene.world);
}

#[test]
fn a_client_with_the_longer_timer_repeats_its_lost_nak() {
    let scene = lose_the_first_nak(Rto::default(), Rto::CLASSIC);
    record("lost nak, server first", &scene.world);
}

#[test]
fn a_lost_nak_is_repeated_before_the_acknowledgement_after_it() {
    let mut hand = Hand::server("x", classic_client(Raw::CHK));
    hand.expect(Raw::get("x").with(Raw::CHK));
    let dat = Raw::dat(1, b"text").with(Raw::CHK);
    let nak = Raw::dat_nak(2, 1).with(Raw::CHK);
    let ack = Raw::dat_ack(3, 1).with(Raw::CHK);
    hand.ask(Raw { checksum: Some(1), ..dat.clone() }, nak.clone());
    // The server did not get the NAK, and its timer ran out: it ignores this, with number 3.
    hand.ask(dat.clone(), ack.clone());
    hand.send(dat);
    hand.expect_all([nak, ack]);
    record("lost nak by hand", &hand.world);
}

#[test]
fn a_nak_before_the_grant_is_repeated_with_what_was_granted() {
    let mut hand = Hand::server("x", classic_client(Raw::CHK));
    hand.expect(Raw::get("x").with(Raw::CHK));
    // A server without checksums: the client cannot know, and asks again with CHK.
    let nak = Raw::dat_nak(2, 1).with(Raw::CHK);
    hand.ask(Raw { checksum: Some(1), ..Raw::dat(1, b"text") }, nak);
    hand.ask(Raw::dat(1, b"text"), Raw::dat_ack(3, 1));
    hand.send(Raw::dat(1, b"text"));
    hand.expect_all([Raw::dat_nak(2, 1), Raw::dat_ack(3, 1)]);
    record("nak before the grant", &hand.world);
}
