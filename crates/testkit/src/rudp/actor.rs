//! [`Actor`]: a program on top of an endpoint. It writes what its plan says, reads and checks all
//! that comes, and closes when it is done. The network around it is the scene's.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;
use rudp_base::{Application, Instant};
use rudp_proto::{
    Direction, Ended, Endpoint, Event, EventKind, Fail, Handle, Message, MessageFate, Outcome,
    Priority, Read, SendMode, Session,
};

use super::content::{self, End};

/// The most bytes that one call writes.
const PIECE: usize = 8 << 10;

/// The classes, in turn.
const PRIORITIES: [Priority; 3] = [Priority::Normal, Priority::Urgent, Priority::Background];

/// What to do in each session.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Bytes to write to stream 0, and then its end.
    pub bytes: u64,
    /// More streams to open: their kind, and how many bytes to write.
    pub streams: Vec<(Direction, u64)>,
    /// How many bytes to write back to each bidirectional stream the peer opens.
    pub answer: u64,
    /// Messages to send: length and mode.
    pub messages: Vec<(usize, SendMode)>,
    /// Whether to end streams behind what was written.
    pub finish: bool,
    /// The most bytes that one call reads; 0 reads nothing.
    pub read_size: usize,
    /// Close with this deadline once everything was written and sent, and everything that was
    /// begun was read to its end. `None` never closes.
    pub close: Option<Duration>,
    /// Wait for the end of what the peer writes to stream 0 before closing.
    pub wait_for_end: bool,
    /// Keep sessions that are over, instead of releasing them.
    pub keep: bool,
}

impl Default for Plan {
    /// Writes nothing, reads everything, and never closes.
    fn default() -> Self {
        Self {
            bytes: 0,
            streams: Vec::new(),
            answer: 0,
            messages: Vec::new(),
            finish: true,
            read_size: 4_096,
            close: None,
            wait_for_end: true,
            keep: false,
        }
    }
}

impl Plan {
    /// Writes `bytes` to stream 0, and closes when they are sent.
    pub fn send(bytes: u64) -> Self {
        Self { bytes, close: Some(Duration::from_mins(10)), wait_for_end: false, ..Self::default() }
    }

    /// Reads everything, and closes when the peer has ended stream 0.
    pub fn receive() -> Self {
        Self { close: Some(Duration::from_mins(10)), ..Self::default() }
    }
}

/// What was written to a stream, and what is still to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes to write in all.
    pub total: u64,
    /// Bytes written.
    pub done: u64,
    /// The end was written, or writing was given up.
    pub is_over: bool,
    /// The peer wanted no more, with this code.
    pub stopped: Option<u64>,
}

/// What was read from a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Got {
    /// Bytes, all of which were right.
    pub bytes: u64,
    /// The end came.
    pub end: bool,
    /// The peer reset it, with a code.
    pub reset: Option<u64>,
    /// The program reads no more of it.
    pub given_up: bool,
    /// When the last of its bytes were read.
    pub at: Option<Instant>,
}

/// A message that was sent. Its number is its place among all that this end sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// Bytes.
    pub len: usize,
    /// How.
    pub mode: SendMode,
    /// When.
    pub at: Instant,
    /// What the session calls it.
    pub id: u64,
}

/// What happened in one session.
#[derive(Clone, Debug)]
pub struct Log {
    /// Which end this is.
    pub end: End,
    /// When it began.
    pub began_at: Option<Instant>,
    /// What was written, by stream.
    pub written: BTreeMap<u64, Written>,
    /// What was read, by stream.
    pub got: BTreeMap<u64, Got>,
    /// Messages that came.
    pub messages: Vec<Message>,
    /// When each of them was taken.
    pub messages_at: Vec<Instant>,
    /// The messages that were sent.
    pub sent_messages: Vec<SentMessage>,
    /// What became of messages sent.
    pub fates: BTreeMap<u64, MessageFate>,
    /// Whether the program still reads, when it was last looked at.
    pub reads: bool,
    /// When closing began.
    pub closed_at: Option<Instant>,
    /// When the program's close has to be decided at the latest.
    pub deadline: Option<Instant>,
    /// What the close came to, and when that was known.
    pub outcome: Option<(Outcome, Instant)>,
    /// Why the session is over, and since when.
    pub ended: Option<(Ended, Instant)>,
    unopened: Vec<(Direction, u64)>,
    unsent: Vec<(usize, SendMode)>,
}

impl Log {
    fn new(end: End, plan: &Plan) -> Self {
        let stream0 = Written { total: plan.bytes, ..Written::default() };
        let mut unsent = plan.messages.clone();
        unsent.reverse();
        Self {
            end,
            began_at: None,
            written: [(0, stream0)].into(),
            got: BTreeMap::new(),
            messages: Vec::new(),
            messages_at: Vec::new(),
            sent_messages: Vec::new(),
            fates: BTreeMap::new(),
            reads: false,
            closed_at: None,
            deadline: None,
            outcome: None,
            ended: None,
            unopened: plan.streams.clone(),
            unsent,
        }
    }

    /// What was read from `stream`.
    pub fn got(&self, stream: u64) -> Got {
        self.got.get(&stream).copied().unwrap_or_default()
    }

    /// What the close came to.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref().map(|outcome| &outcome.0)
    }

    /// From now on `bytes` more are to be written to a stream, if its end was not.
    pub fn write_more(&mut self, stream: u64, bytes: u64) {
        if let Some(written) = self.written.get_mut(&stream).filter(|written| !written.is_over) {
            written.total += bytes;
        }
    }

    /// From now on one stream more is to be opened, with so many bytes.
    pub fn open_more(&mut self, direction: Direction, bytes: u64) {
        self.unopened.insert(0, (direction, bytes));
    }

    /// From now on one message more is to be sent.
    pub fn send_more(&mut self, len: usize, mode: SendMode) {
        self.unsent.insert(0, (len, mode));
    }

    fn is_done(&self, plan: &Plan) -> bool {
        self.unopened.is_empty()
            && self.unsent.is_empty()
            && self
                .written
                .values()
                .all(|written| written.is_over || (!plan.finish && written.done == written.total))
            && self.got.values().all(|got| got.end || got.given_up || got.reset.is_some())
            && (!plan.wait_for_end || self.got.contains_key(&0))
    }
}

/// A program, with what happened in all its sessions.
#[derive(Debug)]
pub struct Actor {
    /// What it does in each session.
    pub plan: Plan,
    /// What happened, by session.
    pub logs: BTreeMap<Handle, Log>,
    end: End,
    buffer: Vec<u8>,
}

impl Actor {
    /// A program at `end` with a plan.
    pub fn new(end: End, plan: Plan) -> Self {
        Self { plan, logs: BTreeMap::new(), end, buffer: vec![0; 64 << 10] }
    }

    /// The log of the only session.
    ///
    /// # Panics
    /// Where there are none or several.
    #[track_caller]
    pub fn log(&self) -> &Log {
        assert_eq!(self.logs.len(), 1, "one session");
        self.logs.values().next().expect("it is there")
    }

    /// Goes on with the plan in a session, as far as that is possible now.
    pub fn act(&mut self, now: Instant, endpoint: &mut Endpoint, handle: Handle) {
        let Self { plan, logs, end, buffer } = self;
        let log = logs.entry(handle).or_insert_with(|| Log::new(*end, plan));
        let Some(mut session) = endpoint.session(now, handle) else { return };
        accept(&mut session, log, plan);
        open(&mut session, log);
        write(&mut session, log, plan, buffer);
        send(now, &mut session, log);
        log.reads = plan.read_size > 0;
        if log.reads {
            let size = plan.read_size.min(buffer.len());
            read(now, &mut session, log, &mut buffer[..size]);
        }
        note(now, &session, log);
        if let (Some(deadline), None) = (plan.close, log.closed_at)
            && log.began_at.is_some()
            && (log.is_done(plan) || log.ended.is_some())
        {
            close(now, &mut session, log, deadline);
        }
        let waits = plan.close.or(log.deadline.map(|_| Duration::ZERO)).is_some();
        let is_over = match (&log.outcome, &log.ended) {
            (Some(_), _) => true,
            (None, ended) => ended.is_some() && !waits,
        };
        if is_over && !plan.keep {
            session.release();
        }
    }

    /// Closes a session now, whatever the plan says.
    pub fn close(&mut self, now: Instant, endpoint: &mut Endpoint, handle: Handle, wait: Duration) {
        let Self { plan, logs, end, .. } = self;
        let log = logs.entry(handle).or_insert_with(|| Log::new(*end, plan));
        if let Some(mut session) = endpoint.session(now, handle) {
            close(now, &mut session, log, wait);
        }
        self.act(now, endpoint, handle);
    }
}

fn close(now: Instant, session: &mut Session<'_>, log: &mut Log, wait: Duration) {
    log.closed_at.get_or_insert(now);
    let deadline = now + wait;
    log.deadline = Some(log.deadline.map_or(deadline, |before| before.min(deadline)));
    session.close(wait);
    // It may be decided at once.
    note(now, session, log);
}

fn accept(session: &mut Session<'_>, log: &mut Log, plan: &Plan) {
    while let Ok((stream, direction)) = session.accept() {
        log.got.entry(stream).or_default();
        if direction == Direction::Bidirectional {
            log.written.insert(stream, Written { total: plan.answer, ..Written::default() });
        }
    }
}

fn open(session: &mut Session<'_>, log: &mut Log) {
    while let Some(&(direction, total)) = log.unopened.last() {
        let Ok(stream) = session.open(direction) else { return };
        log.unopened.pop();
        log.written.insert(stream, Written { total, ..Written::default() });
        if direction == Direction::Bidirectional {
            log.got.entry(stream).or_default();
        }
    }
}

fn write(session: &mut Session<'_>, log: &mut Log, plan: &Plan, buffer: &mut [u8]) {
    for (&stream, written) in &mut log.written {
        while written.done < written.total && !written.is_over {
            let left = usize::try_from(written.total - written.done).unwrap_or(usize::MAX);
            // Small pieces: what is made and not taken is made again.
            let piece = left.min(PIECE);
            content::fill(log.end, stream, written.done, &mut buffer[..piece]);
            // By turns the two ways of writing, and of reading below.
            let outcome = if written.done.is_multiple_of(3) {
                session.give(stream, &mut Bytes::copy_from_slice(&buffer[..piece]))
            } else {
                session.write(stream, &buffer[..piece])
            };
            match outcome {
                Ok(len) => written.done += len as u64,
                Err(Fail::Blocked) => break,
                Err(fail) => {
                    written.is_over = true;
                    if let Fail::Stopped(code) = fail {
                        written.stopped = Some(code);
                    }
                }
            }
        }
        if written.done == written.total && plan.finish && !written.is_over {
            written.is_over = !matches!(session.finish(stream), Err(Fail::Blocked));
        }
    }
}

fn send(now: Instant, session: &mut Session<'_>, log: &mut Log) {
    while let Some(&(len, mode)) = log.unsent.last() {
        let number = log.sent_messages.len() as u64;
        let bytes = Bytes::from(content::message(log.end, number, len));
        // Each class in turn: none loses anything.
        let priority = PRIORITIES[usize::try_from(number % 3).expect("below 3")];
        match session.send_message_with(bytes, mode, priority, true) {
            Ok(id) => log.sent_messages.push(SentMessage { len, mode, at: now, id }),
            Err(_) => return,
        }
        log.unsent.pop();
    }
}

fn read(now: Instant, session: &mut Session<'_>, log: &mut Log, buffer: &mut [u8]) {
    log.got.entry(0).or_default();
    for (&stream, got) in &mut log.got {
        while !got.end && !got.given_up && got.reset.is_none() {
            let mut taken = Bytes::new();
            let takes = got.bytes.is_multiple_of(3);
            let read =
                if takes { session.take(stream, &mut taken) } else { session.read(stream, buffer) };
            match read {
                Ok(Read::Bytes(len)) => {
                    let data = if takes { &taken } else { &buffer[..len] };
                    assert!(
                        content::is_right(log.end.other(), stream, got.bytes, data),
                        "stream {stream}: {len} wrong bytes at {}",
                        got.bytes
                    );
                    got.bytes += len as u64;
                    got.at = Some(now);
                }
                Ok(Read::End) => got.end = true,
                Err(Fail::Reset(code)) => got.reset = Some(code),
                Err(_) => break,
            }
        }
    }
    while let Ok(message) = session.receive_message() {
        log.messages.push(message);
        log.messages_at.push(now);
    }
}

fn note(now: Instant, session: &Session<'_>, log: &mut Log) {
    if let (None, Some(outcome)) = (&log.outcome, session.outcome()) {
        log.outcome = Some((outcome.clone(), now));
    }
    if let (None, Some(ended)) = (&log.ended, session.ended()) {
        log.ended = Some((ended.clone(), now));
    }
}

impl Application<Endpoint> for Actor {
    fn on_event(&mut self, now: Instant, endpoint: &mut Endpoint, event: Event) {
        let handle = event.session;
        match event.kind {
            EventKind::Incoming => while endpoint.accept().is_some() {},
            EventKind::MessageFate { message } => {
                if let (Some(session), Some(log)) =
                    (endpoint.session(now, handle), self.logs.get_mut(&handle))
                {
                    log.fates.insert(message, session.message_fate(message));
                }
            }
            _ => {}
        }
        if matches!(event.kind, EventKind::Incoming | EventKind::Connected) {
            let Self { plan, logs, end, .. } = self;
            let log = logs.entry(handle).or_insert_with(|| Log::new(*end, plan));
            log.began_at = Some(now);
        }
        self.act(now, endpoint, handle);
    }
}
