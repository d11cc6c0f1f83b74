//! The targets, one file each, called `run`. What they need in common is beside this folder, or in
//! the crates they test.

pub mod batch;
pub mod client;
pub mod codec;
pub mod server;
pub mod session;
pub mod wire_frames;
pub mod wire_packet;
