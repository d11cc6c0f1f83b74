//! RESET, where several endpoints share a port: whichever gets it, the session that it is for ends.

use core::time::Duration;

use rudp_base::{Datagrams, Machine as _};

use super::{CLIENT, Pair, SERVER, address, endpoint};
use crate::config::EndpointConfig;
use crate::endpoint::{Endpoint, MAX_STRAYS};
use crate::event::Ended;

fn shard(number: u32) -> EndpointConfig {
    EndpointConfig { shard: (number, 2), ..EndpointConfig::default() }
}

/// A client whose server has restarted, and the RESET that says so.
fn forgotten(config: &EndpointConfig) -> (Pair, Vec<u8>) {
    let mut pair = Pair::open(config, &EndpointConfig::default());
    pair.lose_flying();
    pair.ends[SERVER] = endpoint(SERVER, &EndpointConfig::default());
    pair.session(CLIENT).write(0, &[7; 100]).unwrap();
    let limit = pair.now + Duration::from_secs(1);
    while pair.flying.back().is_none_or(|flying| flying.to == SERVER) {
        assert!(pair.step(limit));
        pair.drain();
    }
    let reset = pair.flying.pop_back().unwrap().bytes;
    assert_eq!(reset.len(), 25);
    pair.flying.clear();
    (pair, reset)
}

fn give(to: &mut Endpoint, pair: &Pair, reset: &[u8]) {
    to.handle(pair.now, Datagrams::single(address(SERVER), &mut reset.to_vec()));
}

// spec: 10.4
#[test]
fn a_reset_ends_the_session_of_another_socket() {
    let (mut pair, reset) = forgotten(&shard(0));
    let mut sibling = endpoint(CLIENT, &shard(1));
    give(&mut sibling, &pair, &reset);
    let stray = sibling.poll_stray_reset().expect("it is for another one");
    assert!(sibling.poll_stray_reset().is_none());
    assert!(!sibling.take_stray_reset(pair.now, &stray));
    assert!(sibling.poll_stray_reset().is_none(), "it does not go in circles");
    assert!(pair.ends[CLIENT].take_stray_reset(pair.now, &stray));
    assert_eq!(pair.session(CLIENT).ended(), Some(&Ended::Forgotten));
}

// spec: 10.4
#[test]
fn a_reset_that_is_forged_ends_nothing_anywhere() {
    let (mut pair, mut reset) = forgotten(&shard(0));
    reset[20] ^= 1;
    let mut sibling = endpoint(CLIENT, &shard(1));
    give(&mut sibling, &pair, &reset);
    let stray = sibling.poll_stray_reset().expect("nobody here can tell");
    assert!(!pair.ends[CLIENT].take_stray_reset(pair.now, &stray));
    assert_eq!(pair.session(CLIENT).ended(), None);
}

#[test]
fn what_is_passed_on_is_bounded_and_an_endpoint_alone_keeps_nothing() {
    let (mut pair, reset) = forgotten(&shard(0));
    for (config, expected) in [(shard(1), MAX_STRAYS), (EndpointConfig::default(), 0)] {
        let mut other = endpoint(CLIENT, &config);
        let mut flood = |pair: &Pair| {
            for _ in 0..2 * MAX_STRAYS {
                give(&mut other, pair, &reset);
            }
            core::iter::from_fn(|| other.poll_stray_reset()).count()
        };
        assert_eq!(flood(&pair), expected as usize);
        assert_eq!(flood(&pair), 0, "however soon they are passed on");
        pair.now += Duration::from_millis(500);
        assert_eq!(flood(&pair), expected as usize / 2);
    }
}
