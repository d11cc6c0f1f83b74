//! Links that are gone for a while in mid-transfer (docs/PROTOCOL.md, 8.1.1): the transfer goes on
//! soon after they are back, and is soon as fast as before.

use core::time::Duration;

use rudp_proto::config::Congestion;
use rudp_testkit::rudp::Bulk;

use crate::figures::{figure, percent};
use crate::record::record;

const MBIT: u64 = 1_000_000;
const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const RTT: Duration = Duration::from_millis(50);
/// The most time between two probes by default.
const MOST: Duration = Duration::from_secs(2);

/// A flow that has run for 4 s when its link is gone for `outage`.
fn interrupted(congestion: Congestion, loss: f64, outage: Duration) -> Bulk {
    let mut bulk = Bulk::path(1, 20 * MBIT, RTT, 1.0, loss);
    bulk.add(congestion);
    bulk.run_for(4 * S);
    bulk.set_cut(true);
    bulk.run_for(outage);
    bulk.set_cut(false);
    bulk
}

// spec: 8.1.1
#[test]
fn a_transfer_goes_on_soon_after_its_link_is_back() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        // Up to where a probe still comes within the idle timeout.
        for outage in [200 * MS, S, 3 * S, 10 * S, 27 * S] {
            let mut bulk = interrupted(congestion, 0.0, outage);
            let pause = bulk.longest_pause(5 * S, MS);
            figure(format!("outage {outage:?}, {congestion:?}, pause"), format!("{pause:?}"));
            // The timer doubles from about two round trips up to its maximum: what is left of it
            // when the link is back is at most as long as the outage was.
            let most = outage.min(MOST) + 3 * RTT;
            assert!(pause <= most, "{congestion:?}, {outage:?}: {pause:?}");
            let begin = bulk.world.now();
            let before = bulk.received(0);
            bulk.run_for(5 * S);
            let share = bulk.share_since(begin, before);
            percent(format!("outage {outage:?}, {congestion:?}, share afterwards"), share);
            assert!(share > 0.85, "{congestion:?}, {outage:?}: {share}");
            record("outage", &bulk.world);
        }
    }
}

#[test]
fn lost_packets_do_not_make_it_last_longer() {
    for seconds in [1, 10] {
        let mut bulk = interrupted(Congestion::Bbr, 0.05, seconds * S);
        let pause = bulk.longest_pause(8 * S, MS);
        figure(format!("outage {seconds} s, 5 % loss, pause"), format!("{pause:?}"));
        // Two packets go with each probe, and seldom are both lost.
        assert!(pause <= MOST.min(seconds * S) + 6 * RTT, "{seconds}: {pause:?}");
        let begin = bulk.world.now();
        let before = bulk.received(0);
        bulk.run_for(5 * S);
        assert!(bulk.share_since(begin, before) > 0.85);
        record("lossy outage", &bulk.world);
    }
}

#[test]
fn one_way_alone_may_be_gone() {
    for is_back in [false, true] {
        let mut bulk = Bulk::path(1, 20 * MBIT, RTT, 1.0, 0.0);
        bulk.add(Congestion::Bbr);
        bulk.run_for(4 * S);
        let set = |bulk: &mut Bulk, loss| {
            let link = if is_back { bulk.back_mut(0) } else { bulk.link_mut() };
            link.loss = loss;
        };
        set(&mut bulk, 1.0);
        bulk.run_for(3 * S);
        set(&mut bulk, 0.0);
        let pause = bulk.longest_pause(5 * S, MS);
        figure(format!("outage of one way, back {is_back}, pause"), format!("{pause:?}"));
        assert!(pause <= MOST + 3 * RTT, "{is_back}: {pause:?}");
        assert!(bulk.rate(5 * S) > 0.8 * 20e6);
        record("one way", &bulk.world);
    }
}
