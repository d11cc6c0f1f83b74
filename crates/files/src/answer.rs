//! Answers: what stands before and behind the body of each, as bytes and back (docs/FILES.md, 3).
//! The body itself is written in `respond` and read in `client`.

use std::fmt;

use crate::cursor::{Cursor, put_text};
use crate::entry::Metadata;

/// The length of the head of an answer that gives something, behind its status.
pub(crate) const HEAD_LEN: usize = Metadata::LEN + 8;

/// The length of the hash behind the body: BLAKE3's.
pub(crate) const HASH_LEN: usize = 32;

/// The longest explanation of a refusal, in bytes.
pub(crate) const MAX_TEXT: usize = 1_024;

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// With what was asked for.
    Done = 0,
    /// The request is none.
    Malformed = 1,
    /// There is nothing of this name.
    NotFound = 2,
    /// The name is not to be had: it leads out, or is neither file nor directory.
    Refused = 3,
    /// It is a directory where a file is wanted, or the other way round.
    WrongKind = 4,
    /// The server has a limit that is reached.
    Limit = 5,
    /// The server failed.
    Failed = 6,
}

impl Status {
    /// The status of a number. Numbers that a later version adds are failures.
    pub(crate) fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Done,
            1 => Self::Malformed,
            2 => Self::NotFound,
            3 => Self::Refused,
            4 => Self::WrongKind,
            5 => Self::Limit,
            _ => Self::Failed,
        }
    }
}

/// Why a server gives an answer up in its middle, as the code of the stream's reset (docs/FILES.md,
/// 3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetCode {
    /// The file became shorter.
    Shrunk = 1,
    /// The file cannot be read any more.
    Unreadable = 2,
}

impl ResetCode {
    /// The code of a number, if it is one.
    pub fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Shrunk),
            2 => Some(Self::Unreadable),
            _ => None,
        }
    }
}

impl fmt::Display for ResetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shrunk => "the file became shorter while it was sent",
            Self::Unreadable => "the server cannot read the file any more",
        })
    }
}

/// What stands before the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) metadata: Metadata,
    /// The length of the body in bytes.
    pub(crate) length: u64,
}

impl Head {
    /// The status and the head as bytes.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + HEAD_LEN);
        bytes.push(Status::Done as u8);
        self.metadata.put(&mut bytes);
        bytes.extend(self.length.to_be_bytes());
        bytes
    }

    /// The head that `bytes`, without the status, are.
    pub(crate) fn from_bytes(bytes: &[u8; HEAD_LEN]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        Some(Self { metadata: Metadata::take(&mut cursor)?, length: cursor.u64()? })
    }
}

/// A refusal as bytes.
pub(crate) fn refusal(status: Status, text: &str) -> Vec<u8> {
    let mut bytes = vec![status as u8];
    put_text(&mut bytes, &text[..text.floor_char_boundary(MAX_TEXT)]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Kind, Modified};

    #[test]
    fn heads_come_back_and_have_the_bytes_of_the_document() {
        let modified = Modified { seconds: 2, nanos: 3 };
        let head =
            Head { metadata: Metadata { kind: Kind::Directory, size: 1, modified }, length: 4 };
        let bytes = head.to_bytes();
        let expected = b"\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x03\0\0\0\0\0\0\0\x04";
        assert_eq!(bytes, expected);
        assert_eq!(Head::from_bytes(bytes[1..].try_into().unwrap()), Some(head));
        assert_eq!(Head::from_bytes(&[0xff; HEAD_LEN]), None);
    }

    #[test]
    fn explanations_are_bounded() {
        let bytes = refusal(Status::NotFound, &"ü".repeat(MAX_TEXT));
        assert_eq!(bytes.len(), 1 + 2 + MAX_TEXT);
        assert_eq!(bytes[0], 2);
    }

    #[test]
    fn statuses_and_codes_keep_their_numbers() {
        for number in 0..=6 {
            assert_eq!(Status::from_number(number) as u8, number);
        }
        assert_eq!(Status::from_number(200), Status::Failed);
        for number in 1..=2 {
            assert_eq!(ResetCode::from_number(number).map(|code| code as u64), Some(number));
        }
        assert_eq!(ResetCode::from_number(0), None);
    }
}
