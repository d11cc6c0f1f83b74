//! Packets (docs/PROTOCOL.md, 2 to 5 and 10): the first byte, ids, profiles, and which packet a
//! datagram is. Nothing here opens, answers or remembers a packet.

mod ack;
mod answer;
mod data;
mod syn;

pub use ack::{AckPacket, split_ack};
pub use answer::{
    MAX_COOKIE, MAX_VERSIONS, Reset, Retry, SynAck, VersionPacket, Versions, write_versions,
};
pub use data::{DataHeader, DataPacket, MAX_PACKET_NUMBER, split_mut};
pub use syn::{Pattern, Suite, Suites, Syn, SynInvariant};

use core::fmt;

use crate::checksum;
use crate::cursor::{Reader, Truncated, WriteError, Writer};

/// The two highest bits of the first byte (docs/PROTOCOL.md, 2.1).
const FORM_MASK: u8 = 0xc0;
const FORM: u8 = 0xc0;
/// Set in control packets (docs/PROTOCOL.md, 2.2).
const CONTROL: u8 = 0x20;
/// Drawn at random in control packets (docs/PROTOCOL.md, 2.6, G).
const RANDOM: u8 = 0x10;
const TYPE_MASK: u8 = 0x0f;

/// The least length of a SYN in bytes, and what every path takes (docs/PROTOCOL.md, 5.1.1).
pub const MIN_SYN: usize = 1_200;

/// A connection id (docs/PROTOCOL.md, 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub [u8; 8]);

impl ConnectionId {
    /// The number that says to which socket packets with this id belong (docs/PROTOCOL.md, 4.2).
    pub const fn steering(self) -> u32 {
        let [_, _, _, _, a, b, c, d] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// The number that says to which socket `packet` belongs: its bytes 5 to 8 (docs/PROTOCOL.md, 4.2).
pub fn steering(packet: &[u8]) -> Option<u32> {
    destination(packet).map(ConnectionId::steering)
}

/// The destination id of a packet of any version (docs/PROTOCOL.md, 2.3).
pub fn destination(packet: &[u8]) -> Option<ConnectionId> {
    let (first, _) = packet.split_first_chunk::<9>()?;
    let [_, id @ ..] = *first;
    Some(ConnectionId(id))
}

/// A version (docs/PROTOCOL.md, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl Version {
    /// No version: what VERSION packets carry (docs/PROTOCOL.md, 3.1).
    pub const NONE: Self = Self(0);
    /// Version 1 (docs/PROTOCOL.md, 3.1).
    pub const ONE: Self = Self(1);
    /// The plain profile of version 1 (docs/PROTOCOL.md, 3.2).
    pub const PLAIN: Self = Self(0x8000_0001);

    /// Whether it has the form 0x?a?a?a?a, which is never assigned (docs/PROTOCOL.md, 3.1).
    pub const fn is_grease(self) -> bool {
        self.0 & 0x0f0f_0f0f == 0x0a0a_0a0a
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ONE => f.write_str("1"),
            Self::PLAIN => f.write_str("1-plain"),
            Self(other) => write!(f, "{other:#010x}"),
        }
    }
}

/// Which of the two an endpoint speaks (docs/PROTOCOL.md, 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Version 1: encrypted and authenticated.
    #[default]
    Sealed,
    /// The plain profile: neither, but with a sum.
    Plain,
}

impl Profile {
    /// The profile's version.
    pub const fn version(self) -> Version {
        match self {
            Self::Sealed => Version::ONE,
            Self::Plain => Version::PLAIN,
        }
    }

    /// Bytes behind the frames of a data packet: the tag, or the sum (docs/PROTOCOL.md, 2.8, 3.4).
    pub const fn data_trailer(self) -> usize {
        match self {
            Self::Sealed => 16,
            Self::Plain => checksum::LEN,
        }
    }

    /// Bytes behind a control packet: the sum, if there is one (docs/PROTOCOL.md, 3.4).
    pub const fn control_trailer(self) -> usize {
        match self {
            Self::Sealed => 0,
            Self::Plain => checksum::LEN,
        }
    }

    /// The least length of a data packet: with one byte of frames (docs/PROTOCOL.md, 2.10, 3.5).
    pub const fn min_data_len(self) -> usize {
        DataHeader::LEN + 1 + self.data_trailer()
    }

    /// `packet` without its sum, which has to be right.
    fn strip(self, packet: &[u8]) -> Result<&[u8], Malformed> {
        match self {
            Self::Sealed => Ok(packet),
            Self::Plain => checksum::strip(packet).ok_or(Malformed::Sum),
        }
    }

    /// Writes the sum of what was written, if the profile has one.
    fn seal(self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        match self {
            Self::Sealed => Ok(()),
            Self::Plain => writer.u32(checksum::crc32c(writer.written())),
        }
    }
}

/// The types of control packets (docs/PROTOCOL.md, 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// Type 0.
    Syn,
    /// Type 1.
    SynAck,
    /// Type 2.
    Ack,
    /// Type 3.
    Retry,
    /// Type 4.
    Version,
    /// Type 5.
    Reset,
}

impl ControlType {
    /// All of them with numbers and names (docs/PROTOCOL.md, 2.6).
    pub const TABLE: [(Self, u8, &'static str); 6] = [
        (Self::Syn, 0, "SYN"),
        (Self::SynAck, 1, "SYN-ACK"),
        (Self::Ack, 2, "ACK"),
        (Self::Retry, 3, "RETRY"),
        (Self::Version, 4, "VERSION"),
        (Self::Reset, 5, "RESET"),
    ];

    fn from_number(number: u8) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == number).map(|row| row.0)
    }

    fn number(self) -> u8 {
        Self::TABLE.iter().find(|row| row.0 == self).map_or(0, |row| row.1)
    }

    /// The first byte, with a random bit (docs/PROTOCOL.md, 2.6).
    fn first_byte(self, random: bool) -> u8 {
        FORM | CONTROL | if random { RANDOM } else { 0 } | self.number()
    }
}

/// What the first byte says (docs/PROTOCOL.md, 2.1, 2.2 and 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// A data packet.
    Data,
    /// A control packet of a type.
    Control(ControlType),
}

impl Form {
    /// What `first`, a packet's first byte, says.
    pub fn of(first: u8) -> Result<Self, Malformed> {
        if first & FORM_MASK != FORM {
            return Err(Malformed::Form);
        }
        if first & CONTROL == 0 {
            return Ok(Self::Data);
        }
        let number = first & TYPE_MASK;
        ControlType::from_number(number).map(Self::Control).ok_or(Malformed::Type(number))
    }
}

/// Why a datagram is no packet and has to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The first byte is that of no packet (docs/PROTOCOL.md, 2.1; 3.5).
    #[error("no packet begins like that")]
    Form,
    /// A control packet of another type (docs/PROTOCOL.md, 2.6).
    #[error("no control packet has the type {0}")]
    Type(u8),
    /// A length that the packet cannot have.
    #[error("{0} bytes long, which this packet cannot be")]
    Length(usize),
    /// Something goes beyond the datagram (docs/PROTOCOL.md, 5.0.2).
    #[error("the datagram ends too early")]
    Truncated,
    /// Bytes behind the packet (docs/PROTOCOL.md, 5.0.2).
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// A version that is not the endpoint's.
    #[error("version {0}")]
    Version(Version),
    /// A pattern that the profile does not have (docs/PROTOCOL.md, 5).
    #[error("no handshake has the pattern {0}")]
    Pattern(u8),
    /// A cookie that is too long, or empty where one has to be (docs/PROTOCOL.md, 5.1, 5.5).
    #[error("a cookie of {0} bytes")]
    Cookie(usize),
    /// A wrong sum (docs/PROTOCOL.md, 3.4).
    #[error("wrong sum")]
    Sum,
    /// RESET in the plain profile (docs/PROTOCOL.md, 3.6).
    #[error("the plain profile has no RESET")]
    Reset,
    /// A data packet behind an ACK for another session (docs/PROTOCOL.md, 5.3.7).
    #[error("the packet behind an ACK is for another session")]
    Destination,
}

impl From<Truncated> for Malformed {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// A datagram that is a packet, or an ACK and a data packet (docs/PROTOCOL.md, 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A data packet. Its sum, in the plain profile, has not been looked at.
    Data(DataPacket<'a>),
    /// A SYN of the endpoint's version.
    Syn(Syn<'a>),
    /// A SYN of another version, of which nothing else is known (docs/PROTOCOL.md, 2.5).
    ForeignSyn(SynInvariant),
    /// SYN-ACK.
    SynAck(SynAck<'a>),
    /// ACK.
    Ack(AckPacket<'a>),
    /// RETRY.
    Retry(Retry<'a>),
    /// VERSION.
    Version(VersionPacket<'a>),
    /// RESET.
    Reset(Reset),
}

impl<'a> Packet<'a> {
    /// Reads a datagram that came to an endpoint of `profile`. Any bytes may be given.
    ///
    /// # Errors
    /// [`Malformed`] says why the datagram has to be dropped.
    pub fn parse(datagram: &'a [u8], profile: Profile) -> Result<Self, Malformed> {
        let first = datagram.first().ok_or(Malformed::Length(0))?;
        let kind = match Form::of(*first)? {
            Form::Data => return DataPacket::parse(datagram, profile).map(Self::Data),
            Form::Control(kind) => kind,
        };
        match kind {
            ControlType::Syn => syn::parse(datagram, profile),
            ControlType::SynAck => {
                SynAck::parse(profile.strip(datagram)?, profile).map(Self::SynAck)
            }
            ControlType::Ack => AckPacket::parse(datagram, profile).map(Self::Ack),
            ControlType::Retry => Retry::parse(profile.strip(datagram)?, profile).map(Self::Retry),
            ControlType::Version => VersionPacket::parse(datagram).map(Self::Version),
            ControlType::Reset if profile == Profile::Plain => Err(Malformed::Reset),
            ControlType::Reset => Reset::parse(datagram).map(Self::Reset),
        }
    }
}

/// The first 21 bytes of all control packets but RESET (docs/PROTOCOL.md, 2.3 and 2.4).
struct ControlHeader {
    destination: ConnectionId,
    version: Version,
    /// The source id, or the initial id.
    other: ConnectionId,
}

impl ControlHeader {
    const LEN: usize = 21;

    /// The header of a packet of the profile's version.
    fn own(profile: Profile, destination: ConnectionId, other: ConnectionId) -> Self {
        Self { destination, version: profile.version(), other }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.u8()?;
        let destination = ConnectionId(*reader.array()?);
        let version = Version(reader.u32()?);
        let other = ConnectionId(*reader.array()?);
        Ok(Self { destination, version, other })
    }

    /// Reads the header of a packet that has to be of the profile's version.
    fn read_own(reader: &mut Reader<'_>, profile: Profile) -> Result<Self, Malformed> {
        let header = Self::read(reader)?;
        if header.version == profile.version() {
            Ok(header)
        } else {
            Err(Malformed::Version(header.version))
        }
    }

    fn encode(
        &self,
        kind: ControlType,
        random: bool,
        writer: &mut Writer<'_>,
    ) -> Result<(), WriteError> {
        writer.u8(kind.first_byte(random))?;
        writer.bytes(&self.destination.0)?;
        writer.u32(self.version.0)?;
        writer.bytes(&self.other.0)
    }
}

/// A message of the handshake behind its length.
fn message<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Truncated> {
    let len = reader.u16()?;
    reader.bytes(usize::from(len))
}

fn write_message(message: &[u8], writer: &mut Writer<'_>) -> Result<(), WriteError> {
    writer.u16(u16::try_from(message.len()).map_err(|_| WriteError::Value)?)?;
    writer.bytes(message)
}

/// That nothing is left (docs/PROTOCOL.md, 5.0.2).
fn at_end(reader: Reader<'_>) -> Result<(), Malformed> {
    if reader.is_empty() { Ok(()) } else { Err(Malformed::Trailing(reader.rest().len())) }
}

/// What every emitter does: into `buffer`, with the profile's sum behind it, and how long it is.
fn emit(
    buffer: &mut [u8],
    profile: Profile,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), WriteError>,
) -> Result<usize, WriteError> {
    let mut writer = Writer::new(buffer);
    write(&mut writer)?;
    profile.seal(&mut writer)?;
    Ok(writer.len())
}
