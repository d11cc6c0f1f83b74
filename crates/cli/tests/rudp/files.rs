//! `rudp serve`, `rudp get` and `rudp ls`.

use std::fs;

use crate::support::Place;

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
    assert_eq!(place.names().len(), 2, "and nothing else: {:?}", place.names());
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
    for line in ended.printed().lines() {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "{line}");
    }
}

#[test]
fn what_is_not_there_or_outside_is_refused() {
    let place = Place::new().with("file", b"text");
    fs::write(place.here().join("secret"), b"secret").expect("the file is written");
    std::os::unix::fs::symlink(place.here().join("secret"), place.served().join("link"))
        .expect("a link");
    let server = place.serve();
    for name in ["nothing", "%2e%2e/here/secret", "link", "%2fetc%2fpasswd"] {
        let ended = place.run(&["get", &server.at(name), "-o", "out"], 4);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
    assert_eq!(place.names(), ["secret"], "nothing was written");
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

#[test]
fn a_server_that_dies_leaves_no_half_of_a_file() {
    let place = Place::new().with("file", &content(200_000_000));
    let mut server = place.serve();
    let url = server.at("file");
    let mut get = place
        .command(&["get", &url, "--idle-timeout", "2s"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    while place.names().is_empty() {
        assert_eq!(get.try_wait().expect("it is a child"), None, "it ended at once");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    server.child.kill().expect("it runs");
    assert!(!get.wait().expect("it is a child").success());
    assert!(place.names().is_empty(), "{:?}", place.names());
}
