//! Ends that meet: both close, one aborts, one is gone or has forgotten, at every instant of the
//! other's close (docs/PROTOCOL.md, 9.2). Each close has its outcome in time, and nothing is left.

use core::time::Duration;

use rudp_base::Instant;
use rudp_proto::{Ended, Fail, Outcome};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{Actor, End, Ends, Plan, Scene, server_address};

use crate::record::{combine, record, record_digest};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn link() -> LinkConfig {
    LinkConfig::delay(10 * MS)
}

/// Both write, end, and read all that, and then wait.
fn both() -> Plan {
    Plan { bytes: 5_000, ..Plan::default() }
}

fn outcome(scene: &Scene, end: End) -> (Outcome, Instant) {
    let log = if end == End::Client { scene.log(0) } else { scene.server_log() };
    log.outcome.clone().expect("it was closed")
}

// spec: 9.2.4
#[test]
fn both_may_close_whenever_they_want() {
    let (mut digest, mut together) = (0, 0);
    for first in [End::Client, End::Server] {
        for later in 0..30 {
            let mut scene = Scene::pair(1, link(), both(), both());
            scene.world.run_for(S);
            scene.close(first, 5 * S);
            scene.world.run_for(later * 2 * MS);
            scene.close(first.other(), 5 * S);
            scene.run();
            let logs = [scene.log(0), scene.server_log()];
            assert!(logs.iter().any(|log| log.end == first && log.closed_at.is_some()));
            // Who has heard of the other's close in time does not close any more.
            for log in logs.iter().filter(|log| log.closed_at.is_some()) {
                let (outcome, at) = log.outcome.clone().expect("it was closed");
                assert_eq!(outcome, Outcome::Delivered, "{first:?}, {later}");
                assert!(at < Instant::ZERO + 1_300 * MS, "{first:?}, {later}: {at}");
            }
            together += u32::from(logs.iter().all(|log| log.closed_at.is_some()));
            digest = combine(digest, scene.world.digest());
        }
    }
    assert!((10..40).contains(&together), "{together} times both closed");
    record_digest("both close", digest);
}

// spec: 9.2.6
#[test]
fn an_abort_may_meet_a_close_at_any_time() {
    let (mut digest, mut delivered) = (0, 0);
    for later in 0..60 {
        let mut scene = Scene::pair(2, link(), Plan::send(20_000), Plan::default());
        scene.world.run_for(later * 2 * MS);
        scene.call(End::Server, |session, _| session.abort(3, "no"));
        scene.run_out();
        if let (Some(outcome), true) = (scene.log(0).outcome(), scene.log(0).began_at.is_some()) {
            let all = scene.side(End::Server).map(|_| scene.server_log().got(0).bytes);
            assert!(*outcome != Outcome::Delivered || all == Some(20_000), "{later}: {all:?}");
            delivered += u32::from(*outcome == Outcome::Delivered);
        }
        assert!(scene.log(0).ended.is_some() && scene.log(0).outcome().is_some(), "{later}");
        digest = combine(digest, scene.world.digest());
    }
    assert!((1..60).contains(&delivered), "{delivered}: both happen");
    record_digest("abort meets close", digest);
}

#[test]
fn a_session_may_be_closed_or_released_before_it_has_begun() {
    let mut digest = 0;
    for at in 0..40 {
        for is_release in [false, true] {
            let mut scene = Scene::pair(3, link(), Plan::default(), Plan::default());
            scene.world.run_for(at * 2 * MS);
            let (client, handle) = scene.clients[0];
            if is_release {
                scene.world.with(client, |now, endpoint, _| {
                    endpoint.session(now, handle).expect("it is there").release();
                });
            } else {
                scene.close(End::Client, S);
            }
            scene.run();
            assert!(scene.world.now() < Instant::ZERO + 60 * S, "{at}: {}", scene.world.now());
            let has_outcome = || scene.log(0).outcome().is_some();
            assert!(is_release || has_outcome(), "{at}: a close has an outcome");
            digest = combine(digest, scene.world.digest());
        }
    }
    record_digest("closed before it began", digest);
}

#[test]
fn what_was_written_before_a_release_is_delivered_in_the_background() {
    let mut digest = 0;
    for at in 0..20 {
        let plan = Plan { bytes: 30_000, ..Plan::default() };
        let mut scene = Scene::pair(4, link().rate(5_000_000), plan, Plan::default());
        scene.world.run_for(35 * MS + at * 3 * MS);
        let (client, handle) = scene.clients[0];
        scene.world.with(client, |now, endpoint, _| {
            endpoint.session(now, handle).expect("it is there").release();
        });
        scene.run();
        assert_eq!(
            (scene.server_log().got(0).bytes, scene.server_log().got(0).end),
            (30_000, true)
        );
        digest = combine(digest, scene.world.digest());
    }
    record_digest("released", digest);
}

// spec: 9.2.4
#[test]
fn a_peer_that_has_forgotten_ends_a_close() {
    let mut digest = 0;
    for at in 0..40 {
        let mut ends = Ends::default();
        ends.server.reset_key = Some([5; 32]);
        let reader = Plan { read_size: if at % 2 == 0 { 0 } else { 4_096 }, ..Plan::default() };
        let mut scene = Scene::pair_of(5, ends, link(), Plan::send(20_000), reader);
        scene.world.run_for(60 * MS + at * 2 * MS);
        scene.world.kill(scene.server);
        let mut endpoint = scene.ends.endpoint(77, End::Server, "server");
        endpoint.listen();
        let actor = Actor::new(End::Server, Plan::receive());
        let node = scene.world.add(server_address(), endpoint, actor);
        scene.world.connect(scene.clients[0].0, node, link());
        let died = scene.world.now();
        scene.run_out();
        let (outcome, known) = scene.log(0).outcome.clone().expect("it was closed");
        let all = scene.server_log().got(0).bytes == 20_000;
        assert!(outcome != Outcome::Delivered || all, "{at}");
        if let Outcome::Unknown { cause, .. } = outcome {
            assert_eq!(cause, Some(Ended::Forgotten), "{at}");
            assert!(known < died + 10 * S, "{at}: {known} for {died}");
        }
        digest = combine(digest, scene.world.digest());
    }
    record_digest("forgotten while closing", digest);
}

// spec: 9.2.2
#[test]
fn a_deadline_of_0_waits_for_nothing_and_still_tells_the_peer() {
    for (bytes, expected) in [(0, true), (5_000, true), (5_000_000, false)] {
        let plan = Plan { bytes, ..Plan::default() };
        let mut scene = Scene::pair(6, link().rate(20_000_000), plan, Plan::default());
        scene.world.run_for(S);
        scene.close(End::Client, Duration::ZERO);
        let (outcome, at) = outcome(&scene, End::Client);
        assert_eq!(outcome == Outcome::Delivered, expected, "{bytes}: {outcome:?}");
        assert_eq!(at, Instant::ZERO + S);
        scene.run();
        let (ended, at) = scene.server_log().ended.clone().expect("it was told");
        assert!(
            matches!(ended, Ended::Peer { .. }) && at < Instant::ZERO + 2 * S,
            "{ended:?} {at}"
        );
        record("deadline 0", &scene.world);
    }
}

// spec: 7.6.3, 9.2.1
#[test]
fn a_reader_that_gives_up_is_not_waited_for() {
    let plan = Plan { bytes: 10_000, ..Plan::default() };
    let reader = Plan { read_size: 0, ..Plan::default() };
    let mut scene = Scene::pair(7, link(), plan, reader);
    scene.world.run_for(S);
    scene.close(End::Client, 600 * S);
    scene.world.run_for(S);
    assert_eq!(scene.log(0).outcome(), None, "it is waited for");
    scene
        .call(End::Server, |session, _| session.stop(0, 3))
        .expect("it is there")
        .expect("it is open");
    scene.run();
    let (outcome, at) = outcome(&scene, End::Client);
    assert_eq!(outcome, Outcome::Received, "the host had it");
    assert!(at < Instant::ZERO + 2_100 * MS, "{at}");
    record("the reader gives up", &scene.world);
}

#[test]
fn one_direction_may_end_long_before_the_other() {
    let plan = Plan { bytes: 3_000, ..Plan::default() };
    let silent = Plan { finish: false, ..Plan::default() };
    let mut scene = Scene::pair(8, link(), plan, silent);
    scene.world.run_for(100 * S);
    assert!(scene.server_log().got(0).end);
    let fail = scene.call(End::Client, |session, _| session.write(0, b"more"));
    assert_eq!(fail, Some(Err(Fail::Finished)));
    scene.call(End::Server, |_, log| log.write_more(0, 40_000));
    scene.world.run_for(S);
    assert_eq!(scene.log(0).got(0).bytes, 40_000);
    scene.close(End::Server, S);
    scene.run();
    assert_eq!(outcome(&scene, End::Server).0, Outcome::Delivered);
    assert!(scene.log(0).got(0).end);
    record("half close", &scene.world);
}

#[test]
fn of_two_deadlines_the_earlier_counts() {
    for (first, second, at) in [(60, 2, 4), (2, 60, 3)] {
        let reader = Plan { read_size: 0, ..Plan::default() };
        let plan = Plan { bytes: 500, ..Plan::default() };
        let mut scene = Scene::pair(9, link(), plan, reader);
        scene.world.run_for(S);
        scene.close(End::Client, first * S);
        scene.world.run_for(S);
        scene.close(End::Client, second * S);
        scene.run();
        let (outcome, decided) = outcome(&scene, End::Client);
        assert_eq!(outcome, Outcome::Received);
        let late = decided - (Instant::ZERO + at * S);
        assert!(late < 3 * MS, "{first}, {second}: {decided}");
        record("two deadlines", &scene.world);
    }
}
