//! Receipts as programs see them (docs/PROTOCOL.md, 7.6): asked for, by hand, final.

use core::time::Duration;

use rudp_proto::{Outcome, ReceiptState};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{End, Plan, Scene};

use crate::record::record;

const S: Duration = Duration::from_secs(1);

fn link() -> LinkConfig {
    LinkConfig { loss: 0.1, ..LinkConfig::delay(Duration::from_millis(10)) }
}

/// A client that has written 5,000 bytes and asked for a receipt, after a second.
fn asked(seed: u64, reader: Plan) -> Scene {
    let plan = Plan { bytes: 5_000, finish: false, ..Plan::default() };
    let mut scene = Scene::pair(seed, link(), plan, reader);
    scene.world.run_for(S);
    let asked = scene.call(End::Client, |session, _| session.request_receipt(0));
    assert_eq!(asked, Some(Ok(5_000)));
    scene.world.run_for(S);
    scene
}

fn receipt(scene: &mut Scene) -> ReceiptState {
    scene.call(End::Client, |session, _| session.receipt(0)).flatten().expect("it is known")
}

fn read_on(scene: &mut Scene) {
    let server = scene.server;
    scene.world.with(server, |_, _, actor| actor.plan.read_size = 1_000);
    scene.call(End::Server, |_, _| ());
    scene.world.run_for(S);
}

// spec: 7.6.1, 7.6.2
#[test]
fn whoever_asks_is_told_what_is_received_and_later_what_is_read() {
    for seed in 0..10 {
        let mut scene = asked(seed, Plan { read_size: 0, ..Plan::default() });
        let before = ReceiptState { written: 5_000, received: 5_000, ..ReceiptState::default() };
        assert_eq!(receipt(&mut scene), before, "{seed}");
        read_on(&mut scene);
        assert_eq!(receipt(&mut scene), ReceiptState { read: 5_000, ..before }, "{seed}");
        scene.close(End::Client, S);
        scene.run();
        assert_ne!(scene.log(0).outcome(), Some(&Outcome::Received), "{seed}");
        record("asked", &scene.world);
    }
}

// spec: 7.6.2
#[test]
fn what_is_confirmed_by_hand_counts_and_nothing_else() {
    let mut scene = asked(1, Plan { read_size: 0, ..Plan::default() });
    scene.call(End::Server, |session, _| session.confirm_by_hand(0)).expect("there").expect("open");
    read_on(&mut scene);
    assert_eq!(scene.server_log().got(0).bytes, 5_000);
    assert_eq!(receipt(&mut scene).read, 0, "nothing is confirmed");
    // More than was read cannot be confirmed.
    scene.call(End::Server, |session, _| session.confirm(0, 3_000)).expect("there").expect("open");
    scene.world.run_for(S);
    scene.call(End::Client, |session, _| session.request_receipt(0));
    scene.world.run_for(S);
    assert_eq!(receipt(&mut scene).read, 3_000);
    scene.close(End::Client, 5 * S);
    scene.world.run_for(S);
    assert_eq!(scene.log(0).outcome(), None, "the rest is waited for");
    scene
        .call(End::Server, |session, _| session.confirm(0, u64::MAX))
        .expect("there")
        .expect("open");
    scene.run();
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("by hand", &scene.world);
}

// spec: 7.6.3
#[test]
fn a_reader_that_stops_or_closes_says_the_last_word() {
    for is_close in [false, true] {
        let mut scene = asked(2, Plan { read_size: 0, ..Plan::default() });
        scene.call(End::Client, |_, log| log.write_more(0, 5_000));
        if is_close {
            scene.close(End::Server, S);
        } else {
            scene.call(End::Server, |session, _| session.stop(0, 4)).expect("there").expect("open");
        }
        scene.world.run_for(S / 2);
        // The stream was reset in answer, and may be forgotten already.
        let known = scene.call(End::Client, |session, _| session.receipt(0)).flatten();
        assert!(known.is_none_or(|known| known.is_final && known.read == 0), "{known:?}");
        scene.close(End::Client, S);
        scene.run();
        assert_ne!(scene.log(0).outcome(), Some(&Outcome::Delivered), "{is_close}");
        record("final", &scene.world);
    }
}
