//! Many clients at once: all of them are served, and none much worse than the others.
//! Ten thousand sessions are open at the same time.

use core::time::Duration;

use rudp_sim::LinkConfig;
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::rushb::{Got, Scene, Shop};
use rushb::{ClientConfig, ServerConfig};

use crate::record::record;

const MS: Duration = Duration::from_millis(1);

/// A thousand clients with equal links: what the slowest has when the mean has 50 packets.
fn fair(name: &str, max_in_flight: usize) {
    let shop = Shop::new().with("x", file(Alphabet::Bytes, 1_000 * 1_464));
    let config = ServerConfig { max_in_flight, ..ServerConfig::default() };
    let mut scene = Scene::new(1, shop, config);
    for _ in 0..1_000 {
        scene.download("x", ClientConfig::default(), LinkConfig::delay(MS * 10));
    }
    let bytes = |scene: &Scene| -> Vec<usize> {
        (0..1_000).map(|client| scene.client(client).bytes.len()).collect()
    };
    let mean = |bytes: &[usize]| bytes.iter().sum::<usize>() / bytes.len();
    while mean(&bytes(&scene)) < 50 * 1_464 {
        scene.world.run_for(MS * 10);
    }
    let bytes = bytes(&scene);
    let slowest = bytes.iter().min().copied().unwrap_or(0);
    assert!(2 * slowest >= mean(&bytes), "{slowest} bytes, and {} on average", mean(&bytes));
    record(name, &scene.world);
}

#[test]
fn the_slowest_of_a_thousand_gets_half_the_mean_at_least() {
    fair("fair", ServerConfig::default().max_in_flight);
}

#[test]
fn the_slowest_of_a_thousand_gets_half_the_mean_where_few_packets_may_fly() {
    fair("fair, few in flight", 50);
}

#[test]
fn ten_thousand_sessions_at_the_same_time_are_all_served() {
    let text = file(Alphabet::Bytes, 30 * 1_464);
    let shop = Shop::new().with("x", text.clone());
    let config = ServerConfig { max_in_flight: 10_000, ..ServerConfig::default() };
    let mut scene = Scene::new(1, shop, config);
    for _ in 0..10_000 {
        scene.download("x", ClientConfig::default(), LinkConfig::delay(MS * 50));
        scene.world.run_for(MS / 10);
    }
    scene.world.run_for(MS * 100);
    assert_eq!(scene.world.machine(scene.server).open_sessions(), 10_000);
    scene.run();
    let complete = (0..10_000).filter(|client| scene.got(*client, &text) == Got::Exact).count();
    assert_eq!(complete, 10_000);
    record("ten thousand", &scene.world);
}

#[test]
fn a_crowd_that_comes_in_one_instant_is_served() {
    let text = file(Alphabet::Bytes, 3 * 1_464);
    let shop = Shop::new().with("x", text.clone());
    let mut scene = Scene::new(1, shop, ServerConfig::default());
    let size = ServerConfig::default().max_unanswered;
    for _ in 0..size {
        scene.download("x", ClientConfig::default(), LinkConfig::delay(MS * 50));
    }
    scene.run();
    let complete = (0..size).filter(|client| scene.got(*client, &text) == Got::Exact).count();
    assert_eq!(complete, size);
    record("crowd", &scene.world);
}
