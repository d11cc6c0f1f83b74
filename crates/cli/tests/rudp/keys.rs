//! `rudp key`: keys and secrets, and servers and clients that ask for them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{Place, objects, text};

#[track_caller]
fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_key_is_made_once_and_kept_from_others() {
    let place = Place::new();
    let first = place.run(&["key", "show"], 0).printed();
    assert_eq!(place.run(&["key", "show"], 0).printed(), first);
    assert_eq!(mode(&place.state("key")), 0o600);
    let shown = objects(&place.run(&["key", "show", "--json"], 0).printed());
    assert_eq!(shown[0]["key"], first.trim_end());
    assert_eq!(shown[0]["file"], text(&place.state("key")));
}

#[test]
fn a_new_key_takes_no_others_place() {
    let place = Place::new();
    let made = place.run(&["key", "new", "a.key"], 0).printed();
    assert_eq!(mode(&place.here().join("a.key")), 0o600);
    assert_eq!(place.run(&["key", "show", "a.key"], 0).printed(), made);
    let before = place.got("a.key");
    for arguments in [&["key", "new", "a.key"][..], &["key", "new", "a.key", "--secret"]] {
        let ended = place.run(arguments, 7);
        assert!(ended.stderr.contains("a.key") && ended.stderr.contains("exists"));
        assert_eq!(place.got("a.key"), before);
    }
    let server = place.serve_with(&["--key", "a.key"]);
    assert_eq!(server.key(), made.trim_end());
}

#[test]
fn a_file_that_is_no_key_is_named() {
    let place = Place::new();
    fs::write(place.here().join("none"), "hello").expect("it is written");
    for name in ["none", "missing"] {
        let ended = place.run(&["key", "show", name], 7);
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
    }
    let ended = place.run(&["serve", "--key", "none", "-l", "127.0.0.1:0"], 7);
    assert!(ended.stderr.contains("none") && !ended.stderr.contains("hello"), "{}", ended.stderr);
    assert_eq!(place.got("none"), b"hello");
}

#[test]
fn a_server_can_ask_for_keys() {
    let place = Place::new().with("file", b"text");
    let allowed = place.here().join("allowed");
    let mine = place.run(&["key", "show"], 0).printed();
    fs::write(&allowed, format!("# friends\n\n{} me\n", mine.trim_end())).expect("it is written");
    let server = place.serve_with(&["--allow", text(&allowed)]);
    let key = place.state("key");
    let ended = place.run(&["get", &server.at("file"), "-o", "-", "--key", text(&key)], 0);
    assert_eq!(ended.printed(), "text");
    place.run(&["key", "new", "stranger.key"], 0);
    for options in [&[][..], &["--key", "stranger.key"]] {
        let ended = place.run(&[&["get", &server.at("file")], options].concat(), 4);
        assert!(ended.stderr.contains("rudp key show"), "what to do: {}", ended.stderr);
        assert!(ended.stderr.contains("--key"), "what to do: {}", ended.stderr);
    }
    assert_eq!(place.names(), ["allowed", "stranger.key"]);
}

#[test]
fn a_list_of_keys_with_something_else_in_it_is_refused() {
    let place = Place::new();
    fs::write(place.here().join("allowed"), "# friends\nhello\n").expect("it is written");
    let ended = place.run(&["serve", "-l", "127.0.0.1:0", "--allow", "allowed"], 7);
    assert!(ended.stderr.contains("line 2 of allowed"), "{}", ended.stderr);
    assert_eq!(ended.printed(), "", "it never served");
    let ended = place.run(&["serve", "-l", "127.0.0.1:0", "--allow", "missing"], 7);
    assert!(ended.stderr.contains("cannot read missing"), "{}", ended.stderr);
}

#[test]
fn a_server_with_a_secret_answers_those_who_have_it() {
    let place = Place::new().with("file", b"text");
    place.run(&["key", "new", "--secret", "secret"], 0);
    place.run(&["key", "new", "--secret", "other"], 0);
    assert_eq!(mode(&place.here().join("secret")), 0o600);
    let server = place.serve_with(&["--secret-file", "secret"]);
    let url = server.at("file");
    place.run(&["get", &url, "--secret-file", "secret"], 0);
    for options in [&[][..], &["--secret-file", "other"]] {
        let ended = place.run(&[&["get", &url, "--timeout", "1s"], options].concat(), 3);
        assert!(ended.stderr.contains("a server with a secret"), "{}", ended.stderr);
    }
}

#[test]
fn a_secret_that_others_can_read_is_not_used() {
    let place = Place::new();
    place.run(&["key", "new", "--secret", "secret"], 0);
    let path = place.here().join("secret");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is this user's");
    let ended = place.run(&["serve", "-l", "127.0.0.1:0", "--secret-file", "secret"], 7);
    assert!(ended.stderr.contains("chmod 600 secret"), "{}", ended.stderr);
}
