//! What bad links do to the order and number of packets: bursts of loss, reordering, duplicates,
//! damage. How much gets through is bounded, and not only that something does.

use core::time::Duration;

use rudp_proto::config::Congestion;
use rudp_sim::{BurstLoss, LinkConfig};
use rudp_testkit::rudp::Bulk;

use crate::figures::{figure, percent};
use crate::record::record;

const MBIT: u64 = 1_000_000;
const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// A flow over 100 Mbit/s and 50 ms after its start, with both ways changed, and its share of what
/// arrives in 8 s.
fn share(name: &str, change: impl Fn(&mut LinkConfig)) -> (Bulk, f64) {
    share_of(1, name, change)
}

/// The same with another seed.
fn share_of(seed: u64, name: &str, change: impl Fn(&mut LinkConfig)) -> (Bulk, f64) {
    let mut bulk = Bulk::path(seed, 100 * MBIT, 50 * MS, 1.0, 0.0);
    bulk.add(Congestion::Bbr);
    change(bulk.link_mut());
    change(bulk.back_mut(0));
    bulk.run_for(2 * S);
    let (begin, before) = (bulk.world.now(), bulk.received(0));
    bulk.run_for(8 * S);
    let share = bulk.share_since(begin, before);
    percent(name, share);
    let stats = bulk.stats(0);
    let all = (stats.packets_sent, stats.packets_lost, stats.packets_spurious);
    figure(format!("{name}, packets sent, lost, spurious"), format!("{all:?}"));
    record(name, &bulk.world);
    (bulk, share)
}

#[test]
fn bursts_of_loss_cost_what_they_lose() {
    // (lost in all, packets in a row)
    for (loss, burst) in [(0.01, 4.0), (0.05, 4.0), (0.02, 20.0)] {
        let leave = 1.0 / burst;
        let enter = leave * loss / (1.0 - loss);
        let model = BurstLoss { enter, leave, good_loss: 0.0, bad_loss: 1.0 };
        let name = format!("bursts of {burst}, {} % in all", loss * 100.0);
        // A burst at the wrong moment costs one flow much, so that the median of nine counts.
        let mut shares: Vec<f64> = (1..=9)
            .map(|seed| share_of(seed, &name, |link| link.burst_loss = Some(model)).1)
            .collect();
        shares.sort_by(f64::total_cmp);
        // The link does not know of its bursts.
        assert!(shares[4] > (1.0 - loss) * 0.9, "{name}, seeds 1 to 9, sorted: {shares:?}");
    }
}

#[test]
fn reordering_is_not_taken_for_loss() {
    let (mut bulk, share) = share("10 % reordered by 20 ms", |link| {
        link.reorder = 0.1;
        link.reorder_by = 20 * MS;
    });
    assert!(share > 0.9, "{share}");
    let stats = bulk.stats(0);
    assert!(stats.packets_spurious * 50 < stats.packets_sent, "{stats:?}");
}

#[test]
fn duplicates_cost_nothing() {
    let (mut bulk, share) = share("5 % duplicated", |link| link.duplicate = 0.05);
    assert!(share > 0.95, "{share}");
    assert_eq!(bulk.stats(0).packets_spurious, 0);
}

#[test]
fn damage_that_no_checksum_finds_costs_what_it_damages() {
    for corrupt in [0.001, 0.02] {
        let name = format!("{} % damaged", corrupt * 100.0);
        let (_, share) = share(&name, |link| link.corrupt = corrupt);
        assert!(share > (1.0 - corrupt) * 0.93, "{name}: {share}");
    }
}
