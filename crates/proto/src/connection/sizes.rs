//! Probes of the packet size (docs/PROTOCOL.md, 9.4): packets with nothing but PING and PADDING.
//! Which size is tried, and what follows from it, is `mtu`'s.

use rudp_base::{Instant, Transmit};
use rudp_wire::frame::Frame;

use super::{Connection, Resources};
use crate::keys::Allowance;
use crate::packet::Draft;
use crate::recovery::Sent;

/// The window has to be so many times as large as a probe, and no smaller than what the peer
/// acknowledges at once: else larger packets would be too few to be acknowledged in time.
const LEAST_FLIGHT: u64 = 4;

impl Connection {
    /// How many bytes the controller lets data have now. What waits to be probed comes first: a
    /// window that is always full would never have room for it.
    pub(super) fn window_room(&mut self, now: Instant) -> u64 {
        let probe = self.wanted_probe(now).map_or(0, u64::from);
        let taken = self.recovery.bytes_in_flight() + probe;
        self.flow.room(taken)
    }

    /// The size of the probe that is to leave as soon as there is room.
    pub(super) fn wanted_probe(&mut self, now: Instant) -> Option<u16> {
        let size = self.mtu.wants(now)?;
        // The setting, and not what is asked for now: that is a part of what is in flight, and less of
        // larger packets (see `frequency`).
        let flight = LEAST_FLIGHT.max(u64::from(self.config.ack_tolerance));
        let is_free = self.flow.window() / flight >= u64::from(size)
            && self.probes == 0
            && self.path.is_proven()
            && self.confirmation.is_none()
            && self.keys.allowance() == Allowance::All;
        is_free.then_some(size)
    }

    /// The next probe, which travels alone. It is in flight as any other packet is.
    pub(super) fn size_probe(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        let size = self.wanted_probe(now)?;
        let (pace, packet) = (self.pace(now), u64::from(self.size()));
        // The pacer takes back afterwards what is more than a packet of data.
        let room = self.flow.room(self.recovery.bytes_in_flight());
        let may_leave = room >= u64::from(size) && self.flow.budget(now, pace.as_ref()) >= packet;
        if !may_leave {
            return None;
        }
        let room = usize::from(size).checked_sub(self.overhead())?;
        let Resources { scratch, tokens, public, .. } = cx;
        let mut draft = Draft::new(scratch.get_mut(..room)?, tokens);
        draft.push(&Frame::Ping);
        draft.pad_to(room);
        let len = self.seal(public, draft, buffer);
        let number = self.numbers.last().filter(|_| len == usize::from(size))?;
        // Unmarked: if it is lost, its size is to blame, and not its mark.
        let (is_ack_eliciting, is_ect0) = (true, false);
        let sent = Sent { number, bytes: size, is_ack_eliciting, is_ect0, is_size_probe: true };
        self.recovery.on_sent(now, sent, tokens, self.flow.feed());
        self.mtu.on_probe(size);
        self.rest.on_packets(now, 1);
        self.on_eliciting_sent(now, len);
        self.on_left(now, 1, len);
        Some(self.transmit(len, len, is_ect0))
    }
}
