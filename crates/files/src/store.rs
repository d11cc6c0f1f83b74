//! [`Store`]: where a server has its files from.
//! The one that is a directory is in `directory`; the protocol is not known here.

use std::io;

use crate::answer::Status;
use crate::entry::{Entry, Metadata};

/// A place with files. Names come from clients: a store has to refuse what leads out of it.
pub trait Store: Send + Sync {
    /// What `name` is.
    ///
    /// # Errors
    /// Why it is not told.
    fn stat(&self, name: &str) -> Result<Metadata, Refusal>;

    /// Opens the file `name`.
    ///
    /// # Errors
    /// Why it is not given.
    fn open(&self, name: &str) -> Result<Box<dyn Content>, Refusal>;

    /// The first `most` entries of the directory `name` behind the name `after`, in the order of
    /// their bytes.
    ///
    /// # Errors
    /// Why it is not given.
    fn list(&self, name: &str, after: &str, most: usize) -> Result<Listing, Refusal>;
}

/// An open file.
pub trait Content: Send {
    /// What it was when it was opened.
    fn metadata(&self) -> Metadata;

    /// Reads bytes at `offset`, at least one if there is one.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// A part of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The directory.
    pub metadata: Metadata,
    /// Some of its entries, in order.
    pub entries: Vec<Entry>,
    /// Whether there are entries behind them.
    pub more: bool,
}

/// Why something is not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// For programs.
    pub status: Status,
    /// For people. The client sees it: it must not tell what it should not know.
    pub text: String,
}

impl Refusal {
    /// A refusal with a `text` for people.
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}
