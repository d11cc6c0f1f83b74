//! Receipts of messages, and what a close needs of them.

use super::*;

// spec: 7.6.5, 9.2.5
#[test]
fn a_finished_end_learns_what_was_received_and_read() {
    let (mut a, mut b) = pair();
    assert_eq!(a.closing(), None);
    send(&mut a, at(0), b"datagram", SendMode::Unreliable);
    assert_eq!(a.closing(), None, "they do not count");
    let id = send(&mut a, at(0), b"one", SendMode::Ordered);
    assert_eq!(a.closing().map(|outcome| outcome.is_received()), Some(false));
    a.finish();
    let refused = a.send(at(0), Bytes::new(), SendMode::Ordered, false);
    assert_eq!(refused, Err(SendError::Finished));
    let last = packet(&mut a, at(0));
    assert_eq!(names(&last), ["MESSAGE", "RECEIPT_REQUEST", "DATAGRAM"]);
    tell(&mut a, Fate::Lost, &last);
    settle(at(0), &mut a, &mut b);
    let outcome = Outcome { end: 35, is_all_sent: true, received: 35, read: 0, is_final: false };
    assert_eq!(a.closing(), Some(outcome));
    assert!(outcome.is_received() && !outcome.is_settled());
    assert_eq!(b.receipt_to_tell(), None, "the peer knows");
    received(&mut b, at(0));
    assert_eq!(b.receipt_to_tell().map(|receipt| receipt.read), Some(35));
    settle(at(0), &mut a, &mut b);
    assert!(a.closing().is_some_and(|outcome| outcome.is_delivered() && outcome.is_settled()));
    assert_eq!((b.receipt_to_tell(), a.take_fate(id)), (None, Some(MessageFate::Delivered)));
    assert_eq!(a.fate(id), None);
}

// spec: 7.6.5
#[test]
fn dropped_messages_do_not_hinder_delivered() {
    let (mut a, mut b) = pair();
    let dropped = send(&mut a, at(0), &[1; 2_000], SendMode::Deadline(Duration::from_millis(5)));
    let first = packet(&mut a, at(0));
    send(&mut a, at(0), b"more", SendMode::Ordered);
    a.finish();
    a.on_timeout(at(5));
    tell(&mut a, Fate::Lost, &first);
    settle(at(6), &mut a, &mut b);
    assert_eq!(received(&mut b, at(6)), [b"more"]);
    settle(at(6), &mut a, &mut b);
    assert!(a.closing().is_some_and(|outcome| outcome.is_delivered()));
    assert_eq!(a.fate(dropped), Some(MessageFate::Dropped));
}

// spec: 7.6.5
#[test]
fn a_receipt_is_asked_for_behind_what_was_sent_by_then_and_its_news_are_told() {
    let (mut a, mut b) = pair();
    let id = send(&mut a, at(0), &[1; 1_500], SendMode::Ordered);
    let waiting = MessageProgress { written: 1_532, ..MessageProgress::default() };
    assert_eq!(a.progress(), waiting, "what waits counts");
    a.request_receipt();
    // More comes all the time: the request does not wait for a pause.
    send(&mut a, at(0), &[1; 1_500], SendMode::Ordered);
    let packets = [0; 3].map(|_| packet(&mut a, at(0)));
    send(&mut a, at(0), &[1; 500], SendMode::Ordered);
    assert!(names(&packets[2]).contains(&"RECEIPT_REQUEST"), "{:?}", names(&packets[2]));
    for packet in &packets {
        give(&mut b, at(0), packet).unwrap();
    }
    b.receive(at(0)).expect("it is complete");
    let receipt = packet(&mut b, at(0));
    give(&mut a, at(0), &receipt).unwrap();
    let known = MessageProgress { written: 3_596, received: 1_532, read: 1_532, is_final: false };
    assert_eq!(a.progress(), known);
    let events: Vec<_> = core::iter::from_fn(|| a.poll_event()).collect();
    assert_eq!(events, [Event::ReceiptChanged, Event::FateChanged(id)]);
    give(&mut a, at(0), &receipt).unwrap();
    assert_eq!(a.poll_event(), None, "nothing new");
}

#[test]
fn what_expires_before_it_was_sent_is_not_written() {
    let (mut a, _) = pair();
    send(&mut a, at(0), &[1; 10], SendMode::Deadline(Duration::from_millis(5)));
    assert_eq!(a.progress().written, 42);
    a.on_timeout(at(5));
    assert_eq!(a.progress().written, 0);
    send(&mut a, at(5), &[1; 10], SendMode::Ordered);
    packet(&mut a, at(5));
    assert_eq!(a.progress().written, 42);
}

// spec: 7.6.2
#[test]
fn only_what_was_returned_is_read() {
    let (mut a, mut b) = pair();
    for mode in [SendMode::Ordered, SendMode::Reliable] {
        send(&mut a, at(0), b"x", mode);
    }
    settle(at(0), &mut a, &mut b);
    for read in [0, 33, 66] {
        let receipt = b.receiver.told.receipt();
        assert_eq!((receipt.received, receipt.read), (66, read));
        b.receive(at(0));
    }
}

// spec: 7.6.3
#[test]
fn a_final_receipt_stops_the_sender() {
    let (mut a, mut b) = pair();
    let sent = send(&mut a, at(0), &[1; 2_500], SendMode::Reliable);
    let first = packet(&mut a, at(0));
    let waiting = send(&mut a, at(0), &[1; 2_500], SendMode::Ordered);
    assert_eq!(give(&mut b, at(0), &first), Ok(true));
    b.give_up_reading();
    assert!(b.receipt_to_tell().is_some_and(|receipt| receipt.is_final));
    let last = packet(&mut b, at(0));
    assert_eq!(names(&last), ["RECEIPT"]);
    assert_eq!(give(&mut a, at(0), &last), Ok(true));
    assert!(!a.wants() && a.sender.is_empty());
    assert_eq!([sent, waiting].map(|id| a.fate(id).unwrap()), [MessageFate::Lost; 2]);
    let refused = a.send(at(0), Bytes::new(), SendMode::Ordered, false);
    assert_eq!(refused, Err(SendError::Stopped));
    tell(&mut a, Fate::Lost, &first);
    assert!(!a.wants());
    let outcome = a.closing().unwrap();
    assert!(outcome.is_settled() && !outcome.is_received());
    assert_eq!(give(&mut b, at(0), &first), Ok(true), "later data are discarded");
    assert_eq!((b.receive(at(0)), b.receiver.memory()), (None, (0, 0)));
    tell(&mut b, Fate::Acknowledged, &last);
    assert_eq!(b.receipt_to_tell(), None);
}

// spec: 7.6.1
#[test]
fn receipts_beyond_what_was_sent_are_refused() {
    let (mut a, _) = pair();
    send(&mut a, at(0), &[1; 2_500], SendMode::Reliable);
    let receipt = |received| Receipt {
        stream: MESSAGES,
        received,
        read: 0,
        all_received: false,
        all_read: false,
        is_final: false,
    };
    assert_eq!(a.on_receipt(&receipt(1)), Err(Code::PROTOCOL_VIOLATION));
    packet(&mut a, at(0));
    assert_eq!(a.on_receipt(&receipt(2_532)), Err(Code::PROTOCOL_VIOLATION), "it was only begun");
    packet(&mut a, at(0));
    packet(&mut a, at(0));
    assert_eq!(a.on_receipt(&receipt(2_532)), Ok(()));
    assert!(a.sender.is_empty(), "a receipt is an acknowledgement too");
    assert!(a.closing().is_some_and(|outcome| outcome.is_received()));
}

// spec: 7.6.5, 9.2.5
#[test]
fn messages_that_never_had_a_number_are_not_delivered() {
    let (mut a, mut b) = pair();
    send(&mut a, at(0), b"one", SendMode::Ordered);
    settle(at(0), &mut a, &mut b);
    received(&mut b, at(0));
    let waiting = send(&mut a, at(0), b"two", SendMode::Ordered);
    b.give_up_reading();
    let last = packet(&mut b, at(0));
    assert_eq!(give(&mut a, at(0), &last), Ok(true));
    assert_eq!(a.fate(waiting), Some(MessageFate::Lost));
    let outcome = a.closing().expect("there were messages");
    assert!(outcome.is_settled() && !outcome.is_delivered() && !outcome.is_received());
}
