//! What a simulation is drawn as: rate, round trip, queue and window over time.
//! How it looks on paper is the plot's.

use super::play::{Played, Scenario};
use super::plot::{Panel, Plot, Series};
use super::report::name;
use super::watch::Seen;
use crate::rudp::path::{bits, drain_time, ms};

/// The plot as SVG.
pub(super) fn plot(scenario: &Scenario, played: &Played) -> String {
    let labels = (1..).zip(&scenario.flows).map(|(number, flow)| {
        let label = name(flow.config.congestion);
        if scenario.flows.len() > 1 { format!("{number}: {label}") } else { label }
    });
    Plot {
        title: title(scenario),
        seconds: played.time.as_secs_f64(),
        labels: labels.collect(),
        panels: vec![
            rate(scenario, played),
            round_trip(played),
            queue(scenario, played),
            window(played),
        ],
    }
    .svg()
}

fn title(scenario: &Scenario) -> String {
    let data = &scenario.data;
    let rtt = data.delay + scenario.back.delay;
    let loss = crate::rudp::path::share(data.mean_loss());
    let rate = data.rate.map_or_else(String::new, bits);
    format!("rudp sim: {rate}, {rtt:?}, {loss} lost, seed {}", scenario.seed)
}

/// What arrives, with headers, beside the link's rate.
#[expect(clippy::cast_precision_loss, reason = "a plot")]
fn rate(scenario: &Scenario, played: &Played) -> Panel {
    let series = played.flows.iter().enumerate().map(|(flow, seen)| {
        let width = seen.arrived.width().as_secs_f64();
        let points =
            seen.arrived.iter().filter(|(at, _)| at + width / 2.0 <= played.time.as_secs_f64());
        Series {
            flow: Some(flow),
            is_dashed: false,
            points: points.map(|(at, bytes)| (at, bytes as f64 * 8.0 / width / 1e6)).collect(),
        }
    });
    Panel {
        name: "arrives, with headers".into(),
        unit: "Mbit/s",
        series: series.collect(),
        limit: scenario.data.rate.map(|rate| ("rate".into(), rate as f64 / 1e6)),
    }
}

fn round_trip(played: &Played) -> Panel {
    let mean = |seen: Seen| ms(seen.rtt) / f64::from(seen.count);
    Panel { name: "round trip".into(), unit: "ms", series: seen(played, false, mean), limit: None }
}

/// What packets wait at the bottleneck, whosever they are.
#[expect(clippy::cast_precision_loss, reason = "a plot")]
fn queue(scenario: &Scenario, played: &Played) -> Panel {
    let points = played.queue.iter().filter(|(_, waits)| waits.packets > 0);
    let points = points.map(|(at, waits)| (at, ms(waits.sum) / waits.packets as f64));
    let series = Series { flow: None, is_dashed: false, points: points.collect() };
    let data = &scenario.data;
    let limit = data
        .rate
        .zip(data.queue_bytes)
        .map(|(rate, bytes)| ("full".to_owned(), ms(drain_time(bytes, rate))));
    Panel { name: "waiting in the queue".into(), unit: "ms", series: vec![series], limit }
}

#[expect(clippy::cast_precision_loss, reason = "a plot")]
fn window(played: &Played) -> Panel {
    let kilobytes = |sum: u64, seen: Seen| sum as f64 / f64::from(seen.count) / 1e3;
    let mut series = seen(played, false, |seen| kilobytes(seen.window, seen));
    series.extend(seen(played, true, |seen| kilobytes(seen.in_flight, seen)));
    Panel {
        name: "congestion window, and in flight (dashed)".into(),
        unit: "kB",
        series,
        limit: None,
    }
}

/// The means of what each flow's sender saw.
fn seen(played: &Played, is_dashed: bool, mean: impl Fn(Seen) -> f64) -> Vec<Series> {
    let series = played.flows.iter().enumerate().map(|(flow, played)| Series {
        flow: Some(flow),
        is_dashed,
        points: played
            .seen
            .iter()
            .filter(|(_, seen)| seen.count > 0)
            .map(|(at, seen)| (at, mean(seen)))
            .collect(),
    });
    series.collect()
}
