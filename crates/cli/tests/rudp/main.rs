//! The program `rudp` as its users see it: the built binary, on real sockets of the loopback.
//! What it prints, writes and returns is checked; how it does that is its own tests' business.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests stand above the line: processes, sockets, threads and files are theirs"
)]

mod demo;
#[path = "../common/disk.rs"]
mod disk;
mod files;
mod interrupted;
mod keys;
mod known;
mod link;
mod local;
mod pipe;
#[path = "../common/process.rs"]
mod process;
mod profiles;
#[path = "../common/relay.rs"]
mod relay;
mod said;
mod serving;
mod sim;
mod support;
mod usage;
