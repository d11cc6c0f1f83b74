//! [`Engine`]: what the driver's lock protects, a machine with everything that runs it, and the socket
//! that it sends from. The lock itself, and the thread that waits, are elsewhere.

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use rudp_base::{Application, Datagrams, Instant, Machine};

use crate::moderation::{Look, Moderation};
use crate::outbox::{Outbox, RETRY, Until};
use crate::socket::Socket;
use crate::stats::Stats;

/// How often the system is asked for dropped datagrams, at most.
const DROPS_INTERVAL: Duration = Duration::from_millis(10);

/// A deadline that moves away by more than this is not followed at once: it may come back.
const FAR: Duration = Duration::from_millis(20);

/// What the driver's thread waits for, besides datagrams and being woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) deadline: Option<Instant>,
    pub(crate) writable: bool,
    /// Until when datagrams may lie unread, which is not after the deadline.
    pub(crate) unread: Option<Instant>,
}

impl Wait {
    /// Whether a thread that waits for `self` misses something of `other`, datagrams aside.
    fn misses(self, other: Self) -> bool {
        let later = |deadline| self.deadline.is_none_or(|own| deadline < own);
        (other.writable && !self.writable) || other.deadline.is_some_and(later)
    }
}

/// The earlier of two deadlines, either of which may be missing.
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

/// What to wait for at `now`, instead of `before`, where the machine wants `next`.
fn planned(now: Instant, before: Option<Instant>, next: Option<Instant>) -> Option<Instant> {
    let is_kept = |before: &Instant| *before > now && next.is_none_or(|next| next > *before + FAR);
    earlier(before.filter(is_kept), next)
}

/// A machine, its application, and the state of the loop that runs them.
pub(crate) struct Engine<M, A> {
    pub(crate) machine: M,
    pub(crate) application: A,
    pub(crate) stats: Stats,
    /// What is sent from, and what is to be waited at: whoever does so looks in each turn whether it
    /// still is the one.
    socket: Arc<Socket>,
    outbox: Outbox,
    moderation: Moderation,
    /// Whom to wake once the lock is free. Empty between turns.
    wakes: Vec<Waker>,
    /// What the thread waits for, or has been woken to look at.
    wait: Wait,
    /// When the machine wanted to be told the time, when it was last asked.
    timer: Option<Instant>,
    /// The socket's counter of drops when it was last read, and when to read it next.
    drops: u32,
    next_drops: Instant,
    /// Why no more can be sent; the thread ends with it.
    failure: Option<io::Error>,
}

impl<M: Machine, A: Application<M>> Engine<M, A> {
    pub(crate) fn new(machine: M, application: A, socket: Arc<Socket>) -> Self {
        Self {
            machine,
            application,
            stats: Stats::default(),
            socket,
            outbox: Outbox::new(),
            moderation: Moderation::new(),
            wakes: Vec::new(),
            wait: Wait::default(),
            timer: None,
            drops: 0,
            next_drops: Instant::ZERO,
            failure: None,
        }
    }

    /// From now on this is sent from `socket`.
    pub(crate) fn rebind(&mut self, socket: Arc<Socket>) {
        self.socket = socket;
        // Its counter begins anew.
        self.drops = 0;
        self.outbox.on_rebound();
    }

    /// Makes `seated` the socket that is sent from, if that is another by now; says whether it was.
    pub(crate) fn reseat(&self, seated: &mut Arc<Socket>) -> bool {
        let has_changed = !Arc::ptr_eq(seated, &self.socket);
        if has_changed {
            *seated = Arc::clone(&self.socket);
        }
        has_changed
    }

    /// Gives received batches to the machine, and tells it the time if it asked for that. `look` is
    /// what the look at the socket has shown, if there was one.
    pub(crate) fn handle<'a>(
        &mut self,
        now: Instant,
        batches: impl Iterator<Item = Datagrams<'a>>,
        look: Option<Look>,
    ) {
        let (mut count, mut bytes) = (0, 0);
        for batch in batches {
            count += 1;
            bytes += batch.data.len();
            self.stats.datagrams_in += batch.count() as u64;
            self.machine.handle(now, batch);
        }
        self.stats.batches_in += u64::from(count);
        self.stats.bytes_in += bytes as u64;
        if let Some(look) = look {
            self.moderation.on_look(now, look, (count, bytes));
        }
        if self.timer.is_some_and(|deadline| deadline <= now) {
            self.machine.handle_timeout(now);
        }
    }

    /// Tells the application of datagrams the system dropped, if it is time to ask.
    pub(crate) fn check_drops(&mut self, now: Instant) {
        if now < self.next_drops {
            return;
        }
        self.next_drops = now + DROPS_INTERVAL;
        if let Some(drops) = self.socket.receive_drops() {
            let count = u64::from(drops.wrapping_sub(self.drops));
            self.drops = drops;
            if count > 0 {
                self.stats.receive_drops += count;
                self.application.on_receive_drops(now, &mut self.machine, count);
            }
        }
    }

    /// The socket has room for a batch that waits.
    pub(crate) fn on_writable(&mut self) {
        self.outbox.on_writable();
    }

    /// Takes the machine's events, and sends what it has to send.
    pub(crate) fn flush(&mut self, now: Instant) {
        let Self { machine, application, stats, socket, outbox, failure, .. } = self;
        let send = |transmit: &_, data: &_, sent: &mut _| socket.send(transmit, data, sent);
        if let Err(error) = outbox.flush(now, machine, application, stats, send) {
            *failure = Some(error);
        }
    }

    /// Whom the application wants woken. If that is anybody, `spare` gives the room for the next
    /// turn's.
    pub(crate) fn take_wakes(&mut self, spare: impl FnOnce() -> Vec<Waker>) -> Vec<Waker> {
        self.application.take_wakes(&mut self.wakes);
        if self.wakes.is_empty() {
            return Vec::new();
        }
        std::mem::replace(&mut self.wakes, spare())
    }

    /// What there is to wait for now, besides datagrams.
    fn next_wait(&mut self, now: Instant) -> Wait {
        let until = |deadline| Wait { deadline, ..Wait::default() };
        if self.failure.is_some() {
            return until(Some(now));
        }
        let timer = self.machine.poll_timeout();
        self.timer = timer;
        match self.outbox.waits_until() {
            None => until(timer),
            Some(Until::NextTurn) => until(Some(now)),
            Some(Until::Time(time)) => until(Some(time)),
            // A machine that could not send all may ask for the time again and again: not more
            // often than a retry would.
            Some(Until::Writable) => {
                Wait { writable: true, ..until(timer.map(|timer| timer.max(now + RETRY))) }
            }
        }
    }

    /// Whether the thread has to be woken, because it waits for less than there is now.
    pub(crate) fn rearm(&mut self, now: Instant) -> bool {
        let next = self.next_wait(now);
        let misses = self.wait.misses(next);
        if misses {
            // The thread will look itself; nobody else needs to wake it for the same.
            self.wait.deadline = earlier(self.wait.deadline, next.deadline);
            self.wait.writable |= next.writable;
        }
        // What just began may be answered soon.
        let is_late = self.wait.unread.is_some() && self.machine.max_read_delay(now).is_zero();
        if is_late {
            self.wait.unread = None;
        }
        misses || is_late
    }

    /// What the thread is to wait for after its turn.
    ///
    /// It keeps an earlier deadline that it waited for before, if the machine has none now or one far
    /// behind it. In a conversation a retransmission timer is set and cleared with each message; to wake
    /// the thread whenever it is set again would cost far more than one wake-up in vain per timeout.
    ///
    /// # Errors
    ///
    /// What made the socket useless.
    pub(crate) fn plan(&mut self, now: Instant) -> io::Result<Wait> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let next = self.next_wait(now);
        let deadline = planned(now, self.wait.deadline, next.deadline);
        self.wait = Wait { deadline, unread: self.unread(now, deadline, next.writable), ..next };
        Ok(self.wait)
    }

    /// Until when datagrams may lie unread.
    fn unread(&self, now: Instant, deadline: Option<Instant>, writable: bool) -> Option<Instant> {
        let delay = self.machine.max_read_delay(now);
        if delay.is_zero() || writable {
            return None;
        }
        self.moderation.until(now, delay, deadline, self.socket.receive_room())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(deadline: Option<u64>, writable: bool) -> Wait {
        Wait { deadline: deadline.map(Instant::from_nanos), writable, ..Wait::default() }
    }

    #[test]
    fn a_deadline_is_followed_a_little_and_kept_where_it_goes_far() {
        let at = |ms| Instant::ZERO + Duration::from_millis(ms);
        for (before, next, planned_for) in [
            (None, None, None),
            (None, Some(9), Some(9)),
            (Some(8), Some(7), Some(7)),
            (Some(8), Some(9), Some(9)),
            (Some(8), Some(28), Some(28)),
            (Some(8), Some(29), Some(8)),
            (Some(8), None, Some(8)),
            // It is over.
            (Some(5), Some(29), Some(29)),
            (Some(5), None, None),
        ] {
            let found = planned(at(5), before.map(at), next.map(at));
            assert_eq!(found, planned_for.map(at), "{before:?} {next:?}");
        }
    }

    #[test]
    fn only_what_comes_earlier_is_missed() {
        assert!(wait(None, false).misses(wait(Some(1), false)));
        assert!(wait(Some(2), false).misses(wait(Some(1), false)));
        assert!(wait(Some(2), false).misses(wait(None, true)));
        assert!(!wait(Some(1), false).misses(wait(Some(1), false)));
        assert!(!wait(Some(1), true).misses(wait(Some(2), false)));
        assert!(!wait(Some(1), false).misses(wait(None, false)));
    }
}
