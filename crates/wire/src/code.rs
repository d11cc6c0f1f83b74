//! The codes of closes, refusals and resets (docs/PROTOCOL.md, 11) as one table.
//! When which code is used is not decided here.

use core::fmt;

/// Why a session, a stream or an attempt ended (docs/PROTOCOL.md, 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u64);

/// What a code may be used for (docs/PROTOCOL.md, 11, column "of").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// In CLOSE.
    Close,
    /// In a refusal by SYN-ACK.
    Refusal,
    /// In both.
    CloseOrRefusal,
    /// On no wire: for the program of the endpoint where it happened.
    Local,
}

/// One row of the table of section 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The code.
    pub code: Code,
    /// Its name.
    pub name: &'static str,
    /// What it is used for.
    pub of: Use,
    /// What it means, for people.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($number:literal $name:ident $of:ident $meaning:literal,)*) => {
        impl Code {
            $(#[doc = concat!($meaning, " (docs/PROTOCOL.md, 11).")]
            pub const $name: Self = Self($number);)*
        }

        /// All codes of section 11 but the program's own, by number.
        pub const TABLE: &[Row] = &[$(Row {
            code: Code::$name,
            name: stringify!($name),
            of: Use::$of,
            meaning: $meaning,
        },)*];
    };
}

codes! {
    0 NO_ERROR Close "the program has closed the session",
    1 INTERNAL_ERROR CloseOrRefusal "the endpoint failed",
    2 PROTOCOL_VIOLATION Close "something that the protocol forbids",
    3 FRAME_ERROR Close "a frame that does not parse, or has no known type",
    4 FLOW_CONTROL_ERROR Close "more data than was allowed",
    5 STREAM_LIMIT_ERROR Close "more streams than were allowed",
    6 STREAM_STATE_ERROR Close "a frame that its stream cannot have",
    7 FINAL_SIZE_ERROR Close "a stream with two ends",
    8 MESSAGE_ERROR Close "a message too large, or described in two ways",
    9 VERSION_DOWNGRADE Close "somebody made the client use another version",
    10 KEYS_EXHAUSTED Close "no more packets can be sealed",
    11 SERVER_SHUTDOWN CloseOrRefusal "the server ends",
    12 BUSY CloseOrRefusal "too many sessions",
    13 UNKNOWN_SERVICE Refusal "no service of that name",
    14 CLIENT_KEY_REQUIRED Refusal "the server wants a client with a key",
    15 CLIENT_KEY_UNKNOWN Close "the server does not know the client's key",
    16 IDLE_TIMEOUT Local "the peer fell silent",
    17 HANDSHAKE_TIMEOUT Local "nobody answered",
    18 KEY_CHANGED Local "the server has another key than expected",
    19 PEER_FORGOT Local "the peer has restarted",
    20 NO_COMMON_SUITE Refusal "none of the suites offered",
}

impl Code {
    /// The first of the program's own codes (docs/PROTOCOL.md, 11 and 11.1).
    pub const PROGRAM: u64 = 256;

    /// The code with which a program's own `number` travels, if there is one (docs/PROTOCOL.md,
    /// 11.1).
    pub fn of_program(number: u64) -> Option<Self> {
        let code = number.checked_add(Self::PROGRAM)?;
        (code <= crate::varint::MAX).then_some(Self(code))
    }

    /// The number that the program knows this code by, if it is one of its own (docs/PROTOCOL.md,
    /// 11.1).
    pub fn program(self) -> Option<u64> {
        self.0.checked_sub(Self::PROGRAM)
    }

    /// The code's row, if it is one of the protocol's.
    pub fn row(self) -> Option<&'static Row> {
        TABLE.get(usize::try_from(self.0).ok()?)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.row(), self.program()) {
            (Some(row), _) => f.write_str(row.name),
            (None, Some(number)) => write!(f, "program's {number}"),
            (None, None) => write!(f, "code {}", self.0),
        }
    }
}
