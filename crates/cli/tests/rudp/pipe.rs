//! `rudp pipe`: standard input and output, connected.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rudp::Config;
use rustix::process::Signal;

use crate::relay::Relay;
use crate::support::{Place, Process, objects, url};

/// Where a pipe listens, on standard error, since standard output is for the data.
fn listening(process: &Process) -> String {
    let line = process.logged(|line| line.contains("rudp://"));
    url(&line).to_owned()
}

/// A file of bytes that are not all the same, for one side to send.
fn input(place: &Place, name: &str, len: usize) -> (Vec<u8>, File) {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut bytes);
    let path = place.here().join(name);
    fs::write(&path, &bytes).expect("it is written");
    (bytes, File::open(path).expect("it is there"))
}

/// A pipe that listens and has nothing to say, and where. Nobody reads what comes out of it, and so
/// it cannot be confirmed.
fn unread(place: &Place) -> (Child, String) {
    let mut child = place
        .command(&["pipe", "-l", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let errors = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut lines = errors.lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("rudp://")).expect("it listens");
    thread::spawn(move || lines.for_each(drop));
    (child, url(&line).to_owned())
}

/// A rule that loses 5 packets of 100, each way.
fn lossy(relayed: SocketAddr) -> Relay {
    let mut noise = blake3::Hasher::new().update(b"loss").finalize_xof();
    Relay::start(relayed, move |_, _| {
        let mut byte = [0];
        noise.fill(&mut byte);
        // 13 of 256.
        usize::from(byte[0] >= 13)
    })
}

#[test]
fn a_mebibyte_each_way_survives_a_lossy_network() {
    let place = Place::new();
    let ((down, from_server), (up, from_client)) =
        (input(&place, "down", 1 << 20), input(&place, "up", 1 << 20));
    let there =
        Process::start_with(&mut place.command(&["pipe", "-l", "127.0.0.1:0"]), from_server);
    let url = listening(&there);
    let (key, address) = url.split_once('@').expect("it has a key");
    let relay = lossy(address.parse().expect("it is an address"));
    let through = format!("{key}@{}", relay.address);
    let here = Process::start_with(&mut place.command(&["pipe", &through]), from_client);
    let (there, here) = (there.wait().expect(0), here.wait().expect(0));
    assert!(there.stdout == up, "{} bytes", there.stdout.len());
    assert!(here.stdout == down, "{} bytes", here.stdout.len());
    for ended in [there, here] {
        let said = &ended.stderr;
        assert!(said.contains("sent 1048576 bytes, received 1048576"), "{said}");
        assert!(said.contains("the peer's program has read everything"), "{said}");
    }
}

#[test]
fn a_peer_that_dies_before_it_has_read_everything_leaves_the_delivery_unknown() {
    let place = Place::new();
    let (_, file) = input(&place, "up", 1 << 20);
    let (mut there, url) = unread(&place);
    let mut here = place.command(&["pipe", &url, "--idle-timeout", "8s", "--json"]);
    let here = Process::start_with(&mut here, file);
    // The first byte that comes out there says that they are in the middle.
    let mut stdout = there.stdout.take().expect("it is piped");
    stdout.read_exact(&mut [0]).expect("something comes");
    there.kill().expect("it runs");
    there.wait().expect("it is a child");
    let said = here.wait().expect(8).stderr;
    let objects = objects(&said);
    let last = objects.last().expect("it says why");
    assert_eq!(last["exit"], 8, "{said}");
    let why = last["failed"].as_str().expect("a text");
    assert!(why.contains("may have arrived or not") || why.contains("delivery unknown"), "{why}");
}

#[test]
fn a_reader_may_take_longer_than_a_close() {
    let place = Place::new();
    let (sent, file) = input(&place, "up", 1 << 20);
    let (mut there, url) = unread(&place);
    let here = Process::start_with(&mut place.command(&["pipe", &url]), file);
    let mut stdout = there.stdout.take().expect("it is piped");
    let mut got = vec![0];
    stdout.read_exact(&mut got).expect("something comes");
    // No close waits for as long as this.
    thread::sleep(Config::default().close_deadline + Duration::from_secs(2));
    stdout.read_to_end(&mut got).expect("it can be read");
    assert!(got == sent, "{} bytes", got.len());
    let said = here.wait().expect(0).stderr;
    assert!(said.contains("the peer's program has read everything"), "{said}");
    assert!(there.wait().expect("it is a child").success());
}

#[test]
fn a_pipe_takes_one_client_and_says_how_it_went() {
    let place = Place::new();
    let (_, nothing) = input(&place, "nothing", 0);
    let (sent, file) = input(&place, "up", 300_000);
    let mut there = place.command(&["pipe", "-l", "127.0.0.1:0", "--json"]);
    let there = Process::start_with(&mut there, nothing);
    let line = there.logged(|line| line.contains("rudp://"));
    let url = objects(&line)[0]["url"].as_str().expect("a text").to_owned();
    let here = Process::start_with(&mut place.command(&["pipe", &url, "--json"]), file);
    let (there, here) = (there.wait().expect(0), here.wait().expect(0));
    assert!(there.stdout == sent, "{} bytes", there.stdout.len());
    let last = objects(&here.stderr).pop().expect("it says how it went");
    assert_eq!((&last["sent"], &last["received"]), (&300_000.into(), &0.into()));
    assert_eq!(last["closed"], "delivered");
}

#[test]
fn an_interrupted_pipe_ends_the_other_side() {
    let place = Place::new();
    let mut endless = place.command(&["pipe", "-l", "127.0.0.1:0"]);
    let there = Process::start_with(&mut endless, Stdio::piped());
    fs::write(place.here().join("up"), "hello\n").expect("it is written");
    let file = File::open(place.here().join("up")).expect("it is there");
    let here = Process::start_with(&mut place.command(&["pipe", &listening(&there)]), file);
    // What the other side has written is there: the session is open.
    there.printed(|line| line == "hello");
    there.signal(Signal::INT);
    there.wait().expect(130);
    let ended = here.wait();
    assert!(ended.code.is_some_and(|code| [4, 8].contains(&code)), "{ended:?}");
    assert!(ended.stderr.contains("the pipe broke"), "{}", ended.stderr);
}
