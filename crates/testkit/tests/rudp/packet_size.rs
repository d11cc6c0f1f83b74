//! The search for the size of packets: what links take is found, and what they do not take any
//! more is noticed, while data goes on.

use core::net::SocketAddr;
use core::time::Duration;

use rudp_proto::Outcome;
use rudp_proto::config::{Config, Congestion};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{Bulk, End, Plan, Scene};

use crate::record::record;

const MBIT: u64 = 1_000_000;
const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const RTT: Duration = Duration::from_millis(40);

/// A flow that begins, over a link that takes packets of `mtu` bytes.
fn bulk(mtu: usize, loss: f64, congestion: Congestion) -> Bulk {
    let mut bulk = Bulk::path(1, 50 * MBIT, RTT, 1.0, loss);
    bulk.link_mut().mtu = Some(mtu);
    bulk.add_with(Config { congestion, ..Config::default() });
    bulk
}

fn size(bulk: &mut Bulk) -> u16 {
    bulk.stats(0).packet_size
}

// spec: 9.4.1
#[test]
fn what_ethernet_takes_is_found_within_a_few_round_trips() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        for (mtu, size_of_it, trips) in [(1_500, 1_472, 5), (9_000, 8_972, 12)] {
            let mut bulk = bulk(mtu, 0.0, congestion);
            bulk.run_for(RTT * trips);
            assert_eq!(size(&mut bulk), size_of_it, "{congestion:?}, {mtu}");
            bulk.run_for(5 * S);
            assert_eq!(size(&mut bulk), size_of_it, "{congestion:?}, {mtu}");
            record("found", &bulk.world);
        }
    }
}

// spec: 9.4.1
#[test]
fn probes_cost_next_to_nothing() {
    for mtu in [1_500, 9_000] {
        let mut bulk = bulk(mtu, 0.0, Congestion::Bbr);
        bulk.run_for(10 * S);
        let (link, share) = (bulk.link(), bulk.share());
        assert!((1..=6).contains(&link.dropped_mtu), "{mtu}: {link:?}");
        // The least headers of all packets count as data where packets are larger.
        assert!(share > 0.95, "{mtu}: {share}");
        record("cost", &bulk.world);
    }
}

// spec: 9.4.1
#[test]
fn links_that_drop_whatever_is_large_work_at_1200() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        let pause = |mut bulk: Bulk| {
            bulk.run_for(RTT * 2);
            bulk.longest_pause(5 * S, 5 * MS)
        };
        let mut without = Bulk::path(1, 50 * MBIT, RTT, 1.0, 0.0);
        without.add(congestion);
        let (with, without) = (pause(bulk(1_200 + 28, 0.0, congestion)), pause(without));
        assert!(with <= without + RTT, "{congestion:?}: {with:?}, and {without:?} without probes");
        let mut bulk = bulk(1_200 + 28, 0.0, congestion);
        bulk.run_for(5 * S);
        assert_eq!(size(&mut bulk), 1_200);
        assert!(bulk.link().dropped_mtu <= 20, "{:?}", bulk.link());
        assert!(bulk.share() > 0.9, "{congestion:?}: {}", bulk.share());
        record("1200", &bulk.world);
    }
}

// spec: 9.4.1
#[test]
fn a_link_that_takes_less_than_before_is_noticed_soon() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        for (from, to, found) in
            [(9_000, 1_500, 1_472), (9_000, 1_228, 1_200), (1_500, 1_450, 1_392)]
        {
            let mut bulk = bulk(from, 0.0, congestion);
            bulk.run_for(3 * S);
            bulk.link_mut().mtu = Some(to);
            let pause = bulk.longest_pause(3 * S, 5 * MS);
            // A probe timeout is about 100 ms here, with the queue's delay.
            assert!(pause < 400 * MS, "{congestion:?}, {from} to {to}: {pause:?}");
            assert_eq!(size(&mut bulk), found, "{congestion:?}, {from} to {to}");
            let before = bulk.received(0);
            bulk.run_for(5 * S);
            let rate = (bulk.received(0) - before) * 8 / 5 / MBIT;
            assert!(rate > 40, "{congestion:?}, {from} to {to}: {rate} Mbit/s");
            record("shrunk", &bulk.world);
        }
    }
}

// spec: 9.4.1
#[test]
fn loss_by_chance_does_not_make_packets_smaller() {
    for (loss, mtu, found) in [(0.01, 1_500, 1_472), (0.1, 1_500, 1_472), (0.05, 9_000, 8_972)] {
        let mut bulk = bulk(mtu, loss, Congestion::Bbr);
        bulk.run_for(2 * S);
        let mut smaller = 0;
        for _ in 0..1_000 {
            bulk.run_for(10 * MS);
            smaller += u32::from(size(&mut bulk) < found);
        }
        assert!(smaller < 10, "{loss}, {mtu}: {smaller} of 1000");
        record("chance", &bulk.world);
    }
}

// spec: 9.3.2, 9.4.1
#[test]
fn whoever_moves_begins_at_1200_again() {
    let link = LinkConfig { mtu: Some(1_500), ..LinkConfig::delay(20 * MS).rate(20 * MBIT) };
    let server = Plan { bytes: 20_000_000, close: Some(600 * S), ..Plan::default() };
    let client = Plan { close: Some(600 * S), ..Plan::default() };
    let mut scene = Scene::pair(1, link, client, server);
    let size = |scene: &mut Scene| {
        scene.call(End::Server, |session, _| session.stats().packet_size).unwrap()
    };
    scene.world.run_for(S);
    assert_eq!(size(&mut scene), 1_472);
    let elsewhere = SocketAddr::from(([12, 0, 0, 1], 4_000));
    scene.world.move_to(scene.clients[0].0, elsewhere);
    let mut sizes = Vec::new();
    for _ in 0..200 {
        scene.world.run_for(5 * MS);
        sizes.push(size(&mut scene));
    }
    sizes.dedup();
    assert_eq!(sizes, [1_472, 1_200, 1_472]);
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    assert_eq!(scene.log(0).got(0).bytes, 20_000_000);
    record("moved", &scene.world);
}

// spec: 9.3.2, 9.4.1
#[test]
fn a_port_that_changes_while_a_size_is_tried_does_not_end_the_search() {
    for moment in (100..500).step_by(20) {
        let link = LinkConfig { mtu: Some(9_000), ..LinkConfig::delay(20 * MS).rate(20 * MBIT) };
        let both = Plan { bytes: 20_000_000, close: Some(600 * S), ..Plan::default() };
        let mut scene = Scene::pair(1, link, both.clone(), both);
        let client = scene.clients[0].0;
        scene.world.run_for(moment * MS);
        let elsewhere = SocketAddr::new(scene.world.address(client).ip(), 4_001);
        scene.world.move_to(client, elsewhere);
        scene.world.run_for(3 * S);
        let size = scene.call(End::Server, |session, _| session.stats().packet_size);
        assert_eq!(size, Some(8_972), "moved after {moment} ms");
        record("port in mid-search", &scene.world);
    }
}
