//! [`Posts`]: calls left by threads that found the lock taken, for its holder to run.
//! Who holds the lock, and looks here, is decided elsewhere.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rudp_base::Instant;

type Post<M, A> = Box<dyn FnOnce(Instant, &mut M, &mut A) + Send>;

/// A queue of calls to a machine and its application.
pub(crate) struct Posts<M, A> {
    queue: Mutex<Vec<Post<M, A>>>,
}

impl<M, A> Posts<M, A> {
    pub(crate) fn new() -> Self {
        Self { queue: Mutex::new(Vec::new()) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(crate) fn push(&self, post: Post<M, A>) {
        self.lock().push(post);
    }

    /// As [`push`](Self::push), unless `most` calls wait already. Says how many waited, if it was.
    pub(crate) fn push_within(&self, most: usize, post: Post<M, A>) -> Option<usize> {
        let mut queue = self.lock();
        let waiting = queue.len();
        (waiting < most).then(|| {
            queue.push(post);
            waiting
        })
    }

    /// Runs what is in the queue, in order.
    pub(crate) fn run(&self, now: Instant, machine: &mut M, application: &mut A) {
        // The queue is free while the calls run: they may post.
        let posts = std::mem::take(&mut *self.lock());
        for post in posts {
            post(now, machine, application);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Post<M, A>>> {
        // Nothing that can panic runs under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
