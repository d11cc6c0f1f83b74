//! Prints how long small messages are on their way over simulated links, and what that costs:
//! `ontime [balanced|bulk|realtime] [messages] [seeds] [part of a name]`. What must hold is asserted
//! in the scenario tests.

use std::env;
use std::time::Duration;

use rudp_proto::config::{Config, Profile};
use rudp_sim::{BurstLoss, LinkConfig};
use rudp_testkit::rudp::{Beat, Plan, Rhythm, quantile};

const WAY: Duration = Duration::from_millis(20);

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let name = args.first().map_or("realtime", String::as_str);
    let profile = Profile::ALL.into_iter().find(|profile| profile.name() == name);
    let config = Config::profile(profile.unwrap_or(Profile::Realtime));
    let number =
        |place: usize, usual| args.get(place).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (messages, seeds) = (number(1, 20_000), number(2, 3));
    for (every, len) in [(10, 100), (33, 100), (100, 100), (2, 100), (10, 1_000)] {
        for percent in [0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0] {
            let link =
                LinkConfig { loss: percent / 100.0, mtu: Some(1_500), ..LinkConfig::delay(WAY) };
            let rhythm = Rhythm { every: Duration::from_millis(every), len, ..Rhythm::default() };
            line(
                &format!("{len} B each {every} ms, {percent} %"),
                &link,
                &config,
                rhythm,
                (messages, seeds),
            );
        }
    }
    for percent in [2, 10] {
        let loss = f64::from(percent) / 100.0;
        // Bursts of two packets on average.
        let burst = BurstLoss {
            enter: 0.5 * loss / (1.0 - loss),
            leave: 0.5,
            good_loss: 0.0,
            bad_loss: 1.0,
        };
        let link =
            LinkConfig { burst_loss: Some(burst), mtu: Some(1_500), ..LinkConfig::delay(WAY) };
        line(&format!("bursts, {percent} %"), &link, &config, Rhythm::default(), (messages, seeds));
    }
}

/// Plays with several seeds, and prints a line, if its name has the part that is asked for.
#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a table for people")]
fn line(
    name: &str,
    link: &LinkConfig,
    config: &Config,
    rhythm: Rhythm,
    (messages, seeds): (usize, usize),
) {
    if !name.contains(&env::args().nth(4).unwrap_or_default()) {
        return;
    }
    let (mut all, mut there, mut back) = (Vec::new(), 0, 0);
    for seed in 0..seeds {
        let mut beat =
            Beat::new(seed as u64, link.clone(), config.clone(), rhythm, Plan::default());
        beat.play(messages);
        all.extend(beat.latencies());
        if env::var("STATS").is_ok() {
            println!("{:?}", beat.stats());
        }
        let bytes = beat.wire_bytes();
        (there, back) = (there + bytes.0, back + bytes.1);
    }
    let at = |per_mille| quantile(all.clone(), per_mille).as_secs_f64() * 1e3;
    let seconds = rhythm.every.as_secs_f64() * (messages * seeds) as f64;
    let kbit = |bytes: u64| bytes as f64 * 8.0 / 1e3 / seconds;
    println!(
        "{name:26} p50 {:5.1}  p99 {:5.1}  p99.9 {:5.1}  max {:6.1} ms   {:6.1} + {:5.1} = {:6.1} kbit/s",
        at(500),
        at(990),
        at(999),
        at(1_000),
        kbit(there),
        kbit(back),
        kbit(there + back),
    );
}
