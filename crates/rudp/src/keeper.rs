//! [`Keeper`]: keeps an endpoint's drivers running for sessions that close in the background.
//! When a shard has nothing left to say is its node's to tell.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::node::Engine;

/// Keeps all drivers of an endpoint until the last shard is done: until then each of them may get
/// datagrams that are a sibling's.
#[derive(Default)]
pub(crate) struct Keeper {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    engines: Vec<Engine>,
    /// The shards that are not done.
    busy: BTreeSet<usize>,
}

impl Keeper {
    /// Keeps `engines` until all those in `busy` are done.
    pub(crate) fn keep(&self, engines: Vec<Engine>, busy: BTreeSet<usize>) {
        *self.lock() = Kept { engines, busy };
    }

    /// Shard number `shard` has nothing left to say, or had to end. To say so again is no error.
    pub(crate) fn done(&self, shard: usize) {
        let done = {
            let mut kept = self.lock();
            kept.busy.remove(&shard);
            if kept.busy.is_empty() { std::mem::take(&mut kept.engines) } else { Vec::new() }
        };
        // Behind the lock: they may be the last handles, and wait for the other shards' threads. Of
        // its own thread none waits, which ends behind its turn.
        drop(done);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing that can panic runs under this lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
