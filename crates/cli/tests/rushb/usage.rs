//! Command lines that make no sense: the exit code, and whether the message names the culprit.
//! Nothing is sent or served.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use crate::support::rushb;

/// Runs `rushb` with the words of `line`; it must fail as a usage error whose message has each of
/// `culprits`.
#[track_caller]
fn expect_complaint(line: &str, culprits: &[&str]) {
    let ended = rushb(line.split_whitespace()).expect(2);
    for culprit in culprits {
        assert!(ended.stderr.contains(culprit), "{line}: no {culprit:?} in {}", ended.stderr);
    }
    assert!(ended.stdout.is_empty(), "{line}");
}

#[test]
fn a_location_says_what_it_lacks() {
    let table: [(&str, &[&str]); 10] = [
        ("get", &["HOST:PORT/NAME", "required"]),
        ("get 127.0.0.1:7000", &["'127.0.0.1:7000'", "no name"]),
        ("get 127.0.0.1:7000/", &["'127.0.0.1:7000/'", "no name"]),
        ("get 127.0.0.1/file", &["'127.0.0.1/file'", "no port"]),
        ("get file.txt", &["'file.txt'", "HOST:PORT/NAME"]),
        ("get host:x/file", &["'host:x/file'", "port"]),
        ("get host:0/file", &["'host:0/file'", "port"]),
        ("get host:65536/file", &["'host:65536/file'", "1 to 65535"]),
        ("get rushb://host/file", &["'rushb://host/file'", "no port"]),
        ("get host:1/a host:1/b", &["'host:1/b'"]),
    ];
    for (line, culprits) in table {
        expect_complaint(line, culprits);
    }
}

#[test]
fn values_out_of_range_are_named() {
    let table: [(&str, &[&str]); 24] = [
        ("get h:1/f --timeout 5", &["--timeout", "'5'", "unit"]),
        ("get h:1/f --timeout 5h", &["--timeout", "'5h'", "unit"]),
        ("get h:1/f --timeout 0s", &["--timeout", "'0s'", "1ms"]),
        ("get h:1/f --timeout -1s", &["-1"]),
        ("get h:1/f --timeout ms", &["--timeout", "'ms'"]),
        ("get h:1/f --timeout 2d", &["--timeout", "'2d'"]),
        ("get h:1/f --tries 0", &["--tries", "'0'", "1..=1000"]),
        ("get h:1/f --tries many", &["--tries", "'many'"]),
        ("get h:1/f --expect-sha256 abc", &["--expect-sha256", "'abc'", "64 hex digits"]),
        ("get h:1/f --expect-size big", &["--expect-size", "'big'"]),
        ("get h:1/f --output", &["--output"]),
        ("serve --rto soon", &["--rto", "'soon'"]),
        ("serve --rto 90000s", &["--rto", "'90000s'", "24 hours"]),
        ("serve --listen here", &["--listen", "'here'"]),
        ("serve --listen 127.0.0.1", &["--listen", "'127.0.0.1'"]),
        ("serve --listen 127.0.0.1:99999", &["--listen", "'127.0.0.1:99999'"]),
        ("serve --max-sessions 0", &["--max-sessions", "'0'", "at least 1"]),
        ("serve --max-rate-per-address 0", &["--max-rate-per-address", "'0'"]),
        ("serve --max-open-files -1", &["-1"]),
        ("serve one two", &["'two'"]),
        ("demo --loss 101", &["--loss", "'101'", "0 to 100"]),
        ("demo --corrupt=-1", &["--corrupt", "'-1'", "0 to 100"]),
        ("demo --loss nan", &["--loss", "'nan'"]),
        ("completions ksh", &["'ksh'", "bash", "zsh", "fish"]),
    ];
    for (line, culprits) in table {
        expect_complaint(line, culprits);
    }
}

#[test]
fn options_that_contradict_each_other_are_named() {
    let table: [(&str, &[&str]); 7] = [
        ("get h:1/f -v -q", &["--verbose", "--quiet"]),
        ("serve -v -q", &["--verbose", "--quiet"]),
        ("serve --rto 4s --classic", &["--rto", "--classic"]),
        ("serve --json --classic", &["--json", "--classic"]),
        ("get --bogus h:1/f", &["'--bogus'"]),
        ("--bogus", &["'--bogus'"]),
        ("fetch h:1/f", &["'fetch'"]),
    ];
    for (line, culprits) in table {
        expect_complaint(line, culprits);
    }
    expect_complaint("", &["Usage: rushb", "serve", "get"]);
}

#[test]
fn names_that_no_packet_carries_are_refused_here() {
    let ended = rushb(["get", &format!("127.0.0.1:9/{}", "n".repeat(1_465)), "-o", "-"]).expect(2);
    assert!(ended.stderr.contains("1465 bytes"), "{}", ended.stderr);
    let arguments = [OsStr::new("get"), OsStr::from_bytes(b"127.0.0.1:9/\xff")];
    let ended = rushb(arguments.map(OsString::from)).expect(2);
    assert!(ended.stderr.contains("UTF-8"), "{}", ended.stderr);
    for name in ["..", "a/..", "dir/"] {
        let ended = rushb(["get", &format!("127.0.0.1:9/{name}")]).expect(2);
        assert!(ended.stderr.contains("--output"), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("{name:?}")), "{}", ended.stderr);
    }
}
