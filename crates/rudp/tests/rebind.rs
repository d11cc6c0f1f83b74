//! Clients whose socket is replaced while their sessions go on, over loopback.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests of what stands above the line"
)]

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use common::{LONG, pattern};
use rudp::{Builder, Endpoint, ErrorKind, Session, Trust};

const LOCAL: &str = "127.0.0.1:0";
const CHANGES: usize = 20;
const BYTES: usize = 64 << 20;

fn server(shards: usize) -> Endpoint {
    let endpoint = Endpoint::builder().bind(LOCAL).shards(shards).build().unwrap();
    endpoint.listen().unwrap();
    endpoint
}

fn client() -> Endpoint {
    Endpoint::builder().bind(LOCAL).build().unwrap()
}

/// Both ends of a session between `client` and `server`.
fn open(client: &Endpoint, server: &Endpoint) -> (Session, Session) {
    let session = client.connect(server.local_addr(), Trust::AnyKey).unwrap();
    let accepted = server.accept_timeout(LONG).unwrap();
    for end in [&session, &accepted] {
        end.set_read_timeout(Some(LONG)).unwrap();
        end.set_write_timeout(Some(LONG)).unwrap();
    }
    (session, accepted)
}

/// Waits until the server's end of a session is with the client, though nobody sends anything.
fn follow(accepted: &Session, client: &Endpoint) -> SocketAddr {
    let (address, started) = (client.local_addr(), Instant::now());
    while accepted.remote_addr() != Some(address) {
        assert!(started.elapsed() < LONG, "the server is at {:?}", accepted.remote_addr());
        thread::sleep(Duration::from_millis(1));
    }
    address
}

/// Eight bytes that are nowhere else in the transfer.
fn word(number: usize) -> [u8; 8] {
    (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()
}

/// Another port, and where the system has more than one address for itself, another address too.
fn elsewhere(number: usize) -> &'static str {
    if cfg!(target_os = "linux") && number.is_multiple_of(3) { "127.0.0.2:0" } else { LOCAL }
}

/// Sends `BYTES` from one end to the other, and calls `change` after each part; every byte is compared.
fn transfer(from: &Session, to: &Session, mut change: impl FnMut(usize)) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let data: Vec<u8> = (0..BYTES / 8).flat_map(word).collect();
            from.send(data).unwrap();
            from.finish().unwrap();
        });
        let (mut arrived, mut changes) = (0, 0);
        let mut expected = (0..BYTES / 8).flat_map(word);
        loop {
            let data = to.receive(1 << 20).unwrap();
            if data.is_empty() {
                break;
            }
            assert!(data.iter().copied().eq(expected.by_ref().take(data.len())), "at {arrived}");
            arrived += data.len();
            while changes < CHANGES && arrived > (changes + 1) * (BYTES / (CHANGES + 1)) {
                changes += 1;
                change(changes);
            }
        }
        assert_eq!((arrived, changes), (BYTES, CHANGES));
    });
}

// spec: 9.3.1, 9.3.2, 9.3.6
#[test]
fn transfers_go_on_while_the_clients_socket_is_replaced() {
    let (server, client) = (server(2), client());
    let (session, accepted) = open(&client, &server);
    let mut seen = BTreeSet::from([follow(&accepted, &client)]);
    let mut change = |number| {
        client.rebind(elsewhere(number)).unwrap();
        seen.insert(follow(&accepted, &client));
    };
    transfer(&accepted, &session, &mut change);
    transfer(&session, &accepted, &mut change);
    // A port may have come twice.
    assert!(seen.len() > CHANGES, "{seen:?}");
    let closing = thread::spawn(move || accepted.close().is_delivered());
    assert!(session.close().is_delivered() && closing.join().unwrap());
    let begun: Vec<_> = server.shards().iter().map(|shard| shard.begun).collect();
    assert_eq!(begun.iter().sum::<u64>(), 1, "{begun:?}: it stayed one session");
}

// spec: 9.3.6
#[test]
fn servers_follow_all_sessions_of_a_client_that_says_nothing() {
    let (servers, client) = ([server(1), server(2)], client());
    let ends: Vec<_> = servers.iter().chain(&servers).map(|server| open(&client, server)).collect();
    thread::scope(|scope| {
        for (session, _) in &ends {
            // It waits at the old socket, and is woken at the new one.
            scope.spawn(move || assert_eq!(session.receive(16).unwrap(), b"where are you?"));
        }
        for number in 0..4 {
            client.rebind(elsewhere(number)).unwrap();
            for (_, accepted) in &ends {
                follow(accepted, &client);
            }
        }
        for (_, accepted) in &ends {
            accepted.send("where are you?").unwrap();
        }
    });
}

#[test]
fn sessions_are_opened_from_where_the_client_is_now() {
    let (server, client) = (server(1), client());
    let (before, accepted) = open(&client, &server);
    client.rebind(LOCAL).unwrap();
    let (after, newer) = open(&client, &server);
    assert_eq!(newer.remote_addr(), Some(client.local_addr()));
    follow(&accepted, &client);
    drop((before, after));
    assert!(client.wait_idle(LONG));
}

fn is_refused(endpoint: &Endpoint, why: &str) {
    let before = endpoint.local_addr();
    let error = endpoint.rebind(LOCAL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains(why), "{error}");
    assert_eq!(endpoint.local_addr(), before);
}

#[test]
fn who_is_looked_for_where_it_is_stays_there() {
    let build = |builder: Builder| builder.bind(LOCAL).build().unwrap();
    is_refused(&build(Endpoint::builder().shards(2)), "several shards");
    is_refused(&build(Endpoint::builder().plain()), "plain profile");
    let server = server(1);
    is_refused(&server, "has listened");
    server.shutdown().unwrap();
    is_refused(&server, "has listened");
}

#[test]
fn an_address_that_cannot_be_had_changes_nothing() {
    let (server, client) = (server(1), client());
    let (session, accepted) = open(&client, &server);
    let before = client.local_addr();
    for address in ["192.0.2.1:0".to_owned(), "no port".into(), server.local_addr().to_string()] {
        let error = client.rebind(&address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert!(error.to_string().contains(&address), "{error}");
    }
    assert_eq!(client.local_addr(), before);
    let data = pattern(100_000);
    session.send(&data).unwrap();
    session.finish().unwrap();
    assert!(common::receive_all(&accepted) == data);
}
