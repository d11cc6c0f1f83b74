//! Private parts for the benchmarks in `bench/benches`, behind the feature `bench`, which nothing
//! else sets. What is here only passes calls on; what is measured is in the parts.

use rudp_base::Instant;
use rudp_wire::frame::Ack;

use crate::congestion::Controller;
use crate::ranges::RangeSet;
use crate::recovery::{Config, Feed, Recovery, Sent, Tally};
use crate::token::Token;

pub use crate::streams::bench::Assembler;

/// A set of numbers as ranges.
#[derive(Clone, Debug, Default)]
pub struct Ranges(RangeSet);

impl Ranges {
    /// Adds the numbers from `start` to below `end`, and tells how many are new.
    pub fn insert(&mut self, start: u64, end: u64) -> u64 {
        self.0.insert(start..end)
    }

    /// Takes the numbers from `start` to below `end` out.
    pub fn remove(&mut self, start: u64, end: u64) {
        self.0.remove(start..end);
    }

    /// Whether `number` is one of them.
    pub fn contains(&self, number: u64) -> bool {
        self.0.contains(number)
    }
}

/// Packets in flight, and what finds out which of them are lost.
#[derive(Debug)]
pub struct Flight {
    recovery: Recovery,
    tally: Tally,
    tokens: Vec<Token>,
    next: u64,
}

impl Default for Flight {
    fn default() -> Self {
        let recovery = Recovery::new(Config::default());
        Self { recovery, tally: Tally::default(), tokens: Vec::new(), next: 0 }
    }
}

impl Flight {
    /// Sends so many packets of 1,200 bytes, each with 1,180 bytes of one stream.
    pub fn send(&mut self, now: Instant, packets: u64, controller: &mut dyn Controller) {
        for number in self.next..self.next + packets {
            let (offset, len) = (number * 1_180, 1_180);
            self.tokens.push(Token::Stream { stream: 0, offset, len, end: false });
            let sent = Sent { number, bytes: 1_200, is_ack_eliciting: true, ..Sent::default() };
            let feed = Feed { controller: &mut *controller, tally: &mut self.tally };
            self.recovery.on_sent(now, sent, &mut self.tokens, feed);
        }
        self.next += packets;
    }

    /// The number that the next packet will have.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes an ACK, and tells how many pieces of data met their fate.
    pub fn ack(&mut self, now: Instant, ack: &Ack<'_>, controller: &mut dyn Controller) -> u64 {
        let mut fates = 0;
        let feed = Feed { controller, tally: &mut self.tally };
        let outcome = self.recovery.on_ack(now, ack, feed, &mut |_, _| fates += 1);
        debug_assert!(outcome.is_ok(), "all of them were sent");
        fates
    }

    /// Bytes in flight.
    pub fn bytes(&self) -> u64 {
        self.recovery.bytes_in_flight()
    }
}
