//! The programs of rudp: `rudp`, `rushb`, and what the programs share.
//! The protocols live in their own crates; here are arguments, files, logs and exit codes.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "programs stand above the line: clocks, threads and files are theirs"
)]

mod exit;
mod limiter;
mod logs;
mod output;
mod pages;
mod print;
mod progress;
pub mod rudp;
pub mod rushb;
mod signals;
mod values;

pub use exit::{Exit, Failure};
