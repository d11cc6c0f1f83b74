//! What the peer's frames do.

use super::*;

const R: Mode = Mode::Reliable;

// spec: 7.5.1, 5.4.2
#[test]
fn limits_are_enforced() {
    let cases = [
        (piece(R, (0, 0, 3_001), 0, b""), Err(Code::MESSAGE_ERROR)),
        (piece(R, (1, 2_000, 2_969), 0, b"x"), Err(Code::FLOW_CONTROL_ERROR)),
        (piece(R, (1, 2_000, 2_968), 0, b"x"), Ok(())),
        (piece(R, (0, 0, 3_000), 0, b""), Ok(())),
        (piece(R, (0, 1, 10), 0, b"x"), Err(Code::MESSAGE_ERROR)),
        (piece(R, (2, 32, 10), 0, b"x"), Err(Code::MESSAGE_ERROR)),
        (piece(Mode::Ordered { order: 1 }, (0, 0, 1), 0, b"x"), Err(Code::MESSAGE_ERROR)),
    ];
    for (message, result) in cases {
        let mut messages = Messages::new(config());
        assert_eq!(messages.on_message(at(0), &message), result, "{message:?}");
    }
    let mut none = Messages::new(Config { max_message_size: 0, ..config() });
    let limits = parameters(&none);
    assert_eq!((limits.max_message_size, limits.initial_max_message_data), (0, 0));
    assert_eq!(none.on_message(at(0), &piece(R, (0, 0, 0), 0, b"")), Err(Code::FLOW_CONTROL_ERROR));
    none.on_datagram(b"");
    assert_eq!(none.receive(at(0)), None);
}

// spec: 7.5.1
#[test]
fn pieces_of_one_number_agree() {
    let first = piece(R, (0, 0, 10), 0, b"01234");
    let others = [
        piece(Mode::Ordered { order: 0 }, (0, 0, 10), 5, b"56789"),
        piece(Mode::Deadline { lifetime: 9 }, (0, 0, 10), 5, b"56789"),
        piece(R, (0, 1, 10), 5, b"56789"),
        piece(R, (0, 0, 11), 5, b"56789"),
        piece(R, (1, 41, 10), 0, b"01234"),
        piece(R, (1, 43, 10), 0, b"01234"),
    ];
    for other in others {
        let mut messages = Messages::new(config());
        assert_eq!(messages.on_message(at(0), &first), Ok(()));
        assert_eq!(messages.on_message(at(0), &other), Err(Code::MESSAGE_ERROR), "{other:?}");
    }
    let mut messages = Messages::new(config());
    let ordered =
        |order, number, start, data| piece(Mode::Ordered { order }, (number, start, 2), 0, data);
    assert_eq!(messages.on_message(at(0), &ordered(1, 1, 34, b"a")), Ok(()));
    let changed = ordered(0, 1, 34, b"ab");
    assert_eq!(messages.on_message(at(0), &changed), Err(Code::MESSAGE_ERROR), "another order");
    assert_eq!(messages.on_message(at(0), &ordered(1, 2, 68, b"ab")), Ok(()));
    let second = piece(Mode::Ordered { order: 1 }, (1, 34, 2), 1, b"b");
    assert_eq!(messages.on_message(at(0), &second), Err(Code::MESSAGE_ERROR), "two in one place");
}

// spec: 7.5.2
#[test]
fn ordered_messages_wait_for_their_turn_and_others_do_not() {
    let mut messages = Messages::new(config());
    let give = |messages: &mut Messages, mode, number| {
        let data = [u8::try_from(number).unwrap()];
        messages.on_message(at(0), &piece(mode, (number, 33 * number, 1), 0, &data)).unwrap();
        received(messages, at(0)).concat()
    };
    assert_eq!(give(&mut messages, Mode::Ordered { order: 2 }, 4), []);
    assert_eq!(give(&mut messages, Mode::Ordered { order: 1 }, 2), []);
    assert_eq!(messages.poll_event(), None, "nothing can be read");
    assert_eq!(give(&mut messages, R, 3), [3]);
    assert_eq!(messages.poll_event(), None, "it was read before");
    assert_eq!(give(&mut messages, Mode::Ordered { order: 0 }, 1), [1, 2, 4]);
    assert_eq!(give(&mut messages, Mode::Ordered { order: 0 }, 1), [], "it came already");
    assert_eq!(give(&mut messages, Mode::Ordered { order: 3 }, 5), [5]);
}

#[test]
fn empty_messages_and_pieces_out_of_order() {
    let mut messages = Messages::new(config());
    let give = |messages: &mut Messages, message| messages.on_message(at(0), &message).unwrap();
    give(&mut messages, piece(R, (0, 0, 0), 0, b""));
    assert_eq!(messages.poll_event(), Some(Event::Readable));
    assert_eq!(received(&mut messages, at(0)), [b""]);
    for (offset, data) in [(2, &b"cde"[..]), (6, b""), (4, b"efg"), (2, b"c"), (0, b"ab")] {
        assert_eq!(messages.receive(at(0)), None);
        give(&mut messages, piece(R, (1, 32, 7), offset, data));
    }
    assert_eq!(received(&mut messages, at(0)), [b"abcdefg"]);
}

// spec: 7.5.3
#[test]
fn the_earliest_deadline_of_all_pieces_counts() {
    let mut messages = Messages::new(config());
    let give = |messages: &mut Messages, now, lifetime, offset, data| {
        let mode = Mode::Deadline { lifetime };
        messages.on_message(now, &piece(mode, (0, 0, 4), offset, data)).unwrap();
    };
    give(&mut messages, at(0), 100_000, 0, b"a");
    assert_eq!(messages.timeout(), Some(at(100)));
    give(&mut messages, at(10), 50_000, 1, b"b");
    assert_eq!(messages.timeout(), Some(at(60)));
    give(&mut messages, at(20), 70_000, 2, b"c");
    assert_eq!(messages.timeout(), Some(at(60)));
    messages.on_timeout(at(59));
    assert_eq!(messages.receiver.memory().0, 4 + 16);
    messages.on_timeout(at(60));
    assert_eq!((messages.receiver.memory().0, messages.timeout()), (0, None), "discarded");
    give(&mut messages, at(61), 90_000, 3, b"d");
    give(&mut messages, at(61), 90_000, 0, b"abc");
    assert_eq!((messages.receive(at(61)), messages.timeout()), (None, None), "later ones ignored");
    assert_eq!(messages.receiver.told.receipt().read, 36, "it counts as delivered");
}

// spec: 7.5.3
#[test]
fn a_message_that_is_not_read_in_time_is_discarded() {
    let mut messages = Messages::new(config());
    let mode = |lifetime| Mode::Deadline { lifetime };
    messages.on_message(at(0), &piece(mode(5_000), (0, 0, 1), 0, b"a")).unwrap();
    messages.on_message(at(0), &piece(mode(9_000), (1, 33, 1), 0, b"b")).unwrap();
    messages.on_message(at(0), &piece(mode(0), (2, 66, 1), 0, b"c")).unwrap();
    assert_eq!(messages.timeout(), Some(at(5)));
    assert_eq!(received(&mut messages, at(5)), [b"b"]);
    assert_eq!((messages.timeout(), messages.receiver.told.receipt().read), (None, 99));
}

// spec: 7.5.2, 7.5.3
#[test]
fn dropped_counts_as_delivery_once() {
    let mut messages = Messages::new(config());
    let drop = |messages: &mut Messages, number, start, length| {
        messages.on_dropped(at(0), &MessageDropped { number, start, length })
    };
    let deadline = Mode::Deadline { lifetime: 1_000_000 };
    messages.on_message(at(0), &piece(deadline, (0, 0, 1_500), 0, b"a")).unwrap();
    assert_eq!(drop(&mut messages, 0, 0, 1_400), Err(Code::MESSAGE_ERROR));
    for _ in 0..3 {
        assert_eq!(drop(&mut messages, 0, 0, 1_500), Ok(()));
        assert_eq!((messages.timeout(), messages.wants()), (None, false));
    }
    assert_eq!(drop(&mut messages, 1, 1_532, 1_500), Ok(()), "nothing of it had come");
    assert_eq!(messages.receiver.window.limit(), 5_000 + 3_064, "half of the window is back");
    let names = names(&packet(&mut messages, at(0)));
    assert_eq!(names, ["MAX_MESSAGE_DATA"]);
    messages.on_message(at(0), &piece(deadline, (2, 3_064, 1), 0, b"c")).unwrap();
    assert_eq!(drop(&mut messages, 2, 3_064, 1), Ok(()), "it is complete");
    assert_eq!(received(&mut messages, at(0)), [b"c"]);
    messages.on_message(at(0), &piece(R, (3, 3_097, 2), 0, b"d")).unwrap();
    assert_eq!(drop(&mut messages, 3, 3_097, 2), Err(Code::MESSAGE_ERROR), "it is reliable");
    assert_eq!(drop(&mut messages, 4, 8_000, 100), Err(Code::FLOW_CONTROL_ERROR));
    assert_eq!(drop(&mut messages, 4, 8_000, 3_001), Err(Code::MESSAGE_ERROR));
}

// spec: 7.5.4
#[test]
fn datagrams_that_are_not_read_make_room_for_new_ones() {
    let mut messages = Messages::new(config());
    for byte in 0..6 {
        messages.on_datagram(&[byte; 218]);
    }
    messages.on_datagram(&[9; 969]);
    let news: Vec<_> = core::iter::from_fn(|| messages.poll_event()).collect();
    assert_eq!(news, [Event::Readable]);
    let kinds: Vec<_> = core::iter::from_fn(|| messages.receive(at(0))).collect();
    assert!(kinds.iter().all(|message| message.kind == Kind::Unreliable));
    let first: Vec<_> = kinds.iter().map(|message| message.data[0]).collect();
    assert_eq!(
        first,
        [2, 3, 4, 5],
        "1,000 bytes, each with 32; one that is too large is not taken"
    );
}

// spec: 7.4.6
#[test]
fn a_packet_with_too_many_separate_pieces_is_not_taken() {
    let mut messages = Messages::new(config());
    let at_offset = |offset| piece(R, (0, 0, 3_000), offset, b"x");
    let mut taken = 0;
    for offset in (0..3_000).step_by(2) {
        if !messages.admits(&at_offset(offset), 0) {
            break;
        }
        messages.on_message(at(0), &at_offset(offset)).unwrap();
        taken += 1;
    }
    assert_eq!(taken, 1_024);
    assert!(messages.admits(&at_offset(1), 0), "it joins two");
    messages.on_message(at(0), &at_offset(1)).unwrap();
    assert!(messages.admits(&at_offset(2_998), 0) && !messages.admits(&at_offset(2_998), 1));
}
