//! Delivered is never claimed falsely: either end dies at a random instant, perhaps to be reborn
//! with the same key or another, and whoever claims Delivered has a peer whose program had read it.

use core::ops::Range;
use core::time::Duration;

use rudp_base::{PublicRng, Seed};
use rudp_proto::Outcome;
use rudp_sim::{LinkConfig, seeds};
use rudp_testkit::rudp::{Actor, End, Log, Plan, Scene, server_address};

use crate::oracle::{check_one_way, log_of};
use crate::random::{ends, happen, link, millis, plan};
use crate::record::{combine, record_digest};

/// A new endpoint takes the dead server's place.
fn reborn(rng: &mut PublicRng, scene: &mut Scene, link: &LinkConfig) {
    // The reset key is the same, where it is set, and the server's key with the same seed.
    let seed = if rng.chance(0.5) { scene.world.seed() } else { scene.world.seed() + 1 };
    let mut endpoint = scene.ends.endpoint(seed, End::Server, "server");
    endpoint.listen();
    let actor = Actor::new(End::Server, Plan::receive());
    let node = scene.world.add(server_address(), endpoint, actor);
    scene.world.connect(scene.clients[0].0, node, link.clone());
}

/// Plays a scene in which one end dies, and says whether the other one claims Delivered.
fn play(seed: u64, digest: &mut u64) -> bool {
    let rng = &mut Seed::from_u64(seed).public_stream("deaths");
    let (mut ends, link) = (ends(rng), link(rng, 0.3));
    if rng.chance(0.5) {
        ends.server.reset_key = Some([5; 32]);
    }
    let mut scene = Scene::pair_of(seed, ends, link.clone(), plan(rng), plan(rng));
    // Close both soon, so that death comes at all stages of the end.
    let (dead, left) =
        if rng.chance(0.7) { (End::Server, End::Client) } else { (End::Client, End::Server) };
    for _ in 0..rng.below(8) {
        scene.world.run_for(millis(rng, 40));
        happen(rng, &mut scene);
    }
    scene.world.set_partitioned(scene.clients[0].0, scene.server, false);
    scene.world.run_for(millis(rng, 200));
    scene.close(left, Duration::from_secs(20));
    if rng.chance(0.3) {
        scene.world.run_for(millis(rng, 100));
        scene.close(dead, Duration::from_secs(20));
    }
    scene.world.run_for(if rng.chance(0.3) { millis(rng, 2_000) } else { millis(rng, 250) });
    let node = if dead == End::Server { scene.server } else { scene.clients[0].0 };
    scene.world.kill(node);
    if dead == End::Server && rng.chance(0.6) {
        scene.world.run_for(millis(rng, 50));
        reborn(rng, &mut scene, &link);
    }
    scene.run_out();
    *digest = combine(*digest, scene.world.digest());
    let survivor = if left == End::Server { scene.server } else { scene.clients[0].0 };
    assert_eq!(scene.world.machine(survivor).sessions(), 0, "{left:?} keeps a session");
    let Some(left) = log_of(&scene, left) else { return false };
    match log_of(&scene, dead) {
        Some(dead) => check_one_way(left, dead),
        None => assert!(wrote_nothing(left) || left.outcome() != Some(&Outcome::Delivered)),
    }
    left.outcome() == Some(&Outcome::Delivered) && !wrote_nothing(left)
}

fn wrote_nothing(log: &Log) -> bool {
    log.written.values().all(|written| written.done == 0) && log.sent_messages.is_empty()
}

fn play_all(name: &str, range: Range<u64>) {
    let (mut digest, mut claims, mut all) = (0, 0, 0);
    seeds(range, |seed| {
        claims += u64::from(play(seed, &mut digest));
        all += 1;
    });
    println!("{name}: {claims} of {all} claim Delivered");
    assert!(all < 100 || (all / 20..all).contains(&claims), "{claims} of {all} claim Delivered");
    record_digest(name, digest);
}

// spec: 7.6.2, 9.2.5
#[test]
fn whoever_claims_delivered_is_right_though_the_other_dies() {
    play_all("deaths", 10_000..10_800);
}
