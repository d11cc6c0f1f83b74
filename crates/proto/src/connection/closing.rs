//! [`Closing`]: the end of a session (docs/PROTOCOL.md, 9.2): which CLOSE and `CLOSE_ACK` are due,
//! and when the session may be forgotten. What receipts say, and what a close came to, is elsewhere.

use core::time::Duration;

use rudp_base::Instant;
use rudp_wire::code::Code;
use rudp_wire::frame::CloseKind;

/// How often CLOSE is sent at least, if no answer comes (docs/PROTOCOL.md, 9.2.2).
const MIN_SENDS: u32 = 3;
/// How long a session is remembered behind the last CLOSE that came, in probe timeouts
/// (docs/PROTOCOL.md, 9.2.3).
const DRAIN: u32 = 3;
/// The same behind the first one.
const MAX_DRAIN: u32 = 10;

/// A code with a reason for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Why {
    pub(crate) code: Code,
    pub(crate) reason: String,
}

/// The CLOSE of this side.
#[derive(Debug)]
struct Own {
    why: Why,
    deadline: Instant,
    /// It waits to be sent.
    is_due: bool,
    /// One has left.
    was_sent: bool,
    /// How often it has become due.
    rounds: u32,
    /// When the next one is due; `None` once an answer came or it is over.
    next: Option<Instant>,
    /// When the session may be forgotten, once an answer came or it is over.
    until: Instant,
    is_answered: bool,
}

/// The CLOSE of the peer.
#[derive(Debug)]
struct Theirs {
    why: Why,
    is_answer_due: bool,
    until: Instant,
    no_later: Instant,
}

/// Both sides' part in the end of a session.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    /// The caller's deadline, while receipts are waited for.
    finishing: Option<Instant>,
    own: Option<Box<Own>>,
    theirs: Option<Box<Theirs>>,
    /// A packet came while closing, and CLOSE may be sent in answer to it from here on.
    answer_from: Option<Instant>,
}

impl Closing {
    /// The program closes: what is left is sent until `deadline`. Called again, the earlier one
    /// counts.
    pub(crate) fn finish(&mut self, deadline: Instant) {
        if self.is_over() {
            return self.hasten(deadline);
        }
        self.finishing = Some(self.finishing.map_or(deadline, |before| before.min(deadline)));
    }

    /// CLOSE, if it has begun, is repeated until `deadline` at the latest, if it was sent often
    /// enough.
    pub(crate) fn hasten(&mut self, deadline: Instant) {
        let Some(own) = &mut self.own else { return };
        own.deadline = own.deadline.min(deadline);
        if own.rounds >= MIN_SENDS {
            own.next = own.next.map(|next| next.min(own.deadline));
        }
    }

    /// The deadline until which receipts are waited for.
    pub(crate) fn finishing(&self) -> Option<Instant> {
        self.finishing
    }

    /// CLOSE is sent from now on, and nothing else.
    pub(crate) fn start(&mut self, now: Instant, pto: Duration, deadline: Instant, why: Why) {
        if self.is_over() {
            return;
        }
        self.finishing = None;
        self.own = Some(Box::new(Own {
            why,
            deadline,
            is_due: true,
            was_sent: false,
            rounds: 1,
            next: Some(now + pto),
            until: now,
            is_answered: false,
        }));
    }

    /// CLOSE came. Returns whether it is the first one.
    pub(crate) fn on_close(
        &mut self,
        now: Instant,
        pto: Duration,
        why: impl FnOnce() -> Why,
    ) -> bool {
        let until = now + pto * DRAIN;
        if let Some(theirs) = &mut self.theirs {
            theirs.until = until.min(theirs.no_later);
            theirs.is_answer_due = true;
            return false;
        }
        self.finishing = None;
        let no_later = now + pto * MAX_DRAIN;
        let theirs = Theirs { why: why(), is_answer_due: true, until, no_later };
        self.theirs = Some(Box::new(theirs));
        true
    }

    /// `CLOSE_ACK` came. If not all receipts that go with CLOSE are known (`is_all_known`), it is
    /// sent again with them, but not more than three times. Returns whether it is.
    pub(crate) fn on_close_ack(&mut self, now: Instant, pto: Duration, is_all_known: bool) -> bool {
        let is_open = |own: &&mut Box<Own>| own.was_sent && !own.is_answered;
        let Some(own) = self.own.as_mut().filter(is_open) else { return false };
        if !is_all_known && own.rounds < MIN_SENDS {
            own.is_due = true;
            own.rounds += 1;
            own.next = Some(now + pto);
            own.deadline = own.deadline.min(now);
            return true;
        }
        own.is_answered = true;
        own.is_due = false;
        own.next = None;
        own.until = now + pto * DRAIN;
        false
    }

    /// A packet came that was no CLOSE and no answer: the peer may not have got CLOSE.
    pub(crate) fn on_packet(&mut self, now: Instant) {
        if let (Some(own), Some(from)) = (&mut self.own, self.answer_from)
            && !own.is_answered
            && now >= from
        {
            own.is_due |= own.next.is_some();
        }
    }

    /// Makes CLOSE due again, or gives it up, when it is time: whether the last one could leave or
    /// not, so that a session ends whatever holds its packets back. Returns whether it is due now.
    pub(crate) fn on_timeout(&mut self, now: Instant, pto: Duration) -> bool {
        let Some(own) = &mut self.own else { return false };
        if own.next.is_none_or(|next| next > now) {
            return false;
        }
        own.is_due = own.rounds < MIN_SENDS || now < own.deadline;
        if own.is_due {
            // Pauses of 1, 2, 4 ... probe timeouts.
            own.next = Some(now + pto * (1 << own.rounds.min(10)));
            own.rounds += 1;
        } else {
            own.next = None;
            own.until = now;
        }
        own.is_due
    }

    /// What is to be sent now.
    pub(crate) fn due(&self) -> Option<(CloseKind, &Why)> {
        if let Some(theirs) = self.theirs.as_ref().filter(|theirs| theirs.is_answer_due) {
            return Some((CloseKind::CloseAck, &theirs.why));
        }
        let own = self.own.as_ref().filter(|own| own.is_due)?;
        Some((CloseKind::Close, &own.why))
    }

    /// It was sent.
    pub(crate) fn on_sent(&mut self, now: Instant, pto: Duration, kind: CloseKind) {
        match (kind, &mut self.own, &mut self.theirs) {
            (CloseKind::CloseAck, _, Some(theirs)) => theirs.is_answer_due = false,
            (CloseKind::Close, Some(own), _) => {
                own.is_due = false;
                own.was_sent = true;
                self.answer_from = Some(now + pto);
            }
            _ => {}
        }
    }

    /// When the next CLOSE is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.own.as_ref().and_then(|own| own.next)
    }

    /// When the session may be forgotten, once that is certain.
    pub(crate) fn forget_at(&self) -> Option<Instant> {
        let own = match &self.own {
            Some(own) if own.next.is_some() => return None,
            Some(own) => Some(own.until),
            None => None,
        };
        own.into_iter().chain(self.theirs.as_ref().map(|theirs| theirs.until)).max()
    }

    /// Whether nothing but the packets of closing is sent.
    pub(crate) fn is_over(&self) -> bool {
        self.own.is_some() || self.theirs.is_some()
    }

    /// Whether the own CLOSE was sent and answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.is_answered)
    }

    /// The code and reason of the peer's CLOSE.
    pub(crate) fn theirs(&self) -> Option<&Why> {
        self.theirs.as_ref().map(|theirs| &theirs.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTO: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn why() -> Why {
        Why { code: Code::NO_ERROR, reason: String::new() }
    }

    /// Runs the timers until nothing is due any more, and gives the times of CLOSE.
    fn sends(closing: &mut Closing, until: Instant) -> Vec<u64> {
        let mut times = Vec::new();
        let mut now = Instant::ZERO;
        loop {
            closing.on_timeout(now, PTO);
            if closing.forget_at().is_some_and(|forget| forget <= now) {
                return times;
            }
            if let Some((kind, _)) = closing.due() {
                times.push(u64::try_from((now - Instant::ZERO).as_millis()).unwrap());
                closing.on_sent(now, PTO, kind);
            }
            match closing.next().or(closing.forget_at()) {
                Some(next) if next <= until => now = next,
                _ => return times,
            }
        }
    }

    // spec: 9.2.2
    #[test]
    fn close_is_sent_three_times_at_least() {
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(0), why());
        assert_eq!(sends(&mut closing, at(100_000)), [0, 100, 300]);
        assert_eq!(closing.forget_at(), Some(at(700)));
        assert!(!closing.is_answered());
    }

    // spec: 9.2.2
    #[test]
    fn pauses_double_until_the_deadline() {
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(2_000), why());
        assert_eq!(sends(&mut closing, at(100_000)), [0, 100, 300, 700, 1_500]);
        assert_eq!(closing.forget_at(), Some(at(3_100)));
    }

    #[test]
    fn an_answer_ends_it() {
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(2_000), why());
        closing.on_close_ack(at(0), PTO, true);
        assert!(!closing.is_answered(), "nothing was sent yet");
        closing.on_sent(at(0), PTO, CloseKind::Close);
        closing.on_close_ack(at(50), PTO, true);
        closing.on_close_ack(at(60), PTO, true);
        assert!(closing.is_answered());
        assert_eq!(closing.forget_at(), Some(at(350)));
        assert_eq!(closing.due(), None);
    }

    // spec: 9.2.3
    #[test]
    fn each_close_of_the_peer_is_answered_for_a_bounded_time() {
        let mut closing = Closing::default();
        for n in 0..20 {
            assert_eq!(closing.on_close(at(n * 250), PTO, why), n == 0);
            let kind = closing.due().map(|due| due.0);
            assert_eq!(kind, Some(CloseKind::CloseAck));
            closing.on_sent(at(n * 250), PTO, CloseKind::CloseAck);
            assert_eq!(closing.due(), None);
        }
        assert_eq!(closing.forget_at(), Some(at(1_000)));
    }

    // spec: 9.2.4
    #[test]
    fn both_may_close_at_once() {
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(2_000), why());
        closing.on_sent(at(0), PTO, CloseKind::Close);
        assert!(closing.on_close(at(10), PTO, why));
        assert_eq!(closing.due().map(|due| due.0), Some(CloseKind::CloseAck));
        closing.on_sent(at(10), PTO, CloseKind::CloseAck);
        assert_eq!(closing.forget_at(), None, "the own one has no answer yet");
        closing.on_timeout(at(100), PTO);
        assert_eq!(closing.due().map(|due| due.0), Some(CloseKind::Close));
        closing.on_sent(at(100), PTO, CloseKind::Close);
        closing.on_close_ack(at(120), PTO, true);
        assert_eq!(closing.forget_at(), Some(at(420)));
    }

    // spec: 9.2.2
    #[test]
    fn other_packets_are_answered_with_close_once_per_probe_timeout() {
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(60_000), why());
        for now in [0, 100, 300, 700] {
            closing.on_timeout(at(now), PTO);
            assert!(closing.due().is_some());
            closing.on_sent(at(now), PTO, CloseKind::Close);
        }
        closing.on_packet(at(750));
        assert_eq!(closing.due(), None);
        closing.on_packet(at(800));
        assert!(closing.due().is_some());
    }

    #[test]
    fn a_close_that_cannot_leave_is_over_as_well() {
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(0), why());
        for now in [100, 300, 700] {
            assert_eq!(closing.next(), Some(at(now)));
            closing.on_timeout(at(now), PTO);
        }
        assert_eq!((closing.due(), closing.forget_at()), (None, Some(at(700))));
    }

    // spec: 9.2.2
    #[test]
    fn an_answer_that_does_not_know_all_receipts_does_not_end_it_at_once() {
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(60_000), why());
        for now in [0, 50] {
            closing.on_sent(at(now), PTO, CloseKind::Close);
            assert!(closing.on_close_ack(at(now + 50), PTO, false));
            assert!(closing.due().is_some() && !closing.is_answered());
        }
        closing.on_sent(at(100), PTO, CloseKind::Close);
        assert_eq!(closing.next(), Some(at(200)));
        assert!(!closing.on_timeout(at(200), PTO));
        assert_eq!(closing.forget_at(), Some(at(200)), "one answer has come");
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(60_000), why());
        assert_eq!(sends(&mut closing, at(300)), [0, 100, 300]);
        assert!(!closing.on_close_ack(at(350), PTO, false));
        assert!(closing.is_answered(), "three times are enough");
        assert_eq!(closing.forget_at(), Some(at(650)));
    }

    // spec: 9.2.2
    #[test]
    fn an_earlier_deadline_counts_for_a_close_that_has_begun() {
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(60_000), why());
        assert_eq!(sends(&mut closing, at(1_500)), [0, 100, 300, 700, 1_500]);
        closing.finish(at(2_000));
        closing.finish(at(2_500));
        assert_eq!(closing.next(), Some(at(2_000)), "and not 3,100");
        assert!(!closing.on_timeout(at(2_000), PTO));
        assert_eq!((closing.due(), closing.forget_at()), (None, Some(at(2_000))));
        // Three are sent in any case.
        let mut closing = Closing::default();
        closing.start(at(0), PTO, at(60_000), why());
        closing.hasten(at(0));
        assert_eq!(sends(&mut closing, at(100_000)), [0, 100, 300]);
    }

    #[test]
    fn the_earlier_deadline_counts() {
        let mut closing = Closing::default();
        closing.finish(at(500));
        closing.finish(at(900));
        assert_eq!(closing.finishing(), Some(at(500)));
        closing.finish(at(100));
        assert_eq!(closing.finishing(), Some(at(100)));
        assert!(!closing.is_over());
    }
}
