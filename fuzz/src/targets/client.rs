//! A RUSHB client between a server that answers right and wrong, and strangers.
//! What the client has said is known from its packets, so that right answers can be made.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rudp_base::{Datagrams, Instant, Machine};
use rushb::wire::{Header, Kind, Options, Packet};
use rushb::{Client, ClientConfig, ClientEvent};

use crate::input::Input;
use crate::law;

/// The client, what it said, and what it reported.
struct Harness {
    now: Instant,
    client: Client,
    /// The client's last packet.
    last: Option<Header>,
    /// The number of the server's next packet.
    sequence: u16,
    ended: bool,
    closed: bool,
    given: u64,
    received: u64,
}

/// Runs the choices in the input, then falls silent, and expects the client to end.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let options = options(input.byte());
    let config = ClientConfig { options, ..ClientConfig::default() };
    let client = Client::new(config, server(), "name").expect("the name is good");
    let mut harness = Harness {
        now: Instant::ZERO,
        client,
        last: None,
        sequence: 1,
        ended: false,
        closed: false,
        given: 0,
        received: 0,
    };
    harness.drain();
    while !input.is_empty() {
        harness.step(&mut input);
    }
    harness.advance(Duration::from_mins(10));
    assert!(harness.client.is_done() && harness.ended && harness.closed, "a client without end");
    assert_eq!(harness.client.poll_timeout(), None);
    assert!(harness.received <= harness.given, "more bytes than were sent");
}

fn server() -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, 1), 7).into()
}

fn options(byte: u8) -> Options {
    Options { checksum: byte & 1 != 0, encoding: byte & 2 != 0 }
}

impl Harness {
    fn step(&mut self, input: &mut Input<'_>) {
        let granted = self.last.map(|last| last.options).unwrap_or_default();
        match input.byte() % 8 {
            0 => self.packet(Kind::Data, 0, granted, input),
            1 => self.packet(Kind::Fin, 0, granted, input),
            2 => self.packet(Kind::FinAck, 0, granted, input),
            3 => {
                let kinds = [Kind::Data, Kind::Fin, Kind::FinAck, Kind::Get, Kind::DataAck];
                let kind = kinds[usize::from(input.byte()) % kinds.len()];
                let (offset, options) = (input.offset(), options(input.byte()));
                self.packet(kind, offset, options, input);
            }
            4 => {
                let len = usize::from(input.byte());
                self.give(server(), &mut input.take(len).to_vec());
            }
            5 => self.advance(Duration::from_millis(1 << (input.byte() % 14))),
            6 => {
                // The last packet again, damaged.
                let header = Header {
                    sequence: self.sequence,
                    acknowledgement: 0,
                    kind: Kind::Data,
                    options: granted,
                };
                let mut bytes = header.packet(input.take(4));
                let at = 4 + usize::from(input.byte());
                bytes[at] ^= 1 << (input.byte() % 8);
                self.give(server(), &mut bytes);
            }
            _ => {
                let stranger = (Ipv4Addr::new(10, 0, 0, 2), 7).into();
                self.give(stranger, &mut [0; 1472]);
            }
        }
    }

    /// A packet of the server, right if `offset` is 0 and the kind is what comes next.
    fn packet(&mut self, kind: Kind, offset: u16, options: Options, input: &mut Input<'_>) {
        let len = if kind == Kind::Data { usize::from(input.byte()) } else { 0 };
        let acknowledgement = match (kind.acknowledges(), self.last) {
            (true, Some(last)) => last.sequence,
            _ => 0,
        };
        let sequence = self.sequence.wrapping_add(offset);
        let header = Header { sequence, acknowledgement, kind, options };
        self.give(server(), &mut header.packet(input.take(len)));
    }

    fn give(&mut self, remote: SocketAddr, datagram: &mut [u8]) {
        self.given += datagram.len() as u64;
        self.client.handle(self.now, Datagrams::single(remote, datagram));
        self.drain();
    }

    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = law::next_timeout(self.now, end, &mut self.client) {
            self.now = at;
            self.client.handle_timeout(at);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let Self { now, client, last, sequence, ended, closed, received, .. } = self;
        law::drain(
            *now,
            client,
            |_, event| {
                assert!(!*closed, "an event after the last one");
                match event {
                    ClientEvent::Granted(_) => assert!(!*ended),
                    ClientEvent::Data(data) => {
                        assert!(!*ended && !data.is_empty());
                        *received += data.len() as u64;
                    }
                    ClientEvent::Complete | ClientEvent::Failed(_) => {
                        assert!(!*ended, "two ends");
                        *ended = true;
                    }
                    ClientEvent::Closed => *closed = true,
                }
            },
            |transmit, bytes| {
                assert_eq!(transmit.remote, server(), "a client answers its server only");
                let packet = Packet::parse(bytes).expect("a client sends packets");
                assert!(packet.is_intact(), "a client sends intact packets");
                if matches!(packet.header.kind, Kind::DataAck | Kind::FinAck) {
                    *sequence = packet.header.acknowledgement.wrapping_add(1);
                }
                *last = Some(packet.header);
            },
        );
    }
}
