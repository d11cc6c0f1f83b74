//! What a file or directory is, and the entries of listings, as bytes and back (docs/FILES.md, 3.3
//! and 3.5). Where they come from is a store's business.

use crate::cursor::{Cursor, put_text};
use crate::request::MAX_NAME;

/// Whether a name is a file or a directory. Nothing else is shown or served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File = 1,
    /// A directory.
    Directory = 2,
}

/// When something was changed last: Unix time in seconds, and nanoseconds (0 to 999,999,999).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Modified {
    /// Seconds since 1970, UTC; negative before.
    pub seconds: i64,
    /// Nanoseconds beyond the second.
    pub nanos: u32,
}

/// What is known of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// The size of a file in bytes; 0 for a directory.
    pub size: u64,
    /// When it was changed last.
    pub modified: Modified,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the directory: one part, without `/`.
    pub name: String,
    /// What it is.
    pub metadata: Metadata,
}

impl Metadata {
    /// The length of its bytes.
    pub(crate) const LEN: usize = 21;

    pub(crate) fn put(&self, to: &mut Vec<u8>) {
        to.push(self.kind as u8);
        to.extend(self.size.to_be_bytes());
        to.extend(self.modified.seconds.to_be_bytes());
        to.extend(self.modified.nanos.to_be_bytes());
    }

    pub(crate) fn take(cursor: &mut Cursor<'_>) -> Option<Self> {
        let kind = match cursor.u8()? {
            1 => Kind::File,
            2 => Kind::Directory,
            _ => return None,
        };
        let size = cursor.u64()?;
        let modified = Modified { seconds: cursor.i64()?, nanos: cursor.u32()? };
        (modified.nanos < 1_000_000_000).then_some(Self { kind, size, modified })
    }
}

impl Entry {
    pub(crate) fn put(&self, to: &mut Vec<u8>) {
        self.metadata.put(to);
        put_text(to, &self.name);
    }

    /// An entry whose name can be one.
    pub(crate) fn take(cursor: &mut Cursor<'_>) -> Option<Self> {
        let metadata = Metadata::take(cursor)?;
        let name = cursor.text(MAX_NAME)?;
        let is_name = !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']);
        is_name.then(|| Self { name: name.to_owned(), metadata })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry {
        let modified = Modified { seconds: -1, nanos: 999_999_999 };
        Entry { name: name.into(), metadata: Metadata { kind: Kind::File, size: 7, modified } }
    }

    #[test]
    fn entries_come_back() {
        let mut bytes = Vec::new();
        entry("grüße").put(&mut bytes);
        assert_eq!(bytes.len(), Metadata::LEN + 2 + 7);
        assert_eq!(Entry::take(&mut Cursor::new(&bytes)), Some(entry("grüße")));
        for len in 0..bytes.len() {
            assert_eq!(Entry::take(&mut Cursor::new(&bytes[..len])), None, "{len}");
        }
    }

    #[test]
    fn names_that_are_none_and_kinds_that_are_unknown_do_not_parse() {
        for name in ["", ".", "..", "a/b", "/", "nul\0"] {
            let mut bytes = Vec::new();
            entry(name).put(&mut bytes);
            assert_eq!(Entry::take(&mut Cursor::new(&bytes)), None, "{name:?}");
        }
        let mut bytes = Vec::new();
        entry("x").put(&mut bytes);
        for kind in [0, 3, 255] {
            bytes[0] = kind;
            assert_eq!(Entry::take(&mut Cursor::new(&bytes)), None, "{kind}");
        }
        bytes[0] = 1;
        bytes[17..21].copy_from_slice(&1_000_000_000u32.to_be_bytes());
        assert_eq!(Entry::take(&mut Cursor::new(&bytes)), None);
    }
}
