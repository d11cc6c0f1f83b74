//! Downloads through a network that loses, damages and repeats packets.
//! The rules are fixed: every run meets the same network.

use crate::relay::{Relay, Way};
use crate::support::{Place, Server, content, get, sha256};

/// Damages the first packet with data, then loses every 7th packet, repeats every 5th, and damages
/// every 11th: its header and its payload in turn.
fn bad() -> impl FnMut(Way, &mut [u8]) -> usize + Send + 'static {
    let (mut damaged, mut count) = (false, 0);
    move |way, packet| {
        // Which packets the later rules meet depends on the timing; this one is met in any event.
        if !damaged {
            damaged = way == Way::Down;
            return damaging(way, packet);
        }
        count += 1;
        if count % 11 == 0 {
            let turn = count / 11;
            let byte = if turn % 2 == 0 { turn % 8 } else { 8 + turn * 131 % (packet.len() - 8) };
            packet[byte] ^= 1 << (turn % 8);
        }
        match count {
            _ if count % 7 == 0 => 0,
            _ if count % 5 == 0 => 2,
            _ => 1,
        }
    }
}

/// Flips a bit in each packet of the server that has data.
fn damaging(way: Way, packet: &mut [u8]) -> usize {
    if way == Way::Down && packet[6] & 0b0001_0000 != 0 {
        packet[100] ^= 1;
    }
    1
}

#[test]
fn loss_and_damage_and_repetition_do_not_change_the_file() {
    let text = content(40_000, 1);
    let place = Place::with("file", &text);
    let server = Server::start(&place.served(), &[]);
    for options in [&[][..], &["--enc"]] {
        let relay = Relay::start(server.address, bad());
        let at = relay.at("file");
        let arguments = [&[&at[..], "--tries", "100", "-v"], options].concat();
        let ended = get(&place.here(), &arguments).expect(0);
        assert!(place.got("file") == text, "{options:?}: it differs");
        assert!(ended.stderr.contains("CORRUPT"), "some damage was met: {}", ended.stderr);
        assert!(ended.stderr.contains("[DAT/NAK|CHK"), "and reported: {}", ended.stderr);
    }
}

#[test]
fn a_packet_that_is_damaged_once_is_asked_for_again_at_once() {
    let place = Place::with("file", b"text");
    let server = Server::start(&place.served(), &["--rto", "60s"]);
    let mut damaged = false;
    let relay = Relay::start(server.address, move |way, packet| {
        if damaged {
            1
        } else {
            damaged = way == Way::Down;
            damaging(way, packet)
        }
    });
    let ended = get(&place.here(), &["-v", &relay.at("file"), "-o", "-"]).expect(0);
    let ladder: Vec<_> = ended.stderr.lines().take(5).collect();
    let expected = [
        "C [GET|CHK] 1 \"file\", sum ok",
        "S [DAT|CHK] 1 101 bytes, CORRUPT (wrong sum)",
        "C [DAT/NAK|CHK] 2 ack 1, sum ok",
        "S [DAT|CHK] 1 4 bytes, sum ok",
        "C [DAT/ACK|CHK] 3 ack 1, sum ok",
    ];
    // The flipped bit is in the padding, which the sum covers.
    let expected = expected.map(|line| line.replace("101 bytes", "93 bytes"));
    assert_eq!(ladder, expected);
    assert_eq!(ended.printed(), "text");
}

#[test]
fn a_lost_request_to_send_again_does_not_end_the_session() {
    let text = content(3_000, 4);
    let place = Place::with("file", &text);
    let server = Server::start(&place.served(), &["--rto", "200ms"]);
    let (mut damaged, mut lost) = (false, false);
    let relay = Relay::start(server.address, move |way, packet| match way {
        Way::Down if !damaged => {
            damaged = true;
            damaging(way, packet)
        }
        Way::Up if packet[6] & 0b0100_0000 != 0 && !lost => {
            lost = true;
            0
        }
        _ => 1,
    });
    get(&place.here(), &["-v", &relay.at("file"), "--timeout", "5s"]).expect(0);
    assert!(place.got("file") == text);
}

#[test]
fn damage_alone_is_an_error_of_its_own() {
    let place = Place::with("file", &content(5_000, 2));
    let server = Server::start(&place.served(), &[]);
    let relay = Relay::start(server.address, damaging);
    let ended = get(&place.here(), &[&relay.at("file"), "--tries", "2"]).expect(6);
    assert!(ended.stderr.contains("damaged"), "{}", ended.stderr);
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn damage_without_checksums_is_found_by_a_hash() {
    let text = content(5_000, 3);
    let place = Place::with("file", &text);
    let server = Server::start(&place.served(), &[]);
    let relay = Relay::start(server.address, damaging);
    let (at, hash) = (&relay.at("file")[..], &sha256(&text)[..]);
    let ended = get(&place.here(), &[at, "--no-chk", "--expect-sha256", hash]).expect(6);
    assert!(ended.stderr.contains("SHA-256"), "{}", ended.stderr);
    assert!(place.names().is_empty(), "{:?}", place.names());
    let ended = get(&place.here(), &[at, "--no-chk"]).expect(0);
    assert!(ended.stderr.contains("unchecked"), "{}", ended.stderr);
    assert!(place.got("file") != text, "what --no-chk is warned of");
}

#[test]
fn a_lost_last_packet_does_not_matter() {
    let place = Place::with("file", b"text");
    let server = Server::start(&place.served(), &[]);
    let relay = Relay::start(server.address, |way, packet| {
        let last = way == Way::Down && packet[6] & 0b1000_1000 == 0b1000_1000;
        usize::from(!last)
    });
    get(&place.here(), &[&relay.at("file")]).expect(0);
    assert_eq!(place.got("file"), b"text");
}
