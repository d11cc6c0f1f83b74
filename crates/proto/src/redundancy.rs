//! [`Redundancy`]: small data that ride again in later packets before anybody asks, so that what is lost
//! need not wait for a round trip (docs/PROTOCOL.md, 8.2.1). What a copy looks like is its part's
//! business, and how much is lost is recovery's.

use core::time::Duration;
use std::collections::VecDeque;

use rudp_base::Instant;

use crate::packet::Draft;
use crate::recovery::LossRate;
use crate::token::{Fate, Token};

/// From one copy to the next, where there are several.
const PACE: Duration = Duration::from_millis(6);
/// From the data to the only copy: a packet that goes anyway may take it meanwhile.
const PATIENCE: Duration = Duration::from_millis(12);
/// With the fates of fewer packets nothing is known of the path.
const KNOWN: u64 = 64;
/// The most pieces that are watched. Of older ones there are no more copies.
const MOST: usize = 64;
/// A packet with less room was full: what it carried is part of something large.
const ROOM: usize = 64;
/// What may be repeated at once is what the rate makes in this time.
const BURST: Duration = Duration::from_millis(50);
/// Bytes of a packet of its own that are not frames, those of IP and UDP among them.
const PACKET: u64 = 60;

/// How often something small is repeated where packets are lost at this rate: so often that at most two
/// in a thousand are lost with all copies, up to a loss of 20 %. Beyond it three are not enough. Nothing
/// is repeated where hardly anything is lost, and two copies go where nothing is known yet.
pub(crate) fn copies(rate: LossRate) -> u8 {
    let (lost, judged) = rate.parts();
    match rate.judged() {
        ..KNOWN => 2,
        _ if lost * 512 < judged => 0,
        _ if lost * 25 < judged => 1,
        _ if lost * 25 < judged * 2 => 2,
        _ => 3,
    }
}

/// What became of the try to write a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// It is in the draft.
    Yes,
    /// There was no room for all of it.
    NoRoom,
    /// The peer has it, or it is not sent any more.
    Gone,
}

/// A small piece that was sent.
#[derive(Clone, Copy, Debug)]
struct Piece {
    token: Token,
    /// Packets with it of whose fate nothing is known.
    flying: u8,
    /// Copies that it may still have.
    left: u8,
    /// When it was last sent.
    sent_at: Instant,
}

/// The small pieces of a session that are not acknowledged, and what may be spent on copies.
#[derive(Debug)]
struct Watch {
    /// In the order in which they were first sent.
    pieces: VecDeque<Piece>,
    /// Bytes that may be spent; below zero when the last copy cost more than there was.
    credit: i64,
    refilled_at: Instant,
    /// How long a piece waits for its next copy.
    pace: Duration,
}

/// Repeats small data. Holds nothing while nothing small is in flight.
#[derive(Debug, Default)]
pub(crate) struct Redundancy(Option<Box<Watch>>);

impl Redundancy {
    /// A packet with `tokens` leaves, and had `room` bytes more; small pieces get so many `copies`,
    /// for which `rate` bytes are spent in a second.
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        tokens: &[Token],
        room: usize,
        (copies, rate): (u8, u64),
    ) {
        if self.0.is_none() && (copies == 0 || rate == 0) {
            return;
        }
        for &token in tokens {
            let (Token::Message { .. } | Token::Stream { .. }) = token else { continue };
            if let Some(piece) = self.find(token) {
                piece.flying = piece.flying.saturating_add(1);
                piece.left = piece.left.saturating_sub(1);
                piece.sent_at = now;
            } else if room >= ROOM && copies > 0 && rate > 0 {
                let credit = signed(spendable(rate, BURST));
                let watch = self.0.get_or_insert_with(|| {
                    Box::new(Watch {
                        pieces: VecDeque::new(),
                        credit,
                        refilled_at: now,
                        pace: PACE,
                    })
                });
                watch.pace = if copies > 1 { PACE } else { PATIENCE };
                if watch.pieces.len() >= MOST {
                    watch.pieces.pop_front();
                }
                watch.pieces.push_back(Piece { token, flying: 1, left: copies, sent_at: now });
            }
        }
    }

    fn find(&mut self, token: Token) -> Option<&mut Piece> {
        self.0.as_mut()?.pieces.iter_mut().find(|piece| piece.token == token)
    }

    /// What became of a packet with this token. Says whether its part is to be told: not of a loss
    /// while other packets with the same may still arrive.
    pub(crate) fn passes(&mut self, fate: Fate, token: Token) -> bool {
        let Some(watch) = &mut self.0 else { return true };
        match fate {
            Fate::Acknowledged => {
                watch.pieces.retain(|piece| !covers(token, piece.token));
                true
            }
            Fate::Lost => match watch.pieces.iter_mut().find(|piece| piece.token == token) {
                Some(piece) if piece.flying > 1 => {
                    piece.flying -= 1;
                    false
                }
                _ => {
                    watch.pieces.retain(|piece| piece.token != token);
                    true
                }
            },
        }
    }

    /// More waits to be sent than may leave: what was sent already is not repeated.
    pub(crate) fn give_way(&mut self) {
        if let Some(watch) = &mut self.0 {
            watch.pieces.iter_mut().for_each(|piece| piece.left = 0);
        }
    }

    /// Silence: what is in flight is given back by its part, whatever copies there are.
    pub(crate) fn give_up(&mut self) {
        if let Some(watch) = &mut self.0 {
            watch.pieces.clear();
        }
    }

    /// Gives back memory that holds nothing.
    pub(crate) fn release_memory(&mut self) {
        self.0.take_if(|watch| watch.pieces.is_empty());
    }

    /// When the next copy should leave, if need be in a packet of its own.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let watch = self.0.as_ref()?;
        let waiting = watch.pieces.iter().filter(|piece| piece.left > 0);
        waiting.map(|piece| piece.sent_at + watch.pace).min()
    }

    /// Whether a copy should leave by now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Lets `copy` write the pieces whose turn it is, those that were sent first before others. A
    /// packet that goes anyway takes them half a pace before they are due, and only they are paid
    /// for. Those that cannot be wait for another turn.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        (rate, goes_anyway): (u64, bool),
        draft: &mut Draft<'_>,
        mut copy: impl FnMut(Token, &mut Draft<'_>) -> Copied,
    ) {
        let Some(watch) = &mut self.0 else { return };
        watch.refill(now, rate);
        let Watch { pieces, credit, pace, .. } = &mut **watch;
        pieces.retain_mut(|piece| {
            if piece.left == 0 || now < piece.sent_at + *pace / 2 {
                return true;
            }
            let (before, is_alone) = (draft.len(), !draft.is_ack_eliciting());
            // What a copy costs is known when it is written: the credit may end below it.
            if *credit > 0 {
                match copy(piece.token, draft) {
                    Copied::Yes => {
                        let packet = if is_alone && !goes_anyway { PACKET } else { 0 };
                        *credit =
                            credit.saturating_sub(signed((draft.len() - before) as u64 + packet));
                        return true;
                    }
                    Copied::Gone => return false,
                    Copied::NoRoom if !is_alone => return true,
                    Copied::NoRoom => {}
                }
            }
            // It has had its turn.
            piece.left -= 1;
            piece.sent_at = now;
            true
        });
    }
}

impl Watch {
    fn refill(&mut self, now: Instant, rate: u64) {
        let gained = spendable(rate, now - self.refilled_at);
        if gained > 0 {
            let most = signed(spendable(rate, BURST));
            self.credit = self.credit.saturating_add(signed(gained)).min(most);
            self.refilled_at = now;
        }
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What may be spent in `time`, in bytes.
fn spendable(rate: u64, time: Duration) -> u64 {
    let bytes = u128::from(rate) * time.as_nanos() / 1_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Whether what `all` names has everything that `part` names.
fn covers(all: Token, part: Token) -> bool {
    match (all, part) {
        (
            Token::Stream { stream, offset, len, end },
            Token::Stream { stream: own, offset: first, len: least, end: ends },
        ) => {
            stream == own
                && offset <= first
                && first + u64::from(least) <= offset + u64::from(len)
                && (end || !ends)
        }
        _ => all == part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const RATE: u64 = 62_500;

    fn at(ms: u32) -> Instant {
        Instant::ZERO + MS * ms
    }

    fn message(number: u64) -> Token {
        Token::Message { number, offset: 0, len: 100 }
    }

    /// Writes a packet at `now`, with copies of 100 bytes each, and gives whose copies are in it.
    fn packet(redundancy: &mut Redundancy, now: Instant, new: &[Token]) -> Vec<Token> {
        let (mut buffer, mut tokens) = ([0; 1_000], Vec::new());
        let mut draft = Draft::new(&mut buffer, &mut tokens);
        let write = |token, draft: &mut Draft<'_>| {
            let fits = draft.push_raw(true, Some(token), |writer| writer.slot(100).is_ok());
            if fits { Copied::Yes } else { Copied::NoRoom }
        };
        for token in new {
            write(*token, &mut draft);
        }
        redundancy.write(now, (RATE, !new.is_empty()), &mut draft, write);
        let room = draft.room();
        redundancy.on_sent(now, &tokens, room, (3, RATE));
        tokens.split_off(new.len())
    }

    #[test]
    fn the_more_is_lost_the_more_copies_there_are() {
        for (lost, of, expected) in
            [(0, 63, 2), (0, 64, 0), (0, 1_000, 0), (1, 1_000, 0), (2, 1_000, 1), (10, 500, 1)]
                .into_iter()
                .chain([(30, 500, 2), (50, 500, 3), (500, 500, 3)])
        {
            let mut rate = LossRate::default();
            rate.count(lost, of);
            assert_eq!(copies(rate), expected, "{lost} of {of}");
        }
    }

    #[test]
    fn at_most_two_in_a_thousand_are_lost_with_all_copies() {
        let with_all = |lost: u32| {
            let mut rate = LossRate::default();
            rate.count(lost, 1_000);
            (f64::from(lost) / 1e3).powi(i32::from(copies(rate)) + 1)
        };
        assert!((0..=200).all(|lost| with_all(lost) <= 0.002));
        assert!(with_all(220) > 0.002, "three are the most");
    }

    // spec: 8.2.1
    #[test]
    fn copies_ride_with_others_or_alone_until_there_were_enough() {
        let mut redundancy = Redundancy::default();
        assert_eq!(packet(&mut redundancy, at(0), &[message(0)]), []);
        assert_eq!(redundancy.deadline(), Some(at(6)));
        assert_eq!(packet(&mut redundancy, at(2), &[message(1)]), [], "too early to be of use");
        assert_eq!(packet(&mut redundancy, at(6), &[]), [message(0), message(1)]);
        assert_eq!(packet(&mut redundancy, at(10), &[message(2)]), [message(0), message(1)]);
        assert_eq!(packet(&mut redundancy, at(16), &[]), [message(0), message(1), message(2)]);
        assert_eq!(packet(&mut redundancy, at(30), &[]), [message(2)]);
        assert!(!redundancy.is_due(at(35)) && redundancy.is_due(at(36)));
    }

    // spec: 8.2.1
    #[test]
    fn a_loss_is_none_while_a_copy_may_come() {
        let mut redundancy = Redundancy::default();
        packet(&mut redundancy, at(0), &[message(0), message(1)]);
        packet(&mut redundancy, at(6), &[]);
        assert!(!redundancy.passes(Fate::Lost, message(0)));
        assert!(redundancy.passes(Fate::Lost, message(0)), "the last one");
        assert!(redundancy.passes(Fate::Acknowledged, message(1)));
        assert_eq!(redundancy.deadline(), None, "nothing is repeated any more");
        assert!(redundancy.passes(Fate::Lost, message(1)), "its part knows better");
        redundancy.release_memory();
        assert!(redundancy.0.is_none());
    }

    #[test]
    fn what_waits_to_be_sent_goes_before_copies() {
        let mut redundancy = Redundancy::default();
        packet(&mut redundancy, at(0), &[message(0)]);
        redundancy.give_way();
        assert_eq!(packet(&mut redundancy, at(6), &[message(1)]), []);
        assert_eq!(redundancy.deadline(), Some(at(12)));
        assert!(redundancy.passes(Fate::Lost, message(0)), "there was no copy");
    }

    #[test]
    fn after_silence_every_loss_is_told() {
        let mut redundancy = Redundancy::default();
        packet(&mut redundancy, at(0), &[message(0)]);
        packet(&mut redundancy, at(6), &[]);
        redundancy.give_up();
        assert!(redundancy.passes(Fate::Lost, message(0)));
    }

    // spec: 8.2.1
    #[test]
    fn no_more_is_spent_than_the_rate_allows() {
        let (mut redundancy, mut spent) = (Redundancy::default(), 0);
        for ms in 0..2_000 {
            let new = if ms % 2 == 0 { vec![message(u64::from(ms))] } else { Vec::new() };
            spent += 100 * packet(&mut redundancy, at(ms), &new).len() as u64;
        }
        let most = 2 * RATE + spendable(RATE, BURST) + 100;
        assert!((RATE..most).contains(&spent), "{spent}");
    }

    #[test]
    fn what_was_part_of_something_large_is_not_repeated() {
        let mut redundancy = Redundancy::default();
        redundancy.on_sent(at(0), &[message(0)], ROOM - 1, (3, RATE));
        redundancy.on_sent(at(0), &[Token::MaxData], 500, (3, RATE));
        redundancy.on_sent(at(0), &[message(1)], 500, (0, RATE));
        redundancy.on_sent(at(0), &[message(1)], 500, (3, 0));
        assert!(redundancy.0.is_none());
        for number in 0..1_000 {
            redundancy.on_sent(at(0), &[message(number)], 500, (3, RATE));
        }
        assert_eq!(redundancy.0.map(|watch| watch.pieces.len()), Some(MOST));
    }

    #[test]
    fn a_row_of_bytes_acknowledges_its_parts() {
        let stream = |offset, len, end| Token::Stream { stream: 4, offset, len, end };
        assert!(covers(stream(0, 200, false), stream(100, 100, false)));
        assert!(!covers(stream(0, 200, false), stream(100, 101, false)));
        assert!(!covers(stream(0, 200, false), stream(100, 100, true)));
        assert!(covers(stream(0, 200, true), stream(200, 0, true)));
        assert!(!covers(stream(0, 200, true), message(0)));
    }
}
