//! What a crate below the line may not have in its `src` and its manifest: clocks, sockets,
//! threads, files, and ways around the lints that say so. It is a second net under those lists in
//! clippy.toml; tests, examples and benchmarks fall through it on purpose.

use std::collections::BTreeSet;
use std::path::Path;

use crate::layers::EXCEPTIONS;
use crate::metadata::Package;
use crate::source;

/// What of the standard library is not named below the line.
const FORBIDDEN_PATHS: &[&str] = &[
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::env",
    "std::fs",
    "std::hash::RandomState",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Packages that read clocks, open sockets, run threads or draw the system's randomness.
const FORBIDDEN_PACKAGES: &[&str] = &[
    "async-io",
    "async-std",
    "cap-std",
    "fastrand",
    "futures-executor",
    "getrandom",
    "libc",
    "mio",
    "nix",
    "polling",
    "quinn-udp",
    "rand",
    "rayon",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "windows-sys",
];

/// Lints that are not lifted below the line, and the groups they are in.
const KEPT_LINTS: &[&str] =
    &["disallowed_methods", "disallowed_types", "clippy::style", "clippy::all", "warnings"];

/// What is wrong with a package below the line.
pub(crate) fn complaints(package: &Package) -> Result<Vec<String>, String> {
    let mut complaints = forbidden_packages(package)?;
    for name in ["clippy.toml", ".clippy.toml"] {
        let own = package.directory.join(name);
        if own.exists() {
            let own = source::display(&own);
            complaints.push(format!("{own}: it hides the lists of the workspace: delete it"));
        }
    }
    for path in source::rust_files(&package.directory.join("src"))? {
        complaints.extend(in_file(&path, &source::read(&path)?));
    }
    Ok(complaints)
}

fn forbidden_packages(package: &Package) -> Result<Vec<String>, String> {
    let manifest = package.directory.join("Cargo.toml");
    let text = source::read(&manifest)?;
    let line_of = |name: &str| {
        let starts = |line: &str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '.', '=']))
        };
        text.lines().position(starts).map_or(1, |index| index + 1)
    };
    let used = package.dependencies.iter().filter(|used| !used.dev).map(|used| used.name.as_str());
    let forbidden = used.filter(|name| FORBIDDEN_PACKAGES.contains(name));
    Ok(forbidden
        .map(|name| {
            let (place, line) = (source::display(&manifest), line_of(name));
            format!("{place}:{line}: {name} has no place below the line")
        })
        .collect())
}

fn in_file(path: &Path, text: &str) -> Vec<String> {
    let place = source::display(path);
    let mut code = source::code(text);
    let mut found = BTreeSet::new();
    for lint in KEPT_LINTS {
        for at in source::find_word(&code, lint) {
            if is_lifted(&code[..at]) {
                found.insert((source::line_of(&code, at), format!("{lint} may not be lifted")));
            }
        }
    }
    for item in source::test_items(&code) {
        source::blank(&mut code[item]);
    }
    if !source::is_test_file(path) {
        for (at, word) in forbidden_paths(&code) {
            let excepted =
                EXCEPTIONS.iter().any(|(file, words, _)| *file == place && words.contains(&word));
            if !excepted {
                found.insert((source::line_of(&code, at), format!("{word} may not be named")));
            }
        }
    }
    let lines = found.into_iter();
    lines.map(|(line, what)| format!("{place}:{line}: {what} below the line")).collect()
}

/// Whether `before` ends within an attribute that lifts lints.
fn is_lifted(before: &[u8]) -> bool {
    let start = before.iter().rposition(|byte| *byte == b'#').unwrap_or(0);
    let attribute = &before[start..];
    let depth = attribute.iter().fold(0, |depth, byte| match byte {
        b'[' => depth + 1,
        b']' => depth - 1,
        _ => depth,
    });
    if depth == 0 {
        return false;
    }
    ["allow", "expect"].iter().any(|word| !source::find_word(attribute, word).is_empty())
}

/// Where code names a forbidden path, written out or in the braces of a `use`.
fn forbidden_paths(code: &[u8]) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for word in FORBIDDEN_PATHS {
        found.extend(source::find_word(code, word).into_iter().map(|at| (at, *word)));
    }
    for at in source::find_word(code, "use") {
        let end = code[at..].iter().position(|byte| *byte == b';').map_or(code.len(), |n| at + n);
        let tree = String::from_utf8_lossy(&code[at + 3..end]);
        for path in flatten(&tree) {
            let starts = |word: &&&str| !source::find_word(path.as_bytes(), word).is_empty();
            found.extend(FORBIDDEN_PATHS.iter().filter(starts).map(|word| (at, *word)));
        }
    }
    found
}

/// The paths of a `use` tree: `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn flatten(tree: &str) -> Vec<String> {
    let Some((prefix, rest)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let mut depth = 0;
    let branches = inner.split(|character| {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    });
    branches.flat_map(flatten).map(|path| format!("{}{path}", prefix.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        in_file(Path::new("src/a.rs"), text)
    }

    #[test]
    fn forbidden_paths_are_found() {
        let line = "src/a.rs:2: std::time::Instant may not be named below the line";
        assert_eq!(found("\nuse std::time::Instant;"), [line]);
        assert_eq!(found("\nuse std::time::{Duration, Instant};"), [line]);
        assert_eq!(found("\nuse std::{time::{self, Instant as Now}, fmt};"), [line]);
        assert_eq!(found("\nfn f() { ::std::time::Instant::now(); }"), [line]);
        let line = "src/a.rs:1: std::collections::HashMap may not be named below the line";
        assert_eq!(found("use std::collections::{BTreeMap, HashMap};"), [line]);
        assert_eq!(
            found("use std::{fmt, fs::File};"),
            ["src/a.rs:1: std::fs may not be named below the line"]
        );
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        assert_eq!(found("//! std::fs\nconst A: &str = \"std::fs\"; // std::env"), [""; 0]);
        assert_eq!(found("#[cfg(test)]\nmod tests { use std::thread; }"), [""; 0]);
        assert_eq!(found("use core::time::Duration; use crate::Instant; use std::fmt;"), [""; 0]);
        assert_eq!(in_file(Path::new("src/tests.rs"), "use std::thread;"), [""; 0]);
    }

    #[test]
    fn exceptions_are_for_one_file_and_word() {
        let path = Path::new("crates/sim/src/seed.rs");
        assert_eq!(in_file(path, "use std::{env, thread};"), [""; 0]);
        assert_eq!(in_file(path, "use std::fs;").len(), 1);
    }

    #[test]
    fn lints_are_not_lifted() {
        let line = "src/a.rs:1: disallowed_methods may not be lifted below the line";
        assert_eq!(found("#![allow(clippy::disallowed_methods, reason = \"x\")]"), [line]);
        assert_eq!(found("#[expect(dead_code, clippy::disallowed_methods)]"), [line]);
        assert_eq!(found("#![deny(clippy::disallowed_methods)]"), [""; 0]);
        let line = "src/a.rs:1: warnings may not be lifted below the line";
        assert_eq!(found("#![allow(warnings)]"), [line]);
        assert_eq!(found("#[expect(dead_code)]\nfn warnings() {}"), [""; 0]);
    }

    #[test]
    fn trees_are_flattened() {
        assert_eq!(
            flatten("a::{b, c::{d as x, e}, f}"),
            ["a::b", "a::c::d as x", "a::c::e", "a::f"]
        );
        assert_eq!(flatten("a::b"), ["a::b"]);
    }
}
