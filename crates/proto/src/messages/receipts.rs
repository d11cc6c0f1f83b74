//! Receipts of messages (docs/PROTOCOL.md, 7.6.5): those that we tell, and those that we are told.
//! Where messages lie in the count is known elsewhere; receipts of streams are the streams'.

use rudp_wire::code::Code;
use rudp_wire::frame::{MESSAGES, Receipt};

use crate::token::Token;

/// Bit 2 of a receipt's last byte (docs/PROTOCOL.md, 7.6): the only one that messages have.
const FINAL: u8 = 4;

/// How far the messages of one direction have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Up to here all are complete or dropped.
    pub(super) received: u64,
    /// Up to here all were delivered or dropped.
    pub(super) read: u64,
    /// The program will read no more.
    pub(super) is_final: bool,
}

impl Progress {
    /// Whether `other` says nothing new.
    fn covers(self, other: Self) -> bool {
        self.received >= other.received
            && self.read >= other.read
            && (self.is_final || !other.is_final)
    }

    fn join(&mut self, other: Self) {
        self.received = self.received.max(other.received);
        self.read = self.read.max(other.read);
        self.is_final |= other.is_final;
    }
}

/// The receipts that we owe the peer for its messages.
#[derive(Debug, Default)]
pub(super) struct Told {
    progress: Progress,
    /// The largest offset asked for.
    asked: Option<u64>,
    /// What the peer knows for certain.
    known: Option<Progress>,
    is_owed: bool,
}

impl Told {
    /// Messages came, or were delivered, discarded or dropped. Not after
    /// [`finish`](Self::finish): what is final is never followed by another value.
    pub(super) fn update(&mut self, received: u64, read: u64) {
        if self.progress.is_final {
            return;
        }
        let reaches =
            |before: u64, after: u64| self.asked.is_some_and(|at| before < at && at <= after);
        self.is_owed |= reaches(self.progress.received, received);
        self.is_owed |= reaches(self.progress.read, read);
        self.progress = Progress { received, read, is_final: false };
    }

    /// The peer asks for a receipt for everything up to `offset` (docs/PROTOCOL.md, 7.6.1).
    pub(super) fn on_request(&mut self, offset: u64) {
        self.asked = self.asked.max(Some(offset));
        self.is_owed |= self.progress.received >= offset;
    }

    /// The program reads no more messages (docs/PROTOCOL.md, 7.6.3).
    pub(super) fn finish(&mut self) {
        self.is_owed |= !self.progress.is_final;
        self.progress.is_final = true;
    }

    pub(super) const fn is_owed(&self) -> bool {
        self.is_owed
    }

    /// The receipt is sent as it is, unless the peer knows it for certain.
    pub(super) fn repeat(&mut self) {
        self.is_owed |= self.unknown().is_some();
    }

    pub(super) fn on_sent(&mut self) {
        self.is_owed = false;
    }

    pub(super) fn on_acknowledged(&mut self, received: u64, read: u64, bits: u8) {
        let progress = Progress { received, read, is_final: bits & FINAL != 0 };
        self.known.get_or_insert_default().join(progress);
    }

    pub(super) fn on_lost(&mut self, received: u64, read: u64, bits: u8) {
        let progress = Progress { received, read, is_final: bits & FINAL != 0 };
        self.is_owed |= !self.known.is_some_and(|known| known.covers(progress));
    }

    /// The receipt as it is now.
    pub(super) const fn receipt(&self) -> Receipt {
        let Progress { received, read, is_final } = self.progress;
        let (all_received, all_read) = (false, false);
        Receipt { stream: MESSAGES, received, read, all_received, all_read, is_final }
    }

    /// The token of such a receipt.
    pub(super) fn token(&self) -> Token {
        let Progress { received, read, is_final } = self.progress;
        Token::Receipt { stream: MESSAGES, received, read, bits: if is_final { FINAL } else { 0 } }
    }

    /// The receipt, if it says something that the peer does not know for certain.
    pub(super) fn unknown(&self) -> Option<Receipt> {
        let known = self.known.unwrap_or_default();
        (!known.covers(self.progress)).then(|| self.receipt())
    }
}

/// What the peer has told of our messages, and what we ask of it.
#[derive(Debug, Default)]
pub(super) struct Heard {
    progress: Progress,
    asked: Option<u64>,
    is_owed: bool,
}

impl Heard {
    pub(super) const fn progress(&self) -> Progress {
        self.progress
    }

    /// A receipt came, when everything up to `sent` had been sent. Says whether it told anything new.
    pub(super) fn on_receipt(&mut self, receipt: &Receipt, sent: u64) -> Result<bool, Code> {
        // Messages have no end for bits 0 and 1 to tell of (docs/PROTOCOL.md, 7.6.5).
        if receipt.read > receipt.received
            || receipt.received > sent
            || receipt.all_received
            || receipt.all_read
        {
            return Err(Code::PROTOCOL_VIOLATION);
        }
        let Receipt { received, read, is_final, .. } = *receipt;
        let progress = Progress { received, read, is_final };
        let is_new = !self.progress.covers(progress);
        self.progress.join(progress);
        self.is_owed &= !self.has(self.asked);
        Ok(is_new)
    }

    fn has(&self, offset: Option<u64>) -> bool {
        self.progress.is_final || Some(self.progress.read) >= offset
    }

    /// Asks for a receipt for everything up to `offset`, once.
    pub(super) fn ask(&mut self, offset: u64) {
        if self.asked < Some(offset) && !self.has(Some(offset)) {
            self.asked = Some(offset);
            self.is_owed = true;
        }
    }

    /// The offset of the request that has to be sent.
    pub(super) fn owed(&self) -> Option<u64> {
        self.asked.filter(|_| self.is_owed)
    }

    pub(super) fn on_sent(&mut self) {
        self.is_owed = false;
    }

    /// A request was lost: it is sent again unless there was a later one or it has its answer.
    pub(super) fn on_lost(&mut self, offset: u64) {
        self.is_owed |= self.asked == Some(offset) && !self.has(self.asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(told: &mut Told) -> (u64, u64, u8) {
        assert!(told.is_owed());
        told.on_sent();
        match told.token() {
            Token::Receipt { stream: MESSAGES, received, read, bits } => (received, read, bits),
            other => panic!("{other:?}"),
        }
    }

    // spec: 7.6.1
    #[test]
    fn requests_are_answered_when_received_and_when_read() {
        let mut told = Told::default();
        told.update(100, 0);
        assert!(!told.is_owed());
        told.on_request(100);
        assert_eq!(token(&mut told), (100, 0, 0), "at once");
        told.update(100, 99);
        assert!(!told.is_owed());
        told.update(150, 100);
        assert_eq!(token(&mut told), (150, 100, 0), "when read");
        told.on_request(300);
        told.on_request(200);
        told.update(200, 150);
        assert!(!told.is_owed(), "only the largest counts");
        told.update(310, 150);
        assert_eq!(token(&mut told), (310, 150, 0));
    }

    // spec: 7.6.1, 7.6.3, 8.2
    #[test]
    fn receipts_are_repeated_with_new_values_until_acknowledged() {
        let mut told = Told::default();
        told.on_request(0);
        let first = token(&mut told);
        told.update(70, 60);
        told.on_lost(first.0, first.1, first.2);
        assert!(told.unknown().is_some());
        let second = token(&mut told);
        assert_eq!(second, (70, 60, 0));
        told.on_acknowledged(second.0, second.1, second.2);
        assert_eq!(told.unknown(), None);
        told.on_lost(first.0, first.1, first.2);
        assert!(!told.is_owed(), "the peer knows more");
        told.finish();
        told.finish();
        let last = token(&mut told);
        assert_eq!(last, (70, 60, FINAL));
        told.update(90, 90);
        assert!(!told.is_owed());
        assert_eq!(
            told.unknown().map(|receipt| (receipt.received, receipt.is_final)),
            Some((70, true))
        );
        told.on_lost(last.0, last.1, last.2);
        let again = token(&mut told);
        assert_eq!(again, last);
        told.on_acknowledged(again.0, again.1, again.2);
        assert_eq!(told.unknown(), None);
    }

    // spec: 7.6.1, 7.6.5
    #[test]
    fn receipts_that_cannot_be_are_refused_and_old_ones_ignored() {
        let receipt = |received, read| Receipt {
            stream: MESSAGES,
            received,
            read,
            all_received: false,
            all_read: false,
            is_final: false,
        };
        let mut heard = Heard::default();
        let bad = [
            receipt(101, 0),
            receipt(50, 51),
            Receipt { all_received: true, ..receipt(100, 0) },
            Receipt { all_read: true, ..receipt(100, 100) },
        ];
        for bad in bad {
            assert_eq!(heard.on_receipt(&bad, 100), Err(Code::PROTOCOL_VIOLATION));
        }
        assert_eq!(heard.on_receipt(&receipt(100, 50), 100), Ok(true));
        assert_eq!(heard.on_receipt(&receipt(70, 60), 100), Ok(true));
        assert_eq!(heard.on_receipt(&receipt(100, 50), 100), Ok(false));
        assert_eq!(heard.progress(), Progress { received: 100, read: 60, is_final: false });
    }

    // spec: 8.2
    #[test]
    fn requests_are_repeated_until_without_object() {
        let mut heard = Heard::default();
        heard.ask(100);
        assert_eq!(heard.owed(), Some(100));
        heard.on_sent();
        heard.ask(100);
        assert_eq!(heard.owed(), None);
        heard.on_lost(100);
        assert_eq!(heard.owed(), Some(100));
        heard.on_sent();
        heard.ask(200);
        heard.on_sent();
        heard.on_lost(100);
        assert_eq!(heard.owed(), None, "the later one asks for more");
        heard.on_lost(200);
        let progress = Receipt { received: 200, read: 200, ..Told::default().receipt() };
        assert_eq!(heard.on_receipt(&progress, 200), Ok(true));
        assert_eq!(heard.owed(), None);
        heard.on_lost(200);
        assert_eq!(heard.owed(), None);
    }
}
