//! The table of frame types (docs/PROTOCOL.md, 7.2): number, name, ack-eliciting or not.
//! The layouts behind the types are in the modules beside this one.

pub(super) const PADDING: u64 = 0x00;
pub(super) const PING: u64 = 0x01;
pub(super) const ACK: u64 = 0x02;
pub(super) const ACK_ECN: u64 = 0x03;
pub(super) const IMMEDIATE_ACK: u64 = 0x04;
pub(super) const ACK_FREQUENCY: u64 = 0x05;
pub(super) const CLOSE: u64 = 0x06;
pub(super) const CLOSE_ACK: u64 = 0x07;
pub(super) const STREAM: u64 = 0x08;
pub(super) const STREAM_LAST: u64 = 0x0f;
pub(super) const RESET_STREAM: u64 = 0x10;
pub(super) const STOP_SENDING: u64 = 0x11;
pub(super) const MAX_DATA: u64 = 0x12;
pub(super) const MAX_STREAM_DATA: u64 = 0x13;
pub(super) const MAX_STREAMS_BIDI: u64 = 0x14;
pub(super) const MAX_STREAMS_UNI: u64 = 0x15;
pub(super) const DATA_BLOCKED: u64 = 0x16;
pub(super) const STREAM_DATA_BLOCKED: u64 = 0x17;
pub(super) const STREAMS_BLOCKED_BIDI: u64 = 0x18;
pub(super) const STREAMS_BLOCKED_UNI: u64 = 0x19;
pub(super) const RECEIPT_REQUEST: u64 = 0x1a;
pub(super) const RECEIPT: u64 = 0x1b;
pub(super) const MESSAGE: u64 = 0x1c;
pub(super) const MESSAGE_DROPPED: u64 = 0x1d;
pub(super) const MAX_MESSAGE_DATA: u64 = 0x1e;
pub(super) const DATAGRAM: u64 = 0x1f;
pub(super) const PATH_CHALLENGE: u64 = 0x23;
pub(super) const PATH_RESPONSE: u64 = 0x24;
pub(super) const NEXT_MESSAGE: u64 = 0x25;

/// The first type that has a length, so that it can be skipped unknown (docs/PROTOCOL.md, 7.1).
pub const FIRST_EXTENSION: u64 = 0x40;

/// One row of the table of 7.2: a type, or several in a row with one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The lowest type of that name.
    pub first: u64,
    /// The highest type of that name.
    pub last: u64,
    /// The name.
    pub name: &'static str,
    /// Whether packets with it are acknowledged (docs/PROTOCOL.md, 7.2).
    pub ack_eliciting: bool,
    /// Whether it is reserved, and so an error in this version (docs/PROTOCOL.md, 7.1).
    pub reserved: bool,
}

const fn kind(first: u64, name: &'static str, ack_eliciting: bool) -> Kind {
    Kind { first, last: first, name, ack_eliciting, reserved: false }
}

const fn reserved(first: u64, name: &'static str) -> Kind {
    Kind { first, last: first, name, ack_eliciting: false, reserved: true }
}

/// All types below 0x40 (docs/PROTOCOL.md, 7.2), by number.
pub const TABLE: &[Kind] = &[
    kind(PADDING, "PADDING", false),
    kind(PING, "PING", true),
    Kind { last: ACK_ECN, ..kind(ACK, "ACK", false) },
    kind(IMMEDIATE_ACK, "IMMEDIATE_ACK", true),
    kind(ACK_FREQUENCY, "ACK_FREQUENCY", true),
    kind(CLOSE, "CLOSE", false),
    kind(CLOSE_ACK, "CLOSE_ACK", false),
    Kind { last: STREAM_LAST, ..kind(STREAM, "STREAM", true) },
    kind(RESET_STREAM, "RESET_STREAM", true),
    kind(STOP_SENDING, "STOP_SENDING", true),
    kind(MAX_DATA, "MAX_DATA", true),
    kind(MAX_STREAM_DATA, "MAX_STREAM_DATA", true),
    Kind { last: MAX_STREAMS_UNI, ..kind(MAX_STREAMS_BIDI, "MAX_STREAMS", true) },
    kind(DATA_BLOCKED, "DATA_BLOCKED", true),
    kind(STREAM_DATA_BLOCKED, "STREAM_DATA_BLOCKED", true),
    Kind { last: STREAMS_BLOCKED_UNI, ..kind(STREAMS_BLOCKED_BIDI, "STREAMS_BLOCKED", true) },
    kind(RECEIPT_REQUEST, "RECEIPT_REQUEST", true),
    kind(RECEIPT, "RECEIPT", true),
    kind(MESSAGE, "MESSAGE", true),
    kind(MESSAGE_DROPPED, "MESSAGE_DROPPED", true),
    kind(MAX_MESSAGE_DATA, "MAX_MESSAGE_DATA", true),
    kind(DATAGRAM, "DATAGRAM", true),
    reserved(0x20, "NEW_CID"),
    reserved(0x21, "NEW_TOKEN"),
    reserved(0x22, "TIMESTAMP"),
    kind(PATH_CHALLENGE, "PATH_CHALLENGE", true),
    kind(PATH_RESPONSE, "PATH_RESPONSE", true),
    kind(NEXT_MESSAGE, "NEXT_MESSAGE", true),
];

/// The row of a type below 0x40, if it has one.
pub fn row(number: u64) -> Option<&'static Kind> {
    TABLE.iter().find(|kind| (kind.first..=kind.last).contains(&number))
}
