//! Messages of all modes on bad networks (docs/PROTOCOL.md, 7.5): reliable ones come once, ordered
//! ones in order, and none with a deadline after it.

use core::time::Duration;
use std::collections::BTreeSet;

use rudp_proto::{MessageFate, Outcome, ReceivedMode, SendMode};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{End, Log, Plan, Scene, message_number};

use crate::oracle::check;
use crate::record::{combine, record, record_digest};

const MS: Duration = Duration::from_millis(1);
const WAY: Duration = Duration::from_millis(20);
const LIFE: Duration = Duration::from_millis(90);

fn bad() -> LinkConfig {
    LinkConfig { loss: 0.2, ..LinkConfig::delay(WAY) }
}

fn of_all_modes(len: usize) -> Plan {
    let modes =
        [SendMode::Ordered, SendMode::Reliable, SendMode::Deadline(LIFE), SendMode::Unreliable];
    let messages = (0..200).map(|number| {
        let mode = modes[number % 4];
        // Unreliable ones have to fit a packet.
        let len = if mode == SendMode::Unreliable { len.min(1_000) } else { len };
        (len, mode)
    });
    Plan { messages: messages.collect(), ..Plan::default() }
}

fn came(log: &Log, mode: ReceivedMode) -> usize {
    log.messages.iter().filter(|message| message.mode == mode).count()
}

// spec: 7.5.2, 7.5.3, 7.5.4
#[test]
fn messages_of_all_modes_cross_a_bad_network() {
    let mut digest = 0;
    for seed in 0..10 {
        for len in [20, 3_000] {
            let mut scene = Scene::pair(seed, bad(), of_all_modes(len), of_all_modes(len));
            scene.world.run_for(60_000 * MS);
            scene.close(End::Client, 1_000 * MS);
            scene.run();
            check(&scene);
            let (client, server) = (scene.log(0), scene.server_log());
            assert_eq!(client.outcome(), Some(&Outcome::Delivered), "{seed}, {len}");
            for (writer, reader) in [(client, server), (server, client)] {
                assert_eq!(came(reader, ReceivedMode::Ordered), 50);
                assert_eq!(came(reader, ReceivedMode::Reliable), 50);
                let lossy = came(reader, ReceivedMode::Unreliable);
                assert!((20..50).contains(&lossy), "{lossy} unreliable ones of 50");
                check_deadlines(writer, reader);
                check_fates(writer, reader);
            }
            digest = combine(digest, scene.world.digest());
        }
    }
    record_digest("all modes", digest);
}

/// The reader counts from when a piece came: one way later, and as late as its runner is.
fn check_deadlines(writer: &Log, reader: &Log) {
    for (message, at) in reader.messages.iter().zip(&reader.messages_at) {
        if message.mode == ReceivedMode::Deadline {
            let number = message_number(writer.end, &message.data).expect("as it was sent");
            let age = *at - writer.sent_messages[usize::try_from(number).unwrap()].at;
            assert!(age <= LIFE + WAY + 3 * MS, "message {number} came after {age:?}");
        }
    }
}

/// What is known of each message in the end is so.
fn check_fates(writer: &Log, reader: &Log) {
    let number = |data: &[u8]| message_number(writer.end, data);
    let came: BTreeSet<_> = reader.messages.iter().filter_map(|m| number(&m.data)).collect();
    for (number, sent) in writer.sent_messages.iter().enumerate() {
        let has_come = came.contains(&(number as u64));
        match (sent.mode, writer.fates.get(&sent.id)) {
            (SendMode::Ordered | SendMode::Reliable, Some(MessageFate::Delivered)) => {
                assert!(has_come, "message {number}");
            }
            (SendMode::Unreliable, Some(MessageFate::Received)) => assert!(has_come, "{number}"),
            (SendMode::Unreliable, Some(MessageFate::Lost)) => {}
            (SendMode::Deadline(_), Some(fate)) => assert!(
                matches!(
                    fate,
                    MessageFate::Received | MessageFate::Delivered | MessageFate::Dropped
                ),
                "{number}: {fate:?}"
            ),
            (mode, fate) => assert!(
                fate.is_none() || *fate.unwrap() == MessageFate::Received,
                "{number}: {mode:?} {fate:?}"
            ),
        }
    }
}

// spec: 7.5.3
#[test]
fn a_program_that_reads_late_does_not_get_what_is_over() {
    let messages = vec![(50, SendMode::Deadline(LIFE)); 20];
    let plan = Plan { messages, ..Plan::default() };
    let mut scene =
        Scene::pair(3, LinkConfig::delay(WAY), plan, Plan { read_size: 0, ..Plan::default() });
    scene.world.run_for(1_000 * MS);
    let server = scene.server;
    scene.world.with(server, |_, _, actor| actor.plan.read_size = 100);
    scene.call(End::Server, |_, _| ());
    assert_eq!(scene.server_log().messages, []);
    scene.close(End::Client, 1_000 * MS);
    scene.run();
    record("read late", &scene.world);
}

#[test]
fn messages_may_be_empty() {
    let modes =
        [SendMode::Ordered, SendMode::Reliable, SendMode::Deadline(LIFE), SendMode::Unreliable];
    let messages = modes.iter().map(|mode| (0, *mode)).collect();
    let plan = Plan { messages, ..Plan::default() };
    let mut scene = Scene::pair(4, LinkConfig::delay(WAY), plan, Plan::default());
    scene.world.run_for(1_000 * MS);
    scene.close(End::Client, 1_000 * MS);
    scene.run();
    let messages = &scene.server_log().messages;
    assert_eq!(messages.len(), 4);
    assert!(messages.iter().all(|message| message.data.is_empty()));
    assert_eq!(scene.log(0).outcome(), Some(&Outcome::Delivered));
    record("empty", &scene.world);
}
