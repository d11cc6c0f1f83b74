//! `rudp demo`: both ends and a bad network in one process, on real sockets.
//! It shows that the protocol works here, and fails where it does not.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rudp::{Closed, Config, Endpoint, Key, Session};
use rudp_base::{Instant as Moment, Seed};
use rudp_net::{Driver, DriverOptions, Socket, SocketOptions};
use rudp_sim::{LinkConfig, Relay};
use serde_json::json;

use super::args::DemoArgs;
use super::get::rate;
use super::say::Say;
use crate::exit::{Exit, Failure, OrExit};
use crate::{print, progress};

/// Bytes that are written at once.
const CHUNK: usize = 1 << 16;

/// Nobody looks at a demo that stands still for longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest packet that the network takes, as most do.
const MTU: usize = 1_500;

/// A relay has no events, and so needs no application.
type NoEvents = fn(Moment, &mut Relay, Infallible);
type Network = Driver<Relay, NoEvents>;

/// What the client has found out.
struct Sent {
    took: Duration,
    stats: rudp::Stats,
    closed: Closed,
    here: blake3::Hash,
    there: [u8; 32],
}

pub(crate) fn run(args: &DemoArgs, say: Say) -> Result<(), Failure> {
    let key = Key::generate().or_exit(Exit::Other, || "there is no randomness".into())?;
    let config = Config {
        handshake_timeout: PATIENCE,
        idle_timeout: Some(PATIENCE),
        keep_alive: None,
        ..Config::bulk()
    };
    let endpoint = |builder: rudp::Builder| {
        let builder = builder.bind("127.0.0.1:0").config(config.clone());
        builder.build().or_exit(Exit::Local, || "cannot open a socket".into())
    };
    let server = endpoint(Endpoint::builder().key(key.clone()))?;
    server.listen().or_exit(Exit::Local, || "cannot listen".into())?;
    let relay = relay(args, server.local_addr())?;
    let DemoArgs { loss, rate, rtt, size, .. } = args;
    let bytes = u64::from(*size) << 20;
    if !say.common.json {
        print::print(format!(
            "server {} with the key {}\non the way {}: {rate} Mbit/s, {rtt} ms, and {loss} % of the \
             packets lost each way\n",
            server.local_addr(),
            key.public_key(),
            relay.local_addr(),
        ))?;
    }
    let serving = server.clone();
    let listener = thread::spawn(move || serving.accept().and_then(|session| digest(&session)));
    let client = endpoint(Endpoint::builder())?;
    let bar = progress::bar("demo", Some(bytes), !say.common.quiet && !say.common.json);
    let sent = send(&client, relay.local_addr(), &key, (bytes, args.seed), &bar);
    bar.finish_and_clear();
    let sent = sent.map_err(|error| {
        let exit = match error.kind() {
            rudp::ErrorKind::NoAnswer | rudp::ErrorKind::Silent => Exit::NoAnswer,
            _ => Exit::Other,
        };
        let error = anyhow::Error::new(error);
        Failure { exit, error: error.context("the data did not get through the bad network") }
    })?;
    report(bytes, &sent, say)?;
    // What the server's end came to is in what the client knows.
    drop(listener);
    relay.shutdown();
    Ok(())
}

/// The server's part: answers everything with its BLAKE3.
fn digest(session: &Session) -> rudp::Result<()> {
    let mut hash = blake3::Hasher::new();
    loop {
        let bytes = session.receive(CHUNK)?;
        if bytes.is_empty() {
            break;
        }
        hash.update(&bytes);
    }
    session.send(hash.finalize().as_bytes())?;
    // How the client's close ends is what counts.
    let _ = session.close();
    Ok(())
}

fn send(
    endpoint: &Endpoint,
    to: SocketAddr,
    key: &Key,
    (bytes, seed): (u64, u64),
    bar: &ProgressBar,
) -> rudp::Result<Sent> {
    let session = endpoint.connect(to, key.public_key())?;
    session.set_write_timeout(Some(PATIENCE))?;
    session.set_read_timeout(Some(PATIENCE))?;
    let mut noise = blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof();
    let (mut hash, mut chunk) = (blake3::Hasher::new(), vec![0; CHUNK]);
    let begun = Instant::now();
    for _ in 0..bytes / CHUNK as u64 {
        noise.fill(&mut chunk);
        hash.update(&chunk);
        session.send(&chunk)?;
        bar.inc(CHUNK as u64);
    }
    session.finish()?;
    let mut there = [0; 32];
    let mut len = 0;
    while len < there.len() {
        let bytes = session.receive(there.len() - len)?;
        if bytes.is_empty() {
            // An answer that ends early is a wrong one, which is reported as such.
            break;
        }
        there[len..len + bytes.len()].copy_from_slice(&bytes);
        len += bytes.len();
    }
    let took = begun.elapsed();
    let stats = session.stats();
    Ok(Sent { took, stats, closed: session.close(), here: hash.finalize(), there })
}

fn relay(args: &DemoArgs, server: SocketAddr) -> Result<Network, Failure> {
    let rtt = Duration::from_millis(args.rtt);
    let link = LinkConfig::delay(rtt / 2);
    let config = LinkConfig { loss: args.loss / 100.0, mtu: Some(MTU), ..link }
        .rate(args.rate * 1_000_000)
        .queue_bdp(1.0, rtt.max(Duration::from_millis(10)));
    let relay = Relay::new(server, config.clone(), config, &Seed::from_u64(args.seed));
    let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0).into(), &SocketOptions::default())
        .or_exit(Exit::Local, || "cannot open a socket".into())?;
    let options = DriverOptions { name: "demo-relay".into(), ..DriverOptions::default() };
    let nothing: NoEvents = |_: Moment, _: &mut Relay, _| {};
    Driver::spawn(relay, nothing, socket, options)
        .or_exit(Exit::Other, || "cannot start a thread".into())
}

fn report(bytes: u64, sent: &Sent, say: Say) -> Result<(), Failure> {
    let Sent { took, stats, closed, here, there } = sent;
    let equal = *here == blake3::Hash::from_bytes(*there);
    let mbit = rate(bytes, *took) * 8 / 1_000_000;
    let word = if equal { "equal" } else { "DIFFERENT" };
    say.result(
        format!(
            "{bytes} bytes in {took:.1?}: {mbit} Mbit/s, {} of {} packets lost, round trip {:.1?}\n\
             close: {closed}\nblake3 {word}",
            stats.packets_lost, stats.packets_sent, stats.smoothed_rtt
        ),
        json!({
            "bytes": bytes,
            "seconds": took.as_secs_f64(),
            "mbit_per_s": mbit,
            "packets_sent": stats.packets_sent,
            "packets_lost": stats.packets_lost,
            "delivered": closed.is_delivered(),
            "closed": closed.to_string(),
            "blake3_equal": equal,
        }),
    )?;
    if !equal {
        return Err(Failure::message(Exit::Corrupt, "what arrived is not what was sent"));
    }
    if !closed.is_delivered() {
        return Err(Failure::message(Exit::Unknown, format!("delivery unknown: {closed}")));
    }
    Ok(())
}
