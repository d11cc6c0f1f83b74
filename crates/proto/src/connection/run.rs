//! Packets that are full of one stream's next bytes, built in a row: what they have in common is looked
//! at once. Packets with anything else are `transmit`'s.

use rudp_base::Instant;
use rudp_wire::packet::DataHeader;

use super::{Connection, Resources};
use crate::keys::Allowance;
use crate::recovery::Sent;

impl Connection {
    /// Writes such packets into `buffer` as long as nothing else is to be sent, at most `most` of
    /// them, and gives their number.
    pub(super) fn run(
        &mut self,
        now: Instant,
        cx: &mut Resources,
        is_ect0: bool,
        buffer: &mut [u8],
        most: usize,
    ) -> usize {
        let size = usize::from(self.size());
        let most = most.min(self.run_budget(now));
        if most == 0 {
            return 0;
        }
        let trailer = self.profile.data_trailer();
        let Self { streams, keys, numbers, recovery, flow, .. } = self;
        let Some(mut run) = streams.run() else { return 0 };
        let mut count = 0;
        for slot in buffer.chunks_exact_mut(size).take(most) {
            let (Some(number), Allowance::All) = (numbers.next(), keys.allowance()) else { break };
            let phase = keys.next_phase_bit();
            let header = DataHeader { destination: self.remote_id, number, phase };
            let Ok(header) = header.bytes(self.grease) else { break };
            let Some((head, sealed)) = slot.split_first_chunk_mut() else { break };
            let Some(room) = sealed.len().checked_sub(trailer) else { break };
            let seal = |frames: &[u8]| keys.seal(number, &header, frames, sealed);
            let Some(token) = run.next(room, &mut cx.scratch, seal) else { break };
            *head = header;
            numbers.take(&mut cx.public);
            let bytes = u16::try_from(size).unwrap_or(u16::MAX);
            let sent =
                Sent { number, bytes, is_ack_eliciting: true, is_ect0, is_size_probe: false };
            cx.tokens.clear();
            cx.tokens.push(token);
            recovery.on_sent(now, sent, &mut cx.tokens, flow.feed());
            count += 1;
        }
        let (stream, end) = run.end();
        if count > 0 {
            self.streams.on_run(stream, end);
            self.rest.on_packets(now, count);
            self.on_eliciting_sent(now, count * size);
            self.mtu.on_full((count * size) as u64);
            self.on_left(now, count, count * size);
        }
        count
    }

    /// How many of them may leave now, if nothing else wants to.
    fn run_budget(&mut self, now: Instant) -> usize {
        let is_free = self.probes == 0
            && self.path.is_proven()
            && self.confirmation.is_none()
            && !self.acks.is_pending()
            && !self.acks.is_due(now)
            && !self.frequency.wants()
            && !self.messages.wants()
            && !self.redundancy.is_due(now);
        if !is_free {
            return 0;
        }
        let size = u64::from(self.size());
        let room = self.window_room(now);
        if room < size {
            return 0;
        }
        let pace = self.pace(now);
        let most = room.min(self.flow.before_last());
        let budget = self.flow.budget(now, pace.as_ref()).min(most);
        usize::try_from(budget / size.max(1)).unwrap_or(usize::MAX)
    }
}
