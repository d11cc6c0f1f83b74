//! [`Shared`]: the machine behind its lock, and the two ways in: the driver thread's turns, and the
//! calls of everybody else. Waiting, and the life of the thread, are elsewhere.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rudp_base::{Application, Instant, Machine};

use crate::clock::Clock;
use crate::engine::{Engine, Wait};
use crate::posts::Posts;
use crate::receive::ReceiveBuffers;
use crate::socket::Socket;
use crate::stats::Stats;
use crate::wake::Waker;

const PANICKED: &str = "the driver's machine or application panicked in an earlier call";

/// What the driver's thread and its handles have in common.
pub(crate) struct Shared<M, A> {
    pub(crate) clock: Clock,
    pub(crate) socket: Socket,
    pub(crate) waker: Waker,
    /// Tells the thread to end.
    pub(crate) stop: AtomicBool,
    pub(crate) wake_ups: AtomicU64,
    pub(crate) receive_errors: AtomicU64,
    /// Set while the thread is sure to take the lock before it waits again, so that waking it
    /// would be in vain. Cleared under the lock only: whoever holds the lock and sees it set knows
    /// that the thread's next turn is still to come.
    pub(crate) awake: AtomicBool,
    engine: Mutex<Engine<M, A>>,
    posts: Posts<M, A>,
}

/// The lock, held. If its holder panics, the thread is woken to find it poisoned and end.
struct Held<'a, M, A> {
    engine: MutexGuard<'a, Engine<M, A>>,
    waker: &'a Waker,
}

impl<M, A> Deref for Held<'_, M, A> {
    type Target = Engine<M, A>;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}

impl<M, A> DerefMut for Held<'_, M, A> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.engine
    }
}

impl<M, A> Drop for Held<'_, M, A> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.waker.wake();
        }
    }
}

impl<M: Machine, A: Application<M>> Shared<M, A> {
    pub(crate) fn new(
        machine: M,
        application: A,
        socket: Socket,
        clock: Clock,
    ) -> io::Result<Self> {
        Ok(Self {
            clock,
            socket,
            waker: Waker::new()?,
            stop: AtomicBool::new(false),
            wake_ups: AtomicU64::new(0),
            receive_errors: AtomicU64::new(0),
            awake: AtomicBool::new(true),
            engine: Mutex::new(Engine::new(machine, application)),
            posts: Posts::new(),
        })
    }

    /// One turn of the thread: hands over what was received, does what is due, sends what there
    /// is to send, all under one lock and with one reading of the clock. Returns what to wait for.
    ///
    /// # Errors
    ///
    /// The socket is of no use any more, or somebody panicked while holding the lock.
    pub(crate) fn turn(&self, buffers: &mut ReceiveBuffers, writable: bool) -> io::Result<Wait> {
        let engine = self.engine.lock().map_err(|_| io::Error::other(PANICKED))?;
        let mut engine = Held { engine, waker: &self.waker };
        let now = self.clock.now();
        self.run_posts(now, &mut engine);
        engine.handle(now, buffers.batches());
        engine.check_drops(now, &self.socket);
        if writable {
            engine.on_writable();
        }
        engine.flush(now, &self.socket);
        let wait = engine.plan(now);
        self.awake.store(false, Ordering::Relaxed);
        wait
    }

    /// Calls the machine as soon as the lock is free.
    ///
    /// # Panics
    ///
    /// If somebody panicked while holding the lock, now or earlier.
    pub(crate) fn with<R>(&self, call: impl FnOnce(Instant, &mut M, &mut A) -> R) -> R {
        let Ok(engine) = self.engine.lock() else { panic!("{PANICKED}") };
        let result = self.enter(engine, call);
        self.serve_posts();
        result
    }

    /// Calls the machine now if the lock is free, else leaves the call to the lock's holder.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    pub(crate) fn post(&self, call: impl FnOnce(Instant, &mut M, &mut A) + Send + 'static) {
        match self.engine.try_lock() {
            Ok(engine) => self.enter(engine, call),
            Err(TryLockError::WouldBlock) => self.posts.push(Box::new(call)),
            Err(TryLockError::Poisoned(_)) => panic!("{PANICKED}"),
        }
        self.serve_posts();
    }

    /// Runs calls that were left, until there are none or somebody else holds the lock. To be
    /// called after leaving a call, and after each release of the lock.
    ///
    /// That no call is ever stranded: say that thread P leaves a call and then finds the lock
    /// taken by H. Had H looked into the queue before P left the call there, then H's release,
    /// which comes before that look, would also have come before P's attempt at the lock (the
    /// queue's own lock orders the two), and P could not have found it taken by H. So H looks
    /// later, and finds the call. If instead P finds the lock taken by another H' in the meantime,
    /// the same holds for H'.
    pub(crate) fn serve_posts(&self) {
        while !self.posts.is_empty() {
            let Ok(engine) = self.engine.try_lock() else { return };
            self.enter(engine, |_, _, _| ());
        }
    }

    /// What has been counted so far.
    pub(crate) fn stats(&self) -> Stats {
        let stats = self.engine.lock().unwrap_or_else(PoisonError::into_inner).stats;
        // Somebody may have left a call just now.
        self.serve_posts();
        Stats {
            wake_ups: self.wake_ups.load(Ordering::Relaxed),
            receive_errors: self.receive_errors.load(Ordering::Relaxed),
            ..stats
        }
    }

    /// The machine and the application, unless somebody panicked while holding the lock.
    pub(crate) fn into_parts(self) -> Option<(M, A)> {
        let engine = self.engine.into_inner().ok()?;
        Some((engine.machine, engine.application))
    }

    /// Calls the machine, and then, in this thread, sends what it has to send.
    fn enter<R>(
        &self,
        engine: MutexGuard<'_, Engine<M, A>>,
        call: impl FnOnce(Instant, &mut M, &mut A) -> R,
    ) -> R {
        let mut engine = Held { engine, waker: &self.waker };
        let now = self.clock.now();
        // Calls left earlier may come from this same thread: order is kept.
        self.run_posts(now, &mut engine);
        let Engine { machine, application, .. } = &mut *engine;
        let result = call(now, machine, application);
        engine.flush(now, &self.socket);
        let wake = engine.rearm(now) && !self.awake.load(Ordering::Relaxed);
        drop(engine);
        if wake {
            self.waker.wake();
        }
        result
    }

    fn run_posts(&self, now: Instant, engine: &mut Engine<M, A>) {
        let Engine { machine, application, .. } = engine;
        self.posts.run(now, machine, application);
    }
}
