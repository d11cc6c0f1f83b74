//! Addresses as numbers: who asks, and whom a limit per address counts.
//! The limits themselves are elsewhere.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An address and a port, with IPv4 mapped into IPv6 (docs/PROTOCOL.md, 5.5.3). Flow labels and
/// scopes are no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    address: Ipv6Addr,
    port: u16,
}

impl Place {
    pub(super) fn of(remote: SocketAddr) -> Self {
        Self { address: mapped(remote.ip()), port: remote.port() }
    }

    /// The 16 bytes of the address.
    pub(super) fn address(&self) -> [u8; 16] {
        self.address.octets()
    }

    /// The 2 bytes of the port.
    pub(super) fn port(&self) -> [u8; 2] {
        self.port.to_be_bytes()
    }
}

/// An IPv4 address or an IPv6 /64 network (docs/PROTOCOL.md, 5.1.5): whoever has one IPv6 address
/// usually has 2^64 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Network(u128);

impl Network {
    pub(super) fn of(address: IpAddr) -> Self {
        let address = mapped(address);
        let host_bits = if address.to_ipv4_mapped().is_some() { 0 } else { 64 };
        Self(address.to_bits() >> host_bits << host_bits)
    }
}

/// One address, whatever its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Host(u128);

impl Host {
    pub(super) fn of(address: IpAddr) -> Self {
        Self(mapped(address).to_bits())
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    // spec: 5.1.5
    #[test]
    fn networks_are_ipv4_addresses_and_ipv6_prefixes() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:0:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
        assert_eq!(network("10.0.0.1"), network("::ffff:10.0.0.1"));
    }

    // spec: 5.5.3
    #[test]
    fn places_have_16_bytes_of_address_and_2_of_port() {
        let v4 = Place::of("10.0.0.1:513".parse().unwrap());
        let mapped = Place::of("[::ffff:10.0.0.1]:513".parse().unwrap());
        assert_eq!(v4, mapped);
        let address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
        assert_eq!((v4.address(), v4.port()), (address, [2, 1]));
    }
}
