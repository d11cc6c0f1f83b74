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

/// Gives the datagrams of `transmit` to `send_row`, up to `max_row` at a time, which says how many of
/// them it took. `sent` is as for [`send_pieces`].
///
/// Where a row fails, those that are left go to `send_one`, one by one, and its errors are those that
/// count: it may know systems that rows do not work on, and gets the same error where they do. Only a
/// full buffer ends it at once.
#[cfg(target_os = "linux")]
pub(crate) fn send_rows(
    transmit: &Transmit,
    data: &[u8],
    sent: &mut usize,
    max_row: usize,
    mut send_row: impl FnMut(&[u8]) -> io::Result<usize>,
    send_one: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let stride = transmit.stride.max(1);
    // One is no row.
    while transmit.len.saturating_sub(*sent) > stride {
        let end = transmit.len.min(*sent + max_row * stride);
        match send_row(&data[*sent..end]) {
            Ok(taken) => *sent = end.min(*sent + taken * stride),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => break,
        }
        if *sent >= transmit.len {
            return Ok(());
        }
    }
    send_pieces(transmit, data, sent, 1, send_one)
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

    /// Sends 250 bytes as datagrams of 20 in rows of 5, whose calls follow a script: how many are taken
    /// of each, or an error number; then all are. Datagrams that go alone have the other script, of
    /// error numbers. What comes of it: the result, where to go on, and the calls, with their lengths.
    #[cfg(target_os = "linux")]
    fn rows(
        from: usize,
        rows: impl IntoIterator<Item = Result<usize, i32>>,
        ones: impl IntoIterator<Item = i32>,
    ) -> (Result<(), i32>, usize, String) {
        let transmit = batch(250, 20);
        let data: Vec<u8> = (0..250).collect();
        let (mut rows, mut ones) = (rows.into_iter(), ones.into_iter());
        let (mut sent, calls) = (from, std::cell::RefCell::new(String::new()));
        let note = |kind: char, piece: &[u8]| {
            let call = format!("{kind}{}+{} ", piece[0], piece.len());
            calls.borrow_mut().push_str(&call);
        };
        let send_row = |row: &[u8]| {
            note('r', row);
            rows.next().unwrap_or(Ok(row.len().div_ceil(20))).map_err(io::Error::from_raw_os_error)
        };
        let send_one = |one: &[u8]| {
            note('o', one);
            ones.next().map_or(Ok(()), |errno| match errno {
                0 => Ok(()),
                errno => Err(io::Error::from_raw_os_error(errno)),
            })
        };
        let result = send_rows(&transmit, &data, &mut sent, 5, send_row, send_one);
        let result = result.map_err(|error| error.raw_os_error().unwrap());
        (result, sent, calls.into_inner().trim_end().to_owned())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn rows_follow_each_other_and_the_last_datagram_may_be_short_or_alone() {
        assert_eq!(rows(0, [], []), (Ok(()), 250, "r0+100 r100+100 r200+50".to_owned()));
        assert_eq!(rows(40, [], []), (Ok(()), 250, "r40+100 r140+100 o240+10".to_owned()));
        assert_eq!(rows(240, [], []), (Ok(()), 250, "o240+10".to_owned()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_row_that_was_taken_in_part_goes_on_behind_that() {
        let (result, sent, calls) = rows(0, [Ok(3), Ok(1)], []);
        assert_eq!((result, sent), (Ok(()), 250));
        assert_eq!(calls, "r0+100 r60+100 r80+100 r180+70");
        // A full buffer is what ends rows early, and then it says where to go on.
        let full = Err(libc::EAGAIN);
        let (result, sent, calls) = rows(0, [Ok(5), Ok(2), full], []);
        assert_eq!((result, sent), (Err(libc::EAGAIN), 140));
        assert_eq!(calls, "r0+100 r100+100 r140+100");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_refused_in_a_row_goes_alone_with_all_that_follow() {
        let (result, sent, calls) = rows(0, [Ok(5), Ok(2), Err(libc::EINVAL)], []);
        assert_eq!((result, sent), (Ok(()), 250));
        assert_eq!(
            calls,
            "r0+100 r100+100 r140+100 o140+20 o160+20 o180+20 o200+20 o220+20 o240+10"
        );
        // The errors that count are those of single datagrams.
        let (result, sent, calls) = rows(0, [Ok(4), Err(libc::ENOSYS)], [0, libc::EPERM]);
        assert_eq!((result, sent), (Err(libc::EPERM), 100));
        assert_eq!(calls, "r0+100 r80+100 o80+20 o100+20");
    }
}
