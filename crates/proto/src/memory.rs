//! [`Memory`]: what an endpoint may hold for its peers, and how much of that is promised.
//! Who gets how much is decided where windows grow.

/// A number of bytes that all sessions of an endpoint share.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: u64,
    promised: u64,
}

impl Memory {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, promised: 0 }
    }

    /// How much is not promised yet.
    pub(crate) fn free(&self) -> u64 {
        self.limit.saturating_sub(self.promised)
    }

    /// Promises `bytes`; who grows asks before how much is [free](Self::free).
    pub(crate) fn promise(&mut self, bytes: u64) {
        self.promised = self.promised.saturating_add(bytes);
    }

    /// A promise is over.
    pub(crate) fn give_back(&mut self, bytes: u64) {
        self.promised = self.promised.saturating_sub(bytes);
    }
}
