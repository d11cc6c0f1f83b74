//! Whom to believe: pinned keys, first use, keys of clients, secrets, the plain profile.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of what stands above the line"
)]

mod common;

use std::fs;
use std::time::Duration;

use common::LONG;
use rudp::{
    ClientKeys, Config, Endpoint, ErrorKind, Key, ReliableServer, ReliableSocket, Secret, Trust,
};

fn server(key: &Key) -> Endpoint {
    let endpoint = Endpoint::builder().bind("127.0.0.1:0").key(key.clone()).build().unwrap();
    endpoint.listen().unwrap();
    endpoint
}

#[test]
fn a_pinned_key_is_the_only_one() {
    let key = Key::generate().unwrap();
    let server = server(&key);
    assert_eq!(server.public_key(), Some(key.public_key()));
    let client = Endpoint::builder().build().unwrap();
    let session = client.connect(server.local_addr(), key.public_key()).unwrap();
    assert_eq!(session.peer_key(), Some(key.public_key()));
    let other = Key::generate().unwrap().public_key();
    let error = client.connect(server.local_addr(), other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyChanged);
    assert!(error.to_string().contains(&other.to_string()), "{error}");
}

#[test]
fn the_first_key_is_kept_and_a_changed_one_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("known_hosts");
    let trust = || Trust::FirstUse(path.clone());
    let server = server(&Key::generate().unwrap());
    let to = server.local_addr();
    let client = Endpoint::builder().build().unwrap();
    client.connect(to, trust()).unwrap();
    client.connect(to, trust()).unwrap();
    let key = server.public_key().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{to} {key}\n"));
    let old = Key::generate().unwrap().public_key();
    fs::write(&path, format!("{to} {old}\n")).unwrap();
    let error = client.connect(to, trust()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyChanged);
    for part in [key.to_string(), old.to_string(), "line 1 of".to_owned()] {
        assert!(error.to_string().contains(&part), "{error}");
    }
}

#[test]
fn a_server_takes_the_clients_whose_keys_it_lists() {
    let (friend, stranger) = (Key::generate().unwrap(), Key::generate().unwrap());
    let keys = ClientKeys::Listed(vec![friend.public_key()]);
    let server = Endpoint::builder().bind("127.0.0.1:0").client_keys(keys).build().unwrap();
    server.listen().unwrap();
    let to = server.local_addr();
    let welcome = Endpoint::builder().key(friend.clone()).build().unwrap();
    let _session = welcome.connect(to, Trust::AnyKey).unwrap();
    assert_eq!(server.accept_timeout(LONG).unwrap().peer_key(), Some(friend.public_key()));
    let keyless = Endpoint::builder().build().unwrap();
    let error = keyless.connect(to, Trust::AnyKey).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyRefused);
    // A server reads a client's key last, so the session ends behind the handshake.
    let unknown = Endpoint::builder().key(stranger).build().unwrap();
    let error = match unknown.connect(to, Trust::AnyKey) {
        Ok(session) => session.receive_message().unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::KeyRefused);
}

#[test]
fn without_the_secret_there_is_no_answer() {
    let secret = Secret::generate().unwrap();
    let server = Endpoint::builder().bind("127.0.0.1:0").secret(secret.clone()).build().unwrap();
    server.listen().unwrap();
    let to = server.local_addr();
    let insider = Endpoint::builder().secret(secret).build().unwrap();
    insider.connect(to, Trust::AnyKey).unwrap();
    let timeout = Duration::from_millis(300);
    let config = Config { handshake_timeout: timeout, ..Config::default() };
    for builder in [Endpoint::builder(), Endpoint::builder().secret(Secret::generate().unwrap())] {
        let outsider = builder.config(config.clone()).build().unwrap();
        let error = outsider.connect(to, Trust::AnyKey).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoAnswer);
    }
}

#[test]
fn the_plain_profile_says_that_it_has_no_keys() {
    let server = Endpoint::builder().bind("127.0.0.1:0").plain().build().unwrap();
    server.listen().unwrap();
    assert_eq!(server.public_key(), None);
    let client = Endpoint::builder().plain().build().unwrap();
    let key = Key::generate().unwrap().public_key();
    let error = client.connect(server.local_addr(), key).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let session = client.connect(server.local_addr(), Trust::AnyKey).unwrap();
    assert_eq!(session.peer_key(), None);
}

#[test]
fn who_only_dials_shows_no_key_and_does_not_listen() {
    let dialer = Endpoint::builder().build().unwrap();
    assert_eq!(dialer.public_key(), None);
    assert_eq!(dialer.listen().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn on_this_machine_the_textbooks_names_need_no_key_but_take_one() {
    let server = ReliableServer::new("127.0.0.1", 0).unwrap();
    server.endpoint().listen().unwrap();
    let port = server.local_addr().port();
    let mut socket = ReliableSocket::new("127.0.0.1", port).unwrap();
    socket.connect().unwrap();
    assert_eq!(socket.session().unwrap().peer_key(), server.endpoint().public_key());
    socket.trust(Key::generate().unwrap().public_key());
    assert_eq!(socket.connect().unwrap_err().kind(), ErrorKind::KeyChanged);
}
