//! What is done at the socket: waiting for datagrams, room, time and wake-ups, and a turn for each; and
//! the driver's thread, which does it unless a guest does.
//! What happens in a turn is not known here.

use std::sync::atomic::Ordering;
use std::{io, mem, task};

use rudp_base::{Application, Instant, Machine};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::engine::{Wait, earlier};
use crate::fault::Fault;
use crate::moderation::Look;
use crate::outbox::RETRY;
use crate::receive::ReceiveBuffers;
use crate::seat::{Place, Vacancy};
use crate::shared::Shared;
use crate::socket::Socket;
use crate::wake::Waker;

/// What a wait found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ready {
    /// There may be something to receive.
    pub(crate) readable: bool,
    writable: bool,
    /// It was received already.
    pub(crate) received: bool,
}

impl Ready {
    /// Everything was received.
    pub(crate) const RECEIVED: Self = Self { readable: false, writable: false, received: true };
}

/// What a turn leaves to wait for.
#[derive(Clone, Copy)]
pub(crate) struct Pause {
    wait: Wait,
    /// An error came instead of datagrams.
    has_failed: bool,
}

impl Pause {
    /// When there is something to do in any case.
    pub(crate) fn deadline(self) -> Option<Instant> {
        self.wait.deadline
    }

    /// The same, for one who wants each datagram as soon as it comes.
    pub(crate) fn eager(self) -> Self {
        Self { wait: Wait { unread: None, ..self.wait }, ..self }
    }

    /// Whether there is something to wait for besides datagrams and time.
    pub(crate) fn is_urgent(self) -> bool {
        self.has_failed || self.wait.writable
    }
}

/// Runs until told to stop.
///
/// # Errors
///
/// What made it impossible to go on.
pub(crate) fn run<M: Machine, A: Application<M>>(shared: &Shared<M, A>) -> io::Result<()> {
    sharpen_timers();
    while !shared.stop.load(Ordering::Acquire) {
        serve(shared)?;
        stand_aside(shared)?;
    }
    Ok(())
}

/// Does what there is to do at the socket, until told to stop or a guest wants the seat.
fn serve<M: Machine, A: Application<M>>(shared: &Shared<M, A>) -> io::Result<()> {
    let has_to_leave = || shared.stop.load(Ordering::Acquire) || shared.seat.has_guest();
    let mut place = shared.seat.sit();
    loop {
        let (pause, wakes) = act(shared, &mut place)?;
        let turn = place.turns;
        if !wakes.is_empty() {
            // With the seat free: a waker may call the driver, and want to sit down for it.
            drop(place);
            shared.wakes.fire(wakes);
            let Some(again) = shared.seat.try_sit() else {
                // A guest has sat down meanwhile, and may have looked before it was told that its visit
                // is over.
                shared.waker.wake();
                return Ok(());
            };
            place = again;
        }
        if has_to_leave() {
            // Whoever sits down next begins with a turn: nobody has to wake it.
            shared.awake.store(true, Ordering::Relaxed);
            return Ok(());
        }
        if place.turns == turn {
            rest(shared, &mut place, pause, None)?;
        }
    }
}

/// Waits until the seat is free, or the thread is told to stop.
fn stand_aside<M: Machine, A: Application<M>>(shared: &Shared<M, A>) -> io::Result<()> {
    let mut watch = shared.seat.watch();
    while !shared.stop.load(Ordering::Acquire) {
        let until = match shared.seat.vacancy(shared.clock.now(), &mut watch) {
            Vacancy::Now => break,
            Vacancy::From(time) => Some(time),
            Vacancy::Taken => None,
        };
        let mut files = [PollFd::new(&shared.aside, PollFlags::IN)];
        sleep(shared, &shared.aside, &mut files, until)?;
    }
    Ok(())
}

/// Receives once, and takes a turn. Gives those who are to be woken, once the seat is free.
pub(crate) fn act<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    place: &mut Place,
) -> io::Result<(Pause, Vec<task::Waker>)> {
    let Place { socket, buffers, mail, ready, turns } = place;
    *turns += 1;
    let Ready { readable, writable, received } = mem::take(ready);
    if !received {
        buffers.clear();
    }
    let has_failed = readable && !receive(shared, socket, buffers)?;
    // Where the system does not steer, what is there may be for siblings, who may be in a hurry.
    let is_all = !buffers.is_full() && shared.member.is_steered();
    let found = if is_all { Look::All } else { Look::Some };
    let look = (readable || received).then_some(found);
    shared.member.exchange(buffers, mail);
    let received = buffers.batches().chain(mail.batches());
    let turn = shared.turn(socket, received, (look, writable));
    shared.serve_posts();
    let (wait, wakes) = turn?;
    Ok((Pause { wait, has_failed }, wakes))
}

/// Waits for something to do, at most until `deadline`.
pub(crate) fn rest<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    place: &mut Place,
    pause: Pause,
    deadline: Option<Instant>,
) -> io::Result<()> {
    let Pause { mut wait, has_failed } = pause;
    wait.deadline = earlier(wait.deadline, deadline);
    place.ready = if has_failed {
        linger(shared, wait)?
    } else if let Some(unread) = wait.unread {
        look_after(shared, earlier(wait.deadline, Some(unread)))?
    } else if !place.buffers.is_full() {
        await_ready(shared, &place.socket, wait)?
    } else if wait.writable {
        // Only looks: there is more to receive.
        await_ready(shared, &place.socket, Wait { deadline: Some(Instant::ZERO), ..wait })?
    } else {
        // Where there was more than one call could take, there is no need to ask whether there is
        // more. The turn that follows lets others in as any other does.
        Ready { readable: true, ..Ready::default() }
    };
    shared.awake.store(true, Ordering::Relaxed);
    Ok(())
}

/// Receives what there is, and returns `false` if an error came instead.
fn receive<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    socket: &Socket,
    buffers: &mut ReceiveBuffers,
) -> io::Result<bool> {
    let Err(error) = socket.receive(buffers) else { return Ok(true) };
    match Fault::of(&error) {
        Fault::Blocked => Ok(true),
        Fault::Fatal => Err(error),
        // Most often the news that an earlier datagram was refused. The machine finds out by
        // itself, and from a sender that cannot be forged as easily.
        Fault::NoBuffers | Fault::Lost(_) => {
            shared.receive_errors.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%error, "an error on receiving");
            Ok(false)
        }
    }
}

/// Sleeps until there is something to do.
fn await_ready<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    socket: &Socket,
    wait: Wait,
) -> io::Result<Ready> {
    let mut interest = PollFlags::IN;
    interest.set(PollFlags::OUT, wait.writable);
    let mut files = [PollFd::new(&shared.waker, PollFlags::IN), PollFd::new(socket, interest)];
    if !sleep(shared, &shared.waker, &mut files, wait.deadline)? {
        return Ok(Ready::default());
    }
    let socket = files[1].revents();
    // An error is fetched by receiving.
    let readable = socket.intersects(PollFlags::IN | PollFlags::ERR | PollFlags::HUP);
    if socket.contains(PollFlags::NVAL) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(Ready { readable, writable: socket.contains(PollFlags::OUT), received: false })
}

/// Sleeps a little, whatever the socket has: an error that stays would keep the thread busy. The
/// system tells of errors even those who do not ask for them, so the socket is left out altogether.
fn linger<M: Machine, A: Application<M>>(shared: &Shared<M, A>, wait: Wait) -> io::Result<Ready> {
    let retry = shared.clock.now() + RETRY;
    look_after(shared, earlier(wait.deadline, Some(retry)))
}

/// Sleeps until `time`, or somebody wakes the sleeper, whatever the socket has: that is looked at then.
fn look_after<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    time: Option<Instant>,
) -> io::Result<Ready> {
    let mut files = [PollFd::new(&shared.waker, PollFlags::IN)];
    sleep(shared, &shared.waker, &mut files, time)?;
    Ok(Ready { readable: true, ..Ready::default() })
}

/// Sleeps until one of `files` is ready, the first of which is `waker`, or it is time. Returns
/// `false` if a signal came in between.
fn sleep<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    waker: &Waker,
    files: &mut [PollFd<'_>],
    deadline: Option<Instant>,
) -> io::Result<bool> {
    let timeout = deadline.map(|deadline| {
        // Read anew: the turn took time.
        let left = deadline.saturating_since(shared.clock.now());
        Timespec {
            // A deadline is at most 2^64 nanoseconds off, which is less than 2^63 seconds.
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    match poll(files, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    shared.wake_ups.fetch_add(1, Ordering::Relaxed);
    if !files[0].revents().is_empty() {
        waker.clear();
    }
    Ok(true)
}

/// Asks the system to end this thread's waits on time, instead of up to 50 microseconds late.
fn sharpen_timers() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
        tracing::debug!(%error, "timers stay as coarse as they are");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::tests::shared;

    #[test]
    fn a_pause_lasts_though_there_is_something_to_receive() {
        let shared = shared();
        let place = shared.seat.sit();
        let to = place.socket.local_addr();
        std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"there", to).unwrap();
        let started = shared.clock.now();
        assert!(await_ready(&shared, &place.socket, Wait::default()).unwrap().readable);
        let ready = linger(&shared, Wait { writable: true, ..Wait::default() }).unwrap();
        assert!(ready.readable && !ready.writable);
        assert!(shared.clock.now() >= started + RETRY);
    }

    #[test]
    fn a_pause_ends_when_there_is_something_to_do() {
        let shared = shared();
        // Waits for nothing: a wake-up, or a timer that is due.
        shared.waker.wake();
        linger(&shared, Wait::default()).unwrap();
        linger(&shared, Wait { deadline: Some(Instant::ZERO), ..Wait::default() }).unwrap();
        assert_eq!(shared.wake_ups.load(Ordering::Relaxed), 2);
    }
}
