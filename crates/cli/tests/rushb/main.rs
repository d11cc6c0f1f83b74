//! The program `rushb` as its users see it: the built binary, on real sockets of the loopback.
//! What it prints, writes, logs and returns is checked; how it does that is its own tests' business.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests stand above the line: processes, sockets, threads and files are theirs"
)]

mod classic;
mod crowd;
mod demo;
#[path = "../common/disk.rs"]
mod disk;
mod interrupted;
mod limits;
mod local;
mod logs;
mod network;
mod pages;
#[path = "../common/process.rs"]
mod process;
mod raw;
mod refusals;
#[path = "../common/relay.rs"]
mod relay;
mod support;
mod transfer;
mod usage;
