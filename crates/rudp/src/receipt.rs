//! Receipts: what is known of what was sent, and how to wait until enough is.
//! Who tells it is the protocol (docs/PROTOCOL.md, 7.6).

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rudp_proto::{Fail, MESSAGES, MessageFate, Priority, ReceiptState, SendMode, Session};

use crate::block;
use crate::error::{Error, ErrorKind, Origin, Result};
use crate::link::Link;
use crate::waits::Topic;

/// How much is to be known of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The peer's host has it. It may still be lost if that host fails before its program reads.
    Received,
    /// The peer's program has read it, or confirmed it where it does so by hand.
    Read,
}

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Everything up to `offset` of a stream, or of all messages but unreliable ones.
    Upto { stream: u64, offset: u64 },
    /// One message.
    Fate { message: u64, is_reliable: bool },
}

/// What was sent, and what is known of it. Both forms of the API wrap it.
pub(crate) struct Claim {
    link: Arc<Link>,
    goal: Goal,
}

impl Claim {
    pub(crate) fn new(link: Arc<Link>, goal: Goal) -> Self {
        Self { link, goal }
    }

    /// A claim on everything that was written to a stream so far.
    pub(crate) fn on(link: &Arc<Link>, stream: u64) -> Self {
        // A stream of which nothing is known any more was read to its end.
        let state = link.ask(|session| session.receipt(stream)).ok().flatten().unwrap_or_default();
        Self::new(Arc::clone(link), Goal::Upto { stream, offset: state.written })
    }

    /// Sends a message.
    pub(crate) fn send(
        session: &mut Session<'_>,
        data: Bytes,
        (mode, priority): (SendMode, Priority),
    ) -> Result<Goal, Fail> {
        let is_reliable = matches!(mode, SendMode::Ordered | SendMode::Reliable);
        match session.send_message_with(data.clone(), mode, priority, true) {
            Err(Fail::TooManyTracked) if is_reliable => {}
            sent => return Ok(Goal::Fate { message: sent?, is_reliable }),
        }
        // That it has arrived follows from the count of bytes as well, if not as soon: later
        // messages may take the place of those before it that are dropped.
        session.send_message_with(data, mode, priority, false)?;
        let offset = session.receipt(MESSAGES).map_or(u64::MAX, |state| state.written);
        Ok(Goal::Upto { stream: MESSAGES, offset })
    }

    /// Waits until enough is known. `asked` is false at first.
    pub(crate) fn poll(
        &self,
        cx: &mut Context<'_>,
        until: Until,
        asked: &mut bool,
    ) -> Poll<Result<()>> {
        let (topic, stream) = match (self.goal, until) {
            (Goal::Upto { stream, .. }, _) => (Topic::Receipt(stream), Some(stream)),
            (Goal::Fate { .. }, Until::Read) => (Topic::Receipt(MESSAGES), Some(MESSAGES)),
            // What the host has is known by acknowledgement.
            (Goal::Fate { message, .. }, Until::Received) => (Topic::Fate(message), None),
        };
        self.link.poll_until(cx, topic, |session| {
            if let Some(known) = known(session, self.goal, until).transpose() {
                return Some(known);
            }
            if let Some(ended) = session.ended() {
                return Some(Err(ended.clone().into()));
            }
            if let Some(stream) = stream.filter(|_| !std::mem::replace(asked, true)) {
                // If that fails, then the stream tells why the next time.
                let _ = session.request_receipt(stream);
            }
            None
        })
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("of", &self.goal).finish_non_exhaustive()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Goal::Fate { message, .. } = self.goal {
            self.link.forget_message(message);
        }
    }
}

/// Whether enough is known, or `None` if more may come.
fn known(session: &Session<'_>, goal: Goal, until: Until) -> Result<Option<()>> {
    match goal {
        Goal::Upto { stream, offset } => match session.receipt(stream) {
            Some(state) => judge(&state, offset, until),
            // It was forgotten because all of it was read.
            None => Ok(Some(())),
        },
        // A host may have discarded it by the time its program read.
        Goal::Fate { is_reliable: false, .. } if until == Until::Read => {
            Err(Error::invalid("only of reliable messages the peer tells that it has read them"))
        }
        Goal::Fate { message, is_reliable } => match session.message_fate(message) {
            MessageFate::Delivered => Ok(Some(())),
            MessageFate::Received if until == Until::Received => Ok(Some(())),
            // If the peer reads no more, it will not read this one.
            MessageFate::Received if is_stopped(session) => Err(stopped()),
            // Where the session has ended, that is why.
            MessageFate::Waiting | MessageFate::Received | MessageFate::Unknown => Ok(None),
            MessageFate::Lost if is_reliable => Err(stopped()),
            MessageFate::Dropped | MessageFate::Lost => {
                Err(Error::bare(ErrorKind::NotDelivered, Origin::Network))
            }
        },
    }
}

/// Whether the peer's program reads no more messages.
fn is_stopped(session: &Session<'_>) -> bool {
    session.receipt(MESSAGES).is_some_and(|state| state.is_final)
}

fn stopped() -> Error {
    Error::bare(ErrorKind::StreamStopped, Origin::Peer)
}

/// As [`known`], for a stream up to `offset`.
fn judge(state: &ReceiptState, offset: u64, until: Until) -> Result<Option<()>> {
    let upto = match until {
        Until::Received => state.received,
        Until::Read => state.read,
    };
    if upto >= offset {
        return Ok(Some(()));
    }
    if state.is_final && until == Until::Read {
        return Err(stopped());
    }
    Ok(None)
}

/// What was sent up to a moment, or one message, to wait until it has arrived.
///
/// Receipts cost nothing until they are waited for.
pub struct Receipt {
    pub(crate) claim: Claim,
}

impl Receipt {
    /// Waits until the peer's host has it, or its program has read it, but at most for `within`.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut), which says nothing about what was sent;
    /// [`InvalidInput`](ErrorKind::InvalidInput) for [`Until::Read`] of a message that is not reliable,
    /// since nobody tells;
    /// [`NotDelivered`](ErrorKind::NotDelivered) if a message was dropped or got lost;
    /// [`StreamStopped`](ErrorKind::StreamStopped) if the peer's program will not read it; what
    /// ended the session.
    pub fn wait(&self, until: Until, within: Duration) -> Result<()> {
        let mut asked = false;
        let shard = self.claim.link.shard();
        block::beside(shard, Some(within), |cx| self.claim.poll(cx, until, &mut asked))
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.claim.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(received: u64, read: u64) -> ReceiptState {
        ReceiptState { written: 10, received, read, ..ReceiptState::default() }
    }

    #[test]
    fn a_receipt_is_reached_by_its_offset() {
        use Until::{Read, Received};
        let cases = [
            (state(9, 9), Received, false),
            (state(10, 0), Received, true),
            (state(10, 9), Read, false),
            (state(10, 10), Read, true),
        ];
        for (state, until, reached) in cases {
            let known = judge(&state, 10, until).unwrap().is_some();
            assert_eq!(known, reached, "{state:?} {until:?}");
        }
    }

    #[test]
    fn what_will_not_be_read_is_not_waited_for() {
        let last = ReceiptState { is_final: true, ..state(10, 4) };
        let error = judge(&last, 10, Until::Read).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamStopped);
        assert_eq!(judge(&last, 4, Until::Read).unwrap(), Some(()));
        assert_eq!(judge(&last, 10, Until::Received).unwrap(), Some(()));
    }
}
