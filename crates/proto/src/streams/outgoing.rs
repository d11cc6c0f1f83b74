//! Frames that go out (docs/PROTOCOL.md, 7.4, 7.6 and 8.2): which are due, in which order, and what
//! becomes of them. When packets are sent, and with how much room, is the connection's.

use core::ops::Range;

use rudp_wire::frame::{Control, Direction, Extent, Frame, Receipt, Stream, StreamHeader};

use crate::packet::Draft;
use crate::priority::Priority;
use crate::redundancy::Copied;
use crate::token::{Fate, Token};

use super::flow::Growth;
use super::id::{self, End};
use super::record::{self, Half, Record};
use super::sender::Finish;
use super::{Phase, Streams, receipts};

/// Room in a packet with other frames that is too small to cut data for.
const RUNT: usize = 48;

/// The tries to write a frame.
enum Wrote {
    Frame,
    /// There was nothing to write.
    Nothing,
    /// There was no room.
    Full,
}

impl Streams {
    /// Whether there is anything to write.
    pub(crate) fn wants(&self) -> bool {
        if !self.control.is_empty() && (self.phase == Phase::Open || self.owes_receipt()) {
            return true;
        }
        self.phase == Phase::Open
            && (!self.lost.is_empty()
                || self.due.max_data
                || self.due.data_blocked
                || self.due.max_streams.contains(&true)
                || self.due.streams_blocked.contains(&true)
                || (!self.ready.is_empty() && (self.credit.left() > 0 || self.is_newly_blocked())))
    }

    fn owes_receipt(&self) -> bool {
        let owes = |stream| self.records.get(stream).map_or(0, |record| record.owed);
        self.control.iter().any(|stream| owes(stream) & record::RECEIPT != 0)
    }

    /// Whether the peer has not been told that its limit keeps data back.
    fn is_newly_blocked(&self) -> bool {
        self.credit.left() == 0 && self.blocked_at != Some(self.credit.limit())
    }

    /// Writes what is due, as much as fits.
    #[cfg(test)]
    pub(crate) fn write_frames(&mut self, growth: &mut Growth<'_>, draft: &mut Draft<'_>) {
        self.write_first(growth, draft);
        for class in Priority::ALL {
            self.write_data(class, draft);
        }
        self.write_blocked(draft);
    }

    /// Writes everything but data.
    pub(crate) fn write_first(&mut self, growth: &mut Growth<'_>, draft: &mut Draft<'_>) {
        if self.phase != Phase::Open || self.write_limits(growth, draft) {
            self.write_control(growth, draft);
        }
    }

    /// Writes data of one class: first what was lost, and ends, then new data, one frame of each stream
    /// in turn.
    pub(crate) fn write_data(&mut self, class: Priority, draft: &mut Draft<'_>) {
        if self.phase != Phase::Open {
            return;
        }
        for is_new in [false, true] {
            while draft.room() > 0
                && let Some(stream) = self.next_turn(class, is_new)
            {
                match self.write_stream(stream, is_new, draft) {
                    Wrote::Full => return self.put_back(stream, is_new),
                    Wrote::Frame | Wrote::Nothing => self.schedule(stream),
                }
            }
        }
    }

    /// Whether data of this class may be sent.
    pub(crate) fn has_data(&self, class: Priority) -> bool {
        let is_ready = self.ready.has(class) && self.credit.left() > 0;
        self.phase == Phase::Open && (is_ready || self.lost.has(class))
    }

    /// Tells the peer that its limit keeps data back, once.
    pub(crate) fn write_blocked(&mut self, draft: &mut Draft<'_>) {
        let is_open = self.phase == Phase::Open;
        if is_open && draft.room() > 0 && !self.ready.is_empty() && self.is_newly_blocked() {
            self.blocked_at = Some(self.credit.limit());
            self.due.data_blocked = true;
            self.write_data_blocked(draft);
        }
    }

    /// Puts a stream back that had its turn too early.
    fn put_back(&mut self, stream: u64, is_new: bool) {
        if let Some(Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream) {
            let (queue, is_queued) = if is_new {
                (&mut self.ready, &mut sender.is_ready)
            } else {
                (&mut self.lost, &mut sender.is_lost)
            };
            queue.push_front(stream, sender.priority);
            *is_queued = true;
        }
    }

    /// The stream of this class whose turn it is.
    fn next_turn(&mut self, class: Priority, is_new: bool) -> Option<u64> {
        if is_new && self.credit.left() == 0 {
            return None;
        }
        let stream = (if is_new { &mut self.ready } else { &mut self.lost }).pop_front(class)?;
        if let Some(Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream) {
            *(if is_new { &mut sender.is_ready } else { &mut sender.is_lost }) = false;
        }
        Some(stream)
    }

    /// Writes what concerns all streams. Says whether everything fitted.
    fn write_limits(&mut self, growth: &mut Growth<'_>, draft: &mut Draft<'_>) -> bool {
        if self.due.max_data {
            let limit =
                self.window.renew(growth.now, growth.rtt, self.config.max_window, |wanted| {
                    let given = wanted.min(*growth.grant);
                    *growth.grant -= given;
                    given
                });
            if !draft.push_with(&Frame::Control(Control::MaxData { limit }), Token::MaxData) {
                return false;
            }
            self.due.max_data = false;
        }
        let directions = [Direction::Bidirectional, Direction::Unidirectional];
        self.write_data_blocked(draft)
            && directions.into_iter().all(|direction| self.write_counts(direction, draft))
    }

    fn write_data_blocked(&mut self, draft: &mut Draft<'_>) -> bool {
        let frame = Frame::Control(Control::DataBlocked { limit: self.credit.limit() });
        self.due.data_blocked =
            self.due.data_blocked && !draft.push_with(&frame, Token::DataBlocked);
        !self.due.data_blocked
    }

    fn write_counts(&mut self, direction: Direction, draft: &mut Draft<'_>) -> bool {
        let (own, peer) =
            (self.side.kind(End::Local, direction), self.side.kind(End::Remote, direction));
        if self.due.max_streams.get(peer) == Some(&true)
            && let Some(kind) = self.kinds.get_mut(peer)
        {
            let count = kind.due_count();
            let frame = Frame::Control(Control::MaxStreams { direction, count });
            if !draft.push_with(&frame, Token::MaxStreams { direction }) {
                return false;
            }
            kind.raise(count);
            self.due.max_streams.get_mut(peer).into_iter().for_each(|due| *due = false);
        }
        if self.due.streams_blocked.get(own) == Some(&true)
            && let Some(kind) = self.kinds.get(own)
        {
            let frame = Frame::Control(Control::StreamsBlocked { direction, limit: kind.count() });
            if !draft.push_with(&frame, Token::StreamsBlocked { direction }) {
                return false;
            }
            self.due.streams_blocked.get_mut(own).into_iter().for_each(|due| *due = false);
        }
        true
    }

    /// Writes the frames of streams that are not data.
    fn write_control(&mut self, growth: &Growth<'_>, draft: &mut Draft<'_>) {
        // Each of the listed streams once: what stays is for another time.
        for _ in 0..self.control.len() {
            let Some(stream) = self.control.pop_front() else { break };
            let allowed = if self.phase == Phase::Open { !record::LISTED } else { record::RECEIPT };
            let owed = self.records.get(stream).map_or(0, |record| record.owed) & allowed;
            for frame in (0..7).map(|bit| 1 << bit).filter(|frame| owed & frame != 0) {
                let is_written = match self.control_frame(stream, frame, growth) {
                    Some((frame, token)) => draft.push_with(&frame, token),
                    None => true,
                };
                if !is_written {
                    self.control.push_front(stream);
                    return;
                }
                self.on_control_written(stream, frame);
            }
            let Some(record) = self.records.get_mut(stream) else { continue };
            if record.owed & !record::LISTED == 0 || self.phase == Phase::Closing {
                record.owed = 0;
                self.settle(stream);
            } else {
                self.control.push_back(stream);
            }
        }
    }

    /// A frame that a stream owes, as it is now; `None` if it has become pointless.
    fn control_frame(
        &mut self,
        stream: u64,
        frame: u8,
        growth: &Growth<'_>,
    ) -> Option<(Frame<'static>, Token)> {
        let record = self.records.get_mut(stream)?;
        let (control, token) = match (frame, &record.send, &mut record.receive) {
            (record::RESET, Half::Open(sender), _) if !sender.is_reset_acked => {
                let final_size = sender.buffer.next();
                let control = Control::ResetStream { stream, code: sender.reset?, final_size };
                (control, Token::ResetStream { stream })
            }
            (record::REQUEST, Half::Open(sender), _) if !sender.told.is_final() => {
                let offset = sender.asks?;
                let control = Control::ReceiptRequest { stream, offset };
                (control, Token::ReceiptRequest { stream, offset })
            }
            (record::BLOCKED, Half::Open(sender), _) if sender.is_blocked() => {
                let control = Control::StreamDataBlocked { stream, limit: sender.limit };
                (control, Token::StreamDataBlocked { stream })
            }
            (record::STOP, _, Half::Open(receiver)) if receiver.end.is_none() => {
                let control = Control::StopSending { stream, code: receiver.stopped? };
                (control, Token::StopSending { stream })
            }
            (record::MAX_DATA, _, Half::Open(receiver))
                if receiver.end.is_none() && receiver.takes_data() =>
            {
                let max = self.config.max_stream_window;
                // Memory is bounded by the connection's window.
                let limit = receiver.window.renew(growth.now, growth.rtt, max, |wanted| wanted);
                (Control::MaxStreamData { stream, limit }, Token::MaxStreamData { stream })
            }
            (record::RECEIPT, _, Half::Open(receiver))
                if receiver.reset.is_none() || receiver.telling.is_final() =>
            {
                let receipt = receiver.telling.due(stream, &receiver.progress())?;
                return Some((Frame::Receipt(receipt), receipts::token(&receipt)));
            }
            _ => return None,
        };
        Some((Frame::Control(control), token))
    }

    fn on_control_written(&mut self, stream: u64, frame: u8) {
        let Some(record) = self.records.get_mut(stream) else { return };
        record.owed &= !frame;
        match (frame, &mut record.send, &mut record.receive) {
            (record::RESET, Half::Open(sender), _) => sender.end_sent = true,
            (record::RECEIPT, _, Half::Open(receiver)) => receiver.telling.on_sent(),
            _ => {}
        }
    }

    /// Writes one STREAM frame.
    fn write_stream(&mut self, stream: u64, is_new: bool, draft: &mut Draft<'_>) -> Wrote {
        let left = self.credit.left();
        let Some(Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream) else {
            return Wrote::Nothing;
        };
        let range = if is_new { sender.fresh() } else { sender.lost() };
        let Some(range) = range else { return Wrote::Nothing };
        let most = if is_new { left } else { u64::MAX };
        let available = usize::try_from((range.end - range.start).min(most)).unwrap_or(usize::MAX);
        let Some(mut header) = Stream::fit(stream, range.start, available, draft.room()) else {
            return Wrote::Full;
        };
        if header.len < available && header.len < RUNT && !draft.is_empty() {
            return Wrote::Full;
        }
        let range = range.start..range.start + header.len as u64;
        header.end = sender.ends_at(range.end);
        let len = u32::try_from(header.len).unwrap_or(u32::MAX);
        let token = Token::Stream { stream, offset: range.start, len, end: header.end };
        let is_tail = header.extent == Extent::ToEnd && sender.buffer.takes_prefix(range.clone());
        let is_written = if is_tail {
            draft.push_tail(&header, token)
        } else {
            let unused = draft.room().saturating_sub(header.encoded_len() + header.len);
            if header.extent == Extent::ToEnd && unused > 0 {
                // Data without a length must reach the end of the packet.
                draft.push(&Frame::Padding { len: unused });
            }
            draft.push_raw(true, Some(token), |writer| {
                let result = writer.whole(|writer| {
                    header.encode(writer)?;
                    let slot = writer.slot(header.len)?;
                    sender.buffer.copy_out(range.start, slot);
                    Ok(())
                });
                result.is_ok()
            })
        };
        if !is_written {
            return Wrote::Full;
        }
        sender.buffer.on_sent(range.clone());
        if header.end {
            sender.finish =
                if sender.finish == Finish::Acked { Finish::Acked } else { Finish::Sent };
            sender.end_sent = true;
        }
        if is_new {
            self.credit.spend(header.len as u64);
            self.offer_room(stream);
        }
        Wrote::Frame
    }

    /// Writes once more what a token names, if all of it fits (docs/PROTOCOL.md, 8.2.1).
    pub(crate) fn copy(&self, token: Token, draft: &mut Draft<'_>) -> Copied {
        let Token::Stream { stream, offset, len, end } = token else { return Copied::Gone };
        let Some(Record { send: Half::Open(sender), .. }) = self.records.get(stream) else {
            return Copied::Gone;
        };
        let range = offset..offset + u64::from(len);
        if self.phase != Phase::Open || sender.reset.is_some() || !sender.buffer.misses(&range) {
            return Copied::Gone;
        }
        let len = len as usize;
        let header = StreamHeader { stream, offset, end, len, extent: Extent::Counted };
        let is_written = draft.push_raw(true, Some(token), |writer| {
            let result = writer.whole(|writer| {
                header.encode(writer)?;
                let slot = writer.slot(len)?;
                sender.buffer.copy_out(offset, slot);
                Ok(())
            });
            result.is_ok()
        });
        if is_written { Copied::Yes } else { Copied::NoRoom }
    }

    /// Gives `f` bytes of a stream with `prefix` in front of them, in one piece, for sealing.
    /// `None`, without calling `f`, if that is impossible: [`copy_out`](Self::copy_out) is not.
    pub(crate) fn with_prefixed<T>(
        &mut self,
        stream: u64,
        offset: u64,
        len: usize,
        prefix: &[u8],
        f: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        let Half::Open(sender) = &mut self.records.get_mut(stream)?.send else { return None };
        sender.buffer.with_prefixed(offset..offset + len as u64, prefix, f)
    }

    /// Copies bytes of a stream that were written and not acknowledged. Says whether all are there.
    pub(crate) fn copy_out(&self, stream: u64, offset: u64, out: &mut [u8]) -> bool {
        match self.records.get(stream) {
            Some(Record { send: Half::Open(sender), .. }) => sender.buffer.copy_out(offset, out),
            _ => false,
        }
    }

    /// What became of something that was written here. Lost things may be acknowledged later. Says
    /// whether the token was one of streams.
    pub(crate) fn on_fate(&mut self, fate: Fate, token: Token) -> bool {
        let is_lost = fate == Fate::Lost;
        match token {
            Token::Stream { stream, offset, len, end } => {
                let range = offset..offset + u64::from(len);
                if is_lost {
                    self.on_lost(stream, range, end);
                } else {
                    self.on_acked(stream, range, end);
                }
            }
            Token::ResetStream { stream } => {
                if let Some(Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream)
                {
                    sender.is_reset_acked |= !is_lost;
                    let is_due = !sender.is_reset_acked;
                    self.owe_if(is_due, stream, record::RESET);
                    self.settle(stream);
                }
            }
            Token::Receipt { stream, received, read, bits } => {
                if let Some(Record { receive: Half::Open(receiver), .. }) =
                    self.records.get_mut(stream)
                {
                    let is_due = receiver.telling.on_fate(fate, received, read, bits);
                    self.owe_if(is_due, stream, record::RECEIPT);
                    self.settle(stream);
                }
            }
            Token::ReceiptRequest { stream, offset } => {
                if let Some(Record { send: Half::Open(sender), .. }) = self.records.get(stream)
                    && is_lost
                    && sender.told.read() < offset
                {
                    self.owe(stream, record::REQUEST);
                }
            }
            // Whether they still have an object is looked at when they are written.
            Token::StopSending { stream } => self.owe_if(is_lost, stream, record::STOP),
            Token::MaxStreamData { stream } => self.owe_if(is_lost, stream, record::MAX_DATA),
            Token::StreamDataBlocked { stream } => self.owe_if(is_lost, stream, record::BLOCKED),
            Token::MaxData => self.due.max_data |= is_lost,
            Token::DataBlocked => {
                let is_blocked = self.credit.left() == 0 && !self.ready.is_empty();
                self.due.data_blocked |= is_lost && is_blocked;
            }
            Token::MaxStreams { direction } => {
                let index = self.side.kind(End::Remote, direction);
                if let Some(due) = self.due.max_streams.get_mut(index) {
                    *due |= is_lost;
                }
            }
            Token::StreamsBlocked { direction } => {
                let index = self.side.kind(End::Local, direction);
                let is_blocked = self.kinds.get(index).is_some_and(id::Kind::is_blocked);
                if let Some(due) = self.due.streams_blocked.get_mut(index) {
                    *due |= is_lost && is_blocked;
                }
            }
            _ => return false,
        }
        true
    }

    /// Bytes of a stream, and perhaps its end, are at the peer's host.
    pub(super) fn on_acked(&mut self, stream: u64, range: Range<u64>, end: bool) {
        let Some(Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream) else {
            return;
        };
        let was_finished = sender.is_all_acked();
        if end && sender.reset.is_none() {
            sender.finish = Finish::Acked;
        }
        let before = sender.buffer.floor();
        sender.buffer.on_acked(range, &mut self.send_pool);
        // A reset has released everything already.
        let is_reset = sender.reset.is_some();
        let released = if is_reset { 0 } else { sender.buffer.floor() - before };
        let is_finished = sender.is_all_acked() && !is_reset && !was_finished;
        self.release(stream, released);
        if is_finished {
            self.announce(stream, record::FINISHED);
            self.settle(stream);
        }
    }

    fn on_lost(&mut self, stream: u64, range: Range<u64>, end: bool) {
        let Some(Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream) else {
            return;
        };
        if sender.reset.is_some() {
            return;
        }
        sender.buffer.on_lost(range);
        if end && sender.finish == Finish::Sent {
            sender.finish = Finish::Due;
        }
        self.schedule(stream);
    }

    /// What CLOSE and `CLOSE_ACK` carry: the receipts that are not known to be known, as they are
    /// now, stream 0 first, then by number. When the packet was acknowledged, the tokens of those in
    /// it ([`receipt_token`](super::receipt_token)) go to [`on_fate`](Self::on_fate).
    pub(crate) fn receipts_to_tell(&self) -> impl Iterator<Item = Receipt> + Clone {
        self.records.iter().filter_map(|(stream, record)| match &record.receive {
            Half::Open(receiver) if receiver.reset.is_none() || receiver.telling.is_final() => {
                receiver.telling.unknown(stream, &receiver.progress())
            }
            _ => None,
        })
    }
}
