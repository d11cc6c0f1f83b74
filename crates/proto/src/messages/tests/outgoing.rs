//! What is sent, when, and what becomes of it.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn fate(of: &Messages, id: u64) -> MessageFate {
    of.fate(id).unwrap()
}

#[test]
fn each_mode_comes_through() {
    let (mut a, mut b) = pair();
    let large = vec![7; 2_500];
    send(&mut a, at(0), b"ordered", SendMode::Ordered);
    send(&mut a, at(0), &large, SendMode::Reliable);
    send(&mut a, at(0), b"", SendMode::Deadline(9 * MS));
    send(&mut a, at(0), b"datagram", SendMode::Unreliable);
    settle(at(1), &mut a, &mut b);
    let mut kinds: Vec<_> = core::iter::from_fn(|| b.receive(at(1)))
        .map(|message| (message.kind, message.data.len()))
        .collect();
    kinds.sort_by_key(|(_, len)| *len);
    let all =
        [(Kind::Deadline, 0), (Kind::Ordered, 7), (Kind::Unreliable, 8), (Kind::Reliable, 2_500)];
    assert_eq!(kinds, all);
    assert!((0..4).all(|id| fate(&a, id) == MessageFate::Received));
    let events: Vec<_> = core::iter::from_fn(|| a.poll_event()).collect();
    assert_eq!(events, (0..4).map(Event::FateChanged).collect::<Vec<_>>());
    assert!(a.sender.is_empty() && !a.wants());
}

// spec: 7.5.1, 7.5.2
#[test]
fn numbers_orders_and_starts_are_as_the_layout_says() {
    let (mut a, _) = pair();
    for (len, mode) in [
        (5, SendMode::Reliable),
        (0, SendMode::Ordered),
        (6, SendMode::Deadline(20 * MS)),
        (7, SendMode::Ordered),
    ] {
        send(&mut a, at(0), &vec![1; len], mode);
    }
    let packet = packet(&mut a, at(5));
    let headers: Vec<_> = Frames::new(&packet.frames)
        .map(|frame| match frame.unwrap() {
            Frame::Message(message) => {
                let header = message.header();
                (header.mode, header.number, header.start, header.length)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (Mode::Reliable, 0, 0, 5),
        (Mode::Ordered { order: 0 }, 1, 37, 0),
        (Mode::Deadline { lifetime: 15_000 }, 2, 69, 6),
        (Mode::Ordered { order: 1 }, 3, 107, 7),
    ];
    assert_eq!(headers, expected);
}

// spec: 7.5.5
#[test]
fn messages_that_follow_each_other_share_a_header() {
    let (mut a, mut b) = pair();
    let modes = [SendMode::Reliable, SendMode::Ordered, SendMode::Deadline(20 * MS)];
    for mode in modes {
        for byte in 0..4 {
            a.send(at(0), Bytes::copy_from_slice(&[byte; 20]), mode, false).unwrap();
        }
    }
    let packet = packet(&mut a, at(0));
    let short = packet.frames.windows(3).filter(|bytes| bytes[..2] == [0x25, 20]).count();
    assert_eq!(short, 2 * 3, "all of two modes but the first ones");
    assert_eq!(names(&packet), ["MESSAGE"; 12]);
    assert_eq!(give(&mut b, at(20), &packet), Ok(true));
    let expected: Vec<_> = (0..12).map(|number| vec![number % 4; 20]).collect();
    assert_eq!(received(&mut b, at(20)), expected);
    tell(&mut a, Fate::Acknowledged, &packet);
    assert!(a.sender.is_empty());
}

// spec: 7.5.5
#[test]
fn what_fits_with_a_short_header_is_not_cut() {
    for (room, whole) in [(27 + 103, true), (27 + 102, false)] {
        let (mut a, _) = pair();
        for len in [20, 100] {
            a.send(at(0), Bytes::from(vec![7; len]), SendMode::Reliable, false).unwrap();
        }
        let packet = packet_of(&mut a, at(0), room).unwrap();
        let is_whole = matches!(packet.tokens[..], [_, Token::Message { len: 100, .. }]);
        assert_eq!(is_whole, whole, "{:?}", packet.tokens);
    }
}

// spec: 7.5.1, 5.4.2
#[test]
fn the_peers_limits_are_kept() {
    let (mut a, mut b) = pair();
    let too_large = a.send(at(0), Bytes::from(vec![0; 3_001]), SendMode::Reliable, false);
    assert_eq!(too_large, Err(SendError::TooLarge { max: 3_000 }));
    let mut nobody = Messages::new(config());
    let refused = nobody.send(at(0), Bytes::new(), SendMode::Ordered, false);
    assert_eq!(refused, Err(SendError::TooLarge { max: 0 }), "the peer takes none");
    send(&mut a, at(0), &[1; 2_500], SendMode::Reliable);
    send(&mut a, at(0), &[2; 2_500], SendMode::Reliable);
    settle(at(0), &mut a, &mut b);
    assert!(!a.wants(), "the second is beyond the limit");
    assert_eq!(received(&mut b, at(0)).len(), 1);
    a.on_max_message_data(10);
    assert!(!a.wants(), "limits never shrink");
    settle(at(0), &mut a, &mut b);
    assert_eq!(received(&mut b, at(0)), [[2; 2_500]]);
}

#[test]
fn what_waits_is_bounded() {
    let (mut a, mut b) = pair();
    let send = |a: &mut Messages, len, mode| a.send(at(0), Bytes::from(vec![0; len]), mode, false);
    assert_eq!(send(&mut a, 3_000, SendMode::Ordered), Ok(0));
    assert_eq!(send(&mut a, 3_000, SendMode::Ordered), Ok(1));
    assert_eq!(send(&mut a, 0, SendMode::Ordered), Err(SendError::Blocked));
    assert_eq!(send(&mut a, 968, SendMode::Unreliable), Ok(2));
    assert_eq!(send(&mut a, 0, SendMode::Unreliable), Err(SendError::Blocked));
    assert_eq!(a.poll_event(), None);
    settle(at(0), &mut a, &mut b);
    assert_eq!((a.poll_event(), a.poll_event()), (Some(Event::Writable), None), "for datagrams");
    received(&mut b, at(0));
    settle(at(0), &mut a, &mut b);
    assert_eq!((a.poll_event(), a.poll_event()), (Some(Event::Writable), None));
    for id in 0..8 {
        assert!(a.send(at(0), Bytes::new(), SendMode::Ordered, true).is_ok(), "{id}");
    }
    let untracked = a.send(at(0), Bytes::new(), SendMode::Ordered, true);
    assert_eq!(untracked, Err(SendError::TooManyTracked));
}

// spec: 8.2
#[test]
fn lost_pieces_go_first_and_again_in_other_sizes() {
    let (mut a, mut b) = pair();
    let data: Vec<_> = (0..2_500u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let id = send(&mut a, at(0), &data, SendMode::Reliable);
    let packets = [packet(&mut a, at(0)), packet(&mut a, at(0)), packet(&mut a, at(0))];
    send(&mut a, at(0), b"new", SendMode::Reliable);
    assert_eq!(give(&mut b, at(0), &packets[2]), Ok(true));
    tell(&mut a, Fate::Lost, &packets[1]);
    tell(&mut a, Fate::Lost, &packets[0]);
    tell(&mut a, Fate::Acknowledged, &packets[2]);
    tell(&mut a, Fate::Lost, &packets[2]);
    let again = packet_of(&mut a, at(0), 300).unwrap();
    assert!(matches!(again.tokens[..], [Token::Message { number: 0, offset: 0, len: 250.. }]));
    assert_eq!(give(&mut b, at(0), &again), Ok(true));
    tell(&mut a, Fate::Lost, &again);
    // That came late, and a part of it was sent again meanwhile.
    tell(&mut a, Fate::Acknowledged, &packets[0]);
    assert_eq!(give(&mut b, at(0), &packets[0]), Ok(true));
    let rest = packet(&mut a, at(0));
    let Token::Message { offset: first, .. } = packets[1].tokens[0] else { panic!() };
    assert!(matches!(rest.tokens[0], Token::Message { number: 0, offset, .. } if offset == first));
    assert_eq!(fate(&a, id), MessageFate::Waiting);
    assert_eq!(give(&mut b, at(0), &rest), Ok(true));
    tell(&mut a, Fate::Acknowledged, &rest);
    assert_eq!(fate(&a, id), MessageFate::Received);
    settle(at(0), &mut a, &mut b);
    assert_eq!(received(&mut b, at(0)), [data, b"new".to_vec()]);
    assert!(a.sender.is_empty());
}

// spec: 7.5.3, 8.2
#[test]
fn at_its_deadline_a_message_is_dropped_and_that_is_told_until_acknowledged() {
    let (mut a, mut b) = pair();
    let id = send(&mut a, at(0), &[1; 2_500], SendMode::Deadline(10 * MS));
    let first = packet(&mut a, at(0));
    assert_eq!(give(&mut b, at(8), &first), Ok(true));
    assert_eq!((a.timeout(), b.timeout()), (Some(at(10)), Some(at(18))));
    a.on_timeout(at(10));
    assert_eq!((fate(&a, id), a.sender.buffered()), (MessageFate::Dropped, 0));
    let told = packet(&mut a, at(10));
    assert_eq!(names(&told), ["MESSAGE_DROPPED"]);
    assert!(!a.wants());
    tell(&mut a, Fate::Lost, &first);
    assert!(!a.wants(), "it is not sent again");
    tell(&mut a, Fate::Lost, &told);
    let again = packet(&mut a, at(11));
    assert_eq!(names(&again), ["MESSAGE_DROPPED"]);
    assert_eq!(give(&mut b, at(12), &again), Ok(true));
    assert_eq!((b.timeout(), b.receive(at(12))), (None, None));
    tell(&mut a, Fate::Acknowledged, &again);
    assert!(a.sender.is_empty());
    assert_eq!(a.closing().map(|outcome| outcome.is_received()), Some(true));
}

// spec: 7.5.3
#[test]
fn nothing_is_told_of_a_message_that_was_never_begun_or_is_all_acknowledged() {
    let (mut a, _) = pair();
    let never = send(&mut a, at(0), b"x", SendMode::Deadline(MS));
    assert!(packet_of(&mut a, at(1), 1_000).is_none());
    assert_eq!((fate(&a, never), a.closing()), (MessageFate::Dropped, None));
    let sent = send(&mut a, at(2), b"x", SendMode::Deadline(MS));
    let packet = packet(&mut a, at(2));
    a.on_timeout(at(3));
    assert_eq!(fate(&a, sent), MessageFate::Waiting, "that it came can still be known");
    tell(&mut a, Fate::Acknowledged, &packet);
    assert_eq!((fate(&a, sent), a.wants()), (MessageFate::Received, false));
    assert!(a.sender.is_empty());
}

// spec: 7.5.4, 8.2
#[test]
fn datagrams_are_last_and_never_sent_again() {
    let (mut a, mut b) = pair();
    let id = send(&mut a, at(0), &[9; 100], SendMode::Unreliable);
    send(&mut a, at(0), &[1; 2_000], SendMode::Reliable);
    let first = packet(&mut a, at(0));
    assert_eq!(names(&first), ["MESSAGE", "DATAGRAM"]);
    assert_eq!(first.frames.len(), 1_000);
    tell(&mut a, Fate::Lost, &first);
    assert_eq!(fate(&a, id), MessageFate::Lost);
    tell(&mut a, Fate::Acknowledged, &first);
    assert_eq!(fate(&a, id), MessageFate::Received, "it was late");
    let large = send(&mut a, at(0), &[9; 999], SendMode::Unreliable);
    let next = packet_of(&mut a, at(0), 900).unwrap();
    assert_eq!(names(&next), ["MESSAGE"], "it waits for a packet that it fits in");
    assert_eq!(names(&packet(&mut a, at(0))), ["DATAGRAM"]);
    assert_eq!(fate(&a, large), MessageFate::Waiting);
    let too_large = a.send(at(0), Bytes::from(vec![0; 1_000]), SendMode::Unreliable, false);
    assert_eq!(too_large, Err(SendError::TooLarge { max: 999 }));
    let shrunk = send(&mut a, at(0), &[9; 999], SendMode::Unreliable);
    a.set_packet_room(500);
    settle(at(0), &mut a, &mut b);
    assert_eq!((fate(&a, shrunk), a.datagrams.bytes()), (MessageFate::Lost, 0));
}

#[test]
fn large_datagrams_and_pieces_take_turns() {
    let (mut a, _) = pair_of(Config { send_datagrams: 9_999, ..config() }, config());
    send(&mut a, at(0), &[1; 2_500], SendMode::Reliable);
    for _ in 0..3 {
        a.send(at(0), Bytes::from(vec![2; 980]), SendMode::Unreliable, false).unwrap();
    }
    let packets: Vec<_> = (0..6).map(|_| names(&packet(&mut a, at(0)))).collect();
    assert_eq!(packets.concat(), ["DATAGRAM", "MESSAGE"].repeat(3));
}

#[test]
fn tiny_pieces_are_not_begun_at_the_end_of_a_packet() {
    let (mut a, _) = pair();
    send(&mut a, at(0), &[1; 950], SendMode::Reliable);
    send(&mut a, at(0), &[2; 950], SendMode::Reliable);
    assert_eq!(names(&packet(&mut a, at(0))), ["MESSAGE"]);
    assert_eq!(packet(&mut a, at(0)).tokens, [Token::Message { number: 1, offset: 0, len: 950 }]);
}

// spec: 8.2
#[test]
fn a_lost_limit_is_told_anew_with_its_newest_value() {
    let (mut a, mut b) = pair();
    let give_and_read = |a: &mut Messages, b: &mut Messages| {
        send(a, at(0), &[1; 2_500], SendMode::Reliable);
        while let Some(packet) = packet_of(a, at(0), 1_000) {
            give(b, at(0), &packet).unwrap();
            tell(a, Fate::Acknowledged, &packet);
        }
        assert_eq!(received(b, at(0)).len(), 1);
        packet(b, at(0))
    };
    let first = give_and_read(&mut a, &mut b);
    assert_eq!(first.tokens, [Token::MaxMessageData]);
    assert_eq!(give(&mut a, at(0), &first), Ok(true));
    let second = give_and_read(&mut a, &mut b);
    tell(&mut b, Fate::Lost, &second);
    assert_eq!(packet(&mut b, at(0)).frames, second.frames);
}

/// The data of one class that go into a packet.
fn data_of(from: &mut Messages, turn: (Priority, bool)) -> Vec<Token> {
    let (mut frames, mut tokens) = (vec![0; 1_000], Vec::new());
    let mut draft = Draft::new(&mut frames, &mut tokens);
    from.write_data(at(0), turn, &mut draft);
    tokens
}

#[test]
fn a_large_message_does_not_starve_behind_small_ones_of_a_lower_class() {
    let (mut a, mut b) = pair_of(Config { send_buffer: 9_999, ..config() }, config());
    let send = |a: &mut Messages, len, priority| {
        let how = (SendMode::Reliable, priority);
        a.send_with(at(0), Bytes::from(vec![1; len]), how, true).unwrap()
    };
    send(&mut a, 2_500, Priority::Background);
    while let Some(packet) = packet_of(&mut a, at(0), 1_000) {
        assert_eq!(give(&mut b, at(0), &packet), Ok(true));
        tell(&mut a, Fate::Acknowledged, &packet);
    }
    send(&mut a, 100, Priority::Background);
    let [first] = data_of(&mut a, (Priority::Background, false))[..] else { panic!("one") };
    // That one fits no more, and keeps the rest of the limit for itself.
    let large = send(&mut a, 2_900, Priority::Normal);
    let small = send(&mut a, 100, Priority::Background);
    assert!(!a.wants() && packet_of(&mut a, at(0), 1_000).is_none());
    assert_eq!(data_of(&mut a, (Priority::Background, false)), []);
    // What was begun goes on, and a class that has its turn before higher ones does as well.
    a.on_fate(Fate::Lost, first);
    assert!(a.wants());
    assert_eq!(data_of(&mut a, (Priority::Background, false)), [first]);
    let turn = data_of(&mut a, (Priority::Background, true));
    assert!(matches!(turn[..], [Token::Message { number: 2, .. }]), "{turn:?}");
    assert_eq!(fate(&a, small), MessageFate::Waiting);
    assert_eq!(received(&mut b, at(0)).len(), 1);
    let limit = packet(&mut b, at(0));
    assert_eq!(give(&mut a, at(0), &limit), Ok(true));
    let next = packet(&mut a, at(0)).tokens;
    assert!(matches!(next[..], [Token::Message { number: 3, .. }]), "{next:?} of {large}");
}

#[test]
fn each_class_is_written_by_itself_and_datagrams_behind_the_usual_one() {
    let (mut a, _) = pair();
    for (len, mode, priority) in [
        (1, SendMode::Reliable, Priority::Background),
        (2, SendMode::Unreliable, Priority::Normal),
        (3, SendMode::Ordered, Priority::Urgent),
        (4, SendMode::Reliable, Priority::Urgent),
    ] {
        a.send_with(at(0), Bytes::from(vec![1; len]), (mode, priority), false).unwrap();
    }
    assert_eq!(Priority::ALL.map(|class| a.has_data(class)), [true; 3]);
    let lens = |tokens: Vec<Token>| -> Vec<_> {
        let len = |token: &Token| match token {
            Token::Message { len, .. } => *len,
            _ => 0,
        };
        tokens.iter().map(len).collect()
    };
    assert_eq!(lens(data_of(&mut a, (Priority::Background, true))), [1]);
    assert_eq!(lens(data_of(&mut a, (Priority::Urgent, true))), [4]);
    assert_eq!(lens(data_of(&mut a, (Priority::Normal, true))), [3, 0]);
    assert_eq!(Priority::ALL.map(|class| a.has_data(class)), [false; 3]);
}
