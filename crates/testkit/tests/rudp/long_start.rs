//! The start of transfers on paths with much in flight and some loss: how soon they are used.

use core::time::Duration;

use rudp_base::Instant;
use rudp_proto::config::{Config, Congestion};
use rudp_testkit::rudp::Bulk;

use crate::figures::{figure, percent};
use crate::record::record;

const MBIT: u64 = 1_000_000;
const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// The share of what the path can carry in `time` from the first byte that arrives on.
fn share(rate: u64, rtt: Duration, loss: f64, seed: u64, time: Duration) -> f64 {
    let mut bulk = Bulk::path(seed, rate, rtt, 1.0, loss);
    bulk.add_with(Config { congestion: Congestion::Bbr, ..Config::default() });
    while bulk.received(0) == 0 {
        bulk.run_for(MS);
        assert!(bulk.world.now() - Instant::ZERO < 10 * S, "it begins");
    }
    let begin = bulk.world.now();
    bulk.run_for(time);
    record("long start", &bulk.world);
    bulk.share_since(begin, 0)
}

#[test]
fn a_satellite_with_loss_is_used_from_the_start_on() {
    let mut shares: Vec<f64> =
        (1..=5).map(|seed| share(20 * MBIT, 600 * MS, 0.01, seed, 15 * S)).collect();
    shares.sort_by(f64::total_cmp);
    for share in &shares {
        percent("20 Mbit/s, 600 ms, 1 % loss, 15 s from the first byte", *share);
    }
    figure("median", format!("{:.1} %", shares[2] * 100.0));
    assert!(shares[2] > 0.8, "{shares:?}");
    assert!(shares[0] > 0.7, "{shares:?}");
}
