//! [`Waits`]: who waits for what, and who is woken when it happened.
//! What happens is told by the protocol; how one waits is in `block` and `aio`. Those who wait for
//! clients are in `lobby`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use rudp_proto::{Direction, EventKind, Handle};

/// What one can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wait {
    /// No session has anything to say any more.
    Idle,
    /// Something about one session.
    About(Handle, Topic),
}

/// What one can wait for in a session. Its end ends the waiting for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    // The first one: `end_session` begins its search here.
    Connected,
    Readable(u64),
    Writable(u64),
    Opened,
    MayOpen(Direction),
    Receipt(u64),
    MessageReadable,
    MessageWritable,
    Fate(u64),
    Closed,
}

impl Topic {
    /// What an event is about; `None` for those that are not about one thing.
    pub(crate) fn of(event: EventKind) -> Option<Self> {
        Some(match event {
            EventKind::Incoming | EventKind::Ended => return None,
            EventKind::Connected => Self::Connected,
            EventKind::Readable { stream } => Self::Readable(stream),
            EventKind::Writable { stream } => Self::Writable(stream),
            EventKind::Opened => Self::Opened,
            EventKind::MayOpen { direction } => Self::MayOpen(direction),
            EventKind::Receipt { stream } => Self::Receipt(stream),
            EventKind::MessageReadable => Self::MessageReadable,
            EventKind::MessageWritable => Self::MessageWritable,
            EventKind::MessageFate { message } => Self::Fate(message),
            EventKind::Closed => Self::Closed,
        })
    }
}

/// The wakers of all who wait at one shard.
///
/// Whoever finds that it has to wait adds its waker in the same turn of the shard, so that
/// nothing happens in between. The lock of its own is for the end of the shard's thread alone,
/// which wakes everybody and may be a panic.
#[derive(Default)]
pub(crate) struct Waits {
    lists: Mutex<Lists>,
}

#[derive(Default)]
struct Lists {
    waiting: BTreeMap<Wait, Wakers>,
    /// Nothing will happen any more.
    over: bool,
}

/// The wakers of those who wait for one thing. Most often that is one, which costs no allocation.
struct Wakers {
    first: Waker,
    others: Vec<Waker>,
}

impl Waits {
    /// Adds `waker` to those who wait for `wait`. Whoever is there already is not added again.
    pub(crate) fn add(&self, wait: Wait, waker: &Waker) {
        let mut lists = self.lock();
        if lists.over {
            drop(lists);
            return waker.wake_by_ref();
        }
        match lists.waiting.get_mut(&wait) {
            None => {
                let wakers = Wakers { first: waker.clone(), others: Vec::new() };
                lists.waiting.insert(wait, wakers);
            }
            Some(Wakers { first, others }) => {
                let known = first.will_wake(waker) || others.iter().any(|w| w.will_wake(waker));
                if !known {
                    others.push(waker.clone());
                }
            }
        }
    }

    /// How many things of sessions are waited for.
    pub(crate) fn of_sessions(&self) -> usize {
        let lists = self.lock();
        lists.waiting.len() - usize::from(lists.waiting.contains_key(&Wait::Idle))
    }

    /// Moves those who wait for `wait` to `ready`.
    pub(crate) fn take(&self, wait: Wait, ready: &mut Vec<Waker>) {
        if let Some(wakers) = self.lock().waiting.remove(&wait) {
            wakers.move_to(ready);
        }
    }

    /// Moves those who wait for anything of a session to `ready`.
    pub(crate) fn take_session(&self, session: Handle, ready: &mut Vec<Waker>) {
        let mut lists = self.lock();
        let first = Wait::About(session, Topic::Connected);
        while let Some((&wait, _)) = lists.waiting.range(first..).next()
            && matches!(wait, Wait::About(about, _) if about == session)
            && let Some(wakers) = lists.waiting.remove(&wait)
        {
            wakers.move_to(ready);
        }
    }

    /// Wakes everybody, now and whoever comes: the endpoint's thread has ended.
    pub(crate) fn end(&self) {
        let waiting = {
            let mut lists = self.lock();
            lists.over = true;
            std::mem::take(&mut lists.waiting)
        };
        let mut ready = Vec::new();
        for wakers in waiting.into_values() {
            wakers.move_to(&mut ready);
        }
        ready.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        // A waker that panics when it is cloned leaves nothing half done.
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wakers {
    fn move_to(self, ready: &mut Vec<Waker>) {
        ready.push(self.first);
        ready.extend(self.others);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), count.into())
    }

    #[test]
    fn each_waiter_is_woken_once_for_what_it_waits_for() {
        let waits = Waits::default();
        let ((a, wake_a), (b, wake_b)) = (waker(), waker());
        waits.add(Wait::Idle, &wake_a);
        waits.add(Wait::Idle, &wake_a);
        waits.add(Wait::Idle, &wake_b);
        assert_eq!(waits.of_sessions(), 0);
        let mut ready = Vec::new();
        waits.take(Wait::Idle, &mut ready);
        waits.take(Wait::Idle, &mut ready);
        assert_eq!(ready.len(), 2);
        ready.drain(..).for_each(Waker::wake);
        assert_eq!((a.0.load(Ordering::Relaxed), b.0.load(Ordering::Relaxed)), (1, 1));
    }

    #[test]
    fn the_end_wakes_all_and_whoever_comes_later() {
        let waits = Waits::default();
        let (count, waker) = waker();
        waits.add(Wait::Idle, &waker);
        waits.end();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        waits.add(Wait::Idle, &waker);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }
}
