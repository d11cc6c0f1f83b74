//! Waiting in a thread for what is otherwise polled: the bridge between the two forms of the API.
//! What is waited for is not known here.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::host::Shard;

/// Wakes one thread.
struct Parker {
    thread: Thread,
    /// Set by a wake-up, so that other people's `unpark` is none.
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

thread_local! {
    /// One for each thread: whoever waits again and again makes none anew, and the lists of those
    /// who wait know it.
    static PARKER: (Arc<Parker>, Waker) = {
        let parker = Arc::new(Parker { thread: thread::current(), woken: AtomicBool::new(false) });
        (Arc::clone(&parker), parker.into())
    };
}

/// Polls until there is a result, for at most `patience`, and sleeps in between.
///
/// # Errors
/// [`TimedOut`](crate::ErrorKind::TimedOut), or those of `poll`.
pub(crate) fn on<T>(
    patience: Option<Duration>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T>>,
) -> Result<T> {
    wait(patience, poll, |_, _| ())
}

/// As [`on`], for what the shard's thread brings, which waits for the caller no longer.
///
/// # Errors
/// As [`on`].
pub(crate) fn beside<T>(
    shard: &Shard,
    patience: Option<Duration>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T>>,
) -> Result<T> {
    wait(patience, poll, |_, _| shard.give_up())
}

/// As [`on`], for what is likely to come soon: the thread does the shard's work meanwhile.
///
/// # Errors
/// As [`on`].
pub(crate) fn at<T>(
    shard: &Shard,
    patience: Option<Duration>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T>>,
) -> Result<T> {
    let _call = shard.begin_call(false);
    let _end = End { outer: CALLED.replace(Some(shard.address())) };
    wait(patience, poll, |patience, is_woken| shard.attend(patience, is_woken))
}

thread_local! {
    /// The address of the shard at which this thread is in a call, and may do its work.
    static CALLED: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Ends a thread's call at a shard.
struct End {
    /// The call in which this one was made.
    outer: Option<usize>,
}

impl Drop for End {
    fn drop(&mut self) {
        CALLED.set(self.outer);
    }
}

/// Between the steps of a call that does much at a shard: does the shard's work, if the thread is in a
/// call [at](at) it.
pub(crate) fn go_on(shard: &Shard) {
    if CALLED.get() == Some(shard.address()) {
        shard.go_on_call(false);
    }
}

fn wait<T>(
    patience: Option<Duration>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T>>,
    attend: impl Fn(Option<Duration>, &dyn Fn() -> bool),
) -> Result<T> {
    // A time beyond the clock's is no deadline.
    let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
    PARKER.with(|(parker, waker)| {
        let mut context = Context::from_waker(waker);
        loop {
            if let Poll::Ready(result) = poll(&mut context) {
                return result;
            }
            let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
            attend(deadline.map(left), &|| parker.woken.load(Ordering::Acquire));
            while !parker.woken.swap(false, Ordering::Acquire) {
                match deadline.map(left) {
                    None => thread::park(),
                    Some(Duration::ZERO) => return Err(Error::timed_out()),
                    Some(left) => thread::park_timeout(left),
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn it_sleeps_until_it_is_woken() {
        let mut polls = 0;
        let result = on(None, |cx| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(Ok(polls));
            }
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            Poll::Pending
        });
        assert_eq!(result.unwrap(), 3);
    }

    #[test]
    fn patience_ends() {
        let result = on::<()>(Some(Duration::from_millis(5)), |_| Poll::Pending);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
        let result = on(Some(Duration::MAX), |_| Poll::Ready(Ok(1)));
        assert_eq!(result.unwrap(), 1);
    }

    #[test]
    fn a_foreign_unpark_is_no_wake_up() {
        thread::current().unpark();
        let mut polls = 0;
        let result = on::<()>(Some(Duration::from_millis(5)), |_| {
            polls += 1;
            Poll::Pending
        });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
        // A wake-up from an earlier test in this thread may still come.
        assert!(polls <= 2, "{polls}");
    }
}
