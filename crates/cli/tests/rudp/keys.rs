//! `rudp key`, and servers that know their clients.

use std::fs;

use crate::support::Place;

#[test]
fn a_key_is_made_once_and_kept_from_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let first = place.run(&["key", "show"], 0).printed();
    assert_eq!(place.run(&["key", "show"], 0).printed(), first);
    let state = place.here().parent().expect("a parent").join("state/rudp");
    let mut files = fs::read_dir(state).expect("it is there").flatten();
    let key = files.find(|entry| entry.file_name().to_string_lossy().contains("key"));
    let mode = key.expect("the key").metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_server_can_ask_for_keys() {
    let place = Place::new().with("file", b"text");
    let served = place.served();
    let served = served.to_str().expect("a name that is UTF-8");
    let allowed = place.here().join("allowed");
    let mine = place.run(&["key", "show"], 0).printed();
    fs::write(&allowed, &mine).expect("the file is written");
    let allowed = allowed.to_str().expect("a name that is UTF-8");
    let server = place.start(&["serve", served, "-l", "127.0.0.1:0", "--allow", allowed]);
    let key = place.here().parent().expect("a parent").join("state/rudp/key");
    let key = key.to_str().expect("a name that is UTF-8");
    place.run(&["get", &server.at("file"), "-o", "-", "--key", key], 0);
    let ended = place.run(&["get", &server.at("file"), "-o", "-"], 4);
    assert!(ended.stderr.contains("--key"), "it says what to do: {}", ended.stderr);
}
