//! RUSHB: a stop-and-wait file protocol over UDP, its server and its client as [`Machine`]s.
//!
//! The protocol as implemented is `docs/RUSHB.md`, whose clauses the code cites. This crate opens
//! no socket, no file and reads no clock: a driver or a simulator carries the datagrams, and the
//! application answers the server's questions and takes the client's bytes.
//!
//! | module | what lives there |
//! |---|---|
//! | [`wire`] | packets: header, kinds, options |
//! | [`checksum`], [`cipher`] | CHK's sum, ENC's substitution |
//! | `sender`, `receiver` | stop-and-wait, one half each |
//! | [`Server`], [`Client`] | sessions, as machines |
//!
//! # Example
//! A text goes from a server to a client without leaving the process:
//! ```
//! use rudp_base::{Datagrams, Instant, Machine, TRANSMIT_BUFFER};
//! use rushb::{Client, ClientConfig, ClientEvent, Server, ServerConfig, ServerEvent};
//!
//! const TEXT: &[u8] = b"It is a truth universally acknowledged";
//! let (client_address, server_address) =
//!     ("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:7000".parse().unwrap());
//! let mut server = Server::new(ServerConfig::default());
//! let mut client =
//!     Client::new(ClientConfig::default(), server_address, "truth.txt").unwrap();
//! let (now, mut buffer, mut received) = (Instant::ZERO, vec![0; TRANSMIT_BUFFER], Vec::new());
//!
//! while !client.is_done() {
//!     while let Some(transmit) = client.poll_transmit(now, &mut buffer) {
//!         server.handle(now, Datagrams::single(client_address, &mut buffer[..transmit.len]));
//!     }
//!     while let Some(event) = server.poll_event() {
//!         match event {
//!             ServerEvent::Requested { session, name, .. } if name == "truth.txt" => {
//!                 server.accept(session, TEXT.len() as u64);
//!             }
//!             ServerEvent::Requested { session, .. } => {
//!                 server.refuse(session);
//!             }
//!             ServerEvent::Wanted { session, offset, len } => {
//!                 server.supply(now, session, &TEXT[offset as usize..][..len]);
//!             }
//!             _ => {}
//!         }
//!     }
//!     while let Some(transmit) = server.poll_transmit(now, &mut buffer) {
//!         client.handle(now, Datagrams::single(server_address, &mut buffer[..transmit.len]));
//!     }
//!     while let Some(event) = client.poll_event() {
//!         if let ClientEvent::Data(data) = event {
//!             received.extend(data);
//!         }
//!     }
//! }
//! assert_eq!(received, TEXT);
//! ```
//!
//! [`Machine`]: rudp_base::Machine

pub mod checksum;
pub mod cipher;
mod client;
mod receiver;
mod rto;
mod sender;
mod server;
pub mod wire;

pub use client::{Client, ClientConfig, ClientEvent, Failure, NameError};
pub use rto::Rto;
pub use server::{Limit, Outcome, Report, Server, ServerConfig, ServerEvent, SessionId};
