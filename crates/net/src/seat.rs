//! [`Seat`]: who waits at the socket: the driver's thread, or for a while a caller that has to wait
//! anyway and is spared the thread's wake-up. What is done there is in `thread`.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rudp_base::Instant;

use crate::handover::Mail;
use crate::receive::ReceiveBuffers;
use crate::socket::Socket;
use crate::thread::Ready;

/// How long the seat stays empty for a guest that has left and is likely to come back, as one that asks
/// and waits for answers does. If it does not, whatever comes waits until the thread looks, which is
/// up to nine times as long ([`MAX_DOUBLINGS`]).
const LEASE: Duration = Duration::from_micros(200);

/// The same for one in the middle of a call, which looks again before long and says when the call is
/// over: sending by itself may take it a millisecond where the system cannot segment.
const PRESENCE: Duration = Duration::from_millis(2);

/// How often a guest that does not have to wait looks for datagrams all the same.
const LOOK: Duration = Duration::from_micros(20);

/// After how many calls, each soon after the one before, a caller that never has to wait takes the
/// seat: what arrives for it would wake the thread again and again, to no use but a switch of threads. One
/// that sends a dozen or two of messages now and then is none: acknowledgements come when it has gone.
const BUSY_CALLS: u32 = 32;

/// How often a guest has come back before the lease would have been over, until there is one: one that
/// comes for a few answers and then stays away would hold up whoever comes next.
const RETURNS: u32 = 8;

/// More are not counted. One that comes late halves them.
const MOST_RETURNS: u32 = 64;

/// How often the thread, standing aside, finds that guests still come and go before it looks no more
/// seldom, each time after twice as long.
const MAX_DOUBLINGS: u32 = 3;

/// The same where guests leave the socket alone for a while, which is longer than a lease.
const MAX_PAUSE_DOUBLINGS: u32 = 2;

/// What is used at the socket, by one thread at a time.
pub(crate) struct Place {
    /// What is waited at, which each turn may replace.
    pub(crate) socket: Arc<Socket>,
    pub(crate) buffers: ReceiveBuffers,
    /// What siblings on the same port have handed over.
    pub(crate) mail: Mail,
    pub(crate) ready: Ready,
    /// How many turns there were: what one has found to wait for holds until the next.
    pub(crate) turns: u64,
}

/// The seat at the socket.
pub(crate) struct Seat {
    place: Mutex<Place>,
    /// A guest has it, or is about to.
    has_guest: AtomicBool,
    /// Until when it stays empty, in nanoseconds of the clock.
    lease: AtomicU64,
    /// When a call last began or was over, and how often one has begun soon after the last.
    last_call: AtomicU64,
    calls: AtomicU32,
    /// How often guests have left, when the last one did, how long after the one before that was, and
    /// how often one came soon after.
    visits: AtomicU32,
    last_left: AtomicU64,
    gap: AtomicU64,
    returns: AtomicU32,
    /// Whether the thread, standing aside, will look by itself when the lease is over, and until when it
    /// stays away in any case, in nanoseconds of the clock.
    is_watched: AtomicBool,
    away_until: AtomicU64,
    /// For how long at a time the socket is left alone, in nanoseconds.
    pause: AtomicU64,
}

impl Seat {
    pub(crate) fn new(socket: Arc<Socket>) -> Self {
        let (buffers, mail, ready) = Default::default();
        Self {
            place: Mutex::new(Place { socket, buffers, mail, ready, turns: 0 }),
            has_guest: AtomicBool::new(false),
            lease: AtomicU64::new(0),
            last_call: AtomicU64::new(0),
            calls: AtomicU32::new(0),
            visits: AtomicU32::new(0),
            last_left: AtomicU64::new(0),
            gap: AtomicU64::new(0),
            returns: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            away_until: AtomicU64::new(0),
            pause: AtomicU64::new(0),
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

    /// A guest wants the seat, to wait there or, in a call, only to look; `false` if another has it.
    pub(crate) fn invite(&self, now: Instant, is_in_call: bool) -> bool {
        if self.has_guest.swap(true, Ordering::SeqCst) {
            return false;
        }
        if !is_in_call {
            let last = Instant::from_nanos(self.last_left.load(Ordering::Relaxed));
            let returns = self.returns.load(Ordering::Relaxed);
            let is_soon = now.saturating_since(last) <= LEASE + self.pause();
            let returns = if is_soon { (returns + 1).min(MOST_RETURNS) } else { returns / 2 };
            self.returns.store(returns, Ordering::Relaxed);
        }
        true
    }

    /// The guest has left. The seat is kept for it for a while if it `may_return` and is likely to, as it
    /// is in the middle of a call, and then for longer. Says whether the thread has to be told.
    pub(crate) fn leave(&self, now: Instant, may_return: bool, is_in_call: bool) -> bool {
        let is_likely = is_in_call || self.returns.load(Ordering::Relaxed) >= RETURNS;
        let is_kept = may_return && is_likely;
        let presence = if is_in_call { PRESENCE } else { LEASE };
        let lease = is_kept.then(|| now + presence.max(LEASE + self.pause()));
        let before = self.last_left.swap(now.as_nanos(), Ordering::Relaxed);
        self.gap.store(now.as_nanos().saturating_sub(before), Ordering::Relaxed);
        self.lease.store(lease.map_or(0, Instant::as_nanos), Ordering::SeqCst);
        self.visits.fetch_add(1, Ordering::Relaxed);
        self.has_guest.store(false, Ordering::SeqCst);
        !self.is_watched.swap(true, Ordering::SeqCst) || lease.is_none()
    }

    /// Whether the seat is kept for a guest that is expected back.
    pub(crate) fn is_kept(&self, now: Instant) -> bool {
        self.lease.load(Ordering::SeqCst) > now.as_nanos()
    }

    /// Whether no guest looks for datagrams, or has looked just now.
    pub(crate) fn wants_look(&self, now: Instant) -> bool {
        let last = Instant::from_nanos(self.last_left.load(Ordering::Relaxed));
        !self.has_guest() && now.saturating_since(last) >= LOOK.max(self.pause())
    }

    /// From now on the socket is left alone for so long at a time.
    pub(crate) fn set_pause(&self, pause: Duration) {
        let nanos = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
        self.pause.store(nanos, Ordering::Relaxed);
    }

    fn pause(&self) -> Duration {
        Duration::from_nanos(self.pause.load(Ordering::Relaxed))
    }

    /// Counts a call at `now`, and says whether it is one of many, so that the caller does well to
    /// take the seat though it does not have to wait.
    pub(crate) fn on_call(&self, now: Instant) -> bool {
        let last = Instant::from_nanos(self.last_call.swap(now.as_nanos(), Ordering::Relaxed));
        if now.saturating_since(last) > LEASE {
            self.calls.store(0, Ordering::Relaxed);
            return false;
        }
        self.calls.fetch_add(1, Ordering::Relaxed) >= BUSY_CALLS && !self.has_guest()
    }

    /// A call is over. The seat is kept for its caller no longer than for any that has left.
    pub(crate) fn on_call_over(&self, now: Instant) {
        self.last_call.store(now.as_nanos(), Ordering::Relaxed);
        let lease = (now + LEASE + self.pause()).as_nanos();
        // Never longer, and none where there was none.
        self.lease.fetch_min(lease, Ordering::SeqCst);
    }

    /// The seat is not kept any more: who has to wait now does not sit down. Says whether the thread has
    /// to be told.
    pub(crate) fn give_up(&self, now: Instant) -> bool {
        self.lease.store(0, Ordering::SeqCst);
        self.away_until.swap(0, Ordering::SeqCst) > now.as_nanos()
    }

    /// A caller has to wait: it is none of those that take the seat for the number of their calls.
    pub(crate) fn on_wait(&self) {
        self.calls.store(0, Ordering::Relaxed);
    }

    /// For the thread, which begins to stand aside.
    pub(crate) fn watch(&self) -> Watch {
        Watch { visits: self.visits.load(Ordering::Relaxed), doublings: 0 }
    }

    /// For the thread, which stands aside: what it has to wait for before it may sit down.
    pub(crate) fn vacancy(&self, now: Instant, watch: &mut Watch) -> Vacancy {
        let visits = self.visits.load(Ordering::Relaxed);
        let come_and_go = mem::replace(&mut watch.visits, visits) != visits;
        let lease = Instant::from_nanos(self.lease.load(Ordering::SeqCst));
        watch.doublings = match come_and_go {
            true => (watch.doublings + 1).min(MAX_DOUBLINGS),
            false if lease > now => watch.doublings,
            false => 0,
        };
        // Guests that leave the socket alone stay for as long as that at least.
        let pauses = self.pause() * (1 << watch.doublings.min(MAX_PAUSE_DOUBLINGS));
        let rest = (LEASE * (1 << watch.doublings)).max(pauses);
        // One that stays longer than the thread would rest had better tell it.
        let are_short = Duration::from_nanos(self.gap.load(Ordering::Relaxed)) <= rest;
        if come_and_go && are_short && (lease > now || self.has_guest()) {
            return self.stay_away(now, now + rest);
        }
        // Before the look at the guest: one that leaves behind it tells the thread.
        self.is_watched.store(false, Ordering::SeqCst);
        if self.has_guest() {
            return Vacancy::Taken;
        }
        self.is_watched.store(true, Ordering::SeqCst);
        // In the midst of a call it may be over much sooner.
        self.stay_away(now, lease.min(now + rest + self.pause()))
    }

    /// The thread stays away until `time`, if the seat is kept or taken until then for all it knows.
    fn stay_away(&self, now: Instant, time: Instant) -> Vacancy {
        self.away_until.store(time.as_nanos(), Ordering::SeqCst);
        // Behind that: one that gives up before it tells nobody.
        if time > now && (self.is_kept(now) || self.has_guest()) {
            return Vacancy::From(time);
        }
        self.away_until.store(0, Ordering::SeqCst);
        Vacancy::Now
    }
}

/// What the thread remembers while it stands aside.
#[derive(Debug)]
pub(crate) struct Watch {
    /// How often guests had left when it last looked.
    visits: u32,
    /// How often it found then that they come and go.
    doublings: u32,
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

    fn seat() -> Seat {
        let options = crate::socket::SocketOptions::default();
        Seat::new(Arc::new(Socket::bind(([127, 0, 0, 1], 0).into(), &options).unwrap()))
    }

    fn us(micros: u64) -> Instant {
        Instant::ZERO + Duration::from_micros(micros)
    }

    /// A seat with a guest that has come back again and again, and leaves for the first time with a lease,
    /// at the time given.
    fn frequented(leaves_at: u64) -> Seat {
        let seat = seat();
        for n in (0..=u64::from(RETURNS)).rev() {
            assert!(seat.invite(us(leaves_at - n), false));
            seat.leave(us(leaves_at - n), true, false);
            assert_eq!(seat.is_kept(us(leaves_at)), n == 0, "{n}");
        }
        seat
    }

    #[test]
    fn one_guest_sits_and_the_thread_is_told_when_it_does_not_look_itself() {
        let seat = seat();
        let mut watch = seat.watch();
        assert_eq!(seat.vacancy(us(1_000), &mut watch), Vacancy::Now);
        assert!(seat.invite(us(1_000), false) && !seat.invite(us(1_000), false));
        assert_eq!(seat.vacancy(us(1_000), &mut watch), Vacancy::Taken);
        assert!(seat.leave(us(1_005), true, false), "the thread waits to be told");
        assert_eq!(seat.vacancy(us(1_006), &mut watch), Vacancy::Now);
        assert!(!seat.is_kept(us(1_006)), "it is not likely to come back");
    }

    #[test]
    fn for_a_guest_that_comes_again_and_again_the_seat_is_kept() {
        let seat = frequented(2_000);
        let mut watch = Watch { visits: 0, doublings: 0 };
        assert_eq!(seat.vacancy(us(2_006), &mut watch), Vacancy::From(us(2_406)));
        // The guest comes and goes while the thread sleeps.
        assert!(seat.invite(us(2_200), false));
        assert!(!seat.leave(us(2_210), true, false), "the thread will look itself");
        assert!(seat.invite(us(2_400), false));
        assert_eq!(seat.vacancy(us(2_406), &mut watch), Vacancy::From(us(3_206)));
        assert!(!seat.leave(us(2_500), true, false));
        assert!(seat.invite(us(2_600), false) && !seat.leave(us(3_100), true, false));
        assert_eq!(seat.vacancy(us(3_206), &mut watch), Vacancy::From(us(4_806)));
        assert!(seat.invite(us(3_250), false) && !seat.leave(us(4_700), true, false));
        assert_eq!(seat.vacancy(us(4_806), &mut watch), Vacancy::From(us(6_406)), "no longer");
        assert_eq!(seat.vacancy(us(6_406), &mut watch), Vacancy::Now);
        assert!(seat.invite(us(6_410), false));
        assert!(seat.leave(us(6_420), true, false), "it had stayed away");
        let seat = frequented(2_000);
        assert!(seat.invite(us(2_100), false));
        assert!(seat.leave(us(2_200), false, false), "others wait for the thread");
        assert_eq!(seat.vacancy(us(2_210), &mut seat.watch()), Vacancy::Now);
    }

    #[test]
    fn where_the_socket_is_left_alone_nobody_looks_more_often() {
        let seat = frequented(2_000);
        seat.set_pause(Duration::from_millis(1));
        let mut watch = Watch { visits: 0, doublings: 0 };
        assert_eq!(seat.vacancy(us(2_006), &mut watch), Vacancy::From(us(4_006)));
        assert!(!seat.wants_look(us(2_999)) && seat.wants_look(us(3_000)));
        // The guest comes as often as it may look, and keeps its seat for that long.
        for now in [3_001, 4_002, 5_003, 6_004] {
            assert!(seat.wants_look(us(now)) && seat.invite(us(now), false));
            assert!(!seat.leave(us(now), true, false) && seat.is_kept(us(now + 1_199)));
        }
        assert_eq!(seat.vacancy(us(6_005), &mut watch), Vacancy::From(us(10_005)));
        assert!(seat.invite(us(7_200), false) && !seat.leave(us(9_900), true, false));
        assert_eq!(seat.vacancy(us(10_005), &mut watch), Vacancy::From(us(14_005)), "no longer");
        assert_eq!(seat.vacancy(us(14_005), &mut watch), Vacancy::Now, "it did not come back");
    }

    #[test]
    fn guests_that_stay_for_long_are_not_watched() {
        let seat = frequented(2_000);
        assert!(seat.invite(us(2_010), false) && !seat.leave(us(9_000), true, false));
        assert!(seat.invite(us(9_010), false));
        let mut watch = Watch { visits: 0, doublings: 0 };
        assert_eq!(seat.vacancy(us(9_020), &mut watch), Vacancy::Taken, "not looked for in vain");
        assert!(seat.leave(us(16_000), true, false), "the thread is told");
        assert_eq!(seat.vacancy(us(16_010), &mut watch), Vacancy::From(us(16_200)));
    }

    #[test]
    fn a_guest_that_stays_is_not_looked_after() {
        let seat = frequented(2_000);
        let mut watch = Watch { visits: 0, doublings: 0 };
        assert!(seat.invite(us(2_005), false));
        assert_eq!(seat.vacancy(us(2_010), &mut watch), Vacancy::From(us(2_410)));
        assert_eq!(seat.vacancy(us(2_410), &mut watch), Vacancy::Taken);
        assert!(seat.leave(us(2_700), true, false), "the thread waits to be told");
    }

    #[test]
    fn a_guest_that_is_expected_looks_now_and_then() {
        let seat = frequented(2_000);
        assert!(!seat.wants_look(us(2_010)), "somebody just did");
        assert!(seat.is_kept(us(2_030)) && seat.wants_look(us(2_030)));
        assert!(!seat.is_kept(us(2_200)), "the thread sits again");
        assert!(seat.invite(us(2_030), false) && !seat.wants_look(us(2_030)), "there is a guest");
    }

    #[test]
    fn in_the_middle_of_a_call_the_seat_is_kept_for_longer() {
        let seat = seat();
        for now in [2_100, 3_900, 5_700] {
            assert!(seat.invite(us(now), true));
            seat.leave(us(now), true, true);
            assert!(seat.is_kept(us(now + 1_999)) && !seat.is_kept(us(now + 2_000)));
        }
        // The thread looks in between: the call may be over at any time.
        assert_eq!(seat.vacancy(us(5_710), &mut seat.watch()), Vacancy::From(us(5_910)));
        seat.on_call_over(us(5_900));
        assert!(seat.is_kept(us(6_099)) && !seat.is_kept(us(6_100)));
        seat.on_call_over(us(6_500));
        assert!(!seat.is_kept(us(6_500)), "it was over");
        assert_eq!(seat.returns.load(Ordering::Relaxed), 0, "it has not waited");
    }

    #[test]
    fn how_long_calls_take_does_not_matter() {
        let seat = seat();
        for n in 1..=BUSY_CALLS + 2 {
            let at = us(u64::from(n) * 1_000);
            assert_eq!(seat.on_call(at), n > BUSY_CALLS + 1, "{n}");
            seat.on_call_over(at + Duration::from_micros(900));
        }
        assert!(!seat.on_call(us(u64::from(BUSY_CALLS) * 1_000 + 3_101)), "it had gone");
    }

    #[test]
    fn who_has_to_wait_elsewhere_tells_the_thread_that_stays_away() {
        let seat = frequented(2_000);
        assert!(!seat.give_up(us(2_100)), "it does not");
        assert!(!seat.is_kept(us(2_100)));
        // Away beyond the lease, as guests have come and gone.
        let seat = frequented(2_000);
        let mut watch = Watch { visits: 0, doublings: 2 };
        assert_eq!(seat.vacancy(us(2_010), &mut watch), Vacancy::From(us(3_610)));
        assert!(seat.give_up(us(2_900)) && !seat.give_up(us(2_900)), "once");
        assert_eq!(seat.vacancy(us(2_910), &mut watch), Vacancy::Now);
        assert!(!seat.give_up(us(2_920)));
    }

    #[test]
    fn a_caller_that_comes_often_may_take_the_seat() {
        let (seat, busy) = (seat(), u64::from(BUSY_CALLS));
        let often = |from: u64| (0..=busy).map(move |n| us(from + n * 100));
        assert!(often(10_000).all(|now| !seat.on_call(now)));
        let last = 10_000 + (busy + 1) * 100;
        assert!(seat.on_call(us(last)));
        assert!(!seat.on_call(us(last + 300)), "it had gone");
        assert!(
            often(last + 400).filter(|&now| seat.on_call(now)).eq(often(last + 400).next_back())
        );
        seat.on_wait();
        let last = last + 400 + busy * 100;
        assert!(!seat.on_call(us(last + 50)), "it waits now and then");
        assert_eq!(often(last + 100).filter(|&now| seat.on_call(now)).count(), 2);
        let now = us(last + 100 + busy * 100);
        assert!(seat.invite(now, false) && !seat.on_call(now), "there is a guest");
    }

    #[test]
    fn the_place_is_for_one_at_a_time() {
        let seat = seat();
        let place = seat.sit();
        assert!(seat.try_sit().is_none());
        drop(place);
        assert!(seat.try_sit().is_some());
    }
}
