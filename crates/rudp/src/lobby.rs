//! [`Lobby`]: sessions that clients began, at whichever shard, until somebody accepts them.
//! How one waits for them is in `block` and `aio`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rudp_proto::Handle;

/// A session that a client began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comer {
    pub(crate) shard: usize,
    pub(crate) handle: Handle,
}

/// Whether clients are welcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Door {
    /// They will be, once the endpoint listens.
    #[default]
    Closed,
    /// They are.
    Open,
    /// The program has shut the endpoint down.
    Shut,
    /// Nobody is left who could accept them.
    Unattended,
}

/// The sessions that wait to be accepted, and those who wait for them. A server's shards have one
/// together, which is entered once a session.
pub(crate) struct Lobby<C = Comer> {
    state: Mutex<State<C>>,
}

struct State<C> {
    door: Door,
    comers: VecDeque<C>,
    waiting: Vec<Waker>,
    /// Some shard had to end.
    is_broken: bool,
}

impl<C> Default for Lobby<C> {
    fn default() -> Self {
        let (comers, waiting) = (VecDeque::new(), Vec::new());
        let state = State { door: Door::default(), comers, waiting, is_broken: false };
        Self { state: Mutex::new(state) }
    }
}

impl<C> Lobby<C> {
    pub(crate) fn door(&self) -> Door {
        self.lock().door
    }

    /// Whether some shard had to end.
    pub(crate) fn is_broken(&self) -> bool {
        self.lock().is_broken
    }

    /// Clients are welcome from now on, unless it is too late.
    pub(crate) fn open(&self) {
        let mut state = self.lock();
        if state.door == Door::Closed {
            state.door = Door::Open;
        }
    }

    /// A client has come; moves those who wait for one to `ready`. `false` if nobody will accept it.
    pub(crate) fn enter(&self, comer: C, ready: &mut Vec<Waker>) -> bool {
        let mut state = self.lock();
        if state.door == Door::Unattended {
            return false;
        }
        state.comers.push_back(comer);
        ready.append(&mut state.waiting);
        true
    }

    /// The next one; `None` if nobody comes any more.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Option<C>> {
        let mut state = self.lock();
        if let Some(comer) = state.comers.pop_front() {
            return Poll::Ready(Some(comer));
        }
        if state.is_broken || matches!(state.door, Door::Shut | Door::Unattended) {
            return Poll::Ready(None);
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The program shuts the endpoint down. Who has come already may still be accepted.
    pub(crate) fn shut(&self) {
        self.end(|state| state.door = Door::Shut);
    }

    /// A shard had to end.
    pub(crate) fn break_down(&self) {
        self.end(|state| state.is_broken = true);
    }

    /// Nobody is left who could accept those who have come, and who will; returns the former.
    pub(crate) fn leave_unattended(&self) -> VecDeque<C> {
        let mut state = self.lock();
        state.door = Door::Unattended;
        std::mem::take(&mut state.comers)
    }

    fn end(&self, change: impl FnOnce(&mut State<C>)) {
        let waiting = {
            let mut state = self.lock();
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // A waker that panics when it is cloned leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(lobby: &Lobby<u32>, count: &Arc<Count>) -> Poll<Option<u32>> {
        lobby.poll(&Context::from_waker(&Arc::clone(count).into()))
    }

    fn woken(count: &Count) -> u32 {
        count.0.swap(0, Ordering::Relaxed)
    }

    /// Enters, and wakes those who wait.
    fn enter(lobby: &Lobby<u32>, comer: u32) -> bool {
        let mut ready = Vec::new();
        let is_in = lobby.enter(comer, &mut ready);
        ready.into_iter().for_each(Waker::wake);
        is_in
    }

    #[test]
    fn who_waits_is_woken_and_who_has_come_is_accepted_in_order() {
        let (lobby, count) = (Lobby::default(), Arc::default());
        assert_eq!(poll(&lobby, &count), Poll::Pending);
        assert_eq!(poll(&lobby, &count), Poll::Pending);
        assert!(enter(&lobby, 7) && enter(&lobby, 8));
        assert_eq!(woken(&count), 1);
        assert_eq!(poll(&lobby, &count), Poll::Ready(Some(7)));
        assert_eq!(poll(&lobby, &count), Poll::Ready(Some(8)));
        assert_eq!(poll(&lobby, &count), Poll::Pending);
    }

    #[test]
    fn behind_a_shut_door_those_are_accepted_who_had_come() {
        let (lobby, count) = (Lobby::default(), Arc::default());
        lobby.open();
        assert_eq!(lobby.door(), Door::Open);
        assert_eq!(poll(&lobby, &count), Poll::Pending);
        lobby.shut();
        assert_eq!(woken(&count), 1);
        lobby.open();
        assert_eq!(lobby.door(), Door::Shut);
        assert!(enter(&lobby, 7));
        assert_eq!(poll(&lobby, &count), Poll::Ready(Some(7)));
        assert_eq!(poll(&lobby, &count), Poll::Ready(None));
    }

    #[test]
    fn where_nobody_accepts_nobody_enters() {
        let (lobby, count) = (Lobby::default(), Arc::default());
        assert!(enter(&lobby, 7));
        assert_eq!(lobby.leave_unattended(), [7]);
        assert!(!enter(&lobby, 8));
        assert_eq!(poll(&lobby, &count), Poll::Ready(None));
    }

    #[test]
    fn a_shard_that_ends_wakes_who_waits() {
        let (lobby, count) = (Lobby::<u32>::default(), Arc::default());
        assert_eq!(poll(&lobby, &count), Poll::Pending);
        lobby.break_down();
        assert_eq!(woken(&count), 1);
        assert_eq!(poll(&lobby, &count), Poll::Ready(None));
    }
}
