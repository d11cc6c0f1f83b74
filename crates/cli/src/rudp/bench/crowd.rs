//! [`crowd`]: many sessions in one thread, as programs with many clients have them: a session whose turn
//! has come is polled, the others cost nothing. What a session does is its future's.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker, ready};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rudp::aio::Endpoint;

/// Runs all of them for `time`, or until they are done.
pub(super) fn crowd<T>(endpoint: &Endpoint, tasks: impl Iterator<Item = T>, time: Duration)
where
    T: Future<Output = ()>,
{
    let mut tasks: FuturesUnordered<_> = tasks.collect();
    let mut end = pin!(sleep(time));
    endpoint.block_on(poll_fn(|cx| {
        if end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        while ready!(tasks.poll_next_unpin(cx)).is_some() {}
        Poll::Ready(())
    }));
}

/// Waits for `time`, with a thread of its own.
async fn sleep(time: Duration) {
    let (begun, sleeper) = (Instant::now(), Arc::new(Mutex::new(None::<Waker>)));
    let own = Arc::clone(&sleeper);
    thread::spawn(move || {
        thread::sleep(time);
        let sleeper = own.lock().unwrap_or_else(PoisonError::into_inner).take();
        sleeper.into_iter().for_each(Waker::wake);
    });
    poll_fn(|cx| {
        let mut sleeper = sleeper.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.elapsed() >= time {
            return Poll::Ready(());
        }
        *sleeper = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn each_has_its_turns_and_the_end_is_in_time() {
        let endpoint = Endpoint::from(rudp::Endpoint::builder().build().unwrap());
        let counts = [const { Cell::new(0) }; 3];
        let tasks = counts.iter().map(|count| {
            poll_fn(|cx| {
                count.set(count.get() + 1);
                if count.get() == 100 {
                    return Poll::Ready(());
                }
                let waker = cx.waker().clone();
                thread::spawn(move || waker.wake());
                Poll::Pending
            })
        });
        crowd(&endpoint, tasks, Duration::from_mins(1));
        assert!(counts.iter().all(|count| count.get() == 100));
        crowd(&endpoint, std::iter::once(std::future::pending()), Duration::from_millis(5));
    }
}
