//! Packets that come twice or late cause no packets of the server: no Sorcerer's Apprentice.
//! Only the awaited answer moves it on.

use core::time::Duration;

use rudp_sim::LinkConfig;
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Got, Raw, Scene, Shop};
use rushb::ServerConfig;

use crate::record::record;

#[test]
fn a_server_sends_each_packet_once_where_all_come_twice() {
    let text = file(Alphabet::Bytes, 500 * 1_464);
    let shop = Shop::new().with("x", text.clone());
    let link = LinkConfig { duplicate: 1.0, ..LinkConfig::delay(Duration::from_millis(10)) };
    let mut scene = Scene::pair(1, shop, "x", link);
    scene.run();
    assert_eq!(scene.got(0, &text), Got::Exact);
    let (_, _, report) = scene.shop().ended[0];
    assert_eq!((report.packets, report.retransmissions), (501, 0), "500 [DAT] and the [FIN]");
    // Of the client's packets, each [DAT/ACK] goes twice, since each [DAT] comes twice.
    let server = scene.world.link_between(scene.server, scene.clients[0]);
    let sent = scene.world.link(server).stats().offered;
    assert!((502..=506).contains(&sent), "{sent} packets, the last [FIN/ACK] with its copies");
    record("all twice", &scene.world);
}

#[test]
fn copies_that_come_late_change_nothing() {
    let text = file(Alphabet::Bytes, 200 * 1_464);
    let shop = Shop::new().with("x", text.clone());
    let link = LinkConfig {
        duplicate: 0.5,
        jitter: Duration::from_millis(100),
        jitter_reorders: true,
        ..LinkConfig::delay(Duration::from_millis(10))
    };
    let mut scene = Scene::pair(1, shop, "x", link);
    scene.run();
    assert_eq!(scene.got(0, &text), Got::Exact);
    let (_, _, report) = scene.shop().ended[0];
    assert!(report.retransmissions <= 20, "{report:?}");
    record("late copies", &scene.world);
}

#[test]
fn stale_acknowledgements_trigger_nothing() {
    let text = file(Alphabet::Bytes, 4 * 1_464);
    let shop = Shop::new().with("x", text.clone());
    let mut hand = Hand::client(shop, ServerConfig::classic());
    hand.ask(Raw::get("x"), Raw::dat(1, &text[..1_464]));
    hand.ask(Raw::dat_ack(2, 1), Raw::dat(2, &text[1_464..2 * 1_464]));
    hand.ask(Raw::dat_ack(3, 2), Raw::dat(3, &text[2 * 1_464..3 * 1_464]));
    for stale in [Raw::get("x"), Raw::dat_ack(2, 1), Raw::dat_ack(3, 2), Raw::dat_nak(3, 2)] {
        hand.ignored(stale.clone());
        hand.ignored(stale);
    }
    hand.expect_after(Duration::from_secs(4), Raw::dat(3, &text[2 * 1_464..3 * 1_464]));
    hand.finish();
    record("stale", &hand.world);
}
