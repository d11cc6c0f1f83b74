//! What crosses the line between a machine and the network: [`Datagrams`] in, [`Transmit`] out.
//! Both are batches of one stride, as GRO and GSO make them; no socket is named here.

use core::net::{IpAddr, SocketAddr};

/// Explicit congestion notification (RFC 3168, section 5) of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// ECT(0): the sender understands congestion marks.
    Ect0,
    /// ECT(1).
    Ect1,
    /// CE: a router on the way marked congestion.
    Ce,
}

/// A received batch: one or more datagrams of one sender, one after the other in one buffer.
///
/// All are [`stride`](Self::stride) bytes long but the last, which may be shorter. The bytes are
/// mutable so that a machine may decrypt in place; what is in them after `handle` is nobody's.
#[derive(Debug)]
pub struct Datagrams<'a> {
    /// Who sent them.
    pub remote: SocketAddr,
    /// The address they were sent to, where the system tells.
    pub local: Option<IpAddr>,
    /// The congestion mark they arrived with.
    pub ecn: Option<Ecn>,
    /// The length of each datagram but the last; 0 only where `data` is one empty datagram.
    pub stride: usize,
    /// The datagrams.
    pub data: &'a mut [u8],
}

impl<'a> Datagrams<'a> {
    /// A batch of one datagram.
    pub fn single(remote: SocketAddr, data: &'a mut [u8]) -> Self {
        Self { remote, local: None, ecn: None, stride: data.len(), data }
    }

    /// The datagrams in order of arrival.
    ///
    /// ```
    /// use rudp_base::Datagrams;
    ///
    /// let mut data = *b"aabbc";
    /// let from = ([127, 0, 0, 1], 9).into();
    /// let batch = Datagrams { stride: 2, ..Datagrams::single(from, &mut data) };
    /// let datagrams: Vec<&[u8]> = batch.iter().collect();
    /// assert_eq!(datagrams, [&b"aa"[..], b"bb", b"c"]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        // An empty datagram is a datagram all the same, but not a chunk.
        let empty = self.data.is_empty().then_some(&[][..]);
        self.data.chunks(self.stride.max(1)).chain(empty)
    }

    /// As [`iter`](Self::iter), for decrypting in place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let empty = self.data.is_empty().then_some(&mut [][..]);
        self.data.chunks_mut(self.stride.max(1)).chain(empty)
    }

    /// How many datagrams the batch has.
    pub fn count(&self) -> usize {
        count(self.data.len(), self.stride)
    }
}

/// How many datagrams of `stride` bytes there are in `len`, of which the last may be shorter or the
/// only one empty.
fn count(len: usize, stride: usize) -> usize {
    len.div_ceil(stride.max(1)).max(1)
}

/// A batch to send: where the first [`len`](Self::len) bytes of the buffer given to
/// [`poll_transmit`](crate::Machine::poll_transmit) go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The receiver of every datagram in the batch.
    pub remote: SocketAddr,
    /// The address to send from, where the machine cares: an answer leaves from the address its
    /// cause was sent to.
    pub local: Option<IpAddr>,
    /// The congestion mark to send with.
    pub ecn: Option<Ecn>,
    /// Bytes in the buffer.
    pub len: usize,
    /// The length of each datagram but the last, which may be shorter; equal to `len` for a batch
    /// of one. Never 0 unless `len` is.
    pub stride: usize,
}

impl Transmit {
    /// A batch of one datagram.
    pub fn single(remote: SocketAddr, len: usize) -> Self {
        Self { remote, local: None, ecn: None, len, stride: len }
    }

    /// How many datagrams the batch has.
    pub fn count(&self) -> usize {
        count(self.len, self.stride)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 9);

    #[test]
    fn an_empty_datagram_is_a_datagram() {
        let mut batch = Datagrams::single(REMOTE, &mut []);
        assert_eq!(batch.iter().collect::<Vec<_>>(), [&[][..]]);
        assert_eq!(batch.iter_mut().count(), 1);
        assert_eq!(batch.count(), 1);
        assert_eq!(Transmit::single(REMOTE, 0).count(), 1);
    }

    #[test]
    fn a_batch_counts_its_shorter_last_datagram() {
        let counts = [(1, 1), (100, 1), (101, 2), (200, 2), (250, 3)];
        for (len, count) in counts {
            let transmit = Transmit { stride: 100, ..Transmit::single(REMOTE, len) };
            assert_eq!(transmit.count(), count, "{len} bytes");
            let mut data = vec![0; len];
            let batch = Datagrams { stride: 100, ..Datagrams::single(REMOTE, &mut data) };
            assert_eq!((batch.count(), batch.iter().count()), (count, count), "{len} bytes");
        }
    }
}
