//! Help, versions, completions and manual pages.
//! They are made from the command line's description, and must not forget any of it.

use std::fs;

use crate::support::{Place, names, rushb};

/// Every option of every command.
const OPTIONS: [(&str, &[&str]); 5] = [
    (
        "serve",
        &[
            "--listen",
            "--classic",
            "--rto",
            "--tries",
            "--max-sessions",
            "--max-unanswered",
            "--max-sessions-per-address",
            "--max-rate-per-address",
            "--max-in-flight",
            "--max-open-files",
            "--json",
            "--verbose",
            "--quiet",
            "[DIR]",
        ],
    ),
    (
        "get",
        &[
            "--output",
            "--no-chk",
            "--enc",
            "--expect-size",
            "--expect-sha256",
            "--timeout",
            "--tries",
            "--verbose",
            "--quiet",
            "<HOST:PORT/NAME>",
            "Exit codes:",
            "130",
        ],
    ),
    ("demo", &["--loss", "--corrupt", "--size", "--seed", "--verbose"]),
    ("completions", &["<SHELL>", "bash", "fish", "zsh"]),
    ("man", &["--out"]),
];

#[test]
fn help_and_version_go_to_standard_output() {
    for option in ["--help", "-h", "help"] {
        let ended = rushb([option]).expect(0);
        assert_eq!(ended.stderr, "");
        let printed = ended.printed();
        for (command, _) in OPTIONS {
            assert!(printed.contains(&format!("\n  {command}")), "{command}: {printed}");
        }
        assert!(printed.contains("Examples:"), "{printed}");
    }
    for arguments in [&["--version"][..], &["-V"], &["get", "--version"]] {
        let printed = rushb(arguments).expect(0).printed();
        assert!(printed.trim_end().ends_with(env!("CARGO_PKG_VERSION")), "{printed}");
    }
}

#[test]
fn help_names_each_option() {
    for (command, options) in OPTIONS {
        for arguments in [[command, "--help"], [command, "-h"], ["help", command]] {
            let printed = rushb(arguments).expect(0).printed();
            for option in options {
                assert!(printed.contains(option), "{arguments:?}: no {option} in {printed}");
            }
            assert!(!printed.contains('\u{1b}'), "no colours where there is no terminal");
        }
    }
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let printed = rushb(["completions", shell]).expect(0).printed();
        for word in ["rushb", "serve", "expect-sha256", "max-open-files"] {
            assert!(printed.contains(word), "{shell}: no {word}");
        }
    }
}

#[test]
fn manual_pages_are_printed_and_written() {
    let page = rushb(["man"]).expect(0).printed();
    assert!(page.contains(".TH rushb 1"), "{page}");
    assert!(page.contains(".SH SYNOPSIS"), "{page}");
    assert!(!page.contains('\u{1b}'), "troff has no escape sequences");
    let place = Place::new();
    let out = place.here().join("new/pages");
    rushb(["man".as_ref(), "--out".as_ref(), out.as_os_str()]).expect(0);
    let written = names(&out);
    for (command, options) in OPTIONS {
        let name = format!("rushb-{command}.1");
        assert!(written.contains(&name), "{written:?}");
        let page = fs::read_to_string(out.join(&name)).unwrap().replace("\\-", "-");
        for option in options.iter().filter(|option| option.starts_with("--")) {
            assert!(page.contains(option), "{name}: no {option}");
        }
        assert!(!page.contains('\u{1b}'), "{name}: troff has no escape sequences");
    }
    assert!(written.contains(&"rushb.1".to_owned()), "{written:?}");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    for arguments in [["man", "--out", "/proc/none"].as_slice(), &["man", "--out", "/dev/null/x"]] {
        let ended = rushb(arguments).expect(7);
        assert!(ended.stderr.contains(arguments[2]), "{}", ended.stderr);
    }
}
