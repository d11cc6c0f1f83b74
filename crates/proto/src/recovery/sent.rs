//! [`SentPackets`]: what was sent and not forgotten yet, with the tokens of what it carried.
//! When something is lost, and what follows from it, is decided by the callers.

use core::mem;
use core::ops::{Range, RangeInclusive};
use std::collections::VecDeque;

use rudp_base::Instant;

use super::loss::Verdict;
use super::rate::SendState;
use super::{Fates, Sent};
use crate::ranges::RangeSet;
use crate::token::{Fate, Token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Outstanding,
    /// Outstanding, but its tokens have met [`Fate::Lost`], so that a probe could carry them.
    Returned,
    /// Its tokens have met [`Fate::Lost`]. Kept for a while, for it may still be acknowledged.
    Lost,
    Acknowledged,
}

/// One ack-eliciting packet.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts of a packet, each apart from the others")]
pub(super) struct Packet {
    pub(super) number: u64,
    pub(super) sent_at: Instant,
    /// For the delivery rate.
    pub(super) rate: SendState,
    /// When it was declared lost, if it was.
    pub(super) lost_at: Instant,
    /// Where its tokens begin, counted from the first token ever, modulo 2^32.
    first_token: u32,
    /// Of UDP payload.
    pub(super) bytes: u16,
    pub(super) state: State,
    pub(super) is_app_limited: bool,
    pub(super) is_ect0: bool,
    pub(super) is_size_probe: bool,
    /// It was lost, and counted as a sign of congestion.
    pub(super) is_counted: bool,
}

impl Packet {
    pub(super) fn new(now: Instant, sent: &Sent, rate: SendState, is_app_limited: bool) -> Self {
        Self {
            number: sent.number,
            sent_at: now,
            rate,
            lost_at: Instant::ZERO,
            first_token: 0,
            bytes: sent.bytes,
            state: State::Outstanding,
            is_app_limited,
            is_ect0: sent.is_ect0,
            is_size_probe: sent.is_size_probe,
            is_counted: false,
        }
    }

    fn is_in_flight(&self) -> bool {
        matches!(self.state, State::Outstanding | State::Returned)
    }
}

/// The packets by number, and their tokens, in two rings that are released from the front.
#[derive(Debug, Default)]
pub(super) struct SentPackets {
    packets: VecDeque<Packet>,
    tokens: VecDeque<Token>,
    /// The place of the first token in the ring, counted as in [`Packet::first_token`].
    first_token: u32,
    /// No packet before this index is outstanding.
    lowest: usize,
    /// Numbers known to be acknowledged, so that ranges which come again cost nothing. Numbers
    /// without a packet here are among them, numbers below the floor are not.
    acked: RangeSet,
    /// Nobody asks for lower numbers any more: there are no packets.
    floor: u64,
    bytes_in_flight: u64,
    outstanding: usize,
}

impl SentPackets {
    pub(super) fn bytes_in_flight(&self) -> u64 {
        self.bytes_in_flight
    }

    /// How many packets are in flight.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// No packet is kept below this number.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether there is memory that [`clear`](Self::clear) would return.
    pub(super) fn holds_memory(&self) -> bool {
        self.packets.capacity() > 0
    }

    /// Adds a packet, whose number is higher than all before, and drains `tokens`.
    pub(super) fn push(&mut self, mut packet: Packet, tokens: &mut Vec<Token>) {
        packet.first_token = self.first_token.wrapping_add(wrapped(self.tokens.len()));
        self.bytes_in_flight += u64::from(packet.bytes);
        self.outstanding += 1;
        self.packets.push_back(packet);
        self.tokens.extend(&*tokens);
        tokens.clear();
    }

    /// Acknowledges the numbers of `range`, and returns whether one of them is new, and the newest
    /// packet among those that are. `each` sees these packets with the state that they had.
    pub(super) fn acknowledge(
        &mut self,
        range: &RangeInclusive<u64>,
        fates: &mut Fates<'_>,
        mut each: impl FnMut(&Packet),
    ) -> (bool, Option<Packet>) {
        let range = self.floor.max(*range.start())..range.end().saturating_add(1);
        let (mut is_new, mut newest, mut held) = (false, None, None::<Token>);
        for fresh in self.acked.gaps(range.clone()) {
            is_new = true;
            let first = self.packets.partition_point(|packet| packet.number < fresh.start);
            let mut behind = first;
            for packet in self.packets.range_mut(first..) {
                if packet.number >= fresh.end {
                    break;
                }
                debug_assert_ne!(packet.state, State::Acknowledged, "its number is known to be");
                each(packet);
                if packet.is_in_flight() {
                    self.bytes_in_flight -= u64::from(packet.bytes);
                    self.outstanding -= 1;
                }
                packet.state = State::Acknowledged;
                behind += 1;
            }
            if behind == first {
                continue;
            }
            newest = self.packets.get(behind - 1).copied();
            // What becomes of a whole flight is told at once.
            for &token in self.tokens.range(self.tokens_of(first..behind)) {
                let joined = held.and_then(|held| held.joined(token));
                if let (None, Some(held)) = (joined, held) {
                    fates(Fate::Acknowledged, held);
                }
                held = joined.or(Some(token));
            }
        }
        if let Some(held) = held {
            fates(Fate::Acknowledged, held);
        }
        if is_new {
            self.acked.insert(range);
        }
        (is_new, newest)
    }

    /// Declares packets lost, from the lowest outstanding one on, up to the first that `judge` does
    /// not condemn, and returns when that one will be. So each packet is passed once in its life.
    ///
    /// `each` sees the lost packets, and whether nothing was acknowledged since the one before.
    pub(super) fn declare_lost(
        &mut self,
        now: Instant,
        highest_acked: u64,
        judge: impl Fn(&Packet) -> Verdict,
        fates: &mut Fates<'_>,
        mut each: impl FnMut(&mut Packet, bool),
    ) -> Option<Instant> {
        let mut before = None;
        while let Some(packet) = self.packets.get_mut(self.lowest) {
            if packet.number > highest_acked {
                return None;
            }
            if packet.is_in_flight() {
                if let Verdict::LostAt(time) = judge(packet) {
                    return Some(time);
                }
                let state = mem::replace(&mut packet.state, State::Lost);
                packet.lost_at = now;
                self.bytes_in_flight -= u64::from(packet.bytes);
                self.outstanding -= 1;
                let number = packet.number;
                let is_contiguous =
                    before.is_some_and(|before| is_free(&self.acked, before..number));
                before = Some(number);
                each(packet, is_contiguous);
                if state == State::Outstanding {
                    self.give_back(self.lowest, fates);
                }
            }
            self.lowest += 1;
        }
        None
    }

    /// Gives back the tokens of the oldest packet in flight that has not done so, which stays in
    /// flight. Returns whether there was one.
    pub(super) fn give_back_oldest(&mut self, fates: &mut Fates<'_>) -> bool {
        let mut index = self.lowest;
        while let Some(packet) = self.packets.get_mut(index) {
            if packet.state == State::Outstanding {
                packet.state = State::Returned;
                self.give_back(index, fates);
                return true;
            }
            index += 1;
        }
        false
    }

    /// Tells the tokens of a packet that they are lost.
    fn give_back(&self, index: usize, fates: &mut Fates<'_>) {
        for &token in self.tokens.range(self.tokens_of(index..index + 1)) {
            fates(Fate::Lost, token);
        }
    }

    /// Where the tokens of the packets with these indices are.
    fn tokens_of(&self, packets: Range<usize>) -> Range<usize> {
        let place = |index| {
            let first = self.packets.get(index).map(|packet: &Packet| packet.first_token);
            let start = first.map(|first| first.wrapping_sub(self.first_token) as usize);
            start.unwrap_or(self.tokens.len())
        };
        place(packets.start)..place(packets.end)
    }

    /// Releases what was acknowledged, or lost at `lost_before` or earlier, from the front.
    pub(super) fn release(&mut self, lost_before: Instant) {
        let is_over = |packet: &&Packet| match packet.state {
            State::Outstanding | State::Returned => false,
            State::Lost => packet.lost_at <= lost_before,
            State::Acknowledged => true,
        };
        let packets = self.packets.iter().take_while(is_over).count();
        if packets == 0 {
            return;
        }
        let tokens = self.tokens_of(0..packets).end;
        self.packets.drain(..packets);
        self.tokens.drain(..tokens);
        self.first_token = self.first_token.wrapping_add(wrapped(tokens));
        self.lowest = self.lowest.saturating_sub(packets);
        if let Some(front) = self.packets.front() {
            self.floor = front.number;
            self.acked.remove(0..front.number);
        } else {
            // The last range stays, with its memory: it is about to grow.
            let last = self.acked.last().unwrap_or_default();
            self.floor = self.floor.max(last.end);
            self.acked.remove(0..last.start);
        }
    }

    /// The numbers of the packets in flight.
    #[cfg(test)]
    pub(super) fn in_flight_numbers(&self) -> Vec<u64> {
        self.packets.iter().filter(|packet| packet.is_in_flight()).map(|p| p.number).collect()
    }

    /// Gives back memory that holds nothing.
    pub(super) fn release_memory(&mut self) {
        self.packets.shrink_to_fit();
        self.tokens.shrink_to_fit();
        self.acked.shrink();
    }

    /// Forgets everything, and returns the memory.
    pub(super) fn clear(&mut self, fates: &mut Fates<'_>) {
        for index in 0..self.packets.len() {
            if self.packets.get(index).is_some_and(|packet| packet.state == State::Outstanding) {
                self.give_back(index, fates);
            }
        }
        let acked = self.acked.last().map_or(0, |last| last.end);
        *self = Self { floor: self.floor.max(acked), ..Self::default() };
    }
}

/// Whether no number in `range` is in `set`.
pub(super) fn is_free(set: &RangeSet, range: Range<u64>) -> bool {
    range.is_empty() || set.gaps(range.clone()).next() == Some(range)
}

#[expect(clippy::cast_possible_truncation, reason = "places of tokens are counted modulo 2^32")]
fn wrapped(count: usize) -> u32 {
    count as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(sent: &mut SentPackets, number: u64) {
        let packet = Sent { number, bytes: 100, ..Sent::default() };
        let packet = Packet::new(Instant::ZERO, &packet, SendState::default(), false);
        let token = |number| Token::Datagram { number };
        sent.push(packet, &mut vec![token(number * 2), token(number * 2 + 1)]);
    }

    #[test]
    fn places_of_tokens_wrap() {
        let mut sent = SentPackets { first_token: u32::MAX - 2, ..SentPackets::default() };
        (0..4).for_each(|number| push(&mut sent, number));
        for number in [1, 0, 3, 2] {
            let mut acked = Vec::new();
            sent.acknowledge(&(number..=number), &mut |_, token| acked.push(token), |_| {});
            let own = [number * 2, number * 2 + 1].map(|number| Token::Datagram { number });
            assert_eq!(acked, own);
            sent.release(Instant::ZERO);
        }
        assert_eq!((sent.tokens.len(), sent.first_token, sent.floor), (0, 5, 4));
    }

    #[test]
    fn work_does_not_grow_with_what_is_in_flight() {
        let (mut sent, judged) = (SentPackets::default(), core::cell::Cell::new(0));
        (0..10_000).for_each(|number| push(&mut sent, number));
        // The first packet stays in flight, and each ACK says all there is to say.
        let mut seen = 0;
        for highest in 1..10_000 {
            sent.acknowledge(&(1..=highest), &mut |_, _| {}, |_| seen += 1);
            let judge = |_: &Packet| {
                judged.set(judged.get() + 1);
                Verdict::LostAt(Instant::MAX)
            };
            sent.declare_lost(Instant::ZERO, highest, judge, &mut |_, _| {}, |_, _| {});
        }
        assert_eq!((seen, judged.get(), sent.outstanding()), (9_999, 9_999, 1));
    }
}
