//! The end of a connection as its streams see it (docs/PROTOCOL.md, 9.2): what is finished and given
//! up, and what result is certain. Deadlines and CLOSE itself are the connection's.

use std::collections::VecDeque;

use rudp_wire::code::Code;

use super::record::{self, Half, Record};
use super::sender::{Finish, Sender};
use super::{Phase, Streams};

/// How far it is certain that everything came (docs/PROTOCOL.md, 9.2.5), the worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Not all of it; [`Streams::certain`] says how much.
    Unknown,
    /// The peer's host has everything.
    Received,
    /// The peer's program has read everything.
    #[default]
    Delivered,
}

/// What a close would have as its result now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    /// Streams whose receipts are waited for (docs/PROTOCOL.md, 9.2.1).
    pub(crate) pending: usize,
    /// The result if nothing more comes.
    pub(crate) outcome: Outcome,
}

/// What is certain of a stream that was not read to its end, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Certain {
    /// The stream.
    pub(crate) stream: u64,
    /// What the program has written.
    pub(crate) written: u64,
    /// What the peer's host has.
    pub(crate) received: u64,
    /// What its program has read.
    pub(crate) read: u64,
}

fn outcome(sender: &Sender) -> Outcome {
    if !sender.exists() || sender.is_delivered() {
        Outcome::Delivered
    } else if sender.is_received() {
        Outcome::Received
    } else {
        Outcome::Unknown
    }
}

fn certain(stream: u64, sender: &Sender) -> Certain {
    let (written, read) = (sender.buffer.written(), sender.told.read());
    Certain { stream, written, received: sender.received(), read }
}

/// What remains of streams that ended otherwise than by being read, as the result of a close needs
/// it. Of very many, the last ones.
#[derive(Debug, Default)]
pub(super) struct Remains {
    worst: Outcome,
    streams: VecDeque<Certain>,
}

impl Remains {
    const MOST: usize = 1_024;

    pub(super) fn keep(&mut self, stream: u64, sender: &Sender) {
        let outcome = outcome(sender);
        if outcome == Outcome::Delivered {
            return;
        }
        self.worst = self.worst.min(outcome);
        if self.streams.len() == Self::MOST {
            self.streams.pop_front();
        }
        self.streams.push_back(certain(stream, sender));
    }
}

impl Streams {
    fn senders(&self) -> impl Iterator<Item = (u64, &Sender)> {
        self.records.iter().filter_map(|(stream, record)| match &record.send {
            Half::Open(sender) if sender.exists() => Some((stream, &**sender)),
            _ => None,
        })
    }

    /// Ends every stream that the program has written to (docs/PROTOCOL.md, 9.2.1). One to which
    /// nothing was written needs no end (7.6.4).
    ///
    /// Stream 0 is ended in any case: whoever reads there learns that nothing comes any more.
    pub(crate) fn finish_all(&mut self) {
        if self.finish(0).is_ok()
            && let Some(sender) = self.sender(0)
        {
            sender.is_courtesy = sender.buffer.written() == 0;
        }
        let open = |sender: &Sender| sender.reset.is_none() && sender.finish == Finish::Open;
        let streams = self.senders().filter(|(_, sender)| open(sender));
        let streams: Vec<u64> = streams.map(|(stream, _)| stream).collect();
        for stream in streams {
            if let Some(sender) = self.sender(stream) {
                sender.finish = Finish::Due;
            }
            self.schedule(stream);
        }
    }

    /// Whether a close waits for a receipt of any stream (docs/PROTOCOL.md, 9.2.1). Once all are
    /// [finished](Self::finish_all) none is waited for again, so that each is passed once.
    pub(crate) fn awaits_receipts(&mut self) -> bool {
        self.finds_awaited(Sender::is_awaited)
    }

    /// Whether receipts that are still on their way, behind a CLOSE of the peer, may say more than
    /// is known: those of streams that the result counts. Nothing is written any more, so that each
    /// stream is passed once here as well.
    pub(crate) fn may_be_told_more(&mut self) -> bool {
        self.finds_awaited(|sender| sender.is_awaited() && sender.exists())
    }

    /// Looks for a stream whose receipt is awaited, from where the last one was.
    fn finds_awaited(&mut self, is_awaited: impl Fn(&Sender) -> bool) -> bool {
        let is_awaited =
            |record: &Record| matches!(&record.send, Half::Open(sender) if is_awaited(sender));
        let next = self.records.from(self.awaited).find(|(_, record)| is_awaited(record));
        let next = next.map(|(stream, _)| stream);
        self.awaited = next.unwrap_or(u64::MAX);
        next.is_some()
    }

    /// All receipts that the peer is not known to know are sent again before CLOSE, the last ones
    /// first: it has the first ones itself.
    pub(crate) fn repeat_receipts(&mut self) {
        let streams: Vec<u64> = self.receipts_to_tell().map(|receipt| receipt.stream).collect();
        for stream in streams.into_iter().rev() {
            if let Some(Record { receive: Half::Open(receiver), .. }) = self.records.get_mut(stream)
            {
                receiver.telling.repeat();
            }
            self.owe(stream, record::RECEIPT);
        }
    }

    /// The program reads nothing any more: final receipts for all that it has not read to its end,
    /// and for whatever still comes (docs/PROTOCOL.md, 7.6.3).
    pub(crate) fn give_up_reading(&mut self) {
        self.gave_up = true;
        for stream in self.records.streams() {
            self.stop_reading(stream, Code::NO_ERROR);
        }
    }

    /// CLOSE was sent or came: from now on there are no frames but receipts (docs/PROTOCOL.md,
    /// 9.2.2).
    pub(crate) fn enter_closing(&mut self) {
        self.phase = Phase::Closing;
    }

    /// What a close waits for, and its result if it ended now. The work is in the number of streams:
    /// to be called when receipts or acknowledgements came while closing.
    pub(crate) fn closing(&self) -> Closing {
        let mut closing = Closing { pending: 0, outcome: self.remains.worst };
        for (_, sender) in self.senders() {
            closing.pending += usize::from(sender.is_awaited());
            closing.outcome = closing.outcome.min(outcome(sender));
        }
        closing
    }

    /// What is certain of the streams that were not read to their end: the details of a close
    /// without the result Delivered.
    pub(crate) fn certain(&self) -> impl Iterator<Item = Certain> {
        let live = self.senders().filter(|(_, sender)| outcome(sender) != Outcome::Delivered);
        let live = live.map(|(stream, sender)| certain(stream, sender));
        self.remains.streams.iter().copied().chain(live)
    }
}
