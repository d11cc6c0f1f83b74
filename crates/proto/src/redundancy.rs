//! [`Redundancy`]: small data that ride again in later packets before anybody asks, so that what is lost
//! need not wait for a round trip (docs/PROTOCOL.md, 8.2.1). What a copy looks like is its part's
//! business, and how much is lost is recovery's.

use core::time::Duration;
use std::collections::VecDeque;

use rudp_base::Instant;

use crate::packet::Draft;
use crate::recovery::LossRate;
use crate::token::{Fate, Token};

/// When the copies of a piece leave at the latest, if need be in packets of their own: times since it
/// was first sent.
type Schedule = &'static [Duration];

/// No copy leaves in a packet of its own sooner than this.
pub(crate) const FIRST_COPY: Duration = ms(6);
/// With a packet that goes anyway, where they follow each other closely enough.
const ONCE: Schedule = &[ms(12)];
const TWICE: Schedule = &[FIRST_COPY, ms(12)];
const THRICE: Schedule = &[FIRST_COPY, ms(12), ms(18)];
/// Three where packets go anyway, each 10 ms say: most copies ride with those, and every other one of
/// them has a packet of copies behind it, so that no piece is in less than four within 20 ms.
const RIDING: Schedule = &[ms(12), ms(16), ms(28)];
/// Packets follow each other closely if the next one leaves so soon.
const STEADY: Duration = ms(12);
/// So much later a packet takes copies of what the last one had, and no sooner: they might share its
/// fate.
const APART: Duration = ms(3);
/// After a piece was lost with all of its copies, so many do not wait for packets that go anyway: losses
/// may come in bursts, which take packets that are close to each other.
const WARY: u16 = 500;
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

/// The copies of something small where packets are lost at this rate: so many that at most two in a
/// thousand are lost with all of them, up to a loss of 20 %. Beyond it three are not enough. Nothing is
/// repeated where hardly anything is lost, and two copies go where nothing is known yet. Three wait for
/// packets that go anyway, if those are `steady`, while so little is lost that this delays less than one
/// piece in a hundred.
fn schedule(rate: LossRate, steady: bool) -> Schedule {
    let (lost, judged) = rate.parts();
    match rate.judged() {
        ..KNOWN => TWICE,
        _ if lost * 512 < judged => &[],
        _ if lost * 25 < judged => ONCE,
        _ if lost * 25 < judged * 2 => TWICE,
        _ if steady && lost * 25 < judged * 4 => RIDING,
        _ => THRICE,
    }
}

const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
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
    first_at: Instant,
    /// When it was last sent.
    sent_at: Instant,
    has_copy: bool,
    /// Of the copies that it may still have.
    copies: Schedule,
}

impl Piece {
    /// When the next copy may leave at the earliest.
    fn ready(&self) -> Instant {
        self.sent_at + APART
    }

    /// When it has to leave.
    fn due(&self) -> Option<Instant> {
        let latest = self.first_at + *self.copies.first()?;
        Some(latest.max(self.ready()))
    }

    /// A copy left, or had its turn.
    fn on_copied(&mut self, now: Instant) {
        self.sent_at = now;
        self.copies = self.copies.get(1..).unwrap_or_default();
    }
}

/// The small pieces of a session that are not acknowledged, and what may be spent on copies.
#[derive(Debug)]
struct Watch {
    /// In the order in which they were first sent.
    pieces: VecDeque<Piece>,
    /// Bytes that may be spent; below zero when the last copy cost more than there was.
    credit: i64,
    refilled_at: Instant,
    /// When the last packet with something new left, and whether that was soon after the one before.
    new_at: Instant,
    is_steady: bool,
    /// For so many more pieces nothing waits for other packets.
    wary: u16,
}

/// Repeats small data. Holds nothing while nothing small is in flight.
#[derive(Debug, Default)]
pub(crate) struct Redundancy(Option<Box<Watch>>);

impl Redundancy {
    /// A packet with `tokens` leaves, and had `room` bytes more; so much is `lost`, and copies of small
    /// pieces get `rate` bytes in a second.
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        tokens: &[Token],
        room: usize,
        (lost, rate): (LossRate, u64),
    ) {
        if self.0.is_none() && (rate == 0 || schedule(lost, false).is_empty()) {
            return;
        }
        for &token in tokens {
            let (Token::Message { .. } | Token::Stream { .. }) = token else { continue };
            if let Some(piece) = self.find(token) {
                piece.flying = piece.flying.saturating_add(1);
                piece.has_copy = true;
                piece.on_copied(now);
            } else if room >= ROOM && rate > 0 {
                let watch = self.0.get_or_insert_with(|| Box::new(Watch::new(now, rate)));
                watch.add(now, token, lost);
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
                Some(piece) => {
                    if piece.has_copy {
                        watch.wary = WARY;
                    }
                    watch.pieces.retain(|piece| piece.token != token);
                    true
                }
                None => true,
            },
        }
    }

    /// More waits to be sent than may leave: what was sent already is not repeated.
    pub(crate) fn give_way(&mut self) {
        if let Some(watch) = &mut self.0 {
            watch.pieces.iter_mut().for_each(|piece| piece.copies = &[]);
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
        self.0.as_ref()?.pieces.iter().filter_map(Piece::due).min()
    }

    /// Whether a copy should leave by now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Lets `copy` write the pieces whose turn it is, those that were sent first before others. A
    /// packet that goes anyway takes them before they are due, and only they are paid for. Those that
    /// cannot be wait for another turn.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        (rate, goes_anyway): (u64, bool),
        draft: &mut Draft<'_>,
        mut copy: impl FnMut(Token, &mut Draft<'_>) -> Copied,
    ) {
        let Some(watch) = &mut self.0 else { return };
        watch.refill(now, rate);
        let Watch { pieces, credit, .. } = &mut **watch;
        pieces.retain_mut(|piece| {
            if piece.copies.is_empty() || now < piece.ready() {
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
            piece.on_copied(now);
            true
        });
    }
}

impl Watch {
    fn new(now: Instant, rate: u64) -> Self {
        Self {
            pieces: VecDeque::new(),
            credit: signed(spendable(rate, BURST)),
            refilled_at: now,
            new_at: now,
            is_steady: false,
            wary: 0,
        }
    }

    /// Something new was sent.
    fn add(&mut self, now: Instant, token: Token, lost: LossRate) {
        // What goes together says nothing of when the next goes.
        let since = now - self.new_at;
        if since >= APART {
            (self.new_at, self.is_steady) = (now, since <= STEADY);
        }
        let copies = schedule(lost, self.is_steady && self.wary == 0);
        self.wary = self.wary.saturating_sub(1);
        if copies.is_empty() {
            return;
        }
        if self.pieces.len() >= MOST {
            self.pieces.pop_front();
        }
        self.pieces.push_back(Piece {
            token,
            flying: 1,
            first_at: now,
            sent_at: now,
            has_copy: false,
            copies,
        });
    }

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

    /// So many of 100 were lost.
    fn loss(lost: u32) -> LossRate {
        let mut rate = LossRate::default();
        rate.count(lost, 100);
        rate
    }

    /// Writes a packet at `now`, with copies of 100 bytes each, and gives whose copies are in it.
    fn packet(redundancy: &mut Redundancy, now: Instant, new: &[Token]) -> Vec<Token> {
        packet_with(redundancy, now, new, loss(20))
    }

    fn packet_with(
        redundancy: &mut Redundancy,
        now: Instant,
        new: &[Token],
        lost: LossRate,
    ) -> Vec<Token> {
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
        redundancy.on_sent(now, &tokens, room, (lost, RATE));
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
            for steady in [false, true] {
                assert_eq!(schedule(rate, steady).len(), expected, "{lost} of {of}");
            }
        }
    }

    #[test]
    fn at_most_two_in_a_thousand_are_lost_with_all_copies() {
        let with_all = |lost: u32, steady| {
            let mut rate = LossRate::default();
            rate.count(lost, 1_000);
            let packets = schedule(rate, steady).len() + 1;
            (f64::from(lost) / 1e3).powi(i32::try_from(packets).unwrap())
        };
        for steady in [false, true] {
            assert!((0..=200).all(|lost| with_all(lost, steady) <= 0.002));
            assert!(with_all(220, steady) > 0.002, "three are the most");
        }
    }

    /// When packets leave in 60 ms where something new goes each `every` ms and so much is lost in a
    /// hundred, and how often each piece of the first 40 ms went.
    fn play(redundancy: &mut Redundancy, lost: u32, every: u32) -> (Vec<u32>, Vec<usize>) {
        let (mut left, mut times) = (Vec::new(), vec![0; 40 / every as usize]);
        for ms in 0..100 {
            let is_new = ms % every == 0;
            if !is_new && !redundancy.is_due(at(1_000 + ms)) {
                continue;
            }
            let new: Vec<_> = is_new.then(|| message((ms / every).into())).into_iter().collect();
            for token in packet_with(redundancy, at(1_000 + ms), &new, loss(lost)) {
                let Token::Message { number, .. } = token else { panic!("{token:?}") };
                let number = usize::try_from(number).unwrap();
                times.get_mut(number).into_iter().for_each(|times| *times += 1);
            }
            left.push(ms);
        }
        left.retain(|ms| *ms < 60);
        (left, times)
    }

    // spec: 8.2.1
    #[test]
    fn three_copies_take_half_a_packet_of_their_own_where_others_go_anyway() {
        let (left, times) = play(&mut Redundancy::default(), 10, 10);
        // The first of all knows of none that follow.
        assert_eq!(left, [0, 6, 10, 18, 20, 26, 30, 40, 46, 50]);
        assert_eq!(times, [3; 4]);
    }

    #[test]
    fn copies_do_not_wait_where_much_is_lost_or_in_bursts_or_nothing_goes_soon() {
        let (left, times) = play(&mut Redundancy::default(), 20, 10);
        assert_eq!((left.len(), times), (12, vec![3; 4]), "in each gap one");
        let (left, times) = play(&mut Redundancy::default(), 10, 20);
        assert_eq!((left, times), (vec![0, 6, 12, 18, 20, 26, 32, 38, 40, 46, 52, 58], vec![3; 2]));
        let mut redundancy = Redundancy::default();
        packet(&mut redundancy, at(0), &[message(98)]);
        assert!(redundancy.passes(Fate::Lost, message(98)));
        assert_eq!(play(&mut redundancy, 10, 10).0.len(), 10, "that one had no copy");
        let mut redundancy = Redundancy::default();
        packet(&mut redundancy, at(0), &[message(99)]);
        assert_eq!(packet(&mut redundancy, at(6), &[]), [message(99)]);
        assert!(!redundancy.passes(Fate::Lost, message(99)));
        assert!(redundancy.passes(Fate::Lost, message(99)));
        let (left, _) = play(&mut redundancy, 10, 10);
        assert_eq!(left.len(), 12, "one was lost with all copies");
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
        assert!(!redundancy.is_due(at(32)) && redundancy.is_due(at(33)));
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
        redundancy.on_sent(at(0), &[message(0)], ROOM - 1, (loss(20), RATE));
        redundancy.on_sent(at(0), &[Token::MaxData], 500, (loss(20), RATE));
        redundancy.on_sent(at(0), &[message(1)], 500, (loss(0), RATE));
        redundancy.on_sent(at(0), &[message(1)], 500, (loss(20), 0));
        assert!(redundancy.0.is_none());
        for number in 0..1_000 {
            redundancy.on_sent(at(0), &[message(number)], 500, (loss(20), RATE));
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
