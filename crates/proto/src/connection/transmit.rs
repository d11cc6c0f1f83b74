//! What a connection sends: which frames go into the next packets, and whether they may leave.
//! Each part writes its own frames; here is only the order.

use rudp_base::{Ecn, Instant, PublicRng, Transmit};
use rudp_wire::frame::{Control, Frame};
use rudp_wire::packet::{DataHeader, Profile};

use super::{Connection, Resources};
use crate::config::MIN_PACKET_SIZE;
use crate::keys::Allowance;
use crate::messages::Mailbox;
use crate::packet::Draft;
use crate::path::{Address, Probe};
use crate::priority::Turns;
use crate::recovery::Sent;
use crate::streams::{Growth, Streams};
use crate::token::Token;

/// The most bytes of one batch (docs/PROTOCOL.md, 8.4): a burst that leaves the host at once.
pub(crate) const MAX_BATCH: usize = 64 << 10;
/// The most datagrams of one batch: what GSO takes.
pub(crate) const MAX_SEGMENTS: usize = 64;
/// The least datagram of a client, which may have moved: with less a server cannot challenge its new
/// address (docs/PROTOCOL.md, 9.3.4).
const LEAST_OF_CLIENT: usize = 48;
/// The length of datagrams with nothing but an ACK that several sessions send in one batch, all of which
/// have to be as long: a dozen ranges fit.
const JOINED_ACK: usize = 80;
/// The frames of a packet with `PATH_CHALLENGE` or `PATH_RESPONSE`.
const PROBE_FRAMES: usize = 9;

/// What may leave now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permit {
    /// Everything.
    All,
    /// Everything, whatever congestion control and pacing say.
    Probe,
    /// Acknowledgements.
    AckOnly,
}

/// What a session does with the room that is left in another's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// It has taken so many bytes of it.
    Bytes(usize),
    /// It has nothing to send now.
    Nothing,
    /// What it has to send does not go there.
    Alone,
}

/// How many of the `room` bytes for frames an ACK may have where other frames follow: 256 ranges fit
/// (docs/PROTOCOL.md, 7.3.1), and those do as well.
fn ack_room(room: usize) -> usize {
    room - room / 4
}

/// The same where nothing follows but a PING.
fn lone_ack_room(room: usize) -> usize {
    room.saturating_sub(1)
}

impl Connection {
    /// Writes the next batch into `buffer`.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        if self.is_forgotten {
            return None;
        }
        if self.closing.is_over() {
            let receipts = self.receipts_packet(now, cx, buffer);
            return receipts.or_else(|| self.closing_packet(now, cx, buffer));
        }
        if let Some(transmit) = self.path_packet(now, cx, buffer) {
            return Some(transmit);
        }
        if let Some(transmit) = self.size_probe(now, cx, buffer) {
            return Some(transmit);
        }
        self.batch(now, cx, buffer)
    }

    /// Writes packets into `buffer` that may leave as the rest of `batch`, another session's: they go to
    /// the same address, and are as long, but for the last.
    pub(crate) fn join(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        batch: &Transmit,
        buffer: &mut [u8],
    ) -> Joined {
        let address = Address { remote: batch.remote, local: batch.local };
        // A probe of the path leaves before everything else.
        if !self.goes_along(address) || self.path.has_probe() {
            return Joined::Alone;
        }
        let has_probe = self.wanted_probe(now).is_some();
        let Some(permit) = self.permit(now, true) else {
            return if has_probe { Joined::Alone } else { Joined::Nothing };
        };
        let len = if permit == Permit::AckOnly {
            self.joined_ack(now, cx, batch, buffer)
        } else {
            self.joined_data(now, cx, batch, buffer)
        };
        cx.is_drained &= !has_probe;
        len.filter(|len| *len > 0).map_or(Joined::Alone, Joined::Bytes)
    }

    fn joined_data(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        batch: &Transmit,
        buffer: &mut [u8],
    ) -> Option<usize> {
        // One that is only acknowledged may have another mark.
        if usize::from(self.size()) != batch.stride || self.marks() != batch.ecn.is_some() {
            return None;
        }
        // It has the mark of the batch: nothing may leave with that unless it is acknowledged.
        self.wants_ping |= batch.ecn.is_some() && self.acks.is_pending();
        self.batch(now, cx, buffer).map(|joined| joined.len)
    }

    /// An ACK joins others, of which each is as long.
    fn joined_ack(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        batch: &Transmit,
        buffer: &mut [u8],
    ) -> Option<usize> {
        // A datagram of data may be as long, and has a mark.
        if batch.stride != JOINED_ACK || batch.ecn.is_some() {
            return None;
        }
        let room = JOINED_ACK.checked_sub(self.overhead())?;
        if !self.acks.fits(now, lone_ack_room(room)) {
            return None;
        }
        let slot = buffer.get_mut(..JOINED_ACK)?;
        let len = self.datagram(now, cx, (Permit::AckOnly, &mut false), slot);
        cx.is_drained = self.is_drained(now);
        Some(len)
    }

    /// Whether its packets may leave together with another session's to `address`.
    pub(crate) fn goes_along(&self, address: Address) -> bool {
        let is_usual = !self.is_forgotten && !self.closing.is_over() && self.path.is_proven();
        is_usual && self.path.address() == address
    }

    /// Where its packets go.
    pub(crate) fn address(&self) -> Address {
        self.path.address()
    }

    /// Whether the next packets that ask for acknowledgement have ECT(0). A client tries first
    /// (docs/PROTOCOL.md, 8.5).
    fn marks(&self) -> bool {
        (self.is_client || self.acks.has_marks()) && self.recovery.markable() > 0
    }

    /// The size of the next packets.
    pub(super) fn size(&self) -> u16 {
        match (self.path.is_proven(), self.probes) {
            (false, _) => self.mtu.size().min(MIN_PACKET_SIZE),
            (true, 0) => self.mtu.size(),
            (true, _) => self.mtu.safe_size(),
        }
    }

    /// Datagrams of one size, the last of which may be shorter.
    fn batch(&mut self, now: Instant, cx: &mut Resources, buffer: &mut [u8]) -> Option<Transmit> {
        let size = usize::from(self.size());
        let limit = buffer.len().min(MAX_BATCH.max(size));
        // A batch has one mark, so that this is asked for all of it at once.
        let mut is_ect0 = self.marks();
        let most = usize::try_from(self.recovery.markable()).unwrap_or(usize::MAX);
        let most = if is_ect0 { most.min(MAX_SEGMENTS) } else { MAX_SEGMENTS };
        let (mut len, mut stride, mut count) = (0, 0, 0);
        // Behind the answer to a probe timeout packets may be larger again: they make the next batch.
        while count < most && len + size <= limit && usize::from(self.size()) == size {
            let run = self.run(now, cx, is_ect0, buffer.get_mut(len..limit)?, most - count);
            if run > 0 {
                (len, stride, count) = (len + run * size, size, count + run);
                continue;
            }
            let Some(permit) = self.permit(now, len == 0) else { break };
            let slot = buffer.get_mut(len..len + size)?;
            let datagram = self.datagram(now, cx, (permit, &mut is_ect0), slot);
            if datagram == 0 {
                break;
            }
            count += 1;
            len += datagram;
            stride = stride.max(datagram);
            // One that is not full ends the batch: only the last may be shorter.
            if datagram < size || self.is_forgotten {
                cx.is_drained = self.is_drained(now);
                break;
            }
        }
        (len > 0).then(|| self.transmit(len, stride, is_ect0))
    }

    /// Whether nothing is left to send behind a datagram that is not full.
    fn is_drained(&mut self, now: Instant) -> bool {
        if self.is_forgotten || self.probes > 0 || self.wants_data(now) {
            return false;
        }
        if u64::from(self.size()) <= self.window_room(now) {
            self.flow.on_app_limited(self.recovery.bytes_in_flight());
        }
        true
    }

    pub(super) fn transmit(&self, len: usize, stride: usize, is_ect0: bool) -> Transmit {
        let ecn = is_ect0.then_some(Ecn::Ect0);
        let address = self.path.address();
        Transmit { remote: address.remote, local: address.local, ecn, len, stride }
    }

    /// What may leave now, if anything wants to.
    fn permit(&mut self, now: Instant, is_first: bool) -> Option<Permit> {
        let size = u64::from(self.size());
        let allowance = self.keys.allowance();
        if self.path.budget() < size || allowance == Allowance::Nothing {
            return None;
        }
        // Acknowledgements ride with data, and go alone only at the start of a batch.
        let is_ack_due = is_first && self.acks.is_due(now);
        let alone = is_ack_due.then_some(Permit::AckOnly);
        if allowance == Allowance::Essential {
            return alone;
        }
        if self.probes > 0 {
            return Some(Permit::Probe);
        }
        let fits = size <= self.window_room(now);
        if !self.wants_data(now) {
            if fits {
                self.flow.on_app_limited(self.recovery.bytes_in_flight());
            }
            return alone;
        }
        if !fits {
            return alone;
        }
        let pace = self.pace(now);
        if self.flow.budget(now, pace.as_ref()) >= size { Some(Permit::All) } else { alone }
    }

    /// Whether anything but acknowledgements is to be sent.
    pub(super) fn wants_data(&self, now: Instant) -> bool {
        self.wants_ping
            || self.streams.wants()
            || self.messages.wants()
            || self.frequency.wants()
            || self.redundancy.is_due(now)
    }

    /// Writes one datagram, and gives its length, which is 0 if there is nothing to send. It takes the
    /// mark from one with nothing but an ACK, which is the first of a batch.
    fn datagram(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        (permit, is_ect0): (Permit, &mut bool),
        buffer: &mut [u8],
    ) -> usize {
        let overhead = self.overhead();
        let Resources { scratch, tokens, memory, public, is_accompanied, .. } = cx;
        let Some(room) = buffer.len().checked_sub(overhead) else { return 0 };
        let Some(frames) = scratch.get_mut(..room) else { return 0 };
        let mut draft = Draft::new(frames, tokens);
        // Only with news: a packet with nothing but data is the one that its receiver can predict.
        if self.acks.is_pending() || self.acks.is_due(now) {
            let is_alone = permit == Permit::AckOnly;
            let most = if is_alone { lone_ack_room(room) } else { ack_room(room) };
            self.acks.write(now, &mut draft, most);
        }
        if permit == Permit::AckOnly {
            // 7.3.1: a PING is in flight, and has to fit there.
            let fits = self.flow.free(self.recovery.bytes_in_flight()) > 0;
            if fits && self.acks.wants_ping() {
                draft.push(&Frame::Ping);
            }
            if *is_accompanied {
                draft.pad_to(JOINED_ACK.saturating_sub(overhead));
            }
        } else {
            let mut free = memory.free();
            let before = free;
            let is_worth_it = self.write_content(now, permit, &mut free, &mut draft);
            self.promised += before - free;
            memory.promise(before - free);
            if !is_worth_it {
                return 0;
            }
        }
        if draft.is_empty() {
            return 0;
        }
        // Where nothing fits behind the ACK, such as a datagram as large as a packet, it goes alone.
        let (is_ack_eliciting, left) = (draft.is_ack_eliciting(), draft.room());
        // If it were lost for its mark, nobody would know (docs/PROTOCOL.md, 8.5).
        *is_ect0 &= is_ack_eliciting && permit != Permit::AckOnly;
        let len = self.seal(public, draft, buffer);
        if len > 0 {
            let budget = (self.recovery.loss_rate(), self.config.redundancy);
            self.redundancy.on_sent(now, tokens, left, budget);
        }
        if permit == Permit::Probe && is_ack_eliciting {
            self.probes = self.probes.saturating_sub(1);
        }
        self.on_sent(now, (is_ack_eliciting, *is_ect0), len, tokens);
        len
    }

    /// Puts what there is into the draft, behind the ACK, and what has to go along. Says whether it is worth
    /// a packet.
    fn write_content(
        &mut self,
        now: Instant,
        permit: Permit,
        grant: &mut u64,
        draft: &mut Draft<'_>,
    ) -> bool {
        let (before, size) = (draft.len(), u64::from(self.size()));
        // A DATAGRAM may need the whole packet.
        let ends_turn =
            permit == Permit::All && !self.messages.wants() && self.flow.ends_turn(size);
        if permit == Permit::Probe || ends_turn {
            // The answer is what is waited for, and each probe's may be lost. A DATAGRAM as large as a
            // packet waits for it too.
            draft.push(&Frame::ImmediateAck);
        }
        let asked = draft.len();
        self.write_frames(now, grant, draft);
        if self.wants_ping && !draft.is_ack_eliciting() {
            draft.push(&Frame::Ping);
            // The peer has nothing else to wait for, and need not wake up again for the answer.
            draft.push(&Frame::ImmediateAck);
        }
        let is_nothing_but_asked = ends_turn && before == 0 && draft.len() == asked;
        !is_nothing_but_asked || self.wants_ping
    }

    /// Bytes of a datagram that are not frames.
    pub(super) fn overhead(&self) -> usize {
        self.prefix() + DataHeader::LEN + self.profile.data_trailer()
    }

    /// Bytes of the ACK with which a client's datagrams begin.
    pub(super) fn prefix(&self) -> usize {
        self.confirmation.as_ref().map_or(0, |confirmation| confirmation.0.len())
    }

    /// Puts into the draft what there is.
    fn write_frames(&mut self, now: Instant, grant: &mut u64, draft: &mut Draft<'_>) {
        if self.frequency.wants() {
            self.frequency.write(draft);
            self.heed_frequency();
        }
        let size = u64::from(self.size());
        let Self { messages, streams, redundancy, turns, .. } = self;
        if messages.waiting() > size {
            // They are late already, for want of bandwidth: copies would make others late.
            redundancy.give_way();
        }
        messages.write_first(now, draft);
        let goes_anyway = messages.wants() || streams.wants();
        let budget = (self.config.redundancy, goes_anyway);
        redundancy.write(now, budget, draft, |token, draft| match token {
            Token::Stream { .. } => streams.copy(token, draft),
            _ => messages.copy(now, token, draft),
        });
        let rtt = self.recovery.rtt().smoothed();
        streams.write_first(&mut Growth { now, rtt, grant }, draft);
        write_data(now, (turns, messages, streams), draft);
        streams.write_blocked(draft);
    }

    /// Seals the draft into `buffer`, behind the ACK if there has to be one, and gives the
    /// datagram's length; 0 if there is nothing to seal, or no number for it.
    pub(super) fn seal(
        &mut self,
        public: &mut PublicRng,
        mut draft: Draft<'_>,
        buffer: &mut [u8],
    ) -> usize {
        if self.is_client && self.profile == Profile::Sealed {
            draft.pad_to(LEAST_OF_CLIENT.saturating_sub(self.overhead()));
        }
        let (prefix, frames) = (self.prefix(), draft.len());
        let len = prefix + DataHeader::LEN + frames + self.profile.data_trailer();
        let (Some(number), Some(datagram)) = (self.numbers.next(), buffer.get_mut(..len)) else {
            return 0;
        };
        let phase = self.keys.next_phase_bit();
        let header = DataHeader { destination: self.remote_id, number, phase };
        let Ok(header) = header.bytes(self.grease) else { return 0 };
        if frames == 0 {
            return 0;
        }
        let (ack, packet) = datagram.split_at_mut(prefix);
        if let Some((confirmation, _)) = self.confirmation.as_deref() {
            ack.copy_from_slice(confirmation);
        }
        let (head, sealed) = packet.split_at_mut(DataHeader::LEN);
        head.copy_from_slice(&header);
        let Self { keys, streams, .. } = self;
        let mut is_sealed = false;
        if let (written, Some(tail)) = draft.parts() {
            let sealed = &mut *sealed;
            is_sealed = streams
                .with_prefixed(tail.stream, tail.offset, tail.len, written, |frames| {
                    keys.seal(number, &header, frames, sealed);
                })
                .is_some();
        }
        if !is_sealed {
            draft.take_tail(|tail, slot| {
                streams.copy_out(tail.stream, tail.offset, slot);
            });
            keys.seal(number, &header, draft.parts().0, sealed);
        }
        self.numbers.take(public);
        len
    }

    /// A packet leaves.
    pub(super) fn on_sent(
        &mut self,
        now: Instant,
        (is_ack_eliciting, is_ect0): (bool, bool),
        len: usize,
        tokens: &mut Vec<Token>,
    ) {
        let Some(number) = self.numbers.last().filter(|_| len > 0) else { return };
        let bytes = u16::try_from(len).unwrap_or(u16::MAX);
        let sent = Sent { number, bytes, is_ack_eliciting, is_ect0, is_size_probe: false };
        let is_news = tokens.iter().any(|token| !matches!(token, Token::Ack { .. }));
        self.rest.on_packets(now, is_news.into());
        self.recovery.on_sent(now, sent, tokens, self.flow.feed());
        if is_ack_eliciting {
            self.on_eliciting_sent(now, len);
            if bytes == self.mtu.size() {
                self.mtu.on_full(u64::from(bytes));
            }
        } else {
            self.counters.acks_sent += 1;
        }
        self.path.on_sent(len as u64);
        self.on_left(now, 1, len);
    }

    /// Ack-eliciting packets with so many bytes leave.
    pub(super) fn on_eliciting_sent(&mut self, now: Instant, len: usize) {
        self.idle.on_sent(now);
        self.flow.on_sent(len as u64);
        self.wants_ping = false;
    }

    /// Packets of any kind have left, the last of which may have been the last that can be sealed.
    pub(super) fn on_left(&mut self, now: Instant, count: usize, len: usize) {
        self.counters.packets_sent += count as u64;
        self.counters.bytes_sent += len as u64;
        if self.keys.allowance() == Allowance::Nothing || self.numbers.next().is_none() {
            self.wear_out(now);
        }
    }

    /// A packet that proves an address (docs/PROTOCOL.md, 9.3.1).
    fn path_packet(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        let Resources { scratch, tokens, public, secret, .. } = cx;
        let size = DataHeader::LEN + PROBE_FRAMES + self.profile.data_trailer();
        // Worn keys seal no challenges (docs/PROTOCOL.md, 6.5).
        if self.keys.allowance() != Allowance::All {
            return None;
        }
        let (to, probe) = self.path.poll_probe(size as u64, secret)?;
        let control = match probe {
            Probe::Challenge(bytes) => Control::PathChallenge(bytes),
            Probe::Response(bytes) => Control::PathResponse(bytes),
        };
        let mut draft = Draft::new(scratch.get_mut(..PROBE_FRAMES)?, tokens);
        draft.push(&Frame::Control(control));
        let len = self.seal(public, draft, buffer);
        if len == 0 {
            return None;
        }
        // It is counted by the path already, and its loss says nothing of the way to the peer.
        let number = self.numbers.last()?;
        let bytes = u16::try_from(len).unwrap_or(u16::MAX);
        let sent = Sent { number, bytes, is_size_probe: true, ..Sent::default() };
        self.recovery.on_sent(now, sent, tokens, self.flow.feed());
        self.on_left(now, 1, len);
        Some(Transmit { local: to.local, ..Transmit::single(to.remote, len) })
    }
}

/// Writes data: those of a higher class first, but for one packet in a while. Within a class large
/// messages and streams take turns.
fn write_data(
    now: Instant,
    (turns, messages, streams): (&mut Turns, &mut Mailbox, &mut Streams),
    draft: &mut Draft<'_>,
) {
    let (before, is_reversed) = (draft.len(), turns.is_reversed());
    for class in turns.order() {
        if draft.room() == 0 {
            break;
        }
        if turns.take_streams_first(class) {
            streams.write_data(class, draft);
            messages.write_data(now, (class, is_reversed), draft);
        } else {
            messages.write_data(now, (class, is_reversed), draft);
            streams.write_data(class, draft);
            if messages.has_data(class) && streams.has_data(class) {
                turns.let_streams_go_next(class);
            }
        }
    }
    if draft.len() > before {
        turns.on_packet();
    }
}
