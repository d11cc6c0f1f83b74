//! [`Visit`]: a caller that has to wait does the thread's work meanwhile, which saves the wake-up of the
//! thread and then its own. Who may sit at the socket is decided in `seat`.

use std::io;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rudp_base::{Application, Instant, Machine};

use crate::seat::Place;
use crate::shared::Shared;
use crate::thread::{Pause, Ready, act, rest};

/// What a caller waits for.
pub struct Visit<'a> {
    /// Whether it has come, so that the visit ends.
    pub is_over: &'a dyn Fn() -> bool,
    /// How long the caller waits at most, on the driver's clock.
    pub deadline: Option<Instant>,
    /// For how long it looks again and again before it sleeps.
    pub spin: Duration,
    /// Whether nobody else waits for anything that only the thread would do: asked at the end, and
    /// before a busy caller takes the seat.
    pub is_alone: &'a dyn Fn() -> bool,
}

/// The seat as long as a guest has it.
struct Guest<'a, M: Machine, A: Application<M>> {
    shared: &'a Shared<M, A>,
    /// Whether the seat may stay empty for a while, and whether that is in the middle of a call.
    may_return: bool,
    is_in_call: bool,
}

impl<M: Machine, A: Application<M>> Drop for Guest<'_, M, A> {
    fn drop(&mut self) {
        let shared = self.shared;
        if shared.seat.leave(shared.clock.now(), self.may_return, self.is_in_call) {
            shared.aside.wake();
        }
    }
}

impl Visit<'_> {
    /// Does the thread's work once if the seat is kept for the caller, or the caller comes so often that
    /// it ought to be: one that hardly ever has to wait spares the thread all of it.
    pub(crate) fn begin_call<M: Machine, A: Application<M>>(
        shared: &Shared<M, A>,
        is_alone: &dyn Fn() -> bool,
    ) {
        let now = shared.clock.now();
        let is_busy = shared.seat.on_call(now);
        if shared.seat.is_kept(now) || (is_busy && is_alone()) {
            Self::look(shared, now, is_alone);
        }
    }

    /// Does the thread's work once if the seat is kept for the caller, in the middle of a call.
    pub(crate) fn go_on_call<M: Machine, A: Application<M>>(
        shared: &Shared<M, A>,
        is_alone: &dyn Fn() -> bool,
    ) {
        let now = shared.clock.now();
        if shared.seat.is_kept(now) {
            Self::look(shared, now, is_alone);
        }
    }

    fn look<M: Machine, A: Application<M>>(
        shared: &Shared<M, A>,
        now: Instant,
        is_alone: &dyn Fn() -> bool,
    ) {
        if shared.seat.wants_look(now) {
            let is_over = &|| true;
            Visit { is_over, deadline: None, spin: Duration::ZERO, is_alone }
                .sit(shared, now, true);
        }
    }

    /// Does the thread's work until it is over. Returns at once if another caller does.
    pub(crate) fn run<M: Machine, A: Application<M>>(&self, shared: &Shared<M, A>) {
        shared.seat.on_wait();
        self.sit(shared, shared.clock.now(), false);
    }

    /// Sits down, and begins with a look for datagrams if `looks`.
    fn sit<M: Machine, A: Application<M>>(&self, shared: &Shared<M, A>, now: Instant, looks: bool) {
        if !shared.seat.invite(now, looks) {
            return;
        }
        let mut guest = Guest { shared, may_return: false, is_in_call: looks };
        let mut place = shared.seat.try_sit().unwrap_or_else(|| {
            shared.waker.wake();
            shared.seat.sit()
        });
        place.ready.readable |= looks;
        match self.serve(shared, place) {
            Ok(()) => guest.may_return = (self.is_alone)() && !shared.stop.load(Ordering::Acquire),
            Err(error) => {
                // The thread ends with it, as with an error of its own.
                shared.fail(error);
                shared.stop.store(true, Ordering::Release);
            }
        }
    }

    fn serve<'a, M: Machine, A: Application<M>>(
        &self,
        shared: &'a Shared<M, A>,
        mut place: MutexGuard<'a, Place>,
    ) -> io::Result<()> {
        loop {
            let (pause, wakes) = act(shared, &mut place)?;
            let turn = place.turns;
            if !wakes.is_empty() {
                // With the seat free: whoever is woken may be waited for by one who wants to sit here.
                drop(place);
                shared.wakes.fire(wakes);
                place = shared.seat.sit();
            }
            let is_late = self.deadline.is_some_and(|deadline| deadline <= shared.clock.now());
            if is_late || self.is_over(shared) {
                // Whoever sits down next begins with a turn: nobody has to wake it.
                shared.awake.store(true, Ordering::Relaxed);
                return Ok(());
            }
            if place.turns != turn {
                continue;
            }
            if pause.is_urgent() || !self.spin(shared, &mut place, pause) {
                // Who spends the processor's time on it wants no datagram late.
                let pause = if self.spin.is_zero() { pause } else { pause.eager() };
                rest(shared, &mut place, pause, self.deadline)?;
            }
        }
    }

    fn is_over<M: Machine, A: Application<M>>(&self, shared: &Shared<M, A>) -> bool {
        (self.is_over)() || shared.stop.load(Ordering::Acquire)
    }

    /// Looks for datagrams again and again for a while. Says whether there is something to do.
    fn spin<M: Machine, A: Application<M>>(
        &self,
        shared: &Shared<M, A>,
        place: &mut Place,
        pause: Pause,
    ) -> bool {
        if self.spin.is_zero() {
            return false;
        }
        let end = shared.clock.now() + self.spin;
        let end = pause.deadline().map_or(end, |deadline| deadline.min(end));
        while !self.is_over(shared) && !shared.waker.is_rung() && shared.clock.now() < end {
            // Errors that stay are fetched again by those who count them.
            match place.socket.receive(&mut place.buffers) {
                Ok(_) => {
                    place.ready = Ready::RECEIVED;
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(_) => return false,
            }
        }
        self.is_over(shared)
    }
}
