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

/// The settings of `bulk` with packets as long as Ethernet takes them.
fn bulk() -> Config {
    Config { congestion: Congestion::Bbr, packet_size: Some(1_472), ..Config::bulk() }
}

/// A flow through a satellite, from the first byte that arrives on: 20 Mbit/s, 600 ms, a queue of one
/// bandwidth-delay product, and 1 % of the packets lost both ways.
fn satellite(seed: u64, config: Config) -> Bulk {
    let mut bulk = Bulk::path(seed, 20 * MBIT, 600 * MS, 1.0, 0.01);
    bulk.add_with(config);
    while bulk.received(0) == 0 {
        bulk.run_for(MS);
        assert!(bulk.world.now() - Instant::ZERO < 10 * S, "it begins, seed {seed}");
    }
    bulk
}

/// The share of what the satellite can carry, in the first 15 s and in the 20 s after, with the seeds
/// 1 to 5.
fn shares(what: &str, config: &Config) -> [Vec<f64>; 2] {
    let mut shares = [vec![], vec![]];
    for seed in 1..=5 {
        let mut bulk = satellite(seed, config.clone());
        for (list, time) in shares.iter_mut().zip([15 * S, 20 * S]) {
            let (begin, before) = (bulk.world.now(), bulk.received(0));
            bulk.run_for(time);
            list.push(bulk.share_since(begin, before));
            percent(format!("{what}, seed {seed}, {time:?}"), bulk.share_since(begin, before));
        }
        record("long start", &bulk.world);
    }
    for (list, name) in shares.iter_mut().zip(["start", "after it"]) {
        list.sort_by(f64::total_cmp);
        figure(format!("{what}, {name}, median"), format!("{:.1} %", list[2] * 100.0));
    }
    shares
}

#[test]
fn a_satellite_with_loss_is_used_from_the_start_on() {
    let [start, later] = shares("bulk", &bulk());
    assert!(start[2] > 0.85, "{start:?}");
    assert!(start[0] > 0.8, "{start:?}");
    // What the start has left behind a gap is read in it, so that it may be more than all.
    assert!(later[2] > 0.96, "{later:?}");
    assert!(later[0] > 0.93, "{later:?}");
}

#[test]
fn small_first_windows_grow_fast_enough_for_a_satellite() {
    let [start, later] =
        shares("balanced", &Config { packet_size: Some(1_200), ..Config::default() });
    assert!(start[2] > 0.8, "{start:?}");
    assert!(start[0] > 0.74, "{start:?}");
    assert!(later[2] > 0.96, "{later:?}");
    assert!(later[0] > 0.92, "{later:?}");
}

// spec: 8.4.1
#[test]
fn sixty_packets_leave_before_the_first_acknowledgement() {
    let mut bulk = satellite(1, bulk());
    let mut most = 0;
    // The first packet was on its way for 300 ms, and its acknowledgement is as long.
    for _ in 0..299 {
        bulk.run_for(MS);
        let in_flight = bulk.stats(0).bytes_in_flight;
        assert!(in_flight >= most, "nothing is acknowledged");
        most = in_flight;
    }
    figure("in flight before the first acknowledgement", format!("{most} bytes"));
    assert!((50 * 1_400..=60 * 1_472).contains(&most), "{most}");
}
