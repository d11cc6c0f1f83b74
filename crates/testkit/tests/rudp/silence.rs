//! Sessions on which nothing happens: the idle timeout, keep-alives, and tries that are not
//! answered (docs/PROTOCOL.md, 8.6).

use core::time::Duration;

use rudp_base::Instant;
use rudp_proto::{Ended, Outcome};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{End, Ends, Log, Plan, Scene};

use crate::record::record;

const S: Duration = Duration::from_secs(1);

fn link() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(10)).rate(10_000_000)
}

fn ended(log: &Log) -> (Ended, Duration) {
    let (ended, at) = log.ended.clone().expect("it ended");
    (ended, at - Instant::ZERO)
}

// spec: 5.4.3, 8.6
#[test]
fn a_silent_session_ends_at_the_lesser_idle_timeout() {
    let mut ends = Ends::default();
    for (config, idle) in [(&mut ends.client, 20 * S), (&mut ends.server, 8 * S)] {
        (config.session.idle_timeout, config.session.keep_alive) = (Some(idle), None);
    }
    let plan = Plan { bytes: 10, ..Plan::default() };
    let mut scene = Scene::pair_of(1, ends, link(), plan.clone(), plan);
    scene.run();
    for log in [scene.log(0), scene.server_log()] {
        let (ended, at) = ended(log);
        assert_eq!(ended, Ended::Silent);
        assert!((8 * S..9 * S).contains(&at), "{at:?}");
    }
    record("idle", &scene.world);
}

// spec: 8.6
#[test]
fn keep_alives_keep_a_session_and_one_end_is_enough() {
    for end in [End::Client, End::Server] {
        let mut ends = Ends::default();
        let quiet = if end == End::Client { &mut ends.server } else { &mut ends.client };
        quiet.session.keep_alive = None;
        let plan = Plan { bytes: 10, ..Plan::default() };
        let mut scene = Scene::pair_of(2, ends, link(), plan.clone(), plan);
        scene.world.run_for(3_600 * S);
        assert_eq!((&scene.log(0).ended, &scene.server_log().ended), (&None, &None));
        let packets = scene.world.packets_sent();
        // One every 10 s and its answer, and what numbers that are skipped cost.
        assert!(packets < 1_000, "{packets} packets in an hour");
        scene.close(End::Client, S);
        scene.run();
        assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
        record("keep-alive", &scene.world);
    }
}

// spec: 8.6
#[test]
fn tries_without_an_answer_end_a_session() {
    let mut ends = Ends::default();
    ends.client.session.max_tries = Some(3);
    let mut scene = Scene::pair_of(3, ends, link(), Plan::send(10_000_000), Plan::receive());
    scene.world.run_for(S);
    scene.world.set_partitioned(scene.clients[0].0, scene.server, true);
    scene.run_out();
    let (cause, at) = ended(scene.log(0));
    assert_eq!(cause, Ended::Silent);
    assert!(at < 5 * S, "{at:?}: long before the idle timeout");
    let (cause, at) = ended(scene.server_log());
    assert_eq!(cause, Ended::Silent);
    assert!((30 * S..33 * S).contains(&at), "{at:?}");
    record("tries", &scene.world);
}
