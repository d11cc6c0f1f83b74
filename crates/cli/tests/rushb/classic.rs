//! Classic mode, as the harnesses that existed first see it: by the port on standard output and by
//! every byte of every packet.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::raw::{ACK, CHK, Client, DAT, FIN, GET, NAK, packet};
use crate::support::{Place, RUSHB, Server, content};

/// Bytes of the file: two packets.
const LEN: usize = 2_000;

/// A server in classic mode, and the place it serves.
fn classic() -> (Place, Server) {
    let place = Place::with("file.txt", &content(LEN, 1));
    let server = Server::start(&place.served(), &["--classic"]);
    (place, server)
}

#[test]
fn every_way_to_start_it_prints_the_port_and_nothing_else() {
    let place = Place::with("file.txt", b"text");
    let linked = place.path().join("linked/RUSHBSvr");
    let copied = place.path().join("RUSHBSvr");
    fs::create_dir(place.path().join("linked")).unwrap();
    symlink(RUSHB, &linked).unwrap();
    fs::copy(RUSHB, &copied).unwrap();
    for (program, arguments) in
        [(RUSHB.as_ref(), &["serve", "--classic"][..]), (&*linked, &[]), (&*copied, &[])]
    {
        let mut command = Command::new(program);
        let server = Server::from(command.current_dir(place.served()).args(arguments));
        let client = Client::new(server.address);
        client.download("file.txt", b"text", 0);
        client.ask("missing", 0);
        client.close(1, 0);
        let port = server.address.port();
        let ended = server.interrupt().expect(0);
        assert_eq!(ended.printed(), format!("{port}\n"));
    }
}

#[test]
fn under_the_old_name_with_arguments_it_is_the_program_it_is() {
    let place = Place::new();
    let linked = place.path().join("RUSHBSvr");
    symlink(RUSHB, &linked).unwrap();
    let process = crate::support::Process::start(Command::new(&linked).arg("--version"));
    let printed = process.wait().expect(0).printed();
    assert!(printed.contains(env!("CARGO_PKG_VERSION")), "{printed}");
}

#[test]
fn plays_the_simple_session_to_the_byte() {
    let (_place, server) = classic();
    let text = content(LEN, 1);
    for options in [0, CHK] {
        let client = Client::new(server.address);
        client.send(&packet(1, 0, GET | options, b"file.txt"));
        client.expect(&packet(1, 0, DAT | options, &text[..1464]));
        client.send(&packet(2, 1, DAT | ACK | options, b""));
        client.expect(&packet(2, 0, DAT | options, &text[1464..]));
        client.send(&packet(3, 2, DAT | ACK | options, b""));
        client.expect(&packet(3, 0, FIN | options, b""));
        client.send(&packet(4, 3, FIN | ACK | options, b""));
        client.expect(&packet(4, 4, FIN | ACK | options, b""));
        // The same port again: both sides count from 1.
        client.download("file.txt", &text, options);
        client.send(&packet(1, 0, GET | options, b"missing"));
        client.close(1, options);
        client.expect_nothing();
    }
    server.process.signal(Signal::KILL);
    assert_eq!(server.process.wait().code, None);
}

#[test]
fn a_nak_brings_the_packet_again_at_once() {
    let (_place, server) = classic();
    let text = content(LEN, 1);
    let client = Client::new(server.address);
    client.ask("file.txt", CHK);
    client.expect(&packet(1, 0, DAT | CHK, &text[..1464]));
    client.send(&packet(2, 1, DAT | NAK | CHK, b""));
    client.expect(&packet(1, 0, DAT | CHK, &text[..1464]));
    client.send(&packet(3, 1, DAT | ACK | CHK, b""));
    client.expect(&packet(2, 0, DAT | CHK, &text[1464..]));
    client.send(&packet(4, 2, DAT | ACK | CHK, b""));
    client.expect(&packet(3, 0, FIN | CHK, b""));
    client.send(&packet(5, 3, FIN | NAK | CHK, b""));
    client.expect(&packet(3, 0, FIN | CHK, b""));
    client.send(&packet(6, 3, FIN | ACK | CHK, b""));
    client.expect(&packet(4, 6, FIN | ACK | CHK, b""));
    // It was lost; the client asks once more.
    client.send(&packet(6, 3, FIN | ACK | CHK, b""));
    client.expect(&packet(4, 6, FIN | ACK | CHK, b""));
}

#[test]
fn nothing_is_sent_again_for_two_seconds_and_then_it_is() {
    let (_place, server) = classic();
    let text = content(LEN, 1);
    let client = Client::new(server.address);
    client.ask("file.txt", 0);
    client.expect(&packet(1, 0, DAT, &text[..1464]));
    let early = client.receive_within(Duration::from_secs(2));
    assert_eq!(early, None, "harnesses think for seconds");
    client.expect(&packet(1, 0, DAT, &text[..1464]));
    client.send(&packet(2, 1, DAT | ACK, b""));
    client.expect(&packet(2, 0, DAT, &text[1464..]));
}

#[test]
fn what_no_session_expects_gets_no_answer() {
    let (_place, server) = classic();
    let text = content(LEN, 1);
    let client = Client::new(server.address);
    let strangers: Vec<_> = (0..20).map(|_| Client::new(server.address)).collect();
    let garbage = |sequence: u16, acknowledgement: u16, kind: u16| {
        for len in 0..=4 {
            client.send(&[0xff; 4][..len]);
        }
        client.send(&packet(1, 0, GET | CHK, b"file.txt"));
        client.send(&packet(1, 0, GET | CHK, b"missing"));
        client.send(&packet(2, 0, GET | CHK, b"file.txt"));
        client.send(&packet(sequence + 1, acknowledgement, kind | ACK | CHK, b""));
        client.send(&packet(sequence, acknowledgement + 1, kind | ACK | CHK, b""));
        client.send(&packet(sequence, acknowledgement - 1, kind | ACK | CHK, b""));
        client.send(&packet(sequence, acknowledgement, kind | ACK, b""));
        client.send(&packet(sequence, acknowledgement, kind | NAK, b""));
        client.send(&packet(sequence, acknowledgement, kind | ACK | NAK | CHK, b""));
        client.send(&packet(sequence, acknowledgement, kind | CHK, b""));
        client.send(&packet(sequence, acknowledgement, (kind | ACK | CHK) ^ 1, b""));
        client.send(&packet(sequence, acknowledgement, kind | ACK | CHK | 1 << 5, b""));
        client.send(&packet(sequence, acknowledgement, kind | ACK | CHK, b"not empty"));
        client.send(&packet(sequence, acknowledgement, (DAT | FIN) ^ kind | ACK | CHK, b""));
        let mut wrong = packet(sequence, acknowledgement, kind | ACK | CHK, b"");
        wrong[4] ^= 1;
        client.send(&wrong);
        client.send(&wrong[..1471]);
        for stranger in &strangers {
            stranger.send(&packet(999, acknowledgement, FIN | ACK, b""));
            stranger.send(&packet(sequence, acknowledgement, kind | ACK | CHK, b""));
        }
    };
    client.ask("file.txt", CHK);
    client.expect(&packet(1, 0, DAT | CHK, &text[..1464]));
    garbage(2, 1, DAT);
    client.send(&packet(2, 1, DAT | ACK | CHK, b""));
    client.expect(&packet(2, 0, DAT | CHK, &text[1464..]));
    garbage(3, 2, DAT);
    client.send(&packet(3, 2, DAT | ACK | CHK, b""));
    client.expect(&packet(3, 0, FIN | CHK, b""));
    garbage(4, 3, FIN);
    client.send(&packet(4, 3, FIN | ACK | CHK, b""));
    client.expect(&packet(4, 4, FIN | ACK | CHK, b""));
    for stranger in &strangers {
        // The first answer to each is the one to this.
        stranger.download("file.txt", &text, 0);
        stranger.expect_nothing();
    }
    client.expect_nothing();
}

#[test]
fn ctrl_c_ends_it_with_exit_code_0_and_a_silent_standard_output() {
    let (_place, server) = classic();
    let client = Client::new(server.address);
    client.ask("file.txt", 0);
    client.wait();
    let port = server.address.port();
    let ended = server.interrupt().expect(0);
    assert_eq!(ended.printed(), format!("{port}\n"));
}
