//! Clients and servers that die, are interrupted, or are restarted in mid-transfer.
//! What is left behind then, and what is said, is what counts.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;
use std::sync::mpsc;

use rustix::process::Signal;

use crate::process::PATIENCE;
use crate::relay::{Relay, Stalling};
use crate::support::Place;

/// Packets to the client behind which a transfer is in its middle.
const MIDDLE: usize = 20;

fn place() -> Place {
    Place::new().with_zeros("file", 10_000_000)
}

#[test]
fn an_interrupted_download_leaves_nothing_and_touches_nothing() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        for existing in [None, Some("old")] {
            let place = place();
            if let Some(existing) = existing {
                fs::write(place.here().join("file"), existing).expect("it is written");
            }
            let server = place.serve();
            let stalling = Stalling::after(MIDDLE, server.address());
            let url = server.through(&stalling.relay, "file");
            let client = place.start(&["get", &url]);
            stalling.wait();
            assert_eq!(place.parts(), 1, "the download has begun: {:?}", place.names());
            client.signal(signal);
            let ended = client.wait().expect(130);
            assert_eq!((ended.printed().as_str(), ended.stderr.as_str()), ("", ""));
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
    let server = place.serve();
    let (sender, asked) = mpsc::channel();
    let relay = Relay::start(server.address(), move |_, _| {
        // Only the first message is waited for.
        let _ = sender.send(());
        0
    });
    let client = place.start(&["get", &server.through(&relay, "file")]);
    asked.recv_timeout(PATIENCE).expect("it asks");
    client.signal(Signal::INT);
    client.wait().expect(130);
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn a_server_that_dies_is_named_and_the_old_file_stays() {
    let place = place();
    fs::write(place.here().join("file"), "old").expect("it is written");
    let server = place.serve();
    let stalling = Stalling::after(MIDDLE, server.address());
    let (address, url) = (stalling.relay.address, server.through(&stalling.relay, "file"));
    let client = place.start(&["get", &url, "--idle-timeout", "8s", "--json"]);
    stalling.wait();
    server.process.signal(Signal::KILL);
    let ended = client.wait().expect(3);
    let message = format!("{address} fell silent: the network or the server is down");
    assert_eq!(ended.printed(), format!("{{\"exit\":3,\"failed\":\"{message}\"}}\n"));
    assert_eq!(place.names(), ["file"]);
    assert_eq!(place.got("file"), b"old");
}

#[test]
fn a_server_that_is_restarted_with_its_key_says_so() {
    let place = place();
    let server = place.serve();
    let (address, key) = (server.address(), server.key().to_owned());
    // Only a port that was said is the same again, and with it what outlives a restart.
    server.interrupt().expect(0);
    let server = place.serve_at(&address.to_string(), &[]);
    let stalling = Stalling::after(MIDDLE, address);
    let url = server.through(&stalling.relay, "file");
    let client = place.start(&["get", &url, "--idle-timeout", "24s"]);
    stalling.wait();
    server.process.signal(Signal::KILL);
    server.process.wait();
    let server = place.serve_at(&address.to_string(), &[]);
    assert_eq!(server.key(), key);
    stalling.go_on();
    let ended = client.wait().expect(3);
    assert!(ended.stderr.contains("was restarted"), "{}", ended.stderr);
    assert!(place.names().is_empty(), "{:?}", place.names());
    place.run(&["get", &server.at("file")], 0);
}

#[test]
fn a_client_that_is_killed_is_logged_and_others_go_on() {
    let place = place();
    let server = place.serve_with(&["--idle-timeout", "8s"]);
    let stalling = Stalling::after(MIDDLE, server.address());
    let client = place.start(&["get", &server.through(&stalling.relay, "file")]);
    stalling.wait();
    client.signal(Signal::KILL);
    assert_eq!(client.wait().code, None);
    assert_eq!(place.parts(), 1, "nobody can clean up after SIGKILL");
    place.run(&["get", &server.at("file")], 0);
    let line = server.process.logged(|line| line.contains("not delivered"));
    assert!(line.contains("WARN") && line.contains("\"file\""), "{line}");
    let log = server.interrupt().expect(0).stderr;
    assert!(log.contains("delivered=1") && log.contains("failed=1"), "{log}");
}

#[test]
fn a_server_that_is_interrupted_tells_its_clients() {
    // More than all windows and pipes take.
    let place = Place::new().with_zeros("file", 1 << 30);
    let server = place.serve();
    let mut client = place.command(&["get", &server.at("file"), "-o", "-"]);
    let mut client = client
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdout = client.stdout.take().expect("it is piped");
    // The transfer is open as long as nobody reads on.
    stdout.read_exact(&mut [0]).expect("it has begun");
    let log = server.interrupt().expect(0).stderr;
    assert!(log.contains("delivered=0"), "{log}");
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("it can be read");
    assert!(rest.len() < 1 << 30, "the transfer was open");
    let output = client.wait_with_output().expect("it is a child");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("shutting down"), "{stderr}");
}

#[test]
fn a_file_that_shrinks_is_not_taken_for_complete() {
    let place = place();
    let server = place.serve();
    let stalling = Stalling::after(MIDDLE, server.address());
    let client = place.start(&["get", &server.through(&stalling.relay, "file")]);
    stalling.wait();
    let file = fs::File::options().write(true).open(place.served().join("file"));
    file.and_then(|file| file.set_len(5_000)).expect("it can be cut");
    stalling.go_on();
    let ended = client.wait().expect(4);
    assert!(ended.stderr.contains("shorter"), "{}", ended.stderr);
    assert!(place.names().is_empty(), "{:?}", place.names());
    server.process.logged(|line| line.contains("not delivered") && line.contains("shorter"));
}
