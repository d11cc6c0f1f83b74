//! CLOSE and `CLOSE_ACK` (docs/PROTOCOL.md, 9.2), with receipts that are checked once and then read
//! from their bytes. When to close, and with what result, is decided elsewhere.

use core::iter;

use crate::code::Code;
use crate::cursor::{Reader, Truncated, WriteError, Writer};
use crate::varint;

use super::{FrameError, Receipt};

/// The longest reason in bytes (docs/PROTOCOL.md, 9.2.7).
pub const MAX_REASON: usize = 256;

/// A received CLOSE or `CLOSE_ACK`. All its receipts have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// Why.
    pub code: Code,
    /// The same for people: UTF-8 if the peer is correct, and at most [`MAX_REASON`] bytes.
    pub reason: &'a [u8],
    receipts: Receipts<'a>,
}

impl<'a> Close<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        let code = Code(reader.varint()?);
        let len = reader.varint()?;
        if len > MAX_REASON as u64 {
            return Err(FrameError::Reason(len));
        }
        let reason = reader.bytes(usize::try_from(len).map_err(|_| Truncated)?)?;
        let count = reader.varint()?;
        let bytes = reader.rest();
        // Each takes bytes from the packet or fails, so that a large count ends soon.
        for _ in 0..count {
            Receipt::parse(reader)?;
        }
        let bytes = bytes.get(..bytes.len() - reader.rest().len()).ok_or(Truncated)?;
        Ok(Self { code, reason, receipts: Receipts { reader: Reader::new(bytes) } })
    }

    /// The receipts.
    pub fn receipts(&self) -> Receipts<'a> {
        self.receipts
    }

    /// The frame's length when it is written anew.
    pub fn encoded_len(&self) -> usize {
        self.draft().plan(usize::MAX).map_or(0, |plan| plan.len)
    }

    pub(super) fn encode(&self, kind: u64, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        let draft = self.draft();
        let plan = draft.plan(usize::MAX).ok_or(WriteError::Value)?;
        draft.encode_as(kind, plan, writer)
    }

    fn draft(&self) -> CloseDraft<'a, Receipts<'a>> {
        CloseDraft { code: self.code, reason: self.reason, receipts: self.receipts }
    }
}

/// The receipts of a [`Close`], read from its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Receipts<'a> {
    reader: Reader<'a>,
}

/// Equal if they give the same, in whatever form it is written.
impl PartialEq for Receipts<'_> {
    fn eq(&self, other: &Self) -> bool {
        Iterator::eq(*self, *other)
    }
}

impl Eq for Receipts<'_> {}

#[expect(clippy::copy_iterator, reason = "it is a part of a frame, and frames are copied")]
impl Iterator for Receipts<'_> {
    type Item = Receipt;

    fn next(&mut self) -> Option<Receipt> {
        if self.reader.is_empty() { None } else { Receipt::parse(&mut self.reader).ok() }
    }
}

/// Which of the two frames is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseKind {
    /// CLOSE.
    Close,
    /// `CLOSE_ACK`.
    CloseAck,
}

/// A CLOSE or `CLOSE_ACK` to be written.
#[derive(Clone, Copy, Debug)]
pub struct CloseDraft<'a, I> {
    /// Why.
    pub code: Code,
    /// The same for people, cut with [`cut_reason`] to at most [`MAX_REASON`] bytes.
    pub reason: &'a [u8],
    /// The receipts, the most important first.
    pub receipts: I,
}

/// How much of a [`CloseDraft`] fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosePlan {
    /// How many receipts.
    pub receipts: usize,
    /// The frame's exact length.
    pub len: usize,
}

impl<I: Iterator<Item = Receipt> + Clone> CloseDraft<'_, I> {
    /// As many of the receipts as fit into `room`, the first ones (docs/PROTOCOL.md, 9.2.1). `None`
    /// if the frame does not fit without any.
    pub fn plan(&self, room: usize) -> Option<ClosePlan> {
        let mut body =
            1 + varint::len(self.code.0) + varint::len_of(self.reason.len()) + self.reason.len();
        let mut plan = ClosePlan { receipts: 0, len: body + varint::len(0) };
        if plan.len > room {
            return None;
        }
        for (count, receipt) in iter::zip(1.., self.receipts.clone()) {
            body += receipt.body_len();
            let len = body + varint::len_of(count);
            if len > room {
                break;
            }
            plan = ClosePlan { receipts: count, len };
        }
        Some(plan)
    }

    /// Writes the frame as planned.
    pub fn encode(
        &self,
        kind: CloseKind,
        plan: ClosePlan,
        writer: &mut Writer<'_>,
    ) -> Result<(), WriteError> {
        let kind = match kind {
            CloseKind::Close => super::kind::CLOSE,
            CloseKind::CloseAck => super::kind::CLOSE_ACK,
        };
        self.encode_as(kind, plan, writer)
    }

    fn encode_as(
        &self,
        kind: u64,
        plan: ClosePlan,
        writer: &mut Writer<'_>,
    ) -> Result<(), WriteError> {
        if self.reason.len() > MAX_REASON {
            return Err(WriteError::Value);
        }
        writer.whole(|writer| {
            writer.varint(kind)?;
            writer.varint(self.code.0)?;
            writer.counted(self.reason)?;
            writer.varint(plan.receipts as u64)?;
            let mut receipts = self.receipts.clone();
            for _ in 0..plan.receipts {
                receipts.next().ok_or(WriteError::Value)?.encode_body(writer)?;
            }
            Ok(())
        })
    }
}

/// The beginning of `reason`, cut between characters to at most `max` bytes (docs/PROTOCOL.md,
/// 9.2.7).
pub fn cut_reason(reason: &str, max: usize) -> &str {
    reason.get(..reason.floor_char_boundary(max)).unwrap_or_default()
}
