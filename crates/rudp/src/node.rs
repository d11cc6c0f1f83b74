//! [`Node`]: the protocol's endpoint as the driver runs it, with alarms and the news that it is
//! idle; and [`Hub`], which passes its events on to those who wait. The protocol is `rudp-proto`'s.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use rudp_base::{Application, Datagrams, Instant, Machine, SendError, Transmit};
use rudp_net::Driver;
use rudp_proto::{Endpoint, Event, EventKind};

use crate::waits::{Topic, Wait, Waits};

/// How long after the deadline of closing an endpoint is kept for its last repetitions.
pub(crate) const AFTERGLOW: Duration = Duration::from_secs(3);

/// What runs a node.
pub(crate) type Engine = Driver<Node, Hub>;

/// The protocol's endpoint, and what the library needs besides.
pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    /// Whom to wake when: `u64` tells apart those of one instant.
    alarms: BTreeMap<(Instant, u64), Waker>,
    rung: Vec<Waker>,
    next_alarm: u64,
    /// Somebody wants to know when nothing is left to say.
    watched: bool,
    /// When to say so in any case.
    patience: Option<Instant>,
}

/// What a node tells.
pub(crate) enum NodeEvent {
    /// Something of the protocol.
    Protocol(Event),
    /// An alarm rang.
    Alarm(Waker),
    /// Nothing is left to say, or nobody wants to wait for it any longer.
    Idle,
}

impl Node {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            alarms: BTreeMap::new(),
            rung: Vec::new(),
            next_alarm: 0,
            watched: false,
            patience: None,
        }
    }

    /// A number for alarms that replace each other.
    pub(crate) fn alarm_number(&mut self) -> u64 {
        self.next_alarm += 1;
        self.next_alarm
    }

    /// Wakes `waker` at `at`, instead of whoever was to be woken then by this number.
    pub(crate) fn set_alarm(&mut self, at: Instant, number: u64, waker: &Waker) {
        self.alarms.insert((at, number), waker.clone());
    }

    /// Tells once when nothing is left to say; at `patience` in any case.
    pub(crate) fn watch(&mut self, patience: Option<Instant>) {
        self.watched = true;
        self.patience = patience.or(self.patience);
    }
}

impl Machine for Node {
    type Event = NodeEvent;

    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>) {
        self.endpoint.handle(now, datagrams);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        while let Some(alarm) = self.alarms.first_entry()
            && alarm.key().0 <= now
        {
            self.rung.push(alarm.remove());
        }
        if self.patience.is_some_and(|patience| patience <= now) {
            self.patience = Some(Instant::ZERO);
        }
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.endpoint.poll_transmit(now, buffer)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let alarm = self.alarms.first_key_value().map(|((at, _), _)| *at);
        let times = [self.endpoint.poll_timeout(), alarm, self.patience];
        times.into_iter().flatten().min()
    }

    fn poll_event(&mut self) -> Option<NodeEvent> {
        if let Some(event) = self.endpoint.poll_event() {
            return Some(NodeEvent::Protocol(event));
        }
        if let Some(waker) = self.rung.pop() {
            return Some(NodeEvent::Alarm(waker));
        }
        let tired = self.patience == Some(Instant::ZERO);
        if self.watched && (tired || self.endpoint.is_idle()) {
            (self.watched, self.patience) = (false, None);
            return Some(NodeEvent::Idle);
        }
        None
    }
}

/// Whether clients are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// They are, once the endpoint listens.
    Open,
    /// The program has shut the endpoint down.
    Shut,
    /// Nobody is left who could accept them.
    Unattended,
}

/// Passes events on to those who wait.
pub(crate) struct Hub {
    pub(crate) waits: Arc<Waits>,
    pub(crate) door: Door,
    /// Those to wake when the turn is over.
    ready: Vec<Waker>,
    keeper: Keeper,
}

/// Keeps the driver alive for sessions that close in the background. It is emptied when they are
/// closed, or when the driver's thread had to end.
pub(crate) type Keeper = Arc<Mutex<Option<Engine>>>;

/// Lets go what is kept, which may be the driver's last handle.
pub(crate) fn let_go(keeper: &Keeper) {
    // Dropped behind the lock: it may wait for the driver's thread.
    let kept = keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(kept);
}

impl Hub {
    pub(crate) fn new(waits: Arc<Waits>, keeper: Keeper) -> Self {
        Self { waits, door: Door::Open, ready: Vec::new(), keeper }
    }

    /// Wakes those who wait for `wait`.
    pub(crate) fn wake(&mut self, wait: Wait) {
        self.waits.take(wait, &mut self.ready);
    }

    /// Keeps `engine` running until its node is idle, but not beyond `patience`.
    pub(crate) fn keep(&mut self, engine: Engine, node: &mut Node, patience: Instant) {
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine);
        node.watch(Some(patience));
    }

    fn on_protocol(&mut self, now: Instant, node: &mut Node, event: Event) {
        match (event.kind, Topic::of(event.kind)) {
            (_, Some(topic)) => self.wake(Wait::About(event.session, topic)),
            (EventKind::Incoming, _) if self.door == Door::Unattended => {
                turn_away(now, &mut node.endpoint);
            }
            (EventKind::Incoming, _) => self.wake(Wait::Incoming),
            (_, None) => self.waits.take_session(event.session, &mut self.ready),
        }
    }
}

/// Ends the sessions of clients that nobody will accept.
pub(crate) fn turn_away(now: Instant, endpoint: &mut Endpoint) {
    while let Some(handle) = endpoint.accept() {
        if let Some(mut session) = endpoint.session(now, handle) {
            session.abort(0, "nobody accepts sessions here any more");
            session.release();
        }
    }
}

impl Application<Node> for Hub {
    fn on_event(&mut self, now: Instant, node: &mut Node, event: NodeEvent) {
        match event {
            NodeEvent::Protocol(event) => self.on_protocol(now, node, event),
            NodeEvent::Alarm(waker) => self.ready.push(waker),
            NodeEvent::Idle => {
                self.wake(Wait::Idle);
                // If it was the last handle, the driver's thread ends behind this turn.
                let_go(&self.keeper);
            }
        }
    }

    fn on_send_error(&mut self, now: Instant, node: &mut Node, to: &Transmit, error: SendError) {
        node.endpoint.on_send_error(now, to, error);
    }

    fn take_wakes(&mut self, wakes: &mut Vec<Waker>) {
        wakes.append(&mut self.ready);
    }
}
