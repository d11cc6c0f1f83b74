//! [`Sender`]: reliable messages and those with a deadline on their way to the peer: which pieces
//! go next, what was lost, what is over (docs/PROTOCOL.md, 7.5). Datagrams are elsewhere.

use std::collections::BTreeSet;

use bytes::Bytes;
use rudp_base::Instant;
use rudp_wire::frame::{self, COST, Frame, MessageDropped, MessageHeader, Mode, end_of};

use super::Kind;
use super::fates::{Fates, MessageFate};
use super::ring::Ring;
use crate::packet::Draft;
use crate::priority::{Classes, Priority};
use crate::ranges::RangeSet;
use crate::redundancy::Copied;
use crate::token::Token;

/// Pieces of less are not begun at the end of a packet: they cost more than they carry.
const MIN_PIECE: usize = 64;

/// A message that has no number yet. It gets one with its first piece, so that what expires before
/// needs no word on the wire.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) data: Bytes,
    pub(super) kind: Kind,
    pub(super) deadline: Option<Instant>,
    pub(super) priority: Priority,
}

/// A message of which at least one piece was sent, and not everything acknowledged.
///
/// Pieces are counted in bytes; the one piece of an empty message counts as one byte.
#[derive(Debug)]
struct Flight {
    id: u64,
    kind: Kind,
    priority: Priority,
    order: u64,
    start: u64,
    length: u64,
    deadline: Option<Instant>,
    /// Empty when the message was dropped.
    data: Bytes,
    is_dropped: bool,
    /// New pieces begin here.
    sent: u64,
    lost: RangeSet,
    acknowledged: RangeSet,
}

impl Flight {
    /// The end of all pieces, as they are counted.
    fn end(&self) -> u64 {
        self.length.max(1)
    }

    /// Where the message ends in the count that is limited.
    fn limit(&self) -> u64 {
        self.start.saturating_add(self.length).saturating_add(COST)
    }

    /// The header of a piece at `offset`.
    fn header(&self, now: Instant, number: u64, offset: u64) -> MessageHeader {
        let mode = match self.kind {
            Kind::Ordered => Mode::Ordered { order: self.order },
            Kind::Deadline => Mode::Deadline { lifetime: self.lifetime(now) },
            Kind::Reliable | Kind::Unreliable => Mode::Reliable,
        };
        let (start, length) = (self.start, self.length);
        MessageHeader { mode, number, start, length, offset, len: 0 }
    }

    /// Writes a piece from `offset` on, up to `end` at most, if a worthwhile one fits when `reserve`
    /// bytes are left free. Returns its end.
    fn write(
        &self,
        now: Instant,
        number: u64,
        pieces: core::ops::Range<u64>,
        draft: &mut Draft<'_>,
        reserve: usize,
    ) -> Option<u64> {
        let (length, offset) = (self.length, pieces.start);
        let header = self.header(now, number, offset);
        let fitting = draft.fitting(&header, reserve)?;
        let wanted = usize::try_from(pieces.end.min(length) - offset).ok()?;
        let len = fitting.min(wanted);
        if len < wanted.min(MIN_PIECE) && !(draft.is_empty() && reserve == 0) {
            return None;
        }
        let from = usize::try_from(offset).ok()?;
        let data = self.data.get(from..from + len)?;
        let token = Token::Message {
            number,
            offset: u32::try_from(offset).ok()?,
            len: u32::try_from(len).ok()?,
        };
        let message = frame::Message::new(header, data);
        draft.push_message(&message, token).then_some(offset + len.max(1) as u64)
    }

    /// What is left of the message's time, in microseconds (docs/PROTOCOL.md, 7.5.3).
    fn lifetime(&self, now: Instant) -> u64 {
        let left = self.deadline.map_or(now, |deadline| deadline) - now;
        u64::try_from(left.as_micros()).unwrap_or(u64::MAX)
    }
}

/// What a deadline is for. Each message has one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A message without number, by its id.
    Queued(u64),
    /// A message by its number.
    Flight(u64),
}

/// The next message's place (docs/PROTOCOL.md, 7.5).
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    number: u64,
    start: u64,
    order: u64,
}

/// The messages of this end.
#[derive(Debug)]
pub(super) struct Sender {
    /// The peer's limit.
    limit: u64,
    /// By id, for each class.
    queue: Classes<Ring<Queued>>,
    /// By number.
    flights: Ring<Flight>,
    next: Next,
    /// The flight whose data were not all sent once: the last one of its class, if any.
    current: Classes<Option<u64>>,
    /// Flights with lost pieces, by number.
    lost: Classes<RangeSet>,
    /// Flights whose dropping the peer has to be told of, by number.
    dropped: RangeSet,
    deadlines: BTreeSet<(Instant, Due)>,
    /// Bytes held here, each message with its cost.
    buffered: u64,
    /// Those of messages that have no number yet.
    queued: u64,
    /// The peer reads no more; up to here everything was received before.
    stopped: Option<u64>,
    /// Then messages were given up that had no number yet: no receipt can speak of them.
    is_cut: bool,
}

impl Sender {
    pub(super) fn new() -> Self {
        Self {
            limit: 0,
            queue: Classes::default(),
            flights: Ring::new(),
            next: Next::default(),
            current: Classes::default(),
            lost: Classes::default(),
            dropped: RangeSet::new(),
            deadlines: BTreeSet::new(),
            buffered: 0,
            queued: 0,
            stopped: None,
            is_cut: false,
        }
    }

    /// Raises the limit. Limits never shrink (docs/PROTOCOL.md, 7.4.4).
    pub(super) fn raise_limit(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    pub(super) const fn buffered(&self) -> u64 {
        self.buffered
    }

    pub(super) const fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// What messages without number will take of the count that receipts speak of.
    pub(super) const fn queued(&self) -> u64 {
        self.queued
    }

    pub(super) fn push(&mut self, id: u64, queued: Queued) {
        self.buffered = self.buffered.saturating_add(cost(&queued.data));
        self.queued = self.queued.saturating_add(cost(&queued.data));
        self.deadlines.extend(queued.deadline.map(|deadline| (deadline, Due::Queued(id))));
        self.queue.get_mut(queued.priority).push(id, queued);
    }

    /// Whether a frame waits that may be sent.
    pub(super) fn wants(&self) -> bool {
        !self.dropped.is_empty() || self.wants_pieces()
    }

    fn wants_pieces(&self) -> bool {
        // What is before it in its turn may keep a message back (see `may_begin`).
        let first = self.queue.iter().find_map(Ring::first);
        self.lost.iter().any(|lost| !lost.is_empty())
            || self.current.iter().any(Option::is_some)
            || first.is_some_and(|(_, queued)| self.is_allowed(&queued.data))
    }

    /// Whether pieces of this class may be sent.
    pub(super) fn has_pieces(&self, class: Priority) -> bool {
        let first = self.queue.get(class).first();
        !self.lost.get(class).is_empty()
            || self.current.get(class).is_some()
            || first.is_some_and(|(_, queued)| self.is_allowed(&queued.data))
    }

    /// Whether the peer's limit allows this message to be the next one.
    fn is_allowed(&self, data: &Bytes) -> bool {
        end_of(self.next.start, data.len() as u64).is_some_and(|end| end <= self.limit)
    }

    /// Writes `MESSAGE_DROPPED` frames.
    pub(super) fn write_dropped(&mut self, draft: &mut Draft<'_>) {
        while let Some(number) = self.dropped.first().map(|first| first.start) {
            if let Some(flight) = self.flights.get(number) {
                let Flight { start, length, .. } = *flight;
                let frame = Frame::MessageDropped(MessageDropped { number, start, length });
                if !draft.push_with(&frame, Token::MessageDropped { number }) {
                    return;
                }
            }
            self.dropped.remove(number..number + 1);
        }
    }

    /// Whether no message of a higher class waits to be begun. One that is larger than what the peer's
    /// limit leaves would wait for ever if smaller ones of a lower class used that up.
    fn may_begin(&self, class: Priority) -> bool {
        let mut higher = Priority::ALL.into_iter().take_while(|higher| *higher != class);
        higher.all(|higher| self.queue.get(higher).is_empty())
    }

    /// Writes pieces of one class, lost ones first, and leaves `reserve` bytes free. Messages are begun
    /// where none of a higher class waits, or where the class `has_turn` before those.
    pub(super) fn write_pieces(
        &mut self,
        now: Instant,
        (class, has_turn): (Priority, bool),
        draft: &mut Draft<'_>,
        reserve: usize,
    ) {
        let is_through = self.write_lost(now, class, draft, reserve)
            && self.write_current(now, class, draft, reserve);
        if is_through && (has_turn || self.may_begin(class)) {
            self.write_queued(now, class, draft, reserve);
        }
    }

    fn write_lost(
        &mut self,
        now: Instant,
        class: Priority,
        draft: &mut Draft<'_>,
        reserve: usize,
    ) -> bool {
        while let Some(number) = self.lost.get(class).first().map(|first| first.start) {
            if let Some(flight) = self.flights.get_mut(number) {
                while let Some(pieces) = flight.lost.first() {
                    let start = pieces.start;
                    let Some(end) = flight.write(now, number, pieces, draft, reserve) else {
                        return false;
                    };
                    flight.lost.remove(start..end);
                }
            }
            self.lost.get_mut(class).remove(number..number + 1);
        }
        true
    }

    fn write_current(
        &mut self,
        now: Instant,
        class: Priority,
        draft: &mut Draft<'_>,
        reserve: usize,
    ) -> bool {
        let Some(number) = *self.current.get(class) else { return true };
        if let Some(flight) = self.flights.get_mut(number) {
            while flight.sent < flight.end() {
                let pieces = flight.sent..flight.end();
                let Some(end) = flight.write(now, number, pieces, draft, reserve) else {
                    return false;
                };
                flight.sent = end;
            }
        }
        *self.current.get_mut(class) = None;
        true
    }

    fn write_queued(
        &mut self,
        now: Instant,
        class: Priority,
        draft: &mut Draft<'_>,
        reserve: usize,
    ) {
        while let Some((id, queued)) = self.queue.get(class).first()
            && self.is_allowed(&queued.data)
        {
            let Next { number, start, order } = self.next;
            let mut flight = Flight {
                id,
                kind: queued.kind,
                priority: class,
                order,
                start,
                length: queued.data.len() as u64,
                deadline: queued.deadline,
                data: queued.data.clone(),
                is_dropped: false,
                sent: 0,
                lost: RangeSet::new(),
                acknowledged: RangeSet::new(),
            };
            let pieces = 0..flight.end();
            let Some(end) = flight.write(now, number, pieces, draft, reserve) else { return };
            flight.sent = end;
            self.queue.get_mut(class).pop_first();
            self.queued = self.queued.saturating_sub(cost(&flight.data));
            self.next = Next {
                number: number + 1,
                start: flight.limit(),
                order: order + u64::from(flight.kind == Kind::Ordered),
            };
            if let Some(deadline) = flight.deadline {
                self.deadlines.remove(&(deadline, Due::Queued(id)));
                self.deadlines.insert((deadline, Due::Flight(number)));
            }
            let is_partial = flight.sent < flight.end();
            self.flights.push(number, flight);
            if is_partial {
                *self.current.get_mut(class) = Some(number);
                return;
            }
        }
    }

    /// Writes a piece once more that was sent, if all of it fits.
    pub(super) fn copy(
        &self,
        now: Instant,
        (number, offset, len): (u64, u32, u32),
        draft: &mut Draft<'_>,
    ) -> Copied {
        let flight = self.flights.get(number).filter(|flight| !flight.is_dropped);
        let Some(flight) = flight else { return Copied::Gone };
        let pieces = u64::from(offset)..u64::from(offset) + u64::from(len.max(1));
        if flight.acknowledged.gaps(pieces.clone()).next() != Some(pieces.clone()) {
            return Copied::Gone;
        }
        let room = draft.fitting(&flight.header(now, number, pieces.start), 0);
        if room.is_none_or(|fitting| fitting < len as usize) {
            return Copied::NoRoom;
        }
        match flight.write(now, number, pieces, draft, 0) {
            Some(_) => Copied::Yes,
            None => Copied::NoRoom,
        }
    }

    /// A piece was acknowledged.
    pub(super) fn on_acknowledged(
        &mut self,
        number: u64,
        offset: u32,
        len: u32,
        fates: &mut Fates,
    ) {
        let Some(flight) = self.flights.get_mut(number) else { return };
        let pieces = u64::from(offset)..u64::from(offset) + u64::from(len.max(1));
        let all = 0..flight.end();
        if pieces != all {
            flight.lost.remove(pieces.clone());
            if flight.lost.is_empty() {
                self.lost.get_mut(flight.priority).remove(number..number + 1);
            }
            flight.acknowledged.insert(pieces);
            if flight.acknowledged.first() != Some(all) {
                return;
            }
        }
        self.finish(number, fates, false);
    }

    /// A piece was lost.
    pub(super) fn on_lost(&mut self, number: u64, offset: u32, len: u32) {
        let Some(flight) = self.flights.get_mut(number).filter(|flight| !flight.is_dropped) else {
            return;
        };
        let pieces = u64::from(offset)..u64::from(offset) + u64::from(len.max(1));
        for missing in flight.acknowledged.gaps(pieces) {
            flight.lost.insert(missing);
        }
        if !flight.lost.is_empty() {
            self.lost.get_mut(flight.priority).insert(number..number + 1);
        }
    }

    /// `MESSAGE_DROPPED` was acknowledged.
    pub(super) fn on_dropped_acknowledged(&mut self, number: u64, fates: &mut Fates) {
        if self.flights.get(number).is_some_and(|flight| flight.is_dropped) {
            self.finish(number, fates, true);
        }
    }

    /// `MESSAGE_DROPPED` was lost.
    pub(super) fn on_dropped_lost(&mut self, number: u64) {
        if self.flights.get(number).is_some() {
            self.dropped.insert(number..number + 1);
        }
    }

    /// The peer has said that everything up to `end` is complete or dropped.
    pub(super) fn on_received(&mut self, end: u64, fates: &mut Fates) {
        while let Some((number, flight)) = self.flights.first()
            && flight.limit() <= end
        {
            let is_dropped = flight.is_dropped;
            self.finish(number, fates, is_dropped);
        }
    }

    /// Nothing of this message is to be sent any more: it was received, or its dropping is known.
    fn finish(&mut self, number: u64, fates: &mut Fates, is_dropped: bool) {
        let Some(flight) = self.flights.remove(number) else { return };
        if !flight.is_dropped {
            self.buffered = self.buffered.saturating_sub(cost(&flight.data));
        }
        self.forget_turn(number, flight.priority);
        self.dropped.remove(number..number + 1);
        if let Some(deadline) = flight.deadline {
            self.deadlines.remove(&(deadline, Due::Flight(number)));
        }
        match (is_dropped, flight.kind) {
            (true, _) => fates.set(flight.id, MessageFate::Dropped),
            // The peer's host may have discarded it when its time was over.
            (false, Kind::Deadline) => fates.set(flight.id, MessageFate::Received),
            (false, _) => fates.set_received(flight.id, flight.limit()),
        }
    }

    /// When the next message's time is over.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Stops sending the messages whose time is over (docs/PROTOCOL.md, 7.5.3).
    pub(super) fn expire(&mut self, now: Instant, fates: &mut Fates) {
        while self.next_deadline().is_some_and(|deadline| deadline <= now) {
            match self.deadlines.pop_first() {
                Some((_, Due::Queued(id))) => {
                    if let Some(queued) = self.queue.iter_mut().find_map(|queue| queue.remove(id)) {
                        self.buffered = self.buffered.saturating_sub(cost(&queued.data));
                        self.queued = self.queued.saturating_sub(cost(&queued.data));
                    }
                    fates.set(id, MessageFate::Dropped);
                }
                Some((_, Due::Flight(number))) => self.drop_flight(number, fates),
                None => {}
            }
        }
    }

    fn drop_flight(&mut self, number: u64, fates: &mut Fates) {
        let Some(flight) = self.flights.get_mut(number) else { return };
        self.buffered = self.buffered.saturating_sub(cost(&flight.data));
        flight.data = Bytes::new();
        flight.is_dropped = true;
        flight.lost = RangeSet::new();
        let priority = flight.priority;
        self.dropped.insert(number..number + 1);
        // If all was sent, an acknowledgement may still come that says so.
        if flight.sent < flight.end() {
            fates.set(flight.id, MessageFate::Dropped);
        }
        self.forget_turn(number, priority);
    }

    /// Nothing more is to be sent of a flight.
    fn forget_turn(&mut self, number: u64, priority: Priority) {
        self.current.get_mut(priority).take_if(|current| *current == number);
        self.lost.get_mut(priority).remove(number..number + 1);
    }

    /// The peer reads no more (docs/PROTOCOL.md, 7.6.3): nothing more is sent.
    pub(super) fn stop(&mut self, fates: &mut Fates) {
        if self.is_stopped() {
            return;
        }
        self.stopped = Some(self.received());
        while let Some((id, _)) = self.queue.iter_mut().find_map(Ring::pop_first) {
            fates.set(id, MessageFate::Lost);
            self.is_cut = true;
        }
        while let Some((_, flight)) = self.flights.pop_first() {
            let fate = if flight.is_dropped { MessageFate::Dropped } else { MessageFate::Lost };
            fates.set(flight.id, fate);
        }
        self.current = Classes::default();
        self.lost = Classes::default();
        self.dropped = RangeSet::new();
        self.deadlines.clear();
        (self.buffered, self.queued) = (0, 0);
    }

    /// The flights whose data were not all sent once.
    fn partial(&self) -> impl Iterator<Item = &Flight> {
        self.current.iter().filter_map(|number| self.flights.get((*number)?))
    }

    /// Where the next message will begin: the end of all that have a number.
    pub(super) const fn end(&self) -> u64 {
        self.next.start
    }

    /// Up to here all data were sent: what a receipt can speak of.
    pub(super) fn sent(&self) -> u64 {
        self.partial().map(|flight| flight.start).min().unwrap_or(self.next.start)
    }

    /// Up to here everything was acknowledged, or its dropping was.
    pub(super) fn received(&self) -> u64 {
        let first = self.flights.first().map_or(self.next.start, |(_, flight)| flight.start);
        self.stopped.unwrap_or(first)
    }

    /// Whether every message has a number and was sent.
    pub(super) fn is_all_sent(&self) -> bool {
        self.queue.iter().all(Ring::is_empty) && self.partial().next().is_none() && !self.is_cut
    }

    /// Whether every message before this id was sent, as far as it will be.
    pub(super) fn is_sent_before(&self, id: u64) -> bool {
        let waiting = self.queue.iter().filter_map(|queue| Some(queue.first()?.0));
        self.partial().map(|flight| flight.id).chain(waiting).all(|waiting| waiting >= id)
    }

    /// Whether nothing is held here.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let is_idle =
            self.queue.iter().all(Ring::is_empty) && self.flights.is_empty() && self.buffered == 0;
        is_idle
            && self.lost.iter().all(RangeSet::is_empty)
            && self.dropped.is_empty()
            && self.deadlines.is_empty()
    }
}

/// What holding a message costs.
fn cost(data: &Bytes) -> u64 {
    data.len() as u64 + COST
}
