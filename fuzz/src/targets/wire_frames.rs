//! Frames of RUDP: any bytes are frames up to the first error, and each frame is written in exactly
//! the length that it said, with the same meaning.

use rudp_wire::cursor::{WriteError, Writer};
use rudp_wire::dissect::Payload;
use rudp_wire::frame::{Frame, Frames};

/// Parses the input as what is sealed in a data packet.
pub fn run(input: &[u8]) {
    let _ = Payload(input).to_string();
    let mut frames = Frames::new(input);
    while let Some(frame) = frames.next() {
        match frame {
            Ok(frame) => check(&frame),
            Err(_) => assert_eq!(frames.next(), None, "nothing follows an error"),
        }
    }
}

fn check(frame: &Frame<'_>) {
    let len = frame.encoded_len();
    assert!(len > 0, "{frame:?} takes no room");
    let mut buffer = vec![0; len];
    let mut writer = Writer::new(&mut buffer[..len - 1]);
    assert_eq!(frame.encode(&mut writer), Err(WriteError::Full), "{frame:?}");
    assert!(writer.is_empty(), "{frame:?} was written by half");
    let mut writer = Writer::new(&mut buffer);
    frame.encode(&mut writer).expect("what was read can be written");
    assert_eq!(writer.room(), 0, "{frame:?} is shorter than it said");
    let mut again = Frames::new(writer.written());
    assert_eq!(again.next(), Some(Ok(*frame)));
    assert_eq!(again.next(), None);
    if let Frame::Ack(ack) = frame {
        let mut above = None;
        for range in ack.ranges() {
            assert!(range.start() <= range.end());
            assert!(above.is_none_or(|low| range.end() + 1 < low), "ranges touch");
            above = Some(*range.start());
        }
    }
}
