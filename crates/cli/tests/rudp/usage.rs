//! Command lines that make no sense, and input that is hostile: what is said, and the exit codes.

use crate::support::{Place, text};

#[test]
fn command_lines_that_make_no_sense_say_what_would() {
    let place = Place::new();
    let long = "a".repeat(5_000);
    let long_url = format!("127.0.0.1:1/{long}");
    let key = "A".repeat(43);
    let table: [(&[&str], &str); 26] = [
        (&["get", "http://host/file"], "http:// is not rudp://"),
        (&["get", "file:///etc/passwd"], "file:// is not rudp://"),
        (&["get", "rudp://host:0/file"], "from 1 to 65535"),
        (&["get", "rudp://host:65536/file"], "from 1 to 65535"),
        (&["get", "rudp:///file"], "rudp://KEY@HOST:PORT/NAME"),
        (&["get", "rudp://KEY@host/file"], "43 characters"),
        (&["get", "rudp://host/%zz"], "two hex digits"),
        (&["get", "rudp://host/%ff"], "UTF-8"),
        (&["get", "rudp://host:1/"], "rudp ls"),
        (&["get", "rudp://127.0.0.1:1/a/.."], "--output"),
        (&["get", &long_url], "at most 4096 bytes"),
        (&["ls", &long_url], "at most 4096 bytes"),
        (&["get", "host/file", "--timeout", "5"], "unit"),
        (&["get", "127.0.0.1:1/file", "--timeout", "1ms"], "handshake_timeout"),
        (&["get", "127.0.0.1:1/file", "--packet-size", "100"], "1200..=65507"),
        (&["serve", "-l", "host:port"], "ADDR:PORT"),
        (&["serve", "--max-sessions", "0"], "at least 1"),
        (&["serve", "--shards", "65"], "64"),
        (&["serve", "--shards", "0"], "from 1 to 64, or auto"),
        (&["bench", "server", "bulk", "--listen", "127.0.0.1:0", "--secs=-1"], "--secs"),
        (&["bench", "server", "msg", "--listen", "127.0.0.1:0", "--every-ms", "0"], "--every-ms"),
        (&["bench", "server", "idle", "--listen", "127.0.0.1:0", "--hold", "1e30"], "--hold"),
        (&["pipe"], "URL"),
        (&["key", "trust", "host", "nonsense"], "43 characters"),
        (&["key", "trust", "host:0", &key], "from 1 to 65535"),
        (&["frobnicate"], "--help"),
    ];
    for (arguments, part) in table {
        let ended = place.run(arguments, 2);
        assert!(ended.stderr.contains(part), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.len() < 7_000, "{} bytes", ended.stderr.len());
        assert_eq!(ended.printed(), "");
    }
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn a_secret_in_place_of_a_public_key_is_not_repeated() {
    let place = Place::new();
    place.run(&["key", "new", "a.key"], 0);
    let secret = String::from_utf8(place.got("a.key")).expect("it is text");
    let ended = place.run(&["key", "trust", "host", secret.trim_end()], 2);
    assert!(ended.stderr.contains("secret key"), "{}", ended.stderr);
}

#[test]
fn names_that_cannot_be_are_refused() {
    let place = Place::new();
    let server = place.serve();
    for name in ["a".repeat(300), "a/".repeat(2_040) + "a", "a%00b".into()] {
        let ended = place.run(&["get", &server.at(&name), "-o", "out"], 4);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        assert!(ended.stderr.len() < 1_000, "{}", ended.stderr);
    }
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn hosts_that_are_none_are_named() {
    let place = Place::new();
    let ended = place.run(&["get", "rudp://does-not-exist.invalid:7000/file"], 3);
    assert!(ended.stderr.contains("does-not-exist.invalid:7000"), "{}", ended.stderr);
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn another_service_at_the_address_is_told_apart() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    let ended = place.run(&["pipe", &server.url], 4);
    assert!(ended.stderr.contains("another service"), "{}", ended.stderr);
}

#[test]
fn what_a_command_can_end_with_is_in_its_help() {
    let place = Place::new();
    for command in ["serve", "get", "ls", "pipe", "demo"] {
        let help = place.run(&[command, "--help"], 0).printed();
        for code in ["0    done", "2    the command line", "3    the peer", "130  interrupted"] {
            assert!(help.contains(code), "{command}: {help}");
        }
    }
}

#[test]
fn a_page_of_the_manual_is_written_for_each_command() {
    let place = Place::new();
    let pages = place.here().join("pages");
    std::fs::create_dir(&pages).expect("a directory");
    place.run(&["man", "--out", text(&pages)], 0);
    let names = crate::disk::names(&pages);
    for name in ["rudp.1", "rudp-get.1", "rudp-link.1", "rudp-serve.1", "rudp-sim.1"] {
        assert!(names.iter().any(|page| page == name), "{names:?}");
    }
}
