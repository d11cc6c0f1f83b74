//! [`Watched`]: an endpoint of the real protocol that notes what can be seen at it while it runs, and
//! [`Program`]: what uses it. The network between two of them is not known here.

use std::ops::AddAssign;
use std::time::Duration;

use rudp::Stats;
use rudp::sans_io::{
    Application, Datagrams, Endpoint, Event, EventKind, Fail, Handle, Instant, Machine, Read,
    Transmit,
};

use super::bins::Bins;
use crate::rudp::spread::Spread;

/// Bytes that are written or read at once. What they are does not matter.
const CHUNK: usize = 64 << 10;

/// What an acknowledgement showed to a sender, or the sum of many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) count: u32,
    pub(super) rtt: Duration,
    pub(super) window: u64,
    pub(super) in_flight: u64,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.rtt += other.rtt;
        self.window += other.window;
        self.in_flight += other.in_flight;
    }
}

/// An endpoint with one session, and what it has seen.
pub(super) struct Watched {
    pub(super) endpoint: Endpoint,
    pub(super) session: Option<Handle>,
    /// The session's counters after the last datagram.
    pub(super) stats: Stats,
    /// What each datagram from the peer showed.
    pub(super) seen: Bins<Seen>,
    /// Bytes that arrived in packets that opened, with what IP and UDP add to each.
    pub(super) arrived: Bins<u64>,
    /// All of them.
    pub(super) total: u64,
    /// The round-trip times.
    pub(super) rtt: Spread,
    /// What IP and UDP add to a packet, in bytes.
    overhead: u64,
}

impl Watched {
    pub(super) fn new(endpoint: Endpoint, overhead: usize) -> Self {
        Self {
            endpoint,
            session: None,
            stats: Stats::default(),
            seen: Bins::default(),
            arrived: Bins::default(),
            total: 0,
            rtt: Spread::default(),
            overhead: overhead as u64,
        }
    }

    fn note(&mut self, now: Instant) {
        let Some(handle) = self.session else { return };
        let Some(stats) = self.endpoint.session(now, handle).map(|session| session.stats()) else {
            return;
        };
        let packets = stats.packets_received - self.stats.packets_received;
        let bytes = stats.bytes_received - self.stats.bytes_received + packets * self.overhead;
        self.stats = stats;
        if packets == 0 {
            return;
        }
        self.arrived.add(now, bytes);
        self.total += bytes;
        if !stats.latest_rtt.is_zero() {
            self.rtt.add(stats.latest_rtt);
            let seen = Seen {
                count: 1,
                rtt: stats.latest_rtt,
                window: stats.congestion_window,
                in_flight: stats.bytes_in_flight,
            };
            self.seen.add(now, seen);
        }
    }
}

impl Machine for Watched {
    type Event = Event;

    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>) {
        self.endpoint.handle(now, datagrams);
        self.note(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.endpoint.poll_transmit(now, buffer)
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.endpoint.poll_event()
    }
}

/// Sends as much as the session takes, or takes what comes.
pub(super) struct Program {
    /// Bytes that are still to be written: none at a receiver, nearly endless without a limit.
    left: u64,
    sends: bool,
    /// Bytes that were read.
    pub(super) got: u64,
    /// When everything was read, to the end.
    pub(super) done_at: Option<Instant>,
    /// When the session was over, and why.
    pub(super) ended: Option<(Instant, String)>,
    buffer: Vec<u8>,
}

impl Program {
    /// A sender of so many bytes, or without an end.
    pub(super) fn sender(bytes: Option<u64>) -> Self {
        Self { left: bytes.unwrap_or(u64::MAX), sends: true, ..Self::receiver() }
    }

    pub(super) fn receiver() -> Self {
        Self {
            left: 0,
            sends: false,
            got: 0,
            done_at: None,
            ended: None,
            buffer: vec![0x5a; CHUNK],
        }
    }

    fn write(&mut self, now: Instant, machine: &mut Watched, handle: Handle) {
        let Some(mut session) = machine.endpoint.session(now, handle) else { return };
        while self.left > 0 {
            let len = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
            let Ok(written) = session.write(0, &self.buffer[..len]) else { return };
            self.left -= written as u64;
        }
        // Said again, it is no news.
        let _ = session.finish(0);
    }

    fn read(&mut self, now: Instant, machine: &mut Watched, handle: Handle) {
        let Some(mut session) = machine.endpoint.session(now, handle) else { return };
        while self.done_at.is_none() {
            match session.read(0, &mut self.buffer) {
                Ok(Read::Bytes(len)) => self.got += len as u64,
                Ok(Read::End) => self.done_at = Some(now),
                Err(Fail::Blocked | _) => return,
            }
        }
    }
}

impl Application<Watched> for Program {
    fn on_event(&mut self, now: Instant, machine: &mut Watched, event: Event) {
        match event.kind {
            EventKind::Incoming => while machine.endpoint.accept().is_some() {},
            EventKind::Ended => {
                let session = machine.endpoint.session(now, event.session);
                let why = session.and_then(|session| session.ended().map(ToString::to_string));
                self.ended = Some((now, why.unwrap_or_default()));
                return;
            }
            _ => {}
        }
        machine.session = Some(event.session);
        if self.sends {
            self.write(now, machine, event.session);
        } else {
            self.read(now, machine, event.session);
        }
    }
}
