//! Both families of addresses, and encrypted and plain sessions, which do not mix.

use std::net::UdpSocket;

use crate::disk::skip;
use crate::support::Place;

#[test]
fn ipv6_works_as_well() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return skip("IPv6: this machine has none");
    }
    let place = Place::new().with("file", b"text");
    for options in [&[][..], &["--plain"]] {
        let server = place.serve_at("[::1]:0", options);
        assert!(server.url.contains("[::1]:"), "{}", server.url);
        let ended = place.run(&[&["get", &server.at("file"), "-o", "-"], options].concat(), 0);
        assert_eq!(ended.printed(), "text");
    }
}

#[test]
fn a_server_for_all_addresses_is_reached_at_each() {
    let place = Place::new().with("file", b"text");
    let server = place.serve_at(":0", &[]);
    let port = server.address().port();
    let mut hosts = vec!["127.0.0.1", "localhost"];
    if UdpSocket::bind("[::1]:0").is_ok() {
        hosts.push("[::1]");
    }
    for host in hosts {
        let url = format!("rudp://{}@{host}:{port}/file", server.key());
        assert_eq!(place.run(&["get", &url, "-o", "-"], 0).printed(), "text");
    }
}

#[test]
fn plain_sessions_need_no_key_and_take_none() {
    let place = Place::new().with("file", b"text");
    let server = place.serve_with(&["--plain"]);
    assert!(!server.url.contains('@'), "there is no key in {}", server.url);
    let url = server.at("file");
    assert_eq!(place.run(&["get", &url, "-o", "-", "--plain"], 0).printed(), "text");
    assert!(!place.state("key").exists(), "none is made");
    let with_key = format!("rudp://{}@{}/file", "A".repeat(43), server.address());
    let ended = place.run(&["get", &with_key, "--plain"], 2);
    assert!(ended.stderr.contains("leave the key out"), "{}", ended.stderr);
    for option in ["--key", "--secret-file"] {
        let ended = place.run(&["get", &url, "--plain", option, "file"], 2);
        assert!(ended.stderr.contains(option), "{}", ended.stderr);
    }
}

#[test]
fn plain_and_encrypted_do_not_mix_and_that_is_said() {
    let place = Place::new().with("file", b"text");
    for (ours, theirs) in [(&["--plain"][..], &[][..]), (&[], &["--plain"])] {
        let server = place.serve_with(theirs);
        let url = format!("rudp://{}/file", server.address());
        let ended = place.run(&[&["get", &url, "--timeout", "3s"], ours].concat(), 4);
        assert!(ended.stderr.contains("--plain"), "it says what to do: {}", ended.stderr);
        assert!(place.names().is_empty(), "{:?}", place.names());
    }
}
