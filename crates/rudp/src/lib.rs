//! Reliable, encrypted sessions over UDP, as easy to use as a TCP socket.
//!
//! A server has a key, clients know it, and everything between them is encrypted: there are no
//! certificates, and there is nothing to configure. What was sent arrives, in order, or the session
//! says how far it came: [`Session::close`] tells whether the peer's program has read everything.
//! Besides one ordered sequence of bytes a session has [streams](Session::open_stream) that do not
//! wait for each other, and [messages](Session::send_message): reliable, with a deadline, or
//! unreliable.
//!
//! A server that answers one client:
//!
//! ```no_run
//! use rudp::ReliableServer;
//!
//! # fn main() -> Result<(), rudp::Error> {
//! let mut server = ReliableServer::new("127.0.0.1", 55265)?;
//! server.listen()?;
//! let client = server.accept()?;
//! println!("{}", String::from_utf8_lossy(&client.receive(1024)?));
//! client.send("message received")?;
//! println!("{}", client.close());
//! server.shutdown()?;
//! # Ok(()) }
//! ```
//!
//! And its client:
//!
//! ```no_run
//! use rudp::ReliableSocket;
//!
//! # fn main() -> Result<(), rudp::Error> {
//! let mut socket = ReliableSocket::new("127.0.0.1", 55265)?;
//! socket.connect()?;
//! socket.send("hello")?;
//! println!("{}", String::from_utf8_lossy(&socket.receive(1024)?));
//! println!("{}", socket.close());
//! # Ok(()) }
//! ```
//!
//! | to | there is |
//! |---|---|
//! | serve and dial from one address, with keys and settings | [`Endpoint`], [`Builder`], [`Config`] |
//! | say whom to believe | [`Trust`], [`Key`], [`PublicKey`], [`Secret`] |
//! | send and receive | [`Session`], [`Stream`], [`Mode`], [`Message`] |
//! | know what has arrived | [`Closed`], [`Receipt`] |
//! | do it with futures | [`aio`] |
//! | do it in a loop of one's own | [`sans_io`] |
//!
//! Not here, and not planned: NAT traversal, multipath, browsers, certificates of X.509.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the library stands above the line: clocks, threads and files are its users'"
)]

mod address;
pub mod aio;
mod attend;
mod block;
mod builder;
mod closed;
mod common;
mod connect;
mod endpoint;
mod error;
mod file;
mod host;
mod keeper;
mod key;
mod known_hosts;
mod link;
mod lobby;
mod node;
mod random;
mod receipt;
pub mod sans_io;
mod server;
mod session;
mod shards;
mod stream;
mod text;
mod trust;
mod waits;

pub use builder::{Builder, ClientKeys};
pub use closed::{Closed, Confirmed};
pub use endpoint::Endpoint;
pub use error::{Error, ErrorKind, Origin, Result};
pub use key::{Key, PublicKey, Secret};
pub use receipt::{Receipt, Until};
pub use rudp_proto::config::{
    Config, Congestion, MAX_PACKET_SIZE, MIN_PACKET_SIZE, Profile, RetryMode,
};
pub use rudp_proto::{MESSAGES, Message, Priority, ReceivedMode, SendMode as Mode, Stats};
pub use server::{ClientConnection, ReliableServer, ReliableSocket};
pub use session::Session;
pub use shards::ShardStats;
pub use stream::Stream;
pub use trust::Trust;
