//! The blocking API over loopback: data, streams, messages, timeouts.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of what stands above the line"
)]

mod common;

use std::io::{self, Read as _, Write as _};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use common::{LONG, Pair, pair, pair_at, pattern, receive_all};
use rudp::{
    Closed, Config, Endpoint, ErrorKind, Mode, Origin, Priority, Profile, ReliableServer,
    ReliableSocket, Trust, Until,
};

#[test]
fn the_two_programs_of_the_textbook() {
    let mut server = ReliableServer::new("127.0.0.1", 0).unwrap();
    server.listen().unwrap();
    server.listen().unwrap();
    let port = server.local_addr().port();
    let client = thread::spawn(move || {
        let mut socket = ReliableSocket::new("127.0.0.1", port).unwrap();
        socket.connect().unwrap();
        socket.send("hello").unwrap();
        assert_eq!(socket.receive(1024).unwrap(), b"message received");
        let closed = socket.close();
        assert!(closed.is_delivered(), "{closed}");
    });
    let connection = server.accept().unwrap();
    assert_eq!(connection.receive(1024).unwrap(), b"hello");
    connection.send("message received").unwrap();
    // Neither looks for the end behind what it has read.
    let closed = connection.close();
    assert!(closed.is_delivered(), "{closed}");
    client.join().unwrap();
    server.shutdown().unwrap();
}

#[test]
fn much_data_passes_in_both_directions_at_once() {
    let Pair { server, client, .. } = pair();
    let data = pattern(3 << 20);
    thread::scope(|scope| {
        for session in [&server, &client] {
            let data = &data;
            scope.spawn(move || {
                session.send(data).unwrap();
                session.finish().unwrap();
                session.finish().unwrap();
            });
            scope.spawn(move || assert!(receive_all(session) == *data));
        }
    });
}

#[test]
fn data_pass_without_a_copy_in_pieces_of_any_size() {
    let Pair { server, client, .. } = pair();
    let data = Bytes::from(pattern(3 << 20));
    thread::scope(|scope| {
        scope.spawn(|| {
            // Both ways by turns, below and above what is worth it.
            for (n, piece) in (0..).zip([1, 700, 9_000, 100_000, 300_000].iter().cycle()) {
                let at = n / 5 * 409_701 + [0, 1, 701, 9_701, 109_701][n % 5];
                let upto = (at + piece).min(data.len());
                if at >= upto {
                    break;
                }
                if n % 3 == 0 {
                    client.send(&data[at..upto]).unwrap();
                } else {
                    client.send_bytes(data.slice(at..upto)).unwrap();
                }
            }
            client.finish().unwrap();
        });
        let (mut got, mut kept) = (Vec::new(), Vec::new());
        loop {
            let piece = server.receive_bytes().unwrap();
            if piece.is_empty() {
                break;
            }
            got.extend_from_slice(&piece);
            // What one keeps stays what it is.
            kept.push(piece);
            let copied = server.receive(100).unwrap();
            got.extend_from_slice(&copied);
            kept.push(copied.into());
        }
        assert!(got == data);
        assert!(kept.concat() == data);
    });
}

#[test]
fn both_families_and_both_profiles_carry_data() {
    let builders: [fn() -> rudp::Builder; 2] = [Endpoint::builder, || Endpoint::builder().plain()];
    for address in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
        for build in builders {
            // What listens everywhere is reached here.
            let address = address.replace("[::]", "[::1]");
            let Pair { server, client, .. } = pair_at(&address, build);
            client.send("ping").unwrap();
            assert_eq!(server.receive(9).unwrap(), b"ping");
            server.send("pong").unwrap();
            assert_eq!(client.receive(9).unwrap(), b"pong");
        }
    }
}

#[test]
fn read_and_write_work_on_references() {
    let Pair { server, client, .. } = pair();
    thread::scope(|scope| {
        scope.spawn(|| {
            io::copy(&mut &server, &mut &server).unwrap();
            server.finish().unwrap();
        });
        (&client).write_all(b"there and back").unwrap();
        client.finish().unwrap();
        let mut back = String::new();
        (&client).read_to_string(&mut back).unwrap();
        assert_eq!(back, "there and back");
    });
}

#[test]
fn calls_that_never_wait_say_so() {
    let Pair { server, client, .. } = pair();
    let mut buffer = [0; 16];
    assert_eq!(server.try_receive(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(server.try_receive_message().unwrap_err().kind(), ErrorKind::WouldBlock);
    client.send("now").unwrap();
    let len = loop {
        match server.try_receive(&mut buffer) {
            Ok(len) => break len,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    };
    assert_eq!(&buffer[..len], b"now");
}

#[test]
fn a_read_timeout_ends_a_wait_and_nothing_else() {
    let Pair { server, client, .. } = pair();
    server.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(server.receive(1).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(server.receive_message().unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(server.accept_stream().unwrap_err().kind(), ErrorKind::TimedOut);
    server.set_read_timeout(Some(LONG)).unwrap();
    client.send("x").unwrap();
    assert_eq!(server.receive(1).unwrap(), b"x");
    assert_eq!(server.receive(0).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_write_timeout_ends_a_wait_for_room() {
    let config = Config { send_buffer: 10_000, ..Config::default() };
    let Pair { server, client, .. } =
        pair_at("127.0.0.1:0", || Endpoint::builder().config(config.clone()));
    client.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
    let error = client.send(pattern(8 << 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(!server.receive(1).unwrap().is_empty());
}

#[test]
fn streams_are_opened_from_both_sides_and_do_not_wait_for_each_other() {
    let Pair { server, client, .. } = pair();
    let streams: Vec<_> = (0..10).map(|_| client.open_stream().unwrap()).collect();
    for stream in streams.iter().rev() {
        stream.send(stream.id().to_string()).unwrap();
        stream.finish().unwrap();
    }
    for _ in &streams {
        let mut stream = server.accept_stream().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, stream.id().to_string());
        stream.write_all(b"seen").unwrap();
    }
    for mut stream in streams {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "seen");
    }
    let own = server.open_uni_stream().unwrap();
    assert!(own.can_write() && !own.can_read());
    assert_eq!(own.receive(1).unwrap_err().kind(), ErrorKind::NoStream);
    own.send("one way").unwrap();
    drop(own);
    let theirs = client.accept_stream().unwrap();
    assert!(theirs.can_read() && !theirs.can_write());
    assert_eq!(theirs.send("x").unwrap_err().kind(), ErrorKind::NoStream);
    assert_eq!(theirs.receive(100).unwrap(), b"one way");
    assert_eq!(theirs.receive(100).unwrap(), b"");
}

#[test]
fn codes_of_reset_and_stop_arrive() {
    let Pair { server, client, .. } = pair();
    let stream = client.open_stream().unwrap();
    stream.send("begun").unwrap();
    let theirs = server.accept_stream().unwrap();
    stream.reset(7).unwrap();
    let error = loop {
        if let Err(error) = theirs.receive(100) {
            break error;
        }
    };
    assert_eq!((error.kind(), error.code()), (ErrorKind::StreamReset, Some(7)));
    let stream = client.open_stream().unwrap();
    stream.send("begun").unwrap();
    server.accept_stream().unwrap().stop(9).unwrap();
    let error = loop {
        if let Err(error) = stream.send("more") {
            break error;
        }
        thread::sleep(Duration::from_millis(1));
    };
    // When the peer has confirmed the end that this caused, the code is forgotten.
    if error.kind() != ErrorKind::Finished {
        assert_eq!((error.kind(), error.code()), (ErrorKind::StreamStopped, Some(9)));
        assert_eq!(error.origin(), Origin::Peer);
    }
}

#[test]
fn messages_of_all_modes_arrive_on_a_good_path() {
    let Pair { server, client, .. } = pair();
    let modes =
        [Mode::Ordered, Mode::Reliable, Mode::Deadline(LONG), Mode::Unreliable, Mode::Ordered];
    for (number, mode) in modes.into_iter().enumerate() {
        let receipt = client.send_message(number.to_string(), mode).unwrap();
        assert_eq!(server.receive_message().unwrap().data, number.to_string());
        receipt.wait(Until::Received, LONG).unwrap();
        let read = receipt.wait(Until::Read, LONG).map_err(|error| error.kind());
        let reliable = matches!(mode, Mode::Ordered | Mode::Reliable);
        assert_eq!(read, if reliable { Ok(()) } else { Err(ErrorKind::InvalidInput) }, "{mode:?}");
    }
    let error = client.send_message(vec![0; 20 << 20], Mode::Reliable).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn priorities_are_set_for_messages_and_streams() {
    let pair = pair_at("127.0.0.1:0", || Endpoint::builder().profile(Profile::Realtime));
    let stream = pair.client.open_stream().unwrap();
    for priority in [Priority::Background, Priority::Normal, Priority::Urgent] {
        stream.set_priority(priority).unwrap();
        stream.send([7; 1_000]).unwrap();
        for mode in [Mode::Ordered, Mode::Reliable] {
            pair.client.send_message_with("a message", mode, priority).unwrap();
        }
    }
    stream.finish().unwrap();
    for _ in 0..6 {
        assert_eq!(pair.server.receive_message().unwrap().data, "a message");
    }
    let reader = pair.server.accept_stream().unwrap();
    let mut all = Vec::new();
    (&reader).read_to_end(&mut all).unwrap();
    assert_eq!(all, [7; 3_000]);
    let own = pair.server.open_uni_stream().unwrap();
    own.send("x").unwrap();
    let theirs = pair.client.accept_stream().unwrap();
    assert_eq!(theirs.set_priority(Priority::Urgent).unwrap_err().kind(), ErrorKind::NoStream);
    assert!(matches!(pair.client.close(), Closed::Delivered));
}

#[test]
fn receipts_tell_received_from_read() {
    let Pair { server, client, .. } = pair();
    client.send("important").unwrap();
    let receipt = client.receipt();
    receipt.wait(Until::Received, LONG).unwrap();
    let early = receipt.wait(Until::Read, Duration::from_millis(50)).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::TimedOut);
    assert_eq!(server.receive(100).unwrap(), b"important");
    receipt.wait(Until::Read, LONG).unwrap();
}

#[test]
fn receipts_of_messages_tell_received_from_read() {
    let Pair { server, client, .. } = pair();
    let receipts: Vec<_> = (0..3).map(|_| client.send_message("m", Mode::Reliable)).collect();
    for receipt in &receipts {
        receipt.as_ref().unwrap().wait(Until::Received, LONG).unwrap();
    }
    let [first, second, third] = [0, 1, 2].map(|number| receipts[number].as_ref().unwrap());
    let early = first.wait(Until::Read, Duration::from_millis(50)).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::TimedOut);
    server.receive_message().unwrap();
    server.receive_message().unwrap();
    // A receipt is sent when all that was asked for is read, and says of the others as well.
    second.wait(Until::Read, Duration::from_millis(50)).unwrap_err();
    server.receive_message().unwrap();
    for receipt in [first, second, third] {
        receipt.wait(Until::Read, LONG).unwrap();
    }
    // More than are tracked one by one.
    let many: Vec<_> = (0..1_500).map(|_| client.send_message("m", Mode::Ordered)).collect();
    let reading = thread::spawn(move || {
        (0..1_500).for_each(|_| drop(server.receive_message().unwrap()));
        server
    });
    many.last().unwrap().as_ref().unwrap().wait(Until::Read, LONG).unwrap();
    let server = reading.join().unwrap();
    let late = client.send_message("m", Mode::Reliable).unwrap();
    late.wait(Until::Received, LONG).unwrap();
    let closing = thread::spawn(move || server.close());
    let error = late.wait(Until::Read, LONG).unwrap_err();
    assert!([ErrorKind::StreamStopped, ErrorKind::Closed].contains(&error.kind()), "{error:?}");
    drop(client);
    let _ = closing.join().unwrap();
}

#[test]
fn what_is_confirmed_by_hand_counts_as_read_only_then() {
    let Pair { server, client, .. } = pair();
    let stream = server.main_stream();
    stream.confirm_by_hand().unwrap();
    client.send("to the disk").unwrap();
    assert_eq!(server.receive(100).unwrap().len(), 11);
    let receipt = client.receipt();
    let early = receipt.wait(Until::Read, Duration::from_millis(50)).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::TimedOut);
    stream.confirm(11).unwrap();
    receipt.wait(Until::Read, LONG).unwrap();
}

#[test]
fn services_are_asked_for_by_name() {
    let server = Endpoint::builder().bind("127.0.0.1:0").services(["chat"]).build().unwrap();
    server.listen().unwrap();
    let to = server.local_addr();
    let client = Endpoint::builder().build().unwrap();
    let session = client.connect(format!("{to}/chat"), Trust::AnyKey).unwrap();
    assert_eq!(server.accept_timeout(LONG).unwrap().service(), "chat");
    assert_eq!(session.service(), "chat");
    let error = client.connect(format!("{to}/files"), Trust::AnyKey).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownService);
}

#[test]
fn a_name_with_several_addresses_finds_the_one_that_answers() {
    let server = Endpoint::builder().bind("127.0.0.1:0").build().unwrap();
    server.listen().unwrap();
    let to = format!("localhost:{}", server.local_addr().port());
    let session = Endpoint::builder().build().unwrap().connect(to, Trust::AnyKey).unwrap();
    assert!(session.remote_addr().unwrap().is_ipv4());
}

#[test]
fn nobody_there_is_no_answer_within_the_timeout() {
    let timeout = Duration::from_millis(200);
    let config = Config { handshake_timeout: timeout, ..Config::default() };
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = Endpoint::builder().config(config).build().unwrap();
    let error = client.connect(nobody.local_addr().unwrap(), Trust::AnyKey).unwrap_err();
    assert_eq!((error.kind(), error.origin()), (ErrorKind::NoAnswer, Origin::Network));
    let server = Endpoint::builder().bind("127.0.0.1:0").build().unwrap();
    let error = server.accept_timeout(Duration::from_millis(10)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
