//! Servers at their limits: sessions, memory, handshakes, and the end. Whoever does not come in is
//! told why, and whoever is in stays.

use core::time::Duration;

use rudp_proto::config::{EndpointConfig, RetryMode};
use rudp_proto::{Ended, Failure, Outcome};
use rudp_sim::{LinkConfig, What};
use rudp_testkit::rudp::{End, Ends, Log, Plan, Scene, server_address};
use rudp_wire::code::Code;

use crate::record::record;

const S: Duration = Duration::from_secs(1);

fn link() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(10))
}

fn scene_of(seed: u64, server: EndpointConfig) -> Scene {
    Scene::new(seed, Ends { server, ..Ends::default() }, link(), Plan::default())
}

fn code(log: &Log) -> Option<Code> {
    match log.ended.as_ref().map(|ended| &ended.0) {
        Some(Ended::Failed(Failure::Refused { code, .. }) | Ended::Peer { code, .. }) => {
            Some(*code)
        }
        _ => None,
    }
}

/// Two clients are let in and stay, a third is refused; when one goes another may come.
fn two_are_let_in(name: &str, seed: u64, server: EndpointConfig) {
    let mut scene = scene_of(seed, server);
    for _ in 0..2 {
        scene.client(Plan { bytes: 100, ..Plan::default() });
    }
    scene.world.run_for(S);
    scene.client(Plan::send(100));
    scene.world.run_for(S);
    assert_eq!(code(scene.log(2)), Some(Code::BUSY));
    assert_eq!((&scene.log(0).ended, &scene.log(1).ended), (&None, &None));
    scene.close(End::Client, S);
    scene.world.run_for(5 * S);
    scene.client(Plan::send(100));
    scene.world.run_for(5 * S);
    assert_eq!(scene.log(3).outcome(), Some(&Outcome::Delivered));
    assert_eq!(scene.world.machine(scene.server).sessions(), 1);
    record(name, &scene.world);
}

#[test]
fn no_more_sessions_than_the_limit() {
    two_are_let_in("sessions", 1, EndpointConfig { max_sessions: 2, ..EndpointConfig::default() });
}

#[test]
fn no_more_memory_than_the_budget() {
    let mut server = EndpointConfig::default();
    // No first windows are smaller.
    (server.session.session_window, server.session.message_window) = (4 << 10, 4 << 10);
    server.session.max_message_size = 1_000;
    server.memory = 2 * (8 << 10);
    two_are_let_in("memory", 2, server);
}

// spec: 5.4.4, 7.4.3
#[test]
fn where_memory_is_short_windows_are_small_at_first_and_grow() {
    let mut server = EndpointConfig::default();
    server.memory = server.session.session_window + server.session.message_window;
    let mut scene = scene_of(6, server);
    for _ in 0..10 {
        scene.client(Plan::send(300_000));
    }
    scene.run();
    for number in 0..10 {
        assert_eq!(scene.log(number).outcome(), Some(&Outcome::Delivered), "{number}");
    }
    record("short", &scene.world);
}

fn retries(scene: &Scene) -> usize {
    let records = scene.world.trace().records().iter();
    let sent =
        records.filter(|record| record.what == What::Sent && record.from == server_address());
    sent.filter(|record| scene.world.trace().payload(record)[0] & 0x2f == 0x23).count()
}

// spec: 5.1.5, 5.5.1
#[test]
fn many_clients_at_once_have_to_prove_their_address_and_come_in() {
    let server = EndpointConfig { max_handshakes: 64, ..EndpointConfig::default() };
    let mut scene = scene_of(3, server);
    scene.world.record_trace(true);
    for _ in 0..60 {
        scene.client(Plan::send(500));
    }
    scene.run();
    for number in 0..60 {
        assert_eq!(scene.log(number).outcome(), Some(&Outcome::Delivered), "{number}");
    }
    assert!(retries(&scene) > 0);
    record("many", &scene.world);
}

// spec: 5.5.1
#[test]
fn a_server_that_never_asks_drops_who_is_too_many_and_they_come_again() {
    let server =
        EndpointConfig { max_handshakes: 8, retry: RetryMode::Never, ..EndpointConfig::default() };
    let mut scene = scene_of(4, server);
    scene.world.record_trace(true);
    for _ in 0..12 {
        scene.client(Plan::send(500));
    }
    scene.run();
    assert_eq!(retries(&scene), 0);
    for number in 0..12 {
        assert_eq!(scene.log(number).outcome(), Some(&Outcome::Delivered), "{number}");
    }
    record("never", &scene.world);
}

// spec: 9.2.6
#[test]
fn a_server_that_shuts_down_tells_everybody() {
    let mut scene = scene_of(5, EndpointConfig::default());
    for _ in 0..5 {
        scene.client(Plan { bytes: 1_000, ..Plan::default() });
    }
    scene.world.run_for(S);
    let server = scene.server;
    scene.world.with(server, |now, endpoint, _| endpoint.shutdown(now));
    scene.world.run_for(S / 2);
    scene.client(Plan::send(10));
    scene.world.run_for(5 * S);
    for number in 0..6 {
        assert_eq!(code(scene.log(number)), Some(Code::SERVER_SHUTDOWN), "{number}");
    }
    scene.run();
    assert!(scene.world.machine(server).is_idle());
    record("shutdown", &scene.world);
}
