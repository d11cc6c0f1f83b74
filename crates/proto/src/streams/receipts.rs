//! Receipts (docs/PROTOCOL.md, 7.6) of one direction: [`Telling`] is what its reader has to say,
//! [`Told`] what its writer was told. Streams and messages both use them; neither is known here.

use rudp_wire::code::Code;
use rudp_wire::frame::Receipt;

use crate::token::{Fate, Token};

const ALL_RECEIVED: u8 = 1;
const ALL_READ: u8 = 2;
const FINAL: u8 = 4;
/// Milestones of a request, beside the bits of the frame.
const ASKED_RECEIVED: u8 = 8;
const ASKED_READ: u8 = 16;

/// How far a direction has come at its reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes that are here without a gap.
    pub(crate) received: u64,
    /// Bytes that the program has read, or confirmed where it does that by hand.
    pub(crate) read: u64,
    /// Where it ends, if that is known.
    pub(crate) end: Option<u64>,
}

impl Progress {
    fn bits(&self) -> u8 {
        let bit = |at: u64, bit: u8| if self.end == Some(at) { bit } else { 0 };
        bit(self.received, ALL_RECEIVED) | bit(self.read, ALL_READ)
    }
}

/// The token of a receipt, for packets whose frames are not drafted, such as those of a CLOSE.
pub(crate) fn token(receipt: &Receipt) -> Token {
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    let bits = bit(receipt.all_received, ALL_RECEIVED)
        | bit(receipt.all_read, ALL_READ)
        | bit(receipt.is_final, FINAL);
    let &Receipt { stream, received, read, .. } = receipt;
    Token::Receipt { stream, received, read, bits }
}

/// The values of a receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Values {
    received: u64,
    read: u64,
    bits: u8,
}

impl Values {
    fn covers(&self, other: &Self) -> bool {
        self.received >= other.received
            && self.read >= other.read
            && self.bits | other.bits == self.bits
    }

    fn join(&mut self, other: &Self) {
        self.received = self.received.max(other.received);
        self.read = self.read.max(other.read);
        self.bits |= other.bits;
    }

    fn receipt(&self, stream: u64) -> Receipt {
        Receipt {
            stream,
            received: self.received,
            read: self.read,
            all_received: self.bits & ALL_RECEIVED != 0,
            all_read: self.bits & ALL_READ != 0,
            is_final: self.bits & FINAL != 0,
        }
    }
}

/// The reader's side: which receipts to send (docs/PROTOCOL.md, 7.6.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Telling {
    /// The largest offset asked for.
    asked: Option<u64>,
    /// Milestones that were reached.
    reached: u8,
    /// A receipt is to be sent.
    is_due: bool,
    /// The last word (docs/PROTOCOL.md, 7.6.3), which few streams have.
    last: Option<Box<Values>>,
    /// What the writer is known to know.
    acked: Values,
}

impl Telling {
    fn values(&self, progress: &Progress) -> Values {
        let &Progress { received, read, .. } = progress;
        let current = || Values { received, read, bits: progress.bits() };
        self.last.as_deref().copied().unwrap_or_else(current)
    }

    /// Something came, or was read. Says whether a receipt became due by that.
    pub(crate) fn on_progress(&mut self, progress: &Progress) -> bool {
        if self.last.is_some() {
            return false;
        }
        let mut reached = progress.bits();
        if let Some(asked) = self.asked {
            reached |= if progress.received >= asked { ASKED_RECEIVED } else { 0 };
            reached |= if progress.read >= asked { ASKED_READ } else { 0 };
        }
        let is_new = reached & !self.reached != 0;
        self.reached |= reached;
        self.is_due |= is_new;
        is_new
    }

    /// The writer asks for receipts up to `offset`. Says whether one is due at once.
    pub(crate) fn on_request(&mut self, offset: u64, progress: &Progress) -> bool {
        if self.last.is_some() {
            return false;
        }
        if self.asked.is_none_or(|asked| offset > asked) {
            self.asked = Some(offset);
            self.reached &= !(ASKED_RECEIVED | ASKED_READ);
        } else if progress.received >= offset {
            // Asked again for what is true already.
            self.is_due = true;
        }
        self.on_progress(progress) || self.is_due
    }

    /// The program will read no more: this is the last word. Nothing has to be said where all was
    /// read. Says whether a receipt is due.
    pub(crate) fn finish(&mut self, progress: &Progress) -> bool {
        let mut values = self.values(progress);
        if self.last.is_some() || values.bits & ALL_READ != 0 {
            return false;
        }
        values.bits |= FINAL;
        self.last = Some(Box::new(values));
        self.is_due = true;
        true
    }

    pub(crate) fn is_final(&self) -> bool {
        self.last.is_some()
    }

    /// The receipt to send now, if one is due.
    pub(crate) fn due(&self, stream: u64, progress: &Progress) -> Option<Receipt> {
        self.is_due.then(|| self.values(progress).receipt(stream))
    }

    /// The receipt is sent, again perhaps, as it is.
    pub(crate) fn repeat(&mut self) {
        self.is_due = true;
    }

    /// What [`due`](Self::due) gave was sent.
    pub(crate) fn on_sent(&mut self) {
        self.is_due = false;
    }

    /// What became of a receipt. A lost one is repeated with new values, unless one that says no
    /// less was acknowledged. Says whether one is due.
    pub(crate) fn on_fate(&mut self, fate: Fate, received: u64, read: u64, bits: u8) -> bool {
        let values = Values { received, read, bits };
        match fate {
            Fate::Acknowledged => self.acked.join(&values),
            Fate::Lost => self.is_due |= !self.acked.covers(&values),
        }
        if self.last.as_ref().is_some_and(|last| self.acked.covers(last)) {
            self.is_due = false;
        }
        self.is_due
    }

    /// What a CLOSE has to say: the receipt as it is, unless its writer knows it.
    pub(crate) fn unknown(&self, stream: u64, progress: &Progress) -> Option<Receipt> {
        let values = self.values(progress);
        let is_empty = values == Values::default();
        (!is_empty && !self.acked.covers(&values)).then(|| values.receipt(stream))
    }

    /// Whether everything was said and heard: final or complete, and acknowledged.
    pub(crate) fn is_settled(&self, progress: &Progress) -> bool {
        let values = self.values(progress);
        values.bits & (ALL_READ | FINAL) != 0 && self.acked.covers(&values)
    }
}

/// The writer's side: what receipts have said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    values: Values,
}

impl Told {
    /// Takes a receipt. `sent` is how much was sent at most, and `end_sent` whether the end was.
    /// Says whether it told anything new.
    ///
    /// # Errors
    /// It claims what cannot be (docs/PROTOCOL.md, 7.6.1).
    pub(crate) fn on_receipt(
        &mut self,
        receipt: &Receipt,
        sent: u64,
        end_sent: bool,
    ) -> Result<bool, Code> {
        let claims_end = receipt.all_received || receipt.all_read;
        let is_false = receipt.read > receipt.received
            || receipt.received > sent
            || (claims_end && !end_sent)
            || (receipt.all_received && receipt.received < sent)
            || (receipt.all_read && receipt.read < sent);
        if is_false {
            return Err(Code::PROTOCOL_VIOLATION);
        }
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let mut values = Values { received: receipt.received, read: receipt.read, bits: 0 };
        values.bits = bit(receipt.all_received, ALL_RECEIVED)
            | bit(receipt.all_read, ALL_READ)
            | bit(receipt.is_final, FINAL);
        // Behind a final one there may only be older ones, which say no more.
        if self.is_final() || self.values.covers(&values) {
            return Ok(false);
        }
        self.values.join(&values);
        Ok(true)
    }

    pub(crate) fn received(&self) -> u64 {
        self.values.received
    }

    pub(crate) fn read(&self) -> u64 {
        self.values.read
    }

    pub(crate) fn all_received(&self) -> bool {
        self.values.bits & (ALL_RECEIVED | ALL_READ) != 0
    }

    pub(crate) fn all_read(&self) -> bool {
        self.values.bits & ALL_READ != 0
    }

    pub(crate) fn is_final(&self) -> bool {
        self.values.bits & FINAL != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(received: u64, read: u64, end: Option<u64>) -> Progress {
        Progress { received, read, end }
    }

    fn sent(telling: &mut Telling, progress: &Progress) -> (u64, u64, u8) {
        let receipt = telling.due(4, progress).expect("one is due");
        telling.on_sent();
        let Token::Receipt { received, read, bits, .. } = token(&receipt) else { unreachable!() };
        (received, read, bits)
    }

    // spec: 7.6.1
    #[test]
    fn the_end_is_told_when_received_and_when_read() {
        let mut telling = Telling::default();
        assert!(!telling.on_progress(&at(5, 0, None)));
        assert!(!telling.on_progress(&at(5, 5, Some(8))));
        assert!(telling.on_progress(&at(8, 5, Some(8))));
        assert_eq!(sent(&mut telling, &at(8, 5, Some(8))), (8, 5, 1));
        assert!(telling.on_progress(&at(8, 8, Some(8))));
        assert_eq!(sent(&mut telling, &at(8, 8, Some(8))), (8, 8, 3));
        assert!(!telling.on_progress(&at(8, 8, Some(8))));
    }

    // spec: 7.6.1
    #[test]
    fn a_request_is_answered_when_received_and_when_read_or_at_once() {
        let mut telling = Telling::default();
        assert!(!telling.on_request(10, &at(9, 0, None)));
        assert!(telling.on_progress(&at(11, 3, None)));
        assert_eq!(sent(&mut telling, &at(11, 3, None)), (11, 3, 0));
        assert!(!telling.on_progress(&at(11, 9, None)));
        assert!(telling.on_progress(&at(11, 10, None)));
        assert_eq!(sent(&mut telling, &at(11, 10, None)), (11, 10, 0));
        assert!(telling.on_request(11, &at(11, 10, None)), "received already");
        sent(&mut telling, &at(11, 10, None));
        assert!(telling.on_request(3, &at(11, 10, None)), "a smaller one, true already");
    }

    // spec: 7.6.1, 8.2
    #[test]
    fn a_receipt_is_repeated_with_new_values_until_one_is_acknowledged() {
        let mut telling = Telling::default();
        telling.on_progress(&at(8, 0, Some(8)));
        let first = sent(&mut telling, &at(8, 0, Some(8)));
        assert!(telling.on_fate(Fate::Lost, first.0, first.1, first.2));
        let second = sent(&mut telling, &at(8, 6, Some(8)));
        assert_eq!(second, (8, 6, 1));
        telling.on_fate(Fate::Acknowledged, second.0, second.1, second.2);
        assert!(!telling.on_fate(Fate::Lost, first.0, first.1, first.2));
        assert!(!telling.is_settled(&at(8, 6, Some(8))));
    }

    // spec: 7.6.3, 9.2.1
    #[test]
    fn nothing_follows_a_final_one() {
        let mut telling = Telling::default();
        assert!(telling.finish(&at(5, 2, None)));
        let values = sent(&mut telling, &at(9, 9, Some(9)));
        assert_eq!(values, (5, 2, 4));
        assert!(!telling.on_progress(&at(9, 9, Some(9))));
        assert!(!telling.on_request(3, &at(9, 9, Some(9))));
        assert!(telling.unknown(4, &at(9, 9, Some(9))).is_some());
        telling.on_fate(Fate::Acknowledged, values.0, values.1, values.2);
        assert!(telling.is_settled(&at(9, 9, Some(9))));
        assert_eq!(telling.unknown(4, &at(9, 9, Some(9))), None);
        assert!(!Telling::default().finish(&at(3, 3, Some(3))), "all was read: nothing to give up");
    }

    // spec: 7.6.1, 7.6.3
    #[test]
    fn what_cannot_be_is_a_violation_and_what_is_old_is_ignored() {
        let receipt = |received, read, bits: u8| Receipt {
            stream: 0,
            received,
            read,
            all_received: bits & 1 != 0,
            all_read: bits & 2 != 0,
            is_final: bits & 4 != 0,
        };
        let violation = Err(Code::PROTOCOL_VIOLATION);
        let mut told = Told::default();
        assert_eq!(told.on_receipt(&receipt(11, 0, 0), 10, true), violation);
        assert_eq!(told.on_receipt(&receipt(4, 5, 0), 10, true), violation);
        assert_eq!(told.on_receipt(&receipt(10, 0, 1), 10, false), violation);
        assert_eq!(told.on_receipt(&receipt(10, 10, 2), 10, false), violation);
        assert_eq!(told.on_receipt(&receipt(9, 0, 1), 10, true), violation);
        assert_eq!(told.on_receipt(&receipt(6, 3, 0), 10, false), Ok(true));
        assert_eq!(told.on_receipt(&receipt(5, 2, 0), 10, false), Ok(false));
        assert_eq!((told.received(), told.read()), (6, 3));
        assert_eq!(told.on_receipt(&receipt(7, 3, 4), 10, false), Ok(true));
        assert_eq!(told.on_receipt(&receipt(8, 8, 0), 10, false), Ok(false));
        assert_eq!((told.received(), told.read(), told.is_final()), (7, 3, true));
    }
}
