//! Noise as published test vectors know it, and what only the inside can show.

use rudp_base::Seed;

use super::*;
use crate::identity::StaticKey;
use crate::x25519::Ephemeral;

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn key(text: &str) -> [u8; 32] {
    hex(text).try_into().unwrap()
}

fn recipe(pattern: Pattern, own: Option<&str>, ephemeral: &str) -> Recipe {
    let own = own.map(|own| Arc::new(StaticKey::from_bytes(key(own)).pair()));
    let ephemeral = Arc::new(Ephemeral::new(key(ephemeral)));
    let prologue = (*b"John Galt").into();
    Recipe { pattern, prologue, keys: Keys { own, ephemeral }, secret: None }
}

/// A vector of the Cacophony project, as `snow` carries them.
struct Vector {
    pattern: Pattern,
    client: Option<&'static str>,
    h: &'static str,
    messages: &'static [&'static str],
    /// The first message of each side under the keys of `Split()`, and whether the client's is first.
    transport: [&'static str; 2],
    client_first: bool,
}

const CLIENT_EPHEMERAL: &str = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
const SERVER: &str = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
const SERVER_EPHEMERAL: &str = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
const PAYLOADS: [&[u8]; 5] =
    [b"Ludwig von Mises", b"Murray Rothbard", b"F. A. Hayek", b"Carl Menger", b"Jean-Baptiste Say"];

const VECTORS: [Vector; 2] = [
    Vector {
        pattern: Pattern::Nx,
        client: None,
        h: "6959d38aed4b70824a50c722b47c07e00e88eb3eb14f351c11cbee4f56dac33b",
        messages: &[
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e\
             204d69736573",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088430da8899553a0e2d18bb3\
             bcdf632634e25dd60e400ecc50c371de2cd83257c7636c5913e463b6bd3f3efe3eb1c9e92f10dde5d45c\
             312e42ff98cfadd9f9e92b01ec7604e5d2150eef5db0aed53ab203",
        ],
        transport: [
            "deefd230bea16077f1ceecaad5e4284c3bf2c564e20f694a61b9d4",
            "6bfa60de93cf432f460dcc86cf66716c22ffb502125832433808c0",
        ],
        client_first: true,
    },
    Vector {
        pattern: Pattern::Xx,
        client: Some("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1"),
        h: "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e",
        messages: &[
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e\
             204d69736573",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e038c4837\
             8ffce2b65285e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f898\
             2ffe09be9b5c412f8a0db50f8814c7194e83f23dbd8d162c9326ad",
            "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f169ae80a\
             89be0865b57f58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030",
        ],
        transport: [
            "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df",
            "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5",
        ],
        client_first: false,
    },
];

// spec: 5.0.1, 6.1
#[test]
fn noise_is_that_of_the_published_vectors() {
    for vector in &VECTORS {
        let mut client = recipe(vector.pattern, vector.client, CLIENT_EPHEMERAL).initiator();
        let mut server = recipe(vector.pattern, Some(SERVER), SERVER_EPHEMERAL).responder();
        for (index, (expected, payload)) in vector.messages.iter().zip(PAYLOADS).enumerate() {
            let (from, to) = if index % 2 == 0 {
                (&mut client, &mut server)
            } else {
                (&mut server, &mut client)
            };
            let message = write(from, payload).unwrap();
            assert_eq!(message, hex(expected), "message {}", index + 1);
            assert_eq!(read(to, &message).unwrap(), payload);
        }
        let finished = finish(&mut client);
        assert_eq!(finished.h, key(vector.h));
        assert_eq!(finish(&mut server).h, key(vector.h));

        let mut keys = finished.split;
        if !vector.client_first {
            keys.reverse();
        }
        let payloads = &PAYLOADS[vector.messages.len()..];
        for ((key, expected), payload) in keys.into_iter().zip(vector.transport).zip(payloads) {
            // The first message of a direction has the nonce 0 and nothing associated.
            let unbound = UnboundKey::new(&CHACHA20_POLY1305, &key.0).unwrap();
            let mut sealed = payload.to_vec();
            LessSafeKey::new(unbound)
                .seal_in_place_append_tag(Confirmation::nonce(), Aad::empty(), &mut sealed)
                .unwrap();
            assert_eq!(sealed, hex(expected));
        }
    }
}

// spec: 5.1.5
#[test]
fn a_message_1_without_the_secret_costs_no_x25519() {
    let mut rng = Seed::from_u64(1).secret_stream("test");
    let mut with_secret = || {
        let mut recipe = recipe(Pattern::NxPsk0, Some(SERVER), SERVER_EPHEMERAL);
        recipe.secret = Some(Arc::new(PresharedSecret::generate(&mut rng)));
        recipe
    };
    let (theirs, ours) = (with_secret(), with_secret());
    let message = write(&mut theirs.initiator(), b"hello").unwrap();
    assert_eq!(read(&mut ours.responder(), &message), Err(Rejected));
    assert!(!ours.keys.ephemeral.is_computed());
    let opened = NoiseResponder::new(theirs, &message).unwrap();
    assert_eq!(opened.payload(), b"hello");
}
