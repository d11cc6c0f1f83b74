//! Frames that come (docs/PROTOCOL.md, 7.4 and 7.6): whose they may be, what they do, and whether
//! there is memory for them. Opening packets and acknowledging them is the connection's.

use rudp_wire::code::Code;
use rudp_wire::frame::{Control, MAX_STREAMS, Receipt, Stream};

use super::chunk::COST;
use super::id::{End, Known};
use super::receive_buffer::MAX_PIECES;
use super::receiver::Receiver;
use super::record::{self, Half, Record};
use super::{Phase, Streams};

/// What the STREAM frames of one packet need, added up before any of them acts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Admission {
    memory: usize,
    pieces: usize,
}

impl Streams {
    /// Whether there is memory for this frame and those before it in the same `admission`, which is
    /// one packet's. If not, the packet must be dropped as if it had not come (docs/PROTOCOL.md,
    /// 7.4.6). Nothing that a peer can see changes.
    pub(crate) fn admits(&mut self, admission: &mut Admission, frame: &Stream<'_>) -> bool {
        let end = frame.offset + frame.data.len() as u64;
        let receiver = match self.records.get(frame.stream) {
            Some(Record { receive: Half::Open(receiver), .. }) => Some(receiver),
            Some(Record { receive: Half::Over, .. }) => return true,
            _ => None,
        };
        let (need, pieces, contiguous) = match receiver {
            Some(receiver) if !receiver.takes_data() => return true,
            Some(receiver) => {
                let buffer = &receiver.buffer;
                (buffer.need(frame.offset..end), buffer.pieces(), buffer.contiguous())
            }
            None if frame.data.is_empty() => return true,
            None => (frame.data.len() + COST, 0, 0),
        };
        admission.memory = admission.memory.saturating_add(need);
        if frame.offset > contiguous {
            // As if each frame were a piece of the same stream: that is never too few.
            admission.pieces += 1;
            if pieces + admission.pieces > MAX_PIECES {
                return false;
            }
        }
        need == 0 || self.has_room(admission.memory)
    }

    /// Whether `need` bytes can be allocated within the budget, perhaps after moving what is there
    /// to smaller chunks.
    ///
    /// A peer that keeps to its limits never finds too little because of chunks that hold little:
    /// then more than half of the budget is unused inside of chunks, and moving frees it. It is also
    /// the reason why moving does not cost more, over time, than filling that half once more.
    fn has_room(&mut self, need: usize) -> bool {
        let budget = self.budget();
        let fits = |used: usize| used.saturating_add(need) <= budget;
        if need > budget / 2 {
            return false;
        }
        if fits(self.receive_pool.used()) {
            return true;
        }
        let stored = self.received.saturating_sub(self.window.consumed());
        let slack = self.receive_pool.used().saturating_sub(usize::try_from(stored).unwrap_or(0));
        if slack < budget / 2 {
            return false;
        }
        for record in self.records.iter_mut() {
            if let Half::Open(receiver) = &mut record.receive
                && !receiver.buffer.is_empty()
            {
                receiver.buffer.compact(&mut self.receive_pool);
            }
        }
        fits(self.receive_pool.used())
    }

    /// Whether a frame may be for this stream, from whoever it is that writes to it, and opens the
    /// stream if it has to (docs/PROTOCOL.md, 7.4.7).
    fn check(&mut self, stream: u64, writer: End) -> Result<(), Code> {
        if !self.side.writes(writer, stream) {
            return Err(Code::STREAM_STATE_ERROR);
        }
        if self.kind(stream).known(stream) != Known::Unopened {
            return Ok(());
        }
        if self.side.opener(stream) == End::Local {
            return Err(Code::STREAM_STATE_ERROR);
        }
        if !self.kind(stream).open_upto(stream) {
            return Err(Code::STREAM_LIMIT_ERROR);
        }
        self.has_opened = !self.gave_up;
        Ok(())
    }

    /// The direction that the peer writes to, if it is not over.
    fn incoming(&mut self, stream: u64) -> Result<Option<&mut Receiver>, Code> {
        self.check(stream, End::Remote)?;
        Ok(self.receiver(stream))
    }

    /// STREAM. All frames of the packet were admitted.
    ///
    /// # Errors
    /// The code with which the connection is closed.
    pub(crate) fn on_stream(&mut self, frame: &Stream<'_>) -> Result<(), Code> {
        let (stream, credit) = (frame.stream, self.window.limit().saturating_sub(self.received));
        let budget = self.budget();
        self.check(stream, End::Remote)?;
        let is_empty = frame.data.is_empty() && !frame.end;
        // A frame without anything opens the stream, and does no more (docs/PROTOCOL.md, 7.4.9).
        if is_empty && !self.records.contains(stream) {
            return Ok(());
        }
        if self.receiver(stream).is_none() {
            return Ok(());
        }
        let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get_mut(stream)
        else {
            return Ok(());
        };
        let upto = frame.offset + frame.data.len() as u64;
        let growth = receiver.extend(upto, frame.end, credit)?;
        self.received += growth;
        if !receiver.takes_data() {
            self.consume(growth);
            self.settle(stream);
            return Ok(());
        }
        let before = receiver.buffer.contiguous();
        receiver.buffer.insert(frame.offset, frame.data, &mut self.receive_pool, budget);
        let is_news = receiver.buffer.contiguous() > before
            || (frame.end && receiver.end == Some(receiver.buffer.contiguous()));
        if is_news {
            self.on_arrival(stream);
        } else if receiver.buffer.contiguous() == receiver.buffer.read() {
            let is_due = receiver.window.on_gap(receiver.highest) && receiver.end.is_none();
            self.owe_if(is_due, stream, record::MAX_DATA);
            self.due.max_data |= self.window.on_gap(self.received);
        }
        Ok(())
    }

    /// There is more to read of a stream than before.
    pub(super) fn on_arrival(&mut self, stream: u64) {
        let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get_mut(stream)
        else {
            return;
        };
        let is_told = receiver.telling.on_progress(&receiver.progress());
        let is_reported = receiver.is_reported;
        self.owe_if(is_told, stream, record::RECEIPT);
        if !is_reported {
            self.announce(stream, record::READABLE);
        }
    }

    /// RECEIPT, also one that came in CLOSE or `CLOSE_ACK`. Those of messages are not for streams.
    ///
    /// # Errors
    /// The code with which the connection is closed.
    pub(crate) fn on_receipt(&mut self, receipt: &Receipt) -> Result<(), Code> {
        let stream = receipt.stream;
        self.check(stream, End::Local)?;
        // Streams that are over, and those on which nothing happened: only the latter can be lied
        // about.
        let is_fresh = match self.records.get(stream) {
            Some(record) => matches!(record.send, Half::Fresh),
            None => self.kind(stream).known(stream) == Known::Fresh,
        };
        let claims = receipt.received > 0 || receipt.all_received || receipt.all_read;
        if is_fresh && claims {
            return Err(Code::PROTOCOL_VIOLATION);
        }
        if is_fresh && !receipt.is_final {
            return Ok(());
        }
        let Some(sender) = self.sender(stream) else { return Ok(()) };
        let (sent, end_sent) = (sender.buffer.next(), sender.end_sent);
        let was_received = sender.told.received();
        if !sender.told.on_receipt(receipt, sent, end_sent)? {
            return Ok(());
        }
        let is_final = sender.told.is_final();
        // What the host has by receipt need not be sent again, though the packet was lost.
        let (received, end) = (sender.told.received(), sender.told.all_received());
        if received > was_received || end {
            self.on_acked(stream, 0..received, end);
        }
        self.announce(stream, record::RECEIPT_CHANGED);
        if is_final {
            self.on_stop(stream, Code::NO_ERROR);
        }
        self.settle(stream);
        Ok(())
    }

    /// The peer wants no more of what we write (docs/PROTOCOL.md, 7.4.9 and 7.6.3).
    fn on_stop(&mut self, stream: u64, code: Code) {
        if self.phase == Phase::Open && self.cancel(stream, code, true) {
            self.announce(stream, record::STOPPED);
        }
    }

    /// The frames of streams that are a few numbers. Says whether it was one of them.
    ///
    /// Whoever is blocked at a limit below the one that it was told of may have lost that news. It is told
    /// again: to find out that it was lost takes a receiver, which sends little, a probe timeout.
    ///
    /// # Errors
    /// The code with which the connection is closed.
    pub(crate) fn on_control(&mut self, frame: &Control) -> Result<bool, Code> {
        match *frame {
            Control::ResetStream { stream, code, final_size } => {
                self.on_reset(stream, code, final_size)?;
            }
            Control::StopSending { stream, code } => {
                self.check(stream, End::Local)?;
                self.on_stop(stream, code);
            }
            Control::MaxData { limit } => {
                if self.credit.raise(limit) {
                    self.due.data_blocked = false;
                }
            }
            Control::MaxStreamData { stream, limit } => {
                self.check(stream, End::Local)?;
                if limit > self.peer_stream_limit
                    && let Some(sender) = self.sender(stream)
                    && limit > sender.limit
                {
                    sender.limit = limit;
                    self.schedule(stream);
                }
            }
            Control::MaxStreams { direction, count } => self.raise_count(direction, count),
            // docs/PROTOCOL.md, 7.4.7.
            Control::StreamsBlocked { limit, .. } if limit > MAX_STREAMS => {
                return Err(Code::FRAME_ERROR);
            }
            Control::StreamsBlocked { .. } => {}
            Control::DataBlocked { limit } => self.due.max_data |= limit < self.window.limit(),
            Control::StreamDataBlocked { stream, limit } => {
                self.check(stream, End::Remote)?;
                // A stream on which nothing happened was told of no other limit.
                if let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get(stream)
                {
                    let is_open = receiver.end.is_none() && receiver.takes_data();
                    let is_due = is_open && limit < receiver.window.limit();
                    self.owe_if(is_due, stream, record::MAX_DATA);
                }
            }
            Control::ReceiptRequest { stream, offset } => {
                if let Some(receiver) = self.incoming(stream)? {
                    let progress = receiver.progress();
                    let is_due =
                        receiver.reset.is_none() && receiver.telling.on_request(offset, &progress);
                    self.owe_if(is_due, stream, record::RECEIPT);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn on_reset(&mut self, stream: u64, code: Code, final_size: u64) -> Result<(), Code> {
        let credit = self.window.limit().saturating_sub(self.received);
        let Some(receiver) = self.incoming(stream)? else { return Ok(()) };
        let was_ended = receiver.end.is_some();
        let growth = receiver.extend(final_size, true, credit)?;
        let is_whole = was_ended && receiver.buffer.contiguous() == final_size;
        let takes_data = receiver.takes_data();
        self.received += growth;
        if !takes_data {
            self.consume(growth);
        } else if !is_whole && let Some(receiver) = self.receiver(stream) {
            let unread = receiver.unread();
            receiver.reset = Some(code);
            if let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get_mut(stream)
            {
                receiver.buffer.clear(&mut self.receive_pool);
            }
            self.consume(unread);
            self.announce(stream, record::READABLE);
        }
        self.settle(stream);
        Ok(())
    }
}
