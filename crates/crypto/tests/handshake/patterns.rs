//! What each pattern does when nobody interferes.

use rudp_crypto::{NoiseCrypto, PlainCrypto};
use rudp_proto::crypto::Crypto;
use rudp_wire::packet::{DataHeader, Pattern, Profile, Suite, Suites};

use super::{PROLOGUE, SUITE, ask, confirmer, key, pairs, rng, secret};

// spec: 5.0.1, 5.3.1, 5.3.2
#[test]
fn all_patterns_end_with_the_same_secrets() {
    let patterns = [Pattern::Nx, Pattern::Xx, Pattern::NxPsk0, Pattern::XxPsk0, Pattern::Plain];
    for ((client, server), pattern) in pairs().iter().zip(patterns) {
        assert_eq!(client.pattern(), pattern);
        let mut asked = ask(&**client, &**server);
        let confirmer = confirmer(&asked);
        assert_eq!(confirmer.payload(), b"two");
        assert_eq!(confirmer.server_key(), server.public_key());
        let (message, secrets) = confirmer.confirm(SUITE, b"three");
        let confirmed = asked.awaiting.read(&message).unwrap();
        assert_eq!(confirmed.payload, b"three");
        assert_eq!(confirmed.client_key, client.public_key());
        assert_eq!(confirmed.secrets.client.0, secrets.client.0);
        assert_eq!(confirmed.secrets.server.0, secrets.server.0);
        assert_eq!(secrets.client.0 == secrets.server.0, pattern == Pattern::Plain);
        // The same message again is the same again.
        assert_eq!(asked.awaiting.read(&message).unwrap().secrets.client.0, secrets.client.0);
    }
}

#[test]
fn all_randomness_comes_from_the_seed() {
    for (client, server) in pairs() {
        let messages = || {
            let asked = ask(&*client, &*server);
            let (message_3, secrets) = confirmer(&asked).confirm(SUITE, b"three");
            let message_1 = asked.initiator.message().to_vec();
            (message_1, asked.message_2, message_3, secrets.client.0, secrets.server.0)
        };
        assert_eq!(messages(), messages());
        let mut rng = rng("client");
        let first = client.initiate(PROLOGUE, b"one", &mut rng);
        let second = client.initiate(PROLOGUE, b"one", &mut rng);
        let is_plain = client.profile() == Profile::Plain;
        assert_eq!(first.message() == second.message(), is_plain);
    }
}

// spec: 5.0.3
#[test]
fn with_a_secret_there_is_no_way_back() {
    use Pattern::{Nx, NxPsk0, Plain, Xx, XxPsk0};
    let open = NoiseCrypto::new(Some(key(2)), None);
    let closed = NoiseCrypto::new(Some(key(2)), Some(secret(9)));
    let keyless = NoiseCrypto::new(None, None);
    let endpoints: [(&dyn Crypto, &[Pattern]); 4] = [
        (&open, &[Nx, Xx]),
        (&closed, &[NxPsk0, XxPsk0]),
        (&keyless, &[]),
        (&PlainCrypto, &[Plain]),
    ];
    for (endpoint, accepted) in endpoints {
        for pattern in [Nx, Xx, NxPsk0, XxPsk0, Plain] {
            assert_eq!(endpoint.accepts(pattern), accepted.contains(&pattern));
            if !endpoint.accepts(pattern) {
                let message = [9; 64];
                assert!(endpoint.respond(pattern, PROLOGUE, &message, &mut rng("server")).is_err());
            }
        }
    }
}

// spec: 6.2, 6.3
#[test]
fn the_suite_is_in_the_secrets() {
    let (client, server) = &pairs()[0];
    let secrets = Suite::ALL.map(|suite| {
        let (_, secrets) = confirmer(&ask(&**client, &**server)).confirm(Some(suite), b"three");
        [secrets.client.0, secrets.server.0]
    });
    let mut secrets = secrets.concat();
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), 2 * Suite::ALL.len());
}

// spec: 5.2.2
#[test]
fn suites_can_be_given() {
    let crypto = NoiseCrypto::new(None, None).with_suites(&[Suite::Aes256Gcm]);
    assert_eq!(crypto.suites(), Suites::of(&[Suite::Aes256Gcm, Suite::ChaCha20Poly1305]));
    assert_eq!(crypto.choose(Suites::of(&Suite::ALL)), Some(Suite::Aes256Gcm));
    assert_eq!(crypto.choose(Suites::of(&[Suite::Aes128Gcm])), None);
    assert_eq!(PlainCrypto.suites(), Suites(0));
}

// spec: 6.4, 6.10, 3.4
#[test]
fn packets_open_with_their_header_number_and_key_only() {
    let (noise, plain) = (NoiseCrypto::new(None, None), PlainCrypto);
    let mut secrets = vec![rudp_proto::crypto::Secret([5; 32])];
    secrets.push(noise.next_secret(&secrets[0]));
    let sealed = Suite::ALL.map(|suite| (&noise as &dyn Crypto, Some(suite)));
    for (crypto, suite) in sealed.into_iter().chain([(&plain as &dyn Crypto, None)]) {
        let key = crypto.packet_key(suite, &secrets[0]);
        let trailer = crypto.profile().data_trailer();
        let header = [0xc3; DataHeader::LEN];
        for len in [1, 15, 16, 17, 63, 64, 100, 1_441] {
            let frames: Vec<u8> = (0_u8..=255).cycle().take(len).collect();
            let mut sealed = vec![0; len + trailer];
            key.seal(7, &header, &frames, &mut sealed);
            let mut opened = vec![0; len];
            key.open(7, &header, &sealed, &mut opened).unwrap();
            assert_eq!(opened, frames);

            for at in (0..sealed.len()).step_by(if len > 100 { 97 } else { 1 }) {
                sealed[at] ^= 1;
                assert!(key.open(7, &header, &sealed, &mut opened).is_err());
                sealed[at] ^= 1;
            }
            for at in 0..header.len() {
                let mut header = header;
                header[at] ^= 0x80;
                assert!(key.open(7, &header, &sealed, &mut opened).is_err());
            }
            for short in 0..sealed.len().min(40) {
                let mut opened = vec![0; short.saturating_sub(trailer)];
                assert!(key.open(7, &header, &sealed[..short], &mut opened).is_err());
            }
            let next = crypto.packet_key(suite, &secrets[1]);
            let is_plain = suite.is_none();
            assert_eq!(next.open(7, &header, &sealed, &mut opened).is_ok(), is_plain);
            assert_eq!(key.open(8, &header, &sealed, &mut opened).is_ok(), is_plain);
            key.open(7, &header, &sealed, &mut opened).unwrap();
        }
    }
}

#[test]
fn nothing_secret_is_printed() {
    let crypto = NoiseCrypto::new(Some(key(0xab)), Some(secret(0xcd)));
    let mut asked = ask(&crypto, &crypto);
    let confirmer = confirmer(&asked);
    let endpoint = format!("{crypto:?} {:?} {:?}", key(0xab), secret(0xcd));
    let states = format!("{:?} {confirmer:?} {:?}", asked.initiator, asked.awaiting);
    let (message, secrets) = confirmer.confirm(SUITE, b"three");
    let confirmed = asked.awaiting.read(&message).unwrap();
    let packet_key = crypto.packet_key(SUITE, &secrets.client);
    let text = format!("{endpoint} {states} {secrets:?} {confirmed:?} {packet_key:?}");
    for secret in ["abab", "171, 171", "cdcd", "205, 205"] {
        assert!(!text.contains(secret), "{text}");
    }
    for secret in [secrets.client.0, secrets.server.0] {
        assert!(!text.contains(&format!("{:?}", &secret[..3]).replace(']', "")), "{text}");
    }
}
