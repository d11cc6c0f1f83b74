//! A trace as a pcap file of raw IP packets, with headers made up around the payloads.
//! Which records go in is the trace's choice.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rudp_base::Ecn;

use crate::Record;

/// The magic number of files with nanoseconds, in the byte order of the writer.
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Packets begin with an IPv4 or IPv6 header.
const LINKTYPE_RAW: u32 = 101;
const SNAP_LENGTH: u32 = 262_144;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const IPV4_HEADER: usize = 20;

/// A capture file of the packets.
pub(crate) fn file<'a>(packets: impl Iterator<Item = (&'a Record, &'a [u8])>) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(MAGIC_NANOSECONDS.to_le_bytes());
    for version in [2_u16, 4] {
        file.extend(version.to_le_bytes());
    }
    for number in [0, 0, SNAP_LENGTH, LINKTYPE_RAW] {
        file.extend(number.to_le_bytes());
    }
    let mut packet = Vec::new();
    for (record, payload) in packets {
        packet.clear();
        write_packet(&mut packet, record, payload);
        let nanos = record.at.as_nanos();
        let length = packet.len() as u64;
        for number in [nanos / 1_000_000_000, nanos % 1_000_000_000, length, length] {
            // The format's seconds end after 136 years.
            file.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        file.extend(&packet);
    }
    file
}

fn write_packet(packet: &mut Vec<u8>, record: &Record, payload: &[u8]) {
    let traffic_class = match record.ecn {
        None => 0,
        Some(Ecn::Ect1) => 1,
        Some(Ecn::Ect0) => 2,
        Some(Ecn::Ce) => 3,
    };
    let (from, to) = (record.from.ip(), record.to.ip());
    let udp = udp_packet(record, payload);
    if let (IpAddr::V4(from), IpAddr::V4(to)) = (from, to) {
        write_ipv4(packet, traffic_class, from, to, udp.len());
    } else {
        write_ipv6(packet, traffic_class, to_ipv6(from), to_ipv6(to), udp.len());
    }
    packet.extend(udp);
}

fn udp_packet(record: &Record, payload: &[u8]) -> Vec<u8> {
    let length = UDP_HEADER + payload.len();
    let mut udp = Vec::with_capacity(length);
    for field in [record.from.port(), record.to.port(), clip(length), 0] {
        udp.extend(field.to_be_bytes());
    }
    udp.extend_from_slice(payload);
    let mut sum = checksum(0, &udp) + u32::from(UDP) + u32::from(clip(length));
    for ip in [record.from.ip(), record.to.ip()] {
        // A mapped IPv4 address has the prefix ffff, in packets of mixed families only.
        let mixed = record.from.is_ipv4() != record.to.is_ipv4();
        sum = match ip {
            IpAddr::V4(ip) if !mixed => checksum(sum, &ip.octets()),
            ip => checksum(sum, &to_ipv6(ip).octets()),
        };
    }
    // 0 would mean that there is no checksum.
    let check = match fold(sum) {
        0 => u16::MAX,
        check => check,
    };
    udp[6..8].copy_from_slice(&check.to_be_bytes());
    udp
}

fn write_ipv4(packet: &mut Vec<u8>, class: u8, from: Ipv4Addr, to: Ipv4Addr, payload: usize) {
    const VERSION_AND_LENGTH: u8 = 0x45;
    const TTL: u8 = 64;
    const DONT_FRAGMENT: [u8; 2] = [0x40, 0];
    packet.extend([VERSION_AND_LENGTH, class]);
    packet.extend(clip(IPV4_HEADER + payload).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(DONT_FRAGMENT);
    packet.extend([TTL, UDP, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let check = fold(checksum(0, &packet[..IPV4_HEADER]));
    packet[10..12].copy_from_slice(&check.to_be_bytes());
}

fn write_ipv6(packet: &mut Vec<u8>, class: u8, from: Ipv6Addr, to: Ipv6Addr, payload: usize) {
    const HOP_LIMIT: u8 = 64;
    packet.extend([0x60, class << 4, 0, 0]);
    packet.extend(clip(payload).to_be_bytes());
    packet.extend([UDP, HOP_LIMIT]);
    packet.extend(from.octets());
    packet.extend(to.octets());
}

fn to_ipv6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// Length fields have 16 bits; greater packets exist in simulations only.
fn clip(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// Adds the big-endian words of `bytes`. 65,535 bytes cannot overflow 32 bits.
fn checksum(start: u32, bytes: &[u8]) -> u32 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
    bytes.chunks(2).map(word).fold(start, u32::wrapping_add)
}

/// The ones' complement of the ones' complement sum.
fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}
