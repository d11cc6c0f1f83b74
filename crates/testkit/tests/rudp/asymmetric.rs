//! Ways back that are fifty times narrower than the way there, and more: acknowledgements must not
//! be what limits a transfer.

use core::time::Duration;

use rudp_proto::config::{Config, Congestion};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::Bulk;

use crate::figures::{figure, percent};
use crate::record::record;

const MBIT: u64 = 1_000_000;
const S: Duration = Duration::from_secs(1);
const RTT: Duration = Duration::from_millis(50);
/// No acknowledgement is larger, headers of IP and UDP included, where hardly anything is lost.
const ACK_BYTES: f64 = 100.0;

/// The share of 100 Mbit/s that a flow gets, and what the way back carried in bits per second.
fn run(config: Config, back: u64) -> (f64, f64) {
    let ethernet = LinkConfig { mtu: Some(1_500), ..LinkConfig::delay(RTT / 2) };
    let link = ethernet.clone().rate(100 * MBIT).queue_bdp(1.0, RTT);
    // A queue of 100 ms, as modems have.
    let narrow = ethernet.rate(back).queue_bdp(2.0, RTT);
    let mut bulk = Bulk::new(1, link, narrow);
    bulk.add_with(config);
    bulk.run_for(2 * S);
    let (begin, before) = (bulk.world.now(), bulk.received(0));
    bulk.run_for(8 * S);
    record("asymmetric", &bulk.world);
    let acks = bulk.back_stats(0);
    let bits = (acks.delivered_bytes + 28 * acks.delivered) as f64 * 8.0 / 10.0;
    (bulk.share_since(begin, before), bits)
}

// spec: 8.3
#[test]
fn a_narrow_way_back_is_wide_enough() {
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        for back in [2 * MBIT, MBIT] {
            // One acknowledgement in two packets would be 2.5 Mbit/s: more than there is.
            for (name, config) in [("balanced", Config::default()), ("bulk", Config::bulk())] {
                let (share, bits) = run(Config { congestion, ..config }, back);
                let name = format!("way back of {} Mbit/s, {name}, {congestion:?}", back / MBIT);
                percent(&name, share);
                figure(&name, format!("{:.2} Mbit/s of acknowledgements", bits / 1e6));
                assert!(share > 0.95, "{name}: {share}");
                // One in a sixteenth of what is in flight, which is a round trip's at least; and half of
                // that before another is asked for.
                let most = 2.0 * 16.0 / RTT.as_secs_f64() * ACK_BYTES * 8.0;
                assert!(bits < most, "{name}: {bits} bit/s of acknowledgements");
            }
        }
    }
}
