//! Small data under loss: how late they are, what that costs, and what is not repeated
//! (docs/PROTOCOL.md, 8.2.1). Times are the simulator's: the example `ontime` prints more of them.

use core::time::Duration;

use rudp_proto::config::{Config, Congestion, MIN_PACKET_SIZE};
use rudp_proto::{Direction, Priority, SendMode};
use rudp_sim::LinkConfig;
use rudp_testkit::rudp::{Beat, Bulk, Plan, Rhythm, quantile};

use crate::record::{combine, record, record_digest};

const MS: Duration = Duration::from_millis(1);
const WAY: Duration = Duration::from_millis(20);

fn link(loss: f64) -> LinkConfig {
    LinkConfig { loss, mtu: Some(1_500), ..LinkConfig::delay(WAY) }
}

fn play(seed: u64, link: LinkConfig, config: Config, rhythm: Rhythm, messages: usize) -> Beat {
    let mut beat = Beat::new(seed, link, config, rhythm, Plan::default());
    beat.play(messages);
    beat
}

/// Kilobits per second of IP in both directions, while so many messages were sent.
fn kbit(beat: &Beat, rhythm: Rhythm, messages: usize) -> f64 {
    let (there, back) = beat.wire_bytes();
    (there + back) as f64 * 8.0 / 1e3 / (rhythm.every.as_secs_f64() * messages as f64)
}

// spec: 8.2.1
#[test]
fn messages_are_on_time_at_every_loss_and_that_has_its_price() {
    let rhythm = Rhythm::default();
    // Loss, the slowest of a hundred and of a thousand in ms, and kbit/s.
    let bounds = [(0.0, 20, 20, 175.0), (0.02, 30, 80, 255.0), (0.1, 30, 55, 475.0)];
    for (loss, p99, p999, most) in bounds {
        let (mut all, mut digest) = (Vec::new(), 0);
        for seed in 0..3 {
            let beat = play(seed, link(loss), Config::realtime(), rhythm, 5_000);
            all.extend(beat.latencies());
            let kbit = kbit(&beat, rhythm, 5_000);
            assert!(kbit <= most, "{loss}, {seed}: {kbit} kbit/s");
            digest = combine(digest, beat.world.digest());
        }
        let (hundred, thousand) = (quantile(all.clone(), 990), quantile(all, 999));
        assert!(hundred <= p99 * MS && thousand <= p999 * MS, "{loss}: {hundred:?} {thousand:?}");
        record_digest("on time", digest);
    }
}

// spec: 8.2.1
#[test]
fn where_nothing_is_lost_nothing_is_repeated() {
    let mut beat = play(1, link(0.0), Config::realtime(), Rhythm::default(), 200);
    let before = beat.stats().packets_sent;
    beat.play(1_000);
    let sent = beat.stats().packets_sent - before;
    assert!((1_000..1_010).contains(&sent), "{sent} packets for 1000 messages");
    record("nothing lost", &beat.world);
}

#[test]
fn what_the_peer_acknowledges_soon_is_not_repeated() {
    for delay in [MS, 2 * MS] {
        let near = LinkConfig { loss: 0.1, ..LinkConfig::delay(delay) };
        let rhythm = Rhythm { every: 20 * MS, ..Rhythm::default() };
        let sent = |redundancy| {
            let config = Config { redundancy, ..Config::realtime() };
            let mut beat = play(1, near.clone(), config, rhythm, 2_000);
            record("near", &beat.world);
            beat.stats().packets_sent
        };
        let (with, without) = (sent(62_500), sent(0));
        assert!(with.abs_diff(without) * 50 < without, "{delay:?}: {with} {without}");
    }
}

// spec: 8.2.1
#[test]
fn large_flows_are_repeated_within_a_budget() {
    // 4 Mbit/s of messages, each of most of a packet.
    let rhythm = Rhythm { every: 2 * MS, len: 1_000, ..Rhythm::default() };
    let sent = |redundancy| {
        let config = Config { redundancy, ..Config::realtime() };
        let beat = play(2, link(0.1), config, rhythm, 5_000);
        record("large", &beat.world);
        beat.wire_bytes().0
    };
    let (without, with) = (sent(0), sent(62_500));
    let seconds = 5_000 * 2 / 1_000;
    assert!(with > without, "{with} {without}");
    assert!(with - without < 62_500 * (seconds + 2), "{with} {without}");
}

#[test]
fn bulk_data_are_not_repeated() {
    let sent = |config: Config| {
        let mut bulk = Bulk::path(3, 20_000_000, 40 * MS, 1.0, 0.05);
        bulk.add_with(Config { packet_size: Some(MIN_PACKET_SIZE), ..config });
        bulk.run_for(10_000 * MS);
        record("bulk", &bulk.world);
        (bulk.link().offered_bytes as f64 / bulk.received(0) as f64, bulk.share())
    };
    let (ratio, share) = sent(Config::realtime());
    let (usual, _) = sent(Config::default());
    assert!(ratio < usual * 1.01, "{ratio} {usual}");
    assert!(share > 0.85, "{share}");
}

// spec: 8.2.1
#[test]
fn small_pieces_of_a_stream_are_on_time_as_well() {
    let late = |config: Config| {
        let rhythm = Rhythm { every: 50 * MS, ..Rhythm::default() };
        let plan = Plan { finish: false, ..Plan::default() };
        let mut beat = Beat::new(4, link(0.1), config, rhythm, plan);
        let late = (0..2_000).filter(|_| beat.write(100, 45 * MS) < 100).count();
        record("stream", &beat.world);
        late
    };
    let (with, without) = (late(Config::realtime()), late(Config::default()));
    assert!(with < 20, "{with} of 2000");
    assert!(without > 100, "{without} of 2000");
}

// spec: 8.2.1
#[test]
fn every_mode_is_repeated_and_comes_once() {
    let modes =
        [SendMode::Ordered, SendMode::Reliable, SendMode::Deadline(200 * MS), SendMode::Ordered];
    for (seed, mode) in modes.into_iter().enumerate() {
        // The last ones are empty but for their number.
        let len = if seed == 3 { 8 } else { 300 };
        let rhythm = Rhythm { mode, len, ..Rhythm::default() };
        let mut beat =
            Beat::new(seed as u64, link(0.05), Config::realtime(), rhythm, Plan::default());
        beat.play(2_000);
        assert_eq!(beat.latencies().len(), 2_000, "{mode:?}");
        assert!(beat.quantile(990) <= 36 * MS, "{mode:?}: {:?}", beat.quantile(990));
        record("modes", &beat.world);
    }
}

#[test]
fn a_small_message_does_not_wait_behind_a_stream() {
    let link = LinkConfig { mtu: Some(1_500), ..LinkConfig::delay(WAY) }
        .rate(20_000_000)
        .queue_bdp(4.0, 40 * MS);
    for congestion in [Congestion::Bbr, Congestion::Cubic] {
        let config = Config { congestion, ..Config::realtime() };
        let plan = Plan { bytes: 1 << 40, ..Plan::default() };
        let mut beat = Beat::new(5, link.clone(), config, Rhythm::default(), plan);
        beat.play(1_000);
        let (stats, queue) = (beat.stats(), beat.world.link(beat.there).stats().queue_delay_max);
        // It waits for the packets that are under way, and for the pacer.
        assert!(beat.quantile(1_000) <= WAY + queue + 10 * MS, "{congestion:?}: {stats:?}");
        assert!(beat.received() > 1_000_000, "{congestion:?}: {stats:?}");
        record("behind a stream", &beat.world);
    }
}

/// A message of 16 MiB is on its way, or a stream without end, when a small one is sent.
fn urgent(priority: Priority, large: SendMode) -> Duration {
    let link = LinkConfig { mtu: Some(1_500), ..LinkConfig::delay(WAY) }
        .rate(20_000_000)
        .queue_bdp(1.0, 40 * MS);
    let config = Config {
        message_window: (16 << 20) + (64 << 10),
        max_message_size: 16 << 20,
        send_buffer: 32 << 20,
        ..Config::realtime()
    };
    let rhythm = Rhythm { every: 100 * MS, ..Rhythm::default() };
    let mut beat = Beat::new(6, link, config, rhythm, Plan::default());
    beat.send(16 << 20, large, Priority::Normal);
    beat.world.run_for(1_000 * MS);
    for _ in 0..10 {
        beat.send(100, SendMode::Reliable, priority);
        beat.world.run_for(100 * MS);
    }
    beat.play(0);
    record("urgent", &beat.world);
    let small = beat.latencies_of(100);
    assert_eq!((small.len(), beat.latencies_of(16 << 20).len()), (10, 1), "all came once");
    small.into_iter().max().unwrap()
}

#[test]
fn an_urgent_message_does_not_wait_behind_one_of_16_mib() {
    for large in [SendMode::Reliable, SendMode::Ordered] {
        let latency = urgent(Priority::Urgent, large);
        // The queue of the link, the pacer, and one packet in 16.
        assert!(latency < WAY + 60 * MS, "{large:?}: {latency:?}");
        let latency = urgent(Priority::Background, large);
        assert!(latency < 3_000 * MS, "it does not wait for ever: {large:?}: {latency:?}");
        assert!(urgent(Priority::Normal, large) > 3_000 * MS);
    }
}

/// A stream without end, and others besides, over a link of so many bits per second, which take
/// messages of up to 16 MiB.
fn endless(seed: u64, rate: u64, streams: &[(Direction, u64)]) -> Beat {
    let link = LinkConfig { mtu: Some(1_500), ..LinkConfig::delay(WAY) }
        .rate(rate)
        .queue_bdp(1.0, 40 * MS);
    let config = Config {
        message_window: 17 << 20,
        max_message_size: 16 << 20,
        send_buffer: 32 << 20,
        ..Config::default()
    };
    let plan = Plan { bytes: 1 << 40, streams: streams.to_vec(), ..Plan::default() };
    Beat::new(seed, link, config, Rhythm::default(), plan)
}

/// How many bytes of stream 0 come while a message of 16 MiB is on its way.
fn beside(beat: &mut Beat, mode: SendMode, priority: Priority) -> u64 {
    let before = beat.received();
    beat.send(16 << 20, mode, priority);
    beat.play(0);
    beat.received() - before
}

#[test]
fn a_stream_and_a_large_message_take_turns() {
    let mut beat = endless(7, 20_000_000, &[]);
    let streamed = beside(&mut beat, SendMode::Ordered, Priority::Normal);
    // 16 MiB of each in twice the time of one.
    assert!((14 << 20..18 << 20).contains(&streamed), "{streamed} bytes");
    record("turns", &beat.world);
}

#[test]
fn a_message_in_the_background_has_one_packet_in_sixteen_of_a_stream() {
    let mut beat = endless(8, 100_000_000, &[]);
    let streamed = beside(&mut beat, SendMode::Reliable, Priority::Background) >> 20;
    assert!((13 * 16..17 * 16).contains(&streamed), "{streamed} MiB beside 16");
    record("background message", &beat.world);
}

#[test]
fn a_stream_in_the_background_has_one_packet_in_sixteen_of_a_message() {
    let mut beat = endless(9, 20_000_000, &[]);
    beat.set_priority(0, Priority::Background);
    let streamed = beside(&mut beat, SendMode::Reliable, Priority::Normal) >> 10;
    // A fifteenth of 16 MiB, and what was in flight before.
    assert!((950..1_600).contains(&streamed), "{streamed} KiB beside 16 MiB");
    record("background stream", &beat.world);
}

#[test]
fn a_stream_in_the_background_has_one_packet_in_sixteen_of_another() {
    let mut beat = endless(10, 20_000_000, &[(Direction::Bidirectional, 1 << 40)]);
    beat.set_priority(0, Priority::Background);
    beat.world.run_for(1_000 * MS);
    let before = [0, 4].map(|stream| beat.received_of(stream));
    beat.world.run_for(10_000 * MS);
    let [low, usual] = [0, 4].map(|stream| beat.received_of(stream) as f64);
    let ratio = (usual - before[1] as f64) / (low - before[0] as f64);
    assert!((13.0..17.0).contains(&ratio), "{ratio}");
    record("background and usual", &beat.world);
}
