//! Flow control: tiny windows, readers that pause, and windows that grow.

use core::time::Duration;

use rudp_proto::Outcome;
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{Ends, Plan, Scene};

use crate::record::record;

fn link() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(1))
}

#[test]
fn a_window_of_one_byte_carries_everything() {
    let mut ends = Ends::default();
    let session = &mut ends.server.session;
    (session.stream_window, session.max_stream_window) = (1, 1);
    (session.session_window, session.max_session_window) = (1, 1);
    let mut scene = Scene::pair_of(1, ends, link(), Plan::send(500), Plan::receive());
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    assert_eq!(scene.server_log().got(0).bytes, 500);
    record("one byte", &scene.world);
}

#[test]
fn a_reader_that_pauses_holds_the_writer() {
    let reader = Plan { read_size: 0, ..Plan::receive() };
    let mut scene = Scene::pair(2, link(), Plan::send(40_000_000), reader);
    scene.world.run_for(Duration::from_secs(20));
    let written = scene.log(0).written[&0].done;
    assert!(written < 20_000_000, "{written} bytes written, which nobody reads");
    let server = scene.server;
    scene.world.with(server, |now, endpoint, actor| {
        actor.plan.read_size = 4_096;
        let handle = *actor.logs.keys().next().expect("a session");
        actor.act(now, endpoint, handle);
    });
    scene.run();
    assert_eq!(scene.server_log().got(0).bytes, 40_000_000);
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("pause", &scene.world);
}

#[test]
fn windows_grow_to_what_the_path_takes() {
    let link = LinkConfig::delay(Duration::from_millis(50)).rate(50_000_000);
    let mut scene = Scene::pair(3, link, Plan::send(20_000_000), Plan::receive());
    scene.run();
    let took = scene.log(0).outcome.as_ref().expect("it closed").1 - rudp_base::Instant::ZERO;
    // 3.3 s at the link's rate; a window that does not grow would take 15 s and more.
    assert!(took < Duration::from_secs(6), "{took:?}");
    record("growth", &scene.world);
}
