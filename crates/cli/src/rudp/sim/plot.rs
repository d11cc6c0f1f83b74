//! [`Plot`]: panels one above the other with a common time axis, as plain SVG for light and dark.
//! What is drawn is the caller's.

use std::fmt::Write as _;

use crate::rudp::path::digits;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 846.0;
/// Where the first panel begins, and how far apart they are.
const TOP: f64 = 72.0;
const STRIDE: f64 = 168.0;
const HEIGHT: f64 = 124.0;
const BOTTOM: f64 = 24.0;

/// Colours for light and for dark that people with any eyesight can tell apart; more flows share
/// them.
const COLOURS: [(&str, &str); 5] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#ff9e4a"),
    ("#007a5a", "#3fcf9f"),
    ("#a04c86", "#e79ac9"),
    ("#8a6d00", "#e3c64b"),
];

/// More labels than this have no room.
const MOST_LABELS: usize = 6;

/// Some values over the same time.
pub(super) struct Plot {
    pub(super) title: String,
    /// From 0 to where the time goes.
    pub(super) seconds: f64,
    /// What each flow is called.
    pub(super) labels: Vec<String>,
    pub(super) panels: Vec<Panel>,
}

/// Values with one axis.
pub(super) struct Panel {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) series: Vec<Series>,
    /// A level to compare them with, and what it is called.
    pub(super) limit: Option<(String, f64)>,
}

/// A line.
pub(super) struct Series {
    /// Which flow it is of; the network's own has none.
    pub(super) flow: Option<usize>,
    pub(super) is_dashed: bool,
    /// Seconds, and the value then.
    pub(super) points: Vec<(f64, f64)>,
}

impl Plot {
    /// The plot as a file.
    #[expect(clippy::cast_precision_loss, reason = "a few panels")]
    pub(super) fn svg(&self) -> String {
        let height = TOP + STRIDE * (self.panels.len() as f64 - 1.0) + HEIGHT + BOTTOM + 18.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>{}</title>\n{}\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" class=\"head\">{}</text>\n",
            escaped(&self.title),
            style(),
            escaped(&self.title),
        );
        self.add_legend(&mut svg);
        let step = nice_step(self.seconds, 10.0);
        for (number, panel) in self.panels.iter().enumerate() {
            let top = TOP + STRIDE * number as f64;
            panel.add(&mut svg, top, self.seconds, step);
        }
        let _ = writeln!(
            svg,
            "<text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\">time, s</text>\n</svg>",
            height - 6.0
        );
        svg
    }

    fn add_legend(&self, svg: &mut String) {
        let mut x = LEFT;
        for (flow, label) in self.labels.iter().enumerate().take(MOST_LABELS) {
            let _ = writeln!(
                svg,
                "<path class=\"line {}\" d=\"M{x:.0} 36h22\"/><text x=\"{:.0}\" y=\"40\">{}</text>",
                class(Some(flow)),
                x + 28.0,
                escaped(label)
            );
            x += 120.0;
        }
        if self.labels.len() > MOST_LABELS {
            let _ = writeln!(svg, "<text x=\"{x:.0}\" y=\"40\">and more</text>");
        }
    }
}

impl Panel {
    fn add(&self, svg: &mut String, top: f64, seconds: f64, time_step: f64) {
        let values = self.series.iter().flat_map(|series| &series.points).map(|point| point.1);
        let most = values.chain(self.limit.as_ref().map(|limit| limit.1)).fold(0.0, f64::max);
        let most = if most > 0.0 { most * 1.04 } else { 1.0 };
        let x = |at: f64| LEFT + (RIGHT - LEFT) * (at / seconds.max(1e-9)).min(1.0);
        let y = |value: f64| top + HEIGHT * (1.0 - value / most);
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{:.1}\">{}, {}</text>",
            top - 7.0,
            escaped(&self.name),
            self.unit
        );
        for value in ticks(most, nice_step(most, 5.0)) {
            let (y, label) = (y(value), digits(value));
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
                 <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        for at in ticks(seconds, time_step) {
            let (x, bottom, label) = (x(at), top + HEIGHT, digits(at));
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                bottom + 14.0
            );
        }
        if let Some((name, value)) = &self.limit {
            let y = y(*value);
            let _ = writeln!(
                svg,
                "<path class=\"limit\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
                 <text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                top - 7.0,
                escaped(&format!("dotted: {name}, {} {}", digits(*value), self.unit))
            );
        }
        for series in &self.series {
            series.add(svg, x, y);
        }
    }
}

impl Series {
    fn add(&self, svg: &mut String, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
        if self.points.is_empty() {
            return;
        }
        let dashed = if self.is_dashed { " dash" } else { "" };
        let _ = write!(svg, "<polyline class=\"line {}{dashed}\" points=\"", class(self.flow));
        for (at, value) in &self.points {
            let _ = write!(svg, "{:.1},{:.1} ", x(*at), y(*value));
        }
        svg.truncate(svg.len() - 1);
        svg.push_str("\"/>\n");
    }
}

/// The class of a flow's lines.
fn class(flow: Option<usize>) -> String {
    flow.map_or_else(|| "own".into(), |flow| format!("c{}", flow % COLOURS.len()))
}

/// No variables and no nesting, which not every program that shows SVG understands.
fn style() -> String {
    let (mut light, mut dark) = (String::new(), String::new());
    for (number, colour) in COLOURS.iter().enumerate() {
        let _ = write!(light, ".c{number}{{stroke:{}}}", colour.0);
        let _ = write!(dark, ".c{number}{{stroke:{}}}", colour.1);
    }
    format!(
        "<style>\ntext{{font:11px system-ui,sans-serif;fill:#333}}.head{{font-size:14px;\
         font-weight:600}}.paper{{fill:#fff}}.grid{{stroke:#ddd;fill:none}}\
         .line{{fill:none;stroke-width:1.3;stroke-linejoin:round}}.dash{{stroke-width:1;\
         stroke-dasharray:4 3;opacity:.75}}.own{{stroke:#555}}.limit{{stroke:#777;fill:none;\
         stroke-dasharray:1 3}}{light}\n@media(prefers-color-scheme:dark){{text{{fill:#ccc}}\
         .paper{{fill:#14171a}}.grid{{stroke:#333a40}}.own{{stroke:#bbb}}.limit{{stroke:#999}}\
         {dark}}}\n</style>\n"
    )
}

/// A step of 1, 2 or 5 times a power of ten, of which about `count` make `most`.
fn nice_step(most: f64, count: f64) -> f64 {
    let rough = (most / count).max(1e-9);
    let mut power = 1e-9;
    while power * 10.0 <= rough {
        power *= 10.0;
    }
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * power >= rough * 0.999);
    factor.unwrap_or(10.0) * power
}

/// The multiples of `step` from 0 to `most`.
fn ticks(most: f64, step: f64) -> impl Iterator<Item = f64> {
    (0_u32..100).map(move |number| f64::from(number) * step).take_while(move |tick| *tick <= most)
}

/// Text as SVG wants it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>) -> Plot {
        let series = Series { flow: Some(0), is_dashed: false, points };
        let panel = Panel {
            name: "a < b & c".into(),
            unit: "ms",
            series: vec![series],
            limit: Some(("rate".into(), 10.0)),
        };
        Plot { title: "x".into(), seconds: 4.0, labels: vec!["bbr".into()], panels: vec![panel] }
    }

    /// Every element is closed and no text breaks out of its own.
    fn is_well_formed(svg: &str) -> bool {
        let mut open = Vec::new();
        for piece in svg.split('<').skip(1) {
            let Some((tag, _)) = piece.split_once('>') else { return false };
            if let Some(name) = tag.strip_prefix('/') {
                if open.pop() != Some(name) {
                    return false;
                }
            } else if !tag.ends_with('/') {
                open.push(tag.split_whitespace().next().unwrap_or_default());
            }
        }
        open.is_empty()
    }

    #[test]
    fn points_are_where_they_belong() {
        let svg = plot(vec![(0.0, 0.0), (4.0, 10.0)]).svg();
        let (bottom, top) = (TOP + HEIGHT, TOP + HEIGHT * (1.0 - 1.0 / 1.04));
        let line = format!("points=\"{LEFT:.1},{bottom:.1} {RIGHT:.1},{top:.1}\"");
        assert!(svg.contains(&line), "{svg}");
        assert!(svg.contains("a &lt; b &amp; c, ms"), "{svg}");
        assert!(is_well_formed(&svg), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let svg = plot(Vec::new()).svg();
        assert!(!svg.contains("polyline") && !svg.contains("NaN"), "{svg}");
        assert!(is_well_formed(&svg), "{svg}");
    }

    #[test]
    fn steps_are_round() {
        let steps = [(100.0, 4.0), (7.0, 4.0), (0.02, 4.0), (20.0, 10.0), (0.0, 4.0)]
            .map(|(most, count)| ticks(most, nice_step(most, count)).count());
        assert_eq!(steps, [3, 4, 5, 11, 1]);
        assert!((nice_step(100.0, 4.0) - 50.0).abs() < 1e-9);
    }
}
