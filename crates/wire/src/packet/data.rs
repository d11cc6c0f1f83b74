//! The header of data packets (docs/PROTOCOL.md, 2.8), read by loads at fixed offsets.
//! Opening and sealing what is behind it is done elsewhere.

use crate::cursor::{WriteError, Writer};

use super::{CONTROL, ConnectionId, FORM, FORM_MASK, Malformed, Profile};

/// The key phase bit of the first byte (docs/PROTOCOL.md, 2.8, K).
const PHASE: u8 = 0x10;
/// The bits of the first byte that are drawn at random (docs/PROTOCOL.md, 2.8, G).
const RANDOM: u8 = 0x0f;

/// The largest packet number (docs/PROTOCOL.md, 2.8 and 2.9).
pub const MAX_PACKET_NUMBER: u64 = (1 << 56) - 1;

/// The header of a data packet (docs/PROTOCOL.md, 2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataHeader {
    /// The id that the receiver chose.
    pub destination: ConnectionId,
    /// The packet's number.
    pub number: u64,
    /// The key phase bit (docs/PROTOCOL.md, 6.5).
    pub phase: bool,
}

impl DataHeader {
    /// Length of the header in bytes (docs/PROTOCOL.md, 2.8).
    pub const LEN: usize = 16;

    /// Reads a header, or `None` if the first byte is that of no data packet (docs/PROTOCOL.md, 2.1
    /// and 2.2).
    pub fn read(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let [first, destination @ .., n1, n2, n3, n4, n5, n6, n7] = *bytes;
        if first & (FORM_MASK | CONTROL) != FORM {
            return None;
        }
        let number = u64::from_be_bytes([0, n1, n2, n3, n4, n5, n6, n7]);
        Some(Self { destination: ConnectionId(destination), number, phase: first & PHASE != 0 })
    }

    /// The header's bytes, with the low four bits of `random` in the first (docs/PROTOCOL.md, 2.8).
    ///
    /// Numbers beyond [`MAX_PACKET_NUMBER`] have no header.
    pub fn bytes(&self, random: u8) -> Result<[u8; Self::LEN], WriteError> {
        let [0, n1, n2, n3, n4, n5, n6, n7] = self.number.to_be_bytes() else {
            return Err(WriteError::Value);
        };
        let phase = if self.phase { PHASE } else { 0 };
        let [d1, d2, d3, d4, d5, d6, d7, d8] = self.destination.0;
        let first = FORM | phase | (random & RANDOM);
        Ok([first, d1, d2, d3, d4, d5, d6, d7, d8, n1, n2, n3, n4, n5, n6, n7])
    }

    /// Writes the header.
    pub fn encode(&self, random: u8, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        writer.bytes(&self.bytes(random)?)
    }
}

/// A view of a data packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataPacket<'a> {
    /// The header.
    pub header: DataHeader,
    /// The header's bytes, which are the associated data (docs/PROTOCOL.md, 6.4).
    pub associated: &'a [u8; DataHeader::LEN],
    /// The frames as they came, with what is behind them: the tag, or the sum.
    pub sealed: &'a [u8],
}

impl<'a> DataPacket<'a> {
    /// Reads a data packet. Neither tag nor sum is looked at.
    pub fn parse(packet: &'a [u8], profile: Profile) -> Result<Self, Malformed> {
        if packet.len() < profile.min_data_len() {
            return Err(Malformed::Length(packet.len()));
        }
        let (associated, sealed) =
            packet.split_first_chunk().ok_or(Malformed::Length(packet.len()))?;
        let header = DataHeader::read(associated).ok_or(Malformed::Form)?;
        // 3.5: there is no key phase in the plain profile.
        if header.phase && profile == Profile::Plain {
            return Err(Malformed::Form);
        }
        Ok(Self { header, associated, sealed })
    }
}

/// A data packet in two parts, so that the second can be opened where it is.
pub fn split_mut(packet: &mut [u8]) -> Option<(&[u8; DataHeader::LEN], &mut [u8])> {
    let (header, sealed) = packet.split_first_chunk_mut()?;
    Some((header, sealed))
}
