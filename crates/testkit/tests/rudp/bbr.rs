//! BBR over simulated links: how much gets through, what that costs, and how it shares. The bounds
//! are coarser than what is reached: see the example `goodput`.

use core::time::Duration;

use rudp_proto::config::Congestion;
use rudp_sim::BurstLoss;
use rudp_testkit::rudp::Bulk;

use crate::record::record;

const MBIT: u64 = 1_000_000;
const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn transfer(rate: u64, rtt: u32, loss: f64, time: Duration) -> Bulk {
    let mut bulk = Bulk::path(1, rate * MBIT, rtt * MS, 1.0, loss);
    bulk.add(Congestion::Bbr);
    bulk.run_for(time);
    bulk
}

/// Megabits per second that flow 0 gets in the next `time`.
fn rate(bulk: &mut Bulk, time: Duration) -> f64 {
    let before = bulk.received(0);
    bulk.run_for(time);
    (bulk.received(0) - before) as f64 * 8.0 / 1e6 / time.as_secs_f64()
}

#[test]
fn random_loss_costs_little_more_than_what_is_lost() {
    for (loss, least) in [(0.0, 0.95), (0.001, 0.94), (0.01, 0.94), (0.05, 0.9), (0.1, 0.86)] {
        let mut bulk = transfer(40, 40, loss, 15 * S);
        let (share, waste) = (bulk.share(), bulk.waste());
        assert!(share > least, "{loss}: {share}");
        assert!(waste < 1.0, "{loss}: {waste}");
        record("loss", &bulk.world);
    }
}

#[test]
fn long_and_fast_paths_are_used() {
    for (mbit, rtt, loss, least) in [(150, 100, 0.01, 0.8), (20, 300, 0.01, 0.65)] {
        let bulk = transfer(mbit, rtt, loss, 12 * S);
        assert!(bulk.share() > least, "{mbit} Mbit/s, {rtt} ms: {}", bulk.share());
        record("long", &bulk.world);
    }
}

#[test]
fn bursts_of_loss_cost_about_as_much() {
    let share = |seed| {
        let mut bulk = Bulk::path(seed, 40 * MBIT, 40 * MS, 1.0, 0.0);
        let burst = BurstLoss { enter: 0.0132, leave: 0.25, good_loss: 0.0, bad_loss: 1.0 };
        bulk.link_mut().burst_loss = Some(burst);
        bulk.add(Congestion::Bbr);
        bulk.run_for(15 * S);
        record("bursts", &bulk.world);
        bulk.share()
    };
    // A burst at the wrong moment costs one flow much, so that the median of five counts.
    let mut shares: Vec<f64> = (1..=5).map(share).collect();
    shares.sort_by(f64::total_cmp);
    // 5 % are lost, which the link does not know of itself.
    assert!(shares[2] > 0.95 * 0.88, "seeds 1 to 5, sorted: {shares:?}");
}

#[test]
fn a_deep_queue_stays_short() {
    let mut bulk = Bulk::path(1, 20 * MBIT, 40 * MS, 10.0, 0.0);
    bulk.add(Congestion::Bbr);
    bulk.run_for(20 * S);
    let delay = bulk.link().queue_delay_mean();
    assert!(delay < 10 * MS, "{delay:?}");
    assert!(bulk.share() > 0.94, "{}", bulk.share());
    record("queue", &bulk.world);
}

#[test]
fn cubic_gets_its_share() {
    let own = |seed| {
        let mut bulk = Bulk::path(seed, 50 * MBIT, 40 * MS, 1.0, 0.0);
        bulk.add(Congestion::Bbr);
        bulk.add(Congestion::Cubic);
        bulk.run_for(60 * S);
        assert!(bulk.share() > 0.9, "seed {seed}: {}", bulk.share());
        record("cubic", &bulk.world);
        bulk.received(0) as f64 / (bulk.received(0) + bulk.received(1)) as f64
    };
    let mut shares: Vec<f64> = (1..=3).map(own).collect();
    shares.sort_by(f64::total_cmp);
    assert!((0.35..0.65).contains(&shares[1]), "seeds 1 to 3, sorted: {shares:?}");
}

#[test]
fn flows_of_its_kind_share_fairly() {
    // Whoever comes half a second later meets one that has everything.
    // (queue in BDPs, milliseconds, random loss, least median of Jain's index)
    let table = [
        (1.0, 0, 0.0, 0.95),
        (1.0, 50, 0.0, 0.9),
        (1.0, 500, 0.0, 0.8),
        (0.1, 0, 0.0, 0.9),
        (1.0, 500, 0.05, 0.85),
    ];
    for (bdps, apart, loss, least) in table {
        let jain = |seed| {
            let mut bulk = Bulk::path(seed, 50 * MBIT, 40 * MS, bdps, loss);
            for _ in 0..4 {
                bulk.add(Congestion::Bbr);
                bulk.run_for(apart * MS);
            }
            bulk.run_for(60 * S);
            let link = bulk.link();
            // Where the queue is too short to be seen, its losses must not be taken for the path's.
            assert!(link.dropped_queue * 40 < link.offered, "{bdps}, seed {seed}: {link:?}");
            record("fairness", &bulk.world);
            let received = (0..4).map(|flow| bulk.received(flow) as f64);
            let (sum, squares) = received.fold((0.0, 0.0), |(a, b), x| (a + x, b + x * x));
            sum * sum / (4.0 * squares)
        };
        let mut indices: Vec<f64> = (1..=3).map(jain).collect();
        indices.sort_by(f64::total_cmp);
        let name = format!("{bdps} BDP, {apart} ms, loss {loss}");
        assert!(indices[1] > least, "{name}, seeds 1 to 3, sorted: {indices:?}");
    }
}

#[test]
fn a_second_flow_gets_half() {
    let mut bulk = Bulk::path(1, 20 * MBIT, 40 * MS, 1.0, 0.0);
    bulk.add(Congestion::Bbr);
    bulk.run_for(10 * S);
    bulk.add(Congestion::Bbr);
    bulk.run_for(20 * S);
    let before = (bulk.received(0), bulk.received(1));
    bulk.run_for(10 * S);
    let (first, second) = (bulk.received(0) - before.0, bulk.received(1) - before.1);
    let share = second as f64 / (first + second) as f64;
    assert!((0.3..0.7).contains(&share), "{share}");
    record("second", &bulk.world);
}

#[test]
fn bandwidth_that_comes_and_goes_is_followed() {
    for loss in [0.0, 0.05] {
        let mut bulk = transfer(20, 40, loss, 5 * S);
        let base = 20.0 * (1.0 - loss);
        bulk.link_mut().rate = Some(40 * MBIT);
        bulk.run_for(6 * S);
        let doubled = rate(&mut bulk, 5 * S);
        assert!(doubled > 2.0 * base * 0.8, "{loss}: {doubled}");
        bulk.link_mut().rate = Some(20 * MBIT);
        bulk.run_for(8 * S);
        let halved = rate(&mut bulk, 5 * S);
        assert!(halved > base * 0.8, "{loss}: {halved}");
        let rtt = bulk.stats(0).smoothed_rtt;
        assert!(rtt < 80 * MS, "{loss}: {rtt:?} with a queue of 80 ms");
        record("bandwidth", &bulk.world);
    }
}

#[test]
fn a_longer_way_is_followed_and_a_spike_forgotten() {
    let mut bulk = transfer(20, 40, 0.01, 5 * S);
    bulk.link_mut().delay = 60 * MS;
    bulk.run_for(12 * S);
    let longer = rate(&mut bulk, 5 * S);
    assert!(longer > 20.0 * 0.8, "{longer}");
    // Everything is late by a third of a second for a moment.
    bulk.link_mut().delay = 400 * MS;
    bulk.run_for(300 * MS);
    bulk.link_mut().delay = 20 * MS;
    bulk.run_for(3 * S);
    let shorter = rate(&mut bulk, 5 * S);
    assert!(shorter > 20.0 * 0.8, "{shorter}");
    record("delay", &bulk.world);
}

#[test]
fn packets_out_of_order_and_lumps_of_acknowledgements_do_no_harm() {
    let mut bulk = Bulk::path(1, 20 * MBIT, 40 * MS, 1.0, 0.0);
    bulk.link_mut().reorder = 0.01;
    bulk.link_mut().reorder_by = 5 * MS;
    bulk.link_mut().jitter = 10 * MS;
    bulk.add(Congestion::Bbr);
    bulk.run_for(20 * S);
    assert!(bulk.share() > 0.8, "{}", bulk.share());
    record("order", &bulk.world);
}

// spec: 8.5
#[test]
fn marks_keep_the_queue_short_nearly_without_losses() {
    let mut bulk = Bulk::path(1, 20 * MBIT, 40 * MS, 1.0, 0.0);
    bulk.link_mut().ce_threshold = Some(40_000);
    bulk.add(Congestion::Bbr);
    bulk.run_for(20 * S);
    let link = bulk.link();
    assert!(link.ce_marked > 0 && link.dropped_queue * 500 < link.offered, "{link:?}");
    assert!(bulk.share() > 0.8, "{}", bulk.share());
    record("marks", &bulk.world);
}
