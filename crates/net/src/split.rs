//! Cutting a batch into pieces that the system takes in one call each.
//! Which calls those are, and what their errors mean, is not known here.

use std::io;

use rudp_base::Transmit;

/// The most bytes one segmented send may carry: 65,535, the limit of an IP packet, less an IPv6
/// and a UDP header.
const SEGMENTED_BYTES: usize = 65_535 - 40 - 8;

/// The length of the next piece, of at most `max_segments` datagrams, after `sent` bytes of
/// `transmit` have gone. A single datagram is a piece whatever its length.
fn piece_len(transmit: &Transmit, sent: usize, max_segments: usize) -> usize {
    let stride = transmit.stride.max(1);
    let segments = max_segments.min(SEGMENTED_BYTES / stride).max(1);
    (transmit.len - sent).min(segments * stride)
}

/// Gives the pieces of `transmit` to `send`, one after the other, from byte `sent` on.
///
/// `sent` grows with each piece that `send` took. After an error it says where to go on, so that
/// no datagram is sent twice.
pub(crate) fn send_pieces(
    transmit: &Transmit,
    data: &[u8],
    sent: &mut usize,
    max_segments: usize,
    mut send: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let end = *sent + piece_len(transmit, *sent, max_segments);
        send(&data[*sent..end])?;
        *sent = end;
        // Asked only now, because an empty datagram is a piece too.
        if end >= transmit.len {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(len: usize, stride: usize) -> Transmit {
        Transmit { stride, ..Transmit::single(([127, 0, 0, 1], 9).into(), len) }
    }

    fn pieces(transmit: &Transmit, max_segments: usize) -> Vec<usize> {
        let data = vec![0; transmit.len];
        let mut pieces = Vec::new();
        let mut sent = 0;
        send_pieces(transmit, &data, &mut sent, max_segments, |piece| {
            pieces.push(piece.len());
            Ok(())
        })
        .unwrap();
        assert_eq!(sent, transmit.len);
        pieces
    }

    #[test]
    fn a_batch_that_fits_is_one_piece() {
        assert_eq!(pieces(&batch(1_050, 100), 64), [1_050]);
        assert_eq!(pieces(&batch(6_400, 100), 64), [6_400]);
    }

    #[test]
    fn more_segments_than_allowed_are_split_between_datagrams() {
        assert_eq!(pieces(&batch(250, 100), 2), [200, 50]);
        assert_eq!(pieces(&batch(450, 100), 2), [200, 200, 50]);
    }

    #[test]
    fn without_offload_each_datagram_goes_alone() {
        assert_eq!(pieces(&batch(250, 100), 1), [100, 100, 50]);
    }

    #[test]
    fn more_bytes_than_one_packet_holds_are_split() {
        assert_eq!(pieces(&batch(65_535, 1_472), 64), [64_768, 767]);
        assert_eq!(pieces(&batch(65_535, 40_000), 64), [40_000, 25_535]);
    }

    #[test]
    fn one_datagram_is_never_split() {
        assert_eq!(pieces(&batch(65_507, 65_507), 64), [65_507]);
        assert_eq!(pieces(&batch(65_507, 65_507), 1), [65_507]);
    }

    #[test]
    fn an_empty_datagram_is_sent() {
        assert_eq!(pieces(&batch(0, 0), 64), [0]);
    }

    #[test]
    fn a_blocked_batch_goes_on_where_it_stopped() {
        let transmit = batch(250, 100);
        let data: Vec<u8> = (0..250).collect();
        let mut received = Vec::new();
        let mut sent = 0;
        let mut attempts = 0;
        // Every other attempt is refused.
        while send_pieces(&transmit, &data, &mut sent, 1, |piece| {
            attempts += 1;
            if attempts % 2 == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            received.push(piece.to_vec());
            Ok(())
        })
        .is_err()
        {}
        assert_eq!(received, [&data[..100], &data[100..200], &data[200..]]);
    }
}
