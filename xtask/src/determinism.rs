//! `cargo xtask determinism`: every scenario, run twice, gives the same trace. The scenarios and
//! the digests of their traces are made by `rudp-testkit`; here they are only compared.

use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs, process};

use crate::cargo;
use crate::ci::Outcome;

/// Names the file to which every scenario appends a line `name digest`.
const VARIABLE: &str = "RUDP_DIGESTS";

/// The digests of one run by scenario. A scenario that is run more than once has several, in any
/// order.
type Digests<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Runs all scenarios twice, in processes of their own, and compares.
pub(crate) fn check() -> Result<Outcome, String> {
    let first = run("first")?;
    let second = run("second")?;
    let (first, second) = (digests(&first)?, digests(&second)?);
    if first.is_empty() {
        return Err(format!(
            "no scenario wrote a digest: those of rudp-testkit are to append a line \
             `name digest` to the file that {VARIABLE} names"
        ));
    }
    let different = differences(&first, &second);
    if !different.is_empty() {
        return Err(different.join("\n"));
    }
    println!("{} scenarios gave the same traces twice", first.len());
    Ok(Outcome::Passed)
}

/// Runs the scenarios and gives the lines they wrote.
fn run(name: &str) -> Result<String, String> {
    let path = env::temp_dir().join(format!("rudp-digests-{}-{name}", process::id()));
    let file = path.to_str().ok_or("the name of the temporary directory is not UTF-8")?;
    fs::write(&path, "").map_err(|error| format!("cannot write {file}: {error}"))?;
    let result = cargo::run(&["test", "--package", "rudp-testkit", "--tests"], &[(VARIABLE, file)]);
    let text = fs::read_to_string(&path);
    // A file left behind in the temporary directory harms nobody.
    let _ = fs::remove_file(&path);
    result?;
    text.map_err(|error| format!("cannot read {file}: {error}"))
}

fn digests(text: &str) -> Result<Digests<'_>, String> {
    let mut digests = Digests::new();
    for line in text.lines() {
        let (name, digest) = line
            .rsplit_once(' ')
            .ok_or_else(|| format!("a scenario wrote `{line}`, which is not `name digest`"))?;
        digests.entry(name).or_default().push(digest);
    }
    for several in digests.values_mut() {
        several.sort_unstable();
    }
    Ok(digests)
}

fn differences(first: &Digests<'_>, second: &Digests<'_>) -> Vec<String> {
    let show = |run: &Digests<'_>, name| run.get(name).map_or("none".to_owned(), |d| d.join(" "));
    let names: BTreeSet<_> = first.keys().chain(second.keys()).collect();
    let different = names.into_iter().filter(|name| first.get(*name) != second.get(*name));
    different
        .map(|name| {
            let (first, second) = (show(first, name), show(second, name));
            format!(
                "scenario `{name}` gave digest {first} first and {second} then: look for a clock, \
                 a hash map's order or a thread in what it runs"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter() {
        let first = digests("a 1\nb 2\nb 3\n").unwrap();
        let second = digests("b 3\na 1\nb 2\n").unwrap();
        assert_eq!(differences(&first, &second), [""; 0]);
    }

    #[test]
    fn what_differs_is_named() {
        let first = digests("same 1\nother 2\n").unwrap();
        let second = digests("same 1\nother 3\nnew one 4\n").unwrap();
        let different = differences(&first, &second);
        assert_eq!(different.len(), 2);
        assert!(different[0].starts_with("scenario `new one` gave digest none first and 4 then"));
        assert!(different[1].starts_with("scenario `other` gave digest 2 first and 3 then"));
    }

    #[test]
    fn garbage_is_refused() {
        assert!(digests("nonsense\n").unwrap_err().contains("`nonsense`"));
    }
}
