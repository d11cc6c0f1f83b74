//! The program `rudp` as its users see it: the built binary, on real sockets of the loopback.
//! What it prints, writes and returns is checked; how it does that is its own tests' business.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests stand above the line: processes, sockets, threads and files are theirs"
)]

mod demo;
mod files;
mod keys;
mod pipe;
mod support;
