//! A server's handshakes: RETRY, refusals, identification, ACKs, the plain profile.

use rudp_wire::code::Code;
use rudp_wire::packet::{AckPacket, Packet, Profile, Suite, Syn, Version};

use super::scene::*;
use crate::crypto::Crypto;
use crate::handshake::{AnswerKind, Dropped, Failure, IdPlan, Ids, Services, Settings, Step, When};
use crate::toy::Toy;

fn retrying(retry: When) -> Settings {
    Settings { retry, ..Settings::default() }
}

fn server_with(settings: Settings) -> Server {
    Server::new(Toy::sealed().with_key(SERVER), settings)
}

fn kind(answered: &Answered) -> Result<AnswerKind, Dropped> {
    answered.as_ref().map(|(kind, _)| *kind).map_err(|dropped| *dropped)
}

/// A SYN with another cookie.
fn with_cookie(syn: &[u8], cookie: &[u8]) -> Vec<u8> {
    let syn = Syn { cookie, ..as_syn(syn, Profile::Sealed) };
    bytes(|buffer| syn.emit(true, buffer))
}

// spec: 5.3.4, 5.3.6
#[test]
fn handshakes_of_all_patterns() {
    let pairs: [fn() -> (Toy, Toy); 5] = [
        || (Toy::sealed(), Toy::sealed().with_key(SERVER)),
        || (Toy::sealed().with_key(3), Toy::sealed().with_key(SERVER)),
        || (Toy::sealed().with_secret(1), Toy::sealed().with_key(SERVER).with_secret(1)),
        || {
            let server = Toy::sealed().with_key(SERVER).with_secret(1);
            (Toy::sealed().with_key(3).with_secret(1), server)
        },
        || (Toy::plain(), Toy::plain()),
    ];
    for pair in pairs {
        for retry in [When::Always, When::UnderLoad, When::Never] {
            let (client, server) = pair();
            let key = client.public_key();
            let mut server = Server::new(server, retrying(retry));
            let mut client = Client::new(at(0), client, 1, &Wish::default());
            let (opened, begun) = shake(at(0), &mut client, &mut server).unwrap();
            agree(&opened, &begun);
            assert_eq!((begun.client_key, begun.is_proven), (key, true));
            assert_eq!(opened.server_key, server.side.toy.public_key());
            assert_eq!(server.pending.len(), 0);
        }
    }
}

// spec: 5.1.5
#[test]
fn syns_of_other_patterns_or_secrets_are_dropped() {
    let clients = || {
        [
            Toy::sealed(),
            Toy::sealed().with_key(3),
            Toy::sealed().with_secret(1),
            Toy::sealed().with_key(3).with_secret(1),
        ]
    };
    let answers = |server: fn() -> Toy| {
        clients().map(|toy| {
            let syn = Client::new(at(0), toy, 1, &Wish::default()).send(at(0)).unwrap();
            kind(&Server::new(server(), Settings::default()).syn(at(0), client_addr(), &syn)).err()
        })
    };
    let (pattern, message) = (Some(Dropped::Pattern), Some(Dropped::Message));
    assert_eq!(answers(|| Toy::sealed().with_key(9)), [None, None, pattern, pattern]);
    let with_secret = answers(|| Toy::sealed().with_key(9).with_secret(1));
    assert_eq!(with_secret, [pattern, pattern, None, None]);
    let with_other = answers(|| Toy::sealed().with_key(9).with_secret(2));
    assert_eq!(with_other, [pattern, pattern, message, message]);
    // Nor do they get RETRY.
    let mut server = server_with(retrying(When::Always));
    let mut client = Client::new(at(0), Toy::sealed().with_secret(1), 1, &Wish::default());
    let syn = client.send(at(0)).unwrap();
    assert_eq!(kind(&server.syn(at(0), client_addr(), &syn)), Err(Dropped::Pattern));
}

// spec: 5.1.1, 5.1.5
#[test]
fn short_and_unreadable_syns_are_dropped() {
    let mut server = Server::simple();
    let syn = Client::simple(at(0), 1).send(at(0)).unwrap();
    assert!(server.syn(at(0), client_addr(), &syn[..1_199]).is_err());
    let parsed = as_syn(&syn, Profile::Sealed);
    for message in [&b""[..], &parsed.message[..31], &[&[1; 32][..], b"\x01\xff"].concat()] {
        let damaged = Syn { message, ..parsed };
        let answered = server.parsed_syn(at(0), &from(client_addr(), &syn), &damaged);
        assert_eq!(kind(&answered), Err(Dropped::Message));
    }
    assert_eq!(server.pending.len(), 0);
}

// spec: 5.2.5, 12.3
#[test]
fn no_answer_is_larger_than_its_cause() {
    let mut server = Server::simple();
    let syn = Client::simple(at(0), 1).send(at(0)).unwrap();
    let parsed = as_syn(&syn, Profile::Sealed);
    let mut of_len = |len| {
        let arrival = crate::handshake::Arrival { len, ..from(client_addr(), &syn) };
        server.parsed_syn(at(0), &arrival, &parsed)
    };
    assert_eq!(kind(&of_len(50)), Err(Dropped::Larger));
    let (_, answer) = of_len(1_200).unwrap();
    assert_eq!(kind(&of_len(answer.len() - 1)), Err(Dropped::Larger));
    assert_eq!(kind(&of_len(answer.len())), Ok(AnswerKind::Repetition));
}

// spec: 5.2.5, 5.2.5a
#[test]
fn a_repeated_syn_gets_the_same_bytes_and_a_different_one_another_handshake() {
    let mut server = Server::simple();
    let syn = Client::simple(at(0), 1).send(at(0)).unwrap();
    let (first, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    assert_eq!(first, AnswerKind::SynAck);
    let parsed = as_syn(&syn, Profile::Sealed);
    // Cookie, padding and the random bit are no part of what a handshake is known by.
    let mut padded = syn.clone();
    padded.resize(1_400, 1);
    let mut random = syn.clone();
    random[0] ^= 0x10;
    for same in [syn.clone(), with_cookie(&syn, &[1; 20]), padded, random] {
        let repeated = server.syn(at(10), client_addr(), &same).unwrap();
        assert_eq!(repeated, (AnswerKind::Repetition, answer.clone()));
    }
    let longer = [parsed.message, &[27, 0]].concat();
    let others = [
        Syn { initial: id(1), ..parsed },
        Syn { source: id(2), ..parsed },
        Syn { suites: rudp_wire::packet::Suites(0b111), ..parsed },
        Syn { message: &longer, ..parsed },
    ];
    let mut known = std::collections::BTreeSet::from([as_syn_ack(&answer).source]);
    for other in others {
        let answered = server.parsed_syn(at(20), &from(client_addr(), &syn), &other).unwrap();
        assert_eq!(answered.0, AnswerKind::SynAck);
        assert!(known.insert(as_syn_ack(&answered.1).source), "an id of its own");
    }
    for remote in ["198.51.100.7:5001", "198.51.100.8:5000"] {
        let (kind, other) = server.syn(at(20), addr(remote), &syn).unwrap();
        assert_eq!(kind, AnswerKind::SynAck);
        let (own, first) = (as_syn_ack(&other), as_syn_ack(&answer));
        assert!(known.insert(own.source), "an id of its own");
        assert_ne!(own.message[..32], first.message[..32], "an ephemeral key of its own");
    }
    assert_eq!(server.pending.len(), 7);
}

// spec: 5.2.5a, 12.7
#[test]
fn repetitions_are_dropped_for_10_seconds_after_the_session_has_begun() {
    let mut server = Server::simple();
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    let Step::Done(opened) = client.take(at(0), &answer) else { panic!("not opened") };
    server.ack(at(1_000), client_addr(), &opened.ack).unwrap();
    assert_eq!(server.ack(at(1_001), client_addr(), &opened.ack).err(), Some(Dropped::Unknown));
    for now in [1_000, 5_000, 10_999] {
        assert_eq!(kind(&server.syn(at(now), client_addr(), &syn)), Err(Dropped::Begun));
    }
    assert_eq!(server.pending.timeout(), Some(at(11_000)));
    assert_eq!(kind(&server.syn(at(11_000), client_addr(), &syn)), Ok(AnswerKind::SynAck));
}

// spec: 5.1.5
#[test]
fn an_unfinished_handshake_is_kept_for_10_seconds() {
    let mut server = Server::simple();
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    let Step::Done(opened) = client.take(at(0), &answer) else { panic!("not opened") };
    assert!(server.pending.contains(opened.server_id));
    // A repetition does not make it last longer.
    server.syn(at(9_999), client_addr(), &syn).unwrap();
    assert_eq!(server.pending.timeout(), Some(at(10_000)));
    server.pending.on_timeout(at(9_999));
    assert_eq!(server.pending.len(), 1);
    server.pending.on_timeout(at(10_000));
    assert_eq!((server.pending.len(), server.pending.timeout()), (0, None));
    assert!(!server.pending.contains(opened.server_id));
    assert_eq!(server.ack(at(10_000), client_addr(), &opened.ack).err(), Some(Dropped::Unknown));
}

// spec: 5.2.1, 5.2.6
#[test]
fn refusals_say_why_and_are_kept() {
    let named = || Settings {
        services: Services::Named(vec!["files".into(), "pipe".into()]),
        ..Settings::default()
    };
    let key_needed = || Settings { needs_client_key: true, ..named() };
    let files = || Wish { service: "files", ..Wish::default() };
    let other = || Wish { service: "file", ..Wish::default() };
    let aes256 = || Toy::sealed().with_suites(&[Suite::Aes256Gcm]);
    let table = [
        (named(), None, Toy::sealed(), files(), None),
        (named(), None, Toy::sealed(), other(), Some(Code::UNKNOWN_SERVICE)),
        (key_needed(), None, Toy::sealed(), files(), Some(Code::CLIENT_KEY_REQUIRED)),
        (key_needed(), None, Toy::sealed().with_key(3), files(), None),
        (named(), None, aes256(), files(), Some(Code::NO_COMMON_SUITE)),
        (named(), Some(Code::BUSY), Toy::sealed(), files(), Some(Code::BUSY)),
        (key_needed(), Some(Code::SERVER_SHUTDOWN), aes256(), other(), Some(Code::SERVER_SHUTDOWN)),
    ];
    for (settings, refuse_all, toy, wish, expected) in table {
        let mut server = server_with(settings);
        server.pending.refuse_all(refuse_all);
        let mut client = Client::new(at(0), toy, 1, &wish);
        let Some(expected) = expected else {
            shake(at(0), &mut client, &mut server).unwrap();
            continue;
        };
        let syn = client.send(at(0)).unwrap();
        let (kind, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
        assert_eq!(kind, AnswerKind::Refusal(expected));
        let again = server.syn(at(1), client_addr(), &syn).unwrap();
        assert_eq!(again, (AnswerKind::Repetition, answer.clone()));
        match client.take(at(1), &answer) {
            Step::Failed(Failure::Refused { code, .. }) => assert_eq!(code, expected),
            other => panic!("{other:?}"),
        }
        let refused = as_syn_ack(&answer);
        let ack = AckPacket {
            destination: refused.source,
            source: refused.destination,
            message: &[0; 64],
            data: None,
        };
        let ack = bytes(|buffer| ack.emit(Profile::Sealed, true, buffer));
        assert_eq!(server.ack(at(2), client_addr(), &ack).err(), Some(Dropped::Message));
    }
}

// spec: 5.1.3
#[test]
fn the_empty_name_is_the_first_service() {
    let table = [
        (Services::Any, "", Some("")),
        (Services::Any, "x", Some("x")),
        (Services::Named(vec!["a".into(), "b".into()]), "", Some("a")),
        (Services::Named(vec!["a".into(), "b".into()]), "b", Some("b")),
        (Services::Named(vec![]), "", None),
    ];
    for (services, service, expected) in table {
        let mut server = server_with(Settings { services, ..Settings::default() });
        let wish = Wish { service, ..Wish::default() };
        let mut client = Client::new(at(0), Toy::sealed(), 1, &wish);
        let service = shake(at(0), &mut client, &mut server).ok().map(|(_, begun)| begun.service);
        assert_eq!(service.as_deref(), expected);
    }
}

// spec: 5.5.1, 5.5.2, 12.8
#[test]
fn with_retry_nothing_is_kept_of_unproven_clients() {
    let mut server = server_with(retrying(When::Always));
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (kind, retry) = server.syn(at(0), client_addr(), &syn).unwrap();
    assert_eq!(kind, AnswerKind::Retry);
    assert_eq!((server.pending.len(), server.pending.timeout()), (0, None));
    let (parsed, packet) = (as_syn(&syn, Profile::Sealed), as_retry(&retry));
    assert_eq!((packet.destination, packet.initial), (parsed.source, parsed.initial));
    assert_eq!(packet.cookie.len(), 20);
    client.take(at(10), &retry);
    let proven = client.send(at(10)).unwrap();
    let (kind, answer) = server.syn(at(20), client_addr(), &proven).unwrap();
    assert_eq!(kind, AnswerKind::SynAck);
    let Step::Done(opened) = client.take(at(30), &answer) else { panic!("not opened") };
    assert_eq!(opened.rtt, None, "something was sent twice");
    agree(&opened, &server.ack(at(40), client_addr(), &opened.ack).unwrap());
}

/// What a server says to a SYN with the cookie that another one gave.
fn judge_cookie(
    maker: &mut Server,
    judge: &mut Server,
    made: u64,
    shown: u64,
    change: impl FnOnce(&mut Vec<u8>, &mut core::net::SocketAddr),
) -> AnswerKind {
    let syn = Client::simple(at(0), made).send(at(0)).unwrap();
    let (_, retry) = maker.syn(at(made), client_addr(), &syn).unwrap();
    let mut proven = with_cookie(&syn, as_retry(&retry).cookie);
    let mut remote = client_addr();
    change(&mut proven, &mut remote);
    kind(&judge.syn(at(shown), remote, &proven)).unwrap()
}

// spec: 5.5.3
#[test]
fn cookies_are_valid_for_15_seconds_from_all_servers_with_the_key() {
    let server = |key, unix| {
        let toy = Toy::sealed().with_key(SERVER);
        Server::with_cookies(toy, retrying(When::Always), key, unix)
    };
    let (valid, none) = (AnswerKind::SynAck, AnswerKind::Retry);
    // The clock of whoever judges, relative to that of whoever made it, in seconds; across the end
    // of 32 bits.
    let table = [
        (0, valid),
        (6, valid),
        (15, valid),
        (16, none),
        (1_000, none),
        (-1, valid),
        (-2, valid),
        (-3, none),
        (-1_000, none),
    ];
    for (ahead, expected) in table {
        let mut maker = server(COOKIE_KEY, UNIX);
        let mut judge = server(COOKIE_KEY, UNIX.wrapping_add_signed(ahead));
        let judged = judge_cookie(&mut maker, &mut judge, 500, 500, |_, _| {});
        assert_eq!(judged, expected, "{ahead} s");
    }
    let mut other_key = server([6; 32], UNIX);
    let mut maker = server(COOKIE_KEY, UNIX);
    assert_eq!(judge_cookie(&mut maker, &mut other_key, 0, 0, |_, _| {}), none);
    let mut own = server(COOKIE_KEY, UNIX);
    let mut maker = server(COOKIE_KEY, UNIX);
    assert_eq!(judge_cookie(&mut maker, &mut own, 0, 15_999, |_, _| {}), valid);
    assert_eq!(judge_cookie(&mut maker, &mut own, 1, 16_000, |_, _| {}), none);
}

// spec: 5.5.3
#[test]
fn a_cookie_is_for_its_syn_and_its_address_alone() {
    let judged = |change: fn(&mut Vec<u8>, &mut core::net::SocketAddr)| {
        let mut server = server_with(retrying(When::Always));
        let mut other = server_with(retrying(When::Always));
        judge_cookie(&mut server, &mut other, 1, 2, change)
    };
    assert_eq!(judged(|_, _| {}), AnswerKind::SynAck);
    let changes: [fn(&mut Vec<u8>, &mut core::net::SocketAddr); 8] = [
        |_, remote| remote.set_port(1),
        |_, remote| *remote = addr("198.51.100.8:5000"),
        |syn, _| syn[1] ^= 1,
        |syn, _| syn[20] ^= 1,
        |syn, _| syn[22] ^= 4,
        |syn, _| syn[24] ^= 1,
        |syn, _| syn[43] ^= 1,
        |syn, _| syn[24 + 20 + 2] ^= 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(judged(change), AnswerKind::Retry, "change {number}");
    }
    // Cookies of other lengths count as none.
    for len in [0, 1, 19, 21, 64] {
        let mut server = server_with(retrying(When::Always));
        let syn = Client::simple(at(0), 1).send(at(0)).unwrap();
        let answered = server.syn(at(0), client_addr(), &with_cookie(&syn, &vec![0; len]));
        assert_eq!(kind(&answered), Ok(AnswerKind::Retry));
    }
}

// spec: 5.3.6
#[test]
fn an_ack_from_another_address_proves_nothing() {
    let mut server = Server::simple();
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    let Step::Done(opened) = client.take(at(0), &answer) else { panic!("not opened") };
    let begun = server.ack(at(10), addr("198.51.100.7:5001"), &opened.ack).unwrap();
    assert!(!begun.is_proven);
}

// spec: 3.5, 5.3.6
#[test]
fn in_the_plain_profile_ids_and_address_of_the_ack_have_to_be_right() {
    let mut server = Server::new(Toy::plain(), Settings::default());
    let mut client = Client::new(at(0), Toy::plain(), 1, &Wish::default());
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    let Step::Done(opened) = client.take(at(0), &answer) else { panic!("not opened") };
    assert_eq!((opened.suite, opened.reset_token, opened.server_key), (None, None, None));
    let packet = as_ack(&opened.ack, Profile::Plain);
    let moved = AckPacket { source: id(1), ..packet };
    let moved = bytes(|buffer| moved.emit(Profile::Plain, true, buffer));
    assert_eq!(server.ack(at(1), client_addr(), &moved).err(), Some(Dropped::Source));
    let elsewhere = server.ack(at(1), addr("198.51.100.7:5001"), &opened.ack);
    assert_eq!(elsewhere.err(), Some(Dropped::Source));
    assert!(server.ack(at(1), client_addr(), &opened.ack).is_ok());
}

// spec: 5.3.6, 5.4.2
#[test]
fn an_ack_that_does_not_open_or_parse_begins_nothing() {
    let mut server = Server::simple();
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    let Step::Done(opened) = client.take(at(0), &answer) else { panic!("not opened") };
    for index in 23..opened.ack.len() {
        let mut forged = opened.ack.to_vec();
        forged[index] ^= 1;
        assert_eq!(server.ack(at(1), client_addr(), &forged).err(), Some(Dropped::Message));
    }
    assert!(server.ack(at(2), client_addr(), &opened.ack).is_ok());

    // One that opens, with a parameter that comes twice.
    let mut server = Server::new(Toy::plain(), Settings::default());
    let mut client = Client::new(at(0), Toy::plain(), 1, &Wish::default());
    let syn = client.send(at(0)).unwrap();
    let (_, answer) = server.syn(at(0), client_addr(), &syn).unwrap();
    let Step::Done(opened) = client.take(at(0), &answer) else { panic!("not opened") };
    let packet = as_ack(&opened.ack, Profile::Plain);
    let message = [packet.message, &[3, 1, 1, 3, 1, 1]].concat();
    let twice = AckPacket { message: &message, ..packet };
    let twice = bytes(|buffer| twice.emit(Profile::Plain, true, buffer));
    assert_eq!(server.ack(at(1), client_addr(), &twice).err(), Some(Dropped::Message));
    assert!(server.ack(at(2), client_addr(), &opened.ack).is_ok());
}

// spec: 5.3.8
#[test]
fn keys_that_the_server_does_not_know_are_objected_to() {
    let begun = |toy| {
        let mut client = Client::new(at(0), toy, 1, &Wish::default());
        shake(at(0), &mut client, &mut Server::simple()).unwrap().1
    };
    let with_key = begun(Toy::sealed().with_key(3));
    assert_eq!(with_key.objection(|key| *key == Toy::key(3)), None);
    assert_eq!(with_key.objection(|_| false), Some(Code::CLIENT_KEY_UNKNOWN));
    let mut begun = begun(Toy::sealed());
    assert_eq!(begun.objection(|_| false), None);
    begun.is_downgrade = true;
    assert_eq!(begun.objection(|_| true), Some(Code::VERSION_DOWNGRADE));
}

// spec: 4.1, 4.2, 4.3
#[test]
fn server_ids_keep_the_plan_and_are_not_in_use() {
    let settings = Settings { max_per_network: 1_000, ..Settings::default() };
    let mut server = Server::new(Toy::sealed().with_key(SERVER), settings);
    let plan = IdPlan::new(&[0xab], 2, 3).unwrap();
    for seed in 0..200_u16 {
        let syn = Client::simple(at(0), seed.into()).send(at(0)).unwrap();
        let Ok(Packet::Syn(parsed)) = Packet::parse(&syn, Profile::Sealed) else { panic!() };
        // Half of all ids are in use.
        let in_use = |id: rudp_wire::packet::ConnectionId| id.0[1] & 1 == 0;
        let ids = Ids { plan, resets: &server.resets, in_use: &in_use };
        let remote = core::net::SocketAddr::new(client_addr().ip(), 1_000 + seed);
        let arrival = from(remote, &syn);
        let context = &mut server.side.context();
        let answer = server.pending.on_syn(at(0), &arrival, &parsed, &ids, context).unwrap();
        let id = as_syn_ack(answer.datagram).source;
        assert!(plan.may_own(id) && !in_use(id));
    }
    let syn = Client::simple(at(0), 999).send(at(0)).unwrap();
    let ids = Ids { plan, resets: &server.resets, in_use: &|_| true };
    let parsed = as_syn(&syn, Profile::Sealed);
    let context = &mut server.side.context();
    let answer = server.pending.on_syn(at(0), &from(client_addr(), &syn), &parsed, &ids, context);
    assert_eq!(answer.err(), Some(Dropped::NoId));
}

// spec: 5.7.1
#[test]
fn answers_never_cause_answers() {
    let mut server = server_with(retrying(When::Always));
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (_, retry) = server.syn(at(0), client_addr(), &syn).unwrap();
    assert!(retry.len() < syn.len());
    // VERSION and RESET cause nothing at a client, and a RETRY a SYN three times at most.
    let version = version_packet(&syn, &[Version(2)]);
    let reset = rudp_wire::packet::Reset { id: id(1), token: [0; 16] };
    let reset = bytes(|buffer| reset.emit(true, buffer));
    for answer in [&version, &reset] {
        client.take(at(1), answer);
        assert_eq!(client.send(at(1)), None);
        // At a server none of them is a SYN.
        assert!(server.syn(at(1), server_addr(), answer).is_err());
    }
    assert!(server.syn(at(1), server_addr(), &retry).is_err());
}
