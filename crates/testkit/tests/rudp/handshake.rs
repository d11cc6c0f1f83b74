//! Opening a session: every loss of one or two packets ends in a session or is reported, and
//! whoever answers falsely ends nothing.

use core::time::Duration;

use rudp_proto::config::{EndpointConfig, RetryMode};
use rudp_proto::{Ended, Failure, Outcome, Target};
use rudp_sim::{Fault, LinkConfig};
use rudp_testkit::rudp::{Ends, Plan, Scene};

use crate::record::{combine, record, record_digest};

fn link() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(10))
}

// Where the answer is lost, the ACK comes again in front of data.
// spec: 5.3.5, 5.3.7
#[test]
fn every_loss_of_two_packets_is_survived() {
    let mut digest = 0;
    for first in 1..=8 {
        for second in first..=8 {
            let mut scene = Scene::pair(1, link(), Plan::send(3_000), Plan::receive());
            scene.world.set_script(vec![Fault::drop(first), Fault::drop(second)]);
            scene.run();
            assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered), "{first}, {second}");
            assert_eq!(scene.server_log().got(0).bytes, 3_000, "{first}, {second}");
            digest = combine(digest, scene.world.digest());
        }
    }
    record_digest("two losses", digest);
}

#[test]
fn a_retry_costs_a_round_trip_and_nothing_else() {
    let server = EndpointConfig { retry: RetryMode::Always, ..EndpointConfig::default() };
    let ends = Ends { server, ..Ends::default() };
    let mut scene = Scene::pair_of(2, ends, link(), Plan::send(3_000), Plan::receive());
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("retry", &scene.world);
}

#[test]
fn nobody_there_is_reported_at_the_timeout() {
    let mut scene = Scene::pair(3, link(), Plan::send(1), Plan::receive());
    scene.world.kill(scene.server);
    scene.run_out();
    let (ended, at) = scene.log(0).ended.clone().expect("it ended");
    assert!(matches!(ended, Ended::Failed(Failure::Timeout { answered: false, .. })), "{ended:?}");
    assert_eq!(at - rudp_base::Instant::ZERO, Duration::from_secs(10));
    record("nobody", &scene.world);
}

#[test]
fn another_key_than_the_expected_one_is_reported() {
    let mut scene = Scene::new(4, Ends::default(), link(), Plan::receive());
    let server_key = Some(Ends::key(99, "somebody else").public_key());
    scene.client_to(Target { server_key, ..Target::default() }, Plan::send(1));
    scene.run_out();
    let (ended, _) = scene.log(0).ended.clone().expect("it ended");
    let Ended::Failed(Failure::KeyChanged { expected, found }) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!((Some(expected), found), (server_key, scene.server_key()));
    assert!(scene.world.application(scene.server).logs.is_empty(), "no session began");
    record("key", &scene.world);
}
