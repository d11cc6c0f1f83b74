//! [`Figures`]: what was measured of each transport in all rounds, its medians, and the table of
//! them. How they are drawn is in `svg`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::args::Peer;

/// One of the things that are measured, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// Gbit/s of data that the reader had.
    Goodput,
    /// Processor seconds of the sender's process for each GiB that the reader had.
    SenderCpu,
    /// The same of the receiver's.
    ReceiverCpu,
    /// Microseconds there and back, in half of all cases or fewer.
    Median,
    /// Microseconds there and back, in 99 % of all cases or fewer.
    Tail,
    /// Set-ups per second.
    Setups,
}

impl Metric {
    const ALL: [(Self, &str); 6] = [
        (Self::Goodput, "bulk, Gbit/s"),
        (Self::SenderCpu, "sender, CPU s/GiB"),
        (Self::ReceiverCpu, "receiver, CPU s/GiB"),
        (Self::Median, "ping-pong p50, us"),
        (Self::Tail, "p99, us"),
        (Self::Setups, "set-ups/s"),
    ];
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<(Peer, Metric), Vec<f64>>);

impl Figures {
    pub(crate) fn add(&mut self, peer: Peer, metric: Metric, value: f64) {
        self.0.entry((peer, metric)).or_default().push(value);
    }

    /// The median of all rounds; of an even number of them the mean of the two in the middle.
    pub(crate) fn median(&self, peer: Peer, metric: Metric) -> Option<f64> {
        let mut values = self.0.get(&(peer, metric))?.clone();
        values.sort_by(f64::total_cmp);
        let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
        Some(f64::midpoint(*values.get(low)?, *values.get(high)?))
    }

    /// The medians as a table in Markdown, without what was not measured of any.
    pub(crate) fn table(&self, peers: &[Peer]) -> String {
        let was_measured = |metric| peers.iter().any(|peer| self.median(*peer, metric).is_some());
        let columns: Vec<_> =
            Metric::ALL.into_iter().filter(|(metric, _)| was_measured(*metric)).collect();
        let mut text = String::from("|");
        for (_, title) in &columns {
            // Writing to a string cannot fail.
            let _ = write!(text, " | {title}");
        }
        text.push_str(" |\n|---|");
        text.push_str(&"--:|".repeat(columns.len()));
        for peer in peers {
            let _ = write!(text, "\n| {}", peer.title());
            for (metric, _) in &columns {
                let value = self.median(*peer, *metric).map(|value| short(*metric, value));
                let _ = write!(text, " | {}", value.unwrap_or_default());
            }
            text.push_str(" |");
        }
        text.push('\n');
        text
    }
}

/// A figure with as many digits as it is worth.
pub(crate) fn short(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Goodput => format!("{value:.1}"),
        Metric::SenderCpu | Metric::ReceiverCpu => format!("{value:.2}"),
        Metric::Median | Metric::Tail => format!("{value:.0}"),
        Metric::Setups => {
            let digits = format!("{value:.0}");
            let (thousands, rest) = digits.split_at(digits.len().saturating_sub(3));
            if thousands.is_empty() { rest.to_owned() } else { format!("{thousands},{rest}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_all_rounds() {
        let mut figures = Figures::default();
        for value in [3.0, 1.0, 20.0] {
            figures.add(Peer::Tcp, Metric::Goodput, value);
        }
        assert_eq!(figures.median(Peer::Tcp, Metric::Goodput), Some(3.0));
        figures.add(Peer::Tcp, Metric::Goodput, 4.0);
        assert_eq!(figures.median(Peer::Tcp, Metric::Goodput), Some(3.5));
        assert_eq!(figures.median(Peer::Udp, Metric::Goodput), None);
        let table = figures.table(&[Peer::Tcp, Peer::Udp]);
        assert_eq!(
            table,
            "| | bulk, Gbit/s |\n|---|--:|\n| kernel TCP | 3.5 |\n| raw UDP, GSO |  |\n"
        );
    }

    #[test]
    fn large_figures_have_their_thousands_apart() {
        let short = [7.0, 1_884.4, 20_816.0].map(|value| short(Metric::Setups, value));
        assert_eq!(short, ["7", "1,884", "20,816"]);
    }
}
