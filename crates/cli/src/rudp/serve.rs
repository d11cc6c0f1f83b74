//! `rudp serve`: a directory for others to read, until Ctrl-C.
//! Requests are answered by `rudp-files`; here are keys, the log and the end.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rudp::{Builder, ClientKeys, Endpoint, PublicKey};
use rudp_files::{Directory, Event, Limits, Operation, Outcome, SERVICE, Served, Server};
use serde_json::json;
use tracing::{debug, info, warn};

use super::args::ServeArgs;
use super::say::Say;
use super::settings::Profile;
use super::url::USUAL;
use crate::exit::{Exit, Failure, OrExit};
use crate::limiter::Limiter;
use crate::print::shown;
use crate::{logs, signals};

/// How long sessions may take to end after Ctrl-C.
const GRACE: Duration = Duration::from_millis(800);

/// Characters of a name in a log line.
const LOGGED_NAME: usize = 100;

/// What ends a server.
enum Stop {
    Interrupted,
    /// With `--once`: a file was read, and its reader has left.
    Read,
    Failed(rudp::Error),
}

pub(crate) fn run(args: &ServeArgs, say: Say) -> Result<(), Failure> {
    let _log = logs::init(say.common.json, say.common.quiet, say.common.verbose);
    let (sender, stop) = mpsc::channel();
    signals::on_interrupt(sender.clone(), Stop::Interrupted)?;
    let directory = Directory::open(&args.directory)
        .or_exit(Exit::Local, || format!("cannot serve {}", args.directory.display()))?;
    let listen = args.listen.as_deref().unwrap_or(USUAL);
    let builder = args.settings.server(Profile::Bulk, listen)?.services([SERVICE]);
    // Some more than are served, so that those beyond are told why; each shard, which has its part of
    // them, may have a few more clients than others have.
    let spare = 64 * args.shards;
    let builder = builder.max_sessions(args.max_sessions.saturating_add(spare).min(1 << 24));
    let builder = builder.shards(args.shards);
    let builder = allow(builder, args.allow.as_deref())?;
    let endpoint = bind(builder, listen)?;
    endpoint.listen().or_exit(Exit::Local, || "cannot listen".into())?;
    announce(args, &endpoint, say)?;
    let limits = Limits {
        sessions: args.max_sessions,
        sessions_per_address: args.max_sessions_per_address,
        ..Limits::default()
    };
    let log = Arc::new(Mutex::new(Log::new(args.once.then(|| sender.clone()))));
    let (server, theirs, watching) =
        (Server::new(directory, limits), endpoint.clone(), Arc::clone(&log));
    let serve = move || {
        let watch = move |event| lock(&watching).on_event(&event);
        if let Err(error) = server.run(&theirs, watch) {
            let _ = sender.send(Stop::Failed(error));
        }
    };
    thread::Builder::new()
        .name("accept".into())
        .spawn(serve)
        .or_exit(Exit::Other, || "cannot start a thread".into())?;
    let stopped = stop.recv();
    // Whoever is there is told, as far as there is time.
    let _ = endpoint.shutdown();
    endpoint.wait_idle(GRACE);
    lock(&log).totals(&endpoint);
    match stopped {
        Ok(Stop::Failed(error)) => Err(Failure::new(Exit::Local, error)),
        Ok(Stop::Interrupted | Stop::Read) | Err(_) => Ok(()),
    }
}

/// Lets nobody in but the keys in a file.
pub(crate) fn allow(builder: Builder, file: Option<&Path>) -> Result<Builder, Failure> {
    let Some(file) = file else { return Ok(builder) };
    let text = std::fs::read_to_string(file)
        .or_exit(Exit::Local, || format!("cannot read {}", file.display()))?;
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let word = line.split_whitespace().next().unwrap_or_default();
        if word.is_empty() || word.starts_with('#') {
            continue;
        }
        let key: Result<PublicKey, _> = word.parse();
        let place = || format!("line {} of {}", index + 1, file.display());
        keys.push(key.or_exit(Exit::Local, place)?);
    }
    Ok(builder.client_keys(ClientKeys::Listed(keys)))
}

/// Listens at `listen`.
pub(crate) fn bind(builder: Builder, listen: &str) -> Result<Endpoint, Failure> {
    let address = bindable(listen);
    builder.bind(&address).build().or_exit(Exit::Local, || format!("cannot listen on {address}"))
}

/// The address to listen at for `listen`: machines without IPv6 have no `[::]`.
pub(crate) fn bindable(listen: &str) -> String {
    match listen.strip_prefix("[::]:") {
        Some(port) if UdpSocket::bind("[::]:0").is_err() => format!("0.0.0.0:{port}"),
        _ => listen.to_owned(),
    }
}

/// Where others reach an endpoint, as far as this machine knows.
pub(crate) fn reach(endpoint: &Endpoint) -> SocketAddr {
    let address = endpoint.local_addr();
    if !address.ip().is_unspecified() {
        return address;
    }
    // No packet is sent; only a route is looked for.
    let outward = || {
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        socket.connect("192.0.2.1:9").ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let ip = outward().unwrap_or(IpAddr::from([127, 0, 0, 1]));
    SocketAddr::new(ip, address.port())
}

/// What stands before the address in a URL.
pub(crate) fn key_in_url(endpoint: &Endpoint) -> String {
    endpoint.public_key().map_or_else(String::new, |key| format!("{key}@"))
}

fn announce(args: &ServeArgs, endpoint: &Endpoint, say: Say) -> Result<(), Failure> {
    let directory = std::fs::canonicalize(&args.directory).unwrap_or(args.directory.clone());
    let directory = directory.display();
    let (address, key) = (endpoint.local_addr(), endpoint.public_key());
    let url = format!("rudp://{}{}/", key_in_url(endpoint), reach(endpoint));
    let identity = key.map_or("nobody (--plain: no keys)".into(), |key| key.to_string());
    let shards = match args.shards {
        1 => String::new(),
        shards => format!(" with {shards} threads"),
    };
    say.result(
        format!(
            "serving {directory} (read-only) on {address}{shards} as {identity}\nrudp get {url}NAME"
        ),
        json!({
            "timestamp": logs::timestamp(),
            "level": "INFO",
            "message": "serving",
            "directory": directory.to_string(),
            "address": address.to_string(),
            "key": key.map(|key| key.to_string()),
            "shards": args.shards,
            "url": url,
        }),
    )
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happens, as log lines and totals.
struct Log {
    delivered: u64,
    refused: u64,
    failed: u64,
    bytes: u64,
    once: Option<Sender<Stop>>,
    refusals: Limiter,
    failures: Limiter,
    crowds: Limiter,
}

impl Log {
    fn new(once: Option<Sender<Stop>>) -> Self {
        Self {
            delivered: 0,
            refused: 0,
            failed: 0,
            bytes: 0,
            once,
            refusals: Limiter::default(),
            failures: Limiter::default(),
            crowds: Limiter::default(),
        }
    }

    fn on_event(&mut self, event: &Event) {
        match event {
            Event::Came(client) => {
                debug!(%client, key = client.key.map(|key| key.to_string()), "came");
            }
            Event::Served(served) => self.on_served(served),
            Event::Crowded(client) => {
                if let Some(more) = self.crowds.admit() {
                    warn!(%client, more, "turned away: too many sessions");
                }
            }
            Event::Left(client) => {
                debug!(%client, "left");
                if let Some(stop) = self.once.as_ref().filter(|_| self.delivered > 0) {
                    // The server may be about to stop already.
                    let _ = stop.send(Stop::Read);
                }
            }
            _ => {}
        }
    }

    fn on_served(&mut self, served: &Served) {
        let Served { client, operation, name, bytes, took, outcome } = served;
        let name = shown(name, LOGGED_NAME);
        let operation = operation.map(|operation| operation.to_string());
        self.bytes += bytes;
        match outcome {
            Outcome::Delivered => {
                self.delivered += 1;
                info!(%client, name, bytes, ?took, "delivered");
            }
            Outcome::Refused(refusal) => {
                self.refused += 1;
                if let Some(more) = self.refusals.admit() {
                    warn!(%client, operation, name, reason = refusal.text, more, "refused");
                }
            }
            Outcome::GivenUp(reason) => self.on_failure(served, &name, &reason.to_string()),
            Outcome::Gone(reason) if served.operation == Some(Operation::Read) => {
                self.on_failure(served, &name, &shown(reason, LOGGED_NAME));
            }
            _ => debug!(%client, operation, name, ?took, "answered"),
        }
    }

    fn on_failure(&mut self, served: &Served, name: &str, reason: &str) {
        self.failed += 1;
        if let Some(more) = self.failures.admit() {
            let Served { client, bytes, .. } = served;
            warn!(%client, name, bytes, reason, more, "not delivered");
        }
    }

    fn totals(&self, endpoint: &Endpoint) {
        let Self { delivered, refused, failed, bytes, .. } = self;
        let shards = endpoint.shards();
        // How many sessions each has served: whether the load was even.
        let sessions: Vec<_> = shards.iter().map(|shard| shard.begun).collect();
        let sessions = (shards.len() > 1).then(|| format!("{sessions:?}"));
        info!(delivered, refused, failed, bytes, sessions, "stopped");
    }
}
