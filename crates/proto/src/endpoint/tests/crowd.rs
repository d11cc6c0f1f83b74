//! Who gets a session, and what an endpoint does for all of them.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use rudp_base::{Instant, Machine as _, Seed, SendError, Transmit};
use rudp_wire::code::Code;

use super::{CLIENT, DELAY, Pair, SERVER, address, endpoint};
use crate::config::{Config, EndpointConfig};
use crate::endpoint::{ConnectError, Endpoint, Target};
use crate::event::Ended;
use crate::toy::Toy;

#[test]
fn a_handshake_that_ends_behind_the_shutdown_begins_no_session() {
    let config = EndpointConfig::default();
    let mut pair = Pair::new(&config, &config);
    // SYN and SYN-ACK.
    for _ in 0..2 {
        assert!(pair.step(Instant::MAX));
    }
    let now = pair.now;
    pair.ends[SERVER].shutdown(now);
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.handles[SERVER], None, "the program never sees it");
    assert_eq!(pair.ends[SERVER].sessions(), 0);
    let ended = pair.session(CLIENT).ended().cloned();
    assert!(matches!(ended, Some(Ended::Peer { code: Code::SERVER_SHUTDOWN, .. })), "{ended:?}");
}

#[test]
fn answers_given_before_do_not_lead_beyond_the_most_sessions() {
    let server = EndpointConfig { max_sessions: 1, ..EndpointConfig::default() };
    let mut pair = Pair::new(&EndpointConfig::default(), &server);
    let target = Target { server_key: Some(Toy::key(1)), ..Target::default() };
    let now = pair.now;
    let other = pair.ends[CLIENT].connect(now, address(SERVER), target).unwrap();
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.ends[SERVER].sessions(), 1);
    let now = pair.now;
    let first = pair.handles[CLIENT].unwrap();
    let ended = [first, other]
        .map(|handle| pair.ends[CLIENT].session(now, handle).unwrap().ended().cloned());
    let is_busy =
        |ended: &&Option<Ended>| matches!(ended, Some(Ended::Peer { code: Code::BUSY, .. }));
    assert_eq!(ended.iter().filter(is_busy).count(), 1, "{ended:?}");
}

#[test]
fn packets_that_are_too_big_become_smaller() {
    let session = Config { packet_size: Some(9_000), ..Config::default() };
    let large = EndpointConfig { session, ..EndpointConfig::default() };
    let mut pair = Pair::open(&large, &EndpointConfig::default());
    pair.session(CLIENT).write(0, &vec![7; 50_000]).unwrap();
    pair.drain();
    assert_eq!(pair.sent[CLIENT].iter().max(), Some(&9_000));
    let now = pair.now;
    let elsewhere = Transmit::single(SocketAddr::from(([9; 4], 9)), 9_000);
    pair.ends[CLIENT].on_send_error(now, &elsewhere, SendError::TooBig);
    assert_eq!(pair.session(CLIENT).stats().packet_size, 9_000);
    let transmit = Transmit::single(address(SERVER), 9_000);
    pair.ends[CLIENT].on_send_error(now, &transmit, SendError::Refused);
    assert_eq!(pair.session(CLIENT).stats().packet_size, 9_000);
    pair.ends[CLIENT].on_send_error(now, &transmit, SendError::TooBig);
    assert_eq!(pair.session(CLIENT).stats().packet_size, 1_200);
    // What was lost comes again, cut smaller.
    pair.lose_flying();
    pair.sent[CLIENT].clear();
    let mut read = 0;
    for _ in 0..500 {
        pair.run_for(DELAY);
        while let Ok(crate::connection::Read::Bytes(len)) =
            pair.session(SERVER).read(0, &mut [0; 9_000])
        {
            read += len;
        }
    }
    assert_eq!(read, 50_000);
    assert_eq!(pair.sent[CLIENT].iter().max(), Some(&1_200));
}

// spec: 5.1.3
#[test]
fn what_cannot_be_asked_for_is_said_at_once() {
    let mut client = endpoint(CLIENT, &EndpointConfig::default());
    let mut connect = |target| client.connect(Instant::ZERO, address(SERVER), target);
    let named = |len| Target { service: "s".repeat(len), ..Target::default() };
    assert!(connect(named(255)).is_ok());
    assert_eq!(connect(named(256)), Err(ConnectError::ServiceTooLong { len: 256 }));
    let config = Config { handshake_tries: 17, ..Config::default() };
    let wrong = config.check().unwrap_err();
    let target = Target { config: Some(config), ..Target::default() };
    assert_eq!(connect(target), Err(ConnectError::Config(wrong)));
    assert_eq!(client.sessions(), 1);
}

// spec: 3.3
#[test]
fn the_plain_profile_cannot_expect_a_key() {
    let (config, seed) = (EndpointConfig::default(), Seed::from_u64(1));
    let mut plain = Endpoint::new(config, Arc::new(Toy::plain()), &seed).unwrap();
    let target = Target { server_key: Some(Toy::key(1)), ..Target::default() };
    let error = plain.connect(Instant::ZERO, address(SERVER), target).unwrap_err();
    assert_eq!(error, ConnectError::KeyInPlainProfile);
    assert_eq!(plain.poll_timeout(), None);
    assert!(endpoint(CLIENT, &EndpointConfig::default()).is_idle());
}
