//! ACK frames (docs/PROTOCOL.md, 7.3): ranges that are checked once and then read from their bytes,
//! and a writer that takes ranges from anywhere. Which packets came is remembered elsewhere.

use core::ops::RangeInclusive;

use crate::cursor::{Reader, Truncated, WriteError, Writer};
use crate::varint;

use super::{FrameError, kind};

/// The most ranges that an ACK has behind its first one (docs/PROTOCOL.md, 7.3).
pub const MAX_FURTHER_RANGES: usize = 512;

/// How many packets came with which mark (docs/PROTOCOL.md, 7.3, type 0x03).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcnCounts {
    /// Packets that came with ECT(0).
    pub ect0: u64,
    /// Packets that came with ECT(1).
    pub ect1: u64,
    /// Packets that came with CE.
    pub ce: u64,
}

impl EcnCounts {
    fn encoded_len(self) -> usize {
        varint::len(self.ect0) + varint::len(self.ect1) + varint::len(self.ce)
    }
}

/// A received ACK. All its ranges have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The highest packet number acknowledged.
    pub highest: u64,
    /// The time since that packet came, in microseconds.
    pub delay: u64,
    /// The counts of type 0x03.
    pub ecn: Option<EcnCounts>,
    ranges: Ranges<'a>,
}

impl<'a> Ack<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>, with_ecn: bool) -> Result<Self, FrameError> {
        let highest = reader.varint()?;
        let delay = reader.varint()?;
        let further = reader.varint()?;
        if further > MAX_FURTHER_RANGES as u64 {
            return Err(FrameError::TooManyRanges(further));
        }
        let first = reader.varint()?;
        let mut low = highest.checked_sub(first).ok_or(FrameError::BelowZero)?;
        let bytes = reader.rest();
        for _ in 0..further {
            (_, low) = further_range(reader, low)?;
        }
        let encoded = bytes.len() - reader.rest().len();
        let ecn = if with_ecn {
            let (ect0, ect1, ce) = (reader.varint()?, reader.varint()?, reader.varint()?);
            Some(EcnCounts { ect0, ect1, ce })
        } else {
            None
        };
        let bytes = bytes.get(..encoded).ok_or(Truncated)?;
        let next = Some((highest, highest - first));
        Ok(Self { highest, delay, ecn, ranges: Ranges { next, further: Reader::new(bytes) } })
    }

    /// The ranges of acknowledged packets, the highest first.
    pub fn ranges(&self) -> Ranges<'a> {
        self.ranges
    }

    /// The frame's length when it is written anew with as many ranges.
    pub fn encoded_len(&self) -> usize {
        self.draft().plan(usize::MAX).map_or(0, |plan| plan.len)
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        let draft = self.draft();
        let plan = draft.plan(usize::MAX).ok_or(WriteError::Value)?;
        draft.encode(plan, writer)
    }

    fn draft(&self) -> AckDraft<Ranges<'a>> {
        AckDraft { delay: self.delay, ecn: self.ecn, ranges: self.ranges }
    }
}

/// The range behind the one that ends at `low`: its highest and its lowest number.
fn further_range(reader: &mut Reader<'_>, low: u64) -> Result<(u64, u64), FrameError> {
    let gap = reader.varint()?;
    let len = reader.varint()?;
    // Both are below 2^62, so the sum cannot overflow.
    let high = low.checked_sub(gap + 2).ok_or(FrameError::BelowZero)?;
    Ok((high, high.checked_sub(len).ok_or(FrameError::BelowZero)?))
}

/// The ranges of an [`Ack`], the highest first, read from its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Ranges<'a> {
    next: Option<(u64, u64)>,
    further: Reader<'a>,
}

/// Equal if they give the same, in whatever form it is written.
impl PartialEq for Ranges<'_> {
    fn eq(&self, other: &Self) -> bool {
        Iterator::eq(*self, *other)
    }
}

impl Eq for Ranges<'_> {}

#[expect(clippy::copy_iterator, reason = "it is a part of a frame, and frames are copied")]
impl Iterator for Ranges<'_> {
    type Item = RangeInclusive<u64>;

    fn next(&mut self) -> Option<Self::Item> {
        let (high, low) = self.next.take()?;
        if !self.further.is_empty() {
            self.next = further_range(&mut self.further, low).ok();
        }
        Some(low..=high)
    }
}

/// An ACK to be written. `ranges` gives the ranges of packet numbers from the highest on, with at
/// least one number missing between two of them.
#[derive(Clone, Copy, Debug)]
pub struct AckDraft<I> {
    /// The time since the highest packet came, in microseconds.
    pub delay: u64,
    /// The counts, where the marks can be read (docs/PROTOCOL.md, 8.5).
    pub ecn: Option<EcnCounts>,
    /// The ranges, the highest first.
    pub ranges: I,
}

/// How much of an [`AckDraft`] fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckPlan {
    /// How many ranges, the first one included.
    pub ranges: usize,
    /// The frame's exact length.
    pub len: usize,
}

impl<I: Iterator<Item = RangeInclusive<u64>> + Clone> AckDraft<I> {
    /// As many of the ranges as fit into `room`, the highest ones (docs/PROTOCOL.md, 7.3.1). `None`
    /// if not even the first one does, or if there is none.
    pub fn plan(&self, room: usize) -> Option<AckPlan> {
        let mut ranges = self.ranges.clone();
        let first = ranges.next()?;
        let mut body = 1
            + varint::len(*first.end())
            + varint::len(self.delay)
            + varint::len(first.end().checked_sub(*first.start())?)
            + self.ecn.map_or(0, EcnCounts::encoded_len);
        let mut plan = AckPlan { ranges: 1, len: body + varint::len(0) };
        if plan.len > room {
            return None;
        }
        let mut low = *first.start();
        for (index, range) in (1..=MAX_FURTHER_RANGES).zip(ranges) {
            let Some((gap, len)) = steps(low, &range) else { break };
            body += varint::len(gap) + varint::len(len);
            let len = body + varint::len_of(index);
            if len > room {
                break;
            }
            plan = AckPlan { ranges: index + 1, len };
            low = *range.start();
        }
        Some(plan)
    }

    /// Writes the frame as planned.
    pub fn encode(&self, plan: AckPlan, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        let mut ranges = self.ranges.clone();
        let first = ranges.next().ok_or(WriteError::Value)?;
        let (mut low, high) = (*first.start(), *first.end());
        writer.whole(|writer| {
            writer.varint(if self.ecn.is_some() { kind::ACK_ECN } else { kind::ACK })?;
            writer.varint(high)?;
            writer.varint(self.delay)?;
            let further = plan.ranges.checked_sub(1).ok_or(WriteError::Value)?;
            writer.varint(further as u64)?;
            writer.varint(high.checked_sub(low).ok_or(WriteError::Value)?)?;
            for _ in 0..further {
                let range = ranges.next().ok_or(WriteError::Value)?;
                let (gap, len) = steps(low, &range).ok_or(WriteError::Value)?;
                writer.varint(gap)?;
                writer.varint(len)?;
                low = *range.start();
            }
            if let Some(EcnCounts { ect0, ect1, ce }) = self.ecn {
                writer.varint(ect0)?;
                writer.varint(ect1)?;
                writer.varint(ce)?;
            }
            Ok(())
        })
    }
}

/// Gap and length, as sent, of `range` behind a range that ends at `low`.
fn steps(low: u64, range: &RangeInclusive<u64>) -> Option<(u64, u64)> {
    let gap = low.checked_sub(2)?.checked_sub(*range.end())?;
    Some((gap, range.end().checked_sub(*range.start())?))
}
