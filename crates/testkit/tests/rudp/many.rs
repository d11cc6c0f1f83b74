//! Many at once: clients at one server, streams in one session.

use core::time::Duration;

use rudp_proto::{Direction, Outcome};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{Ends, Plan, Scene};

use crate::record::record;

#[test]
fn a_hundred_clients_are_served_at_once() {
    let link = LinkConfig { loss: 0.01, ..LinkConfig::delay(Duration::from_millis(10)) };
    let mut scene = Scene::new(1, Ends::default(), link, Plan::receive());
    for _ in 0..100 {
        scene.client(Plan::send(20_000));
    }
    scene.run();
    for number in 0..100 {
        assert_eq!(scene.log(number).outcome(), Some(&Outcome::Delivered));
    }
    let logs = &scene.world.application(scene.server).logs;
    assert_eq!(logs.len(), 100);
    assert!(logs.values().all(|log| log.got(0).bytes == 20_000));
    record("100 clients", &scene.world);
}

#[test]
fn ten_thousand_streams_in_one_session() {
    let link = LinkConfig::delay(Duration::from_millis(5)).rate(100_000_000);
    let streams = (0..10_000).map(|n| (Direction::Unidirectional, n % 50)).collect();
    let plan = Plan { streams, ..Plan::send(10) };
    let mut scene = Scene::pair(2, link, plan, Plan::default());
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    let got = &scene.server_log().got;
    assert_eq!(got.len(), 10_001);
    assert!(got.values().all(|got| got.end));
    record("10,000 streams", &scene.world);
}
