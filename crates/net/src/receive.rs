//! [`ReceiveBuffers`]: where a socket puts received batches until a machine has handled them.
//! Reading from the system is done by the socket.

use std::io::{self, IoSliceMut};

use quinn_udp::{EcnCodepoint, RecvMeta};
use rudp_base::{Datagrams, Ecn};

use crate::address;

/// How many batches one call to the system receives at most.
pub const BATCHES: usize = quinn_udp::BATCH_SIZE;

/// How many batches a call is offered room for at first, and while batches are large.
const FEW: usize = if BATCHES < 4 { BATCHES } else { 4 };

/// How many bytes one call should bring at most: what the processor's cache holds until the machine
/// has handled them. To read them from memory again costs half as much as to receive them.
pub(crate) const CALL_BYTES: usize = FEW * BATCH_BYTES;

/// The room for one batch: what the system merges at most, rounded up.
const BATCH_BYTES: usize = 65_536;

/// Room for [`BATCHES`] batches of 64 KiB, made once and used again and again.
///
/// The system backs it with memory page by page as it is written to, so that a socket with little
/// traffic uses little. A call is offered more than a few of the batches only where it would bring
/// little otherwise: the fewer the bytes, the more of them the processor's cache still holds when
/// they are handled.
pub struct ReceiveBuffers {
    data: Box<[u8]>,
    metas: [RecvMeta; BATCHES],
    /// How many of them hold a batch.
    filled: usize,
    /// Which of those were diverted as a whole.
    diverted: [bool; BATCHES],
    /// How many the last call was offered, and how many the next one will be.
    offered: usize,
    slots: usize,
}

/// How many batches to offer room for after a call that was offered `slots`, and filled `filled` of
/// them with `bytes`: more and more as long as many small ones come, few if they are large.
fn next_slots(slots: usize, filled: usize, bytes: usize) -> usize {
    let wanted = if filled == slots { slots * 2 } else { slots };
    let fitting = CALL_BYTES * filled / bytes.max(1);
    wanted.min(fitting).clamp(FEW, BATCHES)
}

impl ReceiveBuffers {
    /// Empty buffers.
    pub fn new() -> Self {
        Self {
            data: vec![0; BATCHES * BATCH_BYTES].into_boxed_slice(),
            metas: [RecvMeta::default(); BATCHES],
            filled: 0,
            diverted: [false; BATCHES],
            offered: FEW,
            slots: FEW,
        }
    }

    /// Whether all room that was offered is taken, so that there is likely more to receive.
    pub fn is_full(&self) -> bool {
        self.filled == self.offered
    }

    /// Forgets the batches.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// The batches received last, in order of arrival.
    pub fn batches(&mut self) -> impl Iterator<Item = Datagrams<'_>> {
        let chunks = self.data.chunks_exact_mut(BATCH_BYTES);
        let filled = self.metas[..self.filled].iter().zip(&self.diverted).zip(chunks);
        filled
            .filter(|((_, is_diverted), _)| !**is_diverted)
            .map(move |((meta, _), chunk)| datagrams(meta, &mut chunk[..meta.len]))
    }

    /// Takes out the datagrams that are not those of `own`, and gives them to `give` with the number
    /// of their owner, in runs. What stays keeps its order.
    pub(crate) fn divert(
        &mut self,
        own: usize,
        owner: impl Fn(&[u8]) -> usize,
        mut give: impl FnMut(usize, Datagrams<'_>),
    ) {
        let chunks = self.data.chunks_exact_mut(BATCH_BYTES);
        let filled = self.metas[..self.filled].iter_mut().zip(&mut self.diverted).zip(chunks);
        for ((meta, is_diverted), chunk) in filled {
            let data = &mut chunk[..meta.len];
            let stride = meta.stride.max(1);
            if data.chunks(stride).all(|datagram| owner(datagram) == own) {
                continue;
            }
            let (mut start, mut kept) = (0, 0);
            while start < data.len() {
                let mut run = data[start..].chunks(stride);
                let to = run.next().map_or(own, &owner);
                let others = run.take_while(|datagram| owner(datagram) == to);
                let end = data.len().min(start + stride * (1 + others.count()));
                if to == own {
                    data.copy_within(start..end, kept);
                    kept += end - start;
                } else {
                    give(to, datagrams(meta, &mut data[start..end]));
                }
                start = end;
            }
            meta.len = kept;
            meta.stride = meta.stride.min(kept);
            *is_diverted = kept == 0;
        }
    }

    /// Replaces what is here by what `receive` puts in, and returns how many batches that are.
    pub(crate) fn fill(
        &mut self,
        receive: impl FnOnce(&mut [IoSliceMut<'_>], &mut [RecvMeta]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.offered = self.slots;
        // Mostly few are offered, and this is done for every small packet that comes alone.
        if self.slots <= FEW {
            self.fill_slices::<FEW>(receive)?;
        } else {
            self.fill_slices::<BATCHES>(receive)?;
        }
        let bytes = self.metas[..self.filled].iter().map(|meta| meta.len).sum();
        self.slots = next_slots(self.slots, self.filled, bytes);
        Ok(self.filled)
    }

    /// Fills what is offered, which are at most `N`.
    fn fill_slices<const N: usize>(
        &mut self,
        receive: impl FnOnce(&mut [IoSliceMut<'_>], &mut [RecvMeta]) -> io::Result<usize>,
    ) -> io::Result<()> {
        self.filled = 0;
        let mut chunks = self.data.chunks_exact_mut(BATCH_BYTES);
        let mut slices: [IoSliceMut<'_>; N] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let offered = self.offered.min(N);
        self.filled = receive(&mut slices[..offered], &mut self.metas[..offered])?;
        self.diverted[..self.filled].fill(false);
        Ok(())
    }
}

/// A batch, or a part of one, as a machine gets it.
fn datagrams<'a>(meta: &RecvMeta, data: &'a mut [u8]) -> Datagrams<'a> {
    Datagrams {
        remote: address::plain(meta.addr),
        local: meta.dst_ip.map(|ip| ip.to_canonical()),
        ecn: meta.ecn.map(|ecn| match ecn {
            EcnCodepoint::Ect0 => Ecn::Ect0,
            EcnCodepoint::Ect1 => Ecn::Ect1,
            EcnCodepoint::Ce => Ecn::Ce,
        }),
        stride: meta.stride.min(data.len()),
        data,
    }
}

impl Default for ReceiveBuffers {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_batches_get_more_room_and_large_ones_less() {
        let small = |slots, filled| next_slots(slots, filled, filled * 1_500);
        assert_eq!(small(FEW, FEW - 1), FEW);
        assert_eq!(small(FEW, FEW), 2 * FEW);
        assert_eq!(small(BATCHES / 2, BATCHES / 2), BATCHES);
        assert_eq!(small(BATCHES, BATCHES), BATCHES);
        // A pause is no reason to shrink.
        assert_eq!(small(BATCHES, 1), BATCHES);
        assert_eq!(next_slots(BATCHES, 1, 0), BATCHES);

        let large = |slots, filled| next_slots(slots, filled, filled * 64_000);
        assert_eq!(large(FEW, FEW), FEW);
        assert_eq!(large(BATCHES, 1), FEW);
        // In between, as many as make up one call's bytes.
        assert_eq!(next_slots(BATCHES, BATCHES, BATCHES * 16_384), 4 * FEW);
    }

    #[test]
    fn what_is_others_is_taken_out_in_runs_and_what_stays_keeps_its_order() {
        let mut buffers = ReceiveBuffers::new();
        let received: [&[u8]; 4] = [b"a1b1b2a2a3c", b"a4a", b"b3b4", b""];
        let fill = |slices: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]| {
            for (batch, (slice, meta)) in received.iter().zip(slices.iter_mut().zip(metas)) {
                slice[..batch.len()].copy_from_slice(batch);
                (meta.len, meta.stride) = (batch.len(), 2.min(batch.len()));
            }
            Ok(received.len())
        };
        buffers.fill(fill).unwrap();
        let mut given = Vec::new();
        // An empty datagram, and one without a number, is nobody else's.
        let owner = |datagram: &[u8]| datagram.first().map_or(0, |first| usize::from(first - b'a'));
        buffers.divert(0, owner, |to, batch| given.push((to, batch.stride, batch.data.to_vec())));
        let expected = |to, stride, data: &[u8]| (to, stride, data.to_vec());
        assert_eq!(given, [expected(1, 2, b"b1b2"), expected(2, 1, b"c"), expected(1, 2, b"b3b4")]);
        let kept: Vec<_> =
            buffers.batches().map(|batch| (batch.stride, batch.data.to_vec())).collect();
        let expected = |stride, data: &[u8]| (stride, data.to_vec());
        assert_eq!(kept, [expected(2, b"a1a2a3"), expected(2, b"a4a"), expected(0, b"")]);
        buffers.fill(fill).unwrap();
        assert_eq!(buffers.batches().count(), 4);
    }

    #[test]
    fn a_call_that_fills_what_it_was_offered_is_full_and_the_next_is_offered_more() {
        let mut buffers = ReceiveBuffers::new();
        let mut call = |filled: usize| {
            let mut offered = 0;
            let fill = |slices: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]| {
                offered = slices.len().min(metas.len());
                metas[..filled].iter_mut().for_each(|meta| meta.len = 100);
                Ok(filled)
            };
            assert_eq!(buffers.fill(fill).unwrap(), filled);
            assert_eq!(buffers.batches().count(), filled);
            (offered, buffers.is_full())
        };
        assert_eq!(call(FEW), (FEW, true));
        assert_eq!(call(FEW), (2 * FEW, false));
        assert_eq!(call(2 * FEW), (2 * FEW, true));
    }
}
