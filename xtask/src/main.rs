//! The developers' commands, run as `cargo xtask <command>`: this file knows which there are and
//! starts them. What a command does is in the module of its name.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a developer's tool is above the line: it measures time and reads files"
)]

mod callgrind;
mod cargo;
mod ci;
mod citations;
mod clauses;
mod determinism;
mod diff;
mod fuzz;
mod instructions;
mod layers;
mod line;
mod lines;
mod metadata;
mod snapshot;
mod soak;
mod source;
mod spec;
mod tally;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use ci::Outcome;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match enter_workspace().and_then(|()| dispatch(&arguments)) {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped(why)) => {
            println!("skipped: {why}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Commands work on the whole workspace, wherever in it they are called.
fn enter_workspace() -> Result<(), String> {
    // What cargo says now goes before what it said when this was built: the directory may have
    // moved since.
    let here =
        env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = Path::new(&here).join("..");
    env::set_current_dir(&root).map_err(|error| format!("cannot enter {}: {error}", root.display()))
}

fn dispatch(arguments: &[&str]) -> Result<Outcome, String> {
    match arguments {
        [] | ["help" | "--help" | "-h"] => {
            print!("{}", help());
            Ok(Outcome::Passed)
        }
        ["ci"] => ci::run(false),
        ["ci", "--keep-going"] => ci::run(true),
        ["fuzz", "run", rest @ ..] => fuzz::run(rest),
        ["instructions", "--renew"] => instructions::renew(),
        ["snapshot", "--renew"] => snapshot::renew(),
        ["soak", rest @ ..] => soak::run(rest),
        [name] if let Some(gate) = ci::gate(name) => (gate.run)(),
        _ => Err(format!("no command `{}`\n\n{}", arguments.join(" "), help())),
    }
}

fn help() -> String {
    use std::fmt::Write as _;

    let mut text = String::from(
        "The developers' commands. Usage: cargo xtask <command>\n\n  \
         ci [--keep-going]                all gates below in this order, up to the first that fails\n",
    );
    for gate in ci::GATES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<32} {}", gate.name, gate.about);
    }
    text.push_str(
        "  snapshot --renew                 write the figures of transfers as they are now\n",
    );
    text.push_str(
        "  instructions --renew             write the counts of instructions as they are now\n",
    );
    text.push_str("  fuzz run TARGET [--seconds N]    look for new inputs with libFuzzer\n");
    text.push_str("  soak [--seeds N] [--from N]      many seeds of the random scenes of RUDP\n");
    text
}
