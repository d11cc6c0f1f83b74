//! [`ReceiveBuffers`]: where a socket puts received batches until a machine has handled them.
//! Reading from the system is done by the socket.

use std::io::{self, IoSliceMut};

use quinn_udp::{EcnCodepoint, RecvMeta};
use rudp_base::{Datagrams, Ecn};

use crate::address;

/// How many batches one call to the system receives at most.
pub const BATCHES: usize = quinn_udp::BATCH_SIZE;

/// The room for one batch: what the system merges at most, rounded up.
const BATCH_BYTES: usize = 65_536;

/// Room for [`BATCHES`] batches of 64 KiB, made once and used again and again.
///
/// The system backs it with memory page by page as it is written to, so that a socket with little
/// traffic uses little.
pub struct ReceiveBuffers {
    data: Box<[u8]>,
    metas: [RecvMeta; BATCHES],
    /// How many of them hold a batch.
    filled: usize,
}

impl ReceiveBuffers {
    /// Empty buffers.
    pub fn new() -> Self {
        Self {
            data: vec![0; BATCHES * BATCH_BYTES].into_boxed_slice(),
            metas: [RecvMeta::default(); BATCHES],
            filled: 0,
        }
    }

    /// Whether all room is taken, so that there is likely more to receive.
    pub fn is_full(&self) -> bool {
        self.filled == BATCHES
    }

    /// Forgets the batches.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// The batches received last, in order of arrival.
    pub fn batches(&mut self) -> impl Iterator<Item = Datagrams<'_>> {
        let chunks = self.data.chunks_exact_mut(BATCH_BYTES);
        self.metas[..self.filled].iter().zip(chunks).map(|(meta, chunk)| Datagrams {
            remote: address::plain(meta.addr),
            local: meta.dst_ip.map(|ip| ip.to_canonical()),
            ecn: meta.ecn.map(|ecn| match ecn {
                EcnCodepoint::Ect0 => Ecn::Ect0,
                EcnCodepoint::Ect1 => Ecn::Ect1,
                EcnCodepoint::Ce => Ecn::Ce,
            }),
            stride: meta.stride,
            data: &mut chunk[..meta.len],
        })
    }

    /// Replaces what is here by what `receive` puts in, and returns how many batches that are.
    pub(crate) fn fill(
        &mut self,
        receive: impl FnOnce(&mut [IoSliceMut<'_>], &mut [RecvMeta]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.filled = 0;
        let mut chunks = self.data.chunks_exact_mut(BATCH_BYTES);
        let mut slices: [IoSliceMut<'_>; BATCHES] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        self.filled = receive(&mut slices, &mut self.metas)?;
        Ok(self.filled)
    }
}

impl Default for ReceiveBuffers {
    fn default() -> Self {
        Self::new()
    }
}
