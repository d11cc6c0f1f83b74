//! `rudp link`: real programs behind a network that is described.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rudp_base::{Ecn, Transmit};
use rudp_net::{ReceiveBuffers, Socket, SocketOptions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use serde_json::Value;

use crate::process::PATIENCE;
use crate::support::{Place, Process, objects};

/// A link that runs.
struct Link {
    process: Process,
    /// Where clients send to.
    address: String,
}

impl Link {
    fn start(place: &Place, to: SocketAddr, options: &[&str]) -> Self {
        let to = to.to_string();
        let process = place.start(&[&["link", "--to", &to, "--json"], options].concat());
        let line = process.printed(|line| line.contains("listening"));
        let address = objects(&line)[0]["address"].as_str().expect("a text").to_owned();
        Self { process, address }
    }

    /// Ends it as Ctrl-C does, and gives what it says then.
    fn stop(self) -> Value {
        self.process.signal(Signal::INT);
        let ended = self.process.wait().expect(0);
        assert_eq!(ended.stderr, "");
        objects(&ended.printed()).pop().expect("it says how it went")
    }
}

fn content(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(b"link").finalize_xof().fill(&mut bytes);
    bytes
}

/// A server of no protocol, and a client of it through `link`.
fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("the loopback has free ports");
    socket.set_read_timeout(Some(PATIENCE)).expect("it can wait");
    socket
}

#[test]
fn downloads_of_two_clients_survive_a_bad_link() {
    let bytes = content(1 << 20);
    let place = Place::new().with("file", &bytes);
    let server = place.serve();
    let options = ["--rate", "100mbit", "--rtt", "10ms", "--loss", "5%", "--duplicate", "1%"];
    let link = Link::start(&place, server.address(), &options);
    let url = format!("rudp://{}@{}/file", server.key(), link.address);
    let clients = ["a", "b"].map(|name| place.start(&["get", &url, "-o", name]));
    for client in clients {
        client.wait().expect(0);
    }
    assert!(place.got("a") == bytes && place.got("b") == bytes);
    let said = link.stop();
    assert_eq!(said["clients"], 2, "{said}");
    for way in ["up", "down"] {
        let count = |name: &str| said[way][name].as_u64().expect("a number");
        assert!(count("dropped_loss") > 0, "{said}");
        assert!(count("delivered") > 0, "{said}");
    }
    let down = said["down"]["delivered_bytes"].as_u64();
    assert!(down.is_some_and(|down| down > 2 << 20), "{said}");
}

#[test]
fn answers_come_back_to_whom_they_belong() {
    let place = Place::new();
    let server = socket();
    let to = server.local_addr().expect("it is bound");
    let link = Link::start(&place, to, &["--rtt", "200ms"]);
    let clients = [socket(), socket()];
    let mut buffer = [0; 100];
    for round in 0..3_u8 {
        let begun = Instant::now();
        for (client, name) in clients.iter().zip([b'a', b'b']) {
            client.send_to(&[name, round], &link.address).expect("it is sent");
        }
        for _ in &clients {
            let (len, from) = server.recv_from(&mut buffer).expect("it comes");
            assert_ne!(from.to_string(), link.address);
            server.send_to(&buffer[..len], from).expect("it is sent");
        }
        for (client, name) in clients.iter().zip([b'a', b'b']) {
            let (len, from) = client.recv_from(&mut buffer).expect("it comes");
            assert_eq!(
                (&buffer[..len], from.to_string()),
                (&[name, round][..], link.address.clone())
            );
        }
        // However loaded the machine is, nothing comes sooner.
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(200), "{took:?}");
    }
    let said = link.stop();
    assert_eq!((&said["clients"], &said["up"]["packets"]), (&2.into(), &6.into()), "{said}");
}

#[test]
fn what_is_too_large_or_too_much_is_dropped_and_counted() {
    let place = Place::new();
    let server = socket();
    let to = server.local_addr().expect("it is bound");
    let link = Link::start(&place, to, &["--clients", "1"]);
    let (client, other) = (socket(), socket());
    for len in [1_473, 1_472] {
        client.send_to(&vec![7; len], &link.address).expect("it is sent");
    }
    let mut buffer = [0; 2_000];
    let (len, back) = server.recv_from(&mut buffer).expect("it comes");
    assert_eq!(len, 1_472);
    // When the answer is there, the first client is known.
    server.send_to(b"answer", back).expect("it is sent");
    client.recv_from(&mut buffer).expect("it comes");
    other.send_to(b"no room", &link.address).expect("it is sent");
    // What came behind it was carried.
    client.send_to(b"last", &link.address).expect("it is sent");
    let (len, _) = server.recv_from(&mut buffer).expect("it comes");
    assert_eq!(&buffer[..len], b"last");
    let said = link.stop();
    assert_eq!(
        (&said["up"]["dropped_mtu"], &said["turned_away"]),
        (&1.into(), &1.into()),
        "{said}"
    );
}

#[test]
fn congestion_marks_are_carried() {
    let place = Place::new();
    let options = SocketOptions::default();
    let bind = || Socket::bind("127.0.0.1:0".parse().expect("an address"), &options);
    let [server, client] = [(); 2].map(|()| bind().expect("the loopback has free ports"));
    let link = Link::start(&place, server.local_addr(), &["--rtt", "2ms"]);
    let to = link.address.parse().expect("an address");
    let mut buffers = ReceiveBuffers::new();
    for ecn in [Some(Ecn::Ect0), None, Some(Ecn::Ce)] {
        let transmit = Transmit { ecn, ..Transmit::single(to, 4) };
        client.send(&transmit, b"mark", &mut 0).expect("it is sent");
        let patience = Timespec { tv_sec: 60, tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(&server, PollFlags::IN)], Some(&patience));
        assert_eq!(ready, Ok(1), "it comes");
        server.receive(&mut buffers).expect("it is there");
        let came: Vec<_> =
            buffers.batches().map(|batch| (batch.ecn, batch.data.to_vec())).collect();
        assert_eq!(came, [(ecn, b"mark".to_vec())]);
    }
}

#[test]
fn a_server_that_listens_at_all_addresses_answers() {
    let place = Place::new();
    let server = UdpSocket::bind("0.0.0.0:0").expect("there are free ports");
    server.set_read_timeout(Some(PATIENCE)).expect("it can wait");
    let link = Link::start(&place, server.local_addr().expect("it is bound"), &[]);
    let client = socket();
    client.send_to(b"ping", &link.address).expect("it is sent");
    let mut buffer = [0; 100];
    let (len, from) = server.recv_from(&mut buffer).expect("it comes");
    // What somebody else sends there is not carried, but counted.
    socket().send_to(b"foreign", from).expect("it is sent");
    server.send_to(&buffer[..len], from).expect("it is sent");
    let (len, _) = client.recv_from(&mut buffer).expect("it comes");
    assert_eq!(&buffer[..len], b"ping");
    let said = link.stop();
    assert_eq!((&said["down"]["packets"], &said["foreign"]), (&1.into(), &1.into()), "{said}");
}

#[test]
fn who_waits_for_a_slow_link_is_not_forgotten() {
    let place = Place::new();
    let server = socket();
    let to = server.local_addr().expect("it is bound");
    let link = Link::start(&place, to, &["--rtt", "6s", "--idle", "1ms"]);
    let client = socket();
    client.send_to(b"slow", &link.address).expect("it is sent");
    let mut buffer = [0; 100];
    let (len, _) = server.recv_from(&mut buffer).expect("it comes");
    assert_eq!(&buffer[..len], b"slow");
    let said = link.stop();
    assert_eq!((&said["clients"], &said["lost_here"]), (&1.into(), &0.into()), "{said}");
}

#[test]
fn addresses_that_are_none_are_named() {
    let place = Place::new();
    let table: [(&[&str], i32, &str); 7] = [
        (&["link"], 2, "--to"),
        (&["link", "--to", "host"], 2, "must be HOST:PORT"),
        (&["link", "--to", "host:0"], 2, "from 1 to 65535"),
        (&["link", "--to", "127.0.0.1:1", "-l", "host:port"], 2, "ADDR:PORT"),
        (&["link", "--to", "127.0.0.1:1", "--queue", "1bdp"], 2, "--rate"),
        (&["link", "--to", "does-not-exist.invalid:1"], 3, "does-not-exist.invalid:1"),
        (&["link", "--to", "127.0.0.1:1", "-l", "192.0.2.1:0"], 7, "cannot listen on 192.0.2.1:0"),
    ];
    for (arguments, code, part) in table {
        let ended = place.run(arguments, code);
        assert!(ended.stderr.contains(part), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.printed(), "");
    }
}

#[test]
fn people_are_told_what_was_carried() {
    let place = Place::new();
    let link = place.start(&["link", "--to", "127.0.0.1:9", "--preset", "dsl"]);
    let first = link.printed(|line| line.starts_with("listening on 127.0.0.1:"));
    assert!(first.ends_with("and carrying to 127.0.0.1:9"), "{first}");
    link.printed(|line| line.starts_with("network  dsl: A DSL line"));
    link.printed(|line| line.starts_with("down     50 Mbit/s"));
    link.signal(Signal::INT);
    let printed = link.wait().expect(0).printed();
    assert!(printed.contains("0 packets: 0 delivered"), "{printed}");
}
