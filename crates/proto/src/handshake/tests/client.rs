//! A client's attempt: repetition, RETRY, VERSION, forged SYN-ACKs, keys, refusals.

use rudp_wire::code::Code;
use rudp_wire::handshake::Request;
use rudp_wire::packet::{Profile, Suite, SynAck, Version};
use rudp_wire::parameters::Parameters;

use super::scene::*;
use crate::crypto::Crypto;
use crate::handshake::{
    AnswerKind, Ask, Attempt, Failure, Opened, Services, Settings, Step, Timing, When,
};
use crate::toy::Toy;

fn is_waiting(step: &Step) -> bool {
    matches!(step, Step::Waiting)
}

fn opened(step: Step) -> Box<Opened> {
    match step {
        Step::Done(opened) => opened,
        other => panic!("{other:?}"),
    }
}

fn with_services(names: &[&str]) -> Settings {
    let names = names.iter().map(|name| (*name).into()).collect();
    Settings { services: Services::Named(names), ..Settings::default() }
}

// spec: 5.1.4, 2.6
#[test]
fn a_syn_is_repeated_with_the_same_bytes_and_doubled_pauses() {
    let mut client = Client::simple(at(0), 1);
    let first = client.send(at(0)).unwrap();
    assert_eq!(client.send(at(0)), None);
    let mut times = Vec::new();
    while let Some(now) = client.attempt.timeout() {
        match client.attempt.on_timeout(now) {
            Step::Failed(failure) => {
                assert_eq!(failure, Failure::Timeout { answered: false });
                assert_eq!(now, at(10_000));
                break;
            }
            _ => assert_eq!(client.send(now).as_deref(), Some(&first[..])),
        }
        times.push(now);
    }
    assert_eq!(times, [at(500), at(1_500), at(3_500), at(7_500)]);
    assert_eq!(client.attempt.timeout(), None);
    assert_eq!(client.send(at(20_000)), None);
}

#[test]
fn timing_is_a_setting() {
    let wish = |tries, timeout| Wish {
        timing: Timing {
            first_repetition: core::time::Duration::from_millis(100),
            tries,
            timeout: core::time::Duration::from_millis(timeout),
        },
        ..Wish::default()
    };
    let waited = |tries, timeout| {
        let mut client = Client::new(at(0), Toy::sealed(), 1, &wish(tries, timeout));
        client.send(at(0)).unwrap();
        let (sent, end) = client.wait(at(100_000));
        (sent, end.unwrap().0)
    };
    assert_eq!(waited(3, 1_000), (vec![100, 300], at(1_000)));
    assert_eq!(waited(1, 1_000), (vec![], at(1_000)));
    assert_eq!(waited(0, 50), (vec![], at(50)));
    let mut hasty = wish(20, 40_000);
    hasty.timing.first_repetition = core::time::Duration::ZERO;
    let mut client = Client::new(at(0), Toy::sealed(), 1, &hasty);
    client.send(at(0)).unwrap();
    assert_eq!(client.wait(at(10)).0, [1, 3, 7]);
}

// spec: 5.1.4
#[test]
fn the_pauses_of_an_attempt_are_up_to_a_tenth_longer_or_shorter() {
    let mut public = Side::new(Toy::sealed(), 1).public;
    let pauses: std::collections::BTreeSet<_> = (0..1_000)
        .map(|_| Timing::default().varied(&mut public).first_repetition.as_millis())
        .collect();
    assert!(pauses.iter().all(|pause| (450..=550).contains(pause)));
    assert!(pauses.len() > 90, "all over the range");
}

// spec: 5.3.5
#[test]
fn the_first_round_trip_is_measured_if_nothing_was_repeated() {
    let mut server = Server::simple();
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(20), client_addr(), &syn).unwrap();
    let once = opened(client.take(at(40), &answer));
    assert_eq!(once.rtt, Some(at(40) - at(0)));
    assert_eq!(once.deadline, at(10_000));
    let begun = server.ack(at(70), client_addr(), &once.ack).unwrap();
    assert_eq!(begun.rtt, Some(at(50) - at(0)));

    let mut client = Client::simple(at(0), 2);
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(20), client_addr(), &syn).unwrap();
    assert_eq!(client.wait(at(600)).0, [500]);
    let (kind, again) = server.syn(at(520), client_addr(), &syn).unwrap();
    assert_eq!((kind, &again), (AnswerKind::Repetition, &answer));
    let twice = opened(client.take(at(601), &again));
    assert_eq!(twice.rtt, None);
    let begun = server.ack(at(620), client_addr(), &twice.ack).unwrap();
    assert_eq!(begun.rtt, None);
}

// spec: 5.2.3, 12.8
#[test]
fn forged_syn_acks_do_not_end_an_attempt() {
    let handshake = || {
        let (mut server, mut client) = (Server::simple(), Client::simple(at(0), 1));
        let syn = client.send(at(0)).unwrap();
        let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
        (server, client, answer)
    };
    // Each byte behind the client's id damaged, at another moment each.
    for index in 9..handshake().2.len() {
        let (mut server, mut client, answer) = handshake();
        let mut forged = answer.clone();
        forged[index] ^= 0x80;
        let now = at(60 * index as u64);
        assert_eq!(client.wait(now).1, None);
        assert!(is_waiting(&client.take(now, &forged)), "byte {index}");
        agree_with(&mut server, &opened(client.take(now, &answer)));
    }
}

fn agree_with(server: &mut Server, opened: &Opened) {
    let begun = server.ack(at(0), client_addr(), &opened.ack).unwrap();
    agree(opened, &begun);
}

// spec: 5.2.3, 9.3.3
#[test]
fn answers_from_elsewhere_or_for_others_are_dropped() {
    let mut server = Server::simple();
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    assert!(is_waiting(&client.take_from(at(1), addr("192.0.2.1:4434"), &answer)));
    let mut other = answer.clone();
    other[8] ^= 1;
    assert!(is_waiting(&client.take(at(1), &other)));
    let (_, end) = client.wait(at(10_000));
    assert_eq!(end.unwrap().1, Failure::Timeout { answered: false });
    assert!(is_waiting(&client.take(at(10_001), &answer)), "it is over");
}

// spec: 5.2.3
#[test]
fn at_most_16_different_syn_acks_are_tried_per_second() {
    let mut server = Server::simple();
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    let forge = |client: &mut Client, now, count: u8| {
        for number in 0..count {
            let mut forged = answer.clone();
            forged[40] ^= number + 1;
            assert!(is_waiting(&client.take(now, &forged)));
        }
    };
    forge(&mut client, at(0), 16);
    assert!(is_waiting(&client.take(at(999), &answer)), "one too many");
    // The same ones again count once.
    forge(&mut client, at(1_000), 15);
    forge(&mut client, at(1_000), 15);
    opened(client.take(at(1_000), &answer));
}

// spec: 5.2.3
#[test]
fn the_server_id_has_to_be_that_of_the_header() {
    let mut server = Server::simple();
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    let packet = as_syn_ack(&answer);
    let moved = SynAck { source: id(1), ..packet };
    let moved = bytes(|buffer| moved.emit(Profile::Sealed, true, buffer));
    assert!(is_waiting(&client.take(at(1), &moved)));
    // The true one has the same message and is tried all the same.
    agree_with(&mut server, &opened(client.take(at(1), &answer)));
}

// spec: 5.2.2, 5.2.3
#[test]
fn a_suite_that_was_not_offered_is_dropped() {
    let offered = [Suite::ChaCha20Poly1305];
    let toy = Toy::sealed().with_suites(&offered);
    let mut client = Client::new(at(0), toy, 1, &Wish::default());
    let syn = client.send(at(0)).unwrap();
    assert_eq!(syn[22], 0b010);
    // A server that chooses without looking.
    let server = Toy::sealed().with_key(SERVER);
    let parsed = as_syn(&syn, Profile::Sealed);
    let prologue = rudp_wire::handshake::prologue(&parsed);
    let mut secret = rudp_base::Seed::from_u64(3).secret_stream("server");
    let responder = server.respond(parsed.pattern, &prologue, parsed.message, &mut secret).unwrap();
    let payload = [&[0, 0, 0][..], &id(4).0, &[0; 16]].concat();
    let (message, _) = responder.answer(Some(Suite::Aes128Gcm), &payload).unwrap();
    let answer = SynAck { destination: parsed.source, source: id(4), message: &message };
    let answer = bytes(|buffer| answer.emit(Profile::Sealed, true, buffer));
    assert!(is_waiting(&client.take(at(1), &answer)));
    let (_, answer) = Server::simple().syn(at(0), client_addr(), &syn).unwrap();
    assert_eq!(opened(client.take(at(1), &answer)).suite, Some(Suite::ChaCha20Poly1305));
}

// spec: 5.2.4
#[test]
fn a_wrong_key_is_reported_after_its_grace() {
    let wrong = || Server::new(Toy::sealed().with_key(8), Settings::default());
    let changed = Failure::KeyChanged { expected: Toy::key(SERVER), found: Toy::key(8) };
    // When the SYN-ACK comes, when it is reported, and the SYNs meanwhile.
    let table = [
        (30, 1_000, vec![500]),
        (500, 1_000, vec![500]),
        (800, 1_600, vec![500, 1_500]),
        (4_000, 8_000, vec![500, 1_500, 3_500, 7_500]),
        (6_000, 10_000, vec![500, 1_500, 3_500, 7_500]),
    ];
    for (arrives, reported, syns) in table {
        let mut client = Client::simple(at(0), 1);
        let syn = client.send(at(0)).unwrap();
        let (_, answer) = wrong().syn(at(0), client_addr(), &syn).unwrap();
        let (mut sent, end) = client.wait(at(arrives));
        assert_eq!(end, None);
        assert!(is_waiting(&client.take(at(arrives), &answer)));
        let (later, end) = client.wait(at(20_000));
        sent.extend(later);
        assert_eq!((sent, end), (syns, Some((at(reported), changed.clone()))), "{arrives} ms");
    }
}

// spec: 5.2.4
#[test]
fn a_wrong_key_is_forgotten_when_the_right_one_comes() {
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let mut wrong = Server::new(Toy::sealed().with_key(8), Settings::default());
    let (_, forged) = wrong.syn(at(0), client_addr(), &syn).unwrap();
    assert!(is_waiting(&client.take(at(10), &forged)));
    let mut server = Server::simple();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    agree_with(&mut server, &opened(client.take(at(999), &answer)));
}

// spec: 5.2.4
#[test]
fn a_refusal_under_a_wrong_key_is_not_believed() {
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let mut wrong = Server::new(Toy::sealed().with_key(8), with_services(&[]));
    let (kind, refusal) = wrong.syn(at(0), client_addr(), &syn).unwrap();
    assert_eq!(kind, AnswerKind::Refusal(Code::UNKNOWN_SERVICE));
    assert!(is_waiting(&client.take(at(10), &refusal)));
    let (_, end) = client.wait(at(20_000));
    assert!(matches!(end, Some((_, Failure::KeyChanged { .. }))));
}

// spec: 5.2.6
#[test]
fn a_refusal_is_reported_at_once() {
    let mut server = Server::new(Toy::sealed().with_key(SERVER), with_services(&["files"]));
    let wish = Wish { service: "pipe", ..Wish::default() };
    let mut client = Client::new(at(0), Toy::sealed(), 1, &wish);
    let syn = client.send(at(0)).unwrap();
    let (_, refusal) = server.syn(at(0), client_addr(), &syn).unwrap();
    let Step::Failed(Failure::Refused { code, reason }) = client.take(at(10), &refusal) else {
        panic!("no refusal");
    };
    assert_eq!((code, &reason[..]), (Code::UNKNOWN_SERVICE, "no service of that name"));
    assert_eq!((client.attempt.timeout(), client.send(at(500))), (None, None));
}

// spec: 5.5.2
#[test]
fn a_retry_is_followed_at_once_with_the_same_bytes_but_the_cookie() {
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    client.take(at(10), &retry_packet(&syn, &[7; 64]));
    let again = client.send(at(10)).unwrap();
    let (first, second) = (as_syn(&syn, Profile::Sealed), as_syn(&again, Profile::Sealed));
    assert_eq!((first.cookie, second.cookie), (&[][..], &[7; 64][..]));
    assert_eq!((again.len(), again[0]), (syn.len(), syn[0]));
    assert_eq!((first.identity(), first.message), (second.identity(), second.message));
    // The timer goes on as if nothing had been, and the cookie stays.
    assert_eq!(client.attempt.timeout(), Some(at(500)));
    client.attempt.on_timeout(at(500));
    assert_eq!(client.send(at(500)), Some(again));
}

// spec: 9.3.6
#[test]
fn another_socket_asks_at_once_without_the_cookie_for_the_old_one() {
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    client.take(at(10), &retry_packet(&syn, &[7; 64]));
    client.send(at(10)).unwrap();
    client.attempt.on_rebound();
    assert_eq!(client.send(at(20)), Some(syn.clone()));
    assert_eq!(client.send(at(20)), None);
    // The timer goes on as if nothing had been, and so does the attempt.
    assert_eq!(client.attempt.timeout(), Some(at(500)));
    let (_, answer) = Server::simple().syn(at(30), client_addr(), &syn).unwrap();
    assert_eq!(opened(client.take(at(40), &answer)).rtt, None, "which SYN it answers is unknown");
}

// spec: 5.5.2, 5.7.1
#[test]
fn at_most_three_retries_are_followed_between_two_syns() {
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let mut follow = |now, cookies: core::ops::Range<u8>| {
        client.attempt.on_timeout(now);
        client.send(now);
        cookies
            .filter(|cookie| {
                client.take(now, &retry_packet(&syn, &[*cookie]));
                client.take(now, &retry_packet(&syn, &[*cookie]));
                let sent = client.send(now).is_some();
                assert_eq!(client.send(now), None, "the cookie that it already uses");
                sent
            })
            .count()
    };
    assert_eq!(follow(at(1), 0..100), 3);
    assert_eq!(follow(at(499), 100..200), 0);
    assert_eq!(follow(at(500), 0..100), 3);
}

// spec: 5.5.2
#[test]
fn retries_for_other_ids_or_after_the_ack_are_dropped() {
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    for index in [1, 13] {
        let mut other = retry_packet(&syn, &[1; 20]);
        other[index] ^= 1;
        client.take(at(1), &other);
        assert_eq!(client.send(at(1)), None);
    }
    client.take_from(at(1), addr("192.0.2.2:4433"), &retry_packet(&syn, &[1; 20]));
    assert_eq!(client.send(at(1)), None);
    let (_, answer) = Server::simple().syn(at(1), client_addr(), &syn).unwrap();
    opened(client.take(at(1), &answer));
    client.take(at(2), &retry_packet(&syn, &[1; 20]));
    assert_eq!(client.send(at(2)), None);
}

// spec: 5.5.2
#[test]
fn a_new_attempt_has_fresh_keys_and_ids() {
    let mut client = Client::simple(at(0), 1);
    let first = client.send(at(0)).unwrap();
    let ask = Ask {
        remote: server_addr(),
        server_key: None,
        service: "",
        id: id(77),
        parameters: Wish::default().parameters,
        timing: Timing::default(),
    };
    client.attempt = Attempt::new(at(1), &ask, &mut client.side.context()).unwrap();
    let second = client.send(at(1)).unwrap();
    let (first, second) = (as_syn(&first, Profile::Sealed), as_syn(&second, Profile::Sealed));
    assert_ne!(first.initial, second.initial);
    assert_ne!(first.message[..32], second.message[..32]);
}

// spec: 5.6.2
#[test]
fn no_common_version_is_reported_at_the_timeout() {
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let listed = [Version(2), Version(0x1a2a_3a4a)];
    client.take(at(10), &version_packet(&syn, &listed));
    client.take(at(20), &version_packet(&syn, &[Version(3)]));
    assert_eq!(client.send(at(20)), None);
    let (sent, end) = client.wait(at(20_000));
    assert_eq!(sent, [500, 1_500, 3_500, 7_500], "it goes on with its SYN");
    let failure = Failure::NoCommonVersion { versions: listed.to_vec() };
    assert_eq!(end, Some((at(10_000), failure)));
}

// spec: 5.6.2
#[test]
fn a_version_packet_does_not_stop_a_syn_ack_nor_lie_about_ours() {
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    client.take(at(10), &version_packet(&syn, &[Version(2), Version::ONE]));
    let mut other = version_packet(&syn, &[Version(2)]);
    other[13] ^= 1;
    client.take(at(10), &other);
    let (_, end) = client.wait(at(20_000));
    assert_eq!(end.unwrap().1, Failure::Timeout { answered: false });

    let mut server = Server::simple();
    let mut client = Client::simple(at(0), 2);
    let syn = client.send(at(0)).unwrap();
    client.take(at(10), &version_packet(&syn, &[Version(2)]));
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    agree_with(&mut server, &opened(client.take(at(5_000), &answer)));
}

// spec: 5.3.3, 5.3.4, 5.4.1
#[test]
fn parameters_arrive_on_both_sides_with_greased_ones_between() {
    let parameters = Parameters {
        reset_token: Some([3; 16]),
        initial_max_data: 1 << 40,
        ..Wish::default().parameters
    };
    let wish = Wish { parameters, service: "files", ..Wish::default() };
    let own = Parameters { initial_max_message_data: 131, max_message_size: 99, ..parameters };
    for seed in 0..50 {
        let settings = Settings { parameters: own, retry: When::Never, ..Settings::default() };
        let mut server = Server::new(Toy::sealed().with_key(SERVER), settings);
        let mut client = Client::new(at(0), Toy::sealed().with_key(3), seed, &wish);
        let (opened, begun) = shake(at(0), &mut client, &mut server).unwrap();
        agree(&opened, &begun);
        assert_eq!(begun.parameters, parameters);
        // A server has no such parameter: its token comes beside them.
        let expected = Parameters { reset_token: None, ..own };
        assert_eq!(opened.parameters, expected);
        assert_eq!(opened.reset_token, Some(server.resets.token(opened.server_id)));
        assert_eq!((&*begun.service, begun.client_key), ("files", Some(Toy::key(3))));
        assert_eq!(opened.server_key, Some(Toy::key(SERVER)));
        assert!(begun.is_proven && !begun.is_downgrade);
    }
}

// spec: 5.1.3, 5.4.1
#[test]
fn greased_parameters_differ_from_attempt_to_attempt() {
    let payloads: std::collections::BTreeSet<Vec<u8>> = (0..20)
        .map(|seed| {
            let syn = Client::simple(at(0), seed).send(at(0)).unwrap();
            let payload = as_syn(&syn, Profile::Sealed).message[32..].to_vec();
            assert_eq!(Request::parse(&payload), Ok(Request { service: "" }));
            payload
        })
        .collect();
    assert!(payloads.len() > 10);
}

// spec: 5.6.3
#[test]
fn the_ack_repeats_the_first_version() {
    for (toy, version) in [(Toy::sealed(), Version::ONE), (Toy::plain(), Version::PLAIN)] {
        let profile = toy.profile();
        let server = if profile == Profile::Plain { Toy::plain() } else { toy_server() };
        let mut client = Client::new(at(0), toy, 1, &Wish::default());
        let mut server = Server::new(server, Settings::default());
        let (opened, _) = shake(at(0), &mut client, &mut server).unwrap();
        // The double leaves message 3 in clear.
        assert_eq!(as_ack(&opened.ack, profile).message[..4], version.0.to_be_bytes());
    }
}

fn toy_server() -> Toy {
    Toy::sealed().with_key(SERVER)
}

#[test]
fn wishes_that_no_packet_holds() {
    let name: &'static str = "x".repeat(256).leak();
    let refused = |wish: Wish| {
        let mut side = Side::new(Toy::sealed(), 1);
        let ask = Ask {
            remote: server_addr(),
            server_key: wish.server_key,
            service: wish.service,
            id: id(1),
            parameters: wish.parameters,
            timing: wish.timing,
        };
        Attempt::new(at(0), &ask, &mut side.context()).is_err()
    };
    assert!(refused(Wish { service: name, ..Wish::default() }));
    assert!(!refused(Wish { service: &name[1..], ..Wish::default() }));
    let parameters = Parameters { max_datagram_size: 1, ..Wish::default().parameters };
    assert!(refused(Wish { parameters, ..Wish::default() }));
}

// In the plain profile nobody has the key that is expected.
#[test]
fn an_expected_key_is_never_found_in_the_plain_profile() {
    let wish = Wish { server_key: Some(Toy::key(SERVER)), ..Wish::default() };
    let mut client = Client::new(at(0), Toy::plain(), 1, &wish);
    let syn = client.send(at(0)).unwrap();
    let mut server = Server::new(Toy::plain(), Settings::default());
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    assert!(is_waiting(&client.take(at(1), &answer)));
}
