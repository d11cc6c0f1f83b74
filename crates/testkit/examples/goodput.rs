//! Prints what bulk transfers reach over simulated links with a controller: `goodput [cubic|bbr]
//! [part of a name] [seed]`. What they must reach is asserted in the scenario tests.

use std::env;
use std::time::Duration;

use rudp_proto::config::Congestion;
use rudp_sim::BurstLoss;
use rudp_testkit::rudp::Bulk;

const MBIT: u64 = 1_000_000;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let congestion = match args.first().map(String::as_str) {
        Some("cubic") => Congestion::Cubic,
        _ => Congestion::Bbr,
    };
    let part = args.get(1).cloned().unwrap_or_default();
    let seed = args.get(2).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for (rate, rtt, bdps, loss) in [
        (100, 50, 1.0, 0.0),
        (100, 50, 1.0, 0.001),
        (100, 50, 1.0, 0.01),
        (100, 50, 1.0, 0.05),
        (100, 50, 1.0, 0.1),
        (300, 100, 1.0, 0.0),
        (300, 100, 1.0, 0.01),
        (20, 600, 1.0, 0.01),
        (20, 40, 10.0, 0.0),
        (100, 50, 0.1, 0.0),
        (100, 50, 0.1, 0.01),
        (10, 10, 4.0, 0.02),
    ] {
        let name = format!("{rate} Mbit/s, {rtt} ms, {bdps} BDP, {} %", loss * 100.0);
        if name.contains(&part) {
            let mut bulk = Bulk::path(seed, rate * MBIT, Duration::from_millis(rtt), bdps, loss);
            bulk.add(congestion);
            line(&name, &mut bulk, 20);
        }
    }
    for percent in [1, 5, 10] {
        let name = format!("100 Mbit/s, 50 ms, 1 BDP, bursts {percent} %");
        if name.contains(&part) {
            let mut bulk = Bulk::path(seed, 100 * MBIT, Duration::from_millis(50), 1.0, 0.0);
            let loss = f64::from(percent) / 100.0;
            // Bursts of four packets on average.
            bulk.link_mut().burst_loss = Some(BurstLoss {
                enter: 0.25 * loss / (1.0 - loss),
                leave: 0.25,
                good_loss: 0.0,
                bad_loss: 1.0,
            });
            bulk.add(congestion);
            line(&name, &mut bulk, 20);
        }
    }
    let shared = || Bulk::path(seed, 50 * MBIT, Duration::from_millis(40), 1.0, 0.0);
    if "against CUBIC".contains(&part) {
        let mut bulk = shared();
        bulk.add(congestion);
        bulk.add(Congestion::Cubic);
        line("against CUBIC", &mut bulk, 60);
    }
    for (flows, bdps) in [(4, 1.0), (4, 0.1), (2, 0.05)] {
        let name = format!("{flows} flows, {bdps} BDP");
        if name.contains(&part) {
            let mut bulk = Bulk::path(seed, 50 * MBIT, Duration::from_millis(40), bdps, 0.0);
            for _ in 0..flows {
                bulk.add(congestion);
            }
            line(&name, &mut bulk, 60);
        }
    }
}

/// Runs for so many seconds and prints a line.
#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a table for people")]
fn line(name: &str, bulk: &mut Bulk, seconds: u64) {
    let step: u64 = env::var("STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(1_000);
    let mut before = vec![0; bulk.flows()];
    for turn in 1..=seconds * 1_000 / step {
        bulk.run_for(Duration::from_millis(step));
        if env::var("STEP").is_ok() {
            for (flow, before) in before.iter_mut().enumerate() {
                let (received, stats) = (bulk.received(flow), bulk.stats(flow));
                println!(
                    "{:7.2} s  flow {flow} {:7.2} Mbit/s  window {:8}  flight {:8}  pace {:7.2} Mbit/s  rtt {:?}",
                    (turn * step) as f64 / 1e3,
                    (received - *before) as f64 * 8.0 / 1e3 / step as f64,
                    stats.congestion_window,
                    stats.bytes_in_flight,
                    stats.pacing_rate as f64 * 8.0 / 1e6,
                    stats.latest_rtt,
                );
                *before = received;
            }
        }
    }
    let received: Vec<f64> = (0..bulk.flows()).map(|flow| bulk.received(flow) as f64).collect();
    let (sum, squares) = received.iter().fold((0.0, 0.0), |(a, b), x| (a + x, b + x * x));
    let jain = sum * sum / (squares * received.len() as f64);
    let link = bulk.link();
    let (spurious, probes) =
        (0..bulk.flows()).map(|flow| bulk.stats(flow)).fold((0, 0), |(spurious, probes), stats| {
            (spurious + stats.packets_spurious, probes + stats.probe_timeouts)
        });
    println!(
        "{name:36} share {:5.1} %  waste {:5.2}  queue {:6.2} ms  first {:4.1} %  jain {jain:.3}  dropped {} lost {} spurious {spurious} probes {probes}",
        bulk.share() * 100.0,
        bulk.waste(),
        link.queue_delay_mean().as_secs_f64() * 1e3,
        received[0] / sum * 100.0,
        link.dropped_queue,
        link.dropped_loss,
    );
    if bulk.flows() == 1 {
        let (begin, before) = (bulk.world.now(), bulk.received(0));
        bulk.run_for(Duration::from_secs(20));
        let share = bulk.share_since(begin, before) * 100.0;
        println!("{:36} share {share:5.1} % in the next 20 s", "");
    }
}
