//! [`LossRate`]: which part of the packets was lost lately. What follows from that is for others to
//! decide.

/// After so many packets all that is counted so far counts half.
const WINDOW: u32 = 1_024;
/// Losses are rare if not more than one packet in so many is lost.
const RARE: u32 = 256;
/// What one packet counts.
const ONE: u32 = 256;

/// How many packets were lost, of the last 512 to 1,024 whose fate is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LossRate {
    lost: u32,
    judged: u32,
}

impl LossRate {
    /// A packet was acknowledged that was not taken for lost.
    pub(super) fn on_acked(&mut self) {
        self.judged += ONE;
        if self.judged >= WINDOW * ONE {
            (self.lost, self.judged) = (self.lost / 2, self.judged / 2);
        }
    }

    /// A packet is taken for lost.
    pub(super) fn on_lost(&mut self) {
        self.lost += ONE;
        self.on_acked();
    }

    /// A packet that was taken for lost has come.
    pub(super) fn on_spurious(&mut self) {
        self.lost = self.lost.saturating_sub(ONE);
    }

    /// So many of so many were lost.
    #[cfg(test)]
    pub(crate) fn count(&mut self, lost: u32, of: u32) {
        (0..lost).for_each(|_| self.on_lost());
        (lost..of).for_each(|_| self.on_acked());
    }

    /// Whether next to nothing was lost: less than what random loss shows.
    pub(crate) fn is_rare(self) -> bool {
        self.lost <= self.judged / RARE
    }

    /// How many were lost, and of how many.
    pub(crate) fn parts(self) -> (u64, u64) {
        (u64::from(self.lost), u64::from(self.judged))
    }

    /// Of how many packets the fate is known, at most the window.
    pub(crate) fn judged(self) -> u64 {
        u64::from(self.judged / ONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_mille(rate: LossRate) -> u64 {
        let (lost, judged) = rate.parts();
        lost * 1_000 / judged
    }

    #[test]
    fn follows_what_is_lost_and_forgets() {
        let mut rate = LossRate::default();
        for number in 0..5_000 {
            let fate = if number % 10 == 0 { LossRate::on_lost } else { LossRate::on_acked };
            fate(&mut rate);
            assert!(rate.judged() < u64::from(WINDOW));
        }
        assert!((98..=102).contains(&per_mille(rate)), "{}", per_mille(rate));
        (0..6_000).for_each(|_| rate.on_acked());
        assert_eq!(per_mille(rate), 0);
    }

    #[test]
    fn one_in_256_is_rare() {
        for (lost, judged, is_rare) in
            [(0, 0, true), (1, 255, false), (1, 256, true), (3, 700, false)]
        {
            let mut rate = LossRate::default();
            rate.count(lost, judged);
            assert_eq!(rate.is_rare(), is_rare, "{lost} of {judged}");
        }
    }

    #[test]
    fn what_was_not_lost_after_all_is_taken_back() {
        let mut rate = LossRate::default();
        (0..10).for_each(|_| rate.on_lost());
        (0..90).for_each(|_| rate.on_acked());
        assert_eq!(per_mille(rate), 100);
        (0..10).for_each(|_| rate.on_spurious());
        assert_eq!((per_mille(rate), rate.judged()), (0, 100));
    }
}
