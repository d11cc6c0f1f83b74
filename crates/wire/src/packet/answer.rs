//! What answers a packet: SYN-ACK, RETRY, VERSION, RESET (docs/PROTOCOL.md, 5.2, 5.5, 5.6, 10).
//! Whether and how often to answer is decided elsewhere.

use crate::cursor::{Reader, WriteError};

use super::{
    ConnectionId, ControlHeader, ControlType, Malformed, Profile, Version, at_end, emit, message,
    write_message,
};

/// The longest cookie in bytes (docs/PROTOCOL.md, 5.1 and 5.5).
pub const MAX_COOKIE: usize = 64;
/// The most versions in a VERSION (docs/PROTOCOL.md, 5.6).
pub const MAX_VERSIONS: usize = 16;

/// SYN-ACK (docs/PROTOCOL.md, 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynAck<'a> {
    /// The client's id.
    pub destination: ConnectionId,
    /// The server's id.
    pub source: ConnectionId,
    /// Noise message 2.
    pub message: &'a [u8],
}

impl<'a> SynAck<'a> {
    /// Bytes of the packet that are not its message.
    pub const fn overhead(profile: Profile) -> usize {
        ControlHeader::LEN + 2 + profile.control_trailer()
    }

    pub(super) fn parse(packet: &'a [u8], profile: Profile) -> Result<Self, Malformed> {
        let mut reader = Reader::new(packet);
        let header = ControlHeader::read_own(&mut reader, profile)?;
        let message = message(&mut reader)?;
        at_end(reader)?;
        Ok(Self { destination: header.destination, source: header.other, message })
    }

    /// Writes the packet, and gives its length.
    pub fn emit(
        &self,
        profile: Profile,
        random: bool,
        buffer: &mut [u8],
    ) -> Result<usize, WriteError> {
        let header = ControlHeader::own(profile, self.destination, self.source);
        emit(buffer, profile, |writer| {
            header.encode(ControlType::SynAck, random, writer)?;
            write_message(self.message, writer)
        })
    }
}

/// RETRY (docs/PROTOCOL.md, 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry<'a> {
    /// The client's id.
    pub destination: ConnectionId,
    /// The initial id of the SYN.
    pub initial: ConnectionId,
    /// The cookie: 1 to 64 bytes.
    pub cookie: &'a [u8],
}

impl<'a> Retry<'a> {
    pub(super) fn parse(packet: &'a [u8], profile: Profile) -> Result<Self, Malformed> {
        let mut reader = Reader::new(packet);
        let header = ControlHeader::read_own(&mut reader, profile)?;
        let cookie_len = usize::from(reader.u8()?);
        if !(1..=MAX_COOKIE).contains(&cookie_len) {
            return Err(Malformed::Cookie(cookie_len));
        }
        let cookie = reader.bytes(cookie_len)?;
        at_end(reader)?;
        Ok(Self { destination: header.destination, initial: header.other, cookie })
    }

    /// Writes the packet, and gives its length.
    pub fn emit(
        &self,
        profile: Profile,
        random: bool,
        buffer: &mut [u8],
    ) -> Result<usize, WriteError> {
        let header = ControlHeader::own(profile, self.destination, self.initial);
        emit(buffer, profile, |writer| {
            header.encode(ControlType::Retry, random, writer)?;
            let len = self.cookie.len();
            if !(1..=MAX_COOKIE).contains(&len) {
                return Err(WriteError::Value);
            }
            writer.u8(u8::try_from(len).map_err(|_| WriteError::Value)?)?;
            writer.bytes(self.cookie)
        })
    }
}

/// VERSION (docs/PROTOCOL.md, 5.6). It is the same in all versions, and so has no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionPacket<'a> {
    /// The client's id.
    pub destination: ConnectionId,
    /// The initial id of the SYN.
    pub initial: ConnectionId,
    versions: &'a [[u8; 4]],
}

impl<'a> VersionPacket<'a> {
    pub(super) fn parse(packet: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(packet);
        let header = ControlHeader::read(&mut reader)?;
        if header.version != Version::NONE {
            return Err(Malformed::Version(header.version));
        }
        let (versions, rest) = reader.rest().as_chunks();
        if !rest.is_empty() || !(1..=MAX_VERSIONS).contains(&versions.len()) {
            return Err(Malformed::Length(packet.len()));
        }
        Ok(Self { destination: header.destination, initial: header.other, versions })
    }

    /// The versions that the server speaks.
    pub fn versions(&self) -> Versions<'a> {
        Versions(self.versions.iter())
    }
}

/// The versions of a [`VersionPacket`].
#[derive(Clone, Debug)]
pub struct Versions<'a>(core::slice::Iter<'a, [u8; 4]>);

impl Iterator for Versions<'_> {
    type Item = Version;

    fn next(&mut self) -> Option<Version> {
        self.0.next().map(|bytes| Version(u32::from_be_bytes(*bytes)))
    }
}

/// Writes the VERSION that answers `syn`, and gives its length (docs/PROTOCOL.md, 5.6).
pub fn write_versions(
    syn: &super::SynInvariant,
    versions: &[Version],
    random: bool,
    buffer: &mut [u8],
) -> Result<usize, WriteError> {
    if !(1..=MAX_VERSIONS).contains(&versions.len()) {
        return Err(WriteError::Value);
    }
    emit(buffer, Profile::Sealed, |writer| {
        let header =
            ControlHeader { destination: syn.source, version: Version::NONE, other: syn.initial };
        header.encode(ControlType::Version, random, writer)?;
        versions.iter().try_for_each(|version| writer.u32(version.0))
    })
}

/// RESET (docs/PROTOCOL.md, 10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The id that the packet was sent to which caused it.
    pub id: ConnectionId,
    /// That id's token. Compare it in constant time (docs/PROTOCOL.md, 10.4).
    pub token: [u8; 16],
}

impl Reset {
    /// Length of the packet in bytes (docs/PROTOCOL.md, 10.2).
    pub const LEN: usize = 25;

    pub(super) fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let bytes: &[u8; Self::LEN] =
            packet.try_into().map_err(|_| Malformed::Length(packet.len()))?;
        let mut reader = Reader::new(bytes);
        reader.u8()?;
        Ok(Self { id: ConnectionId(*reader.array()?), token: *reader.array()? })
    }

    /// Writes the packet, and gives its length.
    pub fn emit(&self, random: bool, buffer: &mut [u8]) -> Result<usize, WriteError> {
        emit(buffer, Profile::Sealed, |writer| {
            writer.u8(ControlType::Reset.first_byte(random))?;
            writer.bytes(&self.id.0)?;
            writer.bytes(&self.token)
        })
    }
}
