//! The same seed gives the same packets at the same nanosecond, whatever happens on the way.
//! One rich scenario is played twice in one process.

use core::time::Duration;

use rudp_sim::{BurstLoss, Corruption, LinkConfig};
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::rushb::{Raw, Scene, Shop};
use rushb::{ClientConfig, ServerConfig};

use crate::record::record;

/// Fifty clients with all options, a few names and every impairment.
fn rich(seed: u64) -> Scene {
    let shop = Shop::new()
        .with("x", file(Alphabet::Encodable, 30_000))
        .with("y", file(Alphabet::Bytes, 50_000))
        .with("empty", *b"");
    let config = ServerConfig { max_in_flight: 20, max_sessions: 40, ..ServerConfig::default() };
    let mut scene = Scene::new(seed, shop, config);
    let link = LinkConfig {
        loss: 0.03,
        burst_loss: Some(BurstLoss { enter: 0.01, leave: 0.3, good_loss: 0.0, bad_loss: 0.9 }),
        corrupt: 0.03,
        corruption: Corruption::Noise { longest: 50 },
        duplicate: 0.05,
        reorder: 0.05,
        reorder_by: Duration::from_millis(30),
        jitter: Duration::from_millis(7),
        jitter_reorders: true,
        ..LinkConfig::delay(Duration::from_millis(20)).rate(5_000_000)
    };
    let flags = [0, Raw::CHK, Raw::ENC, Raw::CHK | Raw::ENC];
    for (client, name) in ["x", "y", "empty", "missing"].into_iter().cycle().take(50).enumerate() {
        let options = Raw::options(flags[client / 4 % 4]);
        let config = ClientConfig { options, ..ClientConfig::default() };
        scene.download(name, config, link.clone());
        scene.world.run_for(Duration::from_millis(3));
    }
    scene.run();
    scene
}

#[test]
fn a_seed_has_one_digest() {
    let (first, second, other) = (rich(1), rich(1), rich(2));
    assert_eq!(first.world.digest(), second.world.digest());
    assert_eq!(first.world.trace().events(), second.world.trace().events());
    assert_eq!(first.shop().ended, second.shop().ended);
    assert_ne!(first.world.digest(), other.world.digest());
    record("rich", &first.world);
}
