//! [`crowd`]: many sessions in one thread, as programs with many clients have them: a session whose turn
//! has come is polled, the others cost nothing. What a session does is its future's.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Whose turn it is, and who is to be told.
struct Queue {
    ready: Mutex<Vec<usize>>,
    thread: Thread,
}

struct Turn {
    index: usize,
    is_ready: AtomicBool,
    queue: Arc<Queue>,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        if self.is_ready.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut ready = self.queue.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.push(self.index);
        if ready.len() == 1 {
            self.queue.thread.unpark();
        }
    }
}

type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs all of them for `time`, or until they are done.
pub(super) fn crowd(mut tasks: Vec<Task<'_>>, time: Duration) {
    let (begun, mut left) = (Instant::now(), tasks.len());
    let queue = Arc::new(Queue { ready: Mutex::default(), thread: thread::current() });
    let turns: Vec<_> = (0..left)
        .map(|index| {
            let queue = Arc::clone(&queue);
            Arc::new(Turn { index, is_ready: AtomicBool::new(false), queue })
        })
        .collect();
    turns.iter().cloned().for_each(Wake::wake);
    while left > 0 && begun.elapsed() < time {
        let mut ready = queue.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let now = std::mem::take(&mut *ready);
        drop(ready);
        if now.is_empty() {
            thread::park_timeout(time.saturating_sub(begun.elapsed()));
            // Whoever wakes one most often wakes others with it: all of them have their turn then.
            thread::yield_now();
        }
        for index in now {
            turns[index].is_ready.store(false, Ordering::Release);
            let waker = Waker::from(Arc::clone(&turns[index]));
            let mut context = Context::from_waker(&waker);
            if tasks[index].as_mut().poll(&mut context).is_ready() {
                tasks[index] = Box::pin(std::future::pending());
                left -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    #[test]
    fn each_has_its_turns_and_the_end_is_in_time() {
        let counts = [const { Cell::new(0) }; 3];
        let tasks = counts.iter().map(|count| {
            Box::pin(poll_fn(|cx| {
                count.set(count.get() + 1);
                if count.get() == 100 {
                    return Poll::Ready(());
                }
                let waker = cx.waker().clone();
                thread::spawn(move || waker.wake());
                Poll::Pending
            })) as Task<'_>
        });
        crowd(tasks.collect(), Duration::from_mins(1));
        assert!(counts.iter().all(|count| count.get() == 100));
        crowd(vec![Box::pin(std::future::pending())], Duration::from_millis(5));
    }
}
