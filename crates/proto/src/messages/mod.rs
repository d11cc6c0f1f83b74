//! [`Messages`]: messages of all kinds in both directions of a session (docs/PROTOCOL.md, 7.5 and
//! 7.6.5). Packets, their loss and the session's close belong to the connection, streams to
//! `streams`.

mod assembly;
mod config;
mod datagrams;
mod fates;
mod inbox;
mod mailbox;
mod receipts;
mod receiver;
mod ring;
mod sender;
#[cfg(test)]
mod tests;
mod tiles;
mod window;

use core::time::Duration;

use bytes::Bytes;
use rudp_base::Instant;
use rudp_wire::code::Code;
use rudp_wire::frame::{self, Control, Frame, MESSAGES, MessageDropped, Receipt};
use rudp_wire::parameters::Parameters;

pub(crate) use config::Config;
pub use fates::MessageFate;
pub(crate) use mailbox::Mailbox;

use crate::packet::Draft;
use crate::priority::Priority;
use crate::redundancy::Copied;
use crate::token::{Fate, Token};
use datagrams::Datagrams;
use fates::Fates;
use receipts::Heard;
use receiver::Receiver;
use sender::{Queued, Sender};

/// How a message is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendMode {
    /// Reliably, behind the ordered messages sent before.
    Ordered,
    /// Reliably, delivered as soon as it is complete.
    Reliable,
    /// Until this time from now is over.
    Deadline(Duration),
    /// Once, in one packet.
    Unreliable,
}

/// How a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Reliably and in order.
    Ordered,
    /// Reliably.
    Reliable,
    /// With a deadline.
    Deadline,
    /// Unreliably.
    Unreliable,
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// What it says.
    pub(crate) data: Bytes,
    /// How it was sent.
    pub(crate) kind: Kind,
}

/// Why a message cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    /// Too much waits already. [`Event::Writable`] tells when it is less.
    #[error("too many messages wait to be sent")]
    Blocked,
    /// It is larger than the peer takes, or, if unreliable, than a packet carries.
    #[error("the message is larger than {max} bytes")]
    TooLarge {
        /// The largest of this kind, in bytes.
        max: usize,
    },
    /// Too many fates are kept that were not taken.
    #[error("too many messages are tracked")]
    TooManyTracked,
    /// This end sends no more messages.
    #[error("no more messages are sent")]
    Finished,
    /// The peer's program reads no more messages.
    #[error("the peer reads no more messages")]
    Stopped,
}

/// What the program has to know. Each one waits once at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// There are messages to read.
    Readable,
    /// What was blocked can be sent.
    Writable,
    /// The fate of this message has changed.
    FateChanged(u64),
    /// [`Messages::progress`] says something new.
    ReceiptChanged,
}

/// What is known of the messages of this end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageProgress {
    /// Where the last one ends that was given to be sent, if none is dropped before its first piece.
    pub(crate) written: u64,
    /// Up to here the peer's host certainly has everything that was not dropped.
    pub(crate) received: u64,
    /// Up to here the peer's program has read everything that was not dropped.
    pub(crate) read: u64,
    /// The peer's program will read no more.
    pub(crate) is_final: bool,
}

/// How far the messages of this end have come: the state of one more stream (docs/PROTOCOL.md,
/// 7.6.5 and 9.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Where the last message that was begun ends, each with 32 bytes more than its length.
    pub(crate) end: u64,
    /// Whether nothing waits that was not sent yet.
    pub(crate) is_all_sent: bool,
    /// Up to here the peer's host certainly has everything that was not dropped.
    pub(crate) received: u64,
    /// Up to here the peer's program has read everything that was not dropped.
    pub(crate) read: u64,
    /// The peer's program will read no more.
    pub(crate) is_final: bool,
}

impl Outcome {
    /// The peer's program has read everything.
    pub(crate) const fn is_delivered(&self) -> bool {
        self.is_all_sent && self.read >= self.end
    }

    /// The peer's host has everything.
    pub(crate) const fn is_received(&self) -> bool {
        self.is_all_sent && self.received >= self.end
    }

    /// There is nothing to wait for any more.
    pub(crate) const fn is_settled(&self) -> bool {
        self.is_delivered() || self.is_final
    }
}

/// The messages of a session.
#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
#[derive(Debug)]
pub(crate) struct Messages {
    config: Config,
    sender: Sender,
    datagrams: Datagrams,
    receiver: Receiver,
    heard: Heard,
    fates: Fates,
    /// The largest message that the peer takes; 0: none.
    peer_max: usize,
    next_id: u64,
    /// A message, or a datagram, was refused for want of room.
    is_blocked: bool,
    is_datagram_blocked: bool,
    is_finished: bool,
    /// A receipt is wanted as soon as all messages before this id are sent.
    wants_receipt: Option<u64>,
    /// The peer has told something new.
    has_receipt: bool,
}

/// What the program calls.
impl Messages {
    /// For a session whose peer takes nothing yet.
    pub(crate) fn new(config: Config) -> Self {
        let config = config.checked();
        Self {
            sender: Sender::new(),
            datagrams: Datagrams::new(),
            receiver: Receiver::new(&config),
            heard: Heard::default(),
            fates: Fates::new(config.max_tracked),
            peer_max: 0,
            next_id: 0,
            is_blocked: false,
            is_datagram_blocked: false,
            is_finished: false,
            wants_receipt: None,
            has_receipt: false,
            config,
        }
    }

    /// As [`send_with`](Self::send_with), with the usual priority.
    #[cfg(test)]
    pub(crate) fn send(
        &mut self,
        now: Instant,
        data: Bytes,
        mode: SendMode,
        is_tracked: bool,
    ) -> Result<u64, SendError> {
        self.send_with(now, data, (mode, Priority::Normal), is_tracked)
    }

    /// Takes a message to be sent, and returns its id. If it `is_tracked`, its fate is kept until
    /// it is taken. Priorities count for what is reliable without order, or has a deadline.
    pub(crate) fn send_with(
        &mut self,
        now: Instant,
        data: Bytes,
        (mode, priority): (SendMode, Priority),
        is_tracked: bool,
    ) -> Result<u64, SendError> {
        self.check(&data, mode, is_tracked)?;
        let id = self.next_id;
        self.next_id += 1;
        if is_tracked {
            self.fates.add(id);
        }
        let (kind, deadline) = match mode {
            SendMode::Ordered => (Kind::Ordered, None),
            SendMode::Reliable => (Kind::Reliable, None),
            SendMode::Deadline(lifetime) => (Kind::Deadline, Some(now + lifetime)),
            SendMode::Unreliable => {
                self.datagrams.push(id, data);
                return Ok(id);
            }
        };
        // Those in order stay in it (docs/PROTOCOL.md, 7.5).
        let priority = if kind == Kind::Ordered { Priority::Normal } else { priority };
        self.sender.push(id, Queued { data, kind, deadline, priority });
        Ok(id)
    }

    /// Whether a message can be sent.
    fn check(&mut self, data: &Bytes, mode: SendMode, is_tracked: bool) -> Result<(), SendError> {
        if self.is_finished {
            return Err(SendError::Finished);
        }
        if self.sender.is_stopped() {
            return Err(SendError::Stopped);
        }
        let max = match mode {
            SendMode::Unreliable => self.peer_max.min(self.datagrams.max_len()),
            _ => self.peer_max,
        };
        if data.len() > max || max == 0 {
            return Err(SendError::TooLarge { max });
        }
        if is_tracked && self.fates.is_full() {
            return Err(SendError::TooManyTracked);
        }
        // What waits goes beyond its bound by one message at most, so that one of any size can be
        // sent whatever the bound is.
        if mode == SendMode::Unreliable {
            self.is_datagram_blocked = self.datagrams.bytes() >= self.config.send_datagrams;
        } else {
            self.is_blocked = self.sender.buffered() >= self.config.send_buffer;
        }
        let is_blocked = match mode {
            SendMode::Unreliable => self.is_datagram_blocked,
            _ => self.is_blocked,
        };
        if is_blocked { Err(SendError::Blocked) } else { Ok(()) }
    }

    /// The next message that came.
    pub(crate) fn receive(&mut self, now: Instant) -> Option<Message> {
        self.receiver.receive(now)
    }

    /// What became of a tracked message.
    pub(crate) fn fate(&self, id: u64) -> Option<MessageFate> {
        self.fates.get(id)
    }

    /// What became of a tracked message, which is not tracked any more.
    pub(crate) fn take_fate(&mut self, id: u64) -> Option<MessageFate> {
        self.fates.take(id)
    }

    /// What happened since the last time.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.receiver.has_news) && self.receiver.is_readable() {
            return Some(Event::Readable);
        }
        // Half empty, so that not each acknowledgement wakes the program.
        let is_free = self.is_blocked && self.sender.buffered() <= self.config.send_buffer / 2;
        let is_datagram_free =
            self.is_datagram_blocked && self.datagrams.bytes() <= self.config.send_datagrams / 2;
        if is_free || is_datagram_free {
            self.is_blocked &= !is_free;
            self.is_datagram_blocked &= !is_datagram_free;
            return Some(Event::Writable);
        }
        if core::mem::take(&mut self.has_receipt) {
            return Some(Event::ReceiptChanged);
        }
        self.fates.pop_changed().map(Event::FateChanged)
    }
}

/// Limits and time.
impl Messages {
    /// Sets what this end takes (docs/PROTOCOL.md, 5.4, parameters 7 and 8).
    #[cfg(test)]
    pub(crate) fn set_parameters(&self, parameters: &mut Parameters) {
        parameters.initial_max_message_data = self.receiver.window.limit();
        parameters.max_message_size = u64::from(self.config.max_message_size);
    }

    /// What the peer takes.
    pub(crate) fn set_peer_limits(&mut self, parameters: &Parameters) {
        self.peer_max = usize::try_from(parameters.max_message_size).unwrap_or(usize::MAX);
        self.sender.raise_limit(parameters.initial_max_message_data);
    }

    /// How many bytes a whole packet has for frames. Datagrams that do not fit any more are lost.
    pub(crate) fn set_packet_room(&mut self, room: usize) {
        self.datagrams.set_packet_room(room);
    }

    /// When [`on_timeout`](Self::on_timeout) has to be called.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        let deadlines = [self.sender.next_deadline(), self.receiver.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Ends the messages whose time is over, in both directions (docs/PROTOCOL.md, 7.5.3).
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.receiver.expire(now);
        self.sender.expire(now, &mut self.fates);
        self.ask_if_due();
    }
}

/// Frames that came. What they return closes the session.
impl Messages {
    /// Whether a MESSAGE can be taken without more memory than was granted. `others` is how many
    /// the packet has before it. Changes nothing (docs/PROTOCOL.md, 7.4.6).
    pub(crate) fn admits(&self, message: &frame::Message<'_>, others: usize) -> bool {
        self.receiver.admits(message, others)
    }

    /// MESSAGE.
    pub(crate) fn on_message(
        &mut self,
        now: Instant,
        message: &frame::Message<'_>,
    ) -> Result<(), Code> {
        self.receiver.on_message(now, message)
    }

    /// `MESSAGE_DROPPED`.
    pub(crate) fn on_dropped(
        &mut self,
        now: Instant,
        dropped: &MessageDropped,
    ) -> Result<(), Code> {
        self.receiver.on_dropped(now, dropped)
    }

    /// DATAGRAM.
    pub(crate) fn on_datagram(&mut self, data: &[u8]) {
        self.receiver.on_datagram(data);
    }

    /// `MAX_MESSAGE_DATA`.
    pub(crate) fn on_max_message_data(&mut self, limit: u64) {
        self.sender.raise_limit(limit);
    }

    /// `RECEIPT_REQUEST` for [`MESSAGES`].
    pub(crate) fn on_receipt_request(&mut self, offset: u64) {
        self.receiver.told.on_request(offset);
    }

    /// RECEIPT for [`MESSAGES`], also one of a CLOSE.
    pub(crate) fn on_receipt(&mut self, receipt: &Receipt) -> Result<(), Code> {
        self.has_receipt |= self.heard.on_receipt(receipt, self.sender.sent())?;
        let progress = self.heard.progress();
        self.sender.on_received(progress.received, &mut self.fates);
        self.fates.on_read(progress.read);
        if progress.is_final {
            self.sender.stop(&mut self.fates);
            self.datagrams.stop(&mut self.fates);
        }
        Ok(())
    }
}

/// Frames that go.
impl Messages {
    /// Whether there is anything to write.
    pub(crate) fn wants(&self) -> bool {
        self.receiver.window.is_owed()
            || self.receiver.told.is_owed()
            || self.heard.owed().is_some()
            || self.sender.wants()
            || !self.datagrams.is_empty()
    }

    /// Writes what is not data.
    pub(crate) fn write_first(&mut self, now: Instant, draft: &mut Draft<'_>) {
        self.sender.expire(now, &mut self.fates);
        self.write_limit(draft);
        self.write_receipt(draft);
        // In front of pieces, which may fill every packet; those of this one may make it due.
        self.write_request(draft);
        self.sender.write_dropped(draft);
    }

    /// Writes pieces of one class, and a datagram behind those of the usual one: behind that nothing fits
    /// any more. Where the class `has_turn` before higher ones, it leaves them nothing of the peer's limit.
    pub(crate) fn write_data(
        &mut self,
        now: Instant,
        (class, has_turn): (Priority, bool),
        draft: &mut Draft<'_>,
    ) {
        if draft.room() == 0 {
            return;
        }
        let is_usual = class == Priority::Normal;
        let pieces_wait = self.sender.has_pieces(class);
        let reserve = if is_usual {
            self.datagrams.reserve(draft.room(), pieces_wait, &mut self.fates)
        } else {
            0
        };
        let before = draft.len();
        self.sender.write_pieces(now, (class, has_turn), draft, reserve);
        let alone = pieces_wait && draft.len() == before;
        self.ask_if_due();
        self.write_request(draft);
        if is_usual {
            self.datagrams.write(draft, alone);
        }
    }

    /// Whether data of this class may be sent.
    pub(crate) fn has_data(&self, class: Priority) -> bool {
        let has_datagrams = class == Priority::Normal && !self.datagrams.is_empty();
        has_datagrams || self.sender.has_pieces(class)
    }

    /// Bytes of messages of which nothing was sent yet, each with a cost of 32 besides.
    pub(crate) fn waiting(&self) -> u64 {
        self.sender.queued()
    }

    /// Writes once more what a token names (docs/PROTOCOL.md, 8.2.1).
    pub(crate) fn copy(&mut self, now: Instant, token: Token, draft: &mut Draft<'_>) -> Copied {
        let Token::Message { number, offset, len } = token else { return Copied::Gone };
        self.sender.expire(now, &mut self.fates);
        self.sender.copy(now, (number, offset, len), draft)
    }

    /// Writes the RECEIPT of messages, if one is owed: what is sent of messages while the session
    /// closes (docs/PROTOCOL.md, 9.2.2).
    pub(crate) fn write_receipt(&mut self, draft: &mut Draft<'_>) {
        let told = &mut self.receiver.told;
        if told.is_owed() && draft.push_with(&Frame::Receipt(told.receipt()), told.token()) {
            told.on_sent();
        }
    }

    fn write_limit(&mut self, draft: &mut Draft<'_>) {
        let window = &mut self.receiver.window;
        let frame = Frame::Control(Control::MaxMessageData { limit: window.limit() });
        if window.is_owed() && draft.push_with(&frame, Token::MaxMessageData) {
            window.set_owed(false);
        }
    }

    fn write_request(&mut self, draft: &mut Draft<'_>) {
        let Some(offset) = self.heard.owed() else { return };
        let frame = Frame::Control(Control::ReceiptRequest { stream: MESSAGES, offset });
        if draft.push_with(&frame, Token::ReceiptRequest { stream: MESSAGES, offset }) {
            self.heard.on_sent();
        }
    }

    /// What became of a packet with this token, which must be one of messages.
    pub(crate) fn on_fate(&mut self, fate: Fate, token: Token) {
        let fates = &mut self.fates;
        match (token, fate) {
            (Token::Message { number, offset, len }, Fate::Acknowledged) => {
                self.sender.on_acknowledged(number, offset, len, fates);
            }
            (Token::Message { number, offset, len }, Fate::Lost) => {
                self.sender.on_lost(number, offset, len);
            }
            (Token::MessageDropped { number }, Fate::Acknowledged) => {
                self.sender.on_dropped_acknowledged(number, fates);
            }
            (Token::MessageDropped { number }, Fate::Lost) => self.sender.on_dropped_lost(number),
            (Token::Datagram { number }, Fate::Acknowledged) => {
                fates.set(number, MessageFate::Received);
            }
            (Token::Datagram { number }, Fate::Lost) => fates.set(number, MessageFate::Lost),
            (Token::MaxMessageData, Fate::Lost) => self.receiver.window.set_owed(true),
            (Token::Receipt { received, read, bits, .. }, Fate::Acknowledged) => {
                self.receiver.told.on_acknowledged(received, read, bits);
            }
            (Token::Receipt { received, read, bits, .. }, Fate::Lost) => {
                self.receiver.told.on_lost(received, read, bits);
            }
            (Token::ReceiptRequest { offset, .. }, Fate::Lost) => self.heard.on_lost(offset),
            _ => {}
        }
    }
}

/// Closing (docs/PROTOCOL.md, 7.6.5 and 9.2).
impl Messages {
    /// Sends no more messages than wait already, and asks for a receipt for all.
    pub(crate) fn finish(&mut self) {
        self.is_finished = true;
        self.request_receipt();
    }

    /// Asks for a receipt for everything that was given to be sent, as soon as it is sent.
    pub(crate) fn request_receipt(&mut self) {
        self.wants_receipt = Some(self.next_id);
        self.ask_if_due();
    }

    fn ask_if_due(&mut self) {
        if self.wants_receipt.is_some_and(|id| self.sender.is_sent_before(id)) {
            self.wants_receipt = None;
            self.heard.ask(self.sender.sent());
        }
    }

    /// What is known of the messages of this end, datagrams aside, each with a cost of 32 bytes
    /// besides its length. What waits to be sent counts as written.
    pub(crate) fn progress(&self) -> MessageProgress {
        let heard = self.heard.progress();
        MessageProgress {
            written: self.sender.end().saturating_add(self.sender.queued()),
            received: self.sender.received().max(heard.received),
            read: heard.read,
            is_final: heard.is_final,
        }
    }

    /// How far the messages of this end have come. `None` if there were none: datagrams do not
    /// count.
    pub(crate) fn closing(&self) -> Option<Outcome> {
        let (end, is_all_sent) = (self.sender.end(), self.sender.is_all_sent());
        let progress = self.heard.progress();
        (end > 0 || !is_all_sent).then(|| Outcome {
            end,
            is_all_sent,
            received: self.sender.received().max(progress.received),
            read: progress.read,
            is_final: progress.is_final,
        })
    }

    /// The receipt for a CLOSE, unless the peer certainly knows all of it.
    pub(crate) fn receipt_to_tell(&self) -> Option<Receipt> {
        self.receiver.told.unknown()
    }

    /// That receipt is sent before CLOSE.
    pub(crate) fn repeat_receipt(&mut self) {
        self.receiver.told.repeat();
    }

    /// Whether a receipt is to be sent.
    pub(crate) fn owes_receipt(&self) -> bool {
        self.receiver.told.is_owed()
    }

    /// The session is forgotten: what is not known of messages by now never will be.
    pub(crate) fn conclude(&mut self) {
        self.fates.conclude();
    }

    /// The program reads no more: the final receipt is owed, and messages that come are discarded.
    pub(crate) fn give_up_reading(&mut self) {
        self.receiver.give_up();
    }
}
