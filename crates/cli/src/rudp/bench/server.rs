//! The listening side of the measurements: counts, echoes, and holds.
//! What is sent is the client's.

use std::cell::Cell;
use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rudp::{Endpoint, ErrorKind, Session, aio};
use serde_json::{Value, json};

use super::crowd::crowd;
use super::{Meter, failed, figures, kib_each, latencies, monotonic, rss_kib};
use crate::exit::{Exit, Failure, OrExit};
use crate::print::print;
use crate::rudp::args::{Load, Mode};

/// How long a read may wait before the clock is looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// How long a message is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(mode: Mode, endpoint: &Endpoint, load: &Load) -> Result<(), Failure> {
    endpoint.listen().map_err(failed)?;
    print("READY\n")?;
    match mode {
        Mode::Bulk => bulk(endpoint, load.duration()?, load.sessions),
        Mode::Pingpong | Mode::Conn => echo(endpoint),
        Mode::Idle => idle(endpoint, load.conns as usize, load.hold()?),
        Mode::Msg => messages(endpoint, load.messages()?),
    }
}

/// Counts the bytes of so many sessions, from the first byte of the last one on: then all of them
/// send. They are read by tasks, or one by calls that wait.
fn bulk(endpoint: &Endpoint, time: Duration, sessions: Option<u32>) -> Result<(), Failure> {
    let mut all = Vec::new();
    while all.len() < sessions.unwrap_or(1) as usize {
        let session = endpoint.accept().map_err(failed)?;
        session.receive_bytes().or_exit(Exit::Other, || "nothing came".into())?;
        all.push(session);
    }
    let mut meter = Meter::begin();
    let (None, [session]) = (sessions, &all[..]) else {
        let mean = many(endpoint, &mut meter, all, time);
        return figures(&with_shards(endpoint, mean));
    };
    session.set_read_timeout(Some(GLANCE)).map_err(failed)?;
    let mut ended = "time".to_owned();
    while meter.elapsed() < time {
        match session.receive_bytes() {
            Ok(data) if data.is_empty() => {
                "end".clone_into(&mut ended);
                break;
            }
            Ok(data) => meter.bytes += data.len() as u64,
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            Err(error) => {
                ended = error.to_string();
                break;
            }
        }
    }
    figures(&with_shards(endpoint, meter.figures(&ended)))
}

/// Counts what several sessions send, and what the slowest of them does.
#[expect(clippy::cast_precision_loss, reason = "a share for people, of less than 2^53 bytes")]
fn many(endpoint: &Endpoint, meter: &mut Meter, sessions: Vec<Session>, time: Duration) -> Value {
    let counts = vec![Cell::new(0u64); sessions.len()];
    let count = |(session, count): (Session, _)| {
        let (session, count): (_, &Cell<u64>) = (aio::Session::from(session), count);
        async move {
            while let Ok(data) = session.receive_bytes().await
                && !data.is_empty()
            {
                count.set(count.get() + data.len() as u64);
            }
        }
    };
    crowd(&endpoint.clone().into(), sessions.into_iter().zip(&counts).map(count), time);
    meter.bytes = counts.iter().map(Cell::get).sum();
    let mut value = meter.figures("time");
    let slowest = counts.iter().map(Cell::get).min().unwrap_or(0);
    let mean = meter.bytes as f64 / counts.len() as f64;
    value["slowest_of_mean"] = json!(slowest as f64 / mean.max(1.0));
    value
}

/// Adds how the sessions are spread.
fn with_shards(endpoint: &Endpoint, mut value: Value) -> Value {
    let shards = endpoint.shards();
    if shards.len() > 1 {
        let sessions: Vec<_> = shards.iter().map(|shard| shard.begun).collect();
        let handed_over: u64 = shards.iter().map(|shard| shard.handed_over).sum();
        value["sessions"] = json!(sessions);
        value["handed_over"] = json!(handed_over);
    }
    value
}

/// Gives back whatever comes, until it is ended by a signal. Threads are kept for the next session,
/// and one more is started when none is free.
fn echo(endpoint: &Endpoint) -> Result<(), Failure> {
    let (sender, sessions) = mpsc::channel();
    let sessions = Arc::new(Mutex::new(sessions));
    let free = Arc::new(AtomicUsize::new(0));
    loop {
        let session = endpoint.accept().map_err(failed)?;
        if free.load(Ordering::Acquire) == 0 {
            let (sessions, free) = (Arc::clone(&sessions), Arc::clone(&free));
            free.fetch_add(1, Ordering::Release);
            let work = move || work(&sessions, &free);
            thread::Builder::new()
                .spawn(work)
                .or_exit(Exit::Other, || "cannot start a thread".into())?;
        }
        free.fetch_sub(1, Ordering::AcqRel);
        // There is a thread that receives.
        let _ = sender.send(session);
    }
}

fn work(sessions: &Mutex<Receiver<Session>>, free: &AtomicUsize) {
    let mut buffer = [0; 2_048];
    loop {
        let next = sessions.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(session) = next else { return };
        while let Ok(len @ 1..) = (&session).read(&mut buffer) {
            if session.send(&buffer[..len]).is_err() {
                break;
            }
        }
        drop(session);
        free.fetch_add(1, Ordering::Release);
    }
}

/// Holds sessions that have echoed one byte, all in this thread: those of other threads would be
/// measured too.
fn idle(endpoint: &Endpoint, count: usize, time: Duration) -> Result<(), Failure> {
    let before = rss_kib();
    let mut held = Vec::with_capacity(count);
    while held.len() < count {
        let session = endpoint.accept().map_err(failed)?;
        session.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        // Whoever comes and says nothing is none of those that are counted.
        if let Ok(byte) = session.receive(1)
            && session.send(byte).is_ok()
        {
            held.push(session);
        }
    }
    let meter = Meter::begin();
    thread::sleep(time);
    figures(&json!({
        "conns": held.len(),
        "kib_per_conn": kib_each(before, held.len()),
        "seconds": meter.elapsed().as_secs_f64(),
        "cpu_s": meter.cpu(),
    }))
}

/// Measures how long each message was on its way.
fn messages(endpoint: &Endpoint, expected: u32) -> Result<(), Failure> {
    let session = endpoint.accept().map_err(failed)?;
    session.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut nanos = Vec::with_capacity(expected as usize);
    let begun = Instant::now();
    while nanos.len() < expected as usize {
        let Ok(message) = session.receive_message() else { break };
        let now = monotonic();
        if let Some(stamp) = message.data.first_chunk() {
            nanos.push(now.saturating_sub(u64::from_le_bytes(*stamp)));
        }
    }
    let mut value = latencies(nanos);
    value["expected"] = json!(expected);
    value["seconds"] = json!(begun.elapsed().as_secs_f64());
    figures(&value)
}
