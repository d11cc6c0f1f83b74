//! [`Flow`]: congestion control of all that goes from here to one address of a peer, whichever sessions it
//! belongs to (docs/PROTOCOL.md, 8.4.2). Which sessions those are, and whose turn it is, is the endpoint's.

use rudp_base::Instant;

use crate::congestion::{AckSample, CongestionSample, Controller, SentSample};
use crate::connection::MAX_BATCH;
use crate::pacer::{Pace, Pacer};
use crate::recovery::{Feed, Tally};

/// The least window, in packets of the session that is called: where packets of others are smaller, the
/// controller's may not hold one of this session, which would wait in front of all others for good.
const LEAST_WINDOW: u64 = 2;

/// Turns last for a millisecond, but two packets at least, and a few batches at most: what a session needs
/// to be visited is not in the processor's cache where there are many, which each turn pays for.
const TURNS_PER_SECOND: u64 = 1_000;
const LEAST_TURN: u64 = 3_000;
const MOST_TURN: u64 = 3 * MAX_BATCH as u64;

/// How much may be in flight, how fast it leaves, and what was counted for that.
///
/// Packets of several sessions to one address take one way, and one queue: what each of them could find
/// out alone, at the expense of the others, they know together.
#[derive(Debug)]
pub(crate) struct Flow {
    controller: Box<dyn Controller>,
    pacer: Pacer,
    tally: Tally,
    share: Share,
}

/// What sets the session that is called apart from the others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    /// The size of the session's own packets.
    pub(crate) packet_size: u64,
    /// What the others have in flight, in bytes.
    pub(crate) in_flight: u64,
    /// There are others.
    pub(crate) has_others: bool,
    /// Some of them wait for their turn.
    pub(crate) others_wait: bool,
    /// What is left of the session's turn, in bytes, if any of them waits for its end: 0 where it is
    /// another one's turn.
    pub(crate) turn: Option<u64>,
}

impl Flow {
    /// A flow of packets of `packet_size` bytes, of which nothing is known yet.
    pub(crate) fn new(controller: Box<dyn Controller>, packet_size: u16) -> Self {
        Self {
            controller,
            pacer: Pacer::new(packet_size.into()),
            tally: Tally::default(),
            share: Share::default(),
        }
    }

    /// What a session has while it is not called: nothing may leave.
    pub(crate) fn none() -> Self {
        Self::new(Box::new(Nobody), 0)
    }

    /// A session is called.
    pub(crate) fn set_share(&mut self, share: Share) {
        self.share = share;
        self.tally.set_others(share.in_flight);
    }

    /// Whether other sessions are part of it.
    pub(crate) fn has_others(&self) -> bool {
        self.share.has_others
    }

    /// Who is told what becomes of packets.
    pub(crate) fn feed(&mut self) -> Feed<'_> {
        Feed { controller: &mut *self.controller, tally: &mut self.tally }
    }

    /// How many bytes may be in flight.
    pub(crate) fn window(&self) -> u64 {
        let least = if self.has_others() { LEAST_WINDOW * self.share.packet_size } else { 0 };
        self.controller.window().max(least)
    }

    /// Bytes per second at which they leave, if anything is known of the path.
    pub(crate) fn pacing_rate(&self) -> Option<u64> {
        self.controller.pacing_rate()
    }

    /// How many more bytes may be in flight, if the session has `own` bytes there, and it is its turn.
    pub(crate) fn room(&self, own: u64) -> u64 {
        if self.share.turn == Some(0) { 0 } else { self.free(own) }
    }

    /// How many bytes may leave before the last packet of the turn.
    pub(crate) fn before_last(&self) -> u64 {
        self.share.turn.map_or(u64::MAX, |left| left.saturating_sub(1))
    }

    /// Whether a packet of `size` bytes is the last of the turn. The peer would wait for more of the session's
    /// before it acknowledges it, and so would the others for the room that it takes.
    pub(crate) fn ends_turn(&self, size: u64) -> bool {
        self.share.turn.is_some_and(|left| left <= size)
    }

    /// The same, whoever's turn it is.
    pub(crate) fn free(&self, own: u64) -> u64 {
        self.window().saturating_sub(self.tally.in_flight(own))
    }

    /// What is left of the turn of the session that is called, in bytes, if others wait for its end.
    pub(crate) fn turn(&self) -> Option<u64> {
        self.share.turn
    }

    /// What a session may send, in bytes, before it is the next one's turn.
    pub(crate) fn turn_len(&self) -> u64 {
        let rate = self.pacing_rate().unwrap_or(u64::MAX);
        (rate / TURNS_PER_SECOND).clamp(LEAST_TURN, MOST_TURN)
    }

    /// How many bytes may leave at `now` as one batch.
    pub(crate) fn budget(&mut self, now: Instant, pace: Option<&Pace>) -> u64 {
        self.pacer.budget(now, pace)
    }

    /// When `wanted` bytes may leave, or enough to be worth the timer.
    pub(crate) fn next(&mut self, now: Instant, pace: &Pace, wanted: u64) -> Instant {
        self.pacer.next(now, pace, wanted)
    }

    /// So many bytes that are acknowledged leave.
    pub(crate) fn on_sent(&mut self, bytes: u64) {
        self.pacer.on_sent(bytes);
        self.share.turn = self.share.turn.map(|left| left.saturating_sub(bytes));
    }

    /// The session has no more to send, though more could be in flight than its `own` bytes.
    pub(crate) fn on_app_limited(&mut self, own: u64) {
        if !self.share.others_wait {
            self.tally.on_app_limited(own);
        }
    }

    /// The session's packets have another size from now on.
    pub(crate) fn on_packet_size(&mut self, size: u16) {
        self.controller.on_path(size.into(), false);
    }

    /// The session's packets go another way, of which nothing is known if it is `fresh`. If there are
    /// others it leaves the flow instead.
    pub(crate) fn on_path(&mut self, size: u16, fresh: bool) {
        if self.share.has_others {
            return;
        }
        self.controller.on_path(size.into(), fresh);
        if fresh {
            self.pacer = Pacer::new(size.into());
            self.tally.on_path();
        }
    }
}

/// Lets nothing leave. Whoever sends packets has been given a flow before.
#[derive(Debug)]
struct Nobody;

impl Controller for Nobody {
    fn on_sent(&mut self, _: &SentSample) {}
    fn on_ack(&mut self, _: &AckSample) {}
    fn on_congestion(&mut self, _: &CongestionSample) {}
    fn on_undo(&mut self, _: Instant) {}
    fn on_path(&mut self, _: u32, _: bool) {}

    fn window(&self) -> u64 {
        0
    }

    fn pacing_rate(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::congestion::{Cubic, Fixed};

    fn flow(share: Share) -> Flow {
        let mut flow = Flow::new(Box::new(Cubic::new(1_200)), 1_200);
        flow.set_share(share);
        flow
    }

    #[test]
    fn the_window_holds_two_packets_of_whoever_shares_it() {
        let mut share = Share { packet_size: 16_000, ..Share::default() };
        assert_eq!(flow(share).window(), 12_000, "the first window of the controller");
        share.has_others = true;
        assert_eq!(flow(share).window(), 32_000);
        share.packet_size = 1_200;
        assert_eq!(flow(share).window(), 12_000);
    }

    #[test]
    fn room_is_what_the_others_leave_and_the_turn_allows() {
        let mut share = Share { in_flight: 5_000, has_others: true, ..Share::default() };
        let flow = |share| flow(share);
        assert_eq!((flow(share).room(3_000), flow(share).free(3_000)), (4_000, 4_000));
        assert_eq!(flow(share).room(8_000), 0);
        share.turn = Some(0);
        assert_eq!((flow(share).room(3_000), flow(share).free(3_000)), (0, 4_000));
        share.turn = Some(2_000);
        let mut flow = flow(share);
        assert_eq!((flow.room(3_000), flow.before_last()), (4_000, 1_999));
        assert!(!flow.ends_turn(1_999) && flow.ends_turn(2_000));
        flow.on_sent(1_200);
        assert!(flow.turn() == Some(800) && flow.ends_turn(1_200));
        flow.on_sent(1_200);
        assert_eq!((flow.turn(), flow.room(0)), (Some(0), 0));
    }

    #[test]
    fn a_turn_is_a_millisecond_within_bounds() {
        for (rate, turn) in [
            (0, 3_000),
            (2_999_999, 3_000),
            (12_500_000, 12_500),
            (196_607_999, 196_607),
            (u64::MAX, 196_608),
        ] {
            assert_eq!(Flow::new(Box::new(Fixed::new(rate, 1_200)), 1_200).turn_len(), turn);
        }
        assert_eq!(Flow::none().turn_len(), 196_608, "nothing is known of the rate");
    }

    #[test]
    fn it_is_limited_by_the_program_only_if_nobody_waits() {
        let mut share = Share { has_others: true, others_wait: true, ..Share::default() };
        let mut flow = flow(share);
        flow.on_app_limited(0);
        assert!(!flow.tally.is_app_limited());
        share.others_wait = false;
        flow.set_share(share);
        flow.on_app_limited(0);
        assert!(flow.tally.is_app_limited());
    }
}
