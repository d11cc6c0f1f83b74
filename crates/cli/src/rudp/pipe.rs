//! `rudp pipe`: standard input and output here, connected with those there.
//! It ends with what is known of the bytes that were sent.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use rudp::{Closed, Session, Until};
use serde_json::json;

use super::args::PipeArgs;
use super::connect::connect;
use super::explain;
use super::say::Say;
use super::serve::{allow, bind, key_in_url, reach};
use super::settings::Profile;
use super::url::{USUAL, Url};
use crate::exit::{Exit, Failure, OrExit};
use crate::signals;

/// The name by which clients ask for a pipe.
const SERVICE: &str = "pipe";

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// What the threads tell.
enum Signal {
    Open(Result<Session, Failure>),
    Sent(Result<u64, Failure>),
    Received(Result<u64, Failure>),
    Interrupted,
}

pub(crate) fn run(args: &PipeArgs, say: Say) -> Result<(), Failure> {
    let (sender, signals) = mpsc::channel();
    signals::on_interrupt(sender.clone(), Signal::Interrupted)?;
    let (theirs, opened) = (args.clone(), sender.clone());
    spawn(move || {
        let _ = opened.send(Signal::Open(open(&theirs, say)));
    })?;
    // Somebody at a terminal does not say that nothing more will come.
    let waits_for_input = !io::stdin().is_terminal();
    let (mut session, mut sent, mut received) = (None, None, None);
    let taken = Arc::new(AtomicU64::new(0));
    while received.is_none() || (waits_for_input && sent.is_none()) {
        match signals.recv() {
            Ok(Signal::Open(opened)) => {
                let opened = opened?;
                copy(&opened, &peer(args), &sender, &taken)?;
                session = Some(opened);
            }
            Ok(Signal::Sent(Err(failure)) | Signal::Received(Err(failure))) => {
                return Err(broken(failure, session.as_ref(), taken.load(Ordering::Relaxed)));
            }
            Ok(Signal::Sent(Ok(bytes))) => sent = Some(bytes),
            Ok(Signal::Received(Ok(bytes))) => received = Some(bytes),
            Ok(Signal::Interrupted) | Err(_) => {
                give_up(session.as_ref());
                return Err(Failure::message(Exit::Interrupted, "interrupted"));
            }
        }
    }
    let closed = session.as_ref().map(Session::close);
    report(sent, received.unwrap_or_default(), closed, say)
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = thread::Builder::new().name("pipe".into()).spawn(run);
    thread.or_exit(Exit::Other, || "cannot start a thread".into()).map(drop)
}

/// What the peer is called.
fn peer(args: &PipeArgs) -> Url {
    let client = || Url { key: None, server: "the client".into(), name: String::new() };
    args.url.clone().unwrap_or_else(client)
}

fn open(args: &PipeArgs, say: Say) -> Result<Session, Failure> {
    let settings = &args.settings;
    if let Some(url) = &args.url {
        let builder = settings.client(Profile::Bulk)?;
        return connect(url, SERVICE, builder, settings.plain, say);
    }
    let listen = args.listen.as_deref().unwrap_or(USUAL);
    let builder = settings.server(Profile::Bulk, listen)?.services([SERVICE]).max_sessions(1);
    let endpoint = bind(allow(builder, args.allow.as_deref())?, listen)?;
    endpoint.listen().or_exit(Exit::Local, || "cannot listen".into())?;
    let url = format!("rudp://{}{}", key_in_url(&endpoint), reach(&endpoint));
    let address = endpoint.local_addr();
    say.summary(
        format!("listening on {address}; there: rudp pipe {url}"),
        json!({"message": "listening", "address": address.to_string(), "url": url}),
    )?;
    endpoint.accept().or_exit(Exit::Local, || "cannot listen any more".into())
}

/// Starts to copy both ways. `taken` counts what the session has taken to send.
fn copy(
    session: &Session,
    peer: &Url,
    sender: &Sender<Signal>,
    taken: &Arc<AtomicU64>,
) -> Result<(), Failure> {
    let taken = Arc::clone(taken);
    let (up, down) = (session.clone(), session.clone());
    let (above, below) = (peer.clone(), peer.clone());
    let (sent, received) = (sender.clone(), sender.clone());
    spawn(move || {
        let _ = sent.send(Signal::Sent(send(&up, &above, &taken)));
    })?;
    spawn(move || {
        let _ = received.send(Signal::Received(receive(&down, &below)));
    })
}

fn send(session: &Session, peer: &Url, taken: &AtomicU64) -> Result<u64, Failure> {
    let failed = |error: rudp::Error| explain::broken(peer, &error);
    let mut input = io::stdin().lock();
    let (mut buffer, mut sent) = (vec![0; CHUNK], 0);
    loop {
        let len = match input.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.or_exit(Exit::Local, || "cannot read standard input".into())?,
        };
        if len == 0 {
            session.finish().map_err(failed)?;
            // The deadline of a close is for its farewell: what is still on its way may take long.
            session.receipt().wait(Until::Read, Duration::MAX).map_err(failed)?;
            return Ok(sent);
        }
        // Some of it may leave even if the call fails.
        sent += len as u64;
        taken.store(sent, Ordering::Relaxed);
        session.send(&buffer[..len]).map_err(failed)?;
    }
}

/// What breaks behind bytes that were sent leaves open whether they have arrived, unless the peer
/// has said that all of them were read.
fn broken(failure: Failure, session: Option<&Session>, sent: u64) -> Failure {
    give_up(session);
    let is_certain = sent == 0 || session.is_none_or(|session| session.close().is_delivered());
    if failure.exit == Exit::Local || is_certain {
        return failure;
    }
    let error = failure.error.context("what was sent may have arrived or not");
    Failure { exit: Exit::Unknown, error }
}

fn receive(session: &Session, peer: &Url) -> Result<u64, Failure> {
    let failed = |error: rudp::Error| explain::broken(peer, &error);
    let stream = session.main_stream();
    // So that to have been read means, to the peer, to be in standard output.
    stream.confirm_by_hand().map_err(failed)?;
    let (mut output, mut received) = (io::stdout().lock(), 0);
    loop {
        let bytes = stream.receive(CHUNK).map_err(failed)?;
        if bytes.is_empty() {
            return Ok(received);
        }
        output
            .write_all(&bytes)
            .and_then(|()| output.flush())
            .or_exit(Exit::Local, || "cannot write standard output".into())?;
        received += bytes.len() as u64;
        stream.confirm(received).map_err(failed)?;
    }
}

fn give_up(session: Option<&Session>) {
    if let Some(session) = session {
        session.abort(0, "the pipe broke at this end");
    }
}

fn report(
    sent: Option<u64>,
    received: u64,
    closed: Option<Closed>,
    say: Say,
) -> Result<(), Failure> {
    let sent = sent.unwrap_or_default();
    let Some(closed) = closed else { return Ok(()) };
    say.summary(
        format!("sent {sent} bytes, received {received}; {closed}"),
        json!({"sent": sent, "received": received, "closed": explain::word(&closed), "detail": closed.to_string()}),
    )?;
    // Where nothing was sent, there is nothing to be uncertain of.
    if closed.is_delivered() || sent == 0 {
        return Ok(());
    }
    Err(Failure::message(Exit::Unknown, format!("delivery unknown: {closed}")))
}
