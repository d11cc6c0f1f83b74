//! Who may come in: client keys, secrets, services.

use core::time::Duration;
use std::collections::BTreeSet;

use rudp_proto::config::{ClientKeys, Services};
use rudp_proto::{Ended, Failure, Outcome, Target};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{Ends, Plan, Scene};
use rudp_wire::code::Code;

use crate::record::record;

fn link() -> LinkConfig {
    LinkConfig::delay(Duration::from_millis(10))
}

#[track_caller]
fn refused(scene: &Scene) -> Code {
    match scene.log(0).ended.clone().expect("it ended").0 {
        Ended::Failed(Failure::Refused { code, .. }) | Ended::Peer { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_may_want_keys() {
    let mut ends = Ends::default();
    ends.server.client_keys = ClientKeys::Required;
    let mut scene = Scene::pair_of(1, ends.clone(), link(), Plan::send(1), Plan::receive());
    scene.run_out();
    assert_eq!(refused(&scene), Code::CLIENT_KEY_REQUIRED);
    ends.client_has_key = true;
    let mut scene = Scene::pair_of(1, ends, link(), Plan::send(1), Plan::receive());
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("keys", &scene.world);
}

#[test]
fn a_server_may_want_certain_keys() {
    let mut ends = Ends { client_has_key: true, ..Ends::default() };
    ends.server.client_keys = ClientKeys::Listed(BTreeSet::new());
    let mut scene = Scene::pair_of(2, ends.clone(), link(), Plan::send(1), Plan::receive());
    scene.run_out();
    assert_eq!(refused(&scene), Code::CLIENT_KEY_UNKNOWN);
    assert!(scene.world.application(scene.server).logs.is_empty(), "the program saw it");
    let known = [Ends::key(2, "client 0").public_key()].into();
    ends.server.client_keys = ClientKeys::Listed(known);
    let mut scene = Scene::pair_of(2, ends, link(), Plan::send(1), Plan::receive());
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("listed keys", &scene.world);
}

#[test]
fn services_have_names() {
    let mut ends = Ends::default();
    ends.server.services = Services::Named(vec!["files".to_owned(), "echo".to_owned()]);
    let mut scene = Scene::new(3, ends, link(), Plan::receive());
    let target = |service: &str| Target { service: service.to_owned(), ..Target::default() };
    scene.client_to(target("telnet"), Plan::send(1));
    scene.client_to(target("echo"), Plan::send(1));
    scene.run_out();
    assert_eq!(refused(&scene), Code::UNKNOWN_SERVICE);
    assert_eq!(scene.log(1).outcome(), Some(&Outcome::Delivered));
    record("services", &scene.world);
}
