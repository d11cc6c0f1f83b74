//! Clients and servers that die, are interrupted, or lose their file in mid-transfer.
//! What is left behind then, and who notices, is what counts.

use std::fs::{self, File};

use rustix::process::Signal;

use crate::relay::Stalling;
use crate::support::{Place, Server, content, get, start_get, total};

/// A place with a long file.
fn place() -> Place {
    Place::with("file", &content(200_000, 1))
}

/// How many temporary files there are.
fn parts(place: &Place) -> usize {
    place.names().iter().filter(|name| name.starts_with(".rushb-")).count()
}

#[test]
fn a_client_that_is_killed_is_reaped_and_others_go_on() {
    let place = place();
    let server = Server::start(&place.served(), &["--tries", "2", "--rto", "100ms"]);
    let stalling = Stalling::after(10, server.address);
    let client = start_get(&place.here(), &[&stalling.relay.at("file")]);
    stalling.wait();
    client.signal(Signal::KILL);
    assert_eq!(client.wait().code, None);
    assert_eq!(parts(&place), 1, "nobody can clean up after SIGKILL");

    get(&place.here(), &[&server.at("file")]).expect(0);
    assert!(place.got("file") == content(200_000, 1));
    let line = server.process.logged(|line| line.contains("the client is gone"));
    assert!(line.contains("WARN") && line.contains("\"file\""), "{line}");
    get(&place.here(), &[&server.at("file"), "-o", "again"]).expect(0);
    let log = server.interrupt().expect(0).stderr;
    assert_eq!(total(&log, "delivered"), Some(2), "{log}");
    assert_eq!(total(&log, "failed"), Some(1), "{log}");
}

#[test]
fn an_interrupted_download_leaves_nothing_and_touches_nothing() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        for existing in [None, Some("old")] {
            let place = place();
            let server = Server::start(&place.served(), &[]);
            if let Some(existing) = existing {
                fs::write(place.here().join("file"), existing).unwrap();
            }
            let stalling = Stalling::after(10, server.address);
            let client = start_get(&place.here(), &[&stalling.relay.at("file")]);
            stalling.wait();
            assert_eq!(parts(&place), 1, "the download has begun: {:?}", place.names());
            client.signal(signal);
            let ended = client.wait().expect(130);
            assert!(ended.stdout.is_empty());
            match existing {
                None => assert!(place.names().is_empty(), "{:?}", place.names()),
                Some(existing) => {
                    assert_eq!(place.names(), ["file"]);
                    assert_eq!(place.got("file"), existing.as_bytes());
                }
            }
        }
    }
}

#[test]
fn a_download_can_be_interrupted_before_the_server_answers() {
    let place = place();
    let server = Server::start(&place.served(), &[]);
    let stalling = Stalling::after(0, server.address);
    let client = start_get(&place.here(), &["-v", &stalling.relay.at("file")]);
    client.logged(|line| line.starts_with("C [GET|CHK] 1"));
    client.signal(Signal::INT);
    client.wait().expect(130);
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn a_server_that_is_killed_ends_the_download_in_time() {
    let place = place();
    fs::write(place.here().join("old"), "old").unwrap();
    let server = Server::start(&place.served(), &[]);
    let stalling = Stalling::after(10, server.address);
    let at = &stalling.relay.at("file")[..];
    let patience = ["--timeout", "1s", "--tries", "1000"];
    let client = start_get(&place.here(), &[&[at, "-o", "new"][..], &patience].concat());
    stalling.wait();
    server.process.signal(Signal::KILL);
    let ended = client.wait().expect(3);
    assert!(ended.stderr.contains("does not answer"), "{}", ended.stderr);
    get(&place.here(), &[&[at, "-o", "old"][..], &patience].concat()).expect(3);
    assert_eq!(place.names(), ["old"]);
    assert_eq!(place.got("old"), b"old");
}

#[test]
fn a_server_that_never_was_is_named() {
    let place = Place::new();
    let server = Server::start(&place.served(), &[]);
    let at = server.at("file");
    let address = server.address.to_string();
    server.interrupt().expect(0);
    let ended = get(&place.here(), &[&at, "--timeout", "1s"]).expect(3);
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
    assert!(ended.stderr.contains("is a server running there?"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    let ended = get(&place.here(), &["does-not-exist.invalid:7000/file"]).expect(3);
    assert!(ended.stderr.contains("does-not-exist.invalid:7000"), "{}", ended.stderr);
    assert!(place.names().is_empty());
}

#[test]
fn a_file_that_shrinks_is_not_taken_for_complete() {
    let place = place();
    let server = Server::start(&place.served(), &[]);
    let stalling = Stalling::after(10, server.address);
    let at = stalling.relay.at("file");
    let client = start_get(&place.here(), &[&at, "--timeout", "2s"]);
    stalling.wait();
    File::options().write(true).open(place.served().join("file")).unwrap().set_len(5_000).unwrap();
    stalling.go_on();
    let line = server.process.logged(|line| line.contains("ERROR"));
    assert!(line.contains("\"file\"") && line.contains("shorter"), "{line}");
    client.wait().expect(3);
    assert!(place.names().is_empty(), "{:?}", place.names());
    get(&place.here(), &[&server.at("file")]).expect(0);
    assert_eq!(place.got("file").len(), 5_000, "the server goes on");
    let log = server.interrupt().expect(0).stderr;
    assert_eq!((total(&log, "delivered"), total(&log, "failed")), (Some(1), Some(1)), "{log}");
}

#[test]
fn a_file_that_is_replaced_arrives_as_it_was_when_it_was_asked_for() {
    let place = place();
    let server = Server::start(&place.served(), &[]);
    let stalling = Stalling::after(10, server.address);
    let client = start_get(&place.here(), &[&stalling.relay.at("file")]);
    stalling.wait();
    place.add("new", &content(200_000, 2));
    fs::rename(place.served().join("new"), place.served().join("file")).unwrap();
    stalling.go_on();
    client.wait().expect(0);
    assert!(place.got("file") == content(200_000, 1));
}
