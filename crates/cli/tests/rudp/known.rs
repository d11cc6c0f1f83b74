//! Servers that are known: believed, changed, trusted by hand, forgotten.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Place, Server, objects, text};

/// The server's address as one that this machine does not take for its own, and asks who it is.
fn elsewhere(server: &Server) -> String {
    format!("127.1:{}", server.address().port())
}

/// The server at the same address with another key.
fn with_another_key(place: &Place, server: Server) -> Server {
    let address = server.address().to_string();
    server.interrupt().expect(0);
    let key = place.here().join("another.key");
    place.serve_at(&address, &["--key", text(&key)])
}

#[test]
fn a_server_is_believed_the_first_time_and_kept() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    let (address, key) = (elsewhere(&server), server.key());
    let url = format!("rudp://{address}/file");
    let ended = place.run(&["get", &url], 0);
    assert!(ended.stderr.contains("was not known and is believed"), "{}", ended.stderr);
    assert!(ended.stderr.contains(key), "{}", ended.stderr);
    let known = place.state("known_hosts");
    assert_eq!(fs::read_to_string(&known).expect("it is made"), format!("{address} {key}\n"));
    assert_eq!(fs::metadata(&known).expect("it is there").permissions().mode() & 0o777, 0o600);
    let ended = place.run(&["get", &url], 0);
    assert!(!ended.stderr.contains("believed"), "said once: {}", ended.stderr);
}

#[test]
fn a_changed_key_is_refused_until_the_server_is_forgotten() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    let (address, old) = (elsewhere(&server), server.key().to_owned());
    let url = format!("rudp://{address}/file");
    place.run(&["get", &url], 0);
    fs::remove_file(place.here().join("file")).expect("it is there");
    let server = with_another_key(&place, server);
    let known = place.state("known_hosts");
    let before = fs::read(&known).expect("it is there");
    let ended = place.run(&["get", &url], 5);
    for part in ["WRONG KEY", &old, server.key(), &format!("rudp key forget {address}")] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert_eq!(fs::read(&known).expect("it is there"), before, "nothing is changed by that");
    assert_eq!(place.names(), ["another.key"]);
    place.run(&["key", "forget", &address], 0);
    assert_eq!(fs::read(&known).expect("it is there"), b"");
    place.run(&["get", &url], 0);
    let now = fs::read_to_string(&known).expect("it is there");
    assert_eq!(now, format!("{address} {}\n", server.key()));
}

#[test]
fn a_changed_key_can_be_trusted() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    let address = elsewhere(&server);
    let url = format!("rudp://{address}/file");
    place.run(&["get", &url], 0);
    let server = with_another_key(&place, server);
    place.run(&["get", &url], 5);
    let ended = place.run(&["key", "trust", &address, server.key()], 0);
    assert!(ended.stderr.contains("any more"), "{}", ended.stderr);
    place.run(&["get", &url], 0);
    let known = fs::read_to_string(place.state("known_hosts")).expect("it is there");
    assert_eq!(known, format!("{address} {}\n", server.key()));
}

#[test]
fn keys_that_look_like_options_are_keys() {
    let place = Place::new();
    for key in ["-".to_owned() + &"A".repeat(42), "--".to_owned() + &"A".repeat(41)] {
        place.run(&["key", "trust", "host", &key], 0);
        place.run(&["-q", "key", "trust", "--json", "host", &key, "-q"], 0);
        let shown = place.run(&["key", "show", "--known"], 0).printed();
        assert_eq!(shown, format!("host:7777 {key}\n"));
    }
}

#[test]
fn what_is_said_of_a_server_counts_on_this_machine_too() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    let address = server.address().to_string();
    let url = format!("rudp://{address}/file");
    let other = "A".repeat(43);
    place.run(&["key", "trust", &address, &other], 0);
    let ended = place.run(&["get", &url], 5);
    assert!(ended.stderr.contains(&format!("rudp key forget {address}")), "{}", ended.stderr);
    place.run(&["key", "forget", &address], 0);
    place.run(&["get", &url], 0);
    assert!(!fs::read_to_string(place.state("known_hosts")).expect("it is there").contains(':'));
}

#[test]
fn known_servers_are_shown_and_lines_by_hand_stay() {
    let place = Place::new();
    let (one, two) = ("A".repeat(43), "B".repeat(42) + "A");
    place.run(&["key", "trust", "Example.ORG", &one], 0);
    let path = place.state("known_hosts");
    let text = fs::read_to_string(&path).expect("it is made");
    assert_eq!(text, format!("example.org:7777 {one}\n"));
    fs::write(&path, format!("# by hand\n{text}")).expect("it is written");
    place.run(&["key", "trust", "[2001:DB8::1]:9", &two], 0);
    let shown = place.run(&["key", "show", "--known"], 0).printed();
    assert_eq!(shown, format!("example.org:7777 {one}\n[2001:db8::1]:9 {two}\n"));
    let shown = objects(&place.run(&["key", "show", "--known", "--json"], 0).printed());
    assert_eq!(shown.len(), 2);
    assert_eq!((&shown[1]["server"], &shown[1]["key"]), (&"[2001:db8::1]:9".into(), &two.into()));
    place.run(&["key", "forget", "example.org"], 0);
    let ended = place.run(&["key", "forget", "example.org"], 4);
    assert!(ended.stderr.contains("rudp key show --known"), "{}", ended.stderr);
    let left = fs::read_to_string(&path).expect("it is there");
    assert_eq!(left, format!("# by hand\n[2001:db8::1]:9 {}A\n", "B".repeat(42)));
}
