//! What a server does not give, and what it writes about it.
//! The rules themselves are tested where they are; here is what both sides see.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::raw::{ACK, CHK, Client, FIN, GET, packet};
use crate::support::{Place, Server, get, skip, total};

/// A place with everything in it that is not served.
fn place() -> Place {
    let place = Place::with("sub/file", b"text");
    fs::write(place.path().join("secret"), "secret").expect("the directory is writable");
    let served = place.served();
    symlink("../secret", served.join("out")).expect("there can be links");
    symlink("/etc/passwd", served.join("absolute")).expect("there can be links");
    symlink("..", served.join("up")).expect("there can be links");
    symlink("loop", served.join("loop")).expect("there can be links");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, served.join("fifo"), mode).expect("there can be FIFOs");
    place
}

#[test]
fn each_refusal_is_logged_with_its_reason() {
    let place = place();
    let server = Server::start(&place.served(), &[]);
    let table = [
        ("missing", "no such file"),
        ("sub/missing", "no such file"),
        ("sub/file/below", "no such file"),
        ("../secret", "leads out"),
        ("sub/../../secret", "leads out"),
        ("/etc/passwd", "leads out"),
        ("out", "leads out"),
        ("absolute", "leads out"),
        ("up/secret", "leads out"),
        ("sub", "not a regular file"),
        (".", "not a regular file"),
        ("fifo", "not a regular file"),
        ("loop", "cannot be opened"),
    ];
    for (name, reason) in table {
        let ended = get(&place.here(), &[&server.at(name), "-o", "copy"]).expect(4);
        assert!(ended.stderr.contains(&format!("{name:?}")), "{name}: {}", ended.stderr);
        let line = server.process.logged(|line| line.contains(&format!("name={name:?} ")));
        assert!(line.contains("WARN") && line.contains("refused"), "{line}");
        assert!(line.contains(reason), "{line}");
        assert!(line.contains("client=127.0.0.1:"), "{line}");
    }
    assert!(place.names().is_empty(), "{:?}", place.names());
    get(&place.here(), &[&server.at("sub/file")]).expect(0);
    let log = server.interrupt().expect(0).stderr;
    assert_eq!(total(&log, "refused"), Some(table.len() as u64), "{log}");
    assert_eq!(total(&log, "delivered"), Some(1), "{log}");
}

#[test]
fn names_cannot_write_to_the_terminal() {
    let place = Place::new();
    for options in [&[][..], &["--json"]] {
        let server = Server::start(&place.served(), options);
        let name = "a\u{1b}[31mred\n2026 FAKE line\r\u{7}\u{9b}2J\u{202e}";
        let ended = get(&place.here(), &[&server.at(name), "-o", "copy"]).expect(4);
        let raw = Client::new(server.address);
        raw.ask("b\u{1b}]0;title\u{7}", 0);
        raw.close(1, 0);
        let served = server.interrupt().expect(0);
        for text in [&ended.stderr, &served.stderr, &served.printed()] {
            let bad: Vec<_> = text.chars().filter(|c| c.is_control() && *c != '\n').collect();
            assert!(bad.is_empty(), "{bad:?} in {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("2026 FAKE")), "{text}");
        }
    }
}

#[test]
fn a_refusal_is_a_fin_of_number_one() {
    let place = place();
    let server = Server::start(&place.served(), &[]);
    for options in [0, CHK] {
        let client = Client::new(server.address);
        for name in [&b"missing"[..], b"../secret", b"not utf-8 \xff\xfe", b""] {
            client.send(&packet(1, 0, GET | options, name));
            client.expect(&packet(1, 0, FIN | options, b""));
            client.send(&packet(2, 1, FIN | ACK | options, b""));
            client.expect(&packet(2, 2, FIN | ACK | options, b""));
        }
        client.download("sub/file", b"text", options);
    }
}

#[test]
fn a_file_that_nobody_may_read_is_refused() {
    let place = Place::with("closed", b"text");
    let path = place.served().join("closed");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        return skip("a file that nobody may read: this user may read them all");
    }
    let server = Server::start(&place.served(), &[]);
    get(&place.here(), &[&server.at("closed")]).expect(4);
    server.process.logged(|line| line.contains("cannot be opened"));
}
