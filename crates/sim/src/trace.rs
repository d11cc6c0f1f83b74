//! [`Trace`]: what happened, always as a digest and on request in full, with an export as text.
//! The export as pcap has a file of its own; nothing here is written to a disk.

use core::fmt::{self, Write as _};
use core::net::{IpAddr, SocketAddr};
use core::ops::Range;

use rudp_base::{Ecn, Instant};

use crate::network::Header;
use crate::{DropCause, pcap};

/// What happened in a world.
///
/// The digest covers every event with its time, packet number, addresses and payload, whether
/// records are kept or not. It also covers what machines are told and tell: the size of each batch,
/// the number of events at each drain, and the deadline after it. What is in those events is not
/// known here.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    digest: Digest,
    events: u64,
    keep: bool,
    records: Vec<Record>,
    /// The payloads of all records, one after the other.
    payloads: Vec<u8>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
    /// Which packet, counted from 1 over the whole world; 0 for none and for forged ones.
    pub packet: u64,
    /// The sender, or the node where there is no packet.
    pub from: SocketAddr,
    /// The receiver, or the node where there is no packet.
    pub to: SocketAddr,
    /// The packet's congestion mark.
    pub ecn: Option<Ecn>,
    payload: Range<usize>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A machine sent a packet; the payload is as it was sent.
    Sent,
    /// A test forged a packet.
    Injected,
    /// A packet vanished.
    Dropped(DropCause),
    /// A packet's bytes were damaged on its way.
    Corrupted,
    /// A packet was copied.
    Duplicated,
    /// A packet was held back while others pass.
    HeldBack,
    /// A packet was marked CE.
    CeMarked,
    /// A packet reached a machine; the payload is as it arrived.
    Delivered,
    /// A machine's timeout was handled.
    Timeout,
    /// A node's NAT changed its address; `from` is the old one, `to` the new one.
    Rebound,
    /// A node moved to another address; `from` is the old one, `to` the new one.
    Moved,
    /// A node was killed.
    Killed,
}

/// Where a capture is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tap {
    /// At the senders: everything sent, lost or not.
    Sent,
    /// At the receivers: everything that arrives, forged packets included.
    Delivered,
}

impl Trace {
    /// The digest of all events so far.
    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// How many events the digest covers.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The records kept, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The payload of a record: of `Sent`, `Injected` and `Delivered`; empty for all others.
    pub fn payload(&self, record: &Record) -> &[u8] {
        &self.payloads[record.payload.clone()]
    }

    /// The records as text, one a line. `describe` says what a payload is, for instance a
    /// protocol's dissector; `None` for lengths only.
    pub fn text(&self, describe: Option<fn(&[u8]) -> String>) -> String {
        let mut text = String::new();
        for record in &self.records {
            let payload = self.payload(record);
            // Writing to a string cannot fail.
            let _ = write!(text, "{record}");
            if record.has_payload() {
                let _ = write!(text, " {} bytes", payload.len());
                if let Some(describe) = describe {
                    let _ = write!(text, ": {}", describe(payload));
                }
            }
            text.push('\n');
        }
        text
    }

    /// The packets recorded at `tap` as a pcap file (raw IP, nanoseconds) for Wireshark and the
    /// like.
    pub fn pcap(&self, tap: Tap) -> Vec<u8> {
        let what = match tap {
            Tap::Sent => What::Sent,
            Tap::Delivered => What::Delivered,
        };
        let packets = self.records.iter().filter(|record| record.what == what);
        pcap::file(packets.map(|record| (record, self.payload(record))))
    }

    /// Whether records are kept from now on.
    pub(crate) fn set_keep(&mut self, keep: bool) {
        self.keep = keep;
    }

    pub(crate) fn packet(&mut self, at: Instant, what: What, header: &Header, payload: &[u8]) {
        self.events += 1;
        self.digest.number(at.as_nanos());
        self.digest.number(header.number << 8 | what.code());
        if what.has_payload() {
            self.digest.address(header.from);
            self.digest.address(header.to);
            self.digest.number(header.ecn.map_or(0, |ecn| 1 + ecn as u64));
            self.digest.bytes(payload);
        }
        if self.keep {
            self.record(at, what, header, payload);
        }
    }

    /// Notes what happened to a node, not to a packet.
    pub(crate) fn node(&mut self, at: Instant, what: What, from: SocketAddr, to: SocketAddr) {
        self.events += 1;
        self.digest.number(at.as_nanos());
        self.digest.number(what.code());
        self.digest.address(from);
        self.digest.address(to);
        if self.keep {
            self.record(at, what, &Header { number: 0, from, to, ecn: None }, &[]);
        }
    }

    /// Notes the size of a coalesced batch; any other is the packet's.
    pub(crate) fn batch(&mut self, bytes: usize) {
        self.digest.number(bytes as u64);
    }

    /// Notes what a machine told when it was drained.
    pub(crate) fn drained(&mut self, events: u32, deadline: Option<Instant>) {
        // No deadline is one that never comes.
        let deadline = deadline.unwrap_or(Instant::MAX).as_nanos();
        self.digest.number(u64::from(events));
        self.digest.number(deadline);
    }

    #[cold]
    fn record(&mut self, at: Instant, what: What, header: &Header, payload: &[u8]) {
        let start = self.payloads.len();
        self.payloads.extend_from_slice(payload);
        let payload = start..self.payloads.len();
        let Header { number: packet, from, to, ecn } = *header;
        self.records.push(Record { at, what, packet, from, to, ecn, payload });
    }
}

impl Record {
    fn has_payload(&self) -> bool {
        self.what.has_payload()
    }
}

impl fmt::Display for Record {
    /// All but the payload.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, what, packet, from, to, ecn, .. } = self;
        match what {
            What::Timeout | What::Killed => return write!(f, "{at} {from} {what}"),
            What::Rebound | What::Moved => return write!(f, "{at} {from} {what} to {to}"),
            _ => write!(f, "{at} #{packet} {from} > {to} {what}")?,
        }
        match ecn {
            Some(ecn) => write!(f, " {ecn:?}"),
            None => Ok(()),
        }
    }
}

impl What {
    fn has_payload(self) -> bool {
        matches!(self, Self::Sent | Self::Injected | Self::Delivered)
    }

    /// A number of its own for the digest.
    fn code(self) -> u64 {
        match self {
            Self::Sent => 1,
            Self::Injected => 2,
            Self::Corrupted => 3,
            Self::Duplicated => 4,
            Self::HeldBack => 5,
            Self::CeMarked => 6,
            Self::Delivered => 7,
            Self::Timeout => 8,
            Self::Rebound => 9,
            Self::Killed => 10,
            Self::Moved => 11,
            Self::Dropped(cause) => 16 + cause as u64,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Sent => "sent",
            Self::Injected => "injected",
            Self::Corrupted => "corrupted",
            Self::Duplicated => "duplicated",
            Self::HeldBack => "held back",
            Self::CeMarked => "marked CE",
            Self::Delivered => "delivered",
            Self::Timeout => "timeout",
            Self::Rebound => "rebound",
            Self::Moved => "moved",
            Self::Killed => "killed",
            Self::Dropped(DropCause::Script) => "dropped: script",
            Self::Dropped(DropCause::Partition) => "dropped: partition",
            Self::Dropped(DropCause::Mtu) => "dropped: MTU",
            Self::Dropped(DropCause::Ecn) => "dropped: ECN",
            Self::Dropped(DropCause::Queue) => "dropped: queue full",
            Self::Dropped(DropCause::Loss) => "dropped: loss",
            Self::Dropped(DropCause::NoReceiver) => "dropped: no receiver",
            Self::Dropped(DropCause::NoSource) => "dropped: no source",
        };
        f.write_str(word)
    }
}

/// FNV-1a, but over words of 64 bits instead of bytes, since it runs over every payload. Each step
/// is a bijection of the state, so no single difference is lost.
#[derive(Clone, Debug)]
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn number(&mut self, number: u64) {
        // The rotation carries high bits down, which FNV's multiplication does not.
        self.0 = (self.0 ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let (blocks, rest) = bytes.as_chunks::<32>();
        if !blocks.is_empty() {
            self.blocks(blocks);
        }
        let (words, rest) = rest.as_chunks();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.number(u64::from_le_bytes(last));
    }

    /// Four digests side by side, since one multiplication need not wait for the others.
    fn blocks(&mut self, blocks: &[[u8; 32]]) {
        let mut lanes = [(); 4].map(|()| self.clone());
        for block in blocks {
            for (lane, word) in lanes.iter_mut().zip(block.as_chunks().0) {
                lane.number(u64::from_le_bytes(*word));
            }
        }
        for lane in lanes {
            self.number(lane.0);
        }
    }

    fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => self.number(u64::from(ip.to_bits()) << 16 | 4),
            IpAddr::V6(ip) => self.bytes(&ip.octets()),
        }
        self.number(u64::from(address.port()));
    }

    fn finish(&self) -> u64 {
        let mut last = self.clone();
        last.number(0);
        last.number(0);
        last.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> u64 {
        let mut digest = Digest::default();
        digest.bytes(bytes);
        digest.finish()
    }

    #[test]
    fn every_bit_and_the_length_count() {
        for length in [0, 1, 7, 8, 9, 31, 32, 33, 100] {
            let mut bytes = vec![0; length];
            let plain = digest(&bytes);
            for bit in 0..length * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(digest(&bytes), plain, "bit {bit} of {length} bytes");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            bytes.push(0);
            assert_ne!(digest(&bytes), plain, "{length} bytes and one more");
        }
    }

    #[test]
    fn records_are_kept_on_request_only() {
        let from = ([10, 0, 0, 1], 1).into();
        let to = ([10, 0, 0, 2], 2).into();
        let header = Header { number: 3, from, to, ecn: Some(Ecn::Ect0) };
        let mut silent = Trace::default();
        let mut kept = Trace::default();
        kept.set_keep(true);
        for trace in [&mut silent, &mut kept] {
            trace.packet(Instant::from_nanos(5_000), What::Sent, &header, b"abc");
            trace.packet(Instant::from_nanos(5_000), What::Dropped(DropCause::Mtu), &header, &[]);
            trace.node(Instant::from_nanos(9_000), What::Timeout, from, from);
        }
        assert_eq!((silent.digest(), silent.events()), (kept.digest(), kept.events()));
        assert!(silent.records().is_empty());
        let text = kept.text(Some(|bytes| format!("{bytes:?}")));
        assert_eq!(
            text,
            "0.000005 #3 10.0.0.1:1 > 10.0.0.2:2 sent Ect0 3 bytes: [97, 98, 99]\n\
             0.000005 #3 10.0.0.1:1 > 10.0.0.2:2 dropped: MTU Ect0\n\
             0.000009 10.0.0.1:1 timeout\n"
        );
    }
}
