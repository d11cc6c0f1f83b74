//! A client that speaks RUSHB byte by byte, with a codec of its own.
//! It waits for what it expects, and takes nothing else.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::PATIENCE;

pub(crate) const ACK: u16 = 1 << 15;
pub(crate) const NAK: u16 = 1 << 14;
pub(crate) const GET: u16 = 1 << 13;
pub(crate) const DAT: u16 = 1 << 12;
pub(crate) const FIN: u16 = 1 << 11;
pub(crate) const CHK: u16 = 1 << 10;

/// Bytes of a file in one packet.
pub(crate) const PAYLOAD: usize = 1464;
/// Bytes of a packet.
pub(crate) const PACKET: usize = 1472;

/// A packet; the checksum is right where `flags` have CHK, and 0 where not.
pub(crate) fn packet(sequence: u16, acknowledgement: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let sum = if flags & CHK == 0 { 0 } else { checksum(payload) };
    let mut packet = Vec::with_capacity(PACKET);
    for field in [sequence, acknowledgement, sum, flags | 2] {
        packet.extend(field.to_be_bytes());
    }
    packet.extend_from_slice(payload);
    packet.resize(PACKET, 0);
    packet
}

fn checksum(payload: &[u8]) -> u16 {
    let pairs = payload
        .chunks(2)
        .map(|pair| u32::from(pair[0]) | u32::from(pair.get(1).copied().unwrap_or_default()) << 8);
    let mut sum: u32 = pairs.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("it is folded")
}

/// The four fields of a header: numbers, checksum, flags.
fn fields(packet: &[u8]) -> Vec<String> {
    packet.chunks(2).take(4).map(|field| format!("{field:02x?}")).collect()
}

/// No socket waits for less.
const TICK: Duration = Duration::from_millis(1);

/// Whether receiving may be tried again: nothing came yet, or a signal did.
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// A socket with one server on the other side.
pub(crate) struct Client {
    socket: UdpSocket,
}

impl Client {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("the loopback has free ports");
        socket.connect(server).expect("the loopback is reachable");
        Self { socket }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }

    pub(crate) fn send(&self, datagram: &[u8]) {
        self.socket.send(datagram).expect("the loopback takes datagrams");
    }

    /// The next datagram, if one comes before `time` has passed.
    pub(crate) fn receive_within(&self, time: Duration) -> Option<Vec<u8>> {
        let deadline = Instant::now() + time;
        let mut buffer = [0; 2048];
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            self.socket.set_read_timeout(Some(left.max(TICK))).expect("it is not zero");
            match self.socket.recv(&mut buffer) {
                Ok(len) => return Some(buffer[..len].to_vec()),
                Err(error) if is_pause(&error) => {}
                Err(error) => panic!("the server is not there: {error}"),
            }
        }
    }

    /// Waits for the next datagram, which must be `expected`.
    #[track_caller]
    pub(crate) fn expect(&self, expected: &[u8]) {
        let received = self.receive_within(PATIENCE).expect("the server answers");
        assert_eq!(fields(&received), fields(expected), "numbers, sum or flags differ");
        assert!(received == expected, "the payload differs");
    }

    /// Waits until a datagram is there.
    pub(crate) fn wait(&self) {
        self.socket.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        while let Err(error) = self.socket.peek(&mut [0; 2048]) {
            assert!(error.kind() == ErrorKind::Interrupted, "the server does not answer: {error}");
        }
    }

    /// Panics where a datagram is there already. Whoever calls this has had the answer to something
    /// that was sent after what must not be answered.
    #[track_caller]
    pub(crate) fn expect_nothing(&self) {
        self.socket.set_nonblocking(true).expect("sockets can do that");
        let mut buffer = [0; 2048];
        let received = self.socket.recv(&mut buffer);
        self.socket.set_nonblocking(false).expect("sockets can do that");
        if let Ok(len) = received {
            panic!("the server answered {:?}", fields(&buffer[..len]));
        }
    }

    /// Asks for `name`.
    pub(crate) fn ask(&self, name: &str, options: u16) {
        self.send(&packet(1, 0, GET | options, name.as_bytes()));
    }

    /// Downloads `name` from the first packet to the last, each of which must be as the protocol
    /// says, down to the byte.
    #[track_caller]
    pub(crate) fn download(&self, name: &str, content: &[u8], options: u16) {
        self.ask(name, options);
        let fin = self.take(content, options);
        self.close(fin, options);
    }

    /// Takes every \[DAT\] of `content`; returns the number of the \[FIN\] that must follow.
    #[track_caller]
    pub(crate) fn take(&self, content: &[u8], options: u16) -> u16 {
        let pieces =
            if content.is_empty() { vec![content] } else { content.chunks(PAYLOAD).collect() };
        let mut number = 1;
        for piece in pieces {
            self.expect(&packet(number, 0, DAT | options, piece));
            self.send(&packet(number + 1, number, DAT | ACK | options, b""));
            number += 1;
        }
        number
    }

    /// The closing handshake, from the \[FIN\] on.
    #[track_caller]
    pub(crate) fn close(&self, fin: u16, options: u16) {
        self.expect(&packet(fin, 0, FIN | options, b""));
        self.send(&packet(fin + 1, fin, FIN | ACK | options, b""));
        self.expect(&packet(fin + 1, fin + 1, FIN | ACK | options, b""));
    }
}

#[test]
fn the_clients_own_codec_agrees_with_known_packets() {
    assert_eq!(checksum(b"files/file.txt"), 19_008);
    assert_eq!(checksum(&[b'a'; PAYLOAD]), 36_237);
    assert_eq!(checksum(b""), 65_535);
    assert_eq!(packet(1, 0, GET | CHK, b"files/file.txt")[..8], [0, 1, 0, 0, 74, 64, 0x24, 2]);
}
