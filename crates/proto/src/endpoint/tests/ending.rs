//! How a session ends where no `CLOSE_ACK` comes, and what counts for its outcome.

use core::time::Duration;

use bytes::Bytes;
use rudp_base::Instant;
use rudp_wire::code::Code;
use rudp_wire::frame::{Direction, MESSAGES};

use super::{CLIENT, DELAY, Pair, SERVER, endpoint};
use crate::config::{Config, EndpointConfig};
use crate::connection::{Fail, MessageFate, Read, ReceiptState, SendMode};
use crate::endpoint::slot::Stage;
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

/// How often the client was told of an outcome.
fn outcomes(pair: &Pair) -> usize {
    pair.events[CLIENT].iter().filter(|event| **event == EventKind::Closed).count()
}

// spec: 9.2.5
#[test]
fn every_session_that_ends_has_one_outcome() {
    let ends: [fn(&mut Pair); 5] = [
        |pair| pair.session(CLIENT).close(Duration::from_secs(5)),
        |pair| pair.session(CLIENT).abort(7, ""),
        |pair| pair.session(SERVER).abort(7, ""),
        |pair| pair.session(SERVER).close(Duration::ZERO),
        |pair| pair.is_cut = [true; 2],
    ];
    for (number, end) in ends.iter().enumerate() {
        for is_open in [false, true] {
            let config = EndpointConfig::default();
            let free = endpoint(CLIENT, &config).cx.memory.free();
            let mut pair = if is_open { pair() } else { Pair::new(&config, &config) };
            assert!(pair.ends[CLIENT].cx.memory.free() < free, "promised");
            if pair.handles[SERVER].is_none() && (2..4).contains(&number) {
                continue;
            }
            end(&mut pair);
            pair.run_for(Duration::from_mins(2));
            let what = (number, is_open);
            assert!(pair.session(CLIENT).ended().is_some(), "{what:?}");
            let outcome = pair.session(CLIENT).outcome().cloned().expect("there is one");
            assert_eq!(outcomes(&pair), 1, "{what:?}");
            pair.session(CLIENT).close(Duration::from_secs(1));
            pair.session(CLIENT).abort(1, "");
            pair.run_for(Duration::from_secs(5));
            assert_eq!(pair.session(CLIENT).outcome(), Some(&outcome), "it stays, {what:?}");
            assert_eq!(outcomes(&pair), 1, "{what:?}");
            if !is_open {
                let cause = pair.session(CLIENT).ended().cloned();
                assert_eq!(outcome, Outcome::Unknown { streams: Vec::new(), cause });
            }
            assert!(pair.ends[CLIENT].cx.memory.free() < free || !is_open, "{what:?}");
            pair.session(CLIENT).release();
            pair.run_for(Duration::from_mins(20));
            assert_eq!(pair.ends[CLIENT].cx.memory.free(), free, "it is for others, {what:?}");
        }
    }
}

// spec: 9.2.2
#[test]
fn a_close_on_its_way_heeds_an_earlier_deadline() {
    let mut pair = pair();
    pair.session(CLIENT).close(Duration::from_mins(10));
    while pair.session(CLIENT).ended().is_none() {
        assert!(pair.step(Instant::ZERO + Duration::from_secs(1)));
    }
    // Receipts have come, and CLOSE is on its way.
    pair.is_cut = [true; 2];
    pair.lose_flying();
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.session(CLIENT).outcome(), None);
    pair.session(CLIENT).close(Duration::from_secs(1));
    let limit = pair.now + Duration::from_secs(1);
    while outcomes(&pair) == 0 {
        assert!(pair.step(limit), "by then");
        pair.drain();
    }
    assert_eq!(pair.now, limit);
    pair.sent[CLIENT].clear();
    pair.run_for(Duration::from_mins(20));
    assert_eq!(pair.sent[CLIENT], [0; 0], "nothing behind it");
    pair.session(CLIENT).release();
    assert_eq!(pair.ends[CLIENT].sessions(), 0);
}

// spec: 7.6.5
#[test]
fn what_is_known_of_messages_is_told_and_stays() {
    let mut pair = pair();
    let (stream, data) = (MESSAGES, Bytes::from_static(&[7; 68]));
    let sent = pair.session(CLIENT).send_message(data.clone(), SendMode::Ordered, true).unwrap();
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.session(CLIENT).message_fate(sent), MessageFate::Received);
    assert_eq!(pair.session(CLIENT).request_receipt(stream), Ok(100));
    pair.run_for(Duration::from_secs(1));
    let known = ReceiptState { written: 100, received: 100, ..ReceiptState::default() };
    assert_eq!(pair.session(CLIENT).receipt(stream), Some(known));
    pair.events[CLIENT].clear();
    pair.session(SERVER).receive_message().unwrap();
    pair.run_for(Duration::from_secs(1));
    assert!(pair.events[CLIENT].contains(&EventKind::Receipt { stream }));
    assert_eq!(pair.session(CLIENT).receipt(stream), Some(ReceiptState { read: 100, ..known }));
    // The peer falls silent: what is known stays.
    pair.is_cut = [true; 2];
    let lost = pair.session(CLIENT).send_message(data, SendMode::Ordered, true).unwrap();
    pair.run_for(Duration::from_mins(2));
    assert_eq!(pair.session(CLIENT).ended(), Some(&Ended::Silent));
    assert_eq!(pair.session(CLIENT).message_fate(sent), MessageFate::Delivered);
    assert_eq!(pair.session(CLIENT).message_fate(lost), MessageFate::Unknown);
    assert!(pair.events[CLIENT].contains(&EventKind::MessageFate { message: lost }));
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

// spec: 8.6
#[test]
fn a_keep_alive_is_answered_at_once() {
    let mut config = EndpointConfig::default();
    config.session.keep_alive = None;
    let server = config.clone();
    config.session.keep_alive = Some(Duration::from_secs(5));
    let mut pair = Pair::open(&config, &server);
    pair.run_for(Duration::from_secs(2));
    let limit = pair.now + Duration::from_secs(5);
    pair.sent = [Vec::new(), Vec::new()];
    while pair.sent[CLIENT].is_empty() {
        assert!(pair.step(limit), "it comes");
        pair.drain();
    }
    let asked = pair.now;
    while pair.sent[SERVER].is_empty() {
        assert!(pair.step(limit), "it is answered");
        pair.drain();
    }
    assert_eq!(pair.now, asked + DELAY, "not when an acknowledgement is due");
}

#[test]
fn sessions_that_are_asked_for_begin_with_the_windows_of_the_settings() {
    let session = Config { session_window: 2 << 20, ..Config::default() };
    let config = EndpointConfig { session, ..EndpointConfig::default() };
    let pair = Pair::new(&config, &config);
    let full = config.session.windows();
    let index = pair.handles[CLIENT].unwrap().index as usize;
    let Stage::Asking(_, terms) = &pair.ends[CLIENT].slots[index].stage else { panic!("begun") };
    assert_eq!(terms.windows, full);
    // A server has to have as much for many who ask at the same time.
    assert!(pair.ends[SERVER].cx.memory.windows(full).sum() < full.sum());
}
