//! The medians as a picture: plain SVG that can be read on light and on dark ground.

use std::fmt::Write as _;

use crate::args::Peer;
use crate::figures::{Figures, Metric, short};

const WIDTH: f64 = 760.0;
/// Where bars begin, and how long the longest is.
const LEFT: f64 = 210.0;
const LENGTH: f64 = 430.0;
const ROW: f64 = 22.0;
const BAR: f64 = 14.0;
/// What a panel takes besides its rows.
const HEAD: f64 = 46.0;

const STYLE: &str = "  <style>
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; }
    .note { fill: #59636e; font-size: 12px; }
    .ours { fill: #0969da; stroke: #0969da; }
    .other { fill: #818b98; stroke: #818b98; }
    .open { fill: none; }
    .tail { stroke: #59636e; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .note { fill: #9198a1; }
      .ours { fill: #4493f8; stroke: #4493f8; }
      .other { fill: #656c76; stroke: #656c76; }
      .open { fill: none; }
      .tail { stroke: #9198a1; }
    }
  </style>
";

/// One of the bar charts: a metric, and what is drawn as a line behind its bars.
struct Panel {
    title: &'static str,
    note: &'static str,
    metric: Metric,
    tail: Option<Metric>,
}

const PANELS: [Panel; 3] = [
    Panel {
        title: "One connection, Gbit/s",
        note: "more is better",
        metric: Metric::Goodput,
        tail: None,
    },
    Panel {
        title: "64 bytes there and back, microseconds",
        note: "less is better; bars are medians, lines reach to the 99th percentile",
        metric: Metric::Median,
        tail: Some(Metric::Tail),
    },
    Panel {
        title: "Connections set up per second, one at a time",
        note: "more is better; kernel TCP, KCP and ENet exchange no keys",
        metric: Metric::Setups,
        tail: None,
    },
];

/// Draws what was measured of these transports.
pub(crate) fn draw(figures: &Figures, peers: &[Peer]) -> String {
    let mut body = String::new();
    let mut top = 12.0;
    for panel in &PANELS {
        let bars: Vec<_> = peers
            .iter()
            .filter_map(|peer| Some((*peer, figures.median(*peer, panel.metric)?)))
            .collect();
        if !bars.is_empty() {
            top = draw_panel(&mut body, top, panel, figures, &bars);
        }
    }
    // Writing to a string cannot fail.
    let _ = writeln!(
        body,
        "  <text class=\"note\" x=\"12\" y=\"{:.0}\">Loopback, each side on one core. \
         Filled: encrypted. Outlined: not encrypted.</text>",
        top + 10.0
    );
    let height = top + 24.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" \
         width=\"{WIDTH:.0}\" height=\"{height:.0}\" role=\"img\" \
         aria-label=\"rudp beside other transports on loopback\">\n{STYLE}{body}</svg>\n"
    )
}

/// Draws a panel from `top` on, and tells where it ends.
fn draw_panel(
    body: &mut String,
    top: f64,
    panel: &Panel,
    figures: &Figures,
    bars: &[(Peer, f64)],
) -> f64 {
    let reach = |(peer, value): &(Peer, f64)| {
        panel.tail.and_then(|tail| figures.median(*peer, tail)).unwrap_or(*value).max(*value)
    };
    let most = bars.iter().map(reach).fold(f64::MIN_POSITIVE, f64::max);
    let _ = writeln!(
        body,
        "  <text x=\"12\" y=\"{:.0}\"><tspan class=\"title\">{}</tspan> \
         <tspan class=\"note\" dx=\"6\">{}</tspan></text>",
        top + 14.0,
        panel.title,
        panel.note
    );
    let mut y = top + 26.0;
    for bar in bars {
        let (peer, value) = bar;
        let (end, far) = (LENGTH * value / most, LENGTH * reach(bar) / most);
        let middle = y + BAR / 2.0;
        let side = if peer.is_ours() { "ours" } else { "other" };
        let open = if peer.is_encrypted() { "" } else { " open" };
        let _ = writeln!(
            body,
            "  <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n  \
             <rect class=\"{side}{open}\" x=\"{LEFT:.0}\" y=\"{y:.1}\" width=\"{end:.1}\" \
             height=\"{BAR:.0}\" rx=\"2\"/>",
            LEFT - 8.0,
            middle + 4.5,
            peer.title()
        );
        let mut text = short(panel.metric, *value);
        if let Some(tail) = panel.tail.and_then(|tail| figures.median(*peer, tail)) {
            let _ = writeln!(
                body,
                "  <path class=\"tail\" d=\"M{:.1} {middle:.1}H{:.1}\"/>",
                LEFT + end,
                LEFT + far
            );
            let _ = write!(text, " / {}", short(panel.metric, tail));
        }
        let _ = writeln!(
            body,
            "  <text x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            LEFT + far + 8.0,
            middle + 4.5
        );
        y += ROW;
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of bars")]
    let rows = bars.len() as f64;
    top + HEAD + ROW * rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_drawn() {
        let mut figures = Figures::default();
        figures.add(Peer::Rudp, Metric::Goodput, 12.0);
        figures.add(Peer::Tcp, Metric::Goodput, 48.0);
        figures.add(Peer::Rudp, Metric::Median, 30.0);
        figures.add(Peer::Rudp, Metric::Tail, 45.0);
        let picture = draw(&figures, &[Peer::Rudp, Peer::Tcp]);
        assert_eq!(picture.matches("<rect").count(), 3);
        assert!(picture.contains("width=\"107.5\"") && picture.contains("width=\"430.0\""));
        assert!(picture.contains("class=\"ours\"") && picture.contains("class=\"other open\""));
        assert!(picture.contains(">30 / 45<"));
        assert!(!picture.contains("set up per second"), "nothing is known of that");
    }
}
