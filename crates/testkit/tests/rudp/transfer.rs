//! Data in both directions over a good network: exact, to the end, and confirmed.

use core::time::Duration;

use rudp_proto::{Direction, Outcome};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{Ends, Plan, Scene};

use crate::record::record;

fn link() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(20)).rate(100_000_000)
}

#[test]
fn a_megabyte_arrives_and_both_ends_know() {
    let mut scene = Scene::pair(1, link(), Plan::send(1_000_000), Plan::receive());
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    let server = scene.server_log();
    assert_eq!((server.got(0).bytes, server.got(0).end), (1_000_000, true));
    assert_eq!(server.outcome(), Some(&Outcome::Delivered), "nothing was to be delivered");
    record("a megabyte", &scene.world);
}

#[test]
fn data_go_both_ways_at_once() {
    let plan = Plan { bytes: 300_000, close: Some(Duration::from_mins(1)), ..Plan::default() };
    let mut scene = Scene::pair(2, link(), plan.clone(), plan);
    scene.run();
    for log in [scene.log(0), scene.server_log()] {
        assert_eq!((log.got(0).bytes, log.got(0).end), (300_000, true));
        assert_eq!(log.outcome(), Some(&Outcome::Delivered));
    }
    record("both ways", &scene.world);
}

#[test]
fn every_kind_of_handshake_carries_data() {
    for (number, (is_plain, client_has_key, has_secret)) in [
        (false, false, false),
        (false, true, false),
        (false, false, true),
        (false, true, true),
        (true, false, false),
    ]
    .into_iter()
    .enumerate()
    {
        let ends = Ends { is_plain, client_has_key, has_secret, ..Ends::default() };
        let seed = 10 + number as u64;
        let mut scene = Scene::pair_of(seed, ends, link(), Plan::send(50_000), Plan::receive());
        scene.run();
        assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered), "{number}");
        assert_eq!(scene.server_log().got(0).bytes, 50_000, "{number}");
        record("handshakes", &scene.world);
    }
}

#[test]
fn streams_of_all_kinds_carry_data() {
    let streams = vec![
        (Direction::Bidirectional, 100_000),
        (Direction::Unidirectional, 50_000),
        (Direction::Bidirectional, 1),
        (Direction::Unidirectional, 0),
    ];
    let plan = Plan { bytes: 1_000, answer: 20_000, streams, ..Plan::default() };
    let plan = Plan { close: Some(Duration::from_mins(1)), ..plan };
    let mut scene = Scene::pair(3, link(), plan.clone(), plan);
    scene.run();
    for log in [scene.log(0), scene.server_log()] {
        assert_eq!(log.outcome(), Some(&Outcome::Delivered));
        assert!(log.got.values().all(|got| got.end), "{:?}", log.got);
        let all: u64 = log.got.values().map(|got| got.bytes).sum();
        assert_eq!(all, 1_000 + 150_001 + 2 * 20_000);
    }
    record("streams", &scene.world);
}

#[test]
fn nothing_at_all_is_delivered_too() {
    let mut scene = Scene::pair(4, link(), Plan::send(0), Plan::receive());
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    assert!(scene.server_log().got(0).end);
    record("nothing", &scene.world);
}
