//! How a session ends where no `CLOSE_ACK` comes, and what counts for its outcome.

use core::time::Duration;

use rudp_wire::code::Code;
use rudp_wire::frame::Direction;

use super::{CLIENT, DELAY, Pair, SERVER, endpoint};
use crate::config::EndpointConfig;
use crate::connection::{Fail, Read};
use crate::event::{Ended, EventKind, Outcome};

fn pair() -> Pair {
    Pair::open(&EndpointConfig::default(), &EndpointConfig::default())
}

// spec: 9.2.4, 10.4
#[test]
fn a_reset_decides_a_close_that_waits_for_its_answer() {
    let mut pair = pair();
    pair.session(CLIENT).close(Duration::from_mins(1));
    pair.lose_flying();
    pair.ends[SERVER] = endpoint(SERVER, &EndpointConfig::default());
    pair.run_for(Duration::from_secs(5));
    assert!(pair.events[CLIENT].contains(&EventKind::Closed));
    assert_eq!(pair.session(CLIENT).outcome(), Some(&Outcome::Delivered));
    pair.session(CLIENT).release();
    assert_eq!(pair.ends[CLIENT].sessions(), 0);
}

// spec: 9.2.5
#[test]
fn an_acknowledgement_behind_a_close_counts() {
    let mut pair = pair();
    // So many streams that the receipts of few of them fit into a CLOSE.
    for direction in [Direction::Bidirectional, Direction::Unidirectional] {
        for _ in 0..120 {
            let stream = pair.session(CLIENT).open(direction).unwrap();
            pair.session(CLIENT).write(stream, &[7; 4]).unwrap();
        }
    }
    pair.session(CLIENT).close(Duration::from_secs(10));
    let limit = pair.now + DELAY * 2;
    while pair.session(SERVER).read(0x1de, &mut [0; 8]).is_err() {
        assert!(pair.step(limit));
    }
    pair.session(SERVER).abort(3, "");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.session(CLIENT).outcome(), Some(&Outcome::Received));
}

// spec: 2.9, 6.5
#[test]
fn a_session_without_numbers_left_is_over() {
    let mut pair = pair();
    pair.connection(CLIENT).wear();
    pair.session(CLIENT).write(0, &[7; 100]).unwrap();
    pair.session(CLIENT).close(Duration::from_secs(10));
    pair.drain();
    assert!(pair.events[CLIENT].contains(&EventKind::Ended), "told at once");
    let ended = pair.session(CLIENT).ended().cloned();
    assert!(matches!(ended, Some(Ended::Error { code: Code::KEYS_EXHAUSTED, .. })), "{ended:?}");
    assert!(matches!(pair.session(CLIENT).outcome(), Some(Outcome::Unknown { .. })));
}

// spec: 9.2.1
#[test]
fn receipts_that_do_not_fit_into_a_close_go_before_it_and_again() {
    for lost in 0..3 {
        let mut pair = pair();
        for direction in [Direction::Bidirectional, Direction::Unidirectional] {
            for _ in 0..120 {
                let stream = pair.session(CLIENT).open(direction).unwrap();
                pair.session(CLIENT).write(stream, &[7; 4]).unwrap();
            }
        }
        pair.run_for(DELAY * 4);
        pair.session(SERVER).close(Duration::ZERO);
        for _ in 0..lost {
            pair.lose_flying();
            let limit = pair.now + Duration::from_secs(5);
            pair.sent[SERVER].clear();
            while pair.sent[SERVER].is_empty() {
                assert!(pair.step(limit));
            }
        }
        pair.run_for(Duration::from_secs(1));
        let streams: Vec<u64> =
            (1..=120).map(|n| n * 4).chain((0..120).map(|n| n * 4 + 2)).collect();
        for stream in streams {
            let receipt = pair.session(CLIENT).receipt(stream).unwrap();
            assert!(receipt.is_final, "stream {stream}, {lost} lost");
        }
    }
}

// spec: 9.3.1
#[test]
fn a_close_that_may_not_leave_ends_nevertheless() {
    let mut pair = pair();
    pair.is_cut = [true; 2];
    pair.sent[SERVER].clear();
    pair.session(SERVER).abort(3, "");
    pair.connection(SERVER).forbid();
    pair.session(SERVER).release();
    pair.run_for(Duration::from_mins(1));
    assert_eq!(pair.ends[SERVER].sessions(), 0);
    assert!(pair.sent[SERVER].is_empty());
}

#[test]
fn what_comes_behind_a_close_is_refused() {
    let mut pair = pair();
    pair.session(CLIENT).write(0, &[7; 100]).unwrap();
    pair.session(SERVER).write(0, &[7; 100]).unwrap();
    pair.run_for(DELAY * 2);
    let mut buffer = [0; 10];
    assert_eq!(pair.session(CLIENT).read(0, &mut buffer), Ok(Read::Bytes(10)));
    pair.session(CLIENT).close(Duration::from_secs(5));
    assert_eq!(pair.session(CLIENT).read(0, &mut buffer), Err(Fail::Finished), "that is no end");
    assert_eq!(pair.session(CLIENT).write(0, &[1]), Err(Fail::Finished));
    assert_eq!(pair.session(CLIENT).open(Direction::Bidirectional), Err(Fail::Finished));
    assert_eq!(pair.session(SERVER).read(0, &mut [0; 200]), Ok(Read::Bytes(100)));
    assert_eq!(pair.session(SERVER).read(0, &mut [0; 200]), Err(Fail::Blocked));
}
