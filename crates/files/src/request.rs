//! Requests: what a client asks for, as bytes and back (docs/FILES.md, 2).
//! What is answered is in `answer`.

use std::fmt;

use crate::cursor::{Cursor, put_text};

/// The longest name, in bytes (docs/FILES.md, 2.3).
pub const MAX_NAME: usize = 4_096;

/// The longest request, in bytes: a listing with two names.
pub(crate) const MAX_REQUEST: usize = 1 + 2 * (2 + MAX_NAME);

/// What a client asks for. Names are paths below what is served, with `/` between their parts; the
/// empty name is the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The next entries of a directory, in the order of their bytes.
    List {
        /// The directory.
        name: String,
        /// Only entries behind this name; empty for the first ones.
        after: String,
    },
    /// What a name is.
    Stat {
        /// The file or directory.
        name: String,
    },
    /// A part of a file.
    Read {
        /// The file.
        name: String,
        /// From which byte on.
        offset: u64,
        /// How many bytes at most; `u64::MAX` for all.
        length: u64,
    },
}

/// What kind of request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// List a directory.
    List = 1,
    /// Tell what a name is.
    Stat = 2,
    /// Read a file.
    Read = 3,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::List => "list",
            Self::Stat => "stat",
            Self::Read => "read",
        })
    }
}

impl Request {
    /// What kind of request it is.
    pub fn operation(&self) -> Operation {
        match self {
            Self::List { .. } => Operation::List,
            Self::Stat { .. } => Operation::Stat,
            Self::Read { .. } => Operation::Read,
        }
    }

    /// What it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::List { name, .. } | Self::Stat { name } | Self::Read { name, .. } => name,
        }
    }

    /// The request as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.operation() as u8];
        put_text(&mut bytes, self.name());
        match self {
            Self::List { after, .. } => put_text(&mut bytes, after),
            Self::Stat { .. } => {}
            Self::Read { offset, length, .. } => {
                bytes.extend(offset.to_be_bytes());
                bytes.extend(length.to_be_bytes());
            }
        }
        bytes
    }

    /// The request that `bytes` are, if they are exactly one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let operation = cursor.u8()?;
        let name = cursor.text(MAX_NAME)?.to_owned();
        let request = match operation {
            1 => Self::List { name, after: cursor.text(MAX_NAME)?.to_owned() },
            2 => Self::Stat { name },
            3 => Self::Read { name, offset: cursor.u64()?, length: cursor.u64()? },
            _ => return None,
        };
        cursor.is_empty().then_some(request)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requests() -> impl Strategy<Value = Request> {
        let name = "\\PC{0,300}";
        prop_oneof![
            (name, name).prop_map(|(name, after)| Request::List { name, after }),
            name.prop_map(|name| Request::Stat { name }),
            (name, any::<u64>(), any::<u64>()).prop_map(|(name, offset, length)| Request::Read {
                name,
                offset,
                length
            }),
        ]
    }

    proptest! {
        #[test]
        fn requests_come_back(request in requests()) {
            let bytes = request.to_bytes();
            prop_assert!(bytes.len() <= MAX_REQUEST);
            prop_assert_eq!(Request::from_bytes(&bytes), Some(request));
        }

        #[test]
        fn no_other_length_is_a_request(request in requests(), cut in 1usize..20, extra in any::<u8>()) {
            let mut bytes = request.to_bytes();
            prop_assert_eq!(Request::from_bytes(&bytes[..bytes.len().saturating_sub(cut)]), None);
            bytes.push(extra);
            prop_assert_eq!(Request::from_bytes(&bytes), None);
        }

        #[test]
        fn any_bytes_are_one_request_or_none(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(request) = Request::from_bytes(&bytes) {
                prop_assert_eq!(request.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_document() {
        let read = Request::Read { name: "a/b".into(), offset: 1, length: u64::MAX };
        let mut bytes = b"\x03\x00\x03a/b\0\0\0\0\0\0\0\x01".to_vec();
        bytes.extend([0xff; 8]);
        assert_eq!(read.to_bytes(), bytes);
        let list = Request::List { name: String::new(), after: "z".into() };
        assert_eq!(list.to_bytes(), b"\x01\0\0\0\x01z");
        assert_eq!(Request::Stat { name: "x".into() }.to_bytes(), b"\x02\0\x01x");
    }

    #[test]
    fn names_that_are_too_long_are_no_request() {
        for (len, taken) in [(MAX_NAME, true), (MAX_NAME + 1, false)] {
            let bytes = Request::Stat { name: "x".repeat(len) }.to_bytes();
            assert_eq!(Request::from_bytes(&bytes).is_some(), taken);
        }
    }
}
