//! The ends of sessions and endpoints: what a close comes to, dropping, aborting, shutting down.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of what stands above the line"
)]

mod common;

use std::thread;
use std::time::Duration;

use common::{LONG, Pair, pair, pattern, receive_all};
use rudp::{Closed, Endpoint, ErrorKind, Origin, Trust};

#[test]
fn a_close_is_delivered_when_the_peer_has_read_to_the_end() {
    let Pair { server, client, .. } = pair();
    let reading = thread::spawn(move || {
        assert_eq!(receive_all(&server).len(), 1 << 20);
        server.close()
    });
    client.send(pattern(1 << 20)).unwrap();
    let closed = client.close();
    assert!(closed.is_delivered(), "{closed}");
    let closed = reading.join().unwrap();
    assert!(closed.is_delivered(), "{closed}");
    let error = client.send("more").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed | ErrorKind::Finished), "{error:?}");
}

#[test]
fn a_close_is_received_when_the_peers_program_does_not_read() {
    let Pair { server, client, .. } = pair();
    client.send("unread").unwrap();
    let closed = client.close_within(Duration::from_millis(300));
    assert!(matches!(closed, Closed::Received), "{closed}");
    drop(server);
}

#[test]
fn a_close_that_meets_an_abort_knows_nothing_more() {
    let Pair { server, client, .. } = pair();
    client.send("unread").unwrap();
    server.abort(3, "no");
    match client.close() {
        Closed::Unknown { cause: Some(cause), .. } => {
            assert_eq!((cause.kind(), cause.code()), (ErrorKind::Aborted, Some(3)));
            assert_eq!((cause.origin(), cause.to_string().as_str()), (Origin::Peer, "no (code 3)"));
        }
        // The host may have said so just before.
        Closed::Received => {}
        other => panic!("{other}"),
    }
    assert_eq!(client.ended().unwrap().kind(), ErrorKind::Aborted);
}

#[test]
fn closes_of_both_sides_at_once_both_end() {
    let Pair { server, client, .. } = pair();
    thread::scope(|scope| {
        for session in [server, client] {
            scope.spawn(move || assert!(session.close().is_received()));
        }
    });
}

#[test]
fn a_waiting_reader_is_woken_by_the_end() {
    let Pair { server, client, .. } = pair();
    let waiting = thread::spawn(move || server.receive_message().unwrap_err());
    thread::sleep(Duration::from_millis(20));
    client.abort(5, "over");
    assert_eq!(waiting.join().unwrap().code(), Some(5));
}

#[test]
fn what_was_sent_before_the_last_handle_went_arrives_with_its_end() {
    let Pair { server, client, .. } = pair();
    let data = pattern(500_000);
    let sending = data.clone();
    let reading = thread::spawn(move || receive_all(&server));
    // The client's endpoint went with its builder: only the session is left of it.
    client.send(sending).unwrap();
    drop(client);
    assert!(reading.join().unwrap() == data);
}

#[test]
fn closes_in_the_background_can_be_waited_for() {
    let server = Endpoint::builder().bind("127.0.0.1:0").build().unwrap();
    server.listen().unwrap();
    let client = Endpoint::builder().build().unwrap();
    let session = client.connect(server.local_addr(), Trust::AnyKey).unwrap();
    let theirs = server.accept_timeout(LONG).unwrap();
    session.send("last words").unwrap();
    drop(session);
    assert_eq!(receive_all(&theirs), b"last words");
    drop(theirs);
    assert!(client.wait_idle(LONG));
    assert!(server.wait_idle(LONG));
}

#[test]
fn a_shutdown_ends_sessions_and_waits_and_newcomers() {
    let Pair { endpoint, server, client } = pair();
    let accepting = endpoint.clone();
    let accepting = thread::spawn(move || accepting.accept().unwrap_err());
    thread::sleep(Duration::from_millis(20));
    endpoint.shutdown().unwrap();
    assert_eq!(accepting.join().unwrap().kind(), ErrorKind::ServerShutdown);
    let error = loop {
        match client.receive(1) {
            Ok(_) => thread::sleep(Duration::from_millis(1)),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), error.origin()), (ErrorKind::ServerShutdown, Origin::Peer));
    assert!(server.send("x").is_err());
    let late = Endpoint::builder().build().unwrap();
    let error = late.connect(endpoint.local_addr(), Trust::AnyKey).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerShutdown);
    assert!(endpoint.listen().is_err());
}

#[test]
fn an_endpoint_without_handles_turns_clients_away_and_keeps_its_sessions() {
    let Pair { endpoint, server, client } = pair();
    let to = endpoint.local_addr();
    drop(endpoint);
    let newcomer = Endpoint::builder().build().unwrap().connect(to, Trust::AnyKey);
    if let Ok(newcomer) = newcomer {
        newcomer.set_read_timeout(Some(LONG)).unwrap();
        assert_eq!(newcomer.receive_message().unwrap_err().kind(), ErrorKind::Aborted);
    }
    client.send("still here").unwrap();
    assert_eq!(server.receive(100).unwrap(), b"still here");
}
