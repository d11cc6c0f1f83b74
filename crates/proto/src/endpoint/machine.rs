//! The endpoint as a [`Machine`]: whose turn it is, and what everybody is told.
//! What datagrams mean is in `inputs`.

use core::mem;
use core::time::Duration;

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use rudp_wire::code::Code;

use super::slot::Stage;
use super::{Endpoint, EventKind};
use crate::connection::{Joined, MAX_BATCH, MAX_SEGMENTS};
use crate::event::{Ended, Event};
use crate::handshake::{Pending, Step};

/// How many sessions that cannot join a batch are asked for each.
const MOST_MISSES: usize = 8;

impl Machine for Endpoint {
    type Event = Event;

    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>) {
        let Datagrams { remote, local, ecn, .. } = datagrams;
        let mut rest = datagrams.iter();
        let mut next = rest.next();
        while let Some(datagram) = next {
            next = self.on_datagram(now, (remote, local, ecn), datagram, &mut rest);
        }
        let touched = mem::take(&mut self.touched);
        for &index in &touched {
            self.note(now, index);
        }
        self.touched = touched;
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.arm();
        if let Some(pending) = &mut self.pending {
            pending.on_timeout(now);
        }
        while let Some(index) = self.timers.pop_due(now) {
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            slot.scheduled = None;
            match &mut slot.stage {
                Stage::Asking(attempt, _) => {
                    let step = attempt.on_timeout(now);
                    self.on_step(now, index, step);
                }
                Stage::Live(_) => {
                    self.visit(index, |connection, _| connection.on_timeout(now));
                }
                Stage::Failed(_) => {}
            }
            self.touch(index);
        }
        self.settle(now);
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if let Some(answer) = self.answers.pop_front() {
            let len = answer.datagram.len();
            buffer.get_mut(..len)?.copy_from_slice(&answer.datagram);
            return Some(Transmit { local: answer.local, ..Transmit::single(answer.remote, len) });
        }
        while let Some(index) = self.ready.pop_front() {
            self.cx.is_accompanied = self.is_accompanied(index);
            self.cx.is_drained = false;
            let (transmit, wants_more) = self.poll_session(now, index, buffer);
            self.on_asked(now, index, wants_more);
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            let has_more = transmit.is_some() && !self.cx.is_drained;
            slot.is_ready = has_more;
            let Some(mut transmit) = transmit else { continue };
            self.note(now, index);
            self.join(now, &mut transmit, buffer);
            // What was sent may have been the last of its kind: a message, or a packet.
            if self.report(now, index) && has_more {
                // The others first; then it may have more.
                self.ready.push_back(index);
            }
            self.settle(now);
            return Some(transmit);
        }
        None
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.arm();
        let pending = self.pending.as_ref().and_then(Pending::timeout);
        self.timers.first().into_iter().chain(pending).min()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn max_read_delay(&self, now: Instant) -> Duration {
        self.patience.get(now)
    }
}

impl Endpoint {
    /// What a session sends next, and whether it has more that waits for nothing but its turn.
    fn poll_session(
        &mut self,
        now: Instant,
        index: u32,
        buffer: &mut [u8],
    ) -> (Option<Transmit>, bool) {
        match self.slots.get_mut(index as usize).map(|slot| &mut slot.stage) {
            Some(Stage::Asking(attempt, _)) => {
                let len = attempt.poll_transmit(now, buffer);
                (len.map(|len| Transmit::single(attempt.remote(), len)), false)
            }
            Some(Stage::Live(_)) => {
                let polled = self.visit(index, |connection, cx| {
                    let transmit = connection.poll_transmit(now, cx, buffer);
                    let wants_more = connection.wants_turn(now, transmit.is_some());
                    (transmit, wants_more)
                });
                polled.unwrap_or_default()
            }
            Some(Stage::Failed(_)) | None => (None, false),
        }
    }

    /// A session was asked for what it has to send: it may be another one's turn now.
    fn on_asked(&mut self, now: Instant, index: u32, wants_more: bool) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        let Some(member) = &mut slot.member else { return };
        if let Some(turn) = self.flows.on_asked(index, member, wants_more) {
            self.reported_at = now;
            self.pass(turn);
        }
    }

    /// Whether the next session whose turn it is sends to the same address as this one.
    fn is_accompanied(&self, index: u32) -> bool {
        let live = |index: u32| match self.slots.get(index as usize).map(|slot| &slot.stage) {
            Some(Stage::Live(connection)) => Some(connection),
            _ => None,
        };
        let next = self.ready.front().and_then(|next| live(*next));
        next.zip(live(index)).is_some_and(|(next, this)| next.goes_along(this.address()))
    }

    /// Fills a batch up with packets of further sessions to the same address: a client that has many of
    /// them would else send little at a time.
    fn join(&mut self, now: Instant, batch: &mut Transmit, buffer: &mut [u8]) {
        let limit = buffer.len().min(MAX_BATCH).min(batch.stride * MAX_SEGMENTS);
        // Those that cannot join keep their places: their turn is next.
        let mut misses = 0;
        while misses < MOST_MISSES
            && batch.len.is_multiple_of(batch.stride)
            && batch.len + batch.stride <= limit
        {
            let Some(&index) = self.ready.get(misses) else { return };
            if !self.slots.contains(index as usize) {
                self.ready.remove(misses);
                continue;
            }
            self.cx.is_drained = false;
            let Some(room) = buffer.get_mut(batch.len..limit) else { return };
            let (joined, wants_more) = self.join_session(now, index, batch, room);
            if joined == Joined::Alone {
                misses += 1;
                continue;
            }
            self.ready.remove(misses);
            let len = if let Joined::Bytes(len) = joined { len } else { 0 };
            self.on_asked(now, index, wants_more);
            let has_more = len > 0 && !self.cx.is_drained;
            if let Some(slot) = self.slots.get_mut(index as usize) {
                slot.is_ready = has_more;
            }
            if len == 0 {
                continue;
            }
            batch.len += len;
            self.note(now, index);
            if self.report(now, index) && has_more {
                self.ready.push_back(index);
            }
        }
    }

    /// What a session puts into another's batch, and whether it has more that waits for its turn.
    fn join_session(
        &mut self,
        now: Instant,
        index: u32,
        batch: &Transmit,
        room: &mut [u8],
    ) -> (Joined, bool) {
        let joined = self.visit(index, |connection, cx| {
            let joined = connection.join(now, cx, batch, room);
            let wants_more = connection.wants_turn(now, matches!(joined, Joined::Bytes(_)));
            (joined, wants_more)
        });
        joined.unwrap_or((Joined::Alone, false))
    }

    /// Packets of a session came or left: how long the next ones may lie unread depends on it.
    fn note(&mut self, now: Instant, index: u32) {
        let slot = self.slots.get_mut(index as usize);
        if let Some(delay) = slot.map_or(Some(Duration::ZERO), |slot| slot.read_delay(now)) {
            self.patience.note(now, delay);
        }
    }

    /// Something happened to a session: it is looked at when the input is done.
    pub(super) fn touch(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize)
            && !slot.is_touched
        {
            slot.is_touched = true;
            self.touched.push(index);
        }
    }

    /// Looks at all sessions that something happened to: their events, and their turn.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some(index) = self.touched.pop() {
            if let Some(slot) = self.slots.get_mut(index as usize) {
                slot.is_touched = false;
            }
            if self.report(now, index) {
                self.ready(index);
            }
        }
    }

    /// Takes a session's events, and forgets it if it is over. Says whether it is still there. Its
    /// deadline is looked at when somebody asks, since a packet and its answer move it several times.
    fn report(&mut self, now: Instant, index: u32) -> bool {
        self.reported_at = now;
        let Some(slot) = self.slots.get_mut(index as usize) else { return false };
        let mut is_over = slot.is_released && matches!(slot.stage, Stage::Failed(_));
        if let Stage::Live(connection) = &mut slot.stage {
            is_over = slot.is_released && connection.is_forgotten();
            let session = crate::event::Handle { index, generation: slot.generation };
            while let Some(kind) = connection.poll_event() {
                if !slot.is_released {
                    self.events.push_back(Event { session, kind });
                }
            }
        }
        if is_over {
            self.remove(index);
            return false;
        }
        self.rearm(index);
        true
    }

    /// Asks the sessions that something happened to when they want to be called.
    fn arm(&mut self) {
        while let Some(index) = self.unarmed.pop() {
            let at = self.reported_at;
            let due = match self.slots.get_mut(index as usize).map(|slot| &mut slot.stage) {
                Some(Stage::Asking(attempt, _)) => attempt.timeout(),
                Some(Stage::Live(_)) => {
                    self.visit(index, |connection, _| connection.timeout(at)).flatten()
                }
                Some(Stage::Failed(_)) | None => None,
            };
            if let Some(slot) = self.slots.get_mut(index as usize) {
                slot.is_unarmed = false;
                self.timers.arm(index, &mut slot.scheduled, due);
            }
        }
    }

    /// Forgets a session.
    fn remove(&mut self, index: u32) {
        let Some(mut slot) = self.slots.try_remove(index as usize) else { return };
        self.timers.disarm(index, &mut slot.scheduled);
        if let Some(turn) = slot.member.and_then(|member| self.flows.leave(index, &member)) {
            self.pass(turn);
        }
        match &slot.stage {
            Stage::Live(connection) => {
                self.ids.remove(connection.local_id(), Some(connection.remote_id()), index);
                self.cx.memory.end(connection.promised());
            }
            Stage::Asking(attempt, terms) => {
                self.ids.remove(attempt.id(), None, index);
                self.cx.memory.end(terms.windows.sum());
            }
            Stage::Failed(_) => {}
        }
        // A stale place in the queue of those that are ready is skipped, or used by a successor.
        self.update_room();
    }

    /// A session that has not begun is of no interest any more.
    pub(super) fn give_up(&mut self, index: u32) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        if let Stage::Asking(attempt, terms) = &slot.stage {
            self.ids.remove(attempt.id(), None, index);
            self.cx.memory.end(terms.windows.sum());
            let reason = String::new();
            slot.stage = Stage::failed(Ended::Local { code: Code::NO_ERROR, reason });
            self.event(index, EventKind::Ended);
            self.event(index, EventKind::Closed);
            self.touch(index);
        }
    }

    /// An attempt goes on, ends in a session, or fails.
    pub(super) fn on_step(&mut self, now: Instant, index: u32, step: Step) {
        match step {
            Step::Waiting => {}
            Step::Done(opened) => self.open(now, index, *opened),
            Step::Failed(failure) => {
                let Some(slot) = self.slots.get_mut(index as usize) else { return };
                if let Stage::Asking(attempt, terms) = &slot.stage {
                    self.ids.remove(attempt.id(), None, index);
                    self.cx.memory.end(terms.windows.sum());
                }
                slot.stage = Stage::failed(Ended::Failed(failure));
                self.event(index, EventKind::Ended);
                self.event(index, EventKind::Closed);
            }
        }
        self.touch(index);
    }
}
