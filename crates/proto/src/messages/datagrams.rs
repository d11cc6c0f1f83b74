//! [`Datagrams`]: unreliable messages that wait to be sent, each in one packet (docs/PROTOCOL.md,
//! 7.5.4). Those that come are in the inbox.

use std::collections::VecDeque;

use bytes::Bytes;
use rudp_wire::frame::Frame;

use super::fates::{Fates, MessageFate};
use super::inbox::cost;
use crate::packet::Draft;
use crate::token::Token;

/// The type of a DATAGRAM frame is all that comes before its data.
const HEADER: usize = 1;

/// Datagrams that wait, in their order.
#[derive(Debug)]
pub(super) struct Datagrams {
    queue: VecDeque<(u64, Bytes)>,
    bytes: usize,
    /// How many bytes of frames a packet takes.
    packet_room: usize,
    /// The last packet had nothing but a datagram, while pieces waited.
    had_all: bool,
}

impl Datagrams {
    pub(super) const fn new() -> Self {
        Self { queue: VecDeque::new(), bytes: 0, packet_room: 0, had_all: false }
    }

    /// How many bytes a whole packet has for frames.
    pub(super) fn set_packet_room(&mut self, room: usize) {
        self.packet_room = room;
    }

    /// The largest datagram that can be sent.
    pub(super) const fn max_len(&self) -> usize {
        self.packet_room.saturating_sub(HEADER)
    }

    pub(super) fn push(&mut self, id: u64, data: Bytes) {
        self.bytes += cost(data.len());
        self.queue.push_back((id, data));
    }

    fn pop(&mut self) -> Option<(u64, Bytes)> {
        let (id, data) = self.queue.pop_front()?;
        self.bytes -= cost(data.len());
        if self.queue.is_empty() && self.queue.capacity() > 16 {
            self.queue = VecDeque::new();
        }
        Some((id, data))
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many bytes pieces should leave free for the next datagram: none if it would not fit, or
    /// if pieces wait and had nothing of the last packet. Datagrams that fit no packet any more are
    /// lost.
    pub(super) fn reserve(&mut self, room: usize, pieces_wait: bool, fates: &mut Fates) -> usize {
        while self.queue.front().is_some_and(|(_, data)| data.len() > self.max_len())
            && let Some((id, _)) = self.pop()
        {
            fates.set(id, MessageFate::Lost);
        }
        let len = self.queue.front().map_or(0, |(_, data)| HEADER + data.len());
        let is_fair = !(pieces_wait && self.had_all);
        if is_fair && len <= room { len } else { 0 }
    }

    /// Writes the next datagram, if it fits. `alone` says that pieces waited and none was written.
    pub(super) fn write(&mut self, draft: &mut Draft<'_>, alone: bool) {
        self.had_all = false;
        let Some((number, data)) = self.queue.front() else { return };
        if draft.push_with(&Frame::Datagram(data), Token::Datagram { number: *number }) {
            self.had_all = alone;
            self.pop();
        }
    }

    /// Gives up all that wait.
    pub(super) fn stop(&mut self, fates: &mut Fates) {
        while let Some((id, _)) = self.pop() {
            fates.set(id, MessageFate::Lost);
        }
    }
}
