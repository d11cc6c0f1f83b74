//! Messages that are wrong: none opens, and none does harm.

use rudp_crypto::{NoiseCrypto, StaticKey};
use rudp_proto::crypto::{Crypto, Rejected};
use rudp_wire::packet::{Pattern, Profile};

use super::{PROLOGUE, SUITE, ask, confirmer, key, pairs, rng, secret};

/// `message` with one bit of each byte wrong, cut at each length, and longer.
fn tampered(message: &[u8]) -> Vec<Vec<u8>> {
    let wrong = (0..message.len()).map(|at| {
        let mut wrong = message.to_vec();
        wrong[at] ^= 1 << (at % 7);
        wrong
    });
    let cut = (0..message.len()).map(|len| message[..len].to_vec());
    wrong.chain(cut).chain([[message, &[0]].concat()]).collect()
}

fn sealed_pairs() -> impl Iterator<Item = (Box<dyn Crypto>, Box<dyn Crypto>)> {
    pairs().into_iter().filter(|(client, _)| client.profile() == Profile::Sealed)
}

// spec: 5.1.2, 5.1.5, 12.1
#[test]
fn a_wrong_message_1_or_prologue_leads_nowhere() {
    for (client, server) in sealed_pairs() {
        let initiator = client.initiate(PROLOGUE, b"one", &mut rng("client"));
        let mut cases: Vec<(Vec<u8>, Vec<u8>)> = tampered(initiator.message())
            .into_iter()
            .map(|message| (message, PROLOGUE.to_vec()))
            .collect();
        let prologues = tampered(PROLOGUE).into_iter();
        cases.extend(prologues.map(|prologue| (initiator.message().to_vec(), prologue)));
        for (message, prologue) in cases {
            let responder =
                server.respond(client.pattern(), &prologue, &message, &mut rng("server"));
            if client.pattern().has_secret() {
                assert_eq!(responder.err(), Some(Rejected));
                continue;
            }
            // Without a secret message 1 is in clear. What was changed is noticed by the client.
            let Ok(responder) = responder else { continue };
            let Ok((message_2, _)) = responder.answer(SUITE, b"two") else { continue };
            assert_eq!(initiator.read(&message_2).err(), Some(Rejected));
        }
        ask(&*client, &*server);
    }
}

// spec: 5.2.3
#[test]
fn a_wrong_message_2_leaves_the_client_as_it_was() {
    for (client, server) in sealed_pairs() {
        let asked = ask(&*client, &*server);
        for wrong in tampered(&asked.message_2) {
            assert_eq!(asked.initiator.read(&wrong).err(), Some(Rejected));
        }
        assert_eq!(confirmer(&asked).payload(), b"two");
    }
}

// spec: 5.2.3, 5.2.4
#[test]
fn a_server_with_another_key_is_told_apart_and_does_no_harm() {
    for (client, server) in sealed_pairs() {
        let mut asked = ask(&*client, &*server);
        let own_secret = client.pattern().has_secret().then(|| secret(9));
        let forger = NoiseCrypto::new(Some(key(66)), own_secret);
        let responder = forger
            .respond(client.pattern(), PROLOGUE, asked.initiator.message(), &mut rng("forger"))
            .unwrap();
        let (forged, mut theirs) = responder.answer(SUITE, b"believe me").unwrap();
        let opened = asked.initiator.read(&forged).unwrap();
        assert_eq!(opened.server_key(), forger.public_key());
        assert_ne!(opened.server_key(), server.public_key());
        let (for_forger, _) = opened.confirm(SUITE, b"three");
        assert_eq!(asked.awaiting.read(&for_forger).err(), Some(Rejected));
        theirs.read(&for_forger).unwrap();

        let confirmer = confirmer(&asked);
        assert_eq!(confirmer.server_key(), server.public_key());
        let (message, _) = confirmer.confirm(SUITE, b"three");
        asked.awaiting.read(&message).unwrap();
    }
}

// spec: 5.3.1, 5.3.2
#[test]
fn a_wrong_message_3_leaves_the_server_as_it_was() {
    for (client, server) in sealed_pairs() {
        let mut asked = ask(&*client, &*server);
        let (message, secrets) = confirmer(&asked).confirm(SUITE, b"three");
        for wrong in tampered(&message) {
            assert_eq!(asked.awaiting.read(&wrong).err(), Some(Rejected));
        }
        let confirmed = asked.awaiting.read(&message).unwrap();
        assert_eq!(confirmed.secrets.client.0, secrets.client.0);
        assert_eq!(confirmed.client_key, client.public_key());
    }
}

// spec: 5.2.5a
#[test]
fn messages_of_one_handshake_do_not_open_in_another() {
    for (client, server) in sealed_pairs() {
        let mut first = ask(&*client, &*server);
        let again = client.initiate(PROLOGUE, b"one", &mut rng("another client"));
        assert_eq!(again.read(&first.message_2).err(), Some(Rejected));

        let responder = server
            .respond(client.pattern(), PROLOGUE, again.message(), &mut rng("another server"))
            .unwrap();
        let (message_2, mut awaiting) = responder.answer(SUITE, b"two").unwrap();
        assert_eq!(first.initiator.read(&message_2).err(), Some(Rejected));
        let (message_3, _) = again.read(&message_2).unwrap().confirm(SUITE, b"three");
        assert_eq!(first.awaiting.read(&message_3).err(), Some(Rejected));
        awaiting.read(&message_3).unwrap();
        let (message_3, _) = confirmer(&first).confirm(SUITE, b"three");
        assert_eq!(awaiting.read(&message_3).err(), Some(Rejected));
        first.awaiting.read(&message_3).unwrap();
    }
}

// spec: 5.0.3, 5.1.5
#[test]
fn who_has_another_secret_is_not_heard() {
    for own in [None, Some(key(1))] {
        let client = NoiseCrypto::new(own, Some(secret(8)));
        let server = NoiseCrypto::new(Some(key(2)), Some(secret(9)));
        let initiator = client.initiate(PROLOGUE, b"one", &mut rng("client"));
        let message = initiator.message();
        let heard = server.respond(client.pattern(), PROLOGUE, message, &mut rng("server"));
        assert_eq!(heard.err(), Some(Rejected));
        // Nor is who has found the pattern out.
        let open = NoiseCrypto::new(Some(key(2)), None);
        for pattern in [Pattern::Nx, Pattern::Xx] {
            let answered = open
                .respond(pattern, PROLOGUE, message, &mut rng("server"))
                .and_then(|responder| responder.answer(SUITE, b"two"));
            let (message_2, _) = answered.unwrap();
            assert_eq!(initiator.read(&message_2).err(), Some(Rejected));
        }
    }
}

// spec: 5.0.1
#[test]
fn ephemeral_keys_that_agree_on_nothing_are_refused() {
    let mut small_order = [0; 32];
    for first in [0, 1] {
        small_order[0] = first;
        let server = NoiseCrypto::new(Some(key(2)), None);
        let message = [&small_order[..], b"one"].concat();
        for pattern in [Pattern::Nx, Pattern::Xx] {
            let responder =
                server.respond(pattern, PROLOGUE, &message, &mut rng("server")).unwrap();
            assert!(responder.answer(SUITE, b"two").is_err());
        }
        for own in [None, Some(key(1))] {
            let client = NoiseCrypto::new(own, None);
            let asked = ask(&client, &server);
            let forged = [&small_order[..], &asked.message_2[32..]].concat();
            assert_eq!(asked.initiator.read(&forged).err(), Some(Rejected));
        }
    }
}

// spec: 5.2.6
#[test]
fn nothing_opens_behind_a_refusal() {
    for (client, server) in sealed_pairs() {
        let initiator = client.initiate(PROLOGUE, b"one", &mut rng("client"));
        let message = initiator.message();
        let responder =
            server.respond(client.pattern(), PROLOGUE, message, &mut rng("server")).unwrap();
        let (refusal, mut awaiting) = responder.answer(None, b"no").unwrap();
        let confirmer = initiator.read(&refusal).unwrap();
        assert_eq!(confirmer.payload(), b"no");
        let (message_3, _) = confirmer.confirm(SUITE, b"three");
        assert_eq!(awaiting.read(&message_3).err(), Some(Rejected));
    }
}

#[test]
fn keys_survive_being_stored() {
    let stored = StaticKey::generate(&mut rng("key")).to_bytes();
    let public = StaticKey::from_bytes(stored).public_key();
    assert_eq!(
        NoiseCrypto::new(Some(StaticKey::from_bytes(stored)), None).public_key(),
        Some(public)
    );
    assert_ne!(StaticKey::generate(&mut rng("other key")).public_key(), public);
    assert_eq!(secret(9).to_bytes(), [9; 32]);
}
