//! [`Receiver`]: the messages that the peer sends: checks, limits, deadlines, delivery
//! (docs/PROTOCOL.md, 7.5). Writing frames is elsewhere.

use core::time::Duration;
use std::collections::BTreeSet;

use bytes::Bytes;
use rudp_base::Instant;
use rudp_wire::code::Code;
use rudp_wire::frame::{self, MessageDropped, Mode};

use super::assembly::Assembly;
use super::inbox::{Inbox, Popped, Ready};
use super::receipts::Told;
use super::tiles::{Extent, Known, Mismatch, Tiles};
use super::window::Window;
use super::{Config, Kind, Message};
use crate::ranges::RangeSet;

/// A message of which not everything has come.
#[derive(Debug)]
struct Open {
    kind: Kind,
    /// Of an ordered message.
    order: u64,
    deadline: Option<Instant>,
    assembly: Assembly,
}

/// What a deadline is for. Each message has one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// An incomplete message, by its number.
    Open(u64),
    /// A message that waits for the program, by its number of arrival.
    Ready(u64),
}

/// The messages of the peer.
#[derive(Debug)]
pub(super) struct Receiver {
    max_message_size: u64,
    pub(super) window: Window,
    pub(super) told: Told,
    tiles: Tiles<Box<Open>>,
    inbox: Inbox,
    deadlines: BTreeSet<(Instant, Due)>,
    /// What was delivered, discarded or dropped, in the count that is limited.
    delivered: RangeSet,
    /// Something came since the program was last told.
    pub(super) has_news: bool,
    has_given_up: bool,
}

impl Receiver {
    pub(super) fn new(config: &Config) -> Self {
        let max_message_size = u64::from(config.max_message_size);
        // The cost of the largest message; nothing if there are none.
        let least = if max_message_size == 0 { 0 } else { max_message_size + frame::COST };
        Self {
            max_message_size,
            window: Window::new(config.window, least),
            told: Told::default(),
            tiles: Tiles::new(),
            inbox: Inbox::new(config.receive_datagrams),
            deadlines: BTreeSet::new(),
            delivered: RangeSet::new(),
            has_news: false,
            has_given_up: false,
        }
    }

    /// Where a message lies, if it is within the limits (docs/PROTOCOL.md, 7.5.1).
    fn locate(&self, number: u64, start: u64, length: u64) -> Result<Extent, Code> {
        if length > self.max_message_size {
            return Err(Code::MESSAGE_ERROR);
        }
        let extent = Extent::new(number, start, length).ok_or(Code::FRAME_ERROR)?;
        if extent.end > self.window.limit() {
            return Err(Code::FLOW_CONTROL_ERROR);
        }
        Ok(extent)
    }

    /// Whether a piece can come without too many separate ones, behind `others` in the same packet.
    pub(super) fn admits(&self, piece: &frame::Message<'_>, others: usize) -> bool {
        let header = piece.header();
        let Some(extent) = Extent::new(header.number, header.start, header.length) else {
            return true;
        };
        match self.tiles.find(extent) {
            Ok(Known::Open(open)) => {
                let end = header.offset.saturating_add(header.len as u64);
                open.assembly.admits(header.offset..end, others)
            }
            _ => true,
        }
    }

    /// A piece came.
    pub(super) fn on_message(
        &mut self,
        now: Instant,
        piece: &frame::Message<'_>,
    ) -> Result<(), Code> {
        let header = piece.header();
        let extent = self.locate(header.number, header.start, header.length)?;
        if self.has_given_up {
            return Ok(());
        }
        self.expire(now);
        let (kind, order, deadline) = match header.mode {
            Mode::Ordered { order } => (Kind::Ordered, order, None),
            Mode::Reliable => (Kind::Reliable, 0, None),
            Mode::Deadline { lifetime } => {
                (Kind::Deadline, 0, Some(now + Duration::from_micros(lifetime)))
            }
        };
        match self.tiles.find(extent).map_err(message_error)? {
            Known::Done => return Ok(()),
            Known::Open(open) if (open.kind, open.order) != (kind, order) => {
                return Err(Code::MESSAGE_ERROR);
            }
            Known::Open(_) => {}
            Known::New => {
                self.check_order(kind, order, header.number)?;
                if header.len as u64 == header.length {
                    self.tiles.close(extent);
                    let message = Message { data: Bytes::copy_from_slice(piece.data()), kind };
                    self.arrive(now, order, Ready { message, extent, deadline });
                    return Ok(());
                }
                let length = usize::try_from(header.length).map_err(|_| Code::MESSAGE_ERROR)?;
                let assembly = Assembly::new(length);
                self.tiles.open(extent, Box::new(Open { kind, order, deadline: None, assembly }));
            }
        }
        self.take(now, piece, deadline)
    }

    /// That no other message has this place in the order (docs/PROTOCOL.md, 7.5.1).
    fn check_order(&self, kind: Kind, order: u64, number: u64) -> Result<(), Code> {
        let is_possible = order <= number && self.inbox.expects(order);
        if kind != Kind::Ordered || is_possible { Ok(()) } else { Err(Code::MESSAGE_ERROR) }
    }

    /// Takes a piece of a message that is open.
    fn take(
        &mut self,
        now: Instant,
        piece: &frame::Message<'_>,
        deadline: Option<Instant>,
    ) -> Result<(), Code> {
        let number = piece.header().number;
        let Some((extent, open)) = self.tiles.get_mut(number) else { return Ok(()) };
        // The earliest deadline of all pieces counts (docs/PROTOCOL.md, 7.5.3).
        if let Some(deadline) = deadline
            && open.deadline.is_none_or(|before| deadline < before)
        {
            if let Some(before) = open.deadline.replace(deadline) {
                self.deadlines.remove(&(before, Due::Open(number)));
            }
            self.deadlines.insert((deadline, Due::Open(number)));
        }
        let offset = usize::try_from(piece.header().offset).map_err(|_| Code::MESSAGE_ERROR)?;
        open.assembly.insert(offset, piece.data());
        if !open.assembly.is_complete() {
            self.expire(now);
            return Ok(());
        }
        let (kind, order, deadline) = (open.kind, open.order, open.deadline);
        // Another message may have taken this place in the order meanwhile.
        self.check_order(kind, order, number)?;
        let Some(open) = self.tiles.close(extent) else { return Ok(()) };
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, Due::Open(number)));
        }
        let message = Message { data: open.assembly.into_bytes(), kind };
        self.arrive(now, order, Ready { message, extent, deadline });
        Ok(())
    }

    /// A message is complete.
    fn arrive(&mut self, now: Instant, order: u64, ready: Ready) {
        if ready.deadline.is_some_and(|deadline| deadline <= now) {
            return self.settle(ready.extent);
        }
        if ready.message.kind == Kind::Ordered {
            self.has_news |= self.inbox.push_ordered(order, ready);
        } else {
            let deadline = ready.deadline;
            let number = self.inbox.push(ready);
            self.deadlines.extend(deadline.map(|deadline| (deadline, Due::Ready(number))));
            self.has_news = true;
        }
        self.report();
    }

    /// The peer will not send the rest of a message (docs/PROTOCOL.md, 7.5.3).
    pub(super) fn on_dropped(
        &mut self,
        now: Instant,
        dropped: &MessageDropped,
    ) -> Result<(), Code> {
        let extent = self.locate(dropped.number, dropped.start, dropped.length)?;
        if self.has_given_up {
            return Ok(());
        }
        self.expire(now);
        match self.tiles.find(extent).map_err(message_error)? {
            Known::Done => {}
            Known::Open(open) if open.kind != Kind::Deadline => return Err(Code::MESSAGE_ERROR),
            Known::Open(_) | Known::New => self.discard(extent),
        }
        Ok(())
    }

    /// An unreliable message came. Those that are larger than messages may be are not taken.
    pub(super) fn on_datagram(&mut self, data: &[u8]) {
        let is_taken = self.max_message_size > 0 && data.len() as u64 <= self.max_message_size;
        if is_taken && !self.has_given_up {
            self.has_news |= self.inbox.push_datagram(data);
        }
    }

    /// The next message for the program.
    pub(super) fn receive(&mut self, now: Instant) -> Option<Message> {
        self.expire(now);
        match self.inbox.pop()? {
            Popped::Datagram(message) => Some(message),
            Popped::Message(number, ready) => {
                if let Some(deadline) = ready.deadline {
                    self.deadlines.remove(&(deadline, Due::Ready(number)));
                }
                self.settle(ready.extent);
                Some(ready.message)
            }
        }
    }

    pub(super) fn is_readable(&self) -> bool {
        self.inbox.is_readable()
    }

    /// When the next message is discarded.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Discards the messages whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.next_deadline().is_some_and(|deadline| deadline <= now) {
            match self.deadlines.pop_first() {
                Some((_, Due::Open(number))) => {
                    if let Some((extent, _)) = self.tiles.get_mut(number) {
                        self.discard(extent);
                    }
                }
                Some((_, Due::Ready(number))) => {
                    if let Some(ready) = self.inbox.remove(number) {
                        self.settle(ready.extent);
                    }
                }
                None => {}
            }
        }
    }

    /// Forgets a message that is not complete, but for its number.
    fn discard(&mut self, extent: Extent) {
        let open = self.tiles.close(extent);
        if let Some(deadline) = open.and_then(|open| open.deadline) {
            self.deadlines.remove(&(deadline, Due::Open(extent.number)));
        }
        self.settle(extent);
    }

    /// A message was delivered, discarded or dropped.
    fn settle(&mut self, extent: Extent) {
        self.delivered.insert(extent.start..extent.end);
        self.window.release(extent.cost());
        self.report();
    }

    fn report(&mut self) {
        let read = self.delivered.first().filter(|first| first.start == 0);
        self.told.update(self.tiles.done(), read.map_or(0, |first| first.end));
    }

    /// The program reads no more: everything that came or comes is discarded (docs/PROTOCOL.md,
    /// 7.6.3).
    pub(super) fn give_up(&mut self) {
        self.told.finish();
        self.has_given_up = true;
        self.has_news = false;
        self.tiles.clear();
        self.inbox.clear();
        self.deadlines.clear();
        self.delivered = RangeSet::new();
    }

    /// How many bytes of memory messages use, records of fixed size aside, and how many records.
    #[cfg(test)]
    pub(super) fn memory(&self) -> (usize, usize) {
        let open: usize = self.tiles.values().map(|open| open.assembly.memory()).sum();
        let records = self.tiles.len() + self.deadlines.len() + self.delivered.len();
        (open + self.inbox.memory(), records)
    }
}

fn message_error(_: Mismatch) -> Code {
    Code::MESSAGE_ERROR
}
