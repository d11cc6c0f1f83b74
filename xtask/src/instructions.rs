//! `cargo xtask instructions`: how many instructions our own code takes per packet, counted by
//! callgrind, beside what it took when the figures were last renewed. What is counted is
//! `rudp-bench datapath`; its profile is read in `callgrind`, the file of figures in `tally`.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, process};

use serde_json::Value;

use crate::ci::Outcome;
use crate::tally::{Side, Tally};
use crate::{callgrind, cargo, source};

const PATH: &str = "bench/snapshots/instructions.txt";

/// What `datapath` sends: enough that the handshake and the start do not count, and at a rate that is
/// never in the way, so that congestion controllers can be changed without an effect here.
const WORKLOAD: [&str; 7] =
    ["datapath", "--bytes", "30000000", "--flight", "65536", "--rate", "100000000000"];

/// Its functions in which each side does its work, and nothing else is done.
const SIDES: [(&str, &str); 2] =
    [("sender", "rudp_bench::datapath::sender*"), ("receiver", "rudp_bench::datapath::receiver*")];

/// Counts, and compares.
pub(crate) fn check() -> Result<Outcome, String> {
    let known = Tally::parse(&source::read(PATH.as_ref())?)?;
    if let Err(why) = valgrind() {
        return Ok(Outcome::Skipped(why));
    }
    let compiler = compiler()?;
    if compiler != known.compiler {
        return Ok(Outcome::Skipped(format!(
            "{PATH} is of {}, and this is {compiler}: compilers are not what is compared here. \
             `cargo xtask instructions --renew` writes the figures of this one",
            known.compiler
        )));
    }
    let now = count(compiler)?;
    println!("{}", now.summary(&known));
    let complaints = now.complaints(&known);
    if complaints.is_empty() {
        return Ok(Outcome::Passed);
    }
    println!("{}", complaints.join("\n"));
    Err(format!(
        "the data path does not take as many instructions as {PATH} says. If that is meant, \
         `cargo xtask instructions --renew` writes the new figures down: commit them with what \
         changed them"
    ))
}

/// Counts, and writes the figures.
pub(crate) fn renew() -> Result<Outcome, String> {
    valgrind()?;
    let now = count(compiler()?)?;
    if let Ok(known) = source::read(PATH.as_ref()).and_then(|text| Tally::parse(&text)) {
        println!("{}", now.summary(&known));
    }
    fs::write(PATH, now.to_string()).map_err(|error| format!("cannot write {PATH}: {error}"))?;
    Ok(Outcome::Passed)
}

/// Whether there is a valgrind that says the same as that of others.
fn valgrind() -> Result<(), String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("the figures are of Linux on x86-64".to_owned());
    }
    match Command::new("valgrind").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err("valgrind is not installed; the package `valgrind` of the system has it".into()),
    }
}

fn compiler() -> Result<String, String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let output = output.map_err(|error| format!("cannot start rustc: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn count(compiler: String) -> Result<Tally, String> {
    // As the profile says, whatever a developer's environment says.
    let plainly = [("CARGO_INCREMENTAL", "0")];
    cargo::run(&["build", "--release", "--package", "rudp-bench"], &plainly)?;
    let metadata = cargo::output(&["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let target = metadata["target_directory"].as_str().ok_or("cargo has no target directory")?;
    let program = format!("{target}/release/rudp-bench");
    let mut sides = Vec::new();
    for (profile, options) in [("plain", &["--plain"][..]), ("encrypted", &[])] {
        for (side, functions) in SIDES {
            let name = format!("{profile} {side}");
            sides.push(one(name, &program, functions, options)?);
        }
    }
    Ok(Tally { compiler, sides })
}

/// Counts what one side does.
fn one(name: String, program: &str, functions: &str, options: &[&str]) -> Result<Side, String> {
    let words = [&WORKLOAD[..], options].concat();
    println!(
        "$ valgrind --tool=callgrind --toggle-collect={functions} {program} {}",
        words.join(" ")
    );
    let path: PathBuf = env::temp_dir().join(format!("rudp-callgrind-{}", process::id()));
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--toggle-collect={functions}"))
        .arg(format!("--callgrind-out-file={}", path.display()))
        .arg(program)
        .args(words)
        .output()
        .map_err(|error| format!("cannot start valgrind: {error}"))?;
    let profile = fs::read_to_string(&path);
    // A file left behind in the temporary directory harms nobody.
    let _ = fs::remove_file(&path);
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("valgrind failed ({}):\n{complaint}", output.status));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let packets = printed.split(' ').next().and_then(|number| number.parse().ok());
    let packets = packets.filter(|packets| *packets > 0);
    let packets = packets.ok_or_else(|| format!("`datapath` printed no packets: {printed}"))?;
    let profile = profile.map_err(|error| format!("valgrind wrote no profile: {error}"))?;
    Side::new(name, packets, callgrind::parse(&profile)?)
}
