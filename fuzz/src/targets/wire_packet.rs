//! Packets of RUDP: any datagram parses or does not, in both profiles, and what parses is written
//! with the same meaning. What handshake messages would carry is tried on the same bytes.

use rudp_wire::checksum;
use rudp_wire::cursor::Writer;
use rudp_wire::dissect::Datagram;
use rudp_wire::handshake::{Confirmation, Request, Response};
use rudp_wire::packet::{self, Packet, Profile, SynInvariant};

/// Room for any packet that is written anew.
const ROOM: usize = 1 << 17;

/// Parses the input as a datagram, with and without a sum, and filled up to the length of a SYN.
pub fn run(input: &[u8]) {
    let mut filled = input.to_vec();
    filled.resize(packet::MIN_SYN.max(input.len()), 0);
    for profile in [Profile::Sealed, Profile::Plain] {
        for datagram in [input, &filled] {
            check(datagram, profile);
            check(&[datagram, &checksum::crc32c(datagram).to_be_bytes()].concat(), profile);
        }
        check_payloads(input, profile);
    }
}

fn check(datagram: &[u8], profile: Profile) {
    let _ = Datagram { bytes: datagram, profile }.to_string();
    let mut copy = datagram.to_vec();
    let split = packet::split_ack(&mut copy, profile).map(|(ack, _)| ack.len());
    let Ok(parsed) = Packet::parse(datagram, profile) else { return };
    assert!(packet::steering(datagram).is_some(), "every packet can be steered");
    let mut buffer = vec![0; ROOM];
    let emitted = match parsed {
        Packet::Data(data) => {
            buffer[..16].copy_from_slice(&data.header.bytes(datagram[0]).expect("it was read"));
            assert_eq!(buffer[..16], datagram[..16], "a header has one form");
            return;
        }
        Packet::ForeignSyn(_) => return,
        Packet::Syn(syn) => syn.emit(true, &mut buffer),
        Packet::SynAck(syn_ack) => syn_ack.emit(profile, true, &mut buffer),
        Packet::Ack(ack) => {
            assert!(split.is_some_and(|len| ack.data.is_some() == (len < datagram.len())));
            let len = ack.emit(profile, true, &mut buffer).expect("it was read");
            assert_eq!(Some(len), split);
            let behind = &datagram[len..];
            buffer[len..len + behind.len()].copy_from_slice(behind);
            Ok(datagram.len())
        }
        Packet::Retry(retry) => retry.emit(profile, true, &mut buffer),
        Packet::Version(version) => {
            let syn = SynInvariant {
                initial: version.initial,
                version: packet::Version::NONE,
                source: version.destination,
            };
            let versions: Vec<_> = version.versions().collect();
            packet::write_versions(&syn, &versions, true, &mut buffer)
        }
        Packet::Reset(reset) => reset.emit(true, &mut buffer),
    };
    let len = emitted.expect("what was read can be written");
    assert_eq!(Packet::parse(&buffer[..len], profile), Ok(parsed), "it reads as it was");
}

fn check_payloads(payload: &[u8], profile: Profile) {
    let mut buffer = vec![0; ROOM];
    let mut writer = Writer::new(&mut buffer);
    if let Ok(request) = Request::parse(payload) {
        request.encode(&mut writer).expect("what was read can be written");
        assert_eq!(Request::parse(writer.written()), Ok(request));
    }
    let mut writer = Writer::new(&mut buffer);
    if let Ok(response) = Response::parse(payload, profile) {
        response.encode(&mut writer).expect("what was read can be written");
        assert_eq!(Response::parse(writer.written(), profile), Ok(response));
    }
    let mut writer = Writer::new(&mut buffer);
    if let Ok(confirmation) = Confirmation::parse(payload) {
        confirmation.encode(&mut writer).expect("what was read can be written");
        assert_eq!(Confirmation::parse(writer.written()), Ok(confirmation));
    }
}
