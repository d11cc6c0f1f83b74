//! Few packets in flight, of which some are lost: a window that waits for an acknowledgement that waits
//! for it stands still for as long as that may wait.

use core::time::Duration;

use rudp_proto::config::Config;
use rudp_testkit::rudp::Bulk;

use crate::figures::percent;
use crate::record::record;

const MBIT: u64 = 1_000_000;

/// The share of what arrives of a flow with these settings in 5 s.
fn share(name: &str, (rate, rtt): (u64, Duration), loss: f64, config: Config) -> f64 {
    let mut bulk = Bulk::path(1, rate, rtt, 10.0, loss);
    bulk.add_with(config);
    bulk.run_for(Duration::from_secs(5));
    let share = bulk.share();
    percent(name, share);
    record(name, &bulk.world);
    share
}

#[test]
fn losses_cost_little_where_few_packets_are_in_flight() {
    // (rate in Mbit/s, round trip in microseconds, loss)
    let paths = [
        (100, 300, 0.03),
        (100, 1_000, 0.01),
        (100, 1_000, 0.05),
        (10, 5_000, 0.05),
        (10, 10_000, 0.01),
        (2, 5_000, 0.01),
    ];
    for (rate, micros, loss) in paths {
        for (profile, config) in [("balanced", Config::default()), ("bulk", Config::bulk())] {
            let name = format!("{rate} Mbit/s, {micros} us, {loss}, {profile}");
            let rtt = Duration::from_micros(micros);
            let share = share(&name, (rate * MBIT, rtt), loss, config);
            assert!(share > 0.85, "{name}: {share:.3}");
        }
    }
}
