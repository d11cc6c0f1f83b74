//! Tests of streams with two ends and a network of drafts between them, of which each packet's fate
//! is decided by the test.

mod clauses;
mod closing;
mod hostile;
mod network;

use core::time::Duration;

use rudp_base::Instant;
use rudp_wire::frame::{Frame, FrameError, Frames};

use super::*;
use crate::packet::Draft;
use crate::priority::Priority;
use crate::token::{Fate, Token};

/// A packet on its way.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) bytes: Vec<u8>,
    pub(super) tokens: Vec<Token>,
}

/// One end, and what it has heard of.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) streams: Streams,
    pub(super) now: Instant,
    pub(super) grant: u64,
    /// Whether packets are opened in place where possible.
    pub(super) lands: bool,
    pub(super) landed: usize,
}

/// The byte of a stream at an offset.
pub(super) fn byte(stream: u64, offset: u64) -> u8 {
    let word = (offset ^ stream << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word.to_be_bytes()[1]
}

pub(super) fn bytes(stream: u64, offset: u64, len: usize) -> Vec<u8> {
    (offset..).take(len).map(|offset| byte(stream, offset)).collect()
}

pub(super) fn config(window: u64) -> Config {
    let local = Parameters {
        initial_max_data: window,
        initial_max_stream_data: window,
        initial_max_streams_bidi: 4,
        initial_max_streams_uni: 2,
        ..Parameters::default()
    };
    Config {
        send_chunks: Sizes { least: 16, most: 128 },
        receive_chunks: Sizes { least: 16, most: 128 },
        receive_floor: 40_000,
        ..Config::new(local, window)
    }
}

impl Node {
    pub(super) fn new(side: Side, config: Config) -> Self {
        let streams = Streams::new(side, config);
        Self { streams, now: Instant::ZERO, grant: u64::MAX, lands: true, landed: 0 }
    }

    /// The next packet, sealed as a connection would, if there is one.
    pub(super) fn packet(&mut self, room: usize) -> Option<Packet> {
        let (mut buffer, mut tokens) = (vec![0; room], Vec::new());
        let mut draft = Draft::new(&mut buffer, &mut tokens);
        let rtt = Duration::from_millis(10);
        let mut growth = Growth { now: self.now, rtt, grant: &mut self.grant };
        self.streams.write_frames(&mut growth, &mut draft);
        assert!(draft.len() <= room);
        let (head, tail) = draft.parts();
        let mut bytes = head.to_vec();
        if let Some(tail) = tail {
            let mut data = vec![0; tail.len];
            assert!(self.streams.copy_out(tail.stream, tail.offset, &mut data));
            bytes.extend_from_slice(&data);
            let (stream, offset) = (tail.stream, tail.offset);
            let same = self
                .streams
                .with_prefixed(stream, offset, tail.len, head, |plaintext| plaintext == bytes);
            assert_ne!(same, Some(false));
            let mut again = vec![0; tail.len];
            assert!(self.streams.copy_out(tail.stream, tail.offset, &mut again));
            assert_eq!(data, again, "what was overwritten is restored");
        }
        (!bytes.is_empty()).then_some(Packet { bytes, tokens })
    }

    /// Takes a packet's frames, in place if possible. `Ok(false)`: there was no room for it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<bool, Code> {
        let mut scratch = Vec::new();
        let open = |slot: &mut [u8]| {
            slot.copy_from_slice(bytes);
            Ok::<_, core::convert::Infallible>(())
        };
        if self.lands
            && let Some(Ok(landed)) = self.streams.land(bytes.len(), &mut scratch, open)
        {
            if landed == Landed::Committed {
                self.landed += 1;
                return Ok(true);
            }
            assert_eq!(scratch, bytes);
        }
        let mut admission = Admission::default();
        for frame in Frames::new(bytes) {
            if let Frame::Stream(frame) = frame.map_err(FrameError::code)?
                && !self.streams.admits(&mut admission, &frame)
            {
                return Ok(false);
            }
        }
        for frame in Frames::new(bytes) {
            match frame.map_err(FrameError::code)? {
                Frame::Stream(frame) => self.streams.on_stream(&frame)?,
                Frame::Receipt(receipt) => self.streams.on_receipt(&receipt)?,
                Frame::Control(control) => assert!(self.streams.on_control(&control)?),
                Frame::Padding { .. } => {}
                other => panic!("{other:?} is not a frame of streams"),
            }
        }
        self.streams.predict_from(bytes);
        Ok(true)
    }

    pub(super) fn fate(&mut self, fate: Fate, packet: &Packet) {
        for token in &packet.tokens {
            assert!(self.streams.on_fate(fate, *token));
        }
    }

    pub(super) fn frame(&mut self, frame: &Frame<'_>) -> Result<bool, Code> {
        let mut bytes = vec![0; 2_000];
        let mut writer = rudp_wire::cursor::Writer::new(&mut bytes);
        frame.encode(&mut writer).expect("it fits");
        let bytes = writer.written().to_vec();
        self.take(&bytes)
    }

    pub(super) fn events(&mut self) -> Vec<StreamEvent> {
        core::iter::from_fn(|| self.streams.poll_event()).collect()
    }

    /// Reads all that is there, and checks it.
    pub(super) fn read_all(&mut self, stream: u64, from: u64) -> (u64, bool) {
        let (mut at, mut out) = (from, [0; 37]);
        loop {
            match self.streams.read(stream, &mut out) {
                Ok(Read::Bytes { len, end }) => {
                    assert_eq!(out[..len], bytes(stream, at, len), "stream {stream} at {at}");
                    at += len as u64;
                    if end {
                        return (at, true);
                    }
                }
                Ok(Read::Blocked) => return (at, false),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Client and server that know each other's limits.
pub(super) fn pair(config: &Config) -> (Node, Node) {
    let [mut client, mut server] =
        [Side::Client, Side::Server].map(|side| Node::new(side, config.clone()));
    client.streams.set_peer_limits(&config.local);
    server.streams.set_peer_limits(&config.local);
    (client, server)
}

/// Carries everything from one to the other, and acknowledges it.
pub(super) fn carry(from: &mut Node, to: &mut Node) -> usize {
    let mut packets = 0;
    while let Some(packet) = from.packet(120) {
        assert_eq!(to.take(&packet.bytes), Ok(true));
        from.fate(Fate::Acknowledged, &packet);
        packets += 1;
    }
    packets
}

/// Carries until there is nothing left.
pub(super) fn exchange(a: &mut Node, b: &mut Node) {
    while carry(a, b) + carry(b, a) > 0 {}
}
