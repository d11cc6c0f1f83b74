//! [`Timers`]: when which session wants to be called. What is due then is the session's business.

use core::time::Duration;
use std::collections::BTreeSet;

use rudp_base::Instant;

/// A deadline that moves away by more than this is moved: a call for nothing costs more. Those of
/// sessions that are busy move by less, with each packet.
const FAR: Duration = Duration::from_secs(1);

/// The same of the first deadline, which somebody waits for: a session that is called for nothing in the
/// midst of a burst's time sends half a burst.
const NEAR: Duration = Duration::from_micros(500);

/// The deadlines of all sessions, in order.
///
/// A session whose deadline moves away by little keeps its place, unless that is the first: it is called
/// early, once, and asked again. Retransmission timers move with every packet; to move them here each time would cost far more.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Instant, u32)>);

impl Timers {
    /// The session `index`, which has its place at `scheduled`, wants to be called at `due`.
    pub(super) fn arm(
        &mut self,
        index: u32,
        scheduled: &mut Option<Instant>,
        due: Option<Instant>,
    ) {
        let Some(due) = due else { return };
        if let Some(scheduled) = *scheduled {
            let is_first = self.0.first() == Some(&(scheduled, index));
            let slack = if is_first { NEAR } else { FAR };
            if scheduled <= due && due <= scheduled + slack {
                return;
            }
        }
        self.disarm(index, scheduled);
        self.0.insert((due, index));
        *scheduled = Some(due);
    }

    /// The session wants nothing any more.
    pub(super) fn disarm(&mut self, index: u32, scheduled: &mut Option<Instant>) {
        if let Some(before) = scheduled.take() {
            self.0.remove(&(before, index));
        }
    }

    /// The first deadline.
    pub(super) fn first(&self) -> Option<Instant> {
        self.0.first().map(|entry| entry.0)
    }

    /// Takes the next session that is due. Its owner knows that it has no place any more.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let (due, index) = *self.0.first()?;
        (due <= now).then(|| {
            self.0.pop_first();
            index
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn a_deadline_moves_forward_at_once_and_back_when_it_is_due() {
        let mut timers = Timers::default();
        let (mut first, mut scheduled) = (None, None);
        timers.arm(0, &mut first, Some(at(10)));
        timers.arm(1, &mut scheduled, Some(at(50)));
        timers.arm(1, &mut scheduled, Some(at(20)));
        timers.arm(1, &mut scheduled, Some(at(90)));
        timers.arm(1, &mut scheduled, None);
        assert_eq!((timers.first(), scheduled), (Some(at(10)), Some(at(20))));
        assert_eq!(timers.pop_due(at(19)), Some(0));
        assert_eq!(timers.pop_due(at(19)), None);
        assert_eq!(timers.pop_due(at(20)), Some(1));
        assert_eq!(timers.first(), None);
    }

    #[test]
    fn the_first_deadline_is_followed_and_the_others_keep_their_places() {
        let mut timers = Timers::default();
        let mut places = [None; 2];
        for (index, millis) in [(0, 10), (1, 20), (0, 11), (1, 21)] {
            timers.arm(index, &mut places[index as usize], Some(at(millis)));
        }
        assert_eq!(places, [Some(at(11)), Some(at(20))]);
        timers.arm(0, &mut places[0], Some(at(11) + NEAR));
        assert_eq!(timers.first(), Some(at(11)), "so little is not worth it");
    }

    #[test]
    fn a_deadline_that_goes_far_away_takes_its_place_along() {
        let mut timers = Timers::default();
        let (mut first, mut scheduled) = (None, None);
        timers.arm(0, &mut first, Some(at(5)));
        timers.arm(1, &mut scheduled, Some(at(10)));
        timers.arm(1, &mut scheduled, Some(at(1_010)));
        assert_eq!(scheduled, Some(at(10)));
        timers.arm(1, &mut scheduled, Some(at(1_011)));
        assert_eq!((timers.first(), scheduled), (Some(at(5)), Some(at(1_011))));
    }

    #[test]
    fn many_are_called_in_order() {
        let mut timers = Timers::default();
        let mut places = [None; 3];
        for (index, millis) in [(0, 30), (1, 10), (2, 20)] {
            timers.arm(index, &mut places[index as usize], Some(at(millis)));
        }
        timers.disarm(2, &mut places[2]);
        let order: Vec<_> = core::iter::from_fn(|| timers.pop_due(at(100))).collect();
        assert_eq!(order, [1, 0]);
    }
}
