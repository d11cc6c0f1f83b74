//! [`Figures`] of one measurement, their medians, and the tables they are printed in.
//! Nothing is measured here.

use std::fmt::Write as _;

use crate::args::Side;
use crate::sample::Sample;

/// What one side did in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// Per second.
    pub(crate) exchanges: f64,
    /// Per second.
    downloads: f64,
    /// Processor time per exchange, in microseconds, and its share of one core.
    server: Cost,
    load: Cost,
    /// Datagrams the system dropped, at either end.
    drops: f64,
    /// Packets that were sent again, by either end.
    repeats: f64,
    /// The slowest client's exchanges, as a share of the mean.
    fair: f64,
    /// Datagrams and downloads that were not what they should have been, warm-up included.
    pub(crate) damaged: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    micros: f64,
    busy: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of some seconds are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

/// `a / b`, and 0 where there is nothing to divide by.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

impl Figures {
    /// Of two processes, each of which was asked twice.
    pub(crate) fn new(clients: u32, server: [&Sample; 2], swarm: [&Sample; 2]) -> Self {
        let grown = |of: [&Sample; 2], name| float(of[1].grown(of[0], name));
        let per_second = |name| ratio(grown(swarm, name) * 1e9, grown(swarm, "time"));
        let exchanges = per_second("exchanges");
        let cost = |of| {
            let busy = ratio(grown(of, "cpu"), grown(of, "time"));
            Cost { micros: ratio(busy * 1e6, exchanges), busy }
        };
        let mean = ratio(grown(swarm, "exchanges"), clients.into());
        Self {
            exchanges,
            downloads: per_second("downloads"),
            server: cost(server),
            load: cost(swarm),
            drops: grown(server, "receive_drops") + grown(swarm, "receive_drops"),
            repeats: grown(server, "retransmissions") + grown(swarm, "repeats"),
            fair: ratio(float(swarm[1].get("slowest")), mean),
            damaged: swarm[1].get("damaged"),
        }
    }

    /// A row of a markdown table.
    pub(crate) fn row(&self, label: &str) -> String {
        let Self { exchanges, downloads, server, load, drops, repeats, fair, damaged } = self;
        format!(
            "| {label:<12} | {exchanges:>11.0} | {downloads:>11.1} | {:>9.2} | {:>4.0} % | {:>7.2} \
             | {:>4.0} % | {drops:>5.0} | {repeats:>7.0} | {damaged:>7} | {fair:>4.2} |",
            server.micros,
            server.busy * 100.0,
            load.micros,
            load.busy * 100.0,
        )
    }

    /// The median of each figure by itself; damage adds up.
    fn median(of: &[Self]) -> Self {
        let by = |figure: fn(&Self) -> f64| median(of.iter().map(figure).collect());
        Self {
            exchanges: by(|one| one.exchanges),
            downloads: by(|one| one.downloads),
            server: Cost { micros: by(|one| one.server.micros), busy: by(|one| one.server.busy) },
            load: Cost { micros: by(|one| one.load.micros), busy: by(|one| one.load.busy) },
            drops: by(|one| one.drops),
            repeats: by(|one| one.repeats),
            fair: by(|one| one.fair),
            damaged: of.iter().map(|one| one.damaged).sum(),
        }
    }
}

/// The first lines of a table with [`Figures::row`]s.
pub(crate) fn heading(label: &str) -> String {
    format!(
        "| {label:<12} | exchanges/s | downloads/s | server us | busy   | load us | busy   | drops \
         | repeats | damaged | fair |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
}

/// The table of medians, and the ratios between the sides.
pub(crate) fn medians(measured: &[(Side, Figures)]) -> String {
    let of = |side| -> Vec<Figures> {
        measured.iter().filter(|one| one.0 == side).map(|one| one.1).collect()
    };
    let mut text = heading("median of");
    for side in [Side::Bare, Side::Echo, Side::Rushb] {
        let figures = of(side);
        if !figures.is_empty() {
            let _ = write!(text, "\n{}", Figures::median(&figures).row(side.name()));
        }
    }
    text += "\n\n| ratio, median of the runs | exchanges/s | exchanges per second of server time |";
    text += "\n|---|--:|--:|";
    for (side, base) in
        [(Side::Echo, Side::Bare), (Side::Rushb, Side::Bare), (Side::Rushb, Side::Echo)]
    {
        let (figures, bases) = (of(side), of(base));
        if figures.is_empty() || bases.is_empty() {
            continue;
        }
        let pairs = || figures.iter().zip(&bases);
        let rates = pairs().map(|(one, base)| ratio(one.exchanges, base.exchanges)).collect();
        let yields =
            pairs().map(|(one, base)| ratio(base.server.micros, one.server.micros)).collect();
        let (rate, gain) = (median(rates), median(yields));
        let _ = write!(text, "\n| {}/{} | {rate:.2} | {gain:.2} |", side.name(), base.name());
    }
    text
}

/// The middle one, or the mean of the middle two; 0 of none.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = |index: usize| figures.get(index).copied().unwrap_or(0.0);
    f64::midpoint(middle(figures.len().saturating_sub(1) / 2), middle(figures.len() / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(counters: &[(&str, u64)]) -> Sample {
        let mut sample = Sample::default();
        for (name, value) in counters {
            sample.set(name, *value);
        }
        sample
    }

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).abs() < 1e-9);
    }

    #[test]
    fn figures_are_differences() {
        let server = sample(&[("time", 1_000_000_000), ("cpu", 500_000_000)]);
        let server_after = sample(&[("time", 3_000_000_000), ("cpu", 1_500_000_000)]);
        let swarm = sample(&[("time", 0), ("exchanges", 100)]);
        let swarm_after = sample(&[("time", 2_000_000_000), ("exchanges", 1_100), ("slowest", 80)]);
        let figures = Figures::new(10, [&server, &server_after], [&swarm, &swarm_after]);
        assert!((figures.exchanges - 500.0).abs() < 1e-9);
        assert!((figures.server.micros - 1_000.0).abs() < 1e-9, "1 s for 1,000");
        assert!((figures.fair - 0.8).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_of_pairs() {
        let side = |exchanges| Figures { exchanges, ..Figures::default() };
        let measured = [
            (Side::Echo, side(100.0)),
            (Side::Rushb, side(50.0)),
            (Side::Echo, side(10.0)),
            (Side::Rushb, side(7.0)),
            (Side::Echo, side(100.0)),
            (Side::Rushb, side(90.0)),
        ];
        let text = medians(&measured);
        assert!(text.contains("| rushb/echo | 0.70 |"), "{text}");
        assert!(!text.contains("bare"), "{text}");
    }
}
