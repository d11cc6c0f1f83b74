//! Receipts that a CLOSE overtakes: a reader that has read everything and closes at once is known to
//! have read everything, whatever of its last packets is lost or late (docs/PROTOCOL.md, 9.2.3).

use core::time::Duration;

use rudp_base::{PublicRng, Seed};
use rudp_proto::config::Congestion;
use rudp_proto::{Code, Direction, Ended, Outcome, SendMode};
use rudp_sim::{LinkConfig, seeds};
use rudp_testkit::rudp::{End, Ends, Log, Plan, Scene};

use crate::oracle::{check, log_of};
use crate::record::{combine, record_digest};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// More receipts than a CLOSE has room for.
const MANY: u64 = 400;

fn below(rng: &mut PublicRng, bound: u64) -> u32 {
    rng.below(bound) as u32
}

fn link(rng: &mut PublicRng, most_loss: f64) -> LinkConfig {
    LinkConfig {
        loss: rng.unit() * most_loss,
        reorder: rng.unit() * 0.7,
        reorder_by: below(rng, 50) * MS,
        jitter: below(rng, 10) * MS,
        jitter_reorders: true,
        ..LinkConfig::delay((1 + below(rng, 20)) * MS)
    }
}

/// Any number of streams, and what is written to them leaves at once.
fn ends() -> Ends {
    let mut ends = Ends::default();
    ends.server.session.max_streams_bidi = 2 * MANY;
    ends.server.session.max_streams_uni = 2 * MANY;
    ends.client.session.congestion = Congestion::Fixed(10_000_000);
    ends
}

/// Writes to so many streams.
fn writer(rng: &mut PublicRng, streams: u64) -> Plan {
    let direction = |rng: &mut PublicRng| {
        if rng.chance(0.5) { Direction::Bidirectional } else { Direction::Unidirectional }
    };
    let mode =
        |rng: &mut PublicRng| if rng.chance(0.5) { SendMode::Ordered } else { SendMode::Reliable };
    Plan {
        bytes: rng.below(2_000),
        streams: (0..streams).map(|_| (direction(rng), 1 + rng.below(300))).collect(),
        messages: (0..rng.below(4)).map(|_| (8 + rng.below(200) as usize, mode(rng))).collect(),
        finish: rng.chance(0.5),
        ..Plan::default()
    }
}

/// Whether the reader's program has read everything.
fn has_read_all(writer: &Log, reader: &Log) -> bool {
    let is_read = |stream: &u64, done| reader.got(*stream).bytes == done;
    writer.written.iter().all(|(stream, written)| is_read(stream, written.done))
        && reader.messages.len() == writer.sent_messages.len()
}

/// What a scene came to.
#[derive(Default)]
struct Tally {
    digest: u64,
    /// How many there were.
    all: u32,
    /// The peer's CLOSE met a close.
    met: u32,
    /// Then it was known that everything was read.
    delivered: u32,
}

fn play(seed: u64, streams: u64, most_loss: f64, tally: &mut Tally) {
    let rng = &mut Seed::from_u64(seed).public_stream("overtaken");
    let (link, plan) = (link(rng, most_loss), writer(rng, streams));
    let reader = Plan { read_size: 0, ..Plan::default() };
    let mut scene = Scene::pair_of(seed, ends(), link, plan, reader);
    let patience = (100 + below(rng, 2_000)) * MS;
    for _ in 0..10_000 {
        scene.world.run_for(MS);
        if log_of(&scene, End::Client).is_some() {
            break;
        }
    }
    // Everything was written when the session began. Most of it comes before it is read.
    scene.close(End::Client, 600 * S);
    scene.world.run_for(patience);
    let server = scene.server;
    scene.world.with(server, |_, _, actor| actor.plan.read_size = 4_096);
    let mut has_read = false;
    for _ in 0..5_000 {
        scene.call(End::Server, |_, _| ());
        has_read = log_of(&scene, End::Server).is_some_and(|log| has_read_all(scene.log(0), log));
        if has_read || scene.log(0).outcome().is_some() {
            break;
        }
        scene.world.run_for(MS);
    }
    // At once, or when its own streams are settled.
    let wait = if rng.chance(0.7) { Duration::ZERO } else { 5 * S };
    scene.close(End::Server, wait);
    scene.run();
    check(&scene);
    tally.digest = combine(tally.digest, scene.world.digest());
    tally.all += 1;
    let (ended, _) = scene.log(0).ended.clone().expect("it is over");
    if has_read && matches!(ended, Ended::Peer { code: Code::NO_ERROR, .. }) {
        tally.met += 1;
        tally.delivered += u32::from(scene.log(0).outcome() == Some(&Outcome::Delivered));
    }
}

fn play_all(name: &str, (from, to): (u64, u64), streams: u64, most_loss: f64) -> Tally {
    let mut tally = Tally::default();
    seeds(from..to, |seed| {
        let before = tally.met - tally.delivered;
        play(seed, streams, most_loss, &mut tally);
        // Many receipts need several packets, all of which may be lost as often as they are sent.
        let may_fail = streams == MANY && most_loss > 0.0;
        assert!(may_fail || tally.met - tally.delivered == before, "it was read, and is unknown");
    });
    println!("{name}: {} of {} are delivered", tally.delivered, tally.met);
    record_digest(name, tally.digest);
    tally
}

// spec: 9.2.1, 9.2.3, 9.2.5
#[test]
fn a_close_has_the_last_receipts_whatever_is_lost() {
    let tally = play_all("few receipts", (20_000, 20_300), 8, 0.4);
    assert!(tally.all < 300 || tally.met > 100);
}

// spec: 9.2.1, 9.2.3, 9.2.5
#[test]
fn receipts_that_come_behind_a_close_count() {
    let tally = play_all("many receipts, late", (21_000, 21_060), MANY, 0.0);
    // Those that meet what this is about.
    assert!(tally.all < 60 || tally.met >= 20);
}

// spec: 9.2.2
#[test]
fn receipts_that_are_lost_are_sent_again_though_close_is_answered() {
    let tally = play_all("many receipts, lost", (22_000, 22_060), MANY, 0.4);
    assert!(tally.all < 60 || (tally.met > 30 && tally.delivered * 100 > tally.met * 85));
}
