//! Gives every target the inputs of its corpus, and mutations of them that are the same every
//! time. New inputs are found by libFuzzer, not here.
#![expect(clippy::disallowed_methods, reason = "corpora are files")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rudp_base::Seed;
use rudp_fuzz::mutation::mutate;
use rudp_fuzz::{TARGETS, Target};

/// How many mutated inputs a target gets.
const MUTATIONS: usize = 4_000;

/// The inputs of a target by file, in the order of the files' names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    // Cargo runs tests in the directory of their package.
    let directory = Path::new("corpus").join(target);
    let entries = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}: put an input there", directory.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty: put an input there", directory.display());
    let read = |path: PathBuf| {
        let input = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path, input)
    };
    paths.into_iter().map(read).collect()
}

/// Runs a target, and says for which input it failed.
fn run(name: &str, target: Target, input: &[u8], origin: &str) {
    let result = catch_unwind(AssertUnwindSafe(|| target(input)));
    assert!(result.is_ok(), "target {name} failed for {origin}: b\"{}\"", input.escape_ascii());
}

#[test]
fn inputs_of_the_corpora() {
    for (name, target) in TARGETS {
        for (path, input) in corpus(name) {
            run(name, *target, &input, &path.display().to_string());
        }
    }
}

#[test]
fn mutated_inputs() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        let mut rng = Seed::from_u64(1).public_stream(name);
        for (path, input) in corpus.iter().cycle().take(MUTATIONS) {
            let mut input = input.clone();
            mutate(&mut rng, &mut input);
            run(name, *target, &input, &format!("a mutation of {}", path.display()));
        }
    }
}

#[test]
fn every_target_is_known_to_libfuzzer() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    for (name, _) in TARGETS {
        let path = format!("fuzz_targets/{name}.rs");
        assert!(Path::new(&path).exists(), "{path} is missing");
        assert!(manifest.contains(&path), "Cargo.toml has no [[bin]] with path {path}");
    }
    let files = fs::read_dir("fuzz_targets").unwrap();
    assert_eq!(files.count(), TARGETS.len(), "a file in fuzz_targets/ is not in TARGETS");
}
