//! The codec of RUSHB: any bytes parse or do not, and what parses is what emitting gives.
//! Checksum and substitution are tried on the same bytes.

use rushb::wire::{HEADER_LEN, PACKET_LEN, Packet};
use rushb::{checksum, cipher};

/// Parses the input as a datagram, and again filled up to the length of a packet.
pub fn run(input: &[u8]) {
    check(input);
    let mut packet = input.to_vec();
    packet.resize(PACKET_LEN, 0);
    check(&packet);
}

fn check(datagram: &[u8]) {
    let mut copy = datagram.to_vec();
    if cipher::encode(&mut copy).is_ok() {
        cipher::decode(&mut copy).expect("what was encoded has a code");
    }
    assert_eq!(copy, datagram, "encoding and decoding is nothing");
    let Ok(packet) = Packet::parse(datagram) else { return };
    let _ = packet.to_string();
    let emitted = packet.header.packet(packet.payload);
    let again = Packet::parse(&emitted).expect("what was emitted parses");
    assert_eq!(again.header, packet.header);
    assert_eq!(again.payload, packet.payload);
    if packet.is_intact() {
        assert_eq!(emitted, datagram, "an intact packet has one form");
    } else if packet.header.options.checksum && packet.header.kind.carries_payload() {
        assert_ne!(checksum::of(&datagram[HEADER_LEN..]), packet.checksum);
    }
}
