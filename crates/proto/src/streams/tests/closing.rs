//! The end of connections as streams see it.

use super::*;

/// A client that has written 100 bytes and closes, to a server that has read so many of them.
fn half_way(read: usize) -> (Node, Node) {
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 100)).unwrap();
    client.streams.finish_all();
    exchange(&mut client, &mut server);
    server.streams.read(0, &mut vec![0; read]).unwrap();
    (client, server)
}

// spec: 9.2.1, 9.2.5
#[test]
fn a_close_waits_for_the_last_receipt() {
    let (mut client, mut server) = half_way(99);
    exchange(&mut client, &mut server);
    assert_eq!(client.streams.closing(), Closing { pending: 1, outcome: Outcome::Received });
    assert_eq!(client.streams.certain().next().map(|certain| certain.received), Some(100));
    server.read_all_from(99);
    exchange(&mut client, &mut server);
    assert_eq!(client.streams.closing(), Closing { pending: 0, outcome: Outcome::Delivered });
    assert_eq!(client.streams.certain().count(), 0);
}

impl Node {
    fn read_all_from(&mut self, at: u64) {
        assert_eq!(self.read_all(0, at), (100, true));
    }
}

// spec: 9.2.5
#[test]
fn what_was_not_acknowledged_is_unknown() {
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 100)).unwrap();
    client.streams.finish_all();
    let first = client.packet(60).unwrap();
    server.take(&first.bytes).unwrap();
    client.fate(Fate::Acknowledged, &first);
    assert_eq!(client.streams.closing(), Closing { pending: 1, outcome: Outcome::Unknown });
    let certain: Vec<_> = client.streams.certain().collect();
    let [Certain { stream: 0, written: 100, received, read: 0 }] = certain[..] else {
        panic!("{certain:?}");
    };
    assert!(received > 0 && received < 100);
}

// spec: 7.6.3, 9.2.1, 9.2.5
#[test]
fn final_receipts_end_the_wait_and_are_remembered_when_their_stream_is_gone() {
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 100)).unwrap();
    exchange(&mut client, &mut server);
    server.streams.read(0, &mut [0; 30]).unwrap();
    server.streams.give_up_reading();
    exchange(&mut server, &mut client);
    client.events();
    server.events();
    assert!(client.streams.records.get(0).is_none_or(|record| !record.is_forgettable()));
    let closing = client.streams.closing();
    assert_eq!((closing.pending, closing.outcome), (0, Outcome::Unknown));
    let certain = Certain { stream: 0, written: 100, received: 100, read: 30 };
    assert_eq!(client.streams.certain().collect::<Vec<_>>(), [certain]);
    // What comes on a new stream is discarded as well.
    let stream = client.streams.open(Direction::Unidirectional).unwrap();
    client.streams.write(stream, b"hello").unwrap();
    exchange(&mut client, &mut server);
    assert_eq!(server.streams.receive_pool.used(), 0);
    assert_eq!(server.streams.poll_event(), None);
}

// spec: 9.2.1, 9.2.3
#[test]
fn a_close_carries_the_receipts_that_nobody_has_acknowledged() {
    let (mut client, mut server) = pair(&config(1_000));
    let other = client.streams.open(Direction::Bidirectional).unwrap();
    for stream in [other, 0] {
        client.streams.write(stream, &bytes(stream, 0, 50)).unwrap();
        client.streams.finish(stream).unwrap();
    }
    exchange(&mut client, &mut server);
    server.read_all(0, 0);
    assert_eq!(server.read_all(other, 0), (50, true));
    let told = server.streams.receipts_to_tell();
    assert_eq!(told.clone().map(|receipt| receipt.stream).collect::<Vec<_>>(), [0, other]);
    let told: Vec<_> = told.collect();
    assert!(told.iter().all(|receipt| receipt.all_read && receipt.read == 50));
    for receipt in &told {
        assert_eq!(client.streams.on_receipt(receipt), Ok(()));
        server.streams.on_fate(Fate::Acknowledged, receipt_token(receipt));
    }
    assert_eq!(server.streams.receipts_to_tell().count(), 0);
    assert_eq!(client.streams.closing().outcome, Outcome::Delivered);
    assert!(!server.streams.control.is_empty() || !server.streams.wants());
}

// spec: 9.2.2
#[test]
fn in_closing_only_receipts_are_sent() {
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 600)).unwrap();
    exchange(&mut client, &mut server);
    server.streams.write(0, &bytes(0, 0, 600)).unwrap();
    server.streams.stop(0, Code(300)).unwrap();
    server.streams.enter_closing();
    assert!(server.streams.wants());
    let packet = server.packet(200).unwrap();
    let values = Token::Receipt { stream: 0, received: 600, read: 0, bits: 4 };
    assert_eq!(packet.tokens, [values]);
    assert!(server.packet(200).is_none() && !server.streams.wants());
    server.fate(Fate::Lost, &packet);
    assert_eq!(server.packet(200).unwrap().tokens, [values]);
}

// spec: 9.2.3
#[test]
fn what_had_arrived_before_a_close_stays_readable() {
    let (mut client, mut server) = pair(&config(1_000));
    client.streams.write(0, &bytes(0, 0, 100)).unwrap();
    exchange(&mut client, &mut server);
    server.streams.enter_closing();
    assert_eq!(server.read_all(0, 0), (100, false));
}
