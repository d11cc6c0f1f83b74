//! Peers that die or restart: it is reported in a bounded time, and nothing is claimed that is not
//! so.

use core::time::Duration;

use rudp_proto::{Ended, Outcome};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{Actor, End, Ends, Plan, Scene, server_address};

use crate::record::record;

fn link() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(10)).rate(10_000_000)
}

#[test]
fn a_dead_peer_is_reported_after_the_idle_timeout() {
    let mut scene = Scene::pair(1, link(), Plan::send(10_000_000), Plan::receive());
    scene.world.run_for(Duration::from_secs(1));
    let died = scene.world.now();
    scene.world.kill(scene.server);
    scene.run_out();
    let (ended, at) = scene.log(0).ended.clone().expect("it ended");
    assert_eq!(ended, Ended::Silent);
    let waited = at - died;
    assert!(waited < Duration::from_secs(35), "{waited:?}");
    assert!(matches!(scene.log(0).outcome(), Some(Outcome::Unknown { .. })));
    record("dead", &scene.world);
}

#[test]
fn a_restarted_peer_is_noticed_within_a_round_trip() {
    let mut ends = Ends::default();
    ends.server.reset_key = Some([5; 32]);
    let mut scene = Scene::pair_of(2, ends, link(), Plan::send(10_000_000), Plan::receive());
    scene.world.run_for(Duration::from_secs(1));
    scene.world.kill(scene.server);
    let mut endpoint = scene.ends.endpoint(77, End::Server, "server");
    endpoint.listen();
    let reborn =
        scene.world.add(server_address(), endpoint, Actor::new(End::Server, Plan::receive()));
    scene.world.connect(scene.clients[0].0, reborn, link());
    let restarted = scene.world.now();
    scene.run_out();
    let (ended, at) = scene.log(0).ended.clone().expect("it ended");
    assert_eq!(ended, Ended::Forgotten);
    let noticed = at - restarted;
    assert!(noticed < Duration::from_millis(200), "{noticed:?}");
    record("restarted", &scene.world);
}
