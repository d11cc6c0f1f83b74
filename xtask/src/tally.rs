//! [`Tally`]: instructions per packet by side and function, as a text that is committed, and what
//! to say of two of them. Where the counts come from is `instructions`'.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::callgrind::Counts;

/// By how much a side may differ, in percent. Inlining differs a little from machine to machine.
const TOLERANCE: f64 = 2.5;

/// How many functions are named where a side differs.
const MOVERS: usize = 12;

/// A function with fewer instructions per packet is not listed.
const LEAST: f64 = 1.0;

const HEAD: &str = "\
# Instructions per packet of the data path: two endpoints in one thread (`rudp-bench datapath`),
# counted by callgrind. It is what Rust code does itself: the C and assembly of ciphers, copies and
# the allocator are left out, and so are checksums.
# `cargo xtask instructions` compares, `cargo xtask instructions --renew` writes this file.
";

/// The figures of one compiler.
#[derive(Debug, PartialEq)]
pub(crate) struct Tally {
    /// What `rustc --version` says.
    pub(crate) compiler: String,
    pub(crate) sides: Vec<Side>,
}

/// What one side does for a packet.
#[derive(Debug, PartialEq)]
pub(crate) struct Side {
    name: String,
    total: f64,
    /// The functions that do the most.
    functions: BTreeMap<String, f64>,
}

impl Side {
    /// The side called `name`, of the counts for so many packets.
    #[expect(clippy::cast_precision_loss, reason = "instructions of a run of seconds")]
    pub(crate) fn new(name: String, packets: u64, counts: Counts) -> Result<Self, String> {
        let each = |count: u64| (count as f64 / packets as f64 * 10.0).round() / 10.0;
        let counts = counts.into_iter().filter(|(function, _)| is_counted(function));
        let counts: Vec<_> = counts.collect();
        let total = each(counts.iter().map(|(_, count)| count).sum());
        if total <= LEAST {
            return Err(format!(
                "callgrind saw nothing of the {name}: are the functions named so?"
            ));
        }
        let functions = counts.into_iter().map(|(function, count)| (function, each(count)));
        let functions = functions.filter(|(_, each)| *each >= LEAST).collect();
        Ok(Self { name, total, functions })
    }

    /// The change from `known` in percent.
    fn change(&self, known: &Self) -> f64 {
        (self.total / known.total - 1.0) * 100.0
    }

    /// What changed most, as lines.
    fn movers(&self, known: &Self) -> String {
        let names: BTreeSet<_> = self.functions.keys().chain(known.functions.keys()).collect();
        let of = |side: &Self, name: &String| side.functions.get(name).copied().unwrap_or(0.0);
        let mut moved: Vec<_> =
            names.into_iter().map(|name| (of(self, name) - of(known, name), name)).collect();
        moved.retain(|(by, _)| by.abs() >= 0.1);
        moved.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()).then(a.1.cmp(b.1)));
        let line = |(by, name): &(f64, &String)| {
            format!("{by:>+9.1}  to {:>7.1}  {name}\n", of(self, name))
        };
        moved.iter().take(MOVERS).map(line).collect()
    }
}

/// Whether a function is Rust, and neither a cipher's nor a checksum's.
fn is_counted(function: &str) -> bool {
    let left_out = [
        "aws_lc_rs::",
        "crc_fast::",
        "rudp_wire::checksum::",
        "rudp_crypto::plain::",
        "compiler_builtins::",
    ];
    function.contains("::") && !left_out.iter().any(|prefix| function.contains(prefix))
}

impl Tally {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let bad = |line: &str| format!("cannot read `{line}` in the figures of instructions");
        let first = lines.next().unwrap_or_default();
        let compiler = first.strip_prefix("compiler: ").ok_or_else(|| bad(first))?.to_owned();
        let mut sides: Vec<Side> = Vec::new();
        for line in lines {
            if let Some((number, name)) = line.strip_prefix("  ").and_then(|line| {
                let (number, name) = line.trim_start().split_once("  ")?;
                Some((number.parse().ok()?, name.to_owned()))
            }) {
                let side = sides.last_mut().ok_or_else(|| bad(line))?;
                side.functions.insert(name, number);
            } else {
                let (name, total) = line.split_once(": ").ok_or_else(|| bad(line))?;
                let total = total.parse().map_err(|_| bad(line))?;
                let functions = BTreeMap::new();
                sides.push(Side { name: name.to_owned(), total, functions });
            }
        }
        Ok(Self { compiler, sides })
    }

    /// All sides with their change, as lines.
    pub(crate) fn summary(&self, known: &Self) -> String {
        let mut text =
            format!("{:<20} {:>9} {:>9} {:>8}\n", "instructions/packet", "was", "is", "");
        for side in &self.sides {
            let line = match known.side(&side.name) {
                Some(known) => {
                    let change = side.change(known);
                    format!(
                        "{:<20} {:>9.1} {:>9.1} {change:>+7.1}%\n",
                        side.name, known.total, side.total
                    )
                }
                None => format!("{:<20} {:>9} {:>9.1}\n", side.name, "", side.total),
            };
            text.push_str(&line);
        }
        text
    }

    /// The sides that differ from `known` by more than the tolerance, with what moved. Fewer
    /// instructions are a difference as well: else the next ones more would go unseen.
    pub(crate) fn complaints(&self, known: &Self) -> Vec<String> {
        let complain = |side: &Side| match known.side(&side.name) {
            Some(known) if side.change(known).abs() <= TOLERANCE => None,
            Some(known) => {
                let (change, movers) = (side.change(known), side.movers(known));
                let name = &side.name;
                Some(format!(
                    "{name}: {change:+.1} %, allowed are {TOLERANCE} %. By function:\n{movers}"
                ))
            }
            None => Some(format!("{}: there is no figure of it", side.name)),
        };
        self.sides.iter().filter_map(complain).collect()
    }

    fn side(&self, name: &str) -> Option<&Side> {
        self.sides.iter().find(|side| side.name == name)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}compiler: {}", self.compiler)?;
        for side in &self.sides {
            writeln!(f, "\n{}: {:.1}", side.name, side.total)?;
            let mut functions: Vec<_> = side.functions.iter().collect();
            functions.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
            for (name, each) in functions {
                writeln!(f, "  {each:>7.1}  {name}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(counts: &[(&str, u64)]) -> Tally {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let side = Side::new("plain sender".to_owned(), 10, counts).unwrap();
        Tally { compiler: "rustc 1".to_owned(), sides: vec![side] }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let tally = tally(&[("a::one", 1_000), ("<b::T as c::U>::f", 2_345), ("d::little", 3)]);
        assert_eq!(Tally::parse(&tally.to_string()), Ok(tally));
        assert!(Tally::parse("").is_err());
        assert!(Tally::parse("compiler: x\n  1.0  a::b\n").is_err());
    }

    #[test]
    fn ciphers_checksums_and_c_are_left_out() {
        let left_out = [("memcpy", 9), ("aws_lc_0_1_x", 9), ("<aws_lc_rs::K>::open", 9)];
        let mut counts = left_out.to_vec();
        counts.extend([("a::one", 100), ("crc_fast::update", 9)]);
        assert_eq!(tally(&counts), tally(&[("a::one", 100)]));
        let nothing =
            Side::new("x".to_owned(), 10, left_out.map(|(n, c)| (n.to_owned(), c)).into());
        assert!(nothing.unwrap_err().contains("saw nothing"));
    }

    #[test]
    fn differences_beyond_the_tolerance_are_told_either_way() {
        let known = tally(&[("a::one", 1_000), ("a::two", 9_000)]);
        assert_eq!(tally(&[("a::one", 1_200), ("a::two", 9_000)]).complaints(&known), [""; 0]);
        let more = tally(&[("a::three", 1_000), ("a::two", 9_300)]).complaints(&known);
        assert_eq!(
            more,
            ["plain sender: +3.0 %, allowed are 2.5 %. By function:\n   \
             -100.0  to     0.0  a::one\n   +100.0  to   100.0  a::three\n    \
             +30.0  to   930.0  a::two\n"]
        );
        assert_eq!(tally(&[("a::one", 1_000), ("a::two", 8_000)]).complaints(&known).len(), 1);
        let none = Tally { compiler: String::new(), sides: Vec::new() };
        assert!(known.complaints(&none)[0].contains("no figure"));
    }
}
