//! `rushb demo`: a server, a bad network and a client in one process, on real sockets.
//! It shows that the protocol works here, and fails where it does not.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rudp_base::{Instant as Moment, Seed};
use rudp_net::{Driver, DriverOptions, Socket, SocketOptions};
use rudp_sim::{LinkConfig, Relay};
use rushb::wire::Packet;
use rushb::{Client, ClientConfig};
use sha2::{Digest as _, Sha256};

use super::args::{DemoArgs, ServeArgs};
use super::download::{Download, Signal};
use super::expected::{Checked, Expected};
use super::ladder::{self, Direction, Ladder};
use super::serve;
use crate::exit::{Exit, Failure, OrExit};
use crate::print::print;
use crate::{progress, signals};

const NAME: &str = "demo.txt";

/// Nobody looks at a demo that stands still for longer.
const PATIENCE: Duration = Duration::from_secs(12);

/// A relay has no events, and so needs no application.
type NoEvents = fn(Moment, &mut Relay, Infallible);
type Network = Driver<Relay, NoEvents>;

pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let (sender, signals) = mpsc::channel();
    signals::on_interrupt(sender.clone(), Signal::Interrupted)?;
    let directory =
        tempfile::tempdir().or_exit(Exit::Local, || "cannot make a temporary directory".into())?;
    let text = text(args.size as usize);
    let (source, copy) = (directory.path().join(NAME), directory.path().join("copy.txt"));
    fs::write(&source, &text).or_exit(Exit::Local, || "cannot write the file".into())?;

    let server = serve::start(&ServeArgs::quiet(directory.path().into()))?;
    let relay = relay(args, server.local_addr())?;
    print(format!(
        "serving a directory with {NAME} ({} bytes) on {}\n\
         on the way: {}, which loses {} %, damages {} % and repeats 1 % of the packets each way\n",
        text.len(),
        server.local_addr(),
        relay.local_addr(),
        args.loss,
        args.corrupt
    ))?;

    let tally = Arc::new(Mutex::new(Tally::default()));
    let (count, verbose) = (Arc::clone(&tally), args.verbose);
    let config = ClientConfig { timeout: PATIENCE, ..ClientConfig::default() };
    let client = Client::new(config, relay.local_addr(), NAME)
        .or_exit(Exit::Other, || "cannot ask for the file".into())?;
    let client = Ladder::new(client, relay.local_addr(), move |direction, datagram: &[u8]| {
        count.lock().unwrap_or_else(PoisonError::into_inner).add(direction, datagram);
        if verbose {
            // Whoever does not read it misses nothing that matters.
            let _ = print(ladder::line(direction, datagram) + "\n");
        }
    });
    let expected =
        Expected { size: Some(text.len() as u64), sha256: Some(Sha256::digest(&text).into()) };
    let bar = progress::bar(NAME, expected.size, !verbose);
    let output = Checked::open(Some(&copy), NAME, expected)?;
    let started = Instant::now();
    let outcome =
        Download::new(0, output, bar.clone(), sender).run(client, relay.local_addr(), &signals)?;
    bar.finish_and_clear();
    print(tally.lock().unwrap_or_else(PoisonError::into_inner).text())?;
    relay.shutdown();
    server.shutdown();
    outcome.result.map_err(|Failure { exit, error }| Failure {
        exit,
        error: error.context("the file did not get through the bad network"),
    })?;
    if fs::read(&copy).ok().as_deref() != Some(&text) {
        return Err(Failure::message(Exit::Corrupt, "the copy differs from the file"));
    }
    print(format!("the copy is exact: {} bytes in {:.1?}\n", text.len(), started.elapsed()))
}

/// Lines of text with their numbers, `size` bytes in all.
fn text(size: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(size + 64);
    let mut line = 1;
    while text.len() < size {
        text.extend(format!("line {line}: one packet at a time, each acknowledged\n").into_bytes());
        line += 1;
    }
    text.truncate(size);
    // RUSHB cannot carry zero bytes at the end; text has none.
    text
}

fn relay(args: &DemoArgs, server: SocketAddr) -> Result<Network, Failure> {
    let config = LinkConfig {
        loss: args.loss / 100.0,
        corrupt: args.corrupt / 100.0,
        duplicate: 0.01,
        ..LinkConfig::default()
    };
    let relay = Relay::new(server, config.clone(), config, &Seed::from_u64(args.seed));
    let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0).into(), &SocketOptions::default())
        .or_exit(Exit::Local, || "cannot open a socket".into())?;
    let options = DriverOptions { name: "demo-relay".into(), ..DriverOptions::default() };
    let nothing: NoEvents = |_: Moment, _: &mut Relay, _| {};
    Driver::spawn(relay, nothing, socket, options)
        .or_exit(Exit::Other, || "cannot start a thread".into())
}

/// How many packets of which kind the client saw.
#[derive(Default)]
struct Tally {
    /// By label: all, and the damaged ones of them.
    rows: BTreeMap<String, (u64, u64)>,
}

impl Tally {
    fn add(&mut self, direction: Direction, datagram: &[u8]) {
        let (who, kind, damaged) = match (direction, Packet::parse(datagram)) {
            (Direction::ToServer, Ok(packet)) => ("C", packet.header.kind.name(), false),
            (Direction::ToClient, Ok(packet)) => {
                ("S", packet.header.kind.name(), !packet.is_intact())
            }
            (_, Err(_)) => ("S", "?", true),
        };
        let row = self.rows.entry(format!("{who} [{kind}]")).or_default();
        row.0 += 1;
        row.1 += u64::from(damaged);
    }

    fn text(&self) -> String {
        let rows = self.rows.iter().map(|(label, (count, damaged))| match damaged {
            0 => format!("  {label:<12} {count:>6}\n"),
            _ => format!("  {label:<12} {count:>6}, {damaged} damaged\n"),
        });
        "the ladder, as the client saw it:\n".to_owned() + &rows.collect::<String>()
    }
}
