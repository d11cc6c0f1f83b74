//! [`Moderation`]: until when to leave the socket alone, so that one wake-up is for several datagrams,
//! as network cards hold back their interrupts. How much delay does no harm is the machine's to say,
//! and waiting is done in `thread`.

use std::time::Duration;

use rudp_base::Instant;

use crate::receive::CALL_BYTES;

/// How far apart batches are taken to come at most. After a pause it takes about a dozen that come
/// close together until the socket is left alone.
const LONGEST_GAP: Duration = Duration::from_millis(10);

/// A wait that needs a wake-up of its own has to save as many.
const WORTH_A_WAKE_UP: u32 = 2;

/// Where there is a wake-up in any case, all that it costs is a look at the socket, perhaps in vain:
/// less than this part of a wake-up.
const PART_OF_WAKE_UP: u32 = 16;

/// The least that a batch takes of the socket's buffer, in bytes: the system counts its own
/// bookkeeping.
const LEAST_SIZE: usize = 1_024;

/// What a look at the socket has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// All that was there.
    All,
    /// As much as was asked for: there may be more.
    Some,
}

/// What came lately, and when.
#[derive(Debug)]
pub(crate) struct Moderation {
    /// How far apart batches come.
    gap: Duration,
    /// How large they are, in bytes.
    size: usize,
    /// When the last of them was received.
    received_at: Instant,
    /// When the socket was last looked at, and what that has shown.
    looked_at: Instant,
    look: Look,
}

impl Moderation {
    pub(crate) fn new() -> Self {
        let never = Instant::ZERO;
        Self {
            gap: LONGEST_GAP,
            size: LEAST_SIZE,
            received_at: never,
            looked_at: never,
            look: Look::Some,
        }
    }

    /// The socket was looked at, which gave so many batches with so many bytes in all.
    pub(crate) fn on_look(&mut self, now: Instant, look: Look, (batches, bytes): (u32, usize)) {
        (self.looked_at, self.look) = (now, look);
        if batches == 0 {
            return;
        }
        let gap = ((now - self.received_at) / batches).min(LONGEST_GAP);
        self.gap = (self.gap * 3 + gap) / 4;
        self.size = (self.size * 3 + (bytes / batches as usize).max(LEAST_SIZE)) / 4;
        self.received_at = now;
    }

    /// Until when the socket is to be left alone, if that is worth it: for at most `delay` since it
    /// was last looked at, until `deadline`, when there is something to do in any case, and until what
    /// comes has filled half of the `room` bytes of the socket's buffer, or of the bytes that one call
    /// brings at most: who gets so much by each wake-up has few of them.
    pub(crate) fn until(
        &self,
        now: Instant,
        delay: Duration,
        deadline: Option<Instant>,
        room: usize,
    ) -> Option<Instant> {
        if self.look == Look::Some {
            return None;
        }
        // When nothing comes any more, that shows before the next batch does.
        let gap = self.gap.max(now - self.received_at);
        let fitting = u32::try_from(room.min(CALL_BYTES) / 2 / self.size).unwrap_or(u32::MAX);
        let latest = self.looked_at + delay.min(gap.saturating_mul(fitting));
        match deadline.filter(|deadline| *deadline <= latest) {
            Some(deadline) => {
                (deadline > now && (deadline - now) * PART_OF_WAKE_UP >= gap).then_some(deadline)
            }
            None => (latest > now && latest - now >= gap * WORTH_A_WAKE_UP).then_some(latest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 4 << 20;
    const US: Duration = Duration::from_micros(1);

    fn at(micros: u32) -> Instant {
        Instant::ZERO + Duration::from_secs(1) + US * micros
    }

    /// What was seen of 64 batches of 1,472 bytes, one each `gap` microseconds, the last of them at 0.
    fn stream_of(gap: u32) -> Moderation {
        let mut moderation = Moderation::new();
        for n in (0..64).rev() {
            moderation.on_look(at(0) - US * gap * n, Look::All, (1, 1_472));
        }
        moderation
    }

    #[test]
    fn the_socket_is_left_alone_where_that_saves_wake_ups() {
        let table = [
            // (gap, delay, deadline, until), all in microseconds
            ("many fall into it", 120, 800, None, Some(800)),
            ("two do", 400, 800, None, Some(800)),
            ("hardly two do", 410, 800, None, None),
            ("no delay", 120, 0, None, None),
            ("a deadline far away", 120, 800, Some(900), Some(800)),
            ("a deadline before that", 120, 800, Some(700), Some(700)),
            ("a deadline before the next", 120, 800, Some(50), Some(50)),
            ("a deadline long before it", 120, 800, Some(7), None),
            ("one in three deadlines finds something", 3_000, 1_500, Some(1_000), Some(1_000)),
            ("one in twenty does", 9_000, 1_500, Some(400), None),
            ("a deadline that is over", 120, 800, Some(0), None),
        ];
        for (what, gap, delay, deadline, until) in table {
            let found = stream_of(gap).until(at(0), US * delay, deadline.map(at), ROOM);
            assert_eq!(found, until.map(at), "{what}");
        }
    }

    #[test]
    fn the_delay_counts_from_the_last_look() {
        let mut moderation = stream_of(100);
        let until = |moderation: &Moderation, now| moderation.until(now, US * 800, None, ROOM);
        assert_eq!(until(&moderation, at(500)), None, "too little is left");
        assert_eq!(until(&moderation, at(200)), Some(at(800)));
        moderation.on_look(at(300), Look::All, (3, 4_416));
        assert_eq!(until(&moderation, at(400)), Some(at(1_100)));
    }

    #[test]
    fn where_there_may_be_more_it_is_looked_for_at_once() {
        let mut moderation = stream_of(100);
        moderation.on_look(at(800), Look::Some, (8, 11_776));
        let until = |moderation: &Moderation| moderation.until(at(800), US * 800, None, ROOM);
        assert_eq!(until(&moderation), None);
        moderation.on_look(at(800), Look::All, (2, 2_944));
        assert_eq!(until(&moderation), Some(at(1_600)));
    }

    #[test]
    fn what_comes_meanwhile_fits_into_half_of_the_buffer_and_of_a_call() {
        let until = |gap, room| stream_of(gap).until(at(0), US * 2_000, None, room);
        assert_eq!(until(10, 200_000), Some(at(10 * 68)));
        assert_eq!(until(10, 5_000), None);
        assert_eq!(until(10, 4 << 20), Some(at(10 * 89)));
    }

    #[test]
    fn a_pause_ends_it_and_a_stream_begins_it_again() {
        let mut moderation = stream_of(120);
        let until = |moderation: &Moderation, now| moderation.until(now, US * 800, None, ROOM);
        moderation.on_look(at(800), Look::All, (0, 0));
        assert_eq!(until(&moderation, at(800)), None, "nothing has come for long");
        let later = (0u32..).map(|n| at(500_000 + 120 * n));
        let looks = later.take_while(|&now| {
            moderation.on_look(now, Look::All, (1, 1_472));
            until(&moderation, now).is_none()
        });
        assert!((5..20).contains(&looks.count()));
    }

    #[test]
    fn extremes_are_no_overflow() {
        let mut moderation = Moderation::new();
        for now in [Instant::ZERO, Instant::MAX, at(5), Instant::MAX] {
            moderation.on_look(now, Look::All, (1, usize::MAX / 8));
            for delay in [Duration::ZERO, Duration::MAX] {
                moderation.until(now, delay, Some(Instant::MAX), usize::MAX);
                moderation.until(Instant::ZERO, delay, None, 0);
            }
        }
    }
}
