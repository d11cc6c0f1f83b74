//! The connecting side of the measurements: sends, asks, and waits.
//! What comes back is the server's.

use std::cell::Cell;
use std::io::Read as _;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rudp::{Endpoint, ErrorKind, Mode as Delivery, Session, Trust, aio};
use serde_json::json;

use super::crowd::crowd;
use super::{CHUNK, Meter, SERVICE, failed, figures, kib_each, latencies, monotonic, rss_kib};
use crate::exit::{Exit, Failure, OrExit};
use crate::rudp::args::{Load, Mode};

/// How long a write may wait before the clock is looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// How long an echo may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many sessions are opened at a time, for `idle`.
const AT_A_TIME: usize = 32;

/// How long retransmissions are given behind the last message.
const LINGER: Duration = Duration::from_secs(8);

pub(super) fn run(mode: Mode, endpoint: &Endpoint, to: &str, load: &Load) -> Result<(), Failure> {
    let open = || endpoint.connect(format!("{to}/{SERVICE}"), Trust::AnyKey);
    match mode {
        Mode::Bulk => bulk(endpoint, open, load.sessions, load.duration()?),
        Mode::Pingpong => pingpong(&open().map_err(failed)?, load.rounds),
        Mode::Conn => conn(&open, load),
        Mode::Idle => idle(&open, load.conns, load.hold()?),
        Mode::Msg => messages(&open().map_err(failed)?, load),
    }
}

/// Sends over so many sessions of one endpoint at once, as tasks, or over one by calls that wait.
fn bulk(
    endpoint: &Endpoint,
    open: impl Fn() -> rudp::Result<Session>,
    sessions: Option<u32>,
    time: Duration,
) -> Result<(), Failure> {
    // One second more, so that the server's time is full.
    let time = time + Duration::from_secs(1);
    if let Some(sessions) = sessions {
        let all: rudp::Result<Vec<_>> = (0..sessions).map(|_| open()).collect();
        let all = all.map_err(failed)?;
        let mut meter = Meter::begin();
        meter.bytes = many(endpoint, all, time);
        return figures(&meter.figures("time"));
    }
    let session = open().map_err(failed)?;
    let mut meter = Meter::begin();
    let chunk = Bytes::from(vec![0x5a; CHUNK]);
    session.set_write_timeout(Some(GLANCE)).map_err(failed)?;
    let mut ended = "time".to_owned();
    while meter.elapsed() < time {
        match session.send_bytes(chunk.clone()) {
            Ok(()) => meter.bytes += CHUNK as u64,
            // Some of it was sent, and is not counted here.
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            Err(error) => {
                ended = error.to_string();
                break;
            }
        }
    }
    figures(&meter.figures(&ended))
}

/// Sends over several sessions in one thread; how much was taken.
fn many(endpoint: &Endpoint, sessions: Vec<Session>, time: Duration) -> u64 {
    let (chunk, sent) = (Bytes::from(vec![0x5a; CHUNK]), Cell::new(0));
    let (chunk, sent) = (&chunk, &sent);
    let push = |session| {
        let session = aio::Session::from(session);
        async move {
            while session.send_bytes(chunk.clone()).await.is_ok() {
                sent.set(sent.get() + CHUNK as u64);
            }
        }
    };
    crowd(&endpoint.clone().into(), sessions.into_iter().map(push), time);
    sent.get()
}

fn pingpong(session: &Session, rounds: u32) -> Result<(), Failure> {
    session.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut bytes = [7; 64];
    let mut nanos = Vec::with_capacity(rounds as usize);
    let warm_up = rounds / 10;
    for round in 0..rounds + warm_up {
        let begun = Instant::now();
        session.send(bytes).map_err(failed)?;
        let mut from = session;
        from.read_exact(&mut bytes).or_exit(Exit::NoAnswer, || "the echo did not come".into())?;
        if round >= warm_up {
            nanos.push(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
    }
    figures(&latencies(nanos))
}

/// A session that has echoed one byte.
fn echoed(open: impl Fn() -> rudp::Result<Session>) -> rudp::Result<Session> {
    let session = open()?;
    session.set_read_timeout(Some(PATIENCE))?;
    session.send([1])?;
    session.receive(1)?;
    Ok(session)
}

fn conn(open: &(impl Fn() -> rudp::Result<Session> + Sync), load: &Load) -> Result<(), Failure> {
    let time = load.duration()?;
    let (done, missed) = (AtomicU64::new(0), AtomicU64::new(0));
    let meter = Meter::begin();
    thread::scope(|scope| {
        for _ in 0..load.conc.max(1) {
            scope.spawn(|| {
                while meter.elapsed() < time {
                    match echoed(open) {
                        Ok(session) => {
                            done.fetch_add(1, Ordering::Relaxed);
                            // Nothing is left to wait for: the peers measured beside this one do
                            // not wait here either.
                            session.abort(0, "");
                        }
                        Err(_) => {
                            missed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let seconds = meter.elapsed().as_secs_f64();
    let done = done.into_inner();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let per_s = done as f64 / seconds;
    figures(&json!({
        "per_s": per_s,
        "failed": missed.into_inner(),
        "conns": done,
        "seconds": seconds,
        "cpu_s": meter.cpu(),
    }))
}

fn idle(
    open: &(impl Fn() -> rudp::Result<Session> + Sync),
    count: u32,
    time: Duration,
) -> Result<(), Failure> {
    let before = rss_kib();
    let (next, held) = (AtomicU32::new(0), Mutex::new(Ok(Vec::with_capacity(count as usize))));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let opened = echoed(open);
                    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                    match (&mut *held, opened) {
                        (Ok(sessions), Ok(session)) => sessions.push(session),
                        (Ok(_), Err(error)) => *held = Err(error),
                        (Err(_), _) => return,
                    }
                }
            });
        }
    });
    let held = held.into_inner().unwrap_or_else(PoisonError::into_inner).map_err(failed)?;
    // The server measures meanwhile.
    thread::sleep(time + Duration::from_secs(2));
    figures(&json!({"conns": held.len(), "kib_per_conn": kib_each(before, held.len())}))
}

fn messages(session: &Session, load: &Load) -> Result<(), Failure> {
    let (count, every) = (load.messages()?, load.every()?);
    let mut bytes = vec![0x5a; load.size as usize];
    let (begun, zero) = (Instant::now(), monotonic());
    let mut sent = 0;
    for number in 0..count {
        let at = every * number;
        thread::sleep(at.saturating_sub(begun.elapsed()));
        // The moment at which it is sent; but a sender that was held up is not forgiven: then it
        // counts from when it was due.
        let (now, due) = (monotonic(), zero + u64::try_from(at.as_nanos()).unwrap_or_default());
        let stamp = if now > due + 2_000_000 { due } else { now };
        if let Some(place) = bytes.first_chunk_mut() {
            *place = stamp.to_le_bytes();
        }
        match session.send_message(bytes.clone(), Delivery::Ordered) {
            Ok(_) => sent += 1,
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(failed(error)),
            Err(_) => break,
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    thread::sleep(LINGER);
    figures(&json!({"sent": sent, "seconds": seconds}))
}
