//! `rushb get`: one download, from the command line to the summary.
//! The download itself is in `download`, the file in `expected`.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar};
use rushb::wire::Options;
use rushb::{Client, ClientConfig};

use super::args::GetArgs;
use super::download::{Download, Outcome, Signal};
use super::expected::{Checked, Expected};
use super::ladder::{self, Ladder};
use crate::exit::{Exit, Failure, OrExit};
use crate::print::note;
use crate::progress;
use crate::signals;

pub(crate) fn run(args: &GetArgs) -> Result<(), Failure> {
    let (sender, signals) = mpsc::channel();
    signals::on_interrupt(sender.clone(), Signal::Interrupted)?;
    let addresses = args.from.resolve()?;
    let expected = Expected { size: args.expect_size, sha256: args.expect_sha256 };
    let output = Checked::open(args.output.as_deref(), &args.from.name, expected)?;
    let bar = progress::bar(&args.from.name, args.expect_size, !args.quiet && !args.verbose);
    let started = Instant::now();
    let outcome = try_each(args, &addresses, output, &bar, &sender, &signals);
    bar.finish_and_clear();
    let outcome = outcome?;
    outcome.result.map_err(|failure| explain(args, failure))?;
    if !args.quiet {
        report(args, outcome.bytes, outcome.granted.unwrap_or_default(), started.elapsed());
    }
    Ok(())
}

/// Downloads from the first of the server's addresses that answers. Where there are several, each
/// gets little patience, and then the first one all of it.
fn try_each(
    args: &GetArgs,
    addresses: &[SocketAddr],
    mut output: Checked,
    bar: &ProgressBar,
    sender: &Sender<Signal>,
    signals: &Receiver<Signal>,
) -> Result<Outcome, Failure> {
    let impatient = addresses.iter().map(|server| (*server, args.tries.min(2)));
    let patient = addresses.first().map(|server| (*server, args.tries));
    let mut attempts =
        impatient.filter(|_| addresses.len() > 1).chain(patient).enumerate().peekable();
    while let Some((number, (server, tries))) = attempts.next() {
        let client = client(args, server, tries)?;
        let download = Download::new(number, output, bar.clone(), sender.clone());
        let mut outcome = start(args, client, download, server, signals)?;
        let unanswered = outcome.granted.is_none()
            && outcome.result.as_ref().is_err_and(|failure| failure.exit == Exit::NoAnswer);
        match outcome.output.take() {
            Some(unused) if unanswered && attempts.peek().is_some() => output = unused,
            _ => return Ok(outcome),
        }
    }
    Err(Failure::message(Exit::NoAnswer, format!("{} has no address", args.from.server)))
}

fn client(args: &GetArgs, server: SocketAddr, tries: u32) -> Result<Client, Failure> {
    let options = Options { checksum: !args.no_chk, encoding: args.enc };
    let config = ClientConfig { options, tries, timeout: args.timeout, ..ClientConfig::default() };
    Client::new(config, server, &args.from.name)
        .or_exit(Exit::Usage, || format!("cannot ask for {:?}", args.from.name))
}

fn start(
    args: &GetArgs,
    client: Client,
    download: Download,
    server: SocketAddr,
    signals: &Receiver<Signal>,
) -> Result<Outcome, Failure> {
    if args.verbose {
        let watch = |direction, datagram: &[u8]| note(ladder::line(direction, datagram));
        download.run(Ladder::new(client, server, watch), server, signals)
    } else {
        download.run(client, server, signals)
    }
}

/// Says what to do about a failure, where there is something to do.
fn explain(args: &GetArgs, failure: Failure) -> Failure {
    let Failure { exit, error } = failure;
    let server = &args.from.server;
    let hint = match exit {
        Exit::NoAnswer => format!("{server} does not answer; is a server running there?"),
        Exit::Refused => format!("{server} does not give {:?}", args.from.name),
        Exit::Local | Exit::Interrupted => return Failure { exit, error },
        _ => format!("cannot download {}", args.from),
    };
    Failure { exit, error: error.context(hint) }
}

fn report(args: &GetArgs, bytes: u64, granted: Options, elapsed: Duration) {
    let checked = if granted.checksum {
        "checked"
    } else if args.no_chk {
        "unchecked"
    } else {
        "unchecked: the server does not do checksums"
    };
    let per_second = u128::from(bytes) * 1_000_000 / elapsed.as_micros().max(1);
    let rate = HumanBytes(u64::try_from(per_second).unwrap_or(u64::MAX));
    note(format!("{}: {bytes} bytes in {elapsed:.1?} ({rate}/s), {checked}", args.from.name));
}
