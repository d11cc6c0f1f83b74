//! `cargo xtask soak`: the random scenes of RUDP with many more seeds than `cargo test` plays, for
//! nights. What a scene is, and what has to be true of it, is in `crates/testkit/tests/rudp`.

use std::ops::Range;

use crate::cargo;
use crate::ci::Outcome;

/// How many seeds are played, if nothing is said.
const SEEDS: u64 = 100_000;

/// Behind all the seeds of `cargo test`, where nothing is said.
const FROM: u64 = 1_000_000;

/// The tests that play seeds: each gets its part of them.
const TESTS: [&str; 4] = [
    "random::good_links",
    "random::moderately_bad_links",
    "random::bad_links",
    "delivered::whoever_claims_delivered_is_right_though_the_other_dies",
];

/// Plays seeds. The first one that fails is printed with the command that plays it again.
pub(crate) fn run(arguments: &[&str]) -> Result<Outcome, String> {
    let seeds = parse(arguments).ok_or("write `cargo xtask soak [--seeds N] [--from N]`")?;
    for (test, part) in TESTS.iter().zip(parts(seeds)) {
        let range = format!("{}..{}", part.start, part.end);
        println!("{test}: seeds {range}");
        let arguments =
            ["test", "--release", "--package", "rudp-testkit", "--test", "rudp", "--", "--exact"];
        cargo::run(&[&arguments[..], &[test]].concat(), &[("RUDP_SEEDS", &range)])?;
    }
    Ok(Outcome::Passed)
}

fn parse(arguments: &[&str]) -> Option<Range<u64>> {
    let (mut seeds, mut from) = (SEEDS, FROM);
    for pair in arguments.chunks(2) {
        match pair {
            ["--seeds", number] => seeds = number.parse().ok()?,
            ["--from", number] => from = number.parse().ok()?,
            _ => return None,
        }
    }
    Some(from..from.checked_add(seeds)?)
}

/// One part for each test, which differ by one seed at most.
fn parts(seeds: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let count = TESTS.len() as u64;
    let len = seeds.end - seeds.start;
    let at = move |part: u64| seeds.start + len / count * part + (len % count).min(part);
    (0..count).map(move |part| at(part)..at(part + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_choose_the_seeds() {
        assert_eq!(parse(&[]), Some(FROM..FROM + SEEDS));
        assert_eq!(parse(&["--from", "5", "--seeds", "7"]), Some(5..12));
        for wrong in [&["--seeds"][..], &["--seeds", "x"], &["7"]] {
            assert_eq!(parse(wrong), None);
        }
    }

    #[test]
    fn every_seed_is_in_one_part() {
        let parts: Vec<_> = parts(10..20).collect();
        assert_eq!(parts, [10..13, 13..16, 16..18, 18..20]);
    }
}
