//! What a server says, as JSON and as text, and how it ends.
//! Refusals and limits have tests of their own.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value;

use crate::raw::{ACK, CHK, Client, DAT, packet};
use crate::support::{Place, Server, content, get, total};

#[test]
fn every_line_is_a_json_object() {
    let place = Place::with("file", &content(3_000, 1));
    place.add("zeros", b"text\0");
    place.add("high", &[255; 10]);
    let server = Server::start(&place.served(), &["--json", "-vv"]);
    let address = server.address.to_string();
    get(&place.here(), &[&server.at("file")]).expect(0);
    get(&place.here(), &[&server.at("zeros")]).expect(0);
    get(&place.here(), &[&server.at("high"), "--enc"]).expect(4);
    get(&place.here(), &[&server.at("a \"quoted\" \u{1b}[31m name"), "-o", "copy"]).expect(4);
    Client::new(server.address).send(b"garbage");
    let ended = server.interrupt().expect(0);
    assert_eq!(ended.stderr, "");
    let printed = ended.printed();
    let events: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(events.iter().all(Value::is_object), "{printed}");
    assert!(events.iter().all(|event| event["level"].is_string()), "{printed}");
    assert!(events.iter().all(|event| event["timestamp"].is_string()), "{printed}");
    let with = |message: &str| -> Vec<&Value> {
        events.iter().filter(|event| event["message"] == message).collect()
    };
    assert_eq!(events[0]["message"], "serving");
    assert_eq!(events[0]["address"], address.as_str());
    assert!(events[0]["directory"].as_str().unwrap().ends_with("served"), "{printed}");
    let delivered = with("delivered");
    assert_eq!(delivered.len(), 2);
    assert_eq!(delivered[0]["name"], "file");
    assert_eq!(delivered[0]["bytes"], 3_000);
    assert_eq!(delivered[0]["packets"], 4);
    let refused = with("refused");
    assert_eq!(refused.len(), 2);
    assert!(refused[0]["reason"].as_str().unwrap().contains("bytes over 248"), "{printed}");
    assert!(refused[1]["reason"].as_str().unwrap().contains("no such file"), "{printed}");
    let stopped = events.last().unwrap();
    assert_eq!(stopped["message"], "stopped");
    for (key, value) in [("delivered", 2), ("refused", 2), ("failed", 0), ("bytes", 3_005)] {
        assert_eq!(stopped[key], value, "{key}: {printed}");
    }
}

#[test]
fn an_idle_server_ends_at_once() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let place = Place::with("file", b"text");
        let server = Server::start(&place.served(), &[]);
        get(&place.here(), &[&server.at("file")]).expect(0);
        server.process.signal(signal);
        let log = server.process.wait().expect(0).stderr;
        assert_eq!(total(&log, "delivered"), Some(1), "{log}");
        assert_eq!(total(&log, "failed"), Some(0), "{log}");
        assert_eq!(total(&log, "bytes"), Some(4), "{log}");
    }
}

#[test]
fn a_server_with_open_sessions_ends_too() {
    let text = content(5_000, 2);
    let place = Place::with("file", &text);
    // So that not the timers but Ctrl-C ends the sessions.
    let server = Server::start(&place.served(), &["--rto", "1m"]);
    let clients: Vec<_> = (0..3).map(|_| Client::new(server.address)).collect();
    for client in &clients {
        client.ask("file", CHK);
        client.expect(&packet(1, 0, DAT | CHK, &text[..1464]));
    }
    clients[0].send(&packet(2, 1, DAT | ACK | CHK, b""));
    clients[0].expect(&packet(2, 0, DAT | CHK, &text[1464..2928]));
    let log = server.interrupt().expect(0).stderr;
    assert_eq!(total(&log, "failed"), Some(3), "{log}");
    assert_eq!(total(&log, "delivered"), Some(0), "{log}");
    let told: BTreeSet<_> = clients.iter().map(|client| client.address().to_string()).collect();
    for client in told {
        let line =
            log.lines().find(|line| line.contains(&client) && line.contains("not delivered"));
        assert!(line.is_some_and(|line| line.contains("Interrupted")), "{client}: {log}");
    }
}

#[test]
fn a_session_that_is_open_may_end_after_ctrl_c() {
    let place = Place::with("file", b"text");
    let server = Server::start(&place.served(), &["-v"]);
    let client = Client::new(server.address);
    client.ask("file", 0);
    client.expect(&packet(1, 0, DAT, b"text"));
    server.process.signal(Signal::INT);
    client.send(&packet(2, 1, DAT | ACK, b""));
    client.close(2, 0);
    let log = server.process.wait().expect(0).stderr;
    assert_eq!(total(&log, "delivered"), Some(1), "{log}");
}

#[test]
fn the_first_line_says_what_to_type() {
    let place = Place::with("file", b"text");
    let server = Server::start(&place.served(), &["--listen", "127.0.0.1:0"]);
    let line = server.process.printed(|_| true);
    assert!(line.contains("served"), "{line}");
    assert!(line.ends_with(&format!("rushb get {}/NAME", server.address)), "{line}");
    let ended = server.interrupt().expect(0);
    assert_eq!(ended.printed().lines().count(), 1);
}
