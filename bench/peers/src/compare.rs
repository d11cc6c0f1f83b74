//! The comparison: every transport in turn, in every round, and the medians in the end.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::args::{Options, Peer, Test};
use crate::child::Child;
use crate::figures::{Figures, Metric};
use crate::picture::Picture;
use crate::svg;

/// How much longer than its time a child may take for its figures.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) fn run(options: &Options) -> Result<()> {
    // A place where nothing can be written is noticed before the work is done.
    let picture = options.svg.as_deref().map(Picture::open).transpose()?;
    let mut figures = Figures::default();
    let mut failures = 0;
    for round in 1..=options.rounds {
        for test in &options.tests {
            for peer in options.only.iter().filter(|peer| peer.has(*test)) {
                let shown = match measure(options, *peer, *test) {
                    Ok(measured) => {
                        let line: Vec<_> = measured
                            .iter()
                            .map(|(name, value)| format!("{name:?} {value:.2}"))
                            .collect();
                        measured.iter().for_each(|(name, value)| figures.add(*peer, *name, *value));
                        line.join(", ")
                    }
                    Err(error) => {
                        failures += 1;
                        format!("{error:#}")
                    }
                };
                println!("round {round}, {test}, {peer}: {shown}");
            }
        }
    }
    println!("\nMedians of {} rounds of {} s:\n", options.rounds, options.secs);
    println!("{}", figures.table(&options.only));
    if let Some(picture) = picture {
        let path = picture.complete(&svg::draw(&figures, &options.only))?;
        println!("drawn in {}", path.display());
    }
    ensure!(failures == 0, "{failures} measurements failed");
    Ok(())
}

/// Measures once.
fn measure(options: &Options, peer: Peer, test: Test) -> Result<Vec<(Metric, f64)>> {
    let words = |role: &str, core: usize| -> Vec<String> {
        let (peer, test) = (peer.to_string(), test.to_string());
        let (secs, core) = (options.secs.to_string(), core.to_string());
        [role, "--peer", &peer, "--test", &test, "--secs", &secs, "--core", &core]
            .map(str::to_owned)
            .to_vec()
    };
    let server = Child::start(&words("server", options.server_core))?;
    let (address, trust) = server.ready()?;
    let mut client = words("client", options.client_core);
    client.extend(["--address".to_owned(), address, "--trust".to_owned(), trust]);
    let client = Child::start(&client)?;
    let time = Duration::from_secs(options.secs.into()) + PATIENCE;
    let at_client = client.figures(time)?;
    match test {
        Test::Bulk => bulk(&at_client, &server.figures(time)?),
        Test::Pingpong => Ok(vec![
            (Metric::Median, number(&at_client, "p50")?),
            (Metric::Tail, number(&at_client, "p99")?),
        ]),
        Test::Setups => Ok(vec![(Metric::Setups, number(&at_client, "per_second")?)]),
    }
}

/// What the reader had is what counts, for the writer's processor time as well.
fn bulk(client: &Value, server: &Value) -> Result<Vec<(Metric, f64)>> {
    let rate = number(server, "bytes")? / number(server, "seconds")?;
    ensure!(rate > 0.0, "nothing arrived");
    let per_gib = |side: &Value| -> Result<f64> {
        let share = number(side, "cpu")? / number(side, "seconds")?;
        Ok(share / rate * f64::from(1 << 30))
    };
    Ok(vec![
        (Metric::Goodput, rate * 8.0 / 1e9),
        (Metric::SenderCpu, per_gib(client)?),
        (Metric::ReceiverCpu, per_gib(server)?),
    ])
}

fn number(figures: &Value, name: &str) -> Result<f64> {
    figures[name].as_f64().with_context(|| format!("no `{name}` in {figures}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn processor_time_is_for_what_arrived() {
        // The writer has run for a second more, at the same load.
        let client = json!({"bytes": 0, "seconds": 5.0, "cpu": 5.0});
        let server = json!({"bytes": 4_u64 << 30, "seconds": 4.0, "cpu": 2.0});
        let measured = bulk(&client, &server).expect("there is everything");
        let expected = [8.0 * f64::from(1 << 30) / 1e9, 1.0, 0.5];
        for ((metric, value), expected) in measured.into_iter().zip(expected) {
            assert!((value - expected).abs() < 1e-9, "{metric:?}: {value}");
        }
        assert!(bulk(&json!({}), &server).is_err());
    }
}
