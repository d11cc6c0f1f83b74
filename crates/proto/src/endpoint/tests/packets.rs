//! What goes into packets: acknowledgements and what they leave room for, marks, sizes.

use core::time::Duration;

use bytes::Bytes;

use super::{CLIENT, DELAY, Pair, SERVER};
use crate::config::{Config, EndpointConfig};
use crate::connection::{Fail, ReceivedMode, SendMode};

fn pair() -> Pair {
    Pair::open(&EndpointConfig::default(), &EndpointConfig::default())
}

fn of(session: Config) -> EndpointConfig {
    EndpointConfig { session, ..EndpointConfig::default() }
}

/// The largest unreliable message.
fn largest(pair: &mut Pair, end: usize) -> usize {
    let data = Bytes::from(vec![0; 60_000]);
    match pair.session(end).send_message(data, SendMode::Unreliable, false) {
        Err(Fail::TooLarge { max }) => max,
        other => panic!("{other:?}"),
    }
}

// spec: 7.5.4
#[test]
fn the_largest_datagram_leaves_though_something_is_to_be_acknowledged() {
    for end in [CLIENT, SERVER] {
        let mut pair = pair();
        let max = largest(&mut pair, end);
        assert_eq!(max, 1_200 - 16 - 16 - 1, "a whole packet, at both ends");
        pair.session(1 - end).write(0, &[1; 10]).unwrap();
        let limit = pair.now + DELAY * 2;
        while pair.session(end).read(0, &mut [0; 10]).is_err() {
            assert!(pair.step(limit));
        }
        let data = Bytes::from(vec![7; max]);
        pair.session(end).send_message(data.clone(), SendMode::Unreliable, false).unwrap();
        pair.run_for(DELAY * 2);
        let message = pair.session(1 - end).receive_message().unwrap();
        assert_eq!((message.data, message.mode), (data, ReceivedMode::Unreliable));
    }
}

// spec: 9.3.4
#[test]
fn a_client_pads_what_is_too_short_to_be_challenged() {
    let mut pair = pair();
    pair.sent.iter_mut().for_each(Vec::clear);
    for mode in [SendMode::Unreliable, SendMode::Reliable] {
        for end in [CLIENT, SERVER] {
            pair.session(end).send_message(Bytes::from_static(b"x"), mode, false).unwrap();
            pair.run_for(Duration::from_secs(1));
            assert_eq!(&pair.session(1 - end).receive_message().unwrap().data[..], b"x");
        }
    }
    pair.session(CLIENT).close(Duration::from_secs(1));
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.sent[CLIENT].iter().min(), Some(&48));
    assert!(pair.sent[SERVER].iter().min() < Some(&48), "a server stays where it is");
}

// spec: 8.5
#[test]
fn an_acknowledgement_that_nothing_fits_behind_has_no_mark() {
    let mut pair = pair();
    let max = largest(&mut pair, CLIENT);
    pair.session(SERVER).write(0, &[1; 10]).unwrap();
    let limit = pair.now + DELAY * 2;
    while pair.session(CLIENT).read(0, &mut [0; 10]).is_err() {
        assert!(pair.step(limit));
    }
    let data = Bytes::from(vec![7; max]);
    pair.session(CLIENT).send_message(data, SendMode::Unreliable, false).unwrap();
    pair.sent[CLIENT].clear();
    pair.drain();
    // The acknowledgement, the message, and a size that is tried.
    assert_eq!(pair.sent[CLIENT], [48, 1_200, 1_472]);
    assert_eq!(pair.marks(SERVER), [false, true, false]);
}

// spec: 8.5
#[test]
fn a_first_batch_longer_than_the_test_of_marks_does_not_fail_it() {
    let mut pair = pair();
    for _ in 0..20 {
        pair.session(CLIENT).write(0, &vec![7; 50_000]).ok();
        pair.run_for(DELAY * 2);
        while pair.session(SERVER).read(0, &mut vec![0; 60_000]).is_ok() {}
    }
    pair.run_for(Duration::from_secs(1));
    pair.session(CLIENT).write(0, &[7; 10]).unwrap();
    pair.drain();
    assert!(pair.is_last_marked(), "marks got through");
}

// spec: 8.3
#[test]
fn acknowledgements_wait_as_long_as_was_asked_for() {
    let slow = Config { max_ack_delay: Duration::from_millis(400), ..Config::default() };
    let quick =
        Config { ack_tolerance: 1, max_ack_delay: Duration::from_millis(1), ..slow.clone() };
    let mut pair = Pair::open(&of(quick), &of(slow.clone()));
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.connection(CLIENT).ack_delay(), Duration::from_millis(1), "less");
    let patient = Config { ack_tolerance: 10, ..slow };
    let mut pair = Pair::open(&of(patient), &EndpointConfig::default());
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.connection(CLIENT).ack_delay(), Duration::from_millis(400), "more");
    assert_eq!(pair.connection(SERVER).ack_delay(), Duration::from_millis(400));
}

// spec: 8.1.1
#[test]
fn either_packet_of_a_probe_is_answered_at_once() {
    for lost in 0..2 {
        let mut pair = pair();
        pair.session(CLIENT).write(0, &[7; 100]).unwrap();
        pair.drain();
        pair.lose_flying();
        pair.sent.iter_mut().for_each(Vec::clear);
        while pair.sent[CLIENT].is_empty() {
            pair.run_for(DELAY / 10);
        }
        assert_eq!(pair.flying.len(), 2);
        pair.flying.remove(lost);
        // It waits for the other one for less than the delay of acknowledgements.
        pair.run_for(DELAY * 11 / 10);
        assert_eq!(pair.sent[SERVER].len(), 1, "{lost}");
    }
}

// spec: 9.3.6
#[test]
fn a_client_with_another_socket_asks_at_once_whatever_is_in_flight() {
    for bytes in [0, 1 << 20] {
        let mut pair = pair();
        // Some probe timeouts go by: the next one is far away.
        pair.is_cut = [true, true];
        if bytes > 0 {
            pair.session(CLIENT).write(0, &vec![7; bytes]).unwrap();
        }
        pair.run_for(Duration::from_secs(5));
        pair.sent.iter_mut().for_each(Vec::clear);
        for end in [CLIENT, SERVER] {
            let now = pair.now;
            pair.ends[end].on_rebound(now);
        }
        pair.drain();
        assert_eq!((pair.sent[CLIENT].len(), pair.sent[SERVER].len()), (2, 0));
        assert!(pair.sent[CLIENT].iter().all(|len| *len <= 1_200));
        pair.lose_flying();
        pair.is_cut = [false, false];
        // If these are lost, the next come without the backoff of before.
        pair.run_for(DELAY * 40);
        assert!(pair.sent[CLIENT].len() > 2);
        pair.run_for(Duration::from_secs(5));
        let read = pair.session(SERVER).read(0, &mut vec![0; 2 << 20]);
        assert_eq!(read.is_ok(), bytes > 0);
    }
}

#[test]
fn data_that_flow_in_one_direction_carry_no_acknowledgements() {
    let mut pair = pair();
    pair.session(CLIENT).write(0, &vec![7; 60_000]).unwrap();
    pair.run_for(Duration::from_secs(1));
    pair.sent[CLIENT].clear();
    pair.session(CLIENT).write(0, &[7; 1_000]).unwrap();
    pair.drain();
    // Header, tag, and a STREAM frame with stream, offset and length alone.
    assert_eq!(pair.sent[CLIENT], [16 + 16 + 1 + 1 + 4 + 2 + 1_000]);
}
