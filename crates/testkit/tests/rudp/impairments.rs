//! Bad networks: loss, reordering, duplication, damage, partitions. What is delivered is exact.

use core::time::Duration;

use rudp_proto::Outcome;
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{Plan, Scene};

use crate::record::{combine, record, record_digest};

fn base() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(20)).rate(20_000_000)
}

fn deliver(name: &str, link: &LinkConfig) {
    let mut digest = 0;
    for seed in 0..5 {
        let mut scene = Scene::pair(seed, link.clone(), Plan::send(200_000), Plan::receive());
        scene.run();
        assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered), "{name}, seed {seed}");
        assert_eq!(scene.server_log().got(0).bytes, 200_000, "{name}, seed {seed}");
        digest = combine(digest, scene.world.digest());
    }
    record_digest(name, digest);
}

#[test]
fn loss() {
    deliver("1 % loss", &LinkConfig { loss: 0.01, ..base() });
    deliver("20 % loss", &LinkConfig { loss: 0.2, ..base() });
}

#[test]
fn reordering() {
    let reorder_by = Duration::from_millis(15);
    deliver("reordering", &LinkConfig { reorder: 0.1, reorder_by, ..base() });
    let jitter = Duration::from_millis(10);
    deliver("jitter", &LinkConfig { jitter, jitter_reorders: true, ..base() });
}

#[test]
fn duplication() {
    deliver("duplication", &LinkConfig { duplicate: 0.3, ..base() });
}

#[test]
fn damage() {
    deliver("damage", &LinkConfig { corrupt: 0.05, ..base() });
}

#[test]
fn short_queues() {
    deliver("short queue", &base().queue_bdp(0.5, Duration::from_millis(40)));
}

#[test]
fn everything_at_once() {
    let link = LinkConfig {
        loss: 0.05,
        reorder: 0.05,
        reorder_by: Duration::from_millis(10),
        duplicate: 0.05,
        corrupt: 0.02,
        jitter: Duration::from_millis(5),
        ..base()
    };
    deliver("everything", &link);
}

#[test]
fn a_partition_that_heals_is_survived() {
    let mut scene = Scene::pair(7, base(), Plan::send(2_000_000), Plan::receive());
    let (client, server) = (scene.clients[0].0, scene.server);
    scene.world.run_for(Duration::from_millis(500));
    scene.world.set_partitioned(client, server, true);
    scene.world.run_for(Duration::from_secs(15));
    scene.world.set_partitioned(client, server, false);
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("partition", &scene.world);
}
