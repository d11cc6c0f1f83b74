//! The server: sessions by client address, their timers, and who may send when.
//! It opens no files; the application is asked for names and bytes by [`ServerEvent`]s.

mod budget;
mod config;
mod event;
mod limits;
mod queue;
mod session;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use slab::Slab;

pub use self::config::ServerConfig;
pub use self::event::{Limit, Outcome, Report, ServerEvent, SessionId};

use self::budget::Budget;
use self::limits::Addresses;
use self::queue::{Lane, Queue};
use self::session::{Session, Stage};
use crate::cipher;
use crate::sender::Answer;
use crate::wire::{Kind, PACKET_LEN, Packet};

/// A packet without answer is not taken to be in flight for longer than this, so that clients that
/// died do not hold up the others while their timers run.
const FLIGHT_TIME: Duration = Duration::from_millis(200);

/// Where a session is kept.
type Slot = usize;

/// A RUSHB server as a [`Machine`].
///
/// ```
/// use rudp_base::{Application, Instant};
/// use rushb::{Server, ServerConfig, ServerEvent};
///
/// /// Serves the same text under every name.
/// struct OneText(&'static [u8]);
///
/// impl Application<Server> for OneText {
///     fn on_event(&mut self, now: Instant, server: &mut Server, event: ServerEvent) {
///         match event {
///             ServerEvent::Requested { session, .. } => {
///                 server.accept(session, self.0.len() as u64);
///             }
///             ServerEvent::Wanted { session, offset, len } => {
///                 let start = offset as usize;
///                 server.supply(now, session, &self.0[start..start + len]);
///             }
///             ServerEvent::Ended { .. } | ServerEvent::Limited { .. } => {}
///         }
///     }
/// }
///
/// let server = Server::new(ServerConfig::default());
/// # let _ = (server, OneText(b"text"));
/// ```
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    sessions: Slab<Session>,
    by_peer: BTreeMap<SocketAddr, Slot>,
    next_serial: u64,
    /// Sessions whose client has not answered yet, and closed ones, by serial: oldest first.
    unanswered: BTreeMap<u64, Slot>,
    closed: BTreeMap<u64, Slot>,
    /// Who waits to send.
    queue: Queue,
    /// At most one entry a session. An entry may be early: it is moved when it fires, not with
    /// every packet.
    timers: BTreeSet<(Instant, Slot)>,
    budget: Budget,
    addresses: Addresses,
    events: VecDeque<ServerEvent>,
    closing: bool,
    ignored: u64,
}

impl Server {
    /// A server without sessions.
    pub fn new(config: ServerConfig) -> Self {
        let budget = Budget::new(config.max_in_flight);
        let capacity = config.max_sessions.saturating_mul(2);
        let addresses =
            Addresses::new(config.max_sessions_per_address, config.max_rate_per_address, capacity);
        Self {
            config,
            sessions: Slab::new(),
            by_peer: BTreeMap::new(),
            next_serial: 1,
            unanswered: BTreeMap::new(),
            closed: BTreeMap::new(),
            queue: Queue::default(),
            timers: BTreeSet::new(),
            budget,
            addresses,
            events: VecDeque::new(),
            closing: false,
            ignored: 0,
        }
    }

    /// Serves what `session` asked for: a resource of `len` bytes. False where the session is gone
    /// or was answered before.
    pub fn accept(&mut self, session: SessionId, len: u64) -> bool {
        let accepted = self.find(session).is_some_and(|found| found.accept(len));
        if accepted {
            self.go_on(session.slot);
        }
        accepted
    }

    /// Answers what `session` asked for with \[FIN\]. False where the session is gone or was
    /// answered before.
    pub fn refuse(&mut self, session: SessionId) -> bool {
        let refused = self.find(session).is_some_and(|found| found.refuse(Outcome::Refused));
        if refused {
            self.go_on(session.slot);
        }
        refused
    }

    /// Gives `session` the bytes it wanted. False where it is gone, and where the bytes are not as
    /// many as were wanted or have no code under ENC: that ends the session.
    pub fn supply(&mut self, now: Instant, session: SessionId, data: &[u8]) -> bool {
        let Some(found) = self.find(session) else { return false };
        if !found.supply(data) {
            self.abandon(now, session);
            return false;
        }
        self.go_on(session.slot);
        true
    }

    /// Gives `session` up. A client that has got nothing yet is refused; to any other the server
    /// falls silent, so that it never takes what it has for the whole. False where the session is
    /// gone.
    pub fn abandon(&mut self, now: Instant, session: SessionId) -> bool {
        let Some(found) = self.find(session).filter(|found| found.stage != Stage::Closed) else {
            return false;
        };
        if found.give_up() {
            self.go_on(session.slot);
        } else {
            self.end(now, session.slot, Outcome::Abandoned);
        }
        true
    }

    /// Ignores every \[GET\] from now on; sessions that are open go on.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// Drops every session at once.
    pub fn interrupt(&mut self, now: Instant) {
        while let Some((_, slot)) = self.by_peer.first_key_value() {
            let slot = *slot;
            if self.is_closed(slot) {
                self.forget(now, slot);
            } else {
                self.end(now, slot, Outcome::Interrupted);
            }
        }
    }

    /// Sessions that are open. Those that only wait for a repeated \[FIN/ACK\] do not count.
    pub fn open_sessions(&self) -> usize {
        self.sessions.len() - self.closed.len()
    }

    /// Sessions that the server remembers, closed ones included.
    pub fn remembered_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Datagrams that were no packets, or that no session expected.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// The system dropped datagrams because the socket's receive buffer was full: sends less at a
    /// time for a while.
    pub fn on_receive_drops(&mut self, now: Instant) {
        self.budget.on_receive_drops(now);
    }

    fn find(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id.slot).filter(|session| session.id == id)
    }

    /// After a session has moved on: asks for what it wants, or queues it to send what it has.
    fn go_on(&mut self, slot: Slot) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if let Some((offset, len)) = session.wanted() {
            self.events.push_back(ServerEvent::Wanted { session: session.id, offset, len });
        } else if session.ticket.is_none() {
            session.ticket = session.lane().map(|lane| self.queue.push(lane, slot));
        }
    }

    /// Takes a session out of the queue.
    fn unqueue(&mut self, slot: Slot) {
        if let Some(ticket) = self.sessions.get_mut(slot).and_then(|found| found.ticket.take()) {
            self.queue.remove(ticket);
        }
    }

    /// Whether a session's packet was in flight, which it is no longer; if so, whether the client
    /// was new.
    fn land(&mut self, slot: Slot) -> Option<bool> {
        self.sessions.get_mut(slot)?.in_flight.take()
    }

    /// Sets a session's timer to fire when it must, or before.
    fn arm(&mut self, slot: Slot) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let Some(at) = session.deadline(FLIGHT_TIME) else { return };
        if let Some(armed) = session.armed {
            if armed <= at {
                return;
            }
            self.timers.remove(&(armed, slot));
        }
        session.armed = Some(at);
        self.timers.insert((at, slot));
    }

    /// Ends an open session, and reports it.
    fn end(&mut self, now: Instant, slot: Slot, outcome: Outcome) {
        let Some(session) = self.forget(now, slot) else { return };
        let report = session.progress.report(now);
        self.addresses.release(now, session.id.peer.ip());
        self.events.push_back(ServerEvent::Ended { session: session.id, outcome, report });
    }

    /// Forgets a session. Returned is one that was open, and so not reported yet.
    fn forget(&mut self, now: Instant, slot: Slot) -> Option<Session> {
        self.unqueue(slot);
        if let Some(new) = self.land(slot) {
            // The packet is under way all the same.
            self.budget.on_orphaned(now + FLIGHT_TIME, new);
        }
        let session = self.sessions.try_remove(slot)?;
        if let Some(armed) = session.armed {
            self.timers.remove(&(armed, slot));
        }
        self.by_peer.remove(&session.id.peer);
        self.unanswered.remove(&session.id.serial);
        let was_closed = self.closed.remove(&session.id.serial).is_some();
        (!was_closed).then_some(session)
    }

    fn on_datagram(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        local: Option<IpAddr>,
        datagram: &[u8],
    ) {
        let Ok(packet) = Packet::parse(datagram) else {
            self.ignored += 1;
            return;
        };
        let opens = packet.header.kind == Kind::Get && packet.header.sequence == 1;
        let slot = self.by_peer.get(&remote).copied();
        let taken = match slot {
            Some(slot) if !opens || !self.is_closed(slot) => self.on_answer(now, slot, &packet),
            _ => opens && packet.is_intact() && self.on_get(now, remote, local, &packet),
        };
        self.ignored += u64::from(!taken);
    }

    fn is_closed(&self, slot: Slot) -> bool {
        self.sessions.get(slot).is_some_and(|session| session.stage == Stage::Closed)
    }

    /// Takes a \[GET\] that opens a session. False where a limit forbids it.
    fn on_get(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        local: Option<IpAddr>,
        packet: &Packet<'_>,
    ) -> bool {
        if let Err(limit) = self.admit(now, peer) {
            self.events.push_back(ServerEvent::Limited { peer, limit });
            return false;
        }
        // A closed session of that address ends its wait.
        if let Some(slot) = self.by_peer.get(&peer) {
            self.forget(now, *slot);
        }
        let id = SessionId { peer, serial: self.next_serial, slot: self.sessions.vacant_key() };
        self.next_serial += 1;
        let options = packet.header.options;
        let mut session = Session::new(now, id, local, options, &self.config);
        let name = resource_name(packet);
        if name.is_none() {
            session.refuse(Outcome::BadName);
        }
        self.sessions.insert(session);
        self.by_peer.insert(peer, id.slot);
        self.unanswered.insert(id.serial, id.slot);
        match name {
            Some(name) => {
                self.events.push_back(ServerEvent::Requested { session: id, name, options });
            }
            None => self.go_on(id.slot),
        }
        true
    }

    /// Makes room for one more session of `peer`, at the cost of closed sessions and of those
    /// whose client never answered.
    fn admit(&mut self, now: Instant, peer: SocketAddr) -> Result<(), Limit> {
        if self.closing {
            return Err(Limit::Closing);
        }
        let mut admitted = self.addresses.admit(now, peer.ip());
        if admitted == Err(Limit::SessionsPerAddress) && self.evict_neighbour(now, peer.ip()) {
            admitted = self.addresses.admit(now, peer.ip());
        }
        admitted?;
        if self.unanswered.len() >= self.config.max_unanswered.max(1) {
            self.evict_unanswered(now);
            self.events.push_back(ServerEvent::Limited { peer, limit: Limit::Unanswered });
        }
        if self.sessions.len() >= self.config.max_sessions.max(1) {
            if let Some((_, oldest)) = self.closed.first_key_value() {
                self.forget(now, *oldest);
            } else if !self.evict_unanswered(now) {
                self.addresses.release(now, peer.ip());
                return Err(Limit::Sessions);
            }
        }
        Ok(())
    }

    /// Drops a session whose client has not answered: one that has waited in vain to send its first
    /// packet, so that those whose packet is under way have the time to answer, or else the oldest.
    fn evict_unanswered(&mut self, now: Instant) -> bool {
        let queued = self.queue.first(|lane| lane == Lane::New);
        let oldest = || self.unanswered.first_key_value().map(|(_, slot)| *slot);
        let Some(slot) = queued.or_else(oldest) else { return false };
        self.end(now, slot, Outcome::Evicted);
        true
    }

    /// Drops the oldest session of the same address whose client has not answered: whoever forges
    /// an address must not lock it out.
    fn evict_neighbour(&mut self, now: Instant, address: IpAddr) -> bool {
        let (first, last) = limits::neighbours(address);
        let range = SocketAddr::new(first, 0)..=SocketAddr::new(last, u16::MAX);
        let sessions = self.by_peer.range(range).filter_map(|(_, slot)| self.sessions.get(*slot));
        let new = sessions.filter(|session| session.is_new);
        let Some(id) = new.map(|session| session.id).min_by_key(|id| id.serial) else {
            return false;
        };
        self.end(now, id.slot, Outcome::Evicted);
        true
    }

    /// Takes a packet for an open or closed session. False where it is none it expects.
    fn on_answer(&mut self, now: Instant, slot: Slot, packet: &Packet<'_>) -> bool {
        let Some(session) = self.sessions.get_mut(slot) else { return false };
        let was_closed = session.stage == Stage::Closed;
        if session.on_packet(now, packet) == Answer::Ignored {
            return false;
        }
        if was_closed {
            self.go_on(slot); // Its last packet once more.
            return true;
        }
        let (serial, closed) = (session.id.serial, session.stage == Stage::Closed);
        let waits =
            session.sender.due().is_some_and(|due| due > now) || session.sender.is_exhausted();
        self.unanswered.remove(&serial);
        self.unqueue(slot);
        let in_flight = self.land(slot);
        self.budget.on_answered(in_flight);
        if closed {
            self.on_closed(now, slot);
        }
        if waits {
            self.arm(slot); // A NAK that waits for its interval, or in vain.
        } else {
            self.go_on(slot);
        }
        true
    }

    /// The client's \[FIN/ACK\] came: the session is over, and kept only to repeat its last packet.
    fn on_closed(&mut self, now: Instant, slot: Slot) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.closed_until = now + self.config.closed_time();
        let (id, outcome, report) = (session.id, session.outcome, session.progress.report(now));
        self.closed.insert(id.serial, slot);
        self.addresses.release(now, id.peer.ip());
        self.events.push_back(ServerEvent::Ended { session: id, outcome, report });
        self.arm(slot);
    }

    /// A session's timer fired: for what it must do now, or early.
    fn on_timer(&mut self, now: Instant, slot: Slot) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.armed = None;
        if session.stage == Stage::Closed && session.closed_until <= now {
            self.forget(now, slot);
            return;
        }
        if now >= session.sender.sent_at() + FLIGHT_TIME
            && let Some(new) = session.in_flight.take()
        {
            self.budget.on_lost(new);
        }
        let due = session.sender.due().is_some_and(|due| due <= now) && session.ticket.is_none();
        if !due {
            self.arm(slot);
        } else if session.sender.is_exhausted() {
            self.end(now, slot, Outcome::ClientGone);
        } else {
            session.sender.on_due();
            if let Some(new) = session.in_flight.take() {
                self.budget.on_lost(new);
            }
            self.go_on(slot);
        }
    }
}

impl Machine for Server {
    type Event = ServerEvent;

    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>) {
        for datagram in datagrams.iter() {
            self.on_datagram(now, datagrams.remote, datagrams.local, datagram);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, slot)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, slot));
            self.on_timer(now, slot);
        }
        self.budget.expire(now);
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let packet = buffer.first_chunk_mut::<PACKET_LEN>()?;
        let slot = self.queue.first(|lane| match lane {
            Lane::Known => self.budget.has_room(false),
            Lane::New => self.budget.has_room(true),
            Lane::Reply => true,
        })?;
        let session = self.sessions.get_mut(slot)?;
        session.emit(now, packet);
        let (peer, local) = (session.id.peer, session.local);
        if session.stage == Stage::Sending {
            session.in_flight = Some(session.is_new);
            self.budget.on_sent(session.is_new);
        }
        self.unqueue(slot);
        self.arm(slot);
        Some(Transmit { local, ..Transmit::single(peer, PACKET_LEN) })
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _)| *at);
        timer.into_iter().chain(self.budget.next_expiry()).min()
    }

    fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }
}

/// The name in a \[GET\], where it is one: not empty, text, and without zero bytes inside.
fn resource_name(packet: &Packet<'_>) -> Option<String> {
    let mut name = packet.unpadded().to_vec();
    if packet.header.options.encoding {
        cipher::decode(&mut name).ok()?;
    }
    let name = String::from_utf8(name).ok()?;
    (!name.is_empty() && !name.contains('\0')).then_some(name)
}
