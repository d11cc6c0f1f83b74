//! ACK (docs/PROTOCOL.md, 5.3), and the data packet that may follow it.
//! Opening message 3, or deciding that it need not be opened, is done elsewhere.

use crate::cursor::{Reader, Truncated, WriteError};

use super::{
    ConnectionId, ControlHeader, ControlType, DataPacket, Malformed, Profile, emit, message,
    write_message,
};

/// ACK and what follows it (docs/PROTOCOL.md, 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckPacket<'a> {
    /// The server's id.
    pub destination: ConnectionId,
    /// The client's id.
    pub source: ConnectionId,
    /// Message 3.
    pub message: &'a [u8],
    /// The data packet behind it, for the same session.
    pub data: Option<DataPacket<'a>>,
}

/// A datagram that begins with an ACK in two parts: the ACK with its sum, and what is behind it, to
/// be opened where it is (docs/PROTOCOL.md, 5.3.7). Only the length is looked at.
pub fn split_ack(datagram: &mut [u8], profile: Profile) -> Option<(&[u8], &mut [u8])> {
    let len = ack_len(datagram, profile).ok()?;
    let (ack, behind) = datagram.split_at_mut_checked(len)?;
    Some((ack, behind))
}

/// How long the ACK is with which `datagram` begins.
fn ack_len(datagram: &[u8], profile: Profile) -> Result<usize, Truncated> {
    let mut reader = Reader::new(datagram);
    reader.bytes(ControlHeader::LEN)?;
    let message = usize::from(reader.u16()?);
    Ok(AckPacket::overhead(profile) + message)
}

impl<'a> AckPacket<'a> {
    /// Bytes of the ACK that are not its message.
    pub const fn overhead(profile: Profile) -> usize {
        ControlHeader::LEN + 2 + profile.control_trailer()
    }

    pub(super) fn parse(datagram: &'a [u8], profile: Profile) -> Result<Self, Malformed> {
        let len = ack_len(datagram, profile)?;
        let (ack, behind) = datagram.split_at_checked(len).ok_or(Malformed::Truncated)?;
        let mut reader = Reader::new(profile.strip(ack)?);
        let header = ControlHeader::read_own(&mut reader, profile)?;
        let message = message(&mut reader)?;
        let data = match behind {
            [] => None,
            _ => Some(DataPacket::parse(behind, profile)?),
        };
        if data.is_some_and(|data| data.header.destination != header.destination) {
            return Err(Malformed::Destination);
        }
        Ok(Self { destination: header.destination, source: header.other, message, data })
    }

    /// Writes the ACK, and gives its length. The data packet is written by itself.
    pub fn emit(
        &self,
        profile: Profile,
        random: bool,
        buffer: &mut [u8],
    ) -> Result<usize, WriteError> {
        let header = ControlHeader::own(profile, self.destination, self.source);
        emit(buffer, profile, |writer| {
            header.encode(ControlType::Ack, random, writer)?;
            write_message(self.message, writer)
        })
    }
}
