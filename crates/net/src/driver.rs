//! [`Driver`]: the handle to a machine that runs on a socket, and the life of its thread.
//! What the thread does, and how calls get in, is elsewhere.

use std::any::Any;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle, ThreadId};
use std::{fmt, io};

use rudp_base::{Application, Instant, Machine};

use crate::clock::Clock;
use crate::group::SocketGroup;
use crate::handover::Member;
use crate::shared::Shared;
use crate::socket::Socket;
use crate::stats::Stats;
use crate::thread::run;
use crate::visit::Visit;

/// What is called when a driver's thread ends, with what [`Driver::join`] gives.
pub type OnEnd = Box<dyn FnOnce(&io::Result<()>) + Send>;

/// How to make a [`Driver`].
pub struct DriverOptions {
    /// The thread's name, of which Linux shows the first 15 bytes.
    pub name: String,
    /// The clock of the machine; drivers that share one have comparable times.
    pub clock: Clock,
    /// Called by the thread as the last thing it does, however it ends: told to, by an error, or by
    /// a panic of the machine or the application. The lock is free then.
    pub on_end: Option<OnEnd>,
}

impl fmt::Debug for DriverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, clock, on_end: _ } = self;
        f.debug_struct("DriverOptions")
            .field("name", name)
            .field("clock", clock)
            .finish_non_exhaustive()
    }
}

impl Default for DriverOptions {
    /// A thread named `rudp`, a clock that starts now, and nobody told of the end.
    fn default() -> Self {
        Self { name: "rudp".to_owned(), clock: Clock::new(), on_end: None }
    }
}

/// A machine that runs on a socket: a cheap handle, of which there may be many.
///
/// One thread waits for datagrams and for the machine's timers. Any other thread may call the
/// machine in between; what it then has to send leaves from the calling thread. When the last
/// handle goes, the thread ends, and the socket is closed.
///
/// Calls to the machine and the application must not block: everybody else waits meanwhile. In a
/// call from the driver (an event, say) only [`post`](Self::post) may be used; everything else here
/// would wait for itself. An application that holds a handle of its own driver keeps it alive
/// until [`shutdown`](Self::shutdown).
///
/// Whom the application [wants woken](Application::take_wakes) is woken at the end of each turn and
/// of each call, by the thread that made it and with the lock free: a waker may use the driver as
/// anybody may, though others wait behind it. One that panics is written to the log, and harms
/// nobody else. After a panic of the machine or the application nobody is woken any more, and
/// [`on_end`](DriverOptions::on_end) is what tells.
pub struct Driver<M: Machine, A: Application<M>> {
    thread: Arc<Thread<M, A>>,
}

impl<M: Machine, A: Application<M>> Clone for Driver<M, A> {
    fn clone(&self) -> Self {
        Self { thread: Arc::clone(&self.thread) }
    }
}

/// What all handles share: when it goes, the thread has to.
struct Thread<M: Machine, A: Application<M>> {
    /// `None` once the parts have been taken out.
    shared: Option<Arc<Shared<M, A>>>,
    id: ThreadId,
    /// `None` once somebody has waited for it to end.
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl<M, A> Driver<M, A>
where
    M: Machine + Send + 'static,
    A: Application<M> + Send + 'static,
{
    /// Starts to run `machine` on `socket`, with `application` on top.
    ///
    /// # Errors
    ///
    /// The system has no thread or file for it.
    pub fn spawn(
        machine: M,
        application: A,
        socket: Socket,
        options: DriverOptions,
    ) -> io::Result<Self> {
        Self::spawn_member(machine, application, Member::alone(socket)?, options)
    }

    /// Starts one driver for each socket of a group, in their order, with a machine and an
    /// application of its own.
    ///
    /// They run apart. Datagrams that come to another socket than the one they belong to are handed
    /// to that one's driver, over a queue of at most 1 MiB, beyond which they are dropped. The
    /// sockets are closed together, when the last of the drivers has gone.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there are not as many parts as sockets, and
    /// as [`spawn`](Self::spawn).
    pub fn spawn_group(
        group: SocketGroup,
        parts: Vec<(M, A, DriverOptions)>,
    ) -> io::Result<Vec<Self>> {
        if parts.len() != group.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let members = Member::all(group)?.into_iter().zip(parts);
        let spawn = |(member, (machine, application, options))| {
            Self::spawn_member(machine, application, member, options)
        };
        members.map(spawn).collect()
    }

    fn spawn_member(
        machine: M,
        application: A,
        member: Member,
        options: DriverOptions,
    ) -> io::Result<Self> {
        let DriverOptions { name, clock, on_end } = options;
        let shared = Arc::new(Shared::new(machine, application, member, clock)?);
        let own = Arc::clone(&shared);
        let handle = thread::Builder::new().name(name).spawn(move || run_to_end(&own, on_end))?;
        let id = handle.thread().id();
        let handle = Mutex::new(Some(handle));
        Ok(Self { thread: Arc::new(Thread { shared: Some(shared), id, handle }) })
    }
}

impl<M: Machine, A: Application<M>> Driver<M, A> {
    /// Calls the machine, waiting for its lock, and then sends from this thread what it has to
    /// send. The driver's thread is woken only if it has to wait for less than before.
    ///
    /// After the driver has ended this still works, but timers do not fire and nothing is
    /// received.
    ///
    /// # Panics
    ///
    /// If the machine or the application panics, or did so in an earlier call by anybody: see
    /// [`try_with`](Self::try_with).
    pub fn with<R>(&self, call: impl FnOnce(Instant, &mut M, &mut A) -> R) -> R {
        self.shared().with(call)
    }

    /// As [`with`](Self::with) while the driver is of use, which includes the time after
    /// [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    ///
    /// What [`join`](Self::join) gives: the socket became useless, or the machine or application
    /// panicked in an earlier call by anybody. The call is not made then.
    ///
    /// # Panics
    ///
    /// If the machine or the application panics in this very call.
    pub fn try_with<R>(&self, call: impl FnOnce(Instant, &mut M, &mut A) -> R) -> io::Result<R> {
        self.shared().try_with(call)
    }

    /// Replaces the socket, at another port or another address of this machine, and makes a call in
    /// the same turn, in which the machine is told. What it sends in answer leaves from the new
    /// socket, by this thread; what came to the old one and was not handled is lost, and the old one is
    /// closed soon after. A batch for which the old one had no room leaves from the new one.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) for one of a [group](Self::spawn_group), whose
    /// sockets have their port together, and as [`try_with`](Self::try_with). The call is not made
    /// then, and everything is as it was.
    ///
    /// # Panics
    ///
    /// As [`try_with`](Self::try_with).
    pub fn rebind<R>(
        &self,
        socket: Socket,
        call: impl FnOnce(Instant, &mut M, &mut A) -> R,
    ) -> io::Result<R> {
        self.shared().rebind(socket, call)
    }

    /// As [`with`](Self::with) if the lock is free, else leaves the call to whoever holds it or, if
    /// the driver's thread waits for it, to that: they make it soon after. Calls of one thread are made in order, and none is lost.
    ///
    /// May be used in calls from the driver itself, and then always leaves the call.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with). A call that was left may panic in another thread.
    pub fn post(&self, call: impl FnOnce(Instant, &mut M, &mut A) + Send + 'static) {
        self.shared().post(call);
    }

    /// Does the thread's work, in its place, while the caller has to wait anyway; returns when the
    /// [visit](Visit) is over, or at once if another caller does it already. Not to be used in calls
    /// from the driver.
    ///
    /// # Panics
    ///
    /// If the machine or the application panics meanwhile.
    pub fn visit(&self, visit: &Visit<'_>) {
        visit.run(self.shared());
    }

    /// For callers that do not have to wait now, at the beginning of a call: does the thread's work once,
    /// at most each 20 microseconds, if the thread stands aside for them because they visit now and then,
    /// or if they call so often that it ought to: then it is made to, until the call
    /// [is over](Self::end_call). `is_alone` is as in [`Visit`]. Not to be used in calls
    /// from the driver.
    ///
    /// # Panics
    ///
    /// As [`visit`](Self::visit).
    pub fn begin_call(&self, is_alone: &dyn Fn() -> bool) {
        Visit::begin_call(self.shared(), is_alone);
    }

    /// As [`begin_call`](Self::begin_call), in the middle of a call that does much: does the thread's work
    /// once if it stands aside.
    ///
    /// # Panics
    ///
    /// As [`visit`](Self::visit).
    pub fn go_on_call(&self, is_alone: &dyn Fn() -> bool) {
        Visit::go_on_call(self.shared(), is_alone);
    }

    /// A call that [was begun](Self::begin_call) is over: the thread waits for the caller no longer than
    /// for one that visits now and then.
    pub fn end_call(&self) {
        let shared = self.shared();
        shared.seat.on_call_over(shared.clock.now());
    }

    /// The caller has to wait, and not in a [visit](Self::visit): the thread, if it stands aside for it, comes
    /// back at once.
    pub fn give_up(&self) {
        let shared = self.shared();
        if shared.seat.give_up(shared.clock.now()) {
            shared.aside.wake();
        }
    }

    /// The address of the socket, with the port the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared().member.socket().local_addr()
    }

    /// The clock whose time the machine is told.
    pub fn clock(&self) -> Clock {
        self.shared().clock
    }

    /// What has been counted so far.
    pub fn stats(&self) -> Stats {
        self.shared().stats()
    }

    /// Tells the thread to end; it does so after the turn it is in. What the machine still has to
    /// say should have been said in a [`with`](Self::with) before.
    pub fn shutdown(&self) {
        self.thread.stop();
    }

    /// Waits until the thread has ended, by [`shutdown`](Self::shutdown) or by an error. May be
    /// called more than once, and gives the same each time.
    ///
    /// # Errors
    ///
    /// What made the thread end: the socket became useless, or the machine or application
    /// panicked. [`Deadlock`](io::ErrorKind::Deadlock) if called from the thread itself.
    pub fn join(&self) -> io::Result<()> {
        self.thread.join()
    }

    /// Ends the driver, and gives back the machine and the application, if this is the last handle
    /// and neither of them has panicked.
    pub fn finish(self) -> Option<(M, A)> {
        let mut thread = Arc::into_inner(self.thread)?;
        thread.stop();
        // Its error is of no interest: the parts are there all the same.
        let _ = thread.join();
        Arc::into_inner(thread.shared.take()?)?.into_parts()
    }

    /// A handle that does not keep the driver running.
    pub fn downgrade(&self) -> WeakDriver<M, A> {
        WeakDriver { shared: self.thread.shared.as_ref().map_or_else(Weak::new, Arc::downgrade) }
    }

    fn shared(&self) -> &Shared<M, A> {
        self.thread.shared.as_ref().expect("the parts are taken out of the last handle only")
    }
}

/// A handle that does not keep its driver running, for drivers that know each other.
pub struct WeakDriver<M, A> {
    shared: Weak<Shared<M, A>>,
}

impl<M, A> Clone for WeakDriver<M, A> {
    fn clone(&self) -> Self {
        Self { shared: Weak::clone(&self.shared) }
    }
}

impl<M: Machine, A: Application<M>> WeakDriver<M, A> {
    /// Leaves a call to the driver's thread, which is woken for it, or to whoever calls the driver
    /// before. It is never made here: so this may be used in calls from any driver, and waits for
    /// nothing.
    ///
    /// Says whether the call was left: not if all other handles have gone, or 64 calls wait already.
    pub fn leave(&self, call: impl FnOnce(Instant, &mut M, &mut A) + Send + 'static) -> bool {
        self.shared.upgrade().is_some_and(|shared| shared.leave(call))
    }

    /// Has a caller that sits at the socket, on a [`visit`](Driver::visit), look whether its visit is
    /// over. Its own thread looks by itself after each turn, and has no need of this.
    pub fn rouse(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.waker.wake();
        }
    }
}

impl<M: Machine, A: Application<M>> Thread<M, A> {
    fn stop(&self) {
        if let Some(shared) = &self.shared {
            shared.stop.store(true, Ordering::Release);
            shared.waker.wake();
            shared.aside.wake();
        }
    }

    fn join(&self) -> io::Result<()> {
        if thread::current().id() == self.id {
            return Err(io::ErrorKind::Deadlock.into());
        }
        // `None` once the parts have been taken out, after the thread's end.
        let Some(shared) = &self.shared else { return Ok(()) };
        // Several may wait: the first for the thread, the others for the first.
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handle.take()
            && let Err(panic) = handle.join()
        {
            shared.fail(panic_error(panic.as_ref()));
        }
        shared.outcome()
    }
}

impl<M: Machine, A: Application<M>> Drop for Thread<M, A> {
    fn drop(&mut self) {
        self.stop();
        // The thread itself may drop the last handle, and ends afterwards by itself.
        let _ = self.join();
    }
}

/// What the thread does: runs the driver, and tells of the end.
fn run_to_end<M: Machine, A: Application<M>>(shared: &Shared<M, A>, on_end: Option<OnEnd>) {
    // Nobody looks at what a panic has left behind: its lock is poisoned.
    let ended = panic::catch_unwind(AssertUnwindSafe(|| run(shared)));
    if let Err(error) = ended.unwrap_or_else(|panic| Err(panic_error(panic.as_ref()))) {
        shared.fail(error);
    }
    if let Some(on_end) = on_end {
        on_end(&shared.outcome());
    }
}

/// The error for a thread that ended with `panic`.
fn panic_error(panic: &(dyn Any + Send)) -> io::Error {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    io::Error::other(format!(
        "the driver's thread panicked: {}",
        message.unwrap_or("without a message")
    ))
}
