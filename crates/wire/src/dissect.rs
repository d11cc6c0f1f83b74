//! Packets and frames as text, one line each, for people and for tests that failed.
//! The lines are not meant to be read by programs.

use core::fmt;

use crate::frame::{Ack, Close, Control, Frame, Frames, Message, Mode, Receipt, Stream};
use crate::packet::{DataPacket, Packet, Profile};

/// A datagram as one line: what is in clear of it.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The datagram.
    pub bytes: &'a [u8],
    /// The profile of who got it.
    pub profile: Profile,
}

impl fmt::Display for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Packet::parse(self.bytes, self.profile) {
            Ok(packet) => packet.fmt(f)?,
            Err(error) => write!(f, "no packet: {error}")?,
        }
        write!(f, ", {} bytes", self.bytes.len())
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) => data.fmt(f),
            Self::Syn(syn) => {
                write!(f, "SYN to {} from {} version {}", syn.initial, syn.source, {
                    syn.profile().version()
                })?;
                write!(f, " {} suites {}", syn.pattern.name(), syn.suites)?;
                write!(f, " cookie {} message {}", syn.cookie.len(), syn.message.len())
            }
            Self::ForeignSyn(syn) => {
                write!(f, "SYN to {} from {} version {}", syn.initial, syn.source, syn.version)
            }
            Self::SynAck(packet) => {
                write!(f, "SYN-ACK to {} from {}", packet.destination, packet.source)?;
                write!(f, " message {}", packet.message.len())
            }
            Self::Ack(packet) => {
                write!(f, "ACK to {} from {}", packet.destination, packet.source)?;
                write!(f, " message {}", packet.message.len())?;
                packet.data.map_or(Ok(()), |data| write!(f, ", {data}"))
            }
            Self::Retry(packet) => {
                write!(f, "RETRY to {} of {}", packet.destination, packet.initial)?;
                write!(f, " cookie {}", packet.cookie.len())
            }
            Self::Version(packet) => {
                write!(f, "VERSION to {} of {}", packet.destination, packet.initial)?;
                packet.versions().try_for_each(|version| write!(f, " {version}"))
            }
            Self::Reset(packet) => write!(f, "RESET of {}", packet.id),
        }
    }
}

impl fmt::Display for DataPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = u8::from(self.header.phase);
        write!(f, "DATA to {} number {}", self.header.destination, self.header.number)?;
        write!(f, " phase {phase} sealed {}", self.sealed.len())
    }
}

/// The frames of an opened packet as one line.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a>(pub &'a [u8]);

impl fmt::Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, frame) in Frames::new(self.0).enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            match frame {
                Ok(frame) => frame.fmt(f)?,
                Err(error) => write!(f, "no frame: {error}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Padding { len } => write!(f, " {len}"),
            Self::Ping | Self::ImmediateAck => Ok(()),
            Self::Ack(ack) => ack_fields(ack, f),
            Self::Close(close) | Self::CloseAck(close) => close_fields(close, f),
            Self::Stream(Stream { stream, offset, end, data }) => {
                write!(f, " {stream} offset {offset} length {}", data.len())?;
                f.write_str(if *end { " end" } else { "" })
            }
            Self::Message(message) => message_fields(message, f),
            Self::MessageDropped(dropped) => {
                write!(f, " {} start {} length {}", dropped.number, dropped.start, dropped.length)
            }
            Self::Receipt(receipt) => receipt_fields(receipt, f),
            Self::Datagram(data) => write!(f, " length {}", data.len()),
            Self::Control(control) => control_fields(control, f),
            Self::Extension { kind, payload } => write!(f, " {kind:#x} length {}", payload.len()),
        }
    }
}

fn ack_fields(ack: &Ack<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, " delay {}", ack.delay)?;
    for range in ack.ranges() {
        match (*range.start(), *range.end()) {
            (low, high) if low == high => write!(f, " {low}")?,
            (low, high) => write!(f, " {low}-{high}")?,
        }
    }
    ack.ecn.map_or(Ok(()), |ecn| write!(f, " ECN {} {} {}", ecn.ect0, ecn.ect1, ecn.ce))
}

fn close_fields(close: &Close<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, " {} \"{}\"", close.code, close.reason.escape_ascii())?;
    for receipt in close.receipts() {
        f.write_str(" RECEIPT")?;
        receipt_fields(&receipt, f)?;
    }
    Ok(())
}

fn receipt_fields(receipt: &Receipt, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, " {} received {} read {}", receipt.stream, receipt.received, receipt.read)?;
    f.write_str(if receipt.all_received { " all-received" } else { "" })?;
    f.write_str(if receipt.all_read { " all-read" } else { "" })?;
    f.write_str(if receipt.is_final { " final" } else { "" })
}

fn message_fields(message: &Message<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let header = message.header();
    write!(f, " {}", header.number)?;
    match header.mode {
        Mode::Ordered { order } => write!(f, " order {order}")?,
        Mode::Reliable => {}
        Mode::Deadline { lifetime } => write!(f, " lifetime {lifetime}")?,
    }
    write!(f, " start {} of {}", header.start, header.length)?;
    write!(f, " offset {} length {}", header.offset, header.len)
}

fn control_fields(control: &Control, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match *control {
        Control::AckFrequency { sequence, tolerance, delay, threshold } => {
            write!(f, " {sequence} tolerance {tolerance} delay {delay} threshold {threshold}")
        }
        Control::ResetStream { stream, code, final_size } => {
            write!(f, " {stream} {code} final {final_size}")
        }
        Control::StopSending { stream, code } => write!(f, " {stream} {code}"),
        Control::MaxData { limit }
        | Control::DataBlocked { limit }
        | Control::MaxMessageData { limit } => write!(f, " {limit}"),
        Control::MaxStreamData { stream, limit }
        | Control::StreamDataBlocked { stream, limit }
        | Control::ReceiptRequest { stream, offset: limit } => write!(f, " {stream} {limit}"),
        Control::MaxStreams { direction, count: limit }
        | Control::StreamsBlocked { direction, limit } => write!(f, " {direction:?} {limit}"),
        Control::PathChallenge(bytes) | Control::PathResponse(bytes) => {
            write!(f, " {:016x}", u64::from_be_bytes(bytes))
        }
    }
}
