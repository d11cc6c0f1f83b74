//! The handshake (docs/PROTOCOL.md, 5), ids (4) and resets (10) as pure state machines: a client's
//! attempt, a server's table of unfinished handshakes, and what limits both.
//! Sessions begin where this ends; which session a packet belongs to is the endpoint's to know.

mod client;
mod cookie;
mod ids;
mod place;
mod rate;
mod recent;
mod reset;
mod server;
mod table;
#[cfg(test)]
mod tests;
mod version;

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use rudp_base::{PublicRng, SecretRng};
use rudp_wire::cursor::{WriteError, Writer};
use rudp_wire::parameters;

use crate::crypto::Crypto;

pub use client::Failure;
pub(crate) use client::{Ask, Attempt, Opened, Step, Timing};
pub(crate) use cookie::Cookies;
pub(crate) use ids::IdPlan;
pub(crate) use rate::Rate;
pub(crate) use reset::{Resets, is_from_peer};
#[cfg(test)]
pub(crate) use server::AnswerKind;
pub(crate) use server::{Begun, Dropped, Ids, Pending, Services, Settings, When};
pub(crate) use version::VersionAnswers;

/// What every handshake needs of its endpoint.
pub(crate) struct Context<'a> {
    /// The endpoint's key, secret and ciphers.
    pub(crate) crypto: &'a dyn Crypto,
    /// For ephemeral keys.
    pub(crate) secret: &'a mut SecretRng,
    /// For ids, and bits and parameters that mean nothing.
    pub(crate) public: &'a mut PublicRng,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("crypto", &self.crypto).finish_non_exhaustive()
    }
}

/// How a datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Who sent it.
    pub(crate) remote: SocketAddr,
    /// The address it was sent to, where the system tells.
    pub(crate) local: Option<IpAddr>,
    /// The length of the whole datagram in bytes.
    pub(crate) len: usize,
}

/// The longest payload that is written here: a service name of 255 bytes, or all parameters.
const MAX_PAYLOAD: usize = 512;

/// A payload that `write` writes, with a parameter of no meaning at its end: every payload ends
/// with parameters (docs/PROTOCOL.md, 5.0.2), and peers must go on ignoring unknown ones (5.4.1).
fn payload(
    public: &mut PublicRng,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), WriteError>,
) -> Result<Vec<u8>, WriteError> {
    let mut buffer = [0; MAX_PAYLOAD];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer)?;
    let id = 31 * public.below(1 << 16) + 27;
    let value = public.next_u64().to_be_bytes();
    let len = public.below(value.len() as u64 + 1);
    let value = usize::try_from(len).ok().and_then(|len| value.get(..len)).unwrap_or_default();
    parameters::write_raw(id, value, &mut writer)?;
    Ok(writer.written().to_vec())
}

/// The bit of a control packet's first byte that means nothing (docs/PROTOCOL.md, 2.6).
fn random_bit(public: &mut PublicRng) -> bool {
    public.next_u64() & 1 == 1
}
