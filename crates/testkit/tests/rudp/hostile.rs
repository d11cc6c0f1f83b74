//! Attackers who send whatever they like, forged, mutated, replayed or at random: nothing changes
//! for those who have a session, or want one (docs/PROTOCOL.md, 12).

use core::net::SocketAddr;
use core::time::Duration;

use rudp_base::{PublicRng, Seed};
use rudp_proto::{Ended, Failure, Outcome};
use rudp_sim::{LinkConfig, What};
use rudp_testkit::rudp::{Ends, Plan, Scene, client_address, server_address};

use crate::record::{combine, record, record_digest};

const MS: Duration = Duration::from_millis(1);

fn link() -> LinkConfig {
    LinkConfig::delay(20 * MS).rate(5_000_000)
}

fn attacker() -> SocketAddr {
    ([66, 0, 0, 66], 666).into()
}

/// What was sent from an address, as far as it begins with `first` but for the bits of `mask`.
fn sent(scene: &Scene, from: SocketAddr, mask: u8, first: u8) -> Vec<Vec<u8>> {
    let trace = scene.world.trace();
    let records = trace.records().iter().filter(|record| record.what == What::Sent);
    let own = records.filter(|record| record.from == from).map(|record| trace.payload(record));
    own.filter(|packet| packet[0] & mask == first).map(<[u8]>::to_vec).collect()
}

/// A packet that nobody sent: at random, or made of one that was sent.
fn forgery(rng: &mut PublicRng, known: &[Vec<u8>]) -> Vec<u8> {
    let pick =
        |rng: &mut PublicRng, most: usize| usize::try_from(rng.below(most.max(1) as u64)).unwrap();
    let mut packet = vec![0; pick(rng, 1_300)];
    rng.fill(&mut packet);
    if rng.chance(0.2) || known.is_empty() {
        if let Some(first) = packet.first_mut() {
            *first |= 0xc0;
        }
        return packet;
    }
    let known = &known[pick(rng, known.len())];
    match rng.below(4) {
        // The header as it was, and something else behind it.
        0 => {
            let head = known.len().min(packet.len()).min(1 + pick(rng, 30));
            packet[..head].copy_from_slice(&known[..head]);
        }
        // Cut, or longer.
        1 => {
            let len = pick(rng, known.len());
            packet = known[..len].to_vec();
        }
        2 => packet = [&known[..], &packet[..packet.len() / 8]].concat(),
        // Bits of it.
        _ => {
            packet.clone_from(known);
            for _ in 0..=rng.below(3) {
                let at = pick(rng, packet.len());
                packet[at] ^= 1 << rng.below(8);
            }
        }
    }
    packet
}

// spec: 2.1, 6.9, 6.10, 12.8
#[test]
fn whatever_is_injected_changes_nothing() {
    let mut digest = 0;
    for seed in 0..20 {
        let rng = &mut Seed::from_u64(seed).public_stream("attacker");
        let ends =
            Ends { has_secret: seed % 3 == 2, client_has_key: seed % 2 == 1, ..Ends::default() };
        let both = Plan { bytes: 150_000, close: Some(60_000 * MS), ..Plan::default() };
        let mut scene = Scene::pair_of(seed, ends, link(), both.clone(), both);
        scene.world.record_trace(true);
        let (client, server) = (scene.clients[0].0, scene.server);
        for _ in 0..120 {
            scene.world.run_for(4 * MS);
            let known =
                [sent(&scene, client_address(0), 0, 0), sent(&scene, server_address(), 0, 0)];
            for _ in 0..5 {
                // Old ones as they were come again as well, which is as if the network did it.
                let (to_server, spoofed) = (rng.chance(0.5), rng.chance(0.7));
                let writer = usize::from(rng.chance(0.5));
                let packet = forgery(rng, &known[writer]);
                let (to, from) = if to_server {
                    (server, client_address(0))
                } else {
                    (client, server_address())
                };
                scene.world.inject(if spoofed { from } else { attacker() }, to, &packet);
            }
        }
        scene.run_out();
        for log in [scene.log(0), scene.server_log()] {
            assert_eq!((log.got(0).bytes, log.got(0).end), (150_000, true), "{seed}");
            assert_eq!(log.outcome(), Some(&Outcome::Delivered), "{seed}");
        }
        for node in [client, server] {
            assert_eq!(scene.world.machine(node).sessions(), 0, "{seed}");
        }
        digest = combine(digest, scene.world.digest());
    }
    record_digest("injected", digest);
}

// spec: 5.2.3
#[test]
fn forged_answers_to_a_syn_end_nothing() {
    let mut rehearsal = Scene::pair(1, link(), Plan::send(10), Plan::receive());
    rehearsal.world.record_trace(true);
    rehearsal.run();
    let answer = sent(&rehearsal, server_address(), 0x2f, 0x21).remove(0);
    for at in [9, 13, 21, 23, 30, 60, 90, answer.len() - 1] {
        let mut scene = Scene::pair(1, link(), Plan::send(10), Plan::receive());
        let client = scene.clients[0].0;
        scene.world.run_for(5 * MS);
        let mut forged = answer.clone();
        forged[at] ^= 1;
        for _ in 0..50 {
            scene.world.inject(server_address(), client, &forged);
        }
        scene.run();
        assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered), "byte {at}");
        record("forged answer", &scene.world);
    }
}

// spec: 5.3.6, 5.3.7
#[test]
fn a_repeated_ack_is_skipped_and_what_follows_it_is_a_packet_like_others() {
    let plan = Plan { bytes: 50_000, close: Some(60_000 * MS), ..Plan::default() };
    let mut scene = Scene::pair(2, link(), plan.clone(), plan);
    scene.world.record_trace(true);
    for _ in 0..20 {
        scene.world.run_for(10 * MS);
        let server = scene.server;
        for ack in sent(&scene, client_address(0), 0x2f, 0x22) {
            scene.world.inject(client_address(0), server, &ack);
            scene.world.inject(attacker(), server, &ack);
            let mut mutated = ack;
            mutated[30] ^= 4;
            scene.world.inject(client_address(0), server, &mutated);
        }
    }
    scene.run();
    assert_eq!(scene.world.application(scene.server).logs.len(), 1);
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("repeated ACK", &scene.world);
}

// spec: 10.2, 10.4
#[test]
fn a_reset_with_a_wrong_token_ends_nothing() {
    let plan = Plan { bytes: 500_000, close: Some(60_000 * MS), ..Plan::default() };
    let mut scene = Scene::pair(3, link(), plan.clone(), plan);
    scene.world.record_trace(true);
    scene.world.run_for(300 * MS);
    let (client, server) = (scene.clients[0].0, scene.server);
    let rng = &mut Seed::from_u64(3).public_stream("tokens");
    for from in [client_address(0), server_address()] {
        for packet in sent(&scene, from, 0x20, 0).iter().take(20) {
            let mut reset = [0; 25];
            rng.fill(&mut reset);
            reset[0] = 0xe5;
            reset[1..9].copy_from_slice(&packet[1..9]);
            scene.world.inject(server_address(), client, &reset);
            scene.world.inject(client_address(0), server, &reset);
        }
    }
    scene.run();
    for log in [scene.log(0), scene.server_log()] {
        assert_eq!(log.outcome(), Some(&Outcome::Delivered));
    }
    record("wrong token", &scene.world);
}

/// Two ends of different profiles.
fn differ(seed: u64, server_is_plain: bool) -> Scene {
    let ends = Ends { is_plain: server_is_plain, ..Ends::default() };
    let mut scene = Scene::new(seed, ends, link(), Plan::receive());
    scene.ends.is_plain = !server_is_plain;
    scene.client(Plan::send(10));
    scene
}

// spec: 3.2, 5.6.1, 5.6.2
#[test]
fn ends_of_different_profiles_do_not_meet() {
    for server_is_plain in [false, true] {
        let mut scene = differ(4, server_is_plain);
        scene.run_out();
        let (ended, at) = scene.log(0).ended.clone().expect("it ended");
        assert!(matches!(ended, Ended::Failed(Failure::NoCommonVersion { .. })), "{ended:?}");
        assert!(at - rudp_base::Instant::ZERO >= 1_000 * MS, "{at}");
        assert!(scene.world.application(scene.server).logs.is_empty());
        record("profiles", &scene.world);
    }
}

// spec: 5.1.1, 5.6.1, 5.7.1
#[test]
fn unknown_versions_are_answered_with_ours_and_less_than_was_asked() {
    let mut scene = Scene::new(5, Ends::default(), link(), Plan::receive());
    scene.world.record_trace(true);
    scene.client(Plan::send(10));
    scene.world.run_for(300 * MS);
    let server = scene.server;
    let mut syn = sent(&scene, client_address(0), 0x2f, 0x20).remove(0);
    syn[9..13].copy_from_slice(&0x7777_0001_u32.to_be_bytes());
    scene.world.inject(attacker(), server, &syn);
    scene.world.inject(attacker(), server, &syn[..1_199]);
    let mut version_0 = syn.clone();
    version_0[9..13].fill(0);
    scene.world.inject(attacker(), server, &version_0);
    scene.run();
    let trace = scene.world.trace();
    let answers = trace.records().iter().filter(|r| r.what == What::Sent && r.to == attacker());
    let answers: Vec<&[u8]> = answers.map(|record| trace.payload(record)).collect();
    let [answer] = answers[..] else { panic!("{} answers", answers.len()) };
    assert!(answer[0] & 0x2f == 0x24 && answer.len() < 100);
    // The ids of the SYN, the other way round, and version 0 between them.
    assert_eq!((&answer[1..9], &answer[9..13]), (&syn[13..21], &[0; 4][..]));
    assert_eq!(answer[13..21], syn[1..9]);
    assert!(answer[21..].chunks(4).any(|version| version == [0, 0, 0, 1]));
    record("unknown version", &scene.world);
}
