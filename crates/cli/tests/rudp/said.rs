//! What `rudp get` and `rudp serve` say: to people, to programs, and to nobody.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Place, objects, text};

#[test]
fn programs_are_told_what_a_download_came_to() {
    let place = Place::new().with("a file", b"text");
    let server = place.serve();
    let ended = place.run(&["get", &server.at("a%20file"), "--json"], 0);
    assert_eq!(ended.stderr, "");
    let [object] = &objects(&ended.printed())[..] else { panic!("{}", ended.printed()) };
    assert_eq!(object["name"], "a file");
    assert_eq!(object["bytes"], 4);
    assert_eq!(object["path"], "a file");
    assert_eq!(object["blake3"], blake3::hash(b"text").to_hex().as_str());
    assert!(object["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{object}");
    let closed = object["closed"].as_str();
    assert!(closed.is_some_and(|word| ["delivered", "received", "unknown"].contains(&word)));
}

#[test]
fn programs_are_told_why_a_download_failed() {
    let place = Place::new();
    let server = place.serve();
    let ended = place.run(&["get", &server.at("nothing"), "--json"], 4);
    assert_eq!(ended.stderr, "");
    let [object] = &objects(&ended.printed())[..] else { panic!("{}", ended.printed()) };
    assert_eq!(object["exit"], 4);
    let failed = object["failed"].as_str().expect("a text");
    assert!(failed.contains("there is nothing of this name"), "{failed}");
}

#[test]
fn what_is_said_does_not_mix_with_data() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    let ended = place.run(&["get", &server.at("file"), "-o", "-"], 0);
    assert_eq!(ended.printed(), "text");
    assert!(ended.stderr.contains("4 bytes"), "{}", ended.stderr);
    let ended = place.run(&["get", &server.at("file"), "-o", "-", "--json"], 0);
    assert_eq!(ended.printed(), "text");
    let [object] = &objects(&ended.stderr)[..] else { panic!("{}", ended.stderr) };
    assert_eq!((&object["bytes"], &object["path"]), (&json!(4), &json!(null)));
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn nothing_is_said_that_nobody_wants_to_hear() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    let ended = place.run(&["get", "-q", &server.at("file")], 0);
    assert_eq!((ended.printed().as_str(), ended.stderr.as_str()), ("", ""));
    assert_eq!(place.got("file"), b"text");
    let ended = place.run(&["get", "-q", &server.at("nothing")], 4);
    assert_eq!(ended.stderr.lines().count(), 1, "errors are said: {}", ended.stderr);
}

#[test]
fn every_line_of_a_server_is_an_object_for_programs() {
    let place = Place::new().with("file", b"text");
    let served = place.served();
    let server = place.start(&["serve", text(&served), "-l", "127.0.0.1:0", "--json"]);
    let line = server.printed(|line| line.contains("serving"));
    let first = &objects(&line)[0];
    let url = first["url"].as_str().expect("a text");
    let key = first["key"].as_str().expect("a text");
    let address = first["address"].as_str().expect("a text");
    assert_eq!(url, format!("rudp://{key}@{address}/"));
    place.run(&["get", &format!("{url}file")], 0);
    place.run(&["get", &format!("{url}nothing")], 4);
    server.printed(|line| line.contains("refused"));
    server.signal(Signal::INT);
    let ended = server.wait().expect(0);
    assert_eq!(ended.stderr, "");
    let objects = objects(&ended.printed());
    let messages: Vec<_> = objects.iter().map(|object| object["message"].as_str()).collect();
    for message in ["serving", "delivered", "refused", "stopped"] {
        assert!(messages.contains(&Some(message)), "{messages:?}");
    }
    let last = objects.last().expect("there are some");
    assert_eq!((&last["delivered"], &last["bytes"]), (&json!(1), &json!(4)));
}
