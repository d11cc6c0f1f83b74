//! Streams that end before their end: `RESET_STREAM` and `STOP_SENDING`, from both ends, and what is
//! left of the session (docs/PROTOCOL.md, 7.4.5 and 7.4.9).

use core::time::Duration;

use rudp_proto::{Direction, Fail, Outcome};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{End, Log, Plan, Scene};

use crate::record::record;

const S: Duration = Duration::from_secs(1);

fn link() -> LinkConfig {
    LinkConfig { loss: 0.05, ..LinkConfig::delay(Duration::from_millis(10)).rate(5_000_000) }
}

fn log(scene: &Scene, end: End) -> &Log {
    if end == End::Client { scene.log(0) } else { scene.server_log() }
}

/// Both ends write much to stream 0 and to one stream of their own.
fn busy(seed: u64) -> Scene {
    let streams = vec![(Direction::Bidirectional, 100_000)];
    let plan = Plan { bytes: 20_000_000, streams, ..Plan::default() };
    let mut scene = Scene::pair(seed, link(), plan.clone(), plan);
    scene.world.run_for(S);
    scene
}

/// The other stream came through all the same, and the close says that not all did.
fn the_rest_arrives(mut scene: Scene, writer: End) {
    scene.world.run_for(60 * S);
    let own = if writer == End::Client { 4 } else { 1 };
    let got = log(&scene, writer.other()).got(own);
    assert_eq!((got.bytes, got.end), (100_000, true));
    let other = log(&scene, writer).got(0);
    assert_eq!((other.bytes, other.end), (20_000_000, true), "the other direction");
    scene.close(writer, S);
    scene.run();
    let outcome = log(&scene, writer).outcome().cloned().expect("it was closed");
    let Outcome::Unknown { streams, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(streams.len(), 1);
    assert!(streams[0].0 == 0 && streams[0].1 < 10_000_000, "{streams:?}");
    record("resets", &scene.world);
}

// spec: 7.4.5, 8.2
#[test]
fn a_reset_is_told_to_the_reader_with_its_code() {
    for (seed, writer) in [(1, End::Client), (2, End::Server)] {
        let mut scene = busy(seed);
        scene.call(writer, |session, _| session.reset(0, 77)).expect("there").expect("open");
        assert_eq!(
            scene.call(writer, |session, _| session.write(0, b"x")),
            Some(Err(Fail::Finished))
        );
        scene.world.run_for(S);
        let got = log(&scene, writer.other()).got(0);
        assert_eq!((got.end, got.reset), (false, Some(77)));
        the_rest_arrives(scene, writer);
    }
}

// spec: 7.4.5, 7.4.9
#[test]
fn a_stop_is_told_to_the_writer_with_its_code() {
    for (seed, writer) in [(3, End::Client), (4, End::Server)] {
        let mut scene = busy(seed);
        let stopped = scene.call(writer.other(), |session, log| {
            log.got.entry(0).or_default().given_up = true;
            session.stop(0, 78)
        });
        stopped.expect("there").expect("open");
        scene.world.run_for(S);
        assert_eq!(log(&scene, writer).written[&0].stopped, Some(78));
        the_rest_arrives(scene, writer);
    }
}
