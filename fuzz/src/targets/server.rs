//! A RUSHB server between clients that answer right, wrong and never, and an application that
//! serves, fails and stalls. What a right answer is comes from the packets that the server sent.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rudp_base::{Datagrams, Instant, Machine};
use rushb::wire::{Header, Kind, Options, Packet};
use rushb::{Server, ServerConfig, ServerEvent, SessionId};

use crate::input::Input;
use crate::law;

const MAX_SESSIONS: usize = 3;
const PEERS: u8 = 5;

/// One client's half of what it knows.
#[derive(Default)]
struct Peer {
    /// The server's last packet.
    last: Option<Header>,
    /// The number of the client's next packet.
    sequence: u16,
    /// Packets from and to the client in all, for the bound on amplification.
    sent: u32,
    received: u32,
}

/// The server, and everything around it.
struct Harness {
    now: Instant,
    server: Server,
    peers: BTreeMap<SocketAddr, Peer>,
    /// Questions of the server that the application has not answered.
    held: Vec<(SessionId, Option<usize>)>,
    /// Whether the application answers at once.
    prompt: bool,
}

/// Runs the choices in the input, then lets all clients die, and expects an empty server.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let config = ServerConfig {
        max_sessions: MAX_SESSIONS,
        max_unanswered: 2,
        max_sessions_per_address: 2,
        max_in_flight: 2,
        ..ServerConfig::default()
    };
    let mut harness = Harness {
        now: Instant::ZERO,
        server: Server::new(config),
        peers: BTreeMap::new(),
        held: Vec::new(),
        prompt: true,
    };
    while !input.is_empty() {
        harness.step(&mut input);
        assert!(harness.server.remembered_sessions() <= MAX_SESSIONS, "too many sessions");
    }
    harness.prompt = true;
    harness.answer_held(0);
    harness.advance(Duration::from_mins(10));
    assert_eq!(harness.server.remembered_sessions(), 0, "sessions of dead clients");
    assert_eq!(harness.server.poll_timeout(), None);
}

fn address(number: u8) -> SocketAddr {
    // Two ports of each address, so that limits by address are met.
    let number = number % PEERS;
    (Ipv4Addr::new(10, 0, 0, number / 2), u16::from(number) + 1).into()
}

fn options(byte: u8) -> Options {
    Options { checksum: byte & 1 != 0, encoding: byte & 2 != 0 }
}

impl Harness {
    fn step(&mut self, input: &mut Input<'_>) {
        let peer = address(input.byte());
        match input.byte() % 9 {
            0 => self.get(peer, input),
            1 => self.answer(peer, false, 0, 0),
            2 => self.answer(peer, true, 0, 0),
            3 => {
                let (nak, sequence, ack) = (input.byte() & 1 != 0, input.offset(), input.offset());
                self.answer(peer, nak, sequence, ack);
            }
            4 => {
                let len = usize::from(input.byte());
                self.give(peer, &mut input.take(len).to_vec());
            }
            5 => self.advance(Duration::from_millis(1 << (input.byte() % 14))),
            6 => self.prompt = !self.prompt,
            7 => self.answer_held(input.byte()),
            _ => match input.byte() % 8 {
                0 => self.server.close(),
                1 => self.server.interrupt(self.now),
                _ => self.server.on_receive_drops(self.now),
            },
        }
        self.drain();
    }

    fn get(&mut self, remote: SocketAddr, input: &mut Input<'_>) {
        let options = options(input.byte());
        let len = usize::from(input.byte() % 16);
        let header = Header {
            sequence: 1_u16.wrapping_add(input.offset()),
            acknowledgement: 0,
            kind: Kind::Get,
            options,
        };
        self.peers.entry(remote).or_default().sequence = 2;
        self.give(remote, &mut header.packet(input.take(len)));
    }

    /// Answers the server's last packet to `remote`, with numbers that may be off.
    fn answer(&mut self, remote: SocketAddr, nak: bool, sequence: u16, ack: u16) {
        let Some(peer) = self.peers.get_mut(&remote) else { return };
        let Some(last) = peer.last else { return };
        let kind = match (last.kind, nak) {
            (Kind::Data, false) => Kind::DataAck,
            (Kind::Data, true) => Kind::DataNak,
            (_, false) => Kind::FinAck,
            (_, true) => Kind::FinNak,
        };
        let header = Header {
            sequence: peer.sequence.wrapping_add(sequence),
            acknowledgement: last.sequence.wrapping_add(ack),
            kind,
            options: last.options,
        };
        if sequence == 0 && ack == 0 {
            peer.sequence = peer.sequence.wrapping_add(1);
        }
        self.give(remote, &mut header.packet(b""));
    }

    fn give(&mut self, remote: SocketAddr, datagram: &mut [u8]) {
        self.peers.entry(remote).or_default().sent += 1;
        self.server.handle(self.now, Datagrams::single(remote, datagram));
        self.drain();
    }

    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = law::next_timeout(self.now, end, &mut self.server) {
            self.now = at;
            self.server.handle_timeout(at);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let Self { now, server, peers, held, prompt } = self;
        law::drain(
            *now,
            server,
            |server, event| match event {
                ServerEvent::Requested { session, .. } => held.push((session, None)),
                ServerEvent::Wanted { session, len, .. } => held.push((session, Some(len))),
                ServerEvent::Ended { session, .. } => held.retain(|(id, _)| *id != session),
                ServerEvent::Limited { .. } => {
                    let _ = server.open_sessions();
                }
            },
            |transmit, bytes| {
                let packet = Packet::parse(bytes).expect("a server sends packets");
                assert!(packet.is_intact(), "a server sends intact packets");
                let peer = peers.get_mut(&transmit.remote).expect("nobody is sent to unasked");
                peer.last = Some(packet.header);
                peer.received += 1;
                assert!(peer.received <= 3 * peer.sent, "the server amplifies");
            },
        );
        if *prompt && !held.is_empty() {
            self.answer_held(0);
            self.drain();
        }
    }

    /// The application answers the first question: right for 0, in other ways otherwise.
    fn answer_held(&mut self, how: u8) {
        let (now, server) = (self.now, &mut self.server);
        for (session, wanted) in self.held.drain(..) {
            match (wanted, how % 4) {
                (None, 0) => server.accept(session, (session.serial % 4) * 1_000),
                (None, 1) => server.refuse(session),
                (Some(len), 0) => server.supply(now, session, &vec![b'x'; len]),
                (Some(len), 1) => server.supply(now, session, &vec![b'x'; len - 1]),
                (Some(len), 2) => server.supply(now, session, &vec![0xff; len]),
                (None | Some(_), _) => server.abandon(now, session),
            };
        }
        self.drain();
    }
}
