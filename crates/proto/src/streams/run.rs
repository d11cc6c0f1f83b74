//! [`Run`]: consecutive packets that are full of one stream's next bytes and hold nothing else, which
//! is what most packets of a fast transfer are. All others are written by `outgoing`.

use core::ops::Range;

use rudp_wire::frame::TailHeader;

use super::chunk::HEADROOM;
use super::record::{Half, Record};
use super::send_buffer::Row;
use super::sender::Finish;
use super::{Due, Phase, Streams};
use crate::token::Token;

/// The next bytes of one stream, as far as they lie one behind the other in memory.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    stream: u64,
    /// Where in the stream the next byte is.
    offset: u64,
    /// The bytes, of which the first `at` are sent.
    row: Row<'a>,
    at: usize,
}

impl Run<'_> {
    /// Gives `seal` the frames of the next packet, which has `room` bytes for them and is full.
    /// `None`, without calling it, if there is less to send.
    ///
    /// The frame's header is written over the bytes before its data, which are restored; where that
    /// is not possible, both are copied to `scratch`, which stays in the processor's nearest cache.
    #[inline]
    pub(crate) fn next(
        &mut self,
        room: usize,
        scratch: &mut [u8],
        seal: impl FnOnce(&[u8]),
    ) -> Option<Token> {
        let &mut Self { stream, offset, at, .. } = self;
        let header = TailHeader::new(stream, offset)?;
        let header = header.bytes();
        let len = room.checked_sub(header.len()).filter(|len| *len > 0)?;
        let frames = match &mut self.row {
            Row::Own(bytes) => {
                let begin = (HEADROOM + at).checked_sub(header.len())?;
                bytes.get_mut(begin..HEADROOM + at + len)?
            }
            Row::Given(bytes) => {
                let frames = scratch.get_mut(..room)?;
                frames.get_mut(header.len()..)?.copy_from_slice(bytes.get(at..at + len)?);
                frames
            }
        };
        let mut saved = [0; TailHeader::MAX_LEN];
        let saved = saved.get_mut(..header.len())?;
        let front = frames.get_mut(..header.len())?;
        saved.copy_from_slice(front);
        front.copy_from_slice(header);
        seal(frames);
        frames.get_mut(..header.len())?.copy_from_slice(saved);
        self.at += len;
        self.offset += len as u64;
        let len = u32::try_from(len).ok()?;
        Some(Token::Stream { stream, offset, len, end: false })
    }

    /// The stream, and where its next byte is now.
    pub(crate) fn end(self) -> (u64, u64) {
        (self.stream, self.offset)
    }
}

impl Streams {
    /// The run that may be sent now, if streams want nothing else to be sent.
    pub(crate) fn run(&mut self) -> Option<Run<'_>> {
        let is_open = self.phase == Phase::Open && self.due == Due::default();
        let is_alone = is_open && self.control.is_empty() && self.lost.is_empty();
        let stream = self.ready.only()?;
        let left = self.credit.left();
        let Some(Record { send: Half::Open(sender), .. }) =
            self.records.get_mut(stream).filter(|_| is_alone)
        else {
            return None;
        };
        let Range { start: offset, end } = sender.fresh()?;
        // The last byte is sent together with the end.
        let end = end - u64::from(sender.finish != Finish::Open);
        let range = offset..end.min(offset.saturating_add(left));
        let row = sender.buffer.row(range).filter(|_| offset < end && left > 0)?;
        Some(Run { stream, offset, row, at: 0 })
    }

    /// Packets of a [`Run`] were sent, up to `end`.
    pub(crate) fn on_run(&mut self, stream: u64, end: u64) {
        let Some(Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream) else {
            return;
        };
        let start = sender.buffer.next();
        if end <= start {
            return;
        }
        sender.buffer.on_sent(start..end);
        self.credit.spend(end - start);
        if sender.fresh().is_none() {
            sender.is_ready = false;
            let priority = sender.priority;
            self.ready.remove(stream, priority);
        }
        self.schedule(stream);
        self.offer_room(stream);
    }
}
