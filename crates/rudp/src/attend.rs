//! [`run`]: a future in a thread that does a shard's work whenever the future waits, so that its tasks
//! need no other thread to wake them. What they wait for is in `link`; threads that wait for one thing
//! are in `block`.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::host::Shard;
use crate::node::Sibling;

/// For how long a task may always find something to do before it makes way for the others. The thread
/// looks for datagrams in between, so that one which sends without end would never have to wait.
const TURN: Duration = Duration::from_micros(50);

/// The future is polled, or is about to be.
const RUNNING: u8 = 0;
/// The thread waits.
const WAITING: u8 = 1;
/// The future wants to be polled.
const RUNG: u8 = 2;

thread_local! {
    /// What this thread attends to.
    static ATTENDANCE: Cell<Option<Attendance>> = const { Cell::new(None) };
}

/// A thread's attention to a shard.
#[derive(Clone, Copy)]
struct Attendance {
    /// The address of the shard, which lives for longer.
    shard: usize,
    /// The task that found something to do last, by its waker, and since when it does.
    turn: Option<(usize, Instant)>,
}

/// Ends a thread's attention.
struct End(Option<Attendance>);

impl Drop for End {
    fn drop(&mut self) {
        ATTENDANCE.set(self.0);
    }
}

/// Polls `future` to its end, and does the shard's work in between, for everybody who waits there.
pub(crate) fn run<T>(shard: &Shard, future: impl Future<Output = T>) -> T {
    let bell = Arc::new(Bell::new(shard));
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let attendance = Attendance { shard: shard.address(), turn: None };
    let _end = End(ATTENDANCE.get());
    loop {
        // Whoever has waited begins anew.
        ATTENDANCE.set(Some(attendance));
        let call = shard.begin_call(true);
        // A swap, so that the future sees what whoever rang before has done.
        bell.state.swap(RUNNING, Ordering::AcqRel);
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
        drop(call);
        bell.wait(shard);
    }
}

/// Has a task that is polled in an attending thread make way for the others if it has had its turn, at
/// whichever shard. Looks for datagrams otherwise, now and then, if it is the one that is attended to.
pub(crate) fn make_way(shard: &Shard, cx: &Context<'_>) -> Poll<()> {
    let Some(attendance) = ATTENDANCE.get() else { return Poll::Ready(()) };
    let (task, now) = (cx.waker().data().addr(), Instant::now());
    let begun = attendance.turn.filter(|(last, _)| *last == task).map(|(_, since)| since);
    let is_over = begun.is_some_and(|since| now.duration_since(since) > TURN);
    let turn = (!is_over).then_some((task, begun.unwrap_or(now)));
    ATTENDANCE.set(Some(Attendance { turn, ..attendance }));
    if is_over {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    if attendance.shard == shard.address() {
        shard.go_on_call(true);
    }
    Poll::Ready(())
}

/// The task that is polled has to wait: its next turn begins anew.
pub(crate) fn end_turn() {
    let attendance = ATTENDANCE.get();
    ATTENDANCE.set(attendance.map(|attendance| Attendance { turn: None, ..attendance }));
}

/// Wakes a thread that waits at a shard's socket, or sleeps.
struct Bell {
    thread: Thread,
    engine: Sibling,
    state: AtomicU8,
}

impl Bell {
    fn new(shard: &Shard) -> Self {
        let (thread, engine) = (thread::current(), shard.engine.downgrade());
        Self { thread, engine, state: AtomicU8::new(RUNNING) }
    }

    fn is_rung(&self) -> bool {
        self.state.load(Ordering::Acquire) == RUNG
    }

    /// Waits until somebody rings, if nobody has since the future was polled.
    fn wait(&self, shard: &Shard) {
        let (found, otherwise) = (Ordering::AcqRel, Ordering::Acquire);
        if self.state.compare_exchange(RUNNING, WAITING, found, otherwise).is_ok() {
            shard.attend_to_all(&|| self.is_rung());
        }
        // Another thread does the shard's work, or it had to end.
        while !self.is_rung() {
            thread::park();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let was_waiting = self.state.swap(RUNG, Ordering::AcqRel) == WAITING;
        // The thread itself rings at the end of a turn of the shard, and looks after it.
        if was_waiting && thread::current().id() != self.thread.id() {
            self.engine.rouse();
            self.thread.unpark();
        }
    }
}
