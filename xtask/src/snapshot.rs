//! `cargo xtask snapshot`: what a transfer takes in the simulator, beside what it took when the
//! figures were last renewed. The transfers are `crates/testkit/examples/transfer.rs`.

use std::fs;

use crate::ci::Outcome;
use crate::{cargo, diff, source};

const PATH: &str = "bench/snapshots/transfer.txt";

/// The lines at the beginning that say what is below them.
const HEAD: usize = 4;
const PROGRAM: [&str; 6] = ["run", "--quiet", "--package", "rudp-testkit", "--example", "transfer"];

/// Compares. The figures are of virtual time and one seed: a run that differs by one packet is
/// another run, so there is no tolerance.
pub(crate) fn check() -> Result<Outcome, String> {
    let known = source::read(PATH.as_ref())?;
    let difference = diff::lines(&known, &measure()?);
    if difference.is_empty() {
        println!("transfers take what {PATH} says");
        return Ok(Outcome::Passed);
    }
    known.lines().take(HEAD).for_each(|line| println!("  {line}"));
    println!("{difference}");
    Err(format!(
        "transfers are not what {PATH} says (-) any more, but other ones (+). If that is meant, \
         `cargo xtask snapshot --renew` writes them down: commit them with what changed them"
    ))
}

/// Writes the figures of now, and shows what is different.
pub(crate) fn renew() -> Result<Outcome, String> {
    let known = fs::read_to_string(PATH).unwrap_or_default();
    let now = measure()?;
    fs::write(PATH, &now).map_err(|error| format!("cannot write {PATH}: {error}"))?;
    let difference = diff::lines(&known, &now);
    println!("{}", if difference.is_empty() { "nothing has changed" } else { &difference });
    Ok(Outcome::Passed)
}

fn measure() -> Result<String, String> {
    println!("$ cargo {}", PROGRAM.join(" "));
    cargo::output(&PROGRAM)
}
