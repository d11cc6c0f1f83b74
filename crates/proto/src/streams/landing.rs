//! The fast path of receiving: a packet that probably holds the next bytes of the stream that got
//! data last is opened right where they belong. Everything else takes the way over a scratch buffer.

use rudp_wire::frame::Extent;
use rudp_wire::frame::{Frame, Frames, Stream, StreamHeader};

use super::Streams;
use super::chunk::HEADROOM;
use super::record::{Half, Record};

/// Memory that was given for a packet to be opened into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Landing {
    stream: u64,
    /// The length of the frame's header, which overwrites the bytes before the data.
    header: usize,
    /// The length of the data.
    len: usize,
    saved: [u8; HEADROOM],
}

/// What became of a packet that was opened into [`Streams::landing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landed {
    /// It was what it was taken for: its data are in place, and there is nothing else in it.
    Committed {
        /// The stream.
        stream: u64,
        /// How many bytes.
        len: usize,
    },
    /// It was not: the plaintext is in the scratch buffer, to be handled as any other.
    Mispredicted,
}

/// The header of the frame that is predicted: the shortest form, up to the end of the packet.
fn header_len(stream: u64, offset: u64) -> usize {
    StreamHeader { stream, offset, end: false, len: 0, extent: Extent::ToEnd }.encoded_len()
}

/// The STREAM frame that is all of a packet, and has the predicted form.
fn sole_frame(plaintext: &[u8]) -> Option<Stream<'_>> {
    let mut frames = Frames::new(plaintext);
    let Some(Ok(Frame::Stream(frame))) = frames.next() else { return None };
    let header = header_len(frame.stream, frame.offset);
    let is_whole = frames.rest().is_empty() && header + frame.data.len() == plaintext.len();
    (is_whole && !frame.end).then_some(frame)
}

impl Streams {
    /// A packet took the usual way: learns from its frames whether the next one is predictable.
    pub(crate) fn predict_from(&mut self, plaintext: &[u8]) {
        self.prediction = sole_frame(plaintext).map(|frame| frame.stream);
    }

    /// Memory to open the next packet into, whose frames have `len` bytes, if it is likely to be
    /// the next data of a stream and nothing else. Behind this comes [`landed`](Self::landed), or
    /// [`abandon_landing`](Self::abandon_landing) if the packet did not open.
    pub(crate) fn landing(&mut self, len: usize) -> Option<&mut [u8]> {
        self.abandon_landing();
        let stream = self.prediction?;
        let budget = self.budget();
        let credit = self.window.limit().saturating_sub(self.received);
        let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get_mut(&stream)
        else {
            return None;
        };
        let next = receiver.buffer.contiguous();
        let header = header_len(stream, next);
        let data = len.checked_sub(header).filter(|data| *data > 0)?;
        let upto = next.checked_add(data as u64)?;
        let is_allowed = receiver.takes_data()
            && receiver.end.is_none()
            && receiver.highest == next
            && upto <= receiver.window.limit()
            && data as u64 <= credit;
        if !is_allowed {
            return None;
        }
        let slot = receiver.buffer.landing(header, data, &mut self.receive_pool, budget)?;
        let mut saved = [0; HEADROOM];
        saved.get_mut(..header)?.copy_from_slice(slot.get(..header)?);
        self.landing = Some(Landing { stream, header, len: data, saved });
        Some(slot)
    }

    /// The packet did not open: what lay before its data is put back.
    pub(crate) fn abandon_landing(&mut self) {
        if let Some(landing) = self.landing.take() {
            self.restore(&landing);
        }
    }

    fn restore(&mut self, landing: &Landing) {
        let &Landing { stream, header, len, saved } = landing;
        if let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get_mut(&stream)
            && let Some(slot) = receiver.buffer.landed(header, len)
            && let (Some(slot), Some(saved)) = (slot.get_mut(..header), saved.get(..header))
        {
            slot.copy_from_slice(saved);
        }
    }

    /// The packet is open in the memory of [`landing`](Self::landing). If it is what it was taken
    /// for, its data are taken; if not, its plaintext replaces what is in `scratch`.
    pub(crate) fn landed(&mut self, scratch: &mut Vec<u8>) -> Landed {
        scratch.clear();
        let Some(landing) = self.landing.take() else { return Landed::Mispredicted };
        let Landing { stream, header, len, .. } = landing;
        let mut is_predicted = false;
        if let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get_mut(&stream) {
            let next = receiver.buffer.contiguous();
            if let Some(plaintext) = receiver.buffer.landed(header, len) {
                is_predicted = sole_frame(plaintext).is_some_and(|frame| {
                    (frame.stream, frame.offset, frame.data.len()) == (stream, next, len)
                });
                if !is_predicted {
                    scratch.extend_from_slice(plaintext);
                }
            }
        }
        self.restore(&landing);
        if !is_predicted {
            self.prediction = None;
            return Landed::Mispredicted;
        }
        if let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get_mut(&stream) {
            // Limits were looked at before.
            let next = receiver.buffer.contiguous();
            receiver.highest = next + len as u64;
            receiver.buffer.commit(next..next + len as u64);
            self.received += len as u64;
        }
        self.on_arrival(stream);
        Landed::Committed { stream, len }
    }
}
