//! A file service over rudp sessions: clients list directories, ask about files and read them, in
//! whole or in part, each answer with a hash.
//!
//! `docs/FILES.md` is the protocol. A [`Server`] answers sessions out of a [`Store`], of which
//! [`Directory`] is one; a [`Client`] asks. Sockets, keys and encryption are the library's, and what
//! to do with the bytes is the program's.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "files, clocks and threads are what a file service is about"
)]

mod answer;
mod client;
mod cursor;
mod directory;
mod entry;
mod metered;
mod places;
mod request;
mod respond;
mod server;
mod store;

pub use answer::{ResetCode, Status};
pub use client::{Client, Download, Error, Page};
pub use directory::Directory;
pub use entry::{Entry, Kind, Metadata, Modified};
pub use request::{MAX_NAME, Operation, Request};
pub use server::{Event, Limits, Outcome, Peer, Served, Server};
pub use store::{Content, Listing, Refusal, Store};

/// The name by which clients ask for this service in the handshake (docs/FILES.md, 1.1).
pub const SERVICE: &str = "files";
