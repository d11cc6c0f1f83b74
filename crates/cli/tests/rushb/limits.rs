//! A server's limits, seen by clients that run into them.
//! Silence is never waited for: an answer to something sent later shows that there was none before.

use std::fs;

use crate::raw::{ACK, CHK, Client, DAT, packet};
use crate::support::{Place, Server, content, get, start_get, total};

/// Packets of the file, all of them full.
const PACKETS: usize = 4;

fn text() -> Vec<u8> {
    content(PACKETS * 1464, 1)
}

/// A server with `options` besides a timer that never fires, and the place it serves.
fn server(options: &[&str]) -> (Place, Server) {
    let place = Place::with("file", &text());
    let server = Server::start(&place.served(), &[&["--rto", "10m"], options].concat());
    (place, server)
}

/// A session of which the first packet has arrived.
fn open(server: &Server) -> Client {
    let client = Client::new(server.address);
    client.ask("file", CHK);
    client.expect(&packet(1, 0, DAT | CHK, &text()[..1464]));
    client
}

/// Acknowledges the first packet of a session that [`open`] opened; the second one comes.
fn go_on(client: &Client) {
    client.send(&packet(2, 1, DAT | ACK | CHK, b""));
    client.expect(&packet(2, 0, DAT | CHK, &text()[1464..2928]));
}

/// Takes the rest after [`go_on`].
fn finish(client: &Client) {
    let text = text();
    for (number, piece) in (2..).zip(text.chunks(1464).skip(1)) {
        client.send(&packet(number + 1, number, DAT | ACK | CHK, b""));
        if usize::from(number) < PACKETS {
            let next = (usize::from(number)) * 1464;
            client.expect(&packet(number + 1, 0, DAT | CHK, &text[next..next + piece.len()]));
        } else {
            client.close(number + 1, CHK);
        }
    }
}

#[test]
fn one_address_has_so_many_sessions_and_others_go_on() {
    let (_place, server) = server(&["--max-sessions-per-address", "3"]);
    let clients: Vec<_> = (0..3).map(|_| open(&server)).collect();
    // Sessions that have answered make no room.
    for client in &clients {
        go_on(client);
    }
    let late = Client::new(server.address);
    late.ask("file", CHK);
    let line = server.process.logged(|line| line.contains("a limit was reached"));
    assert!(line.contains("WARN") && line.contains("SessionsPerAddress"), "{line}");
    assert!(line.contains(&late.address().to_string()), "{line}");
    finish(&clients[0]);
    late.expect_nothing();
    late.download("file", &text(), CHK);
    for client in &clients[1..] {
        finish(client);
    }
    let log = server.interrupt().expect(0).stderr;
    assert_eq!((total(&log, "delivered"), total(&log, "failed")), (Some(4), Some(0)), "{log}");
}

#[test]
fn one_address_opens_so_many_sessions_a_second() {
    let (_place, server) = server(&["--max-rate-per-address", "1"]);
    let clients: Vec<_> = (0..20).map(|_| Client::new(server.address)).collect();
    for client in &clients {
        client.ask("file", CHK);
    }
    clients[0].expect(&packet(1, 0, DAT | CHK, &text()[..1464]));
    go_on(&clients[0]);
    for client in &clients[1..] {
        client.expect_nothing();
    }
    server.process.logged(|line| line.contains("RatePerAddress"));
    finish(&clients[0]);
}

#[test]
fn no_more_sessions_than_allowed_are_open() {
    let (_place, server) = server(&["--max-sessions", "2"]);
    let clients: Vec<_> = (0..2).map(|_| open(&server)).collect();
    for client in &clients {
        go_on(client);
    }
    let late = Client::new(server.address);
    late.ask("file", CHK);
    finish(&clients[0]);
    late.expect_nothing();
    server.process.logged(|line| line.contains("limit=Sessions"));
    late.download("file", &text(), CHK);
    finish(&clients[1]);
}

#[test]
fn those_who_never_answered_make_room() {
    for options in [["--max-unanswered", "2"], ["--max-sessions", "3"]] {
        let (_place, server) = server(&options);
        let answering = open(&server);
        go_on(&answering);
        let silent: Vec<_> = (0..2).map(|_| open(&server)).collect();
        let next = open(&server);
        // The oldest is forgotten: what it sends now is a stranger's.
        silent[0].send(&packet(2, 1, DAT | ACK | CHK, b""));
        go_on(&silent[1]);
        silent[0].expect_nothing();
        for client in [&answering, &silent[1]] {
            finish(client);
        }
        go_on(&next);
        finish(&next);
        let log = server.interrupt().expect(0).stderr;
        assert_eq!((total(&log, "delivered"), total(&log, "failed")), (Some(3), Some(1)), "{log}");
    }
}

#[test]
fn one_packet_in_flight_is_enough_for_all() {
    let place = Place::with("file", &content(20_000, 2));
    let server = Server::start(&place.served(), &["--max-in-flight", "1"]);
    let copies: Vec<_> = (0..10).map(|number| number.to_string()).collect();
    let clients: Vec<_> = copies
        .iter()
        .map(|copy| start_get(&place.here(), &[&server.at("file"), "-o", copy]))
        .collect();
    for (client, copy) in clients.into_iter().zip(&copies) {
        client.wait().expect(0);
        assert!(place.got(copy) == content(20_000, 2), "{copy} differs");
    }
}

#[test]
fn few_open_files_serve_many() {
    let place = Place::new();
    let names: Vec<_> = (0..20).map(|number| format!("file-{number}")).collect();
    for (name, seed) in names.iter().zip(0..) {
        place.add(name, &content(PACKETS * 1464, seed));
    }
    let server = Server::start(&place.served(), &["--rto", "10m", "--max-open-files", "4"]);
    let contents: Vec<_> = (0..20).map(|seed| content(PACKETS * 1464, seed)).collect();
    let clients: Vec<_> = names.iter().map(|_| Client::new(server.address)).collect();
    for (client, name) in clients.iter().zip(&names) {
        client.ask(name, CHK);
    }
    // In lockstep, so that each packet is of another file than the one before.
    for number in 1..=4_u16 {
        for (client, content) in clients.iter().zip(&contents) {
            let start = usize::from(number - 1) * 1464;
            client.expect(&packet(number, 0, DAT | CHK, &content[start..start + 1464]));
        }
        // All is answered: the server is at rest while its files are counted.
        let open = open_files(server.process.id(), &place);
        assert!(open.is_none_or(|open| open <= 4), "{open:?} are open");
        for client in &clients {
            client.send(&packet(number + 1, number, DAT | ACK | CHK, b""));
        }
    }
    for client in &clients {
        client.close(5, CHK);
    }
    let downloads: Vec<_> =
        names.iter().map(|name| start_get(&place.here(), &[&server.at(name)])).collect();
    for ((download, name), content) in downloads.into_iter().zip(&names).zip(&contents) {
        download.wait().expect(0);
        assert!(place.got(name) == *content, "{name} differs");
    }
    get(&place.here(), &[&server.at("file-0"), "--enc"]).expect(0);
}

/// How many of the served files a process has open, where the system tells.
fn open_files(process: u32, place: &Place) -> Option<usize> {
    let served = fs::canonicalize(place.served()).ok()?;
    let links = fs::read_dir(format!("/proc/{process}/fd")).ok()?;
    let targets = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
    Some(targets.filter(|target| target.starts_with(&served) && *target != served).count())
}
