//! RUDP as state machines without a network: the endpoint and its connections, which are told the
//! time and given datagrams. Bytes are `rudp-wire`'s, ciphers come through the traits of
//! [`crypto`], sockets and threads belong to whoever runs the machine.

mod acks;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
pub mod config;
pub mod congestion;
mod connection;
pub mod crypto;
mod endpoint;
mod event;
mod flow;
mod handshake;
mod idle;
mod keys;
mod memory;
mod messages;
mod mtu;
mod pacer;
mod packet;
mod path;
mod priority;
mod ranges;
mod read_delay;
mod recovery;
mod redundancy;
mod streams;
mod token;
#[cfg(test)]
pub(crate) mod toy;

pub use endpoint::{
    ConnectError, Endpoint, Fail, Message, MessageFate, Read, ReceiptState, ReceivedMode, SendMode,
    Session, State, Stats, StrayReset, Target,
};
pub use event::{Ended, Event, EventKind, Handle, Outcome};
pub use handshake::Failure;
pub use priority::Priority;
pub use rudp_wire::code::Code;
pub use rudp_wire::frame::{Direction, MESSAGES};
