//! The programs of rudp: `rushb`, and what the programs share.
//! The protocols live in their own crates; here are arguments, files, logs and exit codes.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "programs stand above the line: clocks, threads and files are theirs"
)]

mod exit;
mod print;
pub mod rushb;
mod signals;

pub use exit::{Exit, Failure};
