//! [`Address`]: where a node is in the network, and where it believes to be.
//! Who has which address is the network's.

use core::net::{IpAddr, SocketAddr};

/// One address of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// What the others see.
    pub(super) public: SocketAddr,
    /// What the machine is told: another one behind a NAT.
    pub(super) local: IpAddr,
}

impl Address {
    /// An address without a NAT.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { public: address, local: address.ip() }
    }
}

/// The address that a batch leaves from: the public one of the local one that the machine chose, or the
/// node's first where it leaves that to the system. What the node does not have is an error, as systems
/// have it: the node moved since.
pub(super) fn source(
    addresses: &[Address],
    chosen: Option<IpAddr>,
) -> Result<SocketAddr, SocketAddr> {
    let first = addresses[0].public;
    let Some(chosen) = chosen else { return Ok(first) };
    let own = addresses.iter().find(|address| address.local == chosen);
    own.map(|own| own.public).ok_or(SocketAddr::new(chosen, first.port()))
}

/// The local address of what was sent to `public`.
pub(super) fn local(addresses: &[Address], public: SocketAddr) -> Option<IpAddr> {
    addresses.iter().find(|address| address.public == public).map(|address| address.local)
}
