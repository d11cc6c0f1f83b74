//! The pcap export, read back by a small reader.

use core::net::{Ipv6Addr, SocketAddr};

use rudp_base::{Ecn, Transmit};
use rudp_sim::{Fault, LinkConfig, Tap};

use crate::machines::{MS, address, millis, world_of};

struct Packet {
    nanos: u64,
    ip: Vec<u8>,
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().expect("four bytes"))
}

fn read(file: &[u8]) -> Vec<Packet> {
    assert_eq!(u32_at(file, 0), 0xa1b2_3c4d, "nanoseconds");
    assert_eq!(file[4..8], [2, 0, 4, 0], "version 2.4");
    assert_eq!(u32_at(file, 20), 101, "raw IP");
    let mut packets = Vec::new();
    let mut rest = &file[24..];
    while !rest.is_empty() {
        let nanos = u64::from(u32_at(rest, 0)) * 1_000_000_000 + u64::from(u32_at(rest, 4));
        let length = u32_at(rest, 8) as usize;
        assert_eq!(u32_at(rest, 12) as usize, length);
        packets.push(Packet { nanos, ip: rest[16..16 + length].to_vec() });
        rest = &rest[16 + length..];
    }
    packets
}

/// The ones' complement sum of big-endian words: ffff where a checksum is right.
fn sum(parts: &[&[u8]]) -> u32 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

fn check_udp(addresses: &[u8], udp: &[u8], from: SocketAddr, to: SocketAddr, payload: &[u8]) {
    let length = u16::try_from(udp.len()).expect("a short packet").to_be_bytes();
    assert_eq!(udp[0..2], from.port().to_be_bytes());
    assert_eq!(udp[2..4], to.port().to_be_bytes());
    assert_eq!(udp[4..6], length);
    assert_eq!(udp[8..], *payload);
    assert_eq!(sum(&[addresses, &[0, 17], &length, udp]), 0xffff);
}

#[test]
fn ipv4_packets_are_well_formed() {
    let (mut world, [alice, bob]) = world_of(1);
    world.record_trace(true);
    world.connect(alice, bob, LinkConfig::delay(MS * 1_500));
    world.set_script(vec![Fault::drop(1)]);
    for payload in [&b"lost"[..], b"odd", b""] {
        world.with(alice, |_, peer, _| {
            let ecn = Some(Ecn::Ect0);
            let transmit = Transmit { ecn, ..Transmit::single(address(2), payload.len()) };
            peer.outbox.push_back((transmit, payload.to_vec()));
        });
    }
    world.run_until(millis(2_000));
    assert_eq!(read(&world.trace().pcap(Tap::Sent)).len(), 3);
    let packets = read(&world.trace().pcap(Tap::Delivered));
    assert_eq!(packets.len(), 2);
    for (packet, payload) in packets.iter().zip([&b"odd"[..], b""]) {
        let ip = &packet.ip;
        assert_eq!(packet.nanos, 1_500_000_000);
        assert_eq!((ip[0], ip[1], ip[9]), (0x45, 2, 17));
        assert_eq!(usize::from(u16::from_be_bytes([ip[2], ip[3]])), ip.len());
        assert_eq!(ip[12..20], [10, 0, 0, 1, 10, 0, 0, 2]);
        assert_eq!(sum(&[&ip[..20]]), 0xffff);
        check_udp(&ip[12..20], &ip[20..], address(1), address(2), payload);
    }
}

#[test]
fn ipv6_packets_are_well_formed() {
    let (mut world, [alice, bob]) = world_of(1);
    world.record_trace(true);
    let from = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 53);
    let to = SocketAddr::new(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2).into(), 99);
    world.move_to(alice, from);
    world.move_to(bob, to);
    world.with(alice, |_, peer, _| peer.send(to, b"hello"));
    world.run_until_idle(millis(1));
    let packets = read(&world.trace().pcap(Tap::Delivered));
    let ip = &packets[0].ip;
    assert_eq!((ip[0], ip[6]), (0x60, 17));
    assert_eq!(usize::from(u16::from_be_bytes([ip[4], ip[5]])), ip.len() - 40);
    check_udp(&ip[8..40], &ip[40..], from, to, b"hello");
}
