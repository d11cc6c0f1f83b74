//! Stream numbers (docs/PROTOCOL.md, 7.4.1): who opened a stream, in which directions it goes, and
//! [`Kind`], which streams of one kind there are. What happens on streams is elsewhere.

use rudp_wire::frame::{Direction, MAX_STREAMS};

use crate::ranges::RangeSet;

/// Which end of a session this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It asked for the session.
    Client,
    /// It was asked.
    Server,
}

/// Which of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Local,
    Remote,
}

impl Side {
    fn bit(self) -> u64 {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }

    /// Who opens the streams with this number.
    pub(super) fn opener(self, stream: u64) -> End {
        if stream & 1 == self.bit() { End::Local } else { End::Remote }
    }

    /// Whether `end` writes to the stream.
    pub(super) fn writes(self, end: End, stream: u64) -> bool {
        direction(stream) == Direction::Bidirectional || self.opener(stream) == end
    }

    /// The index of the kind with this opener and direction.
    pub(super) fn kind(self, opener: End, direction: Direction) -> usize {
        let opener = if opener == End::Local { self.bit() } else { self.bit() ^ 1 };
        let kind = opener | if direction == Direction::Bidirectional { 0 } else { 2 };
        usize::try_from(kind).unwrap_or(0)
    }
}

pub(super) fn direction(stream: u64) -> Direction {
    if stream & 2 == 0 { Direction::Bidirectional } else { Direction::Unidirectional }
}

/// The index of a stream's kind.
pub(super) fn kind_of(stream: u64) -> usize {
    usize::try_from(stream & 3).unwrap_or(0)
}

/// What is known of a stream that has no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Unopened,
    /// It is open, and nothing has happened on it.
    Fresh,
    Over,
}

/// The streams of one kind. Those that are open without anything having happened on them have no
/// record and are ranges of numbers, so that opening many at once costs nothing; those that are
/// over are the rest.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    /// The first one that is not open. All have the same lower two bits.
    next: u64,
    /// `None` if there are none: most sessions never have any of most kinds.
    fresh: Option<Box<RangeSet>>,
    accepted: u64,
    /// How many may be opened, as told by the one who does not open them.
    count: u64,
    /// How many may be there at once.
    most: u64,
    /// Streams both of whose directions are over, and those of which there is no record any more.
    ended: u64,
    forgotten: u64,
}

impl Kind {
    pub(super) fn new(number: u64, most: u64) -> Self {
        let most = most.min(MAX_STREAMS);
        let (next, accepted, fresh) = (number & 3, 0, None);
        let mut kind = Self { next, fresh, accepted, count: most, most, ended: 0, forgotten: 0 };
        let free = kind.free();
        if free > 0 {
            kind.next = kind.stream(free);
            kind.accepted = free;
            kind.fresh.get_or_insert_default().insert(0..free);
        }
        kind
    }

    /// How many are open, or were.
    fn opened(&self) -> u64 {
        self.next >> 2
    }

    /// A stream by its place among those of its kind.
    fn stream(&self, index: u64) -> u64 {
        index << 2 | self.next & 3
    }

    /// Streams that do not count towards limits: stream 0 (docs/PROTOCOL.md, 7.4.2).
    fn free(&self) -> u64 {
        u64::from(kind_of(self.next) == 0)
    }

    /// How many streams may be opened, stream 0 aside.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The limit grew. Lower ones are ignored (docs/PROTOCOL.md, 7.4.4).
    pub(super) fn raise(&mut self, count: u64) -> bool {
        let raised = count > self.count;
        self.count = self.count.max(count.min(MAX_STREAMS));
        raised
    }

    pub(super) fn known(&self, stream: u64) -> Known {
        match stream >> 2 {
            index if index >= self.opened() => Known::Unopened,
            index if self.fresh.as_ref().is_some_and(|fresh| fresh.contains(index)) => Known::Fresh,
            _ => Known::Over,
        }
    }

    /// Whether the limit keeps streams from being opened.
    pub(super) fn is_blocked(&self) -> bool {
        self.opened() >= self.count + self.free()
    }

    /// The next one, if the limit allows it.
    pub(super) fn open(&mut self) -> Option<u64> {
        let index = self.opened();
        self.open_upto(index << 2).then(|| self.stream(index))
    }

    /// Opens a stream and all lower ones (docs/PROTOCOL.md, 7.4.1), if the limit allows it.
    pub(super) fn open_upto(&mut self, stream: u64) -> bool {
        let index = stream >> 2;
        if index >= self.count + self.free() {
            return false;
        }
        let opened = self.opened();
        self.fresh.get_or_insert_default().insert(opened..index + 1);
        self.next = self.next.max(self.stream(index + 1));
        true
    }

    /// Gives back memory that holds nothing.
    pub(super) fn release_memory(&mut self) {
        self.fresh.take_if(|fresh| fresh.is_empty());
    }

    /// Something happens on a stream: it gets a record.
    pub(super) fn touch(&mut self, stream: u64) {
        let index = stream >> 2;
        if let Some(fresh) = &mut self.fresh {
            fresh.remove(index..index + 1);
        }
    }

    /// The next one that the program has not been given.
    pub(super) fn accept(&mut self) -> Option<u64> {
        let index = self.accepted;
        (index < self.opened()).then(|| {
            self.accepted += 1;
            self.stream(index)
        })
    }

    /// Both directions of a stream are over.
    pub(super) fn end(&mut self, stream: u64) {
        self.ended += u64::from(stream >> 2 >= self.free());
    }

    /// A stream's record is gone.
    pub(super) fn forget(&mut self, stream: u64) {
        self.forgotten += u64::from(stream >> 2 >= self.free());
    }

    /// The count to tell the one who opens (docs/PROTOCOL.md, 7.4.8). It grows as streams end, but
    /// those whose receipts the peer does not acknowledge must not pile up: there are at most twice
    /// as many records as streams may be there at once.
    pub(super) fn due_count(&self) -> u64 {
        let growth = self.ended.min(self.forgotten.saturating_add(self.most));
        self.most.saturating_add(growth).min(MAX_STREAMS)
    }

    /// Whether so many streams are to be had that the peer should be told.
    pub(super) fn is_count_due(&self) -> bool {
        self.due_count() - self.count >= self.most.div_ceil(4).max(1)
    }
}
