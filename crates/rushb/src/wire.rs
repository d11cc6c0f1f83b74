//! Packets of RUSHB as bytes: the header's fields, the legal kinds, a view and an emitter.
//! What a packet means in a session is not decided here.

use core::fmt;

use crate::checksum;

/// Length of every packet in bytes: the UDP payload (docs/RUSHB.md, 1.1).
pub const PACKET_LEN: usize = HEADER_LEN + PAYLOAD_LEN;
/// Length of the header in bytes.
pub const HEADER_LEN: usize = 8;
/// Length of the payload in bytes, padding included.
pub const PAYLOAD_LEN: usize = 1464;

/// The protocol's version, in the three lowest bits of the flags.
const VERSION: u16 = 2;
const VERSION_MASK: u16 = 0b111;
const RESERVED_MASK: u16 = 0b1_1111_1000;

const ACK: u16 = 1 << 15;
const NAK: u16 = 1 << 14;
const GET: u16 = 1 << 13;
const DAT: u16 = 1 << 12;
const FIN: u16 = 1 << 11;
const CHK: u16 = 1 << 10;
const ENC: u16 = 1 << 9;

mod field {
    use core::ops::Range;

    pub(super) const SEQUENCE: Range<usize> = 0..2;
    pub(super) const ACKNOWLEDGEMENT: Range<usize> = 2..4;
    pub(super) const CHECKSUM: Range<usize> = 4..6;
    pub(super) const FLAGS: Range<usize> = 6..super::HEADER_LEN;
}

/// The seven legal sets of flags, CHK and ENC aside (docs/RUSHB.md, 1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// \[GET\]: the client asks for a resource; the payload is its name.
    Get,
    /// \[DAT\]: the server sends a piece of the resource.
    Data,
    /// \[DAT/ACK\]: the client has that piece.
    DataAck,
    /// \[DAT/NAK\]: the client asks for that piece again.
    DataNak,
    /// \[FIN\]: the server has sent everything, or refuses.
    Fin,
    /// \[FIN/ACK\]: the client has the \[FIN\]; the server has the client's \[FIN/ACK\].
    FinAck,
    /// \[FIN/NAK\]: the client asks for the \[FIN\] again.
    FinNak,
}

impl Kind {
    const ALL: [(Self, u16, &'static str); 7] = [
        (Self::Get, GET, "GET"),
        (Self::Data, DAT, "DAT"),
        (Self::DataAck, DAT | ACK, "DAT/ACK"),
        (Self::DataNak, DAT | NAK, "DAT/NAK"),
        (Self::Fin, FIN, "FIN"),
        (Self::FinAck, FIN | ACK, "FIN/ACK"),
        (Self::FinNak, FIN | NAK, "FIN/NAK"),
    ];

    fn from_bits(bits: u16) -> Option<Self> {
        Self::ALL.iter().find(|entry| entry.1 == bits).map(|entry| entry.0)
    }

    fn bits(self) -> u16 {
        Self::ALL.iter().find(|entry| entry.0 == self).map_or(0, |entry| entry.1)
    }

    /// The kind's flags as documents write them, without brackets.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|entry| entry.0 == self).map_or("", |entry| entry.2)
    }

    /// Whether ACK or NAK is set, so that the acknowledgement number means something.
    pub fn acknowledges(self) -> bool {
        matches!(self, Self::DataAck | Self::DataNak | Self::FinAck | Self::FinNak)
    }

    /// Whether the payload may be other than all zero.
    pub fn carries_payload(self) -> bool {
        matches!(self, Self::Get | Self::Data)
    }
}

/// What a session may agree on beyond the plain protocol (docs/RUSHB.md, 5 and 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// CHK: every packet carries a checksum over its payload.
    pub checksum: bool,
    /// ENC: every payload byte goes through a toy substitution. **Not encryption.**
    pub encoding: bool,
}

impl Options {
    fn bits(self) -> u16 {
        (if self.checksum { CHK } else { 0 }) | (if self.encoding { ENC } else { 0 })
    }
}

/// Everything a header says but the checksum, which follows from the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The sender's own count of its packets, from 1, modulo 65,536.
    pub sequence: u16,
    /// The sequence number acknowledged or asked for again; 0 where `kind` does neither.
    pub acknowledgement: u16,
    /// The flags.
    pub kind: Kind,
    /// CHK and ENC.
    pub options: Options,
}

impl Header {
    /// Writes the packet with `payload`, padded with zero bytes, and its checksum where CHK is set.
    ///
    /// Bytes of `payload` beyond [`PAYLOAD_LEN`] do not fit and are left out; with ENC the payload
    /// is expected encoded.
    pub fn emit(&self, payload: &[u8], packet: &mut [u8; PACKET_LEN]) {
        let payload = &payload[..payload.len().min(PAYLOAD_LEN)];
        let (head, body) = packet.split_at_mut(HEADER_LEN);
        body[..payload.len()].copy_from_slice(payload);
        body[payload.len()..].fill(0);
        let sum = if self.options.checksum { checksum::of(payload) } else { 0 };
        let flags = self.kind.bits() | self.options.bits() | VERSION;
        head[field::SEQUENCE].copy_from_slice(&self.sequence.to_be_bytes());
        head[field::ACKNOWLEDGEMENT].copy_from_slice(&self.acknowledgement.to_be_bytes());
        head[field::CHECKSUM].copy_from_slice(&sum.to_be_bytes());
        head[field::FLAGS].copy_from_slice(&flags.to_be_bytes());
    }

    /// As [`emit`](Self::emit), into a new array.
    ///
    /// ```
    /// use rushb::wire::{Header, Kind, Options, Packet};
    ///
    /// let header = Header {
    ///     sequence: 1,
    ///     acknowledgement: 0,
    ///     kind: Kind::Get,
    ///     options: Options { checksum: true, encoding: false },
    /// };
    /// let bytes = header.packet(b"files/file.txt");
    /// assert_eq!(bytes[..8], [0, 1, 0, 0, 74, 64, 0b0010_0100, 0b0000_0010]);
    ///
    /// let packet = Packet::parse(&bytes).unwrap();
    /// assert!(packet.is_intact());
    /// assert_eq!(packet.header, header);
    /// assert_eq!(packet.unpadded(), b"files/file.txt");
    /// ```
    pub fn packet(&self, payload: &[u8]) -> [u8; PACKET_LEN] {
        let mut packet = [0; PACKET_LEN];
        self.emit(payload, &mut packet);
        packet
    }
}

/// A received packet: its header, and a view of its payload.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The header.
    pub header: Header,
    /// The checksum field as it came.
    pub checksum: u16,
    /// The payload with its padding, [`PAYLOAD_LEN`] bytes.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram. Any bytes may be given; most are no packet.
    ///
    /// # Errors
    /// [`Malformed`] says why the datagram cannot be a packet of this version.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        if datagram.len() != PACKET_LEN {
            return Err(Malformed::Length(datagram.len()));
        }
        let (head, payload) = datagram.split_at(HEADER_LEN);
        let number = |range: core::ops::Range<usize>| {
            head[range].iter().fold(0, |value, byte| value << 8 | u16::from(*byte))
        };
        let flags = number(field::FLAGS);
        if flags & VERSION_MASK != VERSION {
            return Err(Malformed::Version(flags & VERSION_MASK));
        }
        if flags & RESERVED_MASK != 0 {
            return Err(Malformed::Reserved);
        }
        let bits = flags & !(CHK | ENC | VERSION_MASK);
        let kind = Kind::from_bits(bits).ok_or(Malformed::Flags(flags))?;
        let acknowledgement = number(field::ACKNOWLEDGEMENT);
        if acknowledgement != 0 && !kind.acknowledges() {
            return Err(Malformed::Acknowledgement(acknowledgement));
        }
        let options = Options { checksum: flags & CHK != 0, encoding: flags & ENC != 0 };
        let header = Header { sequence: number(field::SEQUENCE), acknowledgement, kind, options };
        Ok(Self { header, checksum: number(field::CHECKSUM), payload })
    }

    /// Whether checksum and payload are what a correct peer sends: the right sum where CHK is set
    /// and 0 where not, and an all-zero payload in a packet that has none.
    pub fn is_intact(&self) -> bool {
        let sum = match (self.header.options.checksum, self.header.kind.carries_payload()) {
            (true, true) => checksum::of(self.payload),
            (true, false) => checksum::of(&[]),
            (false, _) => 0,
        };
        self.checksum == sum && (self.header.kind.carries_payload() || self.unpadded().is_empty())
    }

    /// The payload without the zero bytes at its end (docs/RUSHB.md, 4.5).
    pub fn unpadded(&self) -> &'a [u8] {
        unpadded(self.payload)
    }
}

/// `payload` without the zero bytes at its end.
pub(crate) fn unpadded(mut payload: &[u8]) -> &[u8] {
    // In long strides first: an acknowledgement is 1464 zero bytes.
    while let Some((head, tail)) = payload.split_last_chunk::<16>()
        && u128::from_ne_bytes(*tail) == 0
    {
        payload = head;
    }
    let len = payload.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &payload[..len]
}

/// Why a datagram is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not [`PACKET_LEN`] bytes.
    #[error("{0} bytes long, where every packet has {PACKET_LEN}")]
    Length(usize),
    /// Another version.
    #[error("version {0}, where only {VERSION} is known")]
    Version(u16),
    /// Reserved bits are set.
    #[error("reserved bits are set")]
    Reserved,
    /// A set of flags that no packet has.
    #[error("illegal flags {0:#06x}")]
    Flags(u16),
    /// An acknowledgement number in a packet that acknowledges nothing.
    #[error("acknowledgement number {0} without ACK or NAK")]
    Acknowledgement(u16),
}

impl fmt::Display for Packet<'_> {
    /// One line of a ladder: `[DAT|CHK] 1 1464 bytes, sum ok`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { sequence, acknowledgement, kind, options } = self.header;
        let chk = if options.checksum { "|CHK" } else { "" };
        let enc = if options.encoding { "|ENC" } else { "" };
        write!(f, "[{}{chk}{enc}] {sequence}", kind.name())?;
        if kind.acknowledges() {
            write!(f, " ack {acknowledgement}")?;
        }
        match kind {
            Kind::Get if options.encoding => write!(f, " {} bytes", self.unpadded().len())?,
            Kind::Get => write!(f, " {:?}", String::from_utf8_lossy(self.unpadded()))?,
            Kind::Data => write!(f, " {} bytes", self.unpadded().len())?,
            _ => {}
        }
        match (self.is_intact(), options.checksum) {
            (true, true) => f.write_str(", sum ok"),
            (true, false) => Ok(()),
            (false, true) => f.write_str(", CORRUPT (wrong sum)"),
            (false, false) => f.write_str(", CORRUPT"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        (0..Kind::ALL.len()).prop_map(|index| Kind::ALL[index].0)
    }

    proptest! {
        #[test]
        fn parse_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..=PACKET_LEN + 8)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                packet.is_intact();
                let _ = packet.to_string();
            }
        }

        #[test]
        fn what_is_emitted_parses_as_itself(
            sequence: u16,
            number: u16,
            kind in kinds(),
            checksum: bool,
            encoding: bool,
            payload in proptest::collection::vec(any::<u8>(), 0..=PAYLOAD_LEN),
        ) {
            let acknowledgement = if kind.acknowledges() { number } else { 0 };
            let payload = if kind.carries_payload() { payload } else { Vec::new() };
            let options = Options { checksum, encoding };
            let header = Header { sequence, acknowledgement, kind, options };
            let bytes = header.packet(&payload);
            let packet = Packet::parse(&bytes).unwrap();
            prop_assert_eq!(packet.header, header);
            prop_assert!(packet.is_intact());
            prop_assert_eq!(&packet.payload[..payload.len()], &payload[..]);
        }

        #[test]
        fn a_flipped_bit_in_sum_or_payload_is_seen(
            payload in proptest::collection::vec(any::<u8>(), 0..=PAYLOAD_LEN),
            bit in 32..48 + 8 * (PAYLOAD_LEN + 2),
        ) {
            prop_assume!(!(48..64).contains(&bit));
            let options = Options { checksum: true, encoding: false };
            let header = Header { sequence: 1, acknowledgement: 0, kind: Kind::Data, options };
            let mut bytes = header.packet(&payload);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!Packet::parse(&bytes).unwrap().is_intact());
        }
    }

    #[test]
    fn flags_lie_where_the_document_says() {
        let table = [
            (Kind::Get, Options::default(), 0b0010_0000_0000_0010),
            (Kind::Data, Options::default(), 0b0001_0000_0000_0010),
            (Kind::DataAck, Options::default(), 0b1001_0000_0000_0010),
            (Kind::DataNak, Options::default(), 0b0101_0000_0000_0010),
            (Kind::Fin, Options::default(), 0b0000_1000_0000_0010),
            (Kind::FinAck, Options::default(), 0b1000_1000_0000_0010),
            (Kind::FinNak, Options::default(), 0b0100_1000_0000_0010),
            (Kind::Get, Options { checksum: true, encoding: false }, 0b0010_0100_0000_0010),
            (Kind::Get, Options { checksum: false, encoding: true }, 0b0010_0010_0000_0010_u16),
        ];
        for (kind, options, flags) in table {
            let header = Header { sequence: 0x0102, acknowledgement: 0, kind, options };
            let bytes = header.packet(b"");
            assert_eq!(bytes[6..8], flags.to_be_bytes(), "{kind:?}");
            assert_eq!(bytes[0..2], [1, 2]);
        }
    }

    #[test]
    fn only_the_seven_kinds_parse() {
        let mut legal = 0;
        for flags in 0..=u16::MAX {
            let mut bytes = [0; PACKET_LEN];
            bytes[6..8].copy_from_slice(&flags.to_be_bytes());
            legal += u32::from(Packet::parse(&bytes).is_ok());
        }
        assert_eq!(legal, 7 * 4, "seven kinds, with and without CHK and ENC");
    }

    #[test]
    fn datagrams_of_other_lengths_are_no_packets() {
        for len in [0, 1, 2, 3, 4, 8, PACKET_LEN - 1, PACKET_LEN + 1] {
            assert_eq!(Packet::parse(&vec![0; len]).unwrap_err(), Malformed::Length(len));
        }
    }

    #[test]
    fn a_number_that_acknowledges_nothing_is_malformed() {
        let header = Header {
            sequence: 1,
            acknowledgement: 7,
            kind: Kind::Fin,
            options: Options::default(),
        };
        let bytes = header.packet(b"");
        assert_eq!(Packet::parse(&bytes).unwrap_err(), Malformed::Acknowledgement(7));
    }

    #[test]
    fn a_payload_where_none_belongs_is_damage() {
        let header = Header {
            sequence: 2,
            acknowledgement: 1,
            kind: Kind::DataAck,
            options: Options::default(),
        };
        assert!(!Packet::parse(&header.packet(b"x")).unwrap().is_intact());
        assert!(Packet::parse(&header.packet(b"")).unwrap().is_intact());
    }

    #[test]
    fn prints_the_lines_of_a_ladder() {
        let checked = Options { checksum: true, encoding: false };
        let line = |sequence, acknowledgement, kind, options, payload: &[u8]| {
            let header = Header { sequence, acknowledgement, kind, options };
            Packet::parse(&header.packet(payload)).unwrap().to_string()
        };
        assert_eq!(line(1, 0, Kind::Get, checked, b"file.txt"), "[GET|CHK] 1 \"file.txt\", sum ok");
        assert_eq!(line(1, 0, Kind::Data, checked, &[7; 1464]), "[DAT|CHK] 1 1464 bytes, sum ok");
        assert_eq!(line(2, 1, Kind::DataAck, Options::default(), b""), "[DAT/ACK] 2 ack 1");
        assert_eq!(line(3, 0, Kind::Fin, Options::default(), b"x"), "[FIN] 3, CORRUPT");
    }
}
