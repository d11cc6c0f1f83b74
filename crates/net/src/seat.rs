//! [`Seat`]: who waits at the socket: the driver's thread, or for a while a caller that has to wait
//! anyway and is spared the thread's wake-up. What is done there is in `thread`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rudp_base::Instant;

use crate::receive::ReceiveBuffers;
use crate::thread::Ready;

/// How long the seat stays empty for a guest that has left and is likely to come back, as one that asks
/// and waits for answers does. Datagrams and timers wait for as long if it does not.
pub(crate) const LEASE: Duration = Duration::from_micros(200);

/// How often a guest that does not have to wait looks for datagrams all the same.
const LOOK: Duration = Duration::from_micros(20);

/// What is used at the socket, by one thread at a time.
#[derive(Default)]
pub(crate) struct Place {
    pub(crate) buffers: ReceiveBuffers,
    pub(crate) ready: Ready,
}

/// The seat at the socket.
pub(crate) struct Seat {
    place: Mutex<Place>,
    /// A guest has it, or is about to.
    has_guest: AtomicBool,
    /// Until when it stays empty, in nanoseconds of the clock.
    lease: AtomicU64,
    /// When a guest last looked for datagrams, likewise.
    last_look: AtomicU64,
    /// Whether the thread, standing aside, will look by itself when the lease is over.
    is_watched: AtomicBool,
}

impl Seat {
    pub(crate) fn new() -> Self {
        Self {
            place: Mutex::new(Place::default()),
            has_guest: AtomicBool::new(false),
            lease: AtomicU64::new(0),
            last_look: AtomicU64::new(0),
            is_watched: AtomicBool::new(false),
        }
    }

    /// Sits down, when whoever sits there gets up.
    pub(crate) fn sit(&self) -> MutexGuard<'_, Place> {
        // Whoever panicked there has left nothing half done but received datagrams.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sits down if nobody sits there.
    pub(crate) fn try_sit(&self) -> Option<MutexGuard<'_, Place>> {
        match self.place.try_lock() {
            Ok(place) => Some(place),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether a guest has the seat, or wants it.
    pub(crate) fn has_guest(&self) -> bool {
        self.has_guest.load(Ordering::SeqCst)
    }

    /// A guest wants the seat; `false` if another has it.
    pub(crate) fn invite(&self) -> bool {
        !self.has_guest.swap(true, Ordering::SeqCst)
    }

    /// The guest has left, and the seat is free from `lease` on, or now. Says whether the thread has
    /// to be told.
    pub(crate) fn leave(&self, lease: Option<Instant>) -> bool {
        self.lease.store(lease.map_or(0, Instant::as_nanos), Ordering::SeqCst);
        self.has_guest.store(false, Ordering::SeqCst);
        !self.is_watched.swap(true, Ordering::SeqCst) || lease.is_none()
    }

    /// Whether the seat is kept for a guest, and nobody has looked for datagrams for a while.
    pub(crate) fn wants_look(&self, now: Instant) -> bool {
        let lease = self.lease.load(Ordering::Relaxed);
        let last = Instant::from_nanos(self.last_look.load(Ordering::Relaxed));
        lease > now.as_nanos() && !self.has_guest() && now.saturating_since(last) >= LOOK
    }

    /// A guest looks for datagrams now.
    pub(crate) fn on_look(&self, now: Instant) {
        self.last_look.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// For the thread, which stands aside: what it has to wait for before it may sit down.
    pub(crate) fn vacancy(&self, now: Instant) -> Vacancy {
        // Before the look at the guest: one that leaves behind it tells the thread.
        self.is_watched.store(false, Ordering::SeqCst);
        if self.has_guest() {
            return Vacancy::Taken;
        }
        self.is_watched.store(true, Ordering::SeqCst);
        let lease = Instant::from_nanos(self.lease.load(Ordering::SeqCst));
        if lease > now { Vacancy::From(lease) } else { Vacancy::Now }
    }
}

/// When the seat is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vacancy {
    Now,
    /// If the guest does not come back.
    From(Instant),
    /// Not before the thread is told.
    Taken,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn one_guest_sits_and_the_thread_is_told_when_it_does_not_look_itself() {
        let seat = Seat::new();
        assert_eq!(seat.vacancy(at(5)), Vacancy::Now);
        assert!(seat.invite() && !seat.invite());
        assert_eq!(seat.vacancy(at(5)), Vacancy::Taken);
        assert!(seat.leave(Some(at(20))), "the thread waits to be told");
        assert_eq!(seat.vacancy(at(6)), Vacancy::From(at(20)));
        // The guest comes and goes while the thread sleeps until the lease is over.
        assert!(seat.invite());
        assert!(!seat.leave(Some(at(30))), "the thread will look itself");
        assert_eq!(seat.vacancy(at(20)), Vacancy::From(at(30)));
        assert_eq!(seat.vacancy(at(30)), Vacancy::Now);
        assert!(seat.invite());
        assert!(seat.leave(None), "others wait for the thread");
    }

    #[test]
    fn a_guest_that_is_expected_looks_now_and_then() {
        let (seat, us) = (Seat::new(), |micros: u64| at(micros * 1_000));
        assert!(!seat.wants_look(us(50)), "the thread sits");
        assert!(seat.invite());
        seat.on_look(us(50));
        seat.leave(Some(us(250)));
        assert!(!seat.wants_look(us(60)), "somebody just did");
        assert!(seat.wants_look(us(80)));
        assert!(!seat.wants_look(us(250)), "the thread sits again");
        assert!(seat.invite() && !seat.wants_look(us(80)), "there is a guest");
    }

    #[test]
    fn the_place_is_for_one_at_a_time() {
        let seat = Seat::new();
        let place = seat.sit();
        assert!(seat.try_sit().is_none());
        drop(place);
        assert!(seat.try_sit().is_some());
    }
}
