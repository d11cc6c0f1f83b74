//! Prints what one transfer takes over simulated links, in virtual time: a table by loss and
//! round-trip time that is the same on every run. `cargo xtask snapshot` compares it.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use rudp_base::Instant;
use rudp_proto::config::{Config, EndpointConfig, MIN_PACKET_SIZE};
use rudp_sim::{LinkConfig, Runner, World};
use rudp_testkit::rudp::{Ends, Plan, Scene};

/// Bits per second, both ways.
const RATE: u64 = 100_000_000;
/// Bytes of the file.
const BYTES: u64 = 24 << 20;
const LOSSES: [f64; 5] = [0.0, 0.001, 0.01, 0.05, 0.1];
const ROUND_TRIPS: [u64; 4] = [1, 20, 50, 200];
const SEED: u64 = 1;
/// No transfer may take longer.
const LIMIT: Duration = Duration::from_hours(1);

/// Sessions that are set up, each with a seed of its own: one would hardly ever lose a packet.
const SET_UPS: u32 = 100;

/// How long it takes until a client has a session.
struct SetUp {
    mean: Duration,
    longest: Duration,
}

/// What one transfer came to.
struct Figures {
    /// From the first packet to the program's last byte.
    took: Duration,
    packets: u64,
    lost_bytes: u64,
    acks: u64,
    probes: u64,
    queue_drops: u64,
}

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(
        out,
        "{} MiB, {} Mbit/s, a queue of one bandwidth-delay product, packets of {MIN_PACKET_SIZE} bytes, \
         loss both ways,\nseed {SEED}; set-ups: {SET_UPS} seeds; virtual time",
        BYTES >> 20,
        RATE / 1_000_000
    )?;
    heading(
        &mut out,
        &["loss", "rtt", "set-up", "longest", "took", "goodput"],
        &["packets", "sent again", "acks", "probes", "dropped"],
    )?;
    heading(&mut out, &["%", "ms", "ms", "ms", "s", "Mbit/s"], &["", "bytes"])?;
    for loss in LOSSES {
        for millis in ROUND_TRIPS {
            let rtt = Duration::from_millis(millis);
            row(&mut out, loss, millis, &set_up(loss, rtt), &transfer(loss, rtt))?;
        }
    }
    out.flush()
}

fn heading(out: &mut impl Write, times: &[&str], counts: &[&str]) -> io::Result<()> {
    use std::fmt::Write as _;

    let mut line = String::new();
    for (titles, width) in [(times, 9), (counts, 10)] {
        for title in titles {
            // Writing to a string cannot fail.
            let _ = write!(line, " {title:>width$}");
        }
    }
    writeln!(out, "{}", line.trim_end())
}

#[expect(clippy::cast_precision_loss, reason = "the size of a file")]
fn row(
    out: &mut impl Write,
    loss: f64,
    rtt: u64,
    set_up: &SetUp,
    figures: &Figures,
) -> io::Result<()> {
    let Figures { took, packets, lost_bytes, acks, probes, queue_drops } = figures;
    let percent = loss * 100.0;
    let (mean, longest) = (set_up.mean.as_secs_f64() * 1e3, set_up.longest.as_secs_f64() * 1e3);
    let seconds = took.as_secs_f64();
    let goodput = BYTES as f64 * 8.0 / 1e6 / seconds;
    writeln!(
        out,
        " {percent:>9} {rtt:>9} {mean:>9.3} {longest:>9.3} {seconds:>9.4} {goodput:>9.2} \
         {packets:>10} {lost_bytes:>10} {acks:>10} {probes:>10} {queue_drops:>10}"
    )
}

/// A server that reads everything, and a client with a plan, with default settings but for the size
/// of packets.
fn scene(seed: u64, loss: f64, rtt: Duration, plan: Plan) -> Scene {
    let session = Config { packet_size: Some(MIN_PACKET_SIZE), ..Config::default() };
    let config = EndpointConfig { session, ..EndpointConfig::default() };
    let ends =
        Ends { server: config.clone(), client: config, runner: Runner::Ideal, ..Ends::default() };
    let link = LinkConfig { loss, ..LinkConfig::delay(rtt / 2) }.rate(RATE).queue_bdp(1.0, rtt);
    let reader = Plan { read_size: 64 << 10, ..Plan::default() };
    let mut scene = Scene::pair_of(seed, ends, link, plan, reader);
    scene.world.set_step_budget(u64::MAX);
    scene
}

/// Sets sessions up, one in each scene.
fn set_up(loss: f64, rtt: Duration) -> SetUp {
    let took = |seed| {
        let mut scene = scene(seed, loss, rtt, Plan::default());
        let (client, session) = scene.clients[0];
        let began = |world: &World| world.application(client).logs.get(&session)?.began_at;
        scene.world.run_while(Instant::ZERO + LIMIT, |world| began(world).is_none());
        began(&scene.world).expect("the session began within the limit") - Instant::ZERO
    };
    let took: Vec<Duration> = (1..=u64::from(SET_UPS)).map(took).collect();
    let longest = took.iter().max().copied().unwrap_or_default();
    SetUp { mean: took.iter().sum::<Duration>() / SET_UPS, longest }
}

/// The client writes the file, and the server reads it.
fn transfer(loss: f64, rtt: Duration) -> Figures {
    let mut scene = scene(SEED, loss, rtt, Plan { bytes: BYTES, ..Plan::default() });
    let ((client, session), server) = (scene.clients[0], scene.server);
    let is_done = scene.world.run_while(Instant::ZERO + LIMIT, |world| {
        world.application(server).logs.values().all(|log| log.got(0).bytes < BYTES)
    });
    let finished = scene.server_log().got(0).at.filter(|_| is_done);
    let stats = scene.world.with(client, |now, endpoint, _| {
        endpoint.session(now, session).expect("the session is open").stats()
    });
    let link = scene.world.link_between(client, server);
    Figures {
        took: finished.expect("the file arrived within the limit") - Instant::ZERO,
        packets: stats.packets_sent,
        lost_bytes: stats.bytes_lost,
        acks: stats.packets_received,
        probes: stats.probe_timeouts,
        queue_drops: scene.world.link(link).stats().dropped_queue,
    }
}
