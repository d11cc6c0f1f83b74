//! Packets in flight to all clients together: never more than the server may have.
//! What the network sees is counted, not what the server believes.

use core::time::Duration;
use std::collections::BTreeMap;

use rudp_base::Instant;
use rudp_sim::{LinkConfig, What};
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::rushb::{Got, Scene, Shop, server_address};
use rushb::wire::{Kind, Packet};
use rushb::{ClientConfig, ServerConfig};

use crate::record::record;

const MS: Duration = Duration::from_millis(1);

/// What has no answer for longer is taken to have left the network.
const FLIGHT_TIME: Duration = Duration::from_millis(200);

/// A server with room for `max_in_flight` packets and many clients, all of which start at once.
fn scene(clients: u32, max_in_flight: usize, link: &LinkConfig) -> (Scene, Vec<u8>) {
    let text = file(Alphabet::Bytes, 20 * 1_464);
    let shop = Shop::new().with("x", text.clone());
    let config = ServerConfig { max_in_flight, ..ServerConfig::default() };
    let mut scene = Scene::new(1, shop, config);
    for _ in 0..clients {
        scene.download("x", ClientConfig::default(), link.clone());
    }
    scene.world.record_trace(true);
    (scene, text)
}

/// How many packets are in flight after each that the server sends: neither answered nor old.
fn in_flight(scene: &Scene) -> Vec<(Instant, usize)> {
    let trace = scene.world.trace();
    let mut unanswered = BTreeMap::new();
    let mut counts = Vec::new();
    for record in trace.records() {
        let sent = record.what == What::Sent && record.from == server_address();
        let answered = record.what == What::Delivered && record.to == server_address();
        if !sent && !answered {
            continue;
        }
        let packet = Packet::parse(trace.payload(record)).expect("a packet");
        match packet.header.kind {
            Kind::Data | Kind::Fin => unanswered.insert(record.to, record.at),
            _ if answered => unanswered.remove(&record.from),
            _ => None,
        };
        unanswered.retain(|_, sent_at| record.at - *sent_at < FLIGHT_TIME);
        counts.push((record.at, unanswered.len()));
    }
    counts
}

fn peak(counts: &[(Instant, usize)], from: Instant, to: Instant) -> usize {
    let within = counts.iter().filter(|(at, _)| (from..to).contains(at));
    within.map(|(_, count)| *count).max().unwrap_or(0)
}

#[test]
fn no_more_packets_are_in_flight_than_allowed() {
    for (seed, loss) in [(1, 0.0), (2, 0.05)] {
        let link = LinkConfig { loss, ..LinkConfig::delay(MS * 30) };
        let (mut scene, text) = scene(100, 10, &link);
        scene.run();
        for client in 0..100 {
            assert_eq!(scene.got(client, &text), Got::Exact, "client {client}, seed {seed}");
        }
        let counts = in_flight(&scene);
        assert_eq!(peak(&counts, Instant::ZERO, Instant::MAX), 10);
        record("in flight", &scene.world);
    }
}

#[test]
fn a_dead_client_holds_a_place_for_the_flight_time_only() {
    let text = file(Alphabet::Bytes, 1_000);
    let shop = Shop::new().with("x", text.clone());
    let config = ServerConfig { max_in_flight: 1, ..ServerConfig::default() };
    let mut scene = Scene::new(1, shop, config);
    let dead = scene.download("x", ClientConfig::default(), LinkConfig::default());
    let back = scene.world.link_between(scene.server, dead);
    scene.world.link_mut(back).set_partitioned(true);
    scene.download("x", ClientConfig::default(), LinkConfig::default());
    scene.run();
    assert_eq!(scene.got(1, &text), Got::Exact);
    let (_, complete_at) = scene.client(1).end.expect("it ended");
    assert!(complete_at <= Instant::ZERO + FLIGHT_TIME + MS, "at {complete_at}");
    record("dead client", &scene.world);
}

#[test]
fn sessions_that_are_evicted_make_no_room_for_others() {
    let text = file(Alphabet::Bytes, 1_000);
    let shop = Shop::new().with("x", text.clone());
    let config = ServerConfig { max_in_flight: 10, max_unanswered: 20, ..ServerConfig::default() };
    let mut scene = Scene::new(1, shop, config);
    for _ in 0..100 {
        scene.download("x", ClientConfig::default(), LinkConfig::delay(MS * 30));
    }
    scene.world.record_trace(true);
    scene.run();
    assert_eq!(peak(&in_flight(&scene), Instant::ZERO, Instant::MAX), 10);
    record("evicted in flight", &scene.world);
}

#[test]
fn drops_halve_what_is_in_flight() {
    let (mut scene, text) = scene(300, 100, &LinkConfig::delay(MS * 30));
    scene.world.run_for(MS * 300);
    let now = scene.world.now();
    scene.world.with(scene.server, |now, server, _| server.on_receive_drops(now));
    scene.run();
    for client in 0..300 {
        assert_eq!(scene.got(client, &text), Got::Exact);
    }
    let counts = in_flight(&scene);
    assert_eq!(peak(&counts, Instant::ZERO, now), 100);
    let after = peak(&counts, now + MS * 70, now + MS * 100);
    assert!((40..=60).contains(&after), "{after} in flight after the drops");
    assert_eq!(peak(&counts, now, Instant::MAX), 100, "it comes back");
    record("drops", &scene.world);
}
