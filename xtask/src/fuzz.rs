//! `cargo xtask fuzz`: the replay of the corpora, and `fuzz run`, which looks for new inputs. The
//! targets themselves are in the package `rudp-fuzz`.

use std::fs;
use std::path::Path;

use crate::cargo;
use crate::ci::Outcome;

/// Gives all fuzz targets the inputs of their corpora, and inputs like them.
pub(crate) fn replay() -> Result<Outcome, String> {
    cargo::run(&["test", "--package", "rudp-fuzz", "--tests"], &[])?;
    Ok(Outcome::Passed)
}

/// Runs libFuzzer on a target, without end or for some seconds.
pub(crate) fn run(arguments: &[&str]) -> Result<Outcome, String> {
    let (target, seconds) = match arguments {
        [target] => (*target, None),
        [target, "--seconds", seconds] => (*target, Some(*seconds)),
        _ => return Err("write `cargo xtask fuzz run TARGET [--seconds N]`".to_owned()),
    };
    if seconds.is_some_and(|seconds| seconds.parse::<u32>().is_err()) {
        return Err("after --seconds comes a whole number".to_owned());
    }
    let targets = targets()?;
    if !targets.iter().any(|known| known == target) {
        return Err(format!("no fuzz target `{target}`; there are: {}", targets.join(", ")));
    }
    if cargo::output(&["fuzz", "--version"]).is_err() {
        let how = "cargo-fuzz is not installed; `cargo install --locked cargo-fuzz` installs it";
        return Err(how.to_owned());
    }
    // libFuzzer adds what it finds to the first directory; the second is under version control.
    let found = format!("target/fuzz-corpus/{target}");
    fs::create_dir_all(&found).map_err(|error| format!("cannot make {found}: {error}"))?;
    let corpus = format!("fuzz/corpus/{target}");
    // No target has unsafe code for a sanitizer to look into, and without one it runs faster.
    let build = ["fuzz", "run", "--features", "libfuzzer", "--sanitizer", "none"];
    let mut command = [&build[..], &[target, &found, &corpus]].concat();
    let limit = seconds.map(|seconds| format!("-max_total_time={seconds}"));
    command.extend(limit.iter().flat_map(|limit| ["--", limit]));
    // libFuzzer needs unstable flags, which the stable compiler takes this way.
    cargo::run(&command, &[("RUSTC_BOOTSTRAP", "1")])?;
    println!("new inputs are in {found}: copy those worth replaying to {corpus}");
    Ok(Outcome::Passed)
}

/// The names of all targets.
fn targets() -> Result<Vec<String>, String> {
    let directory = Path::new("fuzz/fuzz_targets");
    let entries = fs::read_dir(directory)
        .map_err(|error| format!("cannot list {}: {error}", directory.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<String> =
        paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}
