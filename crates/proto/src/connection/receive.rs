//! What a connection receives: packets are opened, and their frames given to the parts.
//! What frames do is the parts' business.

use core::mem;

use rudp_base::{Ecn, Instant};
use rudp_wire::code::Code;
use rudp_wire::frame::{Ack, Close, Control, Frame, Frames, MESSAGES, Receipt};
use rudp_wire::packet::{DataPacket, Reset};

use super::closing::Why;
use super::frequency::Frequency;
use super::{Connection, Resources};
use crate::acks::Acks;
use crate::event::Ended;
use crate::handshake::{Arrival, is_from_peer};
use crate::messages::Mailbox;
use crate::mtu::Acked;
use crate::path::{self, Address, Moved};
use crate::streams::{Admission, Landed, Streams};
use crate::token::{Fate, Token};

/// Why the session has to be closed: what the peer is told, and what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) code: Code,
    pub(super) detail: &'static str,
}

impl Violation {
    pub(super) fn of(code: Code) -> Self {
        Self { code, detail: code.row().map_or("a frame that is not allowed", |row| row.meaning) }
    }
}

/// How a packet came.
#[derive(Clone, Copy, Debug)]
struct Received<'a> {
    arrival: &'a Arrival,
    ecn: Option<Ecn>,
    number: u64,
}

/// What a packet was, once its frames have acted.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Seen {
    is_ack_eliciting: bool,
    is_immediate: bool,
    /// There was more in it than that the peer is alive.
    is_news: bool,
    is_close: bool,
}

/// Whether a frame says nothing but that the peer is there.
fn is_sign_of_life(frame: &Frame<'_>) -> bool {
    matches!(frame, Frame::Padding { .. } | Frame::Ack(_) | Frame::Ping | Frame::ImmediateAck)
}

impl Connection {
    /// Takes a data packet for this session.
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        arrival: &Arrival,
        ecn: Option<Ecn>,
        packet: &DataPacket<'_>,
    ) {
        let number = packet.header.number;
        if self.is_forgotten || !self.path.accepts(arrival.remote) {
            return;
        }
        if !self.acks.is_new(number) {
            self.counters.duplicates += 1;
            return;
        }
        let Some(len) = packet.sealed.len().checked_sub(self.profile.data_trailer()) else {
            return;
        };
        let Some(frames) = cx.scratch.get_mut(..len) else { return };
        let received = Received { arrival, ecn, number };
        let Self { keys, streams, recovery, closing, .. } = self;
        let erase_at = || now + recovery.probe_timeout() * 3;
        let landed = (!closing.is_over())
            .then(|| {
                streams
                    .land(len, &mut cx.landed, |slot| keys.open(packet, erase_at, slot).map(drop))
            })
            .flatten();
        if let Some(landed) = landed {
            let Ok(landed) = landed else { return self.on_not_opened(now) };
            self.before_frames(now, cx, &received);
            match landed {
                Landed::Committed => {
                    let seen = Seen { is_ack_eliciting: true, is_news: true, ..Seen::default() };
                    self.after_frames(now, &received, seen);
                }
                Landed::Mispredicted => {
                    let frames = mem::take(&mut cx.landed);
                    self.on_opened(now, cx, &received, &frames);
                    cx.landed = frames;
                }
            }
            return;
        }
        let erase_at = || now + self.recovery.probe_timeout() * 3;
        if self.keys.open(packet, erase_at, frames).is_err() {
            return self.on_not_opened(now);
        }
        self.before_frames(now, cx, &received);
        // The frames are read from the scratch memory while the rest is used.
        let scratch = mem::take(&mut cx.scratch);
        if let Some(frames) = scratch.get(..len) {
            self.on_opened(now, cx, &received, frames);
            self.streams.predict_from(frames);
        }
        cx.scratch = scratch;
    }

    /// A packet opened on the usual way.
    fn on_opened(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        received: &Received<'_>,
        frames: &[u8],
    ) {
        match self.on_frames(now, cx, received, frames) {
            Ok(Some(seen)) => self.after_frames(now, received, seen),
            // No room: as if it had never come (docs/PROTOCOL.md, 7.4.6).
            Ok(None) => self.counters.refused += 1,
            Err(Violation { code, detail }) => self.fail(now, code, detail),
        }
    }

    fn on_not_opened(&mut self, now: Instant) {
        if self.keys.is_flooded() {
            // 6.8: without a word.
            let detail = "too many packets did not open";
            self.lose(now, Ended::Error { code: Code::KEYS_EXHAUSTED, detail });
        }
    }

    /// A packet opened: the peer is alive, and may be somewhere else.
    fn before_frames(&mut self, now: Instant, cx: &mut Resources, received: &Received<'_>) {
        let &Received { arrival, number, .. } = received;
        self.counters.packets_received += 1;
        self.counters.bytes_received += arrival.len as u64;
        if self.confirmation.take().is_some() {
            // Where the ACK was there is room for frames now.
            self.update_packet_room();
        }
        self.idle.on_packet(now);
        let from = Address { remote: arrival.remote, local: arrival.local };
        let is_highest = self.acks.is_highest(number);
        let arrival = path::Arrival { from, bytes: arrival.len as u64, is_highest };
        let before = self.path.address().remote;
        let moved = self.path.on_packet(now, || self.recovery.probe_timeout(), &arrival);
        if self.path.address().remote != before {
            self.moved_before = self.numbers.next().unwrap_or_default();
        }
        self.on_moved(now, cx, moved);
    }

    /// The frames of a packet have acted.
    fn after_frames(&mut self, now: Instant, received: &Received<'_>, seen: Seen) {
        let &Received { ecn, number, .. } = received;
        self.rest.on_packets(now, seen.is_news.into());
        self.acks.on_packet(now, number, ecn, seen.is_ack_eliciting);
        if seen.is_ack_eliciting {
            self.lull.on_packet(now, self.recovery.rtt().smoothed());
        }
        if seen.is_immediate {
            self.acks.on_immediate_ack();
        }
        if self.closing.is_over() {
            if !seen.is_close {
                self.closing.on_packet(now);
            }
            // All frames of a packet count, the ACK behind its CLOSE among them.
            self.decide(now);
        } else {
            self.go_on_closing(now);
        }
    }

    /// What went to the address where the peer was hardly came there (docs/PROTOCOL.md, 9.3.2): it is
    /// sent again at once, instead of when a probe timeout shows it.
    fn leave_old_address(&mut self, now: Instant) {
        self.mtu.forget_probe();
        let Self { recovery, streams, messages, acks, frequency, redundancy, .. } = self;
        let mut fates = |fate, token| {
            if redundancy.passes(fate, token) {
                tell(streams, messages, acks, frequency, fate, token);
            }
        };
        recovery.on_left_address(now, self.moved_before, &mut fates);
    }

    /// The session is at another address, which is proven.
    fn on_moved(&mut self, now: Instant, cx: &mut Resources, moved: Option<Moved>) {
        let Some(Moved { fresh }) = moved else { return };
        if !self.is_client {
            self.leave_old_address(now);
        }
        self.numbers.on_path(&mut cx.public);
        self.recovery.on_path(now, fresh);
        if fresh {
            // 9.3.2: nobody knows what this path takes.
            self.mtu.restart(self.path.address().remote.ip());
            self.update_packet_room();
        }
        let size = self.mtu.size();
        self.flow.on_path(size, fresh);
    }

    /// Gives the frames of a packet to their parts. `None` if there is no memory for them.
    fn on_frames(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        received: &Received<'_>,
        frames: &[u8],
    ) -> Result<Option<Seen>, Violation> {
        let mut seen = Seen::default();
        if !self.has_room(frames) {
            return Ok(None);
        }
        for frame in Frames::new(frames) {
            let frame = frame.map_err(|error| Violation::of(error.code()))?;
            seen.is_ack_eliciting |= frame.is_ack_eliciting();
            seen.is_news |= !is_sign_of_life(&frame);
            match frame {
                Frame::Close(close) => {
                    seen.is_close = true;
                    self.on_close(now, &close)?;
                }
                Frame::CloseAck(close) => {
                    seen.is_close = true;
                    self.on_close_ack(now, &close)?;
                }
                Frame::Ack(ack) => self.on_ack(now, &ack)?,
                Frame::Receipt(receipt) => self.on_receipt(&receipt)?,
                // 9.2.2, 9.2.3: a session that closes takes nothing else.
                _ if self.closing.is_over() => {}
                Frame::ImmediateAck => seen.is_immediate = true,
                frame => self.on_frame(now, cx, received.arrival, &frame)?,
            }
        }
        Ok(Some(seen))
    }

    /// Whether there is memory for everything in a packet (docs/PROTOCOL.md, 7.4.6).
    fn has_room(&mut self, frames: &[u8]) -> bool {
        if self.closing.is_over() {
            return true;
        }
        let (mut admission, mut messages) = (Admission::default(), 0);
        Frames::new(frames).flatten().all(|frame| match frame {
            Frame::Stream(stream) => self.streams.admits(&mut admission, &stream),
            Frame::Message(message) => {
                messages += 1;
                self.messages.admits(&message, messages - 1)
            }
            _ => true,
        })
    }

    fn on_frame(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        arrival: &Arrival,
        frame: &Frame<'_>,
    ) -> Result<(), Violation> {
        let done = match frame {
            Frame::Stream(stream) => self.streams.on_stream(stream),
            Frame::Message(message) => self.messages.on_message(now, message),
            Frame::MessageDropped(dropped) => self.messages.on_dropped(now, dropped),
            Frame::Datagram(data) => {
                self.messages.on_datagram(data);
                Ok(())
            }
            Frame::Control(control) => self.on_control(now, cx, arrival, control),
            _ => Ok(()),
        };
        done.map_err(Violation::of)
    }

    fn on_control(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        arrival: &Arrival,
        control: &Control,
    ) -> Result<(), Code> {
        match *control {
            Control::AckFrequency { sequence, tolerance, delay, threshold } => {
                let done = self.acks.on_frequency(sequence, tolerance, delay, threshold);
                return done.map_err(|_| Code::PROTOCOL_VIOLATION);
            }
            Control::MaxMessageData { limit } => self.messages.on_max_message_data(limit),
            Control::ReceiptRequest { stream: MESSAGES, offset } => {
                self.messages.on_receipt_request(offset);
            }
            Control::PathChallenge(bytes) => {
                let from = Address { remote: arrival.remote, local: arrival.local };
                self.path.on_challenge(from, bytes);
            }
            Control::PathResponse(bytes) => {
                let moved = self.path.on_response(now, self.recovery.probe_timeout(), bytes);
                self.on_moved(now, cx, moved);
            }
            ref control => {
                self.streams.on_control(control)?;
            }
        }
        Ok(())
    }

    fn on_ack(&mut self, now: Instant, ack: &Ack<'_>) -> Result<(), Violation> {
        let flight = self.recovery.bytes_in_flight();
        let Self { recovery, flow, streams, messages, acks, frequency, redundancy, .. } = self;
        let mut fates = |fate, token| {
            if redundancy.passes(fate, token) {
                tell(streams, messages, acks, frequency, fate, token);
            }
        };
        let outcome = recovery.on_ack(now, ack, flow.feed(), &mut fates).map_err(|_| {
            let detail = "an acknowledgement for a packet that was never sent";
            Violation { code: Code::PROTOCOL_VIOLATION, detail }
        })?;
        if let Some(highest) = outcome.highest {
            self.keys.on_acked(highest);
        }
        if outcome.is_new {
            self.probes = 0;
        }
        let acked = Acked { probe: outcome.acked_size_probe, largest: outcome.largest };
        if self.mtu.on_ack(now, acked, outcome.lost) {
            self.on_packet_size();
        }
        let rtt = self.recovery.rtt().smoothed();
        let packets = flight / u64::from(self.size()).max(1);
        self.frequency.on_ack(packets, rtt);
        self.heed_frequency();
        Ok(())
    }

    /// The peer's acknowledgements may wait longer, or less long (docs/PROTOCOL.md, 7.3).
    pub(super) fn heed_frequency(&mut self) {
        if let Some(delay) = self.frequency.new_delay(self.recovery.max_ack_delay()) {
            self.recovery.set_max_ack_delay(delay);
        }
    }

    pub(super) fn on_receipt(&mut self, receipt: &Receipt) -> Result<(), Violation> {
        let done = match receipt.stream {
            MESSAGES => self.messages.on_receipt(receipt),
            _ => self.streams.on_receipt(receipt),
        };
        done.map_err(Violation::of)
    }

    fn on_close(&mut self, now: Instant, close: &Close<'_>) -> Result<(), Violation> {
        for receipt in close.receipts() {
            self.on_receipt(&receipt)?;
        }
        let pto = self.recovery.probe_timeout();
        if self.closing.on_close(now, pto, || why(close)) {
            self.on_peer_closed();
        }
        Ok(())
    }

    fn on_close_ack(&mut self, now: Instant, close: &Close<'_>) -> Result<(), Violation> {
        for receipt in close.receipts() {
            self.on_receipt(&receipt)?;
        }
        self.on_answered(now);
        Ok(())
    }

    /// Takes RESET for the peer's id, and says whether it was the peer's (docs/PROTOCOL.md, 10.4).
    pub(crate) fn on_reset(&mut self, now: Instant, reset: &Reset) -> bool {
        let is_from_peer =
            self.reset_token.as_ref().is_some_and(|token| is_from_peer(reset, token));
        if is_from_peer && !self.is_forgotten {
            self.lose(now, Ended::Forgotten);
        }
        is_from_peer
    }
}

/// The code and reason of a CLOSE.
fn why(close: &Close<'_>) -> Why {
    Why { code: close.code, reason: String::from_utf8_lossy(close.reason).into_owned() }
}

/// Tells the owner of a token what became of it.
pub(super) fn tell(
    streams: &mut Streams,
    messages: &mut Mailbox,
    acks: &mut Acks,
    frequency: &mut Frequency,
    fate: Fate,
    token: Token,
) {
    match token {
        Token::Ack { highest } => {
            if fate == Fate::Acknowledged {
                acks.on_ack_acked(highest);
            }
        }
        Token::AckFrequency { sequence } => frequency.on_fate(fate, sequence),
        Token::Message { .. }
        | Token::MessageDropped { .. }
        | Token::MaxMessageData
        | Token::Datagram { .. }
        | Token::Receipt { stream: MESSAGES, .. }
        | Token::ReceiptRequest { stream: MESSAGES, .. } => messages.on_fate(fate, token),
        _ => {
            streams.on_fate(fate, token);
        }
    }
}
