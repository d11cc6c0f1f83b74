//! The bytes of RUDP, version 1: packets, frames, parameters and the payloads of the handshake, to
//! and from structs. No state, no clock and no cryptography is here; what a frame does to a session
//! is decided elsewhere.
//!
//! The format is `docs/PROTOCOL.md`, whose clauses the code cites. Nothing here allocates: the
//! crate has neither `std` nor `alloc` of its own. What is parsed borrows from the packet, and lists in frames
//! are checked once and then read from their bytes.
//!
//! | module | what lives there |
//! |---|---|
//! | [`varint`], [`cursor`] | numbers, and reading and writing at a position |
//! | [`packet`] | headers, control packets, what a datagram is |
//! | [`checksum`] | the sum of the plain profile |
//! | [`handshake`], [`parameters`] | what the three messages of the handshake carry |
//! | [`frame`] | what data packets carry |
//! | [`code`] | the codes of closes and refusals |
//! | [`dissect`] | packets and frames as text |
//!
//! # Example
//! ```
//! use rudp_wire::cursor::Writer;
//! use rudp_wire::frame::{Frame, Frames, Stream};
//!
//! let mut buffer = [0; 64];
//! let mut writer = Writer::new(&mut buffer);
//! let frame = Frame::Stream(Stream { stream: 0, offset: 100, end: true, data: b"hello" });
//! frame.encode(&mut writer).unwrap();
//! Frame::Ping.encode(&mut writer).unwrap();
//! assert_eq!(writer.written(), b"\x0f\x00\x40\x64\x05hello\x01");
//!
//! let mut frames = Frames::new(writer.written());
//! assert_eq!(frames.next(), Some(Ok(frame)));
//! assert_eq!(frames.next(), Some(Ok(Frame::Ping)));
//! assert_eq!(frames.next(), None);
//! ```
#![no_std]
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic, clippy::unreachable)]

pub mod checksum;
pub mod code;
pub mod cursor;
pub mod dissect;
pub mod frame;
pub mod handshake;
pub mod packet;
pub mod parameters;
pub mod varint;
