//! [`Memory`]: what an endpoint may hold for its peers, and how much of that is promised; and
//! [`Windows`], what a session is promised at first. Who gets more is decided where windows grow.

use rudp_wire::frame::COST;
use rudp_wire::parameters::Parameters;

/// The first windows of a session where memory is short; smaller ones of the settings stay.
const LEAST: Windows = Windows { session: 4 << 10, messages: 4 << 10 };
/// The first windows of a server's sessions are at most this part of what is to spare: so all handshakes
/// that may be unfinished find the memory that they were told of.
const SHARES: u64 = 1_024;
/// Likewise those of a client's sessions. These are promised when the program asks for a session.
const OWN_SHARES: u64 = 16;

/// How much a peer may send before anything is read, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// On all streams together.
    pub(crate) session: u64,
    /// Of messages, each with its cost.
    pub(crate) messages: u64,
}

impl Windows {
    /// Those that parameters tell.
    pub(crate) fn of(parameters: &Parameters) -> Self {
        Self { session: parameters.initial_max_data, messages: parameters.initial_max_message_data }
    }

    /// What they take of the memory.
    pub(crate) fn sum(self) -> u64 {
        self.session.saturating_add(self.messages)
    }

    /// The same, or less where memory is short.
    fn least(self) -> Self {
        Self {
            session: self.session.min(LEAST.session),
            messages: self.messages.min(LEAST.messages),
        }
    }

    /// The same, or as much of them as is within `share`, but for the least.
    fn within(self, share: u64) -> Self {
        let least = self.least();
        let wanted = self.sum() - least.sum();
        if wanted <= share {
            return self;
        }
        let part = |full: u64, least: u64| {
            let more = u128::from(full - least) * u128::from(share) / u128::from(wanted);
            least + u64::try_from(more).unwrap_or(0)
        };
        Self {
            session: part(self.session, least.session),
            messages: part(self.messages, least.messages),
        }
    }

    /// The largest message that is taken: the window has room for it (docs/PROTOCOL.md, 7.5.1).
    pub(crate) fn max_message_size(self, most: u32) -> u32 {
        u32::try_from(self.messages.saturating_sub(COST)).map_or(most, |room| room.min(most))
    }

    /// What the peer is told of them.
    pub(crate) fn tell(self, parameters: &mut Parameters) {
        let most = u32::try_from(parameters.max_message_size).unwrap_or(u32::MAX);
        parameters.initial_max_data = self.session;
        parameters.initial_max_message_data = self.messages;
        parameters.max_message_size = u64::from(self.max_message_size(most));
    }
}

/// A number of bytes that all sessions of an endpoint share.
///
/// A window that was told is a promise: the peer may use it at any time, and limits never shrink
/// (docs/PROTOCOL.md, 7.4.4). So what is told is what counts. Some memory is kept for the least
/// windows of the sessions that may still come; of the rest each session is promised a part at
/// first, and windows that are used grow into it.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: u64,
    promised: u64,
    /// What is kept for each session that may still come.
    kept: u64,
    /// How many may.
    seats: u64,
}

impl Memory {
    /// `limit` bytes for up to `seats` sessions, half of which are kept for those that come late.
    pub(crate) fn new(limit: u64, seats: u64) -> Self {
        let kept = LEAST.sum().min(limit / 2 / seats.max(1));
        Self { limit, promised: 0, kept, seats }
    }

    /// How much is neither promised nor kept: windows may grow by it.
    pub(crate) fn free(&self) -> u64 {
        let kept = self.kept.saturating_mul(self.seats);
        self.limit.saturating_sub(self.promised).saturating_sub(kept)
    }

    /// The first windows of a session that a client may begin now, `full` ones if there is much to spare.
    pub(crate) fn windows(&self, full: Windows) -> Windows {
        full.within(self.free() / SHARES)
    }

    /// The same of one that the program asks for.
    pub(crate) fn own_windows(&self, full: Windows) -> Windows {
        full.within(self.free() / OWN_SHARES)
    }

    /// Whether there is memory for another session with these windows.
    pub(crate) fn has_room(&self, windows: Windows) -> bool {
        windows.sum() <= self.limit.saturating_sub(self.promised)
    }

    /// A session begins.
    pub(crate) fn begin(&mut self, windows: Windows) {
        self.seats = self.seats.saturating_sub(1);
        self.promise(windows.sum());
    }

    /// A session, which was promised so much in all, is over.
    pub(crate) fn end(&mut self, promised: u64) {
        self.seats = self.seats.saturating_add(1);
        self.promised = self.promised.saturating_sub(promised);
    }

    /// A window grows; who wants that asks before how much is [free](Self::free).
    pub(crate) fn promise(&mut self, bytes: u64) {
        self.promised = self.promised.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Windows = Windows { session: 128 << 10, messages: 256 << 10 };

    #[test]
    fn first_windows_shrink_as_the_memory_fills_and_every_seat_is_taken() {
        let mut memory = Memory::new(1 << 30, 65_536);
        let (mut before, mut full) = (u64::MAX, 0);
        for _ in 0..65_536 {
            let windows = memory.windows(FULL);
            assert!(memory.has_room(windows));
            assert!(windows.sum() <= before && windows.sum() >= LEAST.sum());
            full += u32::from(windows == FULL);
            before = windows.sum();
            memory.begin(windows);
        }
        assert!(full > 300, "{full} with full windows");
        assert_eq!(before, LEAST.sum());
    }

    #[test]
    fn handshakes_at_once_find_what_they_were_told_of() {
        let mut memory = Memory::new(64 << 20, 65_536);
        let told = memory.windows(FULL);
        assert!(told.sum() > LEAST.sum() && told.sum() < FULL.sum());
        for _ in 0..SHARES {
            assert!(memory.has_room(told));
            memory.begin(told);
        }
    }

    #[test]
    fn sessions_of_ones_own_begin_with_more_and_leave_the_rest_for_others() {
        let mut memory = Memory::new(64 << 20, 4_096);
        assert!(memory.windows(FULL).sum() < FULL.sum());
        for _ in 0..4_096 {
            let windows = memory.own_windows(FULL);
            assert!(memory.has_room(windows));
            memory.begin(windows);
        }
        let mut memory = Memory::new(64 << 20, 4_096);
        assert_eq!(memory.own_windows(FULL), FULL);
        memory.begin(FULL);
        memory.end(FULL.sum());
        assert_eq!(memory.own_windows(FULL), FULL);
    }

    #[test]
    fn growth_leaves_the_seats_alone_and_what_ends_comes_back() {
        let mut memory = Memory::new(1 << 20, 8);
        let windows = memory.windows(FULL);
        memory.begin(windows);
        let grown = memory.free();
        memory.promise(grown);
        assert_eq!((memory.free(), memory.windows(FULL)), (0, LEAST));
        for _ in 1..8 {
            assert!(memory.has_room(LEAST));
            memory.begin(LEAST);
        }
        memory.end(windows.sum() + grown);
        (1..8).for_each(|_| memory.end(LEAST.sum()));
        assert_eq!(memory.windows(FULL), windows);
    }

    #[test]
    fn no_message_is_larger_than_its_window() {
        let tell = |windows: Windows| {
            let mut parameters = Parameters { max_message_size: 64 << 10, ..Parameters::default() };
            windows.tell(&mut parameters);
            parameters.max_message_size
        };
        assert_eq!((tell(FULL), tell(LEAST)), (64 << 10, (4 << 10) - 32));
        assert_eq!(tell(Windows { messages: 0, ..FULL }), 0);
    }
}
