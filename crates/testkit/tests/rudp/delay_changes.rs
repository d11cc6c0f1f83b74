//! Round-trip times that change in mid-transfer: spikes, and routes that become longer for good.
//! Neither is taken for loss, and bandwidth is used again soon.

use core::time::Duration;

use rudp_proto::config::Congestion;
use rudp_testkit::rudp::Bulk;

use crate::figures::{figure, percent};
use crate::record::record;

const MBIT: u64 = 1_000_000;
const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn flow(congestion: Congestion) -> Bulk {
    let mut bulk = Bulk::path(1, 100 * MBIT, 50 * MS, 1.0, 0.0);
    bulk.add(congestion);
    bulk.run_for(4 * S);
    bulk
}

/// The share of the next `time`, and how many packets were wrongly taken for lost since `before`.
fn measure(name: &str, bulk: &mut Bulk, time: Duration) -> f64 {
    let (begin, before) = (bulk.world.now(), bulk.received(0));
    bulk.run_for(time);
    let share = bulk.share_since(begin, before);
    percent(name, share);
    share
}

fn spurious(name: &str, bulk: &mut Bulk) -> u64 {
    let stats = bulk.stats(0);
    let all = (stats.packets_lost, stats.packets_spurious, stats.probe_timeouts);
    figure(format!("{name}, packets lost, spurious, probes"), format!("{all:?}"));
    stats.packets_spurious
}

#[test]
fn spikes_of_delay_are_not_taken_for_loss() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        let name = format!("spike of 200 ms, {congestion:?}");
        let mut bulk = flow(congestion);
        let before = bulk.stats(0).packets_spurious;
        bulk.set_rtt(250 * MS);
        let during = measure(&format!("{name}, during"), &mut bulk, 2 * S);
        bulk.set_rtt(50 * MS);
        let after = measure(&format!("{name}, after"), &mut bulk, 6 * S);
        // The window of 50 ms is what two and a half such windows would be needed for.
        assert!(during > 0.3, "{name}: {during}");
        assert!(after > 0.85, "{name}: {after}");
        let spurious = spurious(&name, &mut bulk) - before;
        assert!(spurious <= 20, "{name}: {spurious}");
        record("spike", &bulk.world);
    }
}

#[test]
fn a_longer_route_is_used_as_well() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        let name = format!("50 to 150 ms, {congestion:?}");
        let mut bulk = flow(congestion);
        let before = bulk.stats(0).packets_spurious;
        bulk.set_rtt(150 * MS);
        let first = measure(&format!("{name}, first 4 s"), &mut bulk, 4 * S);
        measure(&format!("{name}, until the minimum is forgotten"), &mut bulk, 8 * S);
        let after = measure(&format!("{name}, afterwards"), &mut bulk, 6 * S);
        assert!(first > 0.5, "{name}: {first}");
        assert!(after > 0.85, "{name}: {after}");
        let spurious = spurious(&name, &mut bulk) - before;
        assert!(spurious <= 20, "{name}: {spurious}");
        record("route", &bulk.world);
    }
}
