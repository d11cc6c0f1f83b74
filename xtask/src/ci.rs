//! The gates that every change passes, and `cargo xtask ci`, which runs them all. Gates that are
//! one call of cargo are written here; the others are in modules of their own.

use std::time::{Duration, Instant};

use crate::{cargo, determinism, fuzz, instructions, layers, lines, snapshot, spec};

/// What came of a command that did not fail.
pub(crate) enum Outcome {
    /// It did its work.
    Passed,
    /// It did nothing, for the reason given.
    Skipped(String),
}

/// One thing that is checked.
pub(crate) struct Gate {
    /// The command that runs it.
    pub(crate) name: &'static str,
    /// What it checks, for the help.
    pub(crate) about: &'static str,
    /// Checks it.
    pub(crate) run: fn() -> Result<Outcome, String>,
}

/// All gates: the quick ones first.
pub(crate) const GATES: &[Gate] = &[
    Gate { name: "fmt", about: "the code is formatted", run: fmt },
    Gate { name: "lines", about: "files and functions are short", run: lines::check },
    Gate {
        name: "layers",
        about: "crates use only the crates they may, and no I/O below the line",
        run: layers::check,
    },
    Gate {
        name: "spec",
        about: "tests cite whatever the protocol demands, and no citation leads nowhere",
        run: spec::check,
    },
    Gate { name: "clippy", about: "no lint complains", run: clippy },
    Gate { name: "doc", about: "the documentation builds without a warning", run: doc },
    Gate { name: "test", about: "all tests pass, those in the documentation too", run: test },
    Gate {
        name: "determinism",
        about: "every scenario gives the same trace when it is run again",
        run: determinism::check,
    },
    Gate {
        name: "snapshot",
        about: "simulated transfers take what bench/snapshots/transfer.txt says",
        run: snapshot::check,
    },
    Gate {
        name: "fuzz",
        about: "no input in fuzz/corpus, and none like it, breaks a fuzz target",
        run: fuzz::replay,
    },
    Gate {
        name: "instructions",
        about: "packets cost as many instructions as bench/snapshots/instructions.txt says",
        run: instructions::check,
    },
    Gate { name: "deny", about: "dependencies keep to deny.toml", run: deny },
];

/// The gate called `name`.
pub(crate) fn gate(name: &str) -> Option<&'static Gate> {
    GATES.iter().find(|gate| gate.name == name)
}

/// Runs all gates, or all up to the first that fails.
pub(crate) fn run(keep_going: bool) -> Result<Outcome, String> {
    let start = Instant::now();
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for gate in GATES {
        println!("\n== {}: {}", gate.name, gate.about);
        let start = Instant::now();
        let result = (gate.run)();
        let took = start.elapsed();
        let verdict = match result {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::Skipped(why)) => format!("skipped: {why}"),
            Err(message) => {
                eprintln!("error: {message}");
                failed.push(gate.name);
                "FAILED".to_owned()
            }
        };
        println!("== {}: {verdict} ({})", gate.name, seconds(took));
        rows.push((gate.name, took, verdict));
        if !failed.is_empty() && !keep_going {
            break;
        }
    }
    println!("\n{:<12} {:>9}", "gate", "took");
    for (name, took, verdict) in &rows {
        println!("{name:<12} {:>9}  {verdict}", seconds(*took));
    }
    for gate in &GATES[rows.len()..] {
        println!("{:<12} {:>9}  not run", gate.name, "");
    }
    println!("{:<12} {:>9}", "all", seconds(start.elapsed()));
    if failed.is_empty() {
        return Ok(Outcome::Passed);
    }
    Err(format!("failed: {}. Run one alone with `cargo xtask <gate>`", failed.join(", ")))
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn fmt() -> Result<Outcome, String> {
    cargo::run(&["fmt", "--check"], &[])
        .map_err(|error| format!("{error}: run `cargo fmt` to format the code"))?;
    Ok(Outcome::Passed)
}

fn clippy() -> Result<Outcome, String> {
    // With the benchmarks of private parts, which nothing else builds.
    let features = ["--features", "rudp-bench/parts"];
    let command = ["clippy", "--workspace", "--all-targets"];
    cargo::run(&[&command[..], &features, &["--", "-D", "warnings"]].concat(), &[])?;
    Ok(Outcome::Passed)
}

fn doc() -> Result<Outcome, String> {
    cargo::run(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    Ok(Outcome::Passed)
}

/// Exactly the command of the README.
fn test() -> Result<Outcome, String> {
    cargo::run(&["test"], &[])?;
    Ok(Outcome::Passed)
}

fn deny() -> Result<Outcome, String> {
    if cargo::output(&["deny", "--version"]).is_err() {
        let how = "cargo-deny is not installed; `cargo install --locked cargo-deny` installs it";
        return Ok(Outcome::Skipped(how.to_owned()));
    }
    cargo::run(&["deny", "check", "licenses", "bans", "sources"], &[])?;
    Ok(Outcome::Passed)
}
