//! How a connection searches for the size of its packets.

use core::time::Duration;

use rudp_base::{SendError, Transmit};

use super::{CLIENT, DELAY, Pair, SERVER, address};
use crate::config::{Config, EndpointConfig};

/// A session whose client has much to send.
fn busy(config: &Config) -> Pair {
    let config = EndpointConfig { session: config.clone(), ..EndpointConfig::default() };
    let mut pair = Pair::open(&config, &EndpointConfig::default());
    pair.sent[CLIENT].clear();
    pair.session(CLIENT).write(0, &vec![7; 200_000]).unwrap();
    pair
}

/// Goes on until `is_there`.
fn until(pair: &mut Pair, is_there: impl Fn(&mut Pair) -> bool) {
    let limit = pair.now + Duration::from_secs(1);
    while !is_there(pair) {
        assert!(pair.step(limit), "it never is");
    }
}

fn size(pair: &mut Pair) -> u16 {
    pair.session(CLIENT).stats().packet_size
}

// spec: 9.4.1
#[test]
fn one_probe_leaves_and_data_goes_on_at_the_size_that_is_known() {
    let mut pair = busy(&Config::default());
    until(&mut pair, |pair| pair.sent[CLIENT].contains(&1_472));
    pair.sent[CLIENT].clear();
    until(&mut pair, |pair| size(pair) == 1_472);
    let sent = &pair.sent[CLIENT];
    assert!(sent.contains(&1_200), "{sent:?}");
    assert!(sent.iter().all(|len| *len <= 1_200), "{sent:?}");
}

#[test]
fn a_session_with_little_to_send_is_left_alone() {
    let mut pair = Pair::open(&EndpointConfig::default(), &EndpointConfig::default());
    for _ in 0..100 {
        pair.session(CLIENT).write(0, &[7; 300]).unwrap();
        pair.run_for(DELAY * 4);
    }
    assert!(pair.sent.iter().flatten().all(|len| *len <= 1_200));
    assert_eq!(size(&mut pair), 1_200);
}

// spec: 9.4.1
#[test]
fn what_the_system_does_not_take_bounds_the_search() {
    let mut pair = busy(&Config::default());
    let transmit = |size| Transmit::single(address(SERVER), size);
    pair.drain();
    let now = pair.now;
    pair.ends[CLIENT].on_send_error(now, &transmit(1_472), SendError::TooBig);
    pair.sent[CLIENT].clear();
    pair.run_for(Duration::from_secs(2));
    // Usual sizes below, and the middle between them.
    let probed = pair.sent[CLIENT].iter().copied().max();
    assert_eq!((probed, size(&mut pair)), (Some(1_464), 1_464));
    let now = pair.now;
    pair.ends[CLIENT].on_send_error(now, &transmit(1_400), SendError::TooBig);
    assert_eq!(size(&mut pair), 1_200);
}

// spec: 9.4.1
#[test]
fn probe_timeouts_are_answered_at_the_size_that_every_path_takes() {
    let mut pair = busy(&Config::default());
    until(&mut pair, |pair| size(pair) == 1_472);
    // From now on nothing gets through.
    pair.is_cut = [true; 2];
    let limit = pair.now + Duration::from_secs(1);
    let before = pair.session(CLIENT).stats().probe_timeouts;
    while pair.session(CLIENT).stats().probe_timeouts == before {
        pair.sent[CLIENT].clear();
        assert!(pair.step(limit));
    }
    pair.run_for(Duration::from_secs(1));
    let sent = &pair.sent[CLIENT];
    assert!(!sent.is_empty() && sent.iter().all(|len| *len <= 1_200), "{sent:?}");
    pair.is_cut = [false; 2];
    pair.run_for(Duration::from_secs(2));
    assert!(size(&mut pair) >= 1_472, "it was not the size");
}

// spec: 9.4.1
#[test]
fn a_size_that_was_set_is_used_without_being_tried() {
    let mut pair = busy(&Config { packet_size: Some(4_000), ..Config::default() });
    pair.run_for(DELAY * 20);
    assert_eq!(pair.sent[CLIENT].iter().max(), Some(&4_000));
    assert_eq!(size(&mut pair), 4_000);
}
