//! [`Machine`]: the one contract between protocols and the loops that run them, with its law.
//! Nothing here knows a protocol, a socket or a clock.

use core::ops::ControlFlow;
use core::task::Waker;
use core::time::Duration;

use crate::{Datagrams, Instant, SendError, Transmit};

/// The least buffer that [`Machine::poll_transmit`] is ever given, in bytes: one datagram of the
/// greatest size UDP carries.
pub const TRANSMIT_BUFFER: usize = 65_535;

/// A protocol as a state machine that is told everything and asked for everything.
///
/// Whoever runs a machine (a simulator, a driver with a socket, a test) keeps this law, and may
/// rely on the machine's half of it:
///
/// 1. Time goes forward: no call has an earlier `now` than the one before it.
/// 2. After inputs of one `now` ([`handle`](Self::handle), [`handle_timeout`](Self::handle_timeout),
///    calls by the application, in any number and order) the runner drains: it takes every event
///    and every transmit, until both return `None`. [`drain`] does it. A runner whose socket is full
///    may stop early, and goes on when the socket can take more.
/// 3. A `poll_transmit` that returns `None` has changed nothing that can be seen: asked again it
///    returns `None` again, no event is queued, and `poll_timeout` is what it was.
/// 4. [`poll_timeout`](Self::poll_timeout) is absolute, and after `handle_timeout(now)` and a
///    complete drain it is later than `now`: a machine never asks for what has just been done.
/// 5. The same calls with the same arguments give the same results. Randomness comes from a seed
///    that the machine was made with, time from `now`, and from nowhere else.
/// 6. No input makes a machine panic, loop or grow without bound.
pub trait Machine {
    /// What the machine has to tell the application above it.
    type Event;

    /// Takes a batch of datagrams from the network.
    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>);

    /// Does what is due at `now`. May be called early, and then does nothing.
    fn handle_timeout(&mut self, now: Instant);

    /// Writes the next batch to send into `buffer`, which has at least [`TRANSMIT_BUFFER`] bytes.
    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit>;

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if nothing comes before.
    fn poll_timeout(&mut self) -> Option<Instant>;

    /// The next thing the application should know.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// How long datagrams may lie unread without harm, so that a runner who has to be woken for
    /// each may be woken once for several. Zero, the default, is not at all.
    ///
    /// A runner need not use it, and asks again after every input: what was harmless before one
    /// datagram may not be after it.
    fn max_read_delay(&self, now: Instant) -> Duration {
        let _ = now;
        Duration::ZERO
    }
}

/// What runs on top of a machine: it is told each event, and may answer by calling the machine.
///
/// Closures `FnMut(Instant, &mut M, M::Event)` are applications.
pub trait Application<M: Machine> {
    /// Takes one event; what the machine wants to send afterwards is sent in the same turn.
    fn on_event(&mut self, now: Instant, machine: &mut M, event: M::Event);

    /// Told by a driver that the system dropped `count` datagrams because the socket's receive
    /// buffer was full.
    fn on_receive_drops(&mut self, now: Instant, machine: &mut M, count: u64) {
        let _ = (now, machine, count);
    }

    /// Told by a driver that it could not send the datagrams of `transmit`, which are all of a
    /// batch that the machine made or some of it.
    ///
    /// What the machine wants to send afterwards is sent in the same turn; for more that is lost
    /// then there is another turn.
    fn on_send_error(
        &mut self,
        now: Instant,
        machine: &mut M,
        transmit: &Transmit,
        error: SendError,
    ) {
        let _ = (now, machine, transmit, error);
    }

    /// Adds to `wakes`, which is empty, the wakers of those who have something to do by now.
    ///
    /// To wake a thread while a lock is held is to send it into that lock. So an application only
    /// notes whom to wake, and whoever runs it asks for the wakers once at the end of each turn,
    /// and wakes them in their order when nothing is locked any more.
    fn take_wakes(&mut self, wakes: &mut Vec<Waker>) {
        let _ = wakes;
    }
}

impl<M: Machine, F: FnMut(Instant, &mut M, M::Event)> Application<M> for F {
    fn on_event(&mut self, now: Instant, machine: &mut M, event: M::Event) {
        self(now, machine, event);
    }
}

/// Takes every event and every transmit of `machine`, the second clause of its law.
///
/// Events go first, since an application's answer may save a packet or fill one. `send` takes each
/// batch; if it breaks, that batch stays in `buffer`, for the runner to send later and then drain
/// on.
pub fn drain<M: Machine, A: Application<M> + ?Sized>(
    now: Instant,
    machine: &mut M,
    application: &mut A,
    buffer: &mut [u8],
    mut send: impl FnMut(&Transmit, &mut [u8]) -> ControlFlow<()>,
) {
    loop {
        while let Some(event) = machine.poll_event() {
            application.on_event(now, machine, event);
        }
        let Some(transmit) = machine.poll_transmit(now, buffer) else { return };
        if send(&transmit, &mut buffer[..transmit.len]).is_break() {
            return;
        }
    }
}
