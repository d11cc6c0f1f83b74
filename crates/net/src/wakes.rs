//! [`Wakes`]: wakes whom an application wants woken, after the lock is free, without allocating.
//! What is asked for in a turn is collected elsewhere, and so is the lock let go.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// How many empty lists are kept for later turns: as many threads may be waking at one time
/// without allocating.
const MOST_SPARES: usize = 8;

/// The longest list that is kept, in wakers. A crowd that was woken once leaves no memory behind.
const MOST_WAKERS: usize = 1_024;

/// The lists that wakers travel in from the application, under the lock, to their call, after it.
pub(crate) struct Wakes {
    spares: Mutex<Vec<Vec<Waker>>>,
}

impl Wakes {
    pub(crate) fn new() -> Self {
        Self { spares: Mutex::new(Vec::new()) }
    }

    /// An empty list, with room if there is one that was used before.
    pub(crate) fn spare(&self) -> Vec<Waker> {
        self.lock().pop().unwrap_or_default()
    }

    /// Wakes them all. To be called without the driver's lock: a waker may call the driver.
    pub(crate) fn fire(&self, mut wakes: Vec<Waker>) {
        if wakes.is_empty() {
            return;
        }
        for waker in wakes.drain(..) {
            // Those behind it would sleep for ever, and neither the thread nor the caller that
            // happens to wake them is to blame.
            if panic::catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
                tracing::error!("a waker panicked");
            }
        }
        let mut spares = self.lock();
        if spares.len() < MOST_SPARES && wakes.capacity() <= MOST_WAKERS {
            spares.push(wakes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<Waker>>> {
        // Nothing that can panic runs under this lock.
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    /// Counts how often it is woken; or panics.
    #[derive(Default)]
    struct Bell {
        rung: AtomicUsize,
        broken: bool,
    }

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            assert!(!self.broken, "a bell is broken");
            self.rung.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_list_is_used_again_and_a_long_one_is_not_kept() {
        let (wakes, bell) = (Wakes::new(), Arc::new(Bell::default()));
        let mut list = wakes.spare();
        list.extend((0..5).map(|_| Waker::from(Arc::clone(&bell))));
        let room = (list.as_ptr(), list.capacity());
        wakes.fire(list);
        assert_eq!(bell.rung.load(Ordering::Relaxed), 5);

        let mut list = wakes.spare();
        assert!(list.is_empty());
        assert_eq!((list.as_ptr(), list.capacity()), room);
        list.resize(MOST_WAKERS + 1, Waker::from(Arc::clone(&bell)));
        wakes.fire(list);
        assert_eq!(bell.rung.load(Ordering::Relaxed), 5 + MOST_WAKERS + 1);
        assert_eq!(wakes.spare().capacity(), 0);
    }

    #[test]
    fn no_more_lists_are_kept_than_threads_may_need() {
        let wakes = Wakes::new();
        (0..=MOST_SPARES).for_each(|_| wakes.fire(vec![Waker::noop().clone()]));
        assert_eq!(wakes.lock().len(), MOST_SPARES);
    }

    #[test]
    fn a_waker_that_panics_harms_nobody_else() {
        let (wakes, bell) = (Wakes::new(), Arc::new(Bell::default()));
        let broken = Arc::new(Bell { broken: true, ..Bell::default() });
        wakes.fire(vec![Arc::clone(&broken).into(), Arc::clone(&bell).into()]);
        assert_eq!(bell.rung.load(Ordering::Relaxed), 1);
        assert_eq!(Arc::strong_count(&broken), 1);
        assert_eq!(Arc::strong_count(&bell), 1);
    }
}
