//! `rudp pipe`: standard input and output here, connected with those there.
//! It ends with what is known of the bytes that were sent.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::sync::mpsc::{self, Sender};
use std::thread;

use rudp::{Closed, Session};
use serde_json::json;

use super::args::PipeArgs;
use super::connect::connect;
use super::explain;
use super::say::Say;
use super::serve::{allow, bind, key_in_url, reach};
use super::settings::Profile;
use super::url::Url;
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
    while received.is_none() || (waits_for_input && sent.is_none()) {
        match signals.recv() {
            Ok(Signal::Open(opened)) => {
                let opened = opened?;
                copy(&opened, &peer(args), &sender)?;
                session = Some(opened);
            }
            Ok(Signal::Sent(bytes)) => {
                sent = Some(bytes.inspect_err(|_| give_up(session.as_ref()))?);
            }
            Ok(Signal::Received(bytes)) => {
                received = Some(bytes.inspect_err(|_| give_up(session.as_ref()))?);
            }
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
    let builder = settings.server(Profile::Bulk)?.services([SERVICE]).max_sessions(1);
    let endpoint = bind(allow(builder, args.allow.as_deref())?, args.listen.as_deref())?;
    endpoint.listen().or_exit(Exit::Local, || "cannot listen".into())?;
    let url = format!("rudp://{}{}", key_in_url(&endpoint), reach(&endpoint));
    let address = endpoint.local_addr();
    say.summary(
        format!("listening on {address}; there: rudp pipe {url}"),
        json!({"message": "listening", "address": address.to_string(), "url": url}),
    )?;
    endpoint.accept().or_exit(Exit::Local, || "cannot listen any more".into())
}

/// Starts to copy both ways.
fn copy(session: &Session, peer: &Url, sender: &Sender<Signal>) -> Result<(), Failure> {
    let (up, down) = (session.clone(), session.clone());
    let (above, below) = (peer.clone(), peer.clone());
    let (sent, received) = (sender.clone(), sender.clone());
    spawn(move || {
        let _ = sent.send(Signal::Sent(send(&up, &above)));
    })?;
    spawn(move || {
        let _ = received.send(Signal::Received(receive(&down, &below)));
    })
}

fn send(session: &Session, peer: &Url) -> Result<u64, Failure> {
    let mut input = io::stdin().lock();
    let (mut buffer, mut sent) = (vec![0; CHUNK], 0);
    loop {
        let len = match input.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.or_exit(Exit::Local, || "cannot read standard input".into())?,
        };
        let done = if len == 0 { session.finish() } else { session.send(&buffer[..len]) };
        done.map_err(|error| uncertain(explain::broken(peer, &error), sent))?;
        if len == 0 {
            return Ok(sent);
        }
        sent += len as u64;
    }
}

/// What breaks behind bytes that were sent leaves open whether they have arrived.
fn uncertain(failure: Failure, sent: u64) -> Failure {
    if sent == 0 || failure.exit == Exit::Local {
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
    let word = match &closed {
        Closed::Delivered => "delivered",
        Closed::Received => "received",
        Closed::Unknown { .. } => "unknown",
    };
    say.summary(
        format!("sent {sent} bytes, received {received}; {closed}"),
        json!({"sent": sent, "received": received, "closed": word, "detail": closed.to_string()}),
    )?;
    // Where nothing was sent, there is nothing to be uncertain of.
    if closed.is_delivered() || sent == 0 {
        return Ok(());
    }
    Err(Failure::message(Exit::Unknown, format!("delivery unknown: {closed}")))
}
