//! An RUDP endpoint in the middle of a session whose peer sends any frames, in packets that open.
//! The plain profile makes that possible; how packets are sealed is not looked at.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rudp_base::{Datagrams, Instant, Machine, Seed};
use rudp_crypto::PlainCrypto;
use rudp_proto::config::EndpointConfig;
use rudp_proto::{Direction, Endpoint, Event, EventKind, Handle, SendMode, Target};
use rudp_wire::cursor::Writer;
use rudp_wire::frame::{Control, Frame, Receipt, Stream};
use rudp_wire::packet::{ConnectionId, DataHeader, Packet, Profile};

use crate::input::Input;
use crate::law;

/// Numbers of forged packets begin far above those of the client that opened the session.
const FIRST_NUMBER: u64 = 1_000;
/// Longer than any timer runs when nobody answers.
const PATIENCE: Duration = Duration::from_mins(10);

/// The endpoint, and what is needed to speak to it as its peer.
struct Harness {
    now: Instant,
    server: Endpoint,
    session: Option<Handle>,
    /// The server's id.
    id: ConnectionId,
    number: u64,
}

/// Opens a session, runs the choices in the input, then falls silent, and expects the endpoint to
/// forget everything.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let mut harness = Harness::open();
    while !input.is_empty() {
        harness.step(&mut input);
    }
    let (now, session) = (harness.now, harness.session);
    if let Some(session) = session.and_then(|handle| harness.server.session(now, handle)) {
        session.release();
    }
    harness.advance(PATIENCE);
    assert_eq!(harness.server.sessions(), 0, "a session without end");
    assert_eq!(harness.server.poll_timeout(), None, "a timer without a session");
}

fn client_address() -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, 2), 7).into()
}

fn server_address() -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, 1), 7).into()
}

fn endpoint(name: &str) -> Endpoint {
    let seed = Seed::from_u64(1).fork(name);
    Endpoint::new(EndpointConfig::default(), Arc::new(PlainCrypto), &seed)
        .expect("the default settings are in range")
}

impl Harness {
    /// A session that a client of ours has opened, in whose place the harness speaks from now on.
    fn open() -> Self {
        let mut server = endpoint("server");
        server.listen();
        let mut harness = Self {
            now: Instant::ZERO,
            server,
            session: None,
            id: ConnectionId::default(),
            number: FIRST_NUMBER,
        };
        let mut client = endpoint("client");
        client
            .connect(harness.now, server_address(), Target::default())
            .expect("the default settings are in range");
        while harness.session.is_none() {
            let mut sent = Vec::new();
            law::drain(harness.now, &mut client, |_, _| {}, |_, packet| sent.push(packet.to_vec()));
            assert!(!sent.is_empty(), "the handshake stops");
            for mut packet in sent {
                if let Ok(Packet::Ack(ack)) = Packet::parse(&packet, Profile::Plain) {
                    harness.id = ack.destination;
                }
                for mut answer in harness.give(&mut packet) {
                    client.handle(harness.now, Datagrams::single(server_address(), &mut answer));
                }
            }
        }
        harness
    }

    /// Gives the server a datagram, and returns what it sends.
    fn give(&mut self, datagram: &mut [u8]) -> Vec<Vec<u8>> {
        self.server.handle(self.now, Datagrams::single(client_address(), datagram));
        self.drain()
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        let (now, mut session, mut sent) = (self.now, self.session, Vec::new());
        let on_event = |endpoint: &mut Endpoint, event: Event| {
            if event.kind == EventKind::Incoming {
                session = endpoint.accept();
            }
        };
        law::drain(now, &mut self.server, on_event, |transmit, batch| {
            sent.extend(batch.chunks(transmit.stride.max(1)).map(<[u8]>::to_vec));
        });
        self.session = session;
        sent
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 8 {
            // Any bytes as frames.
            0 | 1 => {
                let len = usize::from(input.byte());
                self.packet(input.take(len));
            }
            // Frames that parse, with numbers of the input's choice.
            2 | 3 => self.frames(input),
            4 => self.program(input),
            5 => self.advance(Duration::from_millis(u64::from(input.byte()))),
            6 => self.advance(Duration::from_secs(u64::from(input.byte()))),
            _ => {
                let mut datagram = input.take(64).to_vec();
                self.give(&mut datagram);
            }
        }
    }

    fn frames(&mut self, input: &mut Input<'_>) {
        let mut buffer = [0; 1_100];
        let mut writer = Writer::new(&mut buffer);
        for _ in 0..=input.byte() % 4 {
            let (stream, offset) = (number(input), number(input));
            let len = usize::from(input.byte());
            let data = input.take(len);
            let end = input.byte() & 1 == 1;
            let frame = match input.byte() % 8 {
                0 | 1 => Frame::Stream(Stream { stream, offset, end, data }),
                2 => Frame::Control(Control::MaxData { limit: offset }),
                3 => Frame::Control(Control::MaxStreamData { stream, limit: offset }),
                4 => Frame::Control(Control::ReceiptRequest { stream, offset }),
                5 => Frame::Receipt(Receipt {
                    stream,
                    received: offset,
                    read: offset / 2,
                    all_received: end,
                    all_read: false,
                    is_final: len & 1 == 1,
                }),
                6 => Frame::Control(Control::MaxMessageData { limit: offset }),
                _ => Frame::Ping,
            };
            // Numbers that no frame carries leave it out.
            let _ = frame.encode(&mut writer);
        }
        let frames = writer.written().to_vec();
        self.packet(&frames);
    }

    /// Gives the server frames in a packet that opens.
    fn packet(&mut self, frames: &[u8]) {
        let header = DataHeader { destination: self.id, number: self.number, phase: false };
        self.number += 1;
        let header = header.bytes(0).expect("numbers stay small");
        let mut packet = [&header[..], frames].concat();
        let sum = rudp_wire::checksum::crc32c(&packet);
        packet.extend(sum.to_be_bytes());
        self.give(&mut packet);
    }

    /// The program above the server does something.
    fn program(&mut self, input: &mut Input<'_>) {
        let (now, handle) = (self.now, self.session);
        let Some(mut session) = handle.and_then(|handle| self.server.session(now, handle)) else {
            return;
        };
        let stream = number(input);
        let mut buffer = [7; 4_096];
        // What cannot be done is refused; that is all right.
        match input.byte() % 12 {
            0 => drop(session.write(stream, &buffer)),
            1 => drop(session.read(stream, &mut buffer)),
            2 => drop(session.finish(stream)),
            3 => drop(session.reset(stream, 1)),
            4 => drop(session.stop(stream, 1)),
            5 => drop(session.open(Direction::Bidirectional)),
            6 => drop(session.accept()),
            7 => drop(session.request_receipt(stream)),
            8 => {
                let deadline = SendMode::Deadline(Duration::from_millis(20));
                let modes = [SendMode::Ordered, SendMode::Reliable, SendMode::Unreliable, deadline];
                let mode = modes[usize::from(input.byte()) % modes.len()];
                let len = usize::from(input.byte()) * 16;
                drop(session.send_message(Bytes::copy_from_slice(&buffer[..len]), mode, true));
            }
            9 => drop(session.receive_message()),
            10 => session.close(Duration::from_millis(u64::from(input.byte()) * 10)),
            _ => session.abort(3, "enough"),
        }
        drop(session);
        self.drain();
    }

    /// Lets time pass, timer by timer.
    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        // What came may have made something due.
        self.server.handle_timeout(self.now);
        self.drain();
        while let Some(at) = law::next_timeout(self.now, end, &mut self.server) {
            self.now = at;
            self.server.handle_timeout(at);
            self.drain();
        }
        self.now = end;
        self.server.handle_timeout(end);
        self.drain();
    }
}

/// A number that is mostly small.
fn number(input: &mut Input<'_>) -> u64 {
    let byte = u64::from(input.byte());
    match byte {
        0..=199 => byte,
        200..=239 => u64::from(input.byte()) << 8 | byte,
        _ => 1 << (byte - 240) << 46,
    }
}
