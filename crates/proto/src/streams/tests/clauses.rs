//! The clauses of docs/PROTOCOL.md, one by one.

use rudp_wire::frame::{Control, Receipt, Stream};

use super::*;

fn put(node: &mut Node, stream: u64, offset: u64, len: usize, end: bool) -> Result<bool, Code> {
    let data = &bytes(stream, offset, len);
    node.frame(&Frame::Stream(Stream { stream, offset, end, data }))
}

fn control(node: &mut Node, control: Control) -> Result<bool, Code> {
    node.frame(&Frame::Control(control))
}

fn server() -> Node {
    let mut node = pair(&config(1_000)).1;
    node.events();
    node
}

// spec: 7.4.1, 7.4.2, 7.4.9
#[test]
fn opening_a_stream_opens_all_lower_ones_of_its_kind() {
    let mut node = server();
    assert_eq!(node.streams.read(0, &mut [0; 9]), Ok(Read::Blocked), "stream 0 is open");
    assert_eq!(put(&mut node, 12, 0, 0, false), Ok(true));
    assert_eq!(node.events(), [StreamEvent::Opened]);
    let all: Vec<_> = core::iter::from_fn(|| node.streams.accept()).collect();
    assert_eq!(all, [4, 8, 12].map(|stream| (stream, Direction::Bidirectional)));
    assert_eq!(put(&mut node, 16, 0, 1, false), Ok(true), "four besides stream 0");
    assert_eq!(put(&mut node, 20, 0, 1, false), Err(Code::STREAM_LIMIT_ERROR));
    assert_eq!(put(&mut node, 10, 0, 1, false), Err(Code::STREAM_LIMIT_ERROR));
}

// spec: 7.4.3
#[test]
fn nobody_sends_or_takes_more_than_the_limits() {
    let (mut client, mut server) = pair(&Config { max_window: 1_000, ..config(1_000) });
    let other = client.streams.open(Direction::Bidirectional).unwrap();
    assert_eq!(client.streams.write(0, &bytes(0, 0, 700)), Ok(700));
    assert_eq!(client.streams.write(other, &bytes(other, 0, 700)), Ok(700));
    exchange(&mut client, &mut server);
    let read = server.read_all(0, 0).0 + server.read_all(other, 0).0;
    assert_eq!(read, 1_000, "of both streams, the limit of the session");
    exchange(&mut client, &mut server);
    assert_eq!(server.received_total(), 1_400);

    for (stream, offset) in [(4, 1_000), (0, 1_001)] {
        let mut node = self::server();
        assert_eq!(put(&mut node, stream, offset, 1, false), Err(Code::FLOW_CONTROL_ERROR));
    }
    let mut node = self::server();
    assert_eq!(put(&mut node, 0, 599, 1, false), Ok(true));
    assert_eq!(put(&mut node, 4, 400, 1, false), Err(Code::FLOW_CONTROL_ERROR), "of the session");
}

impl Node {
    fn received_total(&self) -> u64 {
        self.streams.received
    }
}

// spec: 7.4.4, 7.4.9
#[test]
fn a_stream_has_one_end() {
    let reset = |final_size| Control::ResetStream { stream: 0, code: Code(300), final_size };
    for (offset, len, end) in [(10, 1, false), (0, 9, true), (0, 11, true)] {
        let mut node = server();
        assert_eq!(put(&mut node, 0, 5, 5, true), Ok(true));
        assert_eq!(put(&mut node, 0, offset, len, end), Err(Code::FINAL_SIZE_ERROR));
        assert_eq!(control(&mut node, reset(9)), Err(Code::FINAL_SIZE_ERROR));
    }
    let mut node = server();
    put(&mut node, 0, 5, 5, false).unwrap();
    assert_eq!(put(&mut node, 0, 0, 9, true), Err(Code::FINAL_SIZE_ERROR));
    // With the same size, and everything here, a reset is ignored.
    let mut node = server();
    put(&mut node, 0, 0, 10, true).unwrap();
    assert_eq!(control(&mut node, reset(10)), Ok(true));
    assert_eq!(node.read_all(0, 0), (10, true));
    // Else it discards what is here.
    let mut node = server();
    put(&mut node, 0, 5, 5, true).unwrap();
    assert_eq!(control(&mut node, reset(10)), Ok(true));
    assert_eq!(node.streams.read(0, &mut [0; 9]), Ok(Read::Reset(Code(300))));
    assert_eq!(node.streams.read(0, &mut [0; 9]), Ok(Read::Reset(Code(300))), "again");
}

// spec: 7.4.5
#[test]
fn a_reset_counts_its_final_size_and_gives_the_credit_back() {
    let mut node = server();
    let reset = Control::ResetStream { stream: 4, code: Code(300), final_size: 900 };
    assert_eq!(control(&mut node, reset), Ok(true));
    assert_eq!(node.received_total(), 900);
    let packet = node.packet(100).expect("a new limit");
    let limit = Control::MaxData { limit: 1_900 };
    let first = Frames::new(&packet.bytes).next();
    assert_eq!(first, Some(Ok(Frame::Control(limit))));
    let beyond = Control::ResetStream { stream: 8, code: Code(300), final_size: 1_001 };
    assert_eq!(control(&mut node, beyond), Err(Code::FLOW_CONTROL_ERROR));
}

// spec: 7.4.6
#[test]
fn more_pieces_than_are_kept_are_refused_and_change_nothing() {
    let config = Config { receive_floor: 1 << 20, ..config(10_000) };
    let mut node = pair(&config).1;
    node.streams.poll_event();
    for piece in 0..1_024 {
        assert_eq!(put(&mut node, 0, 1 + 2 * piece, 1, false), Ok(true), "piece {piece}");
    }
    let (received, memory) = (node.received_total(), node.streams.receive_memory());
    assert_eq!(put(&mut node, 0, 3_000, 1, false), Ok(false));
    assert_eq!((node.received_total(), node.streams.receive_memory()), (received, memory));
    // What closes the gaps is always taken.
    assert_eq!(put(&mut node, 0, 0, 1_000, false), Ok(true));
    assert_eq!(put(&mut node, 0, 1_000, 1_050, false), Ok(true));
    assert_eq!(node.read_all(0, 0), (2_050, false));
}

// spec: 7.4.7
#[test]
fn frames_for_the_wrong_streams_are_state_errors() {
    let receipt = |stream| {
        let (received, read) = (0, 0);
        let (all_received, all_read, is_final) = (false, false, false);
        Frame::Receipt(Receipt { stream, received, read, all_received, all_read, is_final })
    };
    let code = Code(300);
    // Number 3 is what the server alone writes to, 2 what the client does, 1 the server would open.
    for stream in [3, 1] {
        for frame in [
            Frame::Stream(Stream { stream, offset: 0, end: false, data: b"x" }),
            Frame::Control(Control::ResetStream { stream, code, final_size: 0 }),
            Frame::Control(Control::StreamDataBlocked { stream, limit: 0 }),
            Frame::Control(Control::ReceiptRequest { stream, offset: 0 }),
        ] {
            assert_eq!(server().frame(&frame), Err(Code::STREAM_STATE_ERROR), "{frame:?}");
        }
    }
    for stream in [2, 1] {
        for frame in [
            Frame::Control(Control::StopSending { stream, code }),
            Frame::Control(Control::MaxStreamData { stream, limit: 0 }),
            receipt(stream),
        ] {
            assert_eq!(server().frame(&frame), Err(Code::STREAM_STATE_ERROR), "{frame:?}");
        }
    }
    let limit = rudp_wire::frame::MAX_STREAMS + 1;
    let blocked = Control::StreamsBlocked { direction: Direction::Bidirectional, limit };
    assert!(server().streams.on_control(&blocked) == Err(Code::FRAME_ERROR));
    for frame in [
        Frame::Control(Control::ReceiptRequest { stream: 8, offset: 5 }),
        Frame::Control(Control::MaxStreamData { stream: 8, limit: 5 }),
        receipt(8),
    ] {
        let mut node = server();
        assert_eq!(node.frame(&frame), Ok(true));
        assert_eq!(node.events(), [StreamEvent::Opened], "{frame:?}");
    }
}

// spec: 7.4.8
#[test]
fn streams_that_are_over_are_forgotten_and_make_room_for_others() {
    let (mut client, mut server) = pair(&config(1_000));
    for turn in 0..50 {
        let stream = client.streams.open(Direction::Unidirectional).expect("there is room again");
        client.streams.write(stream, &bytes(stream, 0, 10)).unwrap();
        client.streams.finish(stream).unwrap();
        exchange(&mut client, &mut server);
        assert_eq!(server.streams.accept().map(|(stream, _)| stream), Some(stream));
        assert_eq!(server.read_all(stream, 0), (10, true));
        exchange(&mut client, &mut server);
        client.events();
        server.events();
        assert!(client.streams.records.len() == 0 && server.streams.records.len() == 0, "{turn}");
        assert_eq!(put(&mut server, stream, 700, 9, true), Ok(true), "late frames are ignored");
    }
}

// spec: 7.4.9, 8.2
#[test]
fn a_stop_is_answered_with_a_reset_of_the_same_code_until_acknowledged() {
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 100)).unwrap();
    exchange(&mut client, &mut server);
    server.streams.stop(0, Code(300)).unwrap();
    let stop = server.packet(100).unwrap();
    server.fate(Fate::Lost, &stop);
    carry(&mut server, &mut client);
    assert_eq!(client.streams.write(0, b"x"), Err(WriteError::Stopped(Code(300))));
    let events = client.events();
    assert!(events.contains(&StreamEvent::Stopped(0, Code(300))), "{events:?}");
    let reset = client.packet(100).unwrap();
    assert_eq!(reset.tokens, [Token::ResetStream { stream: 0 }]);
    server.take(&reset.bytes).unwrap();
    client.fate(Fate::Acknowledged, &reset);
    exchange(&mut client, &mut server);
    assert_eq!(client.streams.write(0, b"x"), Err(WriteError::Ended), "it is forgotten");
    // Not where everything was acknowledged.
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 100)).unwrap();
    client.streams.finish(0).unwrap();
    exchange(&mut client, &mut server);
    assert_eq!(control(&mut client, Control::StopSending { stream: 0, code: Code(300) }), Ok(true));
    assert!(!client.streams.wants());
}

// spec: 7.4.9
#[test]
fn after_a_reset_nothing_is_sent_again() {
    let (mut client, _) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 100)).unwrap();
    let packet = client.packet(60).unwrap();
    client.streams.reset(0, Code(300)).unwrap();
    client.fate(Fate::Lost, &packet);
    let reset = client.packet(60).unwrap();
    assert_eq!(reset.tokens, [Token::ResetStream { stream: 0 }]);
    client.fate(Fate::Lost, &reset);
    assert_eq!(client.packet(60).unwrap().tokens, [Token::ResetStream { stream: 0 }]);
    assert!(client.packet(60).is_none());
}

// spec: 8.2
#[test]
fn lost_things_are_sent_again_and_spurious_losses_are_not() {
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 300)).unwrap();
    let packets: Vec<_> = core::iter::from_fn(|| client.packet(110)).collect();
    assert!(packets.len() >= 3);
    for packet in &packets {
        client.fate(Fate::Lost, packet);
    }
    client.fate(Fate::Acknowledged, &packets[0]);
    let again = client.packet(110).unwrap();
    assert_eq!(again.tokens[0], packets[1].tokens[0], "what came is not sent again");
    // The newest value of a limit.
    server.take(&packets[0].bytes).unwrap();
    put(&mut server, 0, 0, 400, false).unwrap();
    server.read_all(0, 0);
    let first = server.packet(100).unwrap();
    put(&mut server, 0, 400, 300, false).unwrap();
    server.read_all(0, 400);
    server.fate(Fate::Lost, &first);
    let next = server.packet(100).unwrap();
    let is_newest = |frame| matches!(frame, Ok(Frame::Control(Control::MaxData { limit: 1_700 })));
    assert!(Frames::new(&next.bytes).any(is_newest));
}

// spec: 8.2
#[test]
fn being_blocked_is_told_once_and_again_if_that_was_lost() {
    let (mut client, _) = pair(&config(100));
    client.streams.write(0, &bytes(0, 0, 200)).unwrap();
    let mut tokens = Vec::new();
    while let Some(packet) = client.packet(400) {
        tokens.extend(packet.tokens.clone());
    }
    assert!(tokens.contains(&Token::StreamDataBlocked { stream: 0 }), "{tokens:?}");
    client.streams.on_fate(Fate::Lost, Token::StreamDataBlocked { stream: 0 });
    assert!(client.packet(400).is_some());
    control(&mut client, Control::MaxStreamData { stream: 0, limit: 150 }).unwrap();
    control(&mut client, Control::MaxData { limit: 400 }).unwrap();
    client.streams.on_fate(Fate::Lost, Token::DataBlocked);
    let packets: Vec<_> = core::iter::from_fn(|| client.packet(400)).collect();
    let tokens: Vec<_> = packets.iter().flat_map(|packet| &packet.tokens).collect();
    assert!(tokens.contains(&&Token::StreamDataBlocked { stream: 0 }), "{tokens:?}");
    assert!(!tokens.contains(&&Token::DataBlocked), "that is over: {tokens:?}");
    for _ in 0..4 {
        client.streams.open(Direction::Bidirectional).unwrap();
    }
    assert_eq!(client.streams.open(Direction::Bidirectional), Err(Blocked));
    let direction = Direction::Bidirectional;
    assert_eq!(client.packet(50).unwrap().tokens, [Token::StreamsBlocked { direction }]);
}

// spec: 7.2
#[test]
fn a_limit_that_the_peer_does_not_know_is_told_again() {
    let (_, mut server) = pair(&config(1_000));
    let due = |server: &mut Node| {
        let mut limits = Vec::new();
        while let Some(packet) = server.packet(100) {
            limits.extend(Frames::new(&packet.bytes).filter_map(|frame| match frame {
                Ok(Frame::Control(Control::MaxData { limit })) => Some((None, limit)),
                Ok(Frame::Control(Control::MaxStreamData { stream, limit })) => {
                    Some((Some(stream), limit))
                }
                _ => None,
            }));
        }
        limits
    };
    put(&mut server, 0, 0, 400, false).unwrap();
    server.read_all(0, 0);
    let told = due(&mut server);
    assert_eq!(told, [(None, 1_400), (Some(0), 1_400)]);
    for limit in [1_000, 1_400] {
        control(&mut server, Control::DataBlocked { limit }).unwrap();
        control(&mut server, Control::StreamDataBlocked { stream: 0, limit }).unwrap();
        let is_known = limit == 1_400;
        assert_eq!(due(&mut server), if is_known { vec![] } else { told.clone() });
    }
    // Nobody needs room behind the end.
    put(&mut server, 0, 400, 100, true).unwrap();
    control(&mut server, Control::StreamDataBlocked { stream: 0, limit: 1_000 }).unwrap();
    assert_eq!(due(&mut server), []);
    // A stream that is blocked before it has begun takes no memory.
    control(&mut server, Control::StreamDataBlocked { stream: 4, limit: 0 }).unwrap();
    assert!(!server.streams.records.contains(4));
    assert_eq!(due(&mut server), []);
}

// spec: 7.6.1, 7.6.2
#[test]
fn receipts_say_what_was_read_or_confirmed_and_no_more() {
    let (mut client, mut server) = pair(&config(1_000));
    server.streams.set_manual_confirm(0).unwrap();
    client.streams.write(0, &bytes(0, 0, 100)).unwrap();
    client.streams.request_receipt(0).unwrap();
    exchange(&mut client, &mut server);
    let known = |node: &Node| node.streams.receipt(0).map(|r| (r.received, r.read, r.all_read));
    assert_eq!(known(&client), Some((100, 0, false)));
    server.streams.confirm(0, 100).unwrap();
    server.read_all(0, 0);
    exchange(&mut client, &mut server);
    assert_eq!(known(&client), Some((100, 0, false)), "nothing was confirmed after it was read");
    server.streams.confirm(0, 5_000).unwrap();
    exchange(&mut client, &mut server);
    assert_eq!(known(&client), Some((100, 100, false)));
    client.streams.finish(0).unwrap();
    exchange(&mut client, &mut server);
    assert_eq!(known(&client), Some((100, 100, true)));
    assert!(client.events().contains(&StreamEvent::ReceiptChanged(0)));
}

// spec: 7.6.1
#[test]
fn receipts_for_what_was_not_sent_are_violations() {
    let claim = |received, read, all_received| Receipt {
        stream: 0,
        received,
        read,
        all_received,
        all_read: false,
        is_final: false,
    };
    for (received, all_received) in [(101, false), (100, true)] {
        let (mut client, _) = pair(&config(1_000));
        client.streams.write(0, &bytes(0, 0, 100)).unwrap();
        while client.packet(120).is_some() {}
        let receipt = Frame::Receipt(claim(received, 0, all_received));
        assert_eq!(client.frame(&receipt), Err(Code::PROTOCOL_VIOLATION));
    }
    let (mut client, _) = pair(&config(1_000));
    let receipt = Frame::Receipt(claim(1, 0, false));
    assert_eq!(client.frame(&receipt), Err(Code::PROTOCOL_VIOLATION), "nothing was ever sent");
}

// spec: 7.6.3
#[test]
fn giving_up_reading_tells_so_at_once_and_discards_what_comes() {
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 300)).unwrap();
    exchange(&mut client, &mut server);
    let mut out = [0; 50];
    server.streams.read(0, &mut out).unwrap();
    server.streams.stop(0, Code(300)).unwrap();
    assert_eq!(server.streams.receive_pool.used(), 0);
    let packet = server.packet(100).unwrap();
    let values = Token::Receipt { stream: 0, received: 300, read: 50, bits: 4 };
    assert!(packet.tokens.contains(&values), "{:?}", packet.tokens);
    put(&mut server, 0, 300, 100, false).unwrap();
    assert_eq!(server.streams.receive_pool.used(), 0);
    // Alone it is a STOP_SENDING with code 0.
    let receipt = Receipt {
        stream: 0,
        received: 300,
        read: 50,
        all_received: false,
        all_read: false,
        is_final: true,
    };
    client.streams.write(0, b"more").unwrap();
    assert_eq!(client.frame(&Frame::Receipt(receipt)), Ok(true));
    assert!(client.events().contains(&StreamEvent::Stopped(0, Code::NO_ERROR)));
}

// spec: 7.6.4
#[test]
fn an_end_without_data_counts_as_read() {
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.finish(0).unwrap();
    exchange(&mut client, &mut server);
    let delivered = Closing { pending: 0, outcome: Outcome::Delivered };
    assert_eq!(client.streams.closing(), delivered);
    assert_eq!(server.streams.read(0, &mut [0; 9]), Ok(Read::Bytes { len: 0, end: true }));
    assert_eq!(server.streams.closing(), delivered, "nothing was written: it does not exist");
}

#[test]
fn streams_take_turns() {
    let (mut client, _) = pair(&config(10_000));
    let streams = [0, 4, 8];
    for stream in streams {
        if stream > 0 {
            assert_eq!(client.streams.open(Direction::Bidirectional), Ok(stream));
        }
        client.streams.write(stream, &bytes(stream, 0, 1_000)).unwrap();
    }
    let turns: Vec<_> = core::iter::from_fn(|| client.packet(100)).take(9).collect();
    for (turn, packet) in turns.iter().enumerate() {
        let Token::Stream { stream, .. } = packet.tokens[0] else { panic!("{packet:?}") };
        assert_eq!(stream, streams[turn % 3]);
    }
}

#[test]
fn data_go_with_their_class_and_what_was_lost_before_what_is_new() {
    let write = |client: &mut Node, class| {
        let (mut buffer, mut tokens) = ([0; 100], Vec::new());
        let mut draft = Draft::new(&mut buffer, &mut tokens);
        client.streams.write_data(class, &mut draft);
        tokens
    };
    let (mut client, _) = pair(&config(10_000));
    assert_eq!(client.streams.open(Direction::Bidirectional), Ok(4));
    client.streams.set_priority(4, Priority::Background).unwrap();
    for stream in [0, 4] {
        client.streams.write(stream, &bytes(stream, 0, 1_000)).unwrap();
    }
    let lost = write(&mut client, Priority::Background);
    assert!(matches!(lost[..], [Token::Stream { stream: 4, offset: 0, .. }]), "{lost:?}");
    client.streams.on_fate(Fate::Lost, lost[0]);
    let other = write(&mut client, Priority::Normal);
    assert!(matches!(other[..], [Token::Stream { stream: 0, offset: 0, .. }]), "{other:?}");
    // What is listed moves with its stream.
    client.streams.set_priority(4, Priority::Urgent).unwrap();
    let has_data = Priority::ALL.map(|class| client.streams.has_data(class));
    assert_eq!(has_data, [true, true, false]);
    assert_eq!(write(&mut client, Priority::Background), []);
    assert_eq!(write(&mut client, Priority::Urgent), lost);
    let new = write(&mut client, Priority::Urgent);
    assert!(matches!(new[..], [Token::Stream { stream: 4, offset: 90.., .. }]), "{new:?}");
}

#[test]
fn packets_of_a_busy_stream_land_in_place() {
    let config = config(100_000);
    let sizes = Sizes { least: 1 << 10, most: 1 << 14 };
    let (mut client, mut server) =
        pair(&Config { send_chunks: sizes, receive_chunks: sizes, ..config });
    let mut read = 0;
    for turn in 0..10 {
        client.streams.write(0, &bytes(0, turn * 9_000, 9_000)).unwrap();
        exchange(&mut client, &mut server);
        read = server.read_all(0, read).0;
    }
    assert_eq!(read, 90_000);
    assert!(server.landed > 600, "{} packets landed", server.landed);
}
