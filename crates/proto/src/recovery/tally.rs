//! [`Tally`]: what sessions that send over one path to one peer count together. What each of them has in
//! flight, and how long its answers take, is its own [`Recovery`](super::Recovery)'s.

use super::rate::DeliveryRate;
use super::undo::Undo;
use crate::congestion::Controller;

/// What was delivered and lost, and whether the last losses were any.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(super) rate: DeliveryRate,
    pub(super) undo: Undo,
    /// What the other sessions have in flight, in bytes.
    others: u64,
}

/// Who hears what becomes of packets.
pub(crate) struct Feed<'a> {
    /// The one that decides how many more may leave.
    pub(crate) controller: &'a mut dyn Controller,
    /// What it is told is counted here.
    pub(crate) tally: &'a mut Tally,
}

impl Feed<'_> {
    /// The same, for a part of what there is to tell.
    pub(super) fn again(&mut self) -> Feed<'_> {
        Feed { controller: &mut *self.controller, tally: &mut *self.tally }
    }
}

impl Tally {
    /// The other sessions have so many bytes in flight.
    pub(crate) fn set_others(&mut self, bytes: u64) {
        self.others = bytes;
    }

    /// What all have in flight, if the session that asks has `own` bytes.
    pub(crate) fn in_flight(&self, own: u64) -> u64 {
        self.others + own
    }

    /// Nobody has more to send, though more could be in flight than there is, of which `own` bytes are
    /// the caller's.
    pub(crate) fn on_app_limited(&mut self, own: u64) {
        self.rate.on_app_limited(self.in_flight(own));
    }

    #[cfg(test)]
    pub(crate) fn is_app_limited(&self) -> bool {
        self.rate.is_app_limited()
    }

    /// The path is another one: what was lost before says nothing about it. Rates go on, as what was
    /// in flight is not asked about.
    pub(crate) fn on_path(&mut self) {
        self.undo = Undo::default();
    }
}
