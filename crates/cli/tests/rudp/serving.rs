//! `rudp serve`: how it ends, and which names it gives.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::Place;

#[test]
fn a_server_for_one_file_ends_when_it_was_read() {
    let place = Place::new().with("file", b"text");
    let server = place.serve_with(&["--once"]);
    place.run(&["get", &server.at("nothing")], 4);
    place.run(&["ls", &server.url], 0);
    place.run(&["get", &server.at("file")], 0);
    let log = server.process.wait().expect(0).stderr;
    assert!(log.contains("delivered=1 refused=1"), "{log}");
    assert_eq!(place.got("file"), b"text");
}

#[test]
fn an_interrupted_server_ends_well_and_counts_what_it_did() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    place.run(&["get", &server.at("file")], 0);
    let log = server.interrupt().expect(0).stderr;
    assert!(log.contains("delivered=1 refused=0 failed=0 bytes=4"), "{log}");
}

#[test]
fn a_server_with_several_threads_serves_as_one_and_counts_for_each() {
    let place = Place::new().with("file", b"text");
    let server = place.serve_with(&["--shards", "3"]);
    for number in 0..12 {
        let output = format!("copy{number}");
        place.run(&["get", &server.at("file"), "-o", &output], 0);
        assert_eq!(place.got(&output), b"text");
    }
    let log = server.interrupt().expect(0).stderr;
    assert!(log.contains("delivered=12 refused=0 failed=0 bytes=48"), "{log}");
    let sessions = log.split_once("sessions=\"[").and_then(|(_, rest)| rest.split_once(']'));
    let (sessions, _) = sessions.expect("each thread's sessions are there");
    let sessions: Vec<u32> =
        sessions.split(", ").map(|number| number.parse().expect("a number")).collect();
    assert!(sessions.len() == 3 && sessions.iter().sum::<u32>() == 12, "{sessions:?}");
}

#[test]
fn awkward_names_are_names() {
    let names = ["empty", " a b ", "grüße ☃.txt", "100%", "a+b&c=d?e#f", "-o", "new\nline"];
    let mut place = Place::new();
    for name in names {
        place = place.with(name, if name == "empty" { b"" } else { name.as_bytes() });
    }
    let server = place.serve();
    for name in names {
        let encoded = name.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
        place.run(&["get", &server.at(&encoded)], 0);
        assert_eq!(place.got(name), if name == "empty" { b"" } else { name.as_bytes() });
    }
    // What no shell takes apart need not be encoded.
    place.run(&["get", &server.at("grüße ☃.txt"), "-o", "again"], 0);
    assert_eq!(place.got("again"), "grüße ☃.txt".as_bytes());
    assert_eq!(place.names().len(), names.len() + 1);
}

#[test]
fn no_name_leads_out_of_the_directory() {
    let place = Place::new().with("file", b"text");
    fs::write(place.here().join("secret"), b"secret").expect("the file is written");
    let (served, here) = (place.served(), place.here());
    symlink(here.join("secret"), served.join("absolute")).expect("a link");
    symlink("../here/secret", served.join("relative")).expect("a link");
    symlink("../here", served.join("above")).expect("a link");
    symlink("file", served.join("inside")).expect("a link");
    let server = place.serve();
    let secret = here.join("secret").display().to_string();
    let names = [
        "../here/secret",
        "%2e%2e/here/secret",
        "%2E%2E%2Fhere%2Fsecret",
        "file/../../here/secret",
        "./../here/secret",
        &secret,
        &secret.replace('/', "%2f"),
        "absolute",
        "relative",
        "above/secret",
        "%00",
    ];
    for name in names {
        let ended = place.run(&["get", &server.at(name), "-o", "out"], 4);
        assert!(ended.stderr.contains("leads out"), "{name}: {}", ended.stderr);
        place.run(&["ls", &server.at(name)], 4);
    }
    let ended = place.run(&["get", &server.at("%252e%252e/here/secret"), "-o", "out"], 4);
    assert!(ended.stderr.contains("nothing of this name"), "decoded once: {}", ended.stderr);
    assert_eq!(place.names(), ["secret"], "nothing was written");
    place.run(&["get", &server.at("inside")], 0);
    let listed = place.run(&["ls", &server.url], 0).printed();
    assert_eq!(listed.lines().count(), 2, "what cannot be had is not shown: {listed}");
}

#[test]
fn a_directory_is_not_downloaded_and_a_file_is_listed_alone() {
    let place = Place::new().with("file", b"text");
    fs::create_dir(place.served().join("below")).expect("a directory");
    let server = place.serve();
    let ended = place.run(&["get", &server.at("below")], 4);
    assert!(ended.stderr.contains("it is a directory"), "{}", ended.stderr);
    let listed = place.run(&["ls", &server.at("file")], 0).printed();
    assert!(listed.ends_with("  file\n") && listed.contains(" 4 "), "{listed}");
    assert!(place.names().is_empty(), "{:?}", place.names());
}
