//! `rudp get`: one file, from the URL to its place.
//! How it is asked for and checked is `rudp-files`'.

use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar};
use rudp::{Closed, Session};
use rudp_files::{Client, Download, SERVICE};
use serde_json::json;

use super::args::GetArgs;
use super::connect::connect;
use super::explain;
use super::path::ms;
use super::say::Say;
use super::settings::Profile;
use crate::exit::{Exit, Failure, OrExit};
use crate::output::Output;
use crate::print::{hex, shown};
use crate::{progress, signals};

/// The beginning of the names of temporary files.
const PREFIX: &str = ".rudp-";

/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;

/// How long the server is told that nothing more is wanted.
const GOODBYE: Duration = Duration::from_secs(1);

/// What ends the waiting.
enum Signal {
    Over(Box<Result<Got, Failure>>),
    Interrupted,
}

/// What must not be left behind.
#[derive(Default)]
struct Held {
    /// Gone once the file is in its place, or will never be.
    output: Option<Output>,
    session: Option<Session>,
}

/// A download that went well.
struct Got {
    bytes: u64,
    path: Option<PathBuf>,
    hash: String,
    took: Duration,
    stats: rudp::Stats,
}

pub(crate) fn run(args: &GetArgs, say: Say) -> Result<(), Failure> {
    let (sender, signals) = mpsc::channel();
    signals::on_interrupt(sender.clone(), Signal::Interrupted)?;
    if args.url.name.is_empty() {
        let message = format!("{} has no name: `rudp ls` shows what there is", args.url);
        return Err(Failure::message(Exit::Usage, message));
    }
    let output = Output::open(args.output.as_deref(), &args.url.name, PREFIX)?;
    let held = Arc::new(Mutex::new(Held { output: Some(output), session: None }));
    let (theirs, holding) = (args.clone(), Arc::clone(&held));
    let work = move || {
        let got = download(&theirs, &holding, say);
        // Nobody listens where the download was interrupted.
        let _ = sender.send(Signal::Over(Box::new(got)));
    };
    thread::Builder::new()
        .name("get".into())
        .spawn(work)
        .or_exit(Exit::Other, || "cannot start a thread".into())?;
    let signal = signals.recv();
    let Held { output, session } = std::mem::take(&mut *lock(&held));
    // A temporary file goes now.
    drop(output);
    match signal {
        Ok(Signal::Over(got)) => {
            let got = (*got)?;
            // What it comes to is no reason to fail: everything is here.
            let closed = session.map(|session| session.close_within(GOODBYE));
            report(args, &got, closed.as_ref(), say)
        }
        Ok(Signal::Interrupted) | Err(_) => {
            if let Some(session) = session {
                session.abort(0, "interrupted");
            }
            Err(Failure::message(Exit::Interrupted, "interrupted"))
        }
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn download(args: &GetArgs, held: &Mutex<Held>, say: Say) -> Result<Got, Failure> {
    let GetArgs { url, settings, .. } = args;
    let begun = Instant::now();
    let session = connect(url, SERVICE, settings.client(Profile::Bulk)?, settings.plain, say)?;
    lock(held).session = Some(session.clone());
    let client = Client::new(session);
    let failed = |error| explain::request(url, error);
    let mut download = client.read(&url.name, 0, u64::MAX).map_err(failed)?;
    let name = shown(&url.name, 60);
    let bar = progress::bar(&name, Some(download.length()), !say.common.quiet && !say.common.json);
    let result = receive(args, &mut download, held, &bar);
    bar.finish_and_clear();
    result?;
    let output = lock(held).output.take().ok_or_else(interrupted)?;
    let path = output.complete()?;
    Ok(Got {
        bytes: download.length(),
        path,
        hash: hex(&download.hash()),
        took: begun.elapsed(),
        stats: client.session().stats(),
    })
}

fn receive(
    args: &GetArgs,
    download: &mut Download,
    held: &Mutex<Held>,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let len = download.next(&mut buffer).map_err(|error| explain::request(&args.url, error))?;
        if len == 0 {
            return Ok(());
        }
        lock(held).output.as_mut().ok_or_else(interrupted)?.write(&buffer[..len])?;
        bar.inc(len as u64);
    }
}

fn interrupted() -> Failure {
    Failure::message(Exit::Interrupted, "interrupted")
}

fn report(args: &GetArgs, got: &Got, closed: Option<&Closed>, say: Say) -> Result<(), Failure> {
    let Got { bytes, path, hash, took, stats } = got;
    let seconds = took.as_secs_f64();
    let per_second = rate(*bytes, *took);
    let name = shown(&args.url.name, 200);
    let more = if say.common.verbose == 0 {
        String::new()
    } else {
        format!(
            "\n  round trip {:.1?}, {} packets received, {} lost of {} sent, {} bytes a packet",
            stats.smoothed_rtt,
            stats.packets_received,
            stats.packets_lost,
            stats.packets_sent,
            stats.packet_size
        )
    };
    say.summary(
        format!(
            "{name}: {bytes} bytes in {took:.1?} ({}/s), blake3 {hash}{more}",
            HumanBytes(per_second)
        ),
        json!({
            "name": args.url.name,
            "bytes": bytes,
            "seconds": seconds,
            "bytes_per_second": per_second,
            "blake3": hash,
            "path": path.as_ref().map(|path| path.display().to_string()),
            "closed": closed.map(explain::word),
            "rtt_ms": ms(stats.smoothed_rtt),
        }),
    )
}

/// Bytes per second.
pub(crate) fn rate(bytes: u64, took: Duration) -> u64 {
    let per_second = u128::from(bytes) * 1_000_000 / took.as_micros().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}
