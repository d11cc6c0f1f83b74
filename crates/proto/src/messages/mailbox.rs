//! [`Mailbox`]: the messages of a session that may never have any. What is kept of them is made
//! when the first one is sent or comes; until then there is only what it will be made of.

use std::sync::Arc;

use bytes::Bytes;
use rudp_base::Instant;
use rudp_wire::code::Code;
use rudp_wire::frame::{self, MessageDropped, Receipt};
use rudp_wire::parameters::Parameters;

use super::{
    Config, Event, Message, MessageFate, MessageProgress, Messages, Outcome, SendError, SendMode,
};
use crate::memory::Windows;
use crate::packet::Draft;
use crate::priority::Priority;
use crate::redundancy::Copied;
use crate::token::{Fate, Token};

/// Datagrams that wait for the program take no more than this times the window of messages.
const DATAGRAMS: u64 = 8;

/// [`Messages`], or none yet. Its methods are theirs; what they say without any is said here.
#[derive(Debug)]
pub(crate) struct Mailbox {
    messages: Option<Box<Messages>>,
    config: Arc<Config>,
    /// How much the peer was allowed to send at first.
    window: u64,
    peer_max: u64,
    peer_limit: u64,
    packet_room: usize,
}

impl Mailbox {
    /// For a session whose peer was told of `windows`, and has told of `peer`.
    pub(crate) fn new(config: Arc<Config>, windows: Windows, peer: &Parameters) -> Self {
        Self {
            messages: None,
            config,
            window: windows.messages,
            peer_max: peer.max_message_size,
            peer_limit: peer.initial_max_message_data,
            packet_room: 0,
        }
    }

    /// The messages, made now if there are none.
    fn open(&mut self) -> &mut Messages {
        let Self { messages, config, window, peer_max, peer_limit, packet_room } = self;
        messages.get_or_insert_with(|| {
            let windows = Windows { session: 0, messages: *window };
            let datagrams = usize::try_from(window.saturating_mul(DATAGRAMS));
            let mut messages = Messages::new(Config {
                window: *window,
                max_message_size: windows.max_message_size(config.max_message_size),
                receive_datagrams: config.receive_datagrams.min(datagrams.unwrap_or(usize::MAX)),
                ..**config
            });
            messages.set_peer_limits(&Parameters {
                max_message_size: *peer_max,
                initial_max_message_data: *peer_limit,
                ..Parameters::default()
            });
            messages.set_packet_room(*packet_room);
            Box::new(messages)
        })
    }

    fn get(&self) -> Option<&Messages> {
        self.messages.as_deref()
    }

    fn get_mut(&mut self) -> Option<&mut Messages> {
        self.messages.as_deref_mut()
    }
}

/// What the program calls.
impl Mailbox {
    pub(crate) fn send(
        &mut self,
        now: Instant,
        data: Bytes,
        how: (SendMode, Priority),
        is_tracked: bool,
    ) -> Result<u64, SendError> {
        self.open().send_with(now, data, how, is_tracked)
    }

    pub(crate) fn receive(&mut self, now: Instant) -> Option<Message> {
        self.get_mut()?.receive(now)
    }

    pub(crate) fn fate(&self, id: u64) -> Option<MessageFate> {
        self.get()?.fate(id)
    }

    pub(crate) fn take_fate(&mut self, id: u64) -> Option<MessageFate> {
        self.get_mut()?.take_fate(id)
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.get_mut()?.poll_event()
    }

    pub(crate) fn request_receipt(&mut self) {
        self.open().request_receipt();
    }

    pub(crate) fn progress(&self) -> MessageProgress {
        self.get().map(Messages::progress).unwrap_or_default()
    }
}

/// Limits and time.
impl Mailbox {
    pub(crate) fn set_packet_room(&mut self, room: usize) {
        self.packet_room = room;
        if let Some(messages) = self.get_mut() {
            messages.set_packet_room(room);
        }
    }

    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.get()?.timeout()
    }

    pub(crate) fn on_timeout(&mut self, now: Instant) {
        if let Some(messages) = self.get_mut() {
            messages.on_timeout(now);
        }
    }
}

/// Frames that came.
impl Mailbox {
    pub(crate) fn admits(&self, message: &frame::Message<'_>, others: usize) -> bool {
        self.get().is_none_or(|messages| messages.admits(message, others))
    }

    pub(crate) fn on_message(
        &mut self,
        now: Instant,
        message: &frame::Message<'_>,
    ) -> Result<(), Code> {
        self.open().on_message(now, message)
    }

    pub(crate) fn on_dropped(
        &mut self,
        now: Instant,
        dropped: &MessageDropped,
    ) -> Result<(), Code> {
        self.open().on_dropped(now, dropped)
    }

    pub(crate) fn on_datagram(&mut self, data: &[u8]) {
        self.open().on_datagram(data);
    }

    pub(crate) fn on_max_message_data(&mut self, limit: u64) {
        self.peer_limit = self.peer_limit.max(limit);
        if let Some(messages) = self.get_mut() {
            messages.on_max_message_data(limit);
        }
    }

    pub(crate) fn on_receipt_request(&mut self, offset: u64) {
        self.open().on_receipt_request(offset);
    }

    pub(crate) fn on_receipt(&mut self, receipt: &Receipt) -> Result<(), Code> {
        self.open().on_receipt(receipt)
    }
}

/// Frames that go.
impl Mailbox {
    pub(crate) fn wants(&self) -> bool {
        self.get().is_some_and(Messages::wants)
    }

    pub(crate) fn write_first(&mut self, now: Instant, draft: &mut Draft<'_>) {
        if let Some(messages) = self.get_mut() {
            messages.write_first(now, draft);
        }
    }

    pub(crate) fn write_data(
        &mut self,
        now: Instant,
        turn: (Priority, bool),
        draft: &mut Draft<'_>,
    ) {
        if let Some(messages) = self.get_mut() {
            messages.write_data(now, turn, draft);
        }
    }

    pub(crate) fn has_data(&self, class: Priority) -> bool {
        self.get().is_some_and(|messages| messages.has_data(class))
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.get().map_or(0, Messages::waiting)
    }

    pub(crate) fn copy(&mut self, now: Instant, token: Token, draft: &mut Draft<'_>) -> Copied {
        self.get_mut().map_or(Copied::Gone, |messages| messages.copy(now, token, draft))
    }

    pub(crate) fn write_receipt(&mut self, draft: &mut Draft<'_>) {
        if let Some(messages) = self.get_mut() {
            messages.write_receipt(draft);
        }
    }

    pub(crate) fn on_fate(&mut self, fate: Fate, token: Token) {
        if let Some(messages) = self.get_mut() {
            messages.on_fate(fate, token);
        }
    }
}

/// Closing.
impl Mailbox {
    pub(crate) fn finish(&mut self) {
        self.open().finish();
    }

    pub(crate) fn closing(&self) -> Option<Outcome> {
        self.get()?.closing()
    }

    pub(crate) fn receipt_to_tell(&self) -> Option<Receipt> {
        self.get()?.receipt_to_tell()
    }

    pub(crate) fn repeat_receipt(&mut self) {
        if let Some(messages) = self.get_mut() {
            messages.repeat_receipt();
        }
    }

    pub(crate) fn owes_receipt(&self) -> bool {
        self.get().is_some_and(Messages::owes_receipt)
    }

    pub(crate) fn conclude(&mut self) {
        if let Some(messages) = self.get_mut() {
            messages.conclude();
        }
    }

    pub(crate) fn give_up_reading(&mut self) {
        self.open().give_up_reading();
    }
}
