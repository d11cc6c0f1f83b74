//! Running cargo: the same binary that runs this one, with what it runs printed first. Which
//! commands are run, and why, is not known here.

use std::env;
use std::process::{Command, Stdio};

/// Runs cargo with its output shown, in an environment extended by `variables`.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), String> {
    let words = variables.iter().map(|(name, value)| format!("{name}={value} "));
    let line = format!("{}cargo {}", words.collect::<String>(), arguments.join(" "));
    println!("$ {line}");
    let status = command(arguments)
        .envs(variables.iter().copied())
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// Runs cargo quietly and gives what it printed.
pub(crate) fn output(arguments: &[&str]) -> Result<String, String> {
    let line = format!("cargo {}", arguments.join(" "));
    let output =
        command(arguments).output().map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{line}` failed ({}):\n{complaint}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("`{line}`: {error}"))
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).stdin(Stdio::null());
    command
}
