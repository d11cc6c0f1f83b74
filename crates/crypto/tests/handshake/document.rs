//! The crate against a second implementation of the document.

use rudp_crypto::NoiseCrypto;
use rudp_proto::crypto::{Crypto, Secret};
use rudp_wire::packet::{Pattern, Suite};

use super::second::{Bytes32, Phase, Side, mac, public};
use super::{PROLOGUE, key, rng, secret};

const PATTERNS: [Pattern; 4] = [Pattern::Nx, Pattern::Xx, Pattern::NxPsk0, Pattern::XxPsk0];

fn crypto(pattern: Pattern, own: Option<u8>) -> NoiseCrypto {
    NoiseCrypto::new(own.map(key), pattern.has_secret().then(|| secret(9)))
}

fn client_key(pattern: Pattern) -> Option<u8> {
    pattern.has_client_key().then_some(1)
}

fn side(pattern: Pattern, is_client: bool, own: u8) -> Side {
    Side::new((pattern, is_client), PROLOGUE, [own; 32], [33; 32], [9; 32])
}

// spec: 5.0.1, 5.3.1, 5.3.2, 6.1, 6.2
#[test]
fn our_client_speaks_with_the_second_server() {
    for pattern in PATTERNS {
        for suite in Suite::ALL {
            let client = crypto(pattern, client_key(pattern));
            let mut server = side(pattern, false, 2);
            let initiator = client.initiate(PROLOGUE, b"one", &mut rng("client"));
            assert_eq!(server.read(initiator.message()), b"one");
            let confirmer = initiator.read(&server.write(b"two")).unwrap();
            assert_eq!(confirmer.payload(), b"two");
            assert_eq!(confirmer.server_key().unwrap().0, public(&[2; 32]));
            let (message, secrets) = confirmer.confirm(Some(suite), b"three");
            let payload = if pattern.has_client_key() {
                server.read(&message)
            } else {
                server.open_confirmation(&message)
            };
            assert_eq!(payload, b"three");
            assert_eq!(server.peer, client.public_key().map(|key| key.0));
            assert_eq!([secrets.client.0, secrets.server.0], server.secrets(suite));
        }
    }
}

// spec: 5.0.1, 5.3.1, 5.3.2, 6.1, 6.2
#[test]
fn our_server_speaks_with_the_second_client() {
    for pattern in PATTERNS {
        for suite in Suite::ALL {
            let server = crypto(pattern, Some(2));
            let mut client = side(pattern, true, 1);
            let message = client.write(b"one");
            let responder =
                server.respond(pattern, PROLOGUE, &message, &mut rng("server")).unwrap();
            let (message, mut awaiting) = responder.answer(Some(suite), b"two").unwrap();
            assert_eq!(client.read(&message), b"two");
            let message = if pattern.has_client_key() {
                client.write(b"three")
            } else {
                client.confirm(b"three")
            };
            let confirmed = awaiting.read(&message).unwrap();
            assert_eq!(confirmed.payload, b"three");
            let client_key = pattern.has_client_key().then(|| public(&[1; 32]));
            assert_eq!(confirmed.client_key.map(|key| key.0), client_key);
            let secrets = [confirmed.secrets.client.0, confirmed.secrets.server.0];
            assert_eq!(secrets, client.secrets(suite));
        }
    }
}

// spec: 6.3, 6.4
#[test]
fn packets_of_all_phases_are_those_of_the_document() {
    let crypto = NoiseCrypto::new(None, None);
    for suite in Suite::ALL {
        let mut secret: Bytes32 = [5; 32];
        for number in [0, 1, 255, 1 << 20, (1 << 56) - 1] {
            let phase = Phase::new(suite, &secret);
            let key = crypto.packet_key(Some(suite), &Secret(secret));
            let (header, frames) = ([0xc7; 16], [3; 77]);
            let mut sealed = [0; 77 + 16];
            key.seal(number, &header, &frames, &mut sealed);
            assert_eq!(sealed.to_vec(), phase.seal(number, &header, &frames));
            secret = crypto.next_secret(&Secret(secret)).0;
            assert_eq!(secret, phase.next);
        }
    }
}

// spec: 5.5.3, 10.1
#[test]
fn tokens_are_those_of_the_document() {
    let crypto = NoiseCrypto::new(None, None);
    let token = crypto.token_key(&[4; 32]).mac(&[b"rudp reset", &[1; 8]]);
    let whole = [&b"rudp reset"[..], &[1; 8]].concat();
    assert_eq!(token, mac(&[4; 32], &whole));
    assert_eq!(crypto.hash(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
}
