//! The driver's thread: waits for datagrams, room, time and wake-ups, and takes a turn for each.
//! What happens in a turn is not known here.

use std::io;
use std::sync::atomic::Ordering;

use rudp_base::{Application, Instant, Machine};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::engine::Wait;
use crate::fault::Fault;
use crate::outbox::RETRY;
use crate::receive::ReceiveBuffers;
use crate::shared::Shared;

/// What a wait found.
#[derive(Clone, Copy, Default)]
struct Ready {
    readable: bool,
    writable: bool,
}

/// Runs until told to stop.
///
/// # Errors
///
/// What made it impossible to go on.
pub(crate) fn run<M: Machine, A: Application<M>>(shared: &Shared<M, A>) -> io::Result<()> {
    sharpen_timers();
    let mut buffers = ReceiveBuffers::new();
    let mut ready = Ready::default();
    let mut outcome = Ok(());
    while outcome.is_ok() && !shared.stop.load(Ordering::Acquire) {
        outcome = step(shared, &mut buffers, &mut ready);
    }
    outcome
}

/// Receives once, takes a turn, and waits.
fn step<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    buffers: &mut ReceiveBuffers,
    ready: &mut Ready,
) -> io::Result<()> {
    buffers.clear();
    let failed = ready.readable && !receive(shared, buffers)?;
    let turn = shared.turn(buffers, ready.writable);
    shared.serve_posts();
    let wait = turn?;
    *ready = if failed {
        pause(shared, wait)?
    } else if !buffers.is_full() {
        await_ready(shared, wait)?
    } else if wait.writable {
        // Only looks: there is more to receive.
        await_ready(shared, Wait { deadline: Some(Instant::ZERO), ..wait })?
    } else {
        // Where there was more than one call could take, there is no need to ask whether there is
        // more. The turn that follows lets others in as any other does.
        Ready { readable: true, writable: false }
    };
    shared.awake.store(true, Ordering::Relaxed);
    Ok(())
}

/// Receives what there is, and returns `false` if an error came instead.
fn receive<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    buffers: &mut ReceiveBuffers,
) -> io::Result<bool> {
    let Err(error) = shared.socket.receive(buffers) else { return Ok(true) };
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
    wait: Wait,
) -> io::Result<Ready> {
    let mut interest = PollFlags::IN;
    interest.set(PollFlags::OUT, wait.writable);
    let mut files =
        [PollFd::new(&shared.waker, PollFlags::IN), PollFd::new(&shared.socket, interest)];
    if !sleep(shared, &mut files, wait.deadline)? {
        return Ok(Ready::default());
    }
    let socket = files[1].revents();
    // An error is fetched by receiving.
    let readable = socket.intersects(PollFlags::IN | PollFlags::ERR | PollFlags::HUP);
    if socket.contains(PollFlags::NVAL) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(Ready { readable, writable: socket.contains(PollFlags::OUT) })
}

/// Sleeps a little, whatever the socket has: an error that stays would keep the thread busy. The
/// system tells of errors even those who do not ask for them, so the socket is left out altogether.
fn pause<M: Machine, A: Application<M>>(shared: &Shared<M, A>, wait: Wait) -> io::Result<Ready> {
    let retry = shared.clock.now() + RETRY;
    let deadline = wait.deadline.map_or(retry, |deadline| deadline.min(retry));
    sleep(shared, &mut [PollFd::new(&shared.waker, PollFlags::IN)], Some(deadline))?;
    Ok(Ready { readable: true, writable: false })
}

/// Sleeps until one of `files` is ready, the first of which is the waker, or it is time. Returns
/// `false` if a signal came in between.
fn sleep<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
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
        shared.waker.clear();
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
        let to = shared.socket.local_addr();
        std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"there", to).unwrap();
        let started = shared.clock.now();
        assert!(await_ready(&shared, Wait::default()).unwrap().readable);
        let ready = pause(&shared, Wait { deadline: None, writable: true }).unwrap();
        assert!(ready.readable && !ready.writable);
        assert!(shared.clock.now() >= started + RETRY);
    }

    #[test]
    fn a_pause_ends_when_there_is_something_to_do() {
        let shared = shared();
        // Waits for nothing: a wake-up, or a timer that is due.
        shared.waker.wake();
        pause(&shared, Wait::default()).unwrap();
        pause(&shared, Wait { deadline: Some(Instant::ZERO), writable: false }).unwrap();
        assert_eq!(shared.wake_ups.load(Ordering::Relaxed), 2);
    }
}
