//! `rudp serve`, `rudp get` and `rudp ls`.

use std::fs;

use crate::support::{Place, objects};

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * at % 251).expect("below 251")).collect()
}

#[test]
fn files_arrive_as_they_are() {
    let (large, name) = (content(5_000_000), "ä b%.txt");
    let place = Place::new().with("large", &large).with("empty", b"").with(name, b"text");
    let server = place.serve();
    let ended = place.run(&["get", &server.at("large")], 0);
    assert!(ended.stderr.contains("blake3"), "{}", ended.stderr);
    assert!(place.got("large") == large);
    place.run(&["get", &server.at("empty"), "-o", "nothing"], 0);
    assert_eq!(place.got("nothing"), b"");
    let ended = place.run(&["get", &server.at("%C3%A4%20b%25.txt"), "-o", "-"], 0);
    assert_eq!(ended.printed(), "text");
    assert_eq!(place.names(), ["large", "nothing"], "and nothing else");
}

#[test]
fn directories_are_listed() {
    let place = Place::new().with("a", b"1").with("b", b"22");
    fs::create_dir(place.served().join("below")).expect("a directory");
    let server = place.serve();
    let ended = place.run(&["ls", &server.url], 0);
    for name in ["a", "b", "below"] {
        assert!(ended.printed().contains(name), "{}", ended.printed());
    }
    let ended = place.run(&["ls", &server.url, "--json"], 0);
    assert_eq!(objects(&ended.printed()).len(), 3);
}

#[test]
fn another_key_is_refused_loudly() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    let other = "A".repeat(43);
    let url = format!("rudp://{other}@{}/file", server.address());
    let ended = place.run(&["get", &url], 5);
    assert!(ended.stderr.contains("WRONG KEY"), "{}", ended.stderr);
    assert!(place.names().is_empty());
}

#[test]
fn nobody_there_is_said_with_the_likely_causes() {
    let place = Place::new();
    // A port of the system's choosing that is free again.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("it has an address");
    drop(socket);
    let url = format!("rudp://{address}/file");
    let ended = place.run(&["get", &url, "--timeout", "1s"], 3);
    for part in ["no answer", "wrong port", "filtered", "server down"] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
}
