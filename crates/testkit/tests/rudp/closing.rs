//! Closing: what each end learns, whoever closes when (docs/PROTOCOL.md, 9.2).

use core::time::Duration;

use rudp_proto::{Ended, Outcome};
use rudp_sim::{Fault, LinkConfig};
use rudp_testkit::rudp::{Plan, Scene};

use crate::record::{combine, record, record_digest};

fn link() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(10))
}

/// How late a runner may be.
const LATEST: Duration = Duration::from_millis(1);

/// By how much a wait was longer than the 5 s it should be.
fn late(waited: Duration) -> Duration {
    waited.checked_sub(Duration::from_secs(5)).expect("not before")
}

// spec: 9.2.5
#[test]
fn a_reader_that_does_not_read_leaves_it_at_received() {
    let mut plan = Plan::send(5_000);
    plan.close = Some(Duration::from_secs(5));
    let reader = Plan { read_size: 0, ..Plan::default() };
    let mut scene = Scene::pair(1, link(), plan, reader);
    scene.run();
    let (outcome, at) = scene.log(0).outcome.clone().expect("it closed");
    assert_eq!(outcome, Outcome::Received);
    let waited = at - scene.log(0).closed_at.expect("it closed");
    assert!(late(waited) <= LATEST, "{waited:?}");
    record("received", &scene.world);
}

// spec: 9.2.5
#[test]
fn a_deadline_without_an_answer_leaves_it_unknown() {
    let mut plan = Plan::send(100_000);
    plan.close = Some(Duration::from_secs(5));
    let mut scene = Scene::pair(2, link(), plan, Plan::receive());
    let (client, server) = (scene.clients[0].0, scene.server);
    scene.world.run_for(Duration::from_millis(45));
    scene.world.set_partitioned(client, server, true);
    scene.run_out();
    let (outcome, at) = scene.log(0).outcome.clone().expect("it closed");
    assert!(matches!(outcome, Outcome::Unknown { cause: None, .. }), "{outcome:?}");
    let waited = at - scene.log(0).closed_at.expect("it closed");
    assert!(late(waited) <= LATEST, "{waited:?}");
    record("unknown", &scene.world);
}

#[test]
fn every_loss_at_the_end_is_survived() {
    let mut digest = 0;
    for first in 4..=16 {
        for second in first..=16 {
            let mut scene = Scene::pair(3, link(), Plan::send(2_000), Plan::receive());
            scene.world.set_script(vec![Fault::drop(first), Fault::drop(second)]);
            scene.run();
            for log in [scene.log(0), scene.server_log()] {
                assert_eq!(log.outcome(), Some(&Outcome::Delivered), "{first}, {second}");
            }
            digest = combine(digest, scene.world.digest());
        }
    }
    record_digest("losses at the end", digest);
}

// spec: 9.2.6
#[test]
fn an_abort_is_reported_with_its_code() {
    let mut scene = Scene::pair(4, link(), Plan::send(200_000_000), Plan::receive());
    scene.world.run_for(Duration::from_millis(300));
    let (client, handle) = scene.clients[0];
    scene.world.with(client, |now, endpoint, _| {
        let mut session = endpoint.session(now, handle).expect("it is there");
        session.abort(7, "enough");
        session.close(Duration::from_secs(1));
    });
    scene.run_out();
    let (ended, _) = scene.server_log().ended.clone().expect("it ended");
    let Ended::Peer { code, reason } = ended else { panic!("{ended:?}") };
    assert_eq!((code.program(), reason.as_str()), (Some(7), "enough"));
    assert!(matches!(scene.log(0).outcome(), Some(Outcome::Unknown { .. })));
    record("abort", &scene.world);
}
