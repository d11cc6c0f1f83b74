//! [`Shared`]: the machine behind its lock, and the two ways in: the driver thread's turns, and the
//! calls of everybody else. Waiting, and the life of the thread, are elsewhere.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::Duration;
use std::{task, thread};

use rudp_base::{Application, Datagrams, Instant, Machine};

use crate::clock::Clock;
use crate::engine::{Engine, Wait};
use crate::handover::Member;
use crate::moderation::Look;
use crate::posts::Posts;
use crate::seat::Seat;
use crate::socket::Socket;
use crate::stats::Stats;
use crate::wake::Waker;
use crate::wakes::Wakes;

/// How often a caller makes way for the thread before it takes the lock all the same: for about a
/// tenth of a millisecond, or so many time slices of others on a busy processor. That is longer
/// than a thread takes to wake up, but not for ever, should it get no processor at all.
const MAKE_WAY: u32 = 256;

/// How many calls may wait for the lock before no more are left by those who have no need of them.
const MOST_LEFT: usize = 64;

const PANICKED: &str = "the driver's machine or application panicked in an earlier call";

/// What the driver's thread and its handles have in common.
pub(crate) struct Shared<M, A> {
    pub(crate) clock: Clock,
    /// Wakes who waits at the socket.
    pub(crate) waker: Arc<Waker>,
    /// The socket as everybody knows it, and who else has the port.
    pub(crate) member: Member,
    pub(crate) seat: Seat,
    /// Wakes the thread when it stands aside.
    pub(crate) aside: Waker,
    /// Tells the thread to end.
    pub(crate) stop: AtomicBool,
    pub(crate) wake_ups: AtomicU64,
    pub(crate) receive_errors: AtomicU64,
    /// Set while the thread is sure to take the lock before it waits again, so that waking it
    /// would be in vain. Cleared under the lock only: whoever holds the lock and sees it set knows
    /// that the thread's next turn is still to come.
    pub(crate) awake: AtomicBool,
    /// Set while the thread waits for the lock. The system's lock goes to whoever runs, and not to
    /// who has waited: a caller that takes it again and again would keep the thread out for long.
    wanted: AtomicBool,
    /// Why the thread ended, if it had to.
    failure: OnceLock<Arc<io::Error>>,
    engine: Mutex<Engine<M, A>>,
    posts: Posts<M, A>,
    pub(crate) wakes: Wakes,
}

/// The lock, taken. If its holder panics, the thread is woken to find it poisoned and end.
struct Entered<'a, M, A> {
    engine: MutexGuard<'a, Engine<M, A>>,
    /// Those of the thread, wherever it waits.
    wakers: [&'a Waker; 2],
}

impl<M, A> Deref for Entered<'_, M, A> {
    type Target = Engine<M, A>;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}

impl<M, A> DerefMut for Entered<'_, M, A> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.engine
    }
}

impl<M, A> Drop for Entered<'_, M, A> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.wakers.iter().for_each(|waker| waker.wake());
        }
    }
}

impl<M: Machine, A: Application<M>> Shared<M, A> {
    pub(crate) fn new(
        machine: M,
        application: A,
        member: Member,
        clock: Clock,
    ) -> io::Result<Self> {
        Ok(Self {
            clock,
            waker: member.waker(),
            seat: Seat::new(member.socket()),
            aside: Waker::new()?,
            stop: AtomicBool::new(false),
            wake_ups: AtomicU64::new(0),
            receive_errors: AtomicU64::new(0),
            awake: AtomicBool::new(true),
            wanted: AtomicBool::new(false),
            failure: OnceLock::new(),
            engine: Mutex::new(Engine::new(machine, application, member.socket())),
            member,
            posts: Posts::new(),
            wakes: Wakes::new(),
        })
    }

    /// One turn of the thread: hands over what was received, does what is due, sends what there
    /// is to send, all under one lock and with one reading of the clock. Returns what to wait for,
    /// and whom the application wants woken: the caller [wakes](Wakes::fire) them, with nothing locked.
    ///
    /// `look` is what looking for datagrams has shown, and `writable` whether there is room again.
    /// `seated` is what they were received from. If that was replaced in the meantime, then so is
    /// `seated`, and what was received is dropped: the machine knows that it has gone.
    ///
    /// # Errors
    ///
    /// The socket is of no use any more, or somebody panicked while holding the lock.
    pub(crate) fn turn<'a>(
        &self,
        seated: &mut Arc<Socket>,
        received: impl Iterator<Item = Datagrams<'a>>,
        (look, writable): (Option<Look>, bool),
    ) -> io::Result<(Wait, Vec<task::Waker>)> {
        self.wanted.store(true, Ordering::Relaxed);
        let engine = self.engine.lock();
        self.wanted.store(false, Ordering::Relaxed);
        let engine = engine.map_err(|_| io::Error::other(PANICKED))?;
        let mut engine = Entered { engine, wakers: [&self.waker, &self.aside] };
        let now = self.clock.now();
        self.run_posts(now, &mut engine);
        if engine.reseat(seated) {
            engine.handle(now, std::iter::empty(), None);
        } else {
            engine.handle(now, received, look);
            if writable {
                engine.on_writable();
            }
        }
        engine.check_drops(now);
        engine.flush(now);
        let wait = engine.plan(now);
        if let Ok(Wait { unread, .. }) = wait {
            self.seat.set_pause(unread.map_or(Duration::ZERO, |unread| unread - now));
        }
        let wakes = engine.take_wakes(|| self.wakes.spare());
        self.awake.store(false, Ordering::Relaxed);
        drop(engine);
        match wait {
            Ok(wait) => Ok((wait, wakes)),
            Err(error) => {
                self.wakes.fire(wakes);
                Err(error)
            }
        }
    }

    /// Calls the machine as soon as the lock is free.
    ///
    /// # Panics
    ///
    /// If somebody panicked while holding the lock, now or earlier.
    pub(crate) fn with<R>(&self, call: impl FnOnce(Instant, &mut M, &mut A) -> R) -> R {
        let Ok(engine) = self.lock() else { panic!("{PANICKED}") };
        let result = self.enter(engine, call);
        self.serve_posts();
        result
    }

    /// As [`with`](Self::with), unless the thread had to end or somebody panicked earlier.
    ///
    /// # Errors
    ///
    /// What it was.
    pub(crate) fn try_with<R>(
        &self,
        call: impl FnOnce(Instant, &mut M, &mut A) -> R,
    ) -> io::Result<R> {
        self.outcome()?;
        let result = self.enter(self.lock()?, call);
        self.serve_posts();
        Ok(result)
    }

    /// Replaces the socket and calls the machine, which can send from the new one at once. Whoever
    /// waits at the old one is woken, and finds out in its next turn.
    ///
    /// # Errors
    ///
    /// As [`try_with`](Self::try_with); [`Unsupported`](io::ErrorKind::Unsupported) if others have the
    /// port as well.
    pub(crate) fn rebind<R>(
        &self,
        socket: Socket,
        call: impl FnOnce(Instant, &mut M, &mut A) -> R,
    ) -> io::Result<R> {
        self.outcome()?;
        if !self.member.is_alone() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut engine = self.lock()?;
        let socket = Arc::new(socket);
        self.member.replace(Arc::clone(&socket));
        engine.rebind(socket);
        let result = self.enter(engine, call);
        self.waker.wake();
        self.serve_posts();
        Ok(result)
    }

    /// Calls the machine now if the lock is free, else leaves the call to the lock's holder, or to
    /// the thread if it wants the lock.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    pub(crate) fn post(&self, call: impl FnOnce(Instant, &mut M, &mut A) + Send + 'static) {
        match self.engine.try_lock() {
            Ok(engine) if !self.wanted.load(Ordering::Relaxed) => self.enter(engine, call),
            Ok(_) | Err(TryLockError::WouldBlock) => self.posts.push(Box::new(call)),
            Err(TryLockError::Poisoned(_)) => panic!("{PANICKED}"),
        }
        self.serve_posts();
    }

    /// Leaves a call for the thread's next turn, or for whoever takes the lock before; never makes it
    /// in this thread. Says whether it was left: not if [`MOST_LEFT`] wait already.
    pub(crate) fn leave(
        &self,
        call: impl FnOnce(Instant, &mut M, &mut A) + Send + 'static,
    ) -> bool {
        let waiting = self.posts.push_within(MOST_LEFT, Box::new(call));
        if waiting == Some(0) {
            self.waker.wake();
        }
        // Where others wait, whoever is to make their calls takes this one with them.
        waiting.is_some()
    }

    /// Runs calls that were left, until there are none or somebody else holds the lock or is the
    /// thread and wants it. To be called after leaving a call, and after each release of the lock.
    ///
    /// That no call is ever stranded: say that thread P leaves a call and then finds the lock
    /// taken by H. Had H looked into the queue before P left the call there, then H's release,
    /// which comes before that look, would also have come before P's attempt at the lock (the
    /// queue's own lock orders the two), and P could not have found it taken by H. So H looks
    /// later, and finds the call. If instead P finds the lock taken by another H' in the meantime,
    /// the same holds for H'. And if P finds that the thread wants the lock, then the thread, which
    /// ceases to want it before it looks into the queue, has not looked yet, by the same order.
    pub(crate) fn serve_posts(&self) {
        while !self.posts.is_empty() && !self.wanted.load(Ordering::Relaxed) {
            let Ok(engine) = self.engine.try_lock() else { return };
            self.enter(engine, |_, _, _| ());
        }
    }

    /// What has been counted so far.
    pub(crate) fn stats(&self) -> Stats {
        let stats = self.engine.lock().unwrap_or_else(PoisonError::into_inner).stats;
        // Somebody may have left a call just now.
        self.serve_posts();
        let (handed_over, handover_drops) = self.member.counts();
        Stats {
            wake_ups: self.wake_ups.load(Ordering::Relaxed),
            receive_errors: self.receive_errors.load(Ordering::Relaxed),
            handed_over,
            handover_drops,
            ..stats
        }
    }

    /// Notes why the thread had to end.
    pub(crate) fn fail(&self, error: io::Error) {
        // The first reason is the one.
        let _ = self.failure.set(Arc::new(error));
    }

    /// Why the thread had to end, if it had to.
    pub(crate) fn outcome(&self) -> io::Result<()> {
        let failure = self.failure.get().cloned();
        failure.map_or(Ok(()), |error| Err(io::Error::new(error.kind(), error)))
    }

    /// The machine and the application, unless somebody panicked while holding the lock.
    pub(crate) fn into_parts(self) -> Option<(M, A)> {
        let engine = self.engine.into_inner().ok()?;
        Some((engine.machine, engine.application))
    }

    /// Takes the lock, but lets the thread go first for a while if it waits for it.
    fn lock(&self) -> io::Result<MutexGuard<'_, Engine<M, A>>> {
        for _ in 0..MAKE_WAY {
            if !self.wanted.load(Ordering::Relaxed) {
                break;
            }
            thread::yield_now();
        }
        self.engine.lock().map_err(|_| io::Error::other(PANICKED))
    }

    /// Calls the machine, and then, in this thread, sends what it has to send, lets go of the lock
    /// and wakes whom the application wants woken.
    fn enter<R>(
        &self,
        engine: MutexGuard<'_, Engine<M, A>>,
        call: impl FnOnce(Instant, &mut M, &mut A) -> R,
    ) -> R {
        let mut engine = Entered { engine, wakers: [&self.waker, &self.aside] };
        let now = self.clock.now();
        // Calls left earlier may come from this same thread: order is kept.
        self.run_posts(now, &mut engine);
        let Engine { machine, application, .. } = &mut *engine;
        let result = call(now, machine, application);
        engine.flush(now);
        let wake = engine.rearm(now) && !self.awake.load(Ordering::Relaxed);
        let wakes = engine.take_wakes(|| self.wakes.spare());
        drop(engine);
        if wake {
            self.waker.wake();
        }
        let is_anybody_woken = !wakes.is_empty();
        self.wakes.fire(wakes);
        if is_anybody_woken && self.seat.has_guest() {
            // A guest's visit may be over with that, which it has to look for.
            self.waker.wake();
        }
        result
    }

    fn run_posts(&self, now: Instant, engine: &mut Engine<M, A>) {
        let Engine { machine, application, .. } = engine;
        self.posts.run(now, machine, application);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rudp_base::Transmit;

    use super::*;
    use crate::socket::SocketOptions;

    /// Counts batches, and how often it was called otherwise; has nothing to say.
    #[derive(Default)]
    pub(crate) struct Counter(u32);

    impl Machine for Counter {
        type Event = ();

        fn handle(&mut self, _: Instant, _: Datagrams<'_>) {
            self.0 += 1;
        }

        fn handle_timeout(&mut self, _: Instant) {}

        fn poll_transmit(&mut self, _: Instant, _: &mut [u8]) -> Option<Transmit> {
            None
        }

        fn poll_timeout(&mut self) -> Option<Instant> {
            None
        }

        fn poll_event(&mut self) -> Option<()> {
            None
        }
    }

    fn ignore(_: Instant, _: &mut Counter, (): ()) {}

    /// A machine on a socket, without a thread.
    pub(crate) fn shared() -> Shared<Counter, impl Application<Counter>> {
        let options = SocketOptions::default();
        let socket = Socket::bind(([127, 0, 0, 1], 0).into(), &options).unwrap();
        let member = Member::alone(socket).unwrap();
        Shared::new(Counter::default(), ignore, member, Clock::new()).unwrap()
    }

    /// A turn in which nothing was received.
    fn turn(shared: &Shared<Counter, impl Application<Counter>>) {
        let mut place = shared.seat.sit();
        shared.turn(&mut place.socket, std::iter::empty(), (None, false)).unwrap();
    }

    #[test]
    fn a_post_is_left_to_a_thread_that_wants_the_lock() {
        let shared = shared();
        shared.wanted.store(true, Ordering::Relaxed);
        shared.post(|_, machine, _| machine.0 += 1);
        shared.serve_posts();
        assert_eq!(shared.engine.lock().unwrap().machine.0, 0);
        turn(&shared);
        assert_eq!(shared.engine.lock().unwrap().machine.0, 1);
        assert!(!shared.wanted.load(Ordering::Relaxed));
        shared.post(|_, machine, _| machine.0 += 1);
        assert_eq!(shared.engine.lock().unwrap().machine.0, 2);
    }

    #[test]
    fn a_call_that_is_left_waits_for_a_turn_and_not_too_many_do() {
        let shared = shared();
        let left = || shared.leave(|_, machine, _| machine.0 += 1);
        assert_eq!((0..2 * MOST_LEFT).filter(|_| left()).count(), MOST_LEFT);
        assert!(shared.waker.is_rung());
        assert_eq!(shared.engine.lock().unwrap().machine.0, 0);
        turn(&shared);
        assert_eq!(shared.engine.lock().unwrap().machine.0 as usize, MOST_LEFT);
        assert!(left());
    }

    #[test]
    fn what_came_to_a_socket_that_was_replaced_is_dropped_once() {
        let shared = shared();
        let mut place = shared.seat.sit();
        let old = Arc::clone(&place.socket);
        let options = SocketOptions::default();
        let new = Socket::bind(([127, 0, 0, 1], 0).into(), &options).unwrap();
        let address = new.local_addr();
        let count = |_: Instant, machine: &mut Counter, _: &mut _| machine.0;
        assert_eq!(shared.rebind(new, count).unwrap(), 0);
        assert!(shared.waker.is_rung());
        assert_eq!(shared.member.socket().local_addr(), address);
        for batches in 0..2 {
            let mut bytes = [0; 4];
            let received = Datagrams::single(old.local_addr(), &mut bytes);
            let received = [received].into_iter();
            shared.turn(&mut place.socket, received, (Some(Look::All), false)).unwrap();
            assert_eq!(place.socket.local_addr(), address);
            assert_eq!(shared.with(count), batches);
        }
        // Nobody holds the old one any more, so that it is closed.
        assert_eq!(Arc::strong_count(&old), 1);
    }

    #[test]
    fn a_call_makes_way_for_the_thread_but_not_for_ever() {
        let shared = shared();
        // A thread that wants the lock and never gets a processor.
        shared.wanted.store(true, Ordering::Relaxed);
        assert_eq!(shared.with(|_, machine, _| std::mem::replace(&mut machine.0, 1)), 0);
        assert_eq!(shared.with(|_, machine, _| machine.0), 1);
    }

    #[test]
    fn after_a_failure_a_call_is_refused_but_may_be_forced() {
        let shared = shared();
        shared.try_with(|_, machine, _| machine.0 += 1).unwrap();
        shared.fail(io::ErrorKind::BrokenPipe.into());
        shared.fail(io::ErrorKind::NotFound.into());
        let error = shared.try_with(|_, machine, _| machine.0 += 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(shared.with(|_, machine, _| machine.0), 1);
    }
}
