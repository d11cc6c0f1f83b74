//! The fast path of receiving: a packet that probably holds the next bytes of the stream that got
//! data last is opened right where they belong. Everything else takes the way over a scratch buffer.

use rudp_wire::frame::{Frame, Frames, Stream, TailHeader};

use super::Streams;
use super::chunk::HEADROOM;
use super::record::{Half, Record};

const _: () = assert!(TailHeader::MAX_LEN <= HEADROOM);

/// What became of a packet that was to be opened where its data seemed to belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landed {
    /// It was what it was taken for: its data are in place, and there is nothing else in it.
    Committed,
    /// It was not: the plaintext is in the scratch buffer, to be handled as any other.
    Mispredicted,
}

/// The STREAM frame that is all of a packet, and has the predicted form.
fn sole_frame(plaintext: &[u8]) -> Option<Stream<'_>> {
    let mut frames = Frames::new(plaintext);
    let Some(Ok(Frame::Stream(frame))) = frames.next() else { return None };
    let header = TailHeader::new(frame.stream, frame.offset)?;
    let is_whole = frames.rest().is_empty() && plaintext.starts_with(header.bytes());
    (is_whole && !frame.end).then_some(frame)
}

impl Streams {
    /// A packet took the usual way: learns from its frames whether the next one is predictable.
    pub(crate) fn predict_from(&mut self, plaintext: &[u8]) {
        self.prediction = sole_frame(plaintext).map(|frame| frame.stream);
    }

    /// Lets `open` write the frames of a packet, which have `len` bytes, right where their data
    /// belong, if they are likely to be the next data of a stream and nothing else. If they turn out
    /// to be something else, they are moved to `scratch`. `None`, without calling it, if nothing is
    /// predicted.
    pub(crate) fn land<E>(
        &mut self,
        len: usize,
        scratch: &mut Vec<u8>,
        open: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Option<Result<Landed, E>> {
        let stream = self.prediction?;
        let budget = self.budget();
        let credit = self.window.limit().saturating_sub(self.received);
        let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get_mut(stream)
        else {
            return None;
        };
        let next = receiver.buffer.contiguous();
        let header = TailHeader::new(stream, next)?;
        let header = header.bytes();
        let data = len.checked_sub(header.len()).filter(|data| *data > 0)? as u64;
        let upto = next.checked_add(data)?;
        let is_allowed = receiver.takes_data()
            && receiver.end.is_none()
            && receiver.highest == next
            && upto <= receiver.window.limit()
            && data <= credit;
        if !is_allowed {
            return None;
        }
        let (pool, before) = (&mut self.receive_pool, header.len());
        let slot = receiver.buffer.landing(before, len - before, pool, budget)?;
        // The header overwrites what lies before the data, which is put back in any case.
        let mut saved = [0; TailHeader::MAX_LEN];
        let saved = saved.get_mut(..before)?;
        saved.copy_from_slice(slot.get(..before)?);
        let opened = open(slot);
        let is_predicted = slot.starts_with(header);
        if opened.is_ok() && !is_predicted {
            scratch.clear();
            scratch.extend_from_slice(slot);
        }
        slot.get_mut(..before)?.copy_from_slice(saved);
        if let Err(error) = opened {
            return Some(Err(error));
        }
        if !is_predicted {
            self.prediction = None;
            return Some(Ok(Landed::Mispredicted));
        }
        receiver.highest = upto;
        receiver.buffer.commit(next..upto);
        self.received += data;
        self.on_arrival(stream);
        Some(Ok(Landed::Committed))
    }
}
