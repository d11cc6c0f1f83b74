//! Several sessions of one client that send as much as they may: one flow, in turns.

use core::time::Duration;

use rudp_proto::config::Congestion;
use rudp_testkit::rudp::Bulk;

/// What as many sessions reach together in 10 s, of 100 Mbit/s with a round trip of 50 ms and that loss.
fn share(sessions: usize, loss: f64) -> f64 {
    let mut bulk = Bulk::path(3, 100_000_000, Duration::from_millis(50), 1.0, loss);
    bulk.add(Congestion::Bbr);
    (1..sessions).for_each(|_| bulk.add_session(0));
    bulk.run_for(Duration::from_secs(10));
    bulk.share()
}

// spec: 8.4.2
#[test]
fn together_they_reach_what_one_does() {
    for loss in [0.0, 0.01, 0.05] {
        let one = share(1, loss);
        for sessions in [2, 8, 40] {
            let several = share(sessions, loss);
            assert!(
                several > one * 0.95,
                "{sessions} with loss {loss}: {several} instead of {one}"
            );
        }
    }
}
