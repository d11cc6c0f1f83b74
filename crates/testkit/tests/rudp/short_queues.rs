//! What is sent beyond what the loss of the path requires, where its queue is short.

use core::time::Duration;

use rudp_proto::config::Congestion;
use rudp_testkit::rudp::Bulk;

use crate::figures::figure;
use crate::record::record;

const S: Duration = Duration::from_secs(1);
const RTT: Duration = Duration::from_millis(50);

#[test]
fn little_is_sent_that_loss_does_not_require() {
    // In a shorter queue, what a probe for bandwidth costs is more.
    for (bdps, most) in [(1.0, 1.0), (0.25, 2.0)] {
        for loss in [0.0, 0.001, 0.01, 0.05, 0.1] {
            let mut bulk = Bulk::path(1, 100_000_000, RTT, bdps, loss);
            bulk.add(Congestion::Bbr);
            bulk.run_for(15 * S);
            let name = format!("queue of {bdps} BDP, {} % loss", loss * 100.0);
            let (share, waste) = (bulk.share(), bulk.waste());
            figure(&name, format!("waste {waste:.2} of what is allowed, share {share:.3}"));
            assert!(waste <= most, "{name}: {waste}");
            assert!(share > 0.85, "{name}: {share}");
            record("short queue", &bulk.world);
        }
    }
}

#[test]
fn a_start_that_losses_ended_is_made_good() {
    // A tenth of what is on the way has room in the queue: most of what the start sends too fast is lost.
    let share = |seed| {
        let mut bulk = Bulk::path(seed, 100_000_000, RTT, 0.1, 0.0);
        bulk.add(Congestion::Bbr);
        bulk.run_for(10 * S);
        record("start", &bulk.world);
        bulk.share()
    };
    let mut shares: Vec<f64> = (1..=5).map(share).collect();
    shares.sort_by(f64::total_cmp);
    figure("a start in a queue of 0.1 BDP, shares", format!("{shares:.3?}"));
    assert!(shares[2] > 0.77, "seeds 1 to 5, sorted: {shares:?}");
}
