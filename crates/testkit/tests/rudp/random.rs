//! Random programs on random networks: whatever they do, what is delivered is exact, in order and
//! never twice, what is claimed is so, and every wait ends. Thousands of seeds, each a scene.

use core::ops::Range;
use core::time::Duration;

use rudp_base::{PublicRng, Seed};
use rudp_proto::config::{Config, Congestion, EndpointConfig, RetryMode};
use rudp_proto::{Direction, SendMode};
use rudp_sim::{BurstLoss, LinkConfig, Runner, seeds};
use rudp_testkit::rudp::{End, Ends, Plan, Scene};

use crate::oracle::check;
use crate::record::{combine, record_digest};

pub(crate) fn millis(rng: &mut PublicRng, most: u64) -> Duration {
    Duration::from_micros(rng.below(most * 1_000 + 1))
}

/// A link whose faults are up to `harshness` (0 to 1).
pub(crate) fn link(rng: &mut PublicRng, harshness: f64) -> LinkConfig {
    let mut up_to = |most: f64| if rng.chance(0.5) { rng.unit() * most * harshness } else { 0.0 };
    let (loss, enter, duplicate) = (up_to(0.3), up_to(0.05), up_to(0.3));
    let (reorder, corrupt) = (up_to(0.3), up_to(0.1));
    let burst = BurstLoss { enter, leave: 0.4, good_loss: 0.0, bad_loss: 1.0 };
    LinkConfig {
        loss,
        burst_loss: (enter > 0.0).then_some(burst),
        duplicate,
        reorder,
        corrupt,
        reorder_by: millis(rng, 100),
        jitter: millis(rng, 20),
        jitter_reorders: rng.chance(0.5),
        rate: rng.chance(0.5).then(|| 200_000 << rng.below(10)),
        queue_packets: rng.chance(0.2).then(|| 3 + rng.below(100) as usize),
        ..LinkConfig::delay(millis(rng, 60))
    }
}

fn config(rng: &mut PublicRng) -> Config {
    let base = match rng.below(3) {
        0 => Config::default(),
        1 => Config::bulk(),
        _ => Config::realtime(),
    };
    let mut config = Config {
        packet_size: rng.chance(0.3).then(|| 1_200 + rng.below(8_000) as u16),
        ack_tolerance: 1 + rng.below(10) as u32,
        max_tries: rng.chance(0.1).then(|| 1 + rng.below(20) as u32),
        ..base
    };
    if rng.chance(0.3) {
        config.stream_window = 1 + rng.below(5_000);
        config.max_stream_window = config.stream_window + rng.below(20_000);
        config.session_window = 1 + rng.below(10_000);
        config.max_session_window = config.session_window + rng.below(20_000);
    }
    if rng.chance(0.3) {
        config.send_buffer = 1_200 + rng.below(5_000);
        config.message_window = 32 + rng.below(5_000);
        config.max_message_size = config.message_window as u32 - 32;
    }
    if rng.chance(0.3) {
        config.max_streams_bidi = rng.below(4);
        config.max_streams_uni = rng.below(4);
    }
    if rng.chance(0.1) {
        config.congestion = Congestion::Fixed(10_000 << rng.below(8));
    }
    if rng.chance(0.2) {
        config.idle_timeout = Some(Duration::from_millis(500 + rng.below(5_000)));
        config.keep_alive = rng.chance(0.5).then(|| Duration::from_millis(50 + rng.below(100)));
    }
    config
}

pub(crate) fn ends(rng: &mut PublicRng) -> Ends {
    let is_plain = rng.chance(0.2);
    let retry = match rng.below(4) {
        0 => RetryMode::Always,
        1 => RetryMode::Never,
        _ => RetryMode::UnderLoad,
    };
    Ends {
        server: EndpointConfig { session: config(rng), retry, ..EndpointConfig::default() },
        client: EndpointConfig { session: config(rng), ..EndpointConfig::default() },
        is_plain,
        client_has_key: !is_plain && rng.chance(0.3),
        has_secret: !is_plain && rng.chance(0.2),
        runner: if rng.chance(0.8) { Runner::Rough } else { Runner::Ideal },
    }
}

/// A length: often none, often small, seldom several packets.
fn length(rng: &mut PublicRng) -> u64 {
    match rng.below(8) {
        0 => 0,
        1..5 => rng.below(100),
        5..7 => rng.below(5_000),
        _ => rng.below(60_000),
    }
}

fn direction(rng: &mut PublicRng) -> Direction {
    if rng.chance(0.5) { Direction::Bidirectional } else { Direction::Unidirectional }
}

/// Messages of less than 8 bytes cannot say which one they are.
fn message(rng: &mut PublicRng) -> (usize, SendMode) {
    let mode = match rng.below(4) {
        0 => SendMode::Ordered,
        1 => SendMode::Reliable,
        2 => SendMode::Deadline(millis(rng, 500)),
        _ => SendMode::Unreliable,
    };
    (8 + length(rng) as usize / 4, mode)
}

pub(crate) fn plan(rng: &mut PublicRng) -> Plan {
    Plan {
        bytes: length(rng),
        streams: (0..rng.below(4)).map(|_| (direction(rng), length(rng))).collect(),
        answer: length(rng),
        messages: (0..rng.below(6)).map(|_| message(rng)).collect(),
        finish: rng.chance(0.5),
        read_size: 1 + rng.below(8_000) as usize,
        ..Plan::default()
    }
}

fn wait(rng: &mut PublicRng) -> Duration {
    match rng.below(4) {
        0 => Duration::ZERO,
        1 => millis(rng, 300),
        _ => millis(rng, 20_000),
    }
}

/// What may happen in between, beside what the plans say.
pub(crate) fn happen(rng: &mut PublicRng, scene: &mut Scene) {
    let end = if rng.chance(0.5) { End::Client } else { End::Server };
    let stream = rng.below(12) / rng.below(4).max(1);
    let (client, server) = (scene.clients[0].0, scene.server);
    match rng.below(32) {
        0..6 => {
            let bytes = length(rng);
            scene.call(end, |_, log| log.write_more(stream, bytes));
        }
        6..9 => {
            let (direction, bytes) = (direction(rng), length(rng));
            scene.call(end, |_, log| log.open_more(direction, bytes));
        }
        9..14 => {
            let (len, mode) = message(rng);
            scene.call(end, |_, log| log.send_more(len, mode));
        }
        14..16 => {
            scene.call(end, |session, _| session.request_receipt(stream).ok());
        }
        16 => {
            scene.call(end, |session, _| session.reset(stream, 5).ok());
        }
        17 => {
            scene.call(end, |session, log| {
                if session.stop(stream, 6).is_ok() {
                    log.got.entry(stream).or_default().given_up = true;
                }
            });
        }
        18..20 => {
            scene.call(end, |session, _| session.finish(stream).ok());
        }
        20..23 => {
            let size = if rng.chance(0.5) { 0 } else { 1 + rng.below(3_000) as usize };
            let node = if end == End::Client { client } else { server };
            scene.world.with(node, |_, _, actor| actor.plan.read_size = size);
            scene.call(end, |_, _| ());
        }
        23..25 => scene.world.set_partitioned(client, server, rng.chance(0.4)),
        25 => {
            let address = ([12, 0, 0, rng.below(200) as u8], 1 + rng.below(60_000) as u16).into();
            if rng.chance(0.5) {
                scene.world.rebind(client, address);
            } else {
                scene.world.move_to(client, address);
            }
        }
        26 => {
            scene.call(end, |session, _| session.confirm_by_hand(stream).ok());
        }
        27 => {
            let offset = length(rng);
            scene.call(end, |session, _| session.confirm(stream, offset).ok());
        }
        28 if rng.chance(0.2) => {
            scene.call(end, |session, _| session.abort(9, "no more"));
        }
        29 if rng.chance(0.5) => {
            let wait = wait(rng);
            scene.close(end, wait);
        }
        _ => {}
    }
}

fn play(seed: u64, harshness: f64) -> u64 {
    let rng = &mut Seed::from_u64(seed).public_stream("random scene");
    let (ends, link) = (ends(rng), link(rng, harshness));
    let mut scene = Scene::pair_of(seed, ends, link, plan(rng), plan(rng));
    scene.world.set_coalesce(rng.chance(0.5));
    for _ in 0..rng.below(40) {
        let pause = if rng.chance(0.1) { millis(rng, 2_000) } else { millis(rng, 60) };
        scene.world.run_for(pause);
        happen(rng, &mut scene);
    }
    scene.world.set_partitioned(scene.clients[0].0, scene.server, false);
    if rng.chance(0.5) {
        let wait = wait(rng);
        scene.close(End::Server, wait);
    }
    let wait = wait(rng);
    scene.close(End::Client, wait);
    scene.run();
    check(&scene);
    scene.world.digest()
}

fn play_all(name: &str, range: Range<u64>, harshness: f64) {
    let mut digest = 0;
    seeds(range, |seed| digest = combine(digest, play(seed, harshness)));
    record_digest(&format!("random, {name}"), digest);
}

#[test]
fn good_links() {
    play_all("good", 0..500, 0.0);
}

#[test]
fn moderately_bad_links() {
    play_all("moderate", 1_000..1_800, 0.2);
}

#[test]
fn bad_links() {
    play_all("bad", 2_000..2_700, 1.0);
}
