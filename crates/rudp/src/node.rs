//! [`Node`]: the protocol's endpoint as the driver runs it, with alarms and the news that it is
//! idle; and [`Hub`], which passes its events on to those who wait. The protocol is `rudp-proto`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use rudp_base::{Application, Datagrams, Instant, Machine, SendError, Transmit};
use rudp_net::{Driver, WeakDriver};
use rudp_proto::{Endpoint, Event, EventKind, Handle, StrayReset};

use crate::keeper::Keeper;
use crate::lobby::{Comer, Lobby};
use crate::waits::{Topic, Wait, Waits};

/// How long after the deadline of closing an endpoint is kept for its last repetitions.
pub(crate) const AFTERGLOW: Duration = Duration::from_secs(3);

/// What runs a node.
pub(crate) type Engine = Driver<Node, Hub>;

/// The same, as other shards know it.
pub(crate) type Sibling = WeakDriver<Node, Hub>;

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
    /// These are for no session here, and perhaps for one of another shard.
    Strays(Arc<[StrayReset]>),
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

    fn poll_timeout(&mut self) -> Option<Instant> {
        let alarm = self.alarms.first_key_value().map(|((at, _), _)| *at);
        let times = [self.endpoint.poll_timeout(), alarm, self.patience];
        times.into_iter().flatten().min()
    }

    fn max_read_delay(&self, now: Instant) -> Duration {
        self.endpoint.max_read_delay(now)
    }

    fn poll_event(&mut self) -> Option<NodeEvent> {
        if let Some(event) = self.endpoint.poll_event() {
            return Some(NodeEvent::Protocol(event));
        }
        if let Some(waker) = self.rung.pop() {
            return Some(NodeEvent::Alarm(waker));
        }
        if let Some(first) = self.endpoint.poll_stray_reset() {
            let others = std::iter::from_fn(|| self.endpoint.poll_stray_reset());
            return Some(NodeEvent::Strays(std::iter::once(first).chain(others).collect()));
        }
        let tired = self.patience == Some(Instant::ZERO);
        if self.watched && (tired || self.endpoint.is_idle()) {
            (self.watched, self.patience) = (false, None);
            return Some(NodeEvent::Idle);
        }
        None
    }
}

/// Passes events on to those who wait.
pub(crate) struct Hub {
    pub(crate) waits: Arc<Waits>,
    /// The number of the shard, and the others of its endpoint.
    shard: usize,
    siblings: Vec<Sibling>,
    lobby: Arc<Lobby>,
    keeper: Arc<Keeper>,
    /// Those to wake when the turn is over.
    ready: Vec<Waker>,
    /// How many sessions have begun.
    begun: u64,
}

impl Hub {
    pub(crate) fn new(
        shard: usize,
        waits: Arc<Waits>,
        lobby: Arc<Lobby>,
        keeper: Arc<Keeper>,
    ) -> Self {
        let (siblings, ready) = (Vec::new(), Vec::new());
        Self { waits, shard, siblings, lobby, keeper, ready, begun: 0 }
    }

    /// Says who the other shards are.
    pub(crate) fn introduce(&mut self, siblings: Vec<Sibling>) {
        self.siblings = siblings;
    }

    /// How many sessions have begun here so far.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// Wakes those who wait for `wait`.
    fn wake(&mut self, wait: Wait) {
        self.waits.take(wait, &mut self.ready);
    }

    fn on_protocol(&mut self, now: Instant, node: &mut Node, event: Event) {
        let begins = matches!(event.kind, EventKind::Incoming | EventKind::Connected);
        self.begun += u64::from(begins);
        match (event.kind, Topic::of(event.kind)) {
            (_, Some(topic)) => self.wake(Wait::About(event.session, topic)),
            (EventKind::Incoming, _) => self.let_in(now, node),
            (_, None) => self.waits.take_session(event.session, &mut self.ready),
        }
    }

    /// Takes those who have come to where they are accepted.
    fn let_in(&mut self, now: Instant, node: &mut Node) {
        while let Some(handle) = node.endpoint.accept() {
            let comer = Comer { shard: self.shard, handle };
            if !self.lobby.enter(comer, &mut self.ready) {
                turn_away(now, &mut node.endpoint, handle);
            }
        }
    }

    /// Gives to all other shards what is for no session of this one (docs/PROTOCOL.md, 10.4). Those
    /// who have too much to do already drop it, as a network would.
    fn pass_on(&self, strays: &Arc<[StrayReset]>) {
        for sibling in &self.siblings {
            let strays = Arc::clone(strays);
            sibling.leave(move |now, node, _| {
                for stray in &*strays {
                    node.endpoint.take_stray_reset(now, stray);
                }
            });
        }
    }
}

/// Ends the session of a client that nobody will accept.
pub(crate) fn turn_away(now: Instant, endpoint: &mut Endpoint, handle: Handle) {
    if let Some(mut session) = endpoint.session(now, handle) {
        session.abort(0, "nobody accepts sessions here any more");
        session.release();
    }
}

impl Application<Node> for Hub {
    fn on_event(&mut self, now: Instant, node: &mut Node, event: NodeEvent) {
        match event {
            NodeEvent::Protocol(event) => self.on_protocol(now, node, event),
            NodeEvent::Alarm(waker) => self.ready.push(waker),
            NodeEvent::Strays(strays) => self.pass_on(&strays),
            NodeEvent::Idle => {
                self.wake(Wait::Idle);
                // If it was the last one, the drivers' threads end behind this turn.
                self.keeper.done(self.shard);
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
