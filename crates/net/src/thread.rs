//! The driver's thread: waits for datagrams, room, time and wake-ups, and takes a turn for each.
//! What happens in a turn is not known here.

use std::io;
use std::sync::atomic::Ordering;

use rudp_base::{Application, Machine};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::engine::Wait;
use crate::fault::Fault;
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
    if ready.readable {
        receive(shared, buffers)?;
    }
    let turn = shared.turn(buffers, ready.writable);
    shared.serve_posts();
    let wait = turn?;
    // Where there was more than one call could take, there is no need to ask whether there is
    // more. The turn that follows lets others in as any other does.
    *ready = if buffers.is_full() {
        Ready { readable: true, writable: wait.writable }
    } else {
        await_ready(shared, wait)?
    };
    shared.awake.store(true, Ordering::Relaxed);
    Ok(())
}

fn receive<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    buffers: &mut ReceiveBuffers,
) -> io::Result<()> {
    let Err(error) = shared.socket.receive(buffers) else { return Ok(()) };
    match Fault::of(&error) {
        Fault::Blocked => {}
        Fault::Fatal => return Err(error),
        // Most often the news that an earlier datagram was refused. The machine finds out by
        // itself, and from a sender that cannot be forged as easily.
        Fault::NoBuffers | Fault::Lost(_) => {
            shared.receive_errors.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%error, "an error on receiving");
        }
    }
    Ok(())
}

/// Sleeps until there is something to do.
fn await_ready<M: Machine, A: Application<M>>(
    shared: &Shared<M, A>,
    wait: Wait,
) -> io::Result<Ready> {
    let mut interest = PollFlags::IN;
    interest.set(PollFlags::OUT, wait.writable);
    let mut files =
        [PollFd::new(&shared.socket, interest), PollFd::new(&shared.waker, PollFlags::IN)];
    let timeout = wait.deadline.map(|deadline| {
        // Read anew: the turn took time.
        let left = deadline.saturating_since(shared.clock.now());
        Timespec {
            // A deadline is at most 2^64 nanoseconds off, which is less than 2^63 seconds.
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    match poll(&mut files, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
        Err(error) => return Err(error.into()),
    }
    shared.wake_ups.fetch_add(1, Ordering::Relaxed);
    let (socket, waker) = (files[0].revents(), files[1].revents());
    if !waker.is_empty() {
        shared.waker.clear();
    }
    // An error is fetched by receiving.
    let readable = socket.intersects(PollFlags::IN | PollFlags::ERR | PollFlags::HUP);
    if socket.contains(PollFlags::NVAL) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(Ready { readable, writable: socket.contains(PollFlags::OUT) })
}

/// Asks the system to end this thread's waits on time, instead of up to 50 microseconds late.
fn sharpen_timers() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
        tracing::debug!(%error, "timers stay as coarse as they are");
    }
}
