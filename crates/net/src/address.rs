//! IPv4 addresses in the two forms a dual-stack socket has for them: plain for machines, mapped
//! into IPv6 for the system. Sockets themselves are not touched here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The form machines see: a mapped IPv4 address becomes a plain one.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddrV4::new(ip, v6.port()).into(),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

/// The form an IPv6 socket sends to: a plain IPv4 address becomes a mapped one.
pub(crate) fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into(),
        SocketAddr::V6(_) => address,
    }
}

/// As [`mapped`], for an address without a port.
pub(crate) fn mapped_ip(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
        IpAddr::V6(_) => ip,
    }
}

/// Whether a datagram to `remote` may leave from `local`, which may be what a received one was sent
/// to: a group or everybody.
pub(crate) fn may_send_from(local: IpAddr, remote: IpAddr) -> bool {
    let (local, remote) = (local.to_canonical(), remote.to_canonical());
    let everybody = local == IpAddr::V4(Ipv4Addr::BROADCAST);
    let unicast = !local.is_multicast() && !local.is_unspecified() && !everybody;
    unicast && local.is_ipv4() == remote.is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapping_goes_there_and_back() {
        let v4: SocketAddr = "192.0.2.1:7".parse().unwrap();
        assert_eq!(mapped(v4), "[::ffff:192.0.2.1]:7".parse().unwrap());
        assert_eq!(plain(mapped(v4)), v4);
        assert_eq!(mapped_ip(v4.ip()), mapped(v4).ip());
    }

    #[test]
    fn ipv6_stays_as_it_is_with_its_scope() {
        let v6 = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 7, 0, 3));
        assert_eq!(plain(v6), v6);
        assert_eq!(mapped(v6), v6);
        assert_eq!(mapped_ip(v6.ip()), v6.ip());
    }

    #[test]
    fn only_an_address_of_one_and_of_the_family_can_be_the_source() {
        let may = |local: &str, remote: &str| {
            may_send_from(local.parse().unwrap(), remote.parse().unwrap())
        };
        assert!(may("192.0.2.1", "192.0.2.2") && may("fe80::1", "2001:db8::1"));
        assert!(may("::ffff:192.0.2.1", "192.0.2.2") && may("192.0.2.1", "::ffff:192.0.2.2"));
        assert!(!may("255.255.255.255", "192.0.2.2") && !may("0.0.0.0", "192.0.2.2"));
        assert!(!may("224.0.0.251", "192.0.2.2") && !may("ff02::1", "2001:db8::1"));
        assert!(!may("::ffff:224.0.0.1", "192.0.2.2") && !may("::", "2001:db8::1"));
        assert!(!may("192.0.2.1", "2001:db8::1") && !may("2001:db8::1", "192.0.2.2"));
    }
}
