//! Sizes at their limits: nothing at all, packets that the path does not take, GRO, and a runner
//! that is always in time.

use core::time::Duration;

use rudp_proto::config::Config;
use rudp_proto::{Direction, Outcome};
use rudp_sim::{LinkConfig, Runner};
use rudp_testkit::rudp::{End, Ends, Plan, Scene};

use crate::record::record;

const S: Duration = Duration::from_secs(1);

fn link() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(10)).rate(50_000_000)
}

// spec: 7.6.4
#[test]
fn streams_and_writes_may_be_empty() {
    let streams = vec![(Direction::Bidirectional, 0), (Direction::Unidirectional, 0)];
    let plan = Plan { streams, ..Plan::default() };
    let mut scene = Scene::pair(1, link(), plan.clone(), plan);
    scene.world.run_for(S);
    for end in [End::Client, End::Server] {
        assert_eq!(scene.call(end, |session, _| session.read(0, &mut []).is_ok()), Some(true));
    }
    for log in [scene.log(0), scene.server_log()] {
        assert!(log.got.values().all(|got| got.end && got.bytes == 0), "{:?}", log.got);
        assert_eq!(log.got.len(), 4);
    }
    scene.close(End::Client, S);
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("empty", &scene.world);
}

#[test]
fn a_path_that_takes_smaller_packets_is_survived_or_reported() {
    let session = Config { packet_size: Some(9_000), ..Config::default() };
    let mut ends = Ends::default();
    (ends.client.session, ends.server.session) = (session.clone(), session);
    let link = LinkConfig { mtu: Some(1_500), ..link() };
    let mut scene = Scene::pair_of(2, ends, link, Plan::send(100_000), Plan::receive());
    scene.run_out();
    let log = scene.log(0);
    match log.outcome().expect("it was closed") {
        Outcome::Delivered => assert_eq!(scene.server_log().got(0).bytes, 100_000),
        outcome => assert!(log.ended.is_some(), "{outcome:?}"),
    }
    record("mtu", &scene.world);
}

#[test]
fn packets_of_all_sizes_carry_data() {
    for (seed, packet_size) in [1_200, 1_201, 1_452, 9_000, 40_000, 65_507].into_iter().enumerate()
    {
        for has_key in [false, true] {
            let session = Config { packet_size: Some(packet_size), ..Config::default() };
            let mut ends = Ends { client_has_key: has_key, ..Ends::default() };
            (ends.client.session, ends.server.session) = (session.clone(), session);
            let plan = Plan { bytes: 1_000_000, close: Some(60 * S), ..Plan::default() };
            let mut scene = Scene::pair_of(seed as u64, ends, link(), plan.clone(), plan);
            scene.run();
            for log in [scene.log(0), scene.server_log()] {
                assert_eq!(log.outcome(), Some(&Outcome::Delivered), "{packet_size}");
                assert_eq!((log.got(0).bytes, log.got(0).end), (1_000_000, true));
            }
            record("sizes", &scene.world);
        }
    }
}

#[test]
fn runners_and_gro_make_no_difference_to_what_arrives() {
    let rough_link = LinkConfig { loss: 0.03, ..link() };
    for (runner, coalesce) in [(Runner::Ideal, false), (Runner::Ideal, true), (Runner::Rough, true)]
    {
        let ends = Ends { runner, ..Ends::default() };
        let streams = vec![(Direction::Bidirectional, 200_000), (Direction::Unidirectional, 300)];
        let plan = Plan { bytes: 500_000, streams, answer: 10_000, ..Plan::default() };
        let plan = Plan { close: Some(60 * S), ..plan };
        let mut scene = Scene::pair_of(9, ends, rough_link.clone(), plan.clone(), plan);
        scene.world.set_coalesce(coalesce);
        scene.run();
        for log in [scene.log(0), scene.server_log()] {
            assert_eq!(log.outcome(), Some(&Outcome::Delivered), "{runner:?}, {coalesce}");
            assert!(log.got.values().all(|got| got.end));
        }
        record("runners", &scene.world);
    }
}
