//! What paths do to congestion marks (docs/PROTOCOL.md, 8.5): drop the packets that could bear them,
//! clear them, or set them as they should.

use core::time::Duration;

use rudp_proto::config::Congestion;
use rudp_sim::{EcnHandling, LinkConfig};
use rudp_testkit::rudp::Bulk;

use crate::figures::{figure, percent};
use crate::record::record;

const MBIT: u64 = 1_000_000;
const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn bulk(congestion: Congestion, change: impl Fn(&mut LinkConfig)) -> Bulk {
    let mut bulk = Bulk::path(1, 100 * MBIT, 50 * MS, 1.0, 0.0);
    bulk.add(congestion);
    change(bulk.link_mut());
    change(bulk.back_mut(0));
    bulk
}

// spec: 8.5
#[test]
fn paths_that_drop_what_could_be_marked_cost_a_moment() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        let mut bulk = bulk(congestion, |link| link.ecn = EcnHandling::Dropped);
        bulk.run_for(10 * S);
        percent(format!("ECT dropped from the start, {congestion:?}"), bulk.share());
        assert!(bulk.share() > 0.85, "{congestion:?}: {}", bulk.share());
        // Two tests of ten packets.
        assert!(bulk.link().dropped_ecn <= 24, "{:?}", bulk.link());
        record("black hole", &bulk.world);
    }
}

// spec: 8.5
#[test]
fn a_route_that_begins_to_drop_them_is_noticed() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        let mut bulk = bulk(congestion, |_| ());
        bulk.run_for(3 * S);
        bulk.link_mut().ecn = EcnHandling::Dropped;
        bulk.back_mut(0).ecn = EcnHandling::Dropped;
        let pause = bulk.longest_pause(4 * S, MS);
        figure(format!("ECT dropped in mid-transfer, {congestion:?}, pause"), format!("{pause:?}"));
        assert!(pause < 500 * MS, "{congestion:?}: {pause:?}");
        let rate = bulk.rate(5 * S) / 1e6;
        figure(format!("ECT dropped in mid-transfer, {congestion:?}"), format!("{rate:.1} Mbit/s"));
        assert!(rate > 85.0, "{congestion:?}: {rate} Mbit/s");
        record("black hole begins", &bulk.world);
    }
}

// spec: 8.5
#[test]
fn tests_have_ten_packets_where_many_leave_at_once() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        let mut bulk = Bulk::path(1, 1_000 * MBIT, 10 * MS, 1.0, 0.0);
        bulk.add(congestion);
        bulk.run_for(S);
        bulk.link_mut().ecn = EcnHandling::Dropped;
        let before = bulk.stats(0).probe_timeouts;
        while bulk.stats(0).probe_timeouts == before {
            bulk.run_for(MS);
        }
        // What was in flight is gone. Now it is asked again.
        let dropped = bulk.link().dropped_ecn;
        bulk.run_for(S);
        let tested = bulk.link().dropped_ecn - dropped;
        figure(format!("ECT dropped at 1 Gbit/s, {congestion:?}, tested by"), format!("{tested}"));
        assert!((1..=10).contains(&tested), "{congestion:?}: {tested}");
        record("black hole begins, 1 Gbit/s", &bulk.world);
    }
}

// spec: 8.5
#[test]
fn marks_that_are_cleared_are_not_missed() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        for begins in [0, 3] {
            let mut bulk = bulk(congestion, |_| ());
            bulk.run_for(begins * S);
            bulk.link_mut().ecn = EcnHandling::Bleached;
            let pause = bulk.longest_pause(2 * S, MS);
            bulk.run_for((8 - begins) * S);
            let name = format!("bleached after {begins} s, {congestion:?}");
            percent(&name, bulk.share());
            figure(&name, format!("{pause:?} of pause"));
            assert!(bulk.share() > 0.9, "{name}: {}", bulk.share());
            record("bleached", &bulk.world);
        }
    }
}

// spec: 8.5
#[test]
fn queues_that_mark_are_short_and_lose_nothing() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        // Marks from a queue of 10 ms on.
        let mut bulk = bulk(congestion, |link| link.ce_threshold = Some(125_000));
        bulk.run_for(2 * S);
        let (begin, before, dropped) =
            (bulk.world.now(), bulk.received(0), bulk.link().dropped_queue);
        bulk.run_for(10 * S);
        let (share, link) = (bulk.share_since(begin, before), bulk.link());
        percent(format!("marked from 10 ms on, {congestion:?}"), share);
        figure(
            format!("marked from 10 ms on, {congestion:?}, marks, drops, mean delay"),
            format!("{} {} {:?}", link.ce_marked, link.dropped_queue, link.queue_delay_mean()),
        );
        assert!(share > 0.88, "{congestion:?}: {share}");
        assert_eq!(link.dropped_queue - dropped, 0, "{congestion:?}");
        assert!(link.ce_marked > 0 && link.queue_delay_mean() < 15 * MS, "{link:?}");
        record("marked", &bulk.world);
    }
}
