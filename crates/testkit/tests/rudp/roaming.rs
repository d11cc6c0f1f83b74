//! Clients that change their address in mid-transfer (docs/PROTOCOL.md, 9.3), and attackers who
//! pretend that they did.

use core::net::SocketAddr;
use core::time::Duration;

use rudp_base::Instant;
use rudp_proto::{Ended, Outcome};
use rudp_sim::{LinkConfig, What};
use rudp_testkit::rudp::{End, Ends, Plan, Scene, client_address};

use crate::record::{combine, record, record_digest};

const MS: Duration = Duration::from_millis(1);

fn link() -> LinkConfig {
    LinkConfig::delay(20 * MS).rate(10_000_000).queue_bdp(2.0, 40 * MS)
}

fn elsewhere(number: u8) -> SocketAddr {
    ([12, 0, 0, number], 4_000).into()
}

fn remote(scene: &mut Scene) -> SocketAddr {
    scene.call(End::Server, |session, _| session.remote()).expect("it is there")
}

// spec: 9.3.1, 9.3.2
#[test]
fn a_transfer_goes_on_wherever_the_client_is() {
    let mut digest = 0;
    for seed in 0..5 {
        for is_told in [false, true] {
            let both = Plan { bytes: 4_000_000, close: Some(600_000 * MS), ..Plan::default() };
            let mut scene = Scene::pair(seed, link(), both.clone(), both);
            let client = scene.clients[0].0;
            for number in 1..6 {
                scene.world.run_for(250 * MS);
                let mut address = elsewhere(number);
                if number == 5 {
                    // The port alone.
                    address = (scene.world.address(client).ip(), 4_001).into();
                }
                if is_told {
                    scene.world.move_to(client, address);
                } else {
                    scene.world.rebind(client, address);
                }
                scene.world.run_for(300 * MS);
                assert_eq!(remote(&mut scene), address, "{seed}, {number}");
            }
            scene.run();
            for log in [scene.log(0), scene.server_log()] {
                assert_eq!(log.outcome(), Some(&Outcome::Delivered));
                assert_eq!((log.got(0).bytes, log.got(0).end), (4_000_000, true));
            }
            let took = scene.world.now() - Instant::ZERO;
            assert!(took < Duration::from_secs(20), "{seed}: {took:?}");
            digest = combine(digest, scene.world.digest());
        }
    }
    record_digest("roaming", digest);
}

// spec: 9.3.2
#[test]
fn whoever_moves_back_does_not_wait_for_what_went_elsewhere() {
    let both = Plan { bytes: 4_000_000, close: Some(600_000 * MS), ..Plan::default() };
    let mut scene = Scene::pair(1, link(), both.clone(), both);
    let client = scene.clients[0].0;
    scene.world.run_for(1_000 * MS);
    let home = scene.world.address(client);
    let elsewhere = SocketAddr::new(home.ip(), 4_001);
    // The first address is still remembered when the client is there again.
    for (address, after) in [(elsewhere, 150 * MS), (home, Duration::ZERO)] {
        scene.world.rebind(client, address);
        while remote(&mut scene) != address {
            scene.world.run_for(MS);
        }
        scene.world.run_for(after);
    }
    let stats = scene.call(End::Server, |session, _| session.stats()).unwrap();
    // What the pacer let go since, of a window ten times as large.
    let most = 2 * u64::from(stats.packet_size);
    assert!(stats.bytes_in_flight <= most, "{} of {most}", stats.bytes_in_flight);
    scene.run();
    assert_eq!(scene.log(0).got(0).bytes, 4_000_000);
    record("back", &scene.world);
}

// spec: 3.6
#[test]
fn the_plain_profile_does_not_roam() {
    let ends = Ends { is_plain: true, ..Ends::default() };
    let mut scene = Scene::pair_of(1, ends, link(), Plan::send(2_000_000), Plan::receive());
    scene.world.run_for(300 * MS);
    scene.world.rebind(scene.clients[0].0, elsewhere(1));
    scene.run_out();
    assert_eq!(scene.server_log().ended.as_ref().map(|ended| &ended.0), Some(&Ended::Silent));
    record("plain", &scene.world);
}

/// What the client has sent so far.
fn captured(scene: &Scene, what: What) -> Vec<Vec<u8>> {
    let trace = scene.world.trace();
    let records = trace.records().iter();
    let own = records.filter(|record| record.what == what && record.from == client_address(0));
    own.map(|record| trace.payload(record).to_vec()).collect()
}

fn bytes_to(scene: &Scene, address: SocketAddr) -> usize {
    let trace = scene.world.trace();
    let sent = trace.records().iter().filter(|record| record.what == What::Sent);
    sent.filter(|record| record.to == address).map(|record| trace.payload(record).len()).sum()
}

// spec: 6.9, 9.3.1
#[test]
fn whoever_replays_packets_from_another_address_gets_nothing() {
    let mut scene = Scene::pair(2, link(), Plan::send(1_000_000), Plan::receive());
    scene.world.record_trace(true);
    let attacker = elsewhere(66);
    for _ in 0..10 {
        scene.world.run_for(60 * MS);
        // A SYN would begin a handshake of its own (5.2.5a).
        let packets = captured(&scene, What::Delivered);
        for packet in packets.into_iter().filter(|packet| packet[0] & 0x2f != 0x20) {
            scene.world.inject(attacker, scene.server, &packet);
        }
    }
    scene.run();
    assert_eq!(bytes_to(&scene, attacker), 0);
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("replay", &scene.world);
}

// spec: 9.3.1, 9.3.3
#[test]
fn whoever_is_faster_with_the_clients_packets_does_not_keep_the_session() {
    let both = Plan { bytes: 2_000_000, close: Some(600_000 * MS), ..Plan::default() };
    let mut scene = Scene::pair(3, link(), both.clone(), both);
    scene.world.record_trace(true);
    let attacker = elsewhere(66);
    let (mut known, mut given) = (0, 0);
    for _ in 0..400 {
        // The way takes 20 ms: these are there first.
        scene.world.run_for(3 * MS);
        let packets = captured(&scene, What::Sent);
        for packet in packets.iter().skip(known).filter(|packet| packet[0] & 0x20 == 0) {
            scene.world.inject(attacker, scene.server, packet);
            given += packet.len();
        }
        known = packets.len();
        assert!(bytes_to(&scene, attacker) <= given, "more than came from there");
    }
    assert!(bytes_to(&scene, attacker) > 0, "it was probed");
    scene.world.run_for(2_000 * MS);
    assert_eq!(remote(&mut scene), client_address(0));
    scene.run();
    for log in [scene.log(0), scene.server_log()] {
        assert_eq!(log.outcome(), Some(&Outcome::Delivered));
        assert_eq!(log.got(0).bytes, 2_000_000);
    }
    record("faster", &scene.world);
}

// spec: 3.6, 9.3.7
#[test]
fn a_client_without_encryption_stays_at_its_address_while_it_has_it() {
    let ends = Ends { is_plain: true, ..Ends::default() };
    let mut scene = Scene::pair_of(1, ends, link(), Plan::send(2_000_000), Plan::receive());
    scene.world.run_for(300 * MS);
    let client = scene.clients[0].0;
    let home = scene.world.address(client);
    // What the system chooses from now on; the old one is still there.
    scene.world.move_to(client, elsewhere(1));
    scene.world.alias(client, home);
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    assert_eq!(scene.server_log().got(0).bytes, 2_000_000);
}
