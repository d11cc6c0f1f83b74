//! Paths whose packet size falls in mid-transfer without a word, and grows again (docs/PROTOCOL.md,
//! 9.4): how long the reader waits, and when the size is found.

use core::time::Duration;

use rudp_proto::config::{Config, Congestion};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::Bulk;

use crate::figures::figure;
use crate::record::record;

const MBIT: u64 = 1_000_000;
const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn bulk(mtu: usize, rate: u64, rtt: Duration, congestion: Congestion) -> Bulk {
    let link = LinkConfig { mtu: Some(mtu), ..LinkConfig::delay(rtt / 2).rate(rate) };
    // No queue shorter than some packets of any size.
    let queue = usize::try_from(rate / 8_000 * rtt.as_millis() as u64).unwrap().max(1_000_000);
    let mut bulk = Bulk::new(1, LinkConfig { queue_bytes: Some(queue), ..link.clone() }, link);
    bulk.add_with(Config { congestion, ..Config::default() });
    bulk
}

// spec: 9.4.3
#[test]
fn a_size_that_falls_without_a_word_holds_up_data_for_two_probe_timeouts() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        for (from, to, rate, rtt, found) in [
            (1_500, 1_300, 50 * MBIT, 50 * MS, 1_200..=1_272),
            (1_500, 1_280, 50 * MBIT, 50 * MS, 1_200..=1_252),
            (65_536, 1_500, 1_000 * MBIT, 2 * MS, 1_472..=1_472),
        ] {
            let name = format!("{from} to {to}, {congestion:?}");
            let mut bulk = bulk(from, rate, rtt, congestion);
            bulk.run_for(30 * rtt);
            let size = bulk.stats(0).packet_size;
            assert!(usize::from(size) + 28 >= from - 200, "{name}: {size} before");
            // With the queue and the delay of acknowledgements in it.
            let stats = bulk.stats(0);
            let timeout = 2 * stats.smoothed_rtt + 25 * MS;
            bulk.link_mut().mtu = Some(to);
            bulk.back_mut(0).mtu = Some(to);
            let pause = bulk.longest_pause(S, MS);
            figure(&name, format!("pause {pause:?}, round trip {:?}", stats.smoothed_rtt));
            assert!(pause <= 2 * timeout, "{name}: {pause:?}, and a timeout of {timeout:?}");
            let size = bulk.stats(0).packet_size;
            assert!(found.contains(&size), "{name}: {size}");
            record("falls", &bulk.world);
        }
    }
}

// spec: 9.4.2
#[test]
fn a_size_that_grows_again_is_found_again() {
    let mut bulk = bulk(1_500, 2 * MBIT, 50 * MS, Congestion::Bbr);
    bulk.run_for(3 * S);
    bulk.link_mut().mtu = Some(1_300);
    bulk.run_for(5 * S);
    assert!(bulk.stats(0).packet_size <= 1_272);
    bulk.link_mut().mtu = Some(1_500);
    let begin = bulk.world.now();
    while bulk.stats(0).packet_size < 1_472 {
        bulk.run_for(S);
        assert!(bulk.world.now() - begin < 610 * S, "it is looked for every ten minutes");
    }
    figure("1300 to 1500, found after", format!("{:?}", bulk.world.now() - begin));
    record("grows", &bulk.world);
}
