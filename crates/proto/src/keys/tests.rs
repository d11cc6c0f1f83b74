//! Keys against the clauses of docs/PROTOCOL.md, 6, with the double of the ciphers.

use core::time::Duration;

use rudp_wire::packet::ConnectionId;

use super::*;
use crate::toy::Toy;

const SUITE: Option<Suite> = Some(Suite::Aes128Gcm);
const SOON: Instant = Instant::from_nanos(3_000_000);

/// Two sides that know each other.
struct Pair {
    toy: Arc<Toy>,
    client: Keys,
    server: Keys,
}

fn pair() -> Pair {
    pair_of(Toy::sealed(), SUITE)
}

fn pair_of(toy: Toy, suite: Option<Suite>) -> Pair {
    let toy = Arc::new(toy);
    let secrets = Secrets { client: Secret([1; 32]), server: Secret([2; 32]) };
    let client = Keys::client(toy.clone(), suite, secrets.clone());
    let server = Keys::server(toy.clone(), suite, secrets);
    Pair { toy, client, server }
}

/// A packet as it is on the wire.
fn seal(keys: &mut Keys, number: u64, frames: &[u8]) -> Vec<u8> {
    let phase = keys.next_phase_bit();
    let header = DataHeader { destination: ConnectionId([7; 8]), number, phase };
    let header = header.bytes(0).unwrap();
    let trailer = keys.profile().data_trailer();
    let mut packet = [&header[..], &vec![0; frames.len() + trailer]].concat();
    keys.seal(number, &header, frames, &mut packet[DataHeader::LEN..]);
    packet
}

/// The frames of a packet, and whether the phase changed.
fn open(keys: &mut Keys, packet: &[u8]) -> Result<(Vec<u8>, bool), Rejected> {
    let profile = keys.profile();
    let packet = DataPacket::parse(packet, profile).map_err(|_| Rejected)?;
    let mut frames = vec![0; packet.sealed.len() - profile.data_trailer()];
    let opened = keys.open(&packet, || SOON, &mut frames)?;
    Ok((frames, opened.phase_changed))
}

fn is(frames: &[u8], phase_changed: bool) -> impl FnOnce() -> Result<(Vec<u8>, bool), Rejected> {
    move || Ok((frames.to_vec(), phase_changed))
}

/// Makes the next packet of `keys` one of the next phase.
fn wear_out(keys: &mut Keys, acked: u64) {
    keys.sending.units = UPDATE_AT;
    keys.on_acked(acked);
}

fn forged(number: u64, phase: bool) -> Vec<u8> {
    let header = DataHeader { destination: ConnectionId([7; 8]), number, phase };
    [&header.bytes(0).unwrap()[..], &[9; 40]].concat()
}

#[test]
fn both_directions_open_and_no_other() {
    let Pair { mut client, mut server, .. } = pair();
    let packet = seal(&mut client, 0, b"frames");
    assert_eq!(open(&mut server, &packet), is(b"frames", false)());
    assert_eq!(open(&mut client, &packet), Err(Rejected));
    let packet = seal(&mut server, 0, b"frames");
    assert_eq!(open(&mut client, &packet), is(b"frames", false)());
}

// spec: 6.5
#[test]
fn packets_are_counted_in_units_of_1500_bytes() {
    let Pair { mut client, .. } = pair();
    for (frames, units) in [(1, 1), (1_468, 1), (1_469, 2), (65_503, 44)] {
        let before = client.sending.units;
        seal(&mut client, 0, &vec![0; frames]);
        assert_eq!(client.sending.units - before, units, "{frames} bytes of frames");
    }
}

// spec: 6.5
#[test]
fn sending_goes_on_only_when_a_packet_of_its_phase_was_acknowledged() {
    let Pair { mut client, mut server, .. } = pair();
    for number in [3, 4] {
        open(&mut server, &seal(&mut client, number, b"x")).unwrap();
    }
    open(&mut client, &seal(&mut server, 0, b"ack")).unwrap();
    client.sending.units = UPDATE_AT - 1;
    client.on_acked(2);
    assert!(!client.next_phase_bit(), "too early");
    client.sending.units = UPDATE_AT;
    assert!(!client.next_phase_bit(), "2 was before this phase");
    client.on_acked(4);
    assert!(client.next_phase_bit());
    assert_eq!((client.sending.units, client.sending.phase), (0, 1));

    // One phase ahead of receiving: it waits, whatever is acknowledged.
    let packet = seal(&mut client, 5, b"new");
    wear_out(&mut client, 5);
    assert!(client.next_phase_bit());
    assert_eq!(client.sending.phase, 1);
    assert_eq!(open(&mut server, &packet), is(b"new", true)());
    assert_eq!(open(&mut client, &seal(&mut server, 1, b"ack")), is(b"ack", true)());
    assert!(!client.next_phase_bit());
    assert_eq!(client.sending.phase, 2);
}

// spec: 6.5, 6.6
#[test]
fn both_sides_go_through_many_phases() {
    let Pair { mut client, mut server, .. } = pair();
    let mut number = 0;
    for phase in 0..20 {
        for keys in [&mut client, &mut server] {
            assert_eq!(keys.sending.phase, phase);
        }
        let packet = seal(&mut client, number, b"up");
        assert_eq!(open(&mut server, &packet), is(b"up", false)());
        let packet = seal(&mut server, number, b"down");
        assert_eq!(open(&mut client, &packet), is(b"down", false)());
        // Each side begins in turn; the other one follows with its next packet.
        let (first, second) =
            if phase % 2 == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
        wear_out(first, number);
        let packet = seal(first, number + 1, b"next");
        assert_eq!(open(second, &packet), is(b"next", true)());
        let packet = seal(second, number + 1, b"too");
        assert_eq!(open(first, &packet), is(b"too", true)());
        number += 2;
    }
}

// spec: 6.5
#[test]
fn worn_keys_seal_less_and_then_nothing() {
    let Pair { mut client, .. } = pair();
    let cases = [
        (0, Allowance::All),
        (1 << 22, Allowance::All),
        ((1 << 23) - 1, Allowance::All),
        (1 << 23, Allowance::Essential),
        ((1 << 23) + (1 << 16) - 1, Allowance::Essential),
        ((1 << 23) + (1 << 16), Allowance::Nothing),
    ];
    for (units, expected) in cases {
        client.sending.units = units;
        assert_eq!(client.allowance(), expected, "{units} units");
    }
}

// spec: 6.6
#[test]
fn packets_around_a_change_open_in_any_order() {
    let Pair { mut client, mut server, .. } = pair();
    let old: Vec<_> = (0..4).map(|number| seal(&mut client, number, &[0, 1])).collect();
    open(&mut server, &old[0]).unwrap();
    wear_out(&mut client, 0);
    let new: Vec<_> = (4..8).map(|number| seal(&mut client, number, &[2, 3])).collect();
    // 6 changes the phase, 2 is late, 4 and 5 are of the new one, 3 and 1 are very late.
    assert_eq!(open(&mut server, &new[2]), is(&[2, 3], true)());
    assert_eq!(open(&mut server, &old[2]), is(&[0, 1], false)());
    assert_eq!(open(&mut server, &new[1]), is(&[2, 3], false)());
    assert_eq!(open(&mut server, &new[0]), is(&[2, 3], false)());
    assert_eq!(server.receiving.lowest, Some(4));
    assert_eq!(open(&mut server, &old[3]), is(&[0, 1], false)());
    assert_eq!(open(&mut server, &old[1]), is(&[0, 1], false)());
    assert_eq!(open(&mut server, &new[3]), is(&[2, 3], false)());
    assert_eq!(server.rejected(), 0);
}

// spec: 6.6
#[test]
fn the_other_phase_has_one_key_by_number() {
    let Pair { mut client, mut server, .. } = pair();
    open(&mut server, &seal(&mut client, 10, b"x")).unwrap();
    wear_out(&mut client, 10);
    // The next phase under a number that only the previous one could have.
    let low = seal(&mut client, 9, b"x");
    assert_eq!(open(&mut server, &low), Err(Rejected));
    let high = seal(&mut client, 11, b"x");
    assert_eq!(open(&mut server, &high), is(b"x", true)());
}

// spec: 6.6
#[test]
fn a_peer_cannot_go_on_twice_before_it_was_followed() {
    let Pair { mut client, mut server, .. } = pair();
    open(&mut server, &seal(&mut client, 0, b"x")).unwrap();
    wear_out(&mut client, 0);
    open(&mut server, &seal(&mut client, 1, b"x")).unwrap();
    // A client that does not keep to 6.5.
    client.sending.phase = 0;
    wear_out(&mut client, 1);
    client.sending.phase = 2;
    client.sending.current = client.sending.current.next(&client.source);
    let packet = seal(&mut client, 2, b"x");
    assert_eq!(open(&mut server, &packet), Err(Rejected));
    assert!(server.next_phase_bit());
    assert_eq!(open(&mut server, &packet), is(b"x", true)());
}

// spec: 6.6
#[test]
fn the_previous_key_is_erased_in_time() {
    let Pair { mut client, mut server, .. } = pair();
    let old: Vec<_> = (0..3).map(|number| seal(&mut client, number, b"old")).collect();
    open(&mut server, &old[0]).unwrap();
    assert_eq!(server.timeout(), None);
    wear_out(&mut client, 0);
    open(&mut server, &seal(&mut client, 3, b"new")).unwrap();
    assert_eq!(server.timeout(), Some(SOON));
    server.on_timeout(SOON - Duration::from_nanos(1));
    assert_eq!(open(&mut server, &old[1]), is(b"old", false)());
    server.on_timeout(SOON);
    assert_eq!((open(&mut server, &old[2]), server.timeout()), (Err(Rejected), None));
}

// spec: 6.6, 6.10
#[test]
fn forged_packets_change_nothing_and_cost_no_derivation() {
    let Pair { toy, mut client, mut server } = pair();
    assert_eq!(open(&mut server, &forged(5, true)), Err(Rejected), "before the first packet");
    open(&mut server, &seal(&mut client, 10, b"x")).unwrap();
    // The first one makes the next key ready.
    open(&mut server, &forged(11, true)).unwrap_err();
    let before = (toy.derivations(), server.timeout(), server.receiving.lowest);
    for number in 0..100 {
        for phase in [false, true] {
            assert_eq!(open(&mut server, &forged(number, phase)), Err(Rejected));
        }
    }
    assert_eq!((toy.derivations(), server.timeout(), server.receiving.lowest), before);
    assert_eq!((server.receiving.phase, server.rejected()), (0, 202));
    assert_eq!(open(&mut server, &seal(&mut client, 11, b"x")), is(b"x", false)());
    wear_out(&mut client, 11);
    assert_eq!(open(&mut server, &seal(&mut client, 12, b"x")), is(b"x", true)());
}

// spec: 6.7
#[test]
fn secrets_of_phases_that_are_over_are_gone() {
    let Pair { mut client, mut server, .. } = pair();
    let first = server.receiving.current.secret.clone();
    open(&mut server, &seal(&mut client, 0, b"x")).unwrap();
    wear_out(&mut client, 0);
    open(&mut server, &seal(&mut client, 1, b"x")).unwrap();
    seal(&mut server, 0, b"x");
    let held = [
        &server.receiving.current.secret,
        &server.sending.current.secret,
        &client.sending.current.secret,
    ];
    assert!(held.iter().all(|secret| secret.0 != first.0));
    assert!(server.receiving.next.is_none());
    assert_eq!(format!("{first:?}"), "Secret(..)");
}

// spec: 6.8
#[test]
fn too_many_failures_end_the_session() {
    let Pair { mut server, .. } = pair();
    server.rejected = MOST_REJECTED - 1;
    assert!(!server.is_flooded());
    open(&mut server, &forged(1, false)).unwrap_err();
    assert!(server.is_flooded());
}

#[test]
fn an_idle_session_holds_no_large_cipher_and_goes_on() {
    let Pair { mut client, mut server, .. } = pair();
    open(&mut server, &seal(&mut client, 0, b"x")).unwrap();
    for keys in [&mut client, &mut server] {
        keys.shrink();
        assert!(keys.sending.current.key.is_none());
        assert!(keys.receiving.current.key.is_none() && keys.receiving.next.is_none());
    }
    // A change of phase needs the previous cipher, which has to be made again.
    let late = seal(&mut client, 1, b"late");
    client.shrink();
    wear_out(&mut client, 0);
    assert_eq!(open(&mut server, &seal(&mut client, 2, b"x")), is(b"x", true)());
    assert_eq!(open(&mut server, &late), is(b"late", false)());
    assert!(size_of::<Keys>() <= 320, "{}", size_of::<Keys>());
}

#[test]
fn an_idle_session_keeps_ciphers_that_are_small() {
    let mut client = pair_of(Toy::plain(), None).client;
    seal(&mut client, 0, b"x");
    client.shrink();
    assert!(client.sending.current.key.is_some());
}

// spec: 3.5
#[test]
fn the_plain_profile_has_neither_phases_nor_limits() {
    let Pair { mut client, mut server, .. } = pair_of(Toy::plain(), None);
    let packet = seal(&mut client, 0, b"frames");
    assert_eq!(packet.len(), 16 + 6 + 4);
    assert_eq!(open(&mut server, &packet), is(b"frames", false)());
    assert_eq!(client.sending.units, 0);
    wear_out(&mut client, 0);
    assert!(!client.next_phase_bit());
    let mut damaged = packet;
    damaged[20] ^= 1;
    assert_eq!(open(&mut server, &damaged), Err(Rejected));
    assert_eq!(server.rejected(), 0);
}
