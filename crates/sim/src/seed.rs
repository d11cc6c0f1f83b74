//! Seeds of tests: many in a row, and one again after a failure, told how on standard error.
//! What is drawn from a seed is not decided here.

use core::ops::Range;
use std::env;
use std::thread;

use rudp_base::Instant;

/// The environment variable that chooses one seed.
pub const SEED_VARIABLE: &str = "RUDP_SEED";

/// The environment variable that chooses a range of seeds, as `from..to`.
pub const SEEDS_VARIABLE: &str = "RUDP_SEEDS";

/// Calls `run` for each seed in `range`, or only for the one in the environment variable
/// `RUDP_SEED`, or for the range in `RUDP_SEEDS`, where they are set. If `run` panics, the seed and
/// the command that replays it are printed.
///
/// This is the only place of the crate that looks at the system: the seed of a failure comes from a
/// person, who can reach a test only by its environment. A [`World`](crate::World) never looks.
///
/// # Panics
///
/// Where `run` does, and where a variable is set to something else.
pub fn seeds(range: Range<u64>, mut run: impl FnMut(u64)) {
    let chosen = chosen(SEED_VARIABLE, one).or_else(|| chosen(SEEDS_VARIABLE, several));
    for seed in chosen.unwrap_or(range) {
        let _guard = ReplayHint(seed);
        run(seed);
    }
}

/// What a variable says, if it is set.
fn chosen(variable: &str, parse: fn(&str) -> Option<Range<u64>>) -> Option<Range<u64>> {
    let text = env::var(variable).ok()?;
    let seeds = parse(&text);
    assert!(seeds.is_some(), "{variable} is {text:?}");
    seeds
}

fn one(text: &str) -> Option<Range<u64>> {
    let seed: u64 = text.parse().ok()?;
    Some(seed..seed.checked_add(1)?)
}

fn several(text: &str) -> Option<Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}

/// Prints how to replay `seed`, if dropped by a panic.
struct ReplayHint(u64);

impl Drop for ReplayHint {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", replay(Some(self.0)));
        }
    }
}

/// Where the thread panics: prints how far the world with `seed` was, and how to replay the test,
/// which has its seed in its code unless [`seeds`] says otherwise.
pub(crate) fn tell_if_panicking(seed: u64, at: Instant) {
    if thread::panicking() {
        eprintln!("simulated network with seed {seed}, at {at} s; {}", replay(None));
    }
}

/// The command that replays the current test, with `seed` if it was given one.
fn replay(seed: Option<u64>) -> String {
    // The test harness names each test's thread after the test.
    let test = thread::current().name().filter(|name| *name != "main").map(str::to_owned);
    let test = test.unwrap_or_else(|| "<test>".to_owned());
    match seed {
        Some(seed) => format!("replay: {SEED_VARIABLE}={seed} cargo test {test}"),
        None => format!("replay: cargo test {test}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_has_its_turn() {
        let mut seen = Vec::new();
        seeds(3..6, |seed| seen.push(seed));
        if [SEED_VARIABLE, SEEDS_VARIABLE].iter().all(|variable| env::var(variable).is_err()) {
            assert_eq!(seen, [3, 4, 5]);
        }
    }

    #[test]
    fn a_variable_chooses_one_seed_or_several() {
        assert_eq!((one("7"), one("7..9"), one("")), (Some(7..8), None, None));
        assert_eq!((several("7..9"), several("7"), several("a..b")), (Some(7..9), None, None));
    }

    #[test]
    fn the_replay_names_the_test() {
        let hint = replay(Some(7));
        assert!(hint.starts_with("replay: RUDP_SEED=7 cargo test "), "{hint}");
    }
}
