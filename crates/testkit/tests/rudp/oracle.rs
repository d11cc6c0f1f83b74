//! What has to be true of the two logs of a session, whatever happened: nobody got what was not
//! sent, nothing came twice or out of order, and what was claimed is so.

use core::time::Duration;
use std::collections::BTreeSet;

use rudp_proto::{Code, Ended, MessageFate, Outcome, ReceivedMode, SendMode};
use rudp_testkit::rudp::{End, Log, Scene, message_number};

/// A rough runner looks so late at most, and once more after it cannot send.
const LATE: Duration = Duration::from_millis(3);

/// Checks the session of client 0 from both ends.
pub(crate) fn check(scene: &Scene) {
    let client = scene.log(0);
    let logs = &scene.world.application(scene.server).logs;
    assert!(logs.len() <= 1, "one handshake, {} sessions", logs.len());
    check_wait(client);
    if let Some(server) = logs.values().next() {
        check_wait(server);
        check_one_way(client, server);
        check_one_way(server, client);
        check_received(client, server);
        check_received(server, client);
    } else {
        assert_ne!(client.outcome(), Some(&Outcome::Received));
    }
}

/// A close is decided by its deadline.
fn check_wait(log: &Log) {
    let Some(deadline) = log.deadline else { return };
    let (_, at) = log.outcome.as_ref().expect("a close has an outcome");
    assert!(*at <= deadline + LATE, "decided at {at}, and the deadline was {deadline}");
}

/// Checks what came from `writer` to `reader`, whose log may end at any time.
pub(crate) fn check_one_way(writer: &Log, reader: &Log) {
    check_streams(writer, reader);
    check_messages(writer, reader);
    if writer.outcome() == Some(&Outcome::Delivered) {
        check_delivered(writer, reader);
    }
}

fn check_streams(writer: &Log, reader: &Log) {
    for (stream, got) in &reader.got {
        let done = writer.written.get(stream).map_or(0, |written| written.done);
        assert!(got.bytes <= done, "stream {stream}: {} of {done} bytes", got.bytes);
        if got.end {
            assert_eq!(got.bytes, done, "stream {stream} ended");
        }
    }
}

fn check_messages(writer: &Log, reader: &Log) {
    let mut seen = BTreeSet::new();
    let mut last_ordered = None;
    for message in &reader.messages {
        let number = message_number(reader.end.other(), &message.data).expect("as it was sent");
        assert!(seen.insert(number), "message {number} came twice");
        let sent = writer.sent_messages.get(number as usize).expect("it was sent");
        assert_eq!(sent.len, message.data.len());
        assert_eq!(message.mode, mode_of(sent.mode));
        if message.mode == ReceivedMode::Ordered {
            assert!(last_ordered < Some(number), "{number} behind {last_ordered:?}");
            last_ordered = Some(number);
        }
    }
    for (number, sent) in writer.sent_messages.iter().enumerate() {
        let fate = writer.fates.get(&sent.id);
        if fate == Some(&MessageFate::Delivered) {
            assert!(seen.contains(&(number as u64)), "message {number} is not delivered");
        }
        if fate == Some(&MessageFate::Dropped) {
            assert!(matches!(sent.mode, SendMode::Deadline(_)), "message {number} was dropped");
        }
    }
}

fn mode_of(mode: SendMode) -> ReceivedMode {
    match mode {
        SendMode::Ordered => ReceivedMode::Ordered,
        SendMode::Reliable => ReceivedMode::Reliable,
        SendMode::Deadline(_) => ReceivedMode::Deadline,
        SendMode::Unreliable => ReceivedMode::Unreliable,
    }
}

/// Received was claimed: then a program that reads all there is, though the other closes, has got
/// all in the end (docs/PROTOCOL.md, 9.2.3).
fn check_received(writer: &Log, reader: &Log) {
    let is_closed = matches!(&reader.ended, Some((Ended::Peer { code: Code::NO_ERROR, .. }, _)));
    let read_on = reader.closed_at.is_none() && reader.got.values().all(|got| !got.given_up);
    if writer.outcome() != Some(&Outcome::Received) || !is_closed || !read_on || !reader.reads {
        return;
    }
    for (stream, written) in &writer.written {
        assert_eq!(reader.got(*stream).bytes, written.done, "{:?}, {stream}", writer.end);
    }
    let reliable = |mode| matches!(mode, SendMode::Ordered | SendMode::Reliable);
    let sent = writer.sent_messages.iter().filter(|sent| reliable(sent.mode)).count();
    let came = |mode| reader.messages.iter().filter(|message| message.mode == mode).count();
    assert_eq!(came(ReceivedMode::Ordered) + came(ReceivedMode::Reliable), sent);
}

/// Delivered was claimed: then all had been read by then.
fn check_delivered(writer: &Log, reader: &Log) {
    let (_, claimed) = writer.outcome.as_ref().expect("it was claimed");
    let end = writer.end;
    for (stream, written) in &writer.written {
        let got = reader.got(*stream);
        assert_eq!(got.bytes, written.done, "{end:?} claims stream {stream}");
        assert!(written.done == 0 || got.at <= Some(*claimed), "{end:?}, {stream}: too early");
    }
    for (number, sent) in writer.sent_messages.iter().enumerate() {
        if matches!(sent.mode, SendMode::Ordered | SendMode::Reliable) {
            let of = |data: &[u8]| message_number(end, data);
            let place = reader.messages.iter().position(|m| of(&m.data) == Some(number as u64));
            let place = place.unwrap_or_else(|| {
                let fate = writer.fates.get(&sent.id);
                panic!(
                    "{end:?} claims message {number}, {sent:?}, {fate:?}, by {:?}",
                    writer.outcome
                )
            });
            assert!(reader.messages_at[place] <= *claimed, "message {number}: too early");
        }
    }
}

/// The other end's log where only one is left to look at.
pub(crate) fn log_of(scene: &Scene, end: End) -> Option<&Log> {
    let (node, handle) = scene.side(end)?;
    scene.world.application(node).logs.get(&handle)
}
