//! Bytes that nobody meant: real packets with random damage, in random order, on both sides.

use proptest::prelude::*;
use rudp_wire::packet::Profile;

use super::scene::*;
use crate::crypto::Crypto;
use crate::handshake::{Settings, Step, When};
use crate::toy::Toy;

/// What is done to a packet.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Grow(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<prop::sample::Index>(), 1u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        1 => any::<prop::sample::Index>().prop_map(Damage::Cut),
        1 => prop::collection::vec(any::<u8>(), 1..50).prop_map(Damage::Grow),
    ]
}

fn apply(packet: &mut Vec<u8>, damage: &Damage) {
    match damage {
        // Mostly where something is: the padding of a SYN is long.
        Damage::Flip(at, bits) if !packet.is_empty() => {
            let index = at.index(packet.len().min(200));
            packet[index] ^= bits;
        }
        Damage::Cut(at) if !packet.is_empty() => packet.truncate(at.index(packet.len())),
        Damage::Grow(bytes) => packet.extend_from_slice(bytes),
        _ => {}
    }
}

fn toys(which: u8) -> (Toy, Toy) {
    match which % 3 {
        0 => (Toy::sealed(), Toy::sealed().with_key(SERVER)),
        1 => {
            let server = Toy::sealed().with_key(SERVER).with_secret(1);
            (Toy::sealed().with_key(3).with_secret(1), server)
        }
        _ => (Toy::plain(), Toy::plain()),
    }
}

/// What each of a handshake's packets is after damage, to whom, and when.
type Turn = (usize, bool, u64, Vec<Damage>);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_packets_neither_panic_nor_open_anything(
        which: u8,
        retry in prop_oneof![Just(When::Always), Just(When::UnderLoad)],
        steps in prop::collection::vec(
            (0..8usize, any::<bool>(), 0..400u64, prop::collection::vec(damage(), 1..4)),
            1..40,
        ),
    ) {
        let steps: Vec<Turn> = steps;
        let (client, server) = toys(which);
        let profile = client.profile();
        let mut client = Client::new(at(0), client, 1, &Wish::default());
        let mut server = Server::new(server, Settings { retry, ..Settings::default() });
        // The packets of a true handshake, for one that is damaged later.
        let mut packets = vec![client.send(at(0)).unwrap()];
        if profile == Profile::Sealed {
            packets.push(retry_packet(&packets[0], &[1; 20]));
            packets.push(version_packet(&packets[0], &[rudp_wire::packet::Version(2)]));
        }
        let mut now = 0;
        for (number, to_server, pause, damages) in steps {
            now += pause;
            let mut packet = packets[number % packets.len()].clone();
            for damage in &damages {
                apply(&mut packet, damage);
            }
            if to_server {
                if let Ok((_, answer)) = server.syn(at(now), client_addr(), &packet) {
                    packets.push(answer);
                }
                let _ = server.ack(at(now), client_addr(), &packet);
            } else if let Step::Done(opened) = client.take(at(now), &packet) {
                packets.push(opened.ack.to_vec());
            }
            let _ = client.attempt.on_timeout(at(now));
            if let Some(syn) = client.send(at(now)) {
                packets.push(syn);
            }
            prop_assert!(server.pending.len() <= 64);
        }
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..1_400), kind in 0..16u8) {
        let mut packet = bytes;
        if let Some(first) = packet.first_mut() {
            *first = 0xe0 | kind;
        }
        if let Some(version) = packet.get_mut(9..13) {
            version.copy_from_slice(&[0, 0, 0, 1]);
        }
        let mut server = Server::simple();
        let mut client = Client::simple(at(0), 1);
        let _ = server.syn(at(0), client_addr(), &packet);
        let _ = server.ack(at(0), client_addr(), &packet);
        prop_assert!(matches!(client.take(at(0), &packet), Step::Waiting));
    }
}
