//! [`Loss`]: how much of what is sent the path loses whatever is done, and when more is lost than
//! that. What is done about more is decided elsewhere.
//!
//! This is where the controller deviates from draft-ietf-ccwg-bbr, which takes every loss above 2 %
//! for congestion. Radio links and bad lines lose more, without a queue. So losses that come without
//! a rise in the round-trip time form a *baseline*, and only what exceeds it by the draft's 2 %, and
//! by what chance explains, is congestion. Because a queue that is too short to be seen in the
//! round-trip time would otherwise teach that its losses are normal, nothing is learnt while the
//! flow sends faster than the path delivers, losses of every kind may lower the baseline, and it
//! never exceeds 15 %.

use core::time::Duration;

/// Loss beyond the baseline that is tolerated (draft-ietf-ccwg-bbr, 2.8, `LossThresh`).
const THRESHOLD: f64 = 0.02;
/// No path is taken to lose more than this whatever is done.
const MAX_BASELINE: f64 = 0.15;
/// How many standard deviations of a binomial count chance explains.
const DEVIATIONS: f64 = 3.0;
/// Bursts explain no more than this.
const MAX_BURSTINESS: f64 = 16.0;
/// The round-trip time has risen if it is this part above the least one, or by the time below where
/// that is more, but then not more than a quarter. A queue that is so short that its round-trip time
/// has not risen even when it is full would teach a wrong baseline.
const RISE_DIVISOR: u32 = 32;
const LEAST_RISE: Duration = Duration::from_millis(1);
const MOST_RISE_DIVISOR: u32 = 4;
/// There is a queue worth the name if the round-trip time is this part above the least one, and has risen
/// by the least.
const QUEUE_DIVISOR: u32 = 8;
/// The baseline is learnt from about so many packets, or from the rounds below if these have more.
const MEMORY_PACKETS: u64 = 2_000;
const MEMORY_ROUNDS: u64 = 4;
/// From so many on the baseline is near to what the path loses.
const KNOWN_PACKETS: u64 = 400;
/// So many packets without loss are assumed to have been before the first: a single loss at the
/// beginning is no baseline.
const PRIOR_PACKETS: u64 = 50;

/// What an acknowledgement adds, in bytes since the path is in use.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) delivered: u64,
    pub(super) lost: u64,
}

/// The losses of one path. Counts are in bytes.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about different times")]
pub(super) struct Loss {
    /// What the newest acknowledgement and the begin of this round told.
    newest: Option<Totals>,
    round: Totals,
    /// Separate losses, and whether there was a sign that needs no count, in this round.
    events: u32,
    /// Separate losses since the newest acknowledgement.
    fresh_events: u32,
    is_certain: bool,
    /// What was learnt from: decaying sums.
    seen: f64,
    lost: f64,
    /// Among these: separate losses, of one packet or several in a row.
    bursts: f64,
    /// What was to be expected and lost in rounds in a queue, since that was last looked at.
    queued: (f64, f64),
    /// The newest round-trip time, and whether it has risen.
    is_risen: bool,
    /// Whether it had in this round.
    was_risen: bool,
    /// Whether there is a queue, and was all the time since somebody asked for that.
    has_queue: bool,
    is_standing: bool,
    /// Whether there was one all the time in this round.
    was_queued: bool,
    max_datagram_size: u64,
}

/// A round that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one round")]
pub(super) struct Round {
    /// More was lost than is normal on this path and tolerated, or packets were marked.
    pub(super) is_congested: bool,
    /// More was lost than is normal on this path.
    pub(super) is_lossy: bool,
    /// Separate losses.
    pub(super) events: u32,
    /// There was a sign that needs no count.
    pub(super) is_certain: bool,
    /// So much more that chance does not explain it, if the path loses all that is tolerated.
    pub(super) is_heavy: bool,
    /// There was a queue all the time.
    pub(super) is_queued: bool,
}

impl Loss {
    pub(super) fn new(max_datagram_size: u64) -> Self {
        Self { max_datagram_size, ..Self::default() }
    }

    pub(super) fn set_max_datagram_size(&mut self, max_datagram_size: u64) {
        self.max_datagram_size = max_datagram_size;
    }

    /// Which part of the packets is lost whatever is done.
    pub(super) fn baseline(&self) -> f64 {
        let prior = bytes(PRIOR_PACKETS * self.max_datagram_size);
        (self.lost / (self.seen + prior).max(1.0)).min(MAX_BASELINE)
    }

    /// Whether `lost` bytes of `sent` are more than is normal on this path, and than is tolerated.
    pub(super) fn is_excess(&self, lost: u64, sent: u64) -> bool {
        self.is_more(lost, sent, THRESHOLD)
    }

    /// Whether `lost` bytes of `sent` are more than is normal on this path by `margin`.
    fn is_more(&self, lost: u64, sent: u64, margin: f64) -> bool {
        self.is_beyond(lost, sent, margin, self.baseline())
    }

    /// The same, with what chance explains where `part` is lost.
    fn is_beyond(&self, lost: u64, sent: u64, margin: f64, part: f64) -> bool {
        let packets = (bytes(sent) / bytes(self.max_datagram_size.max(1))).max(1.0);
        let variance = part * (1.0 - part) * self.burstiness() / packets;
        let chance = DEVIATIONS * variance.sqrt();
        bytes(lost) > bytes(sent) * (self.baseline() + margin + chance)
    }

    /// How much more losses vary because they come in bursts: for bursts of `n` packets on average,
    /// whose lengths have a geometric distribution, 2 `n` - 1 times.
    fn burstiness(&self) -> f64 {
        let packets = self.lost / bytes(self.max_datagram_size.max(1));
        if self.bursts < 1.0 {
            1.0
        } else {
            (2.0 * packets / self.bursts - 1.0).clamp(1.0, MAX_BURSTINESS)
        }
    }

    /// Packets were lost, in a row or nearly so.
    pub(super) fn on_loss(&mut self) {
        self.events = self.events.saturating_add(1);
        self.fresh_events = self.fresh_events.saturating_add(1);
    }

    /// There was a sign of congestion that needs no count: a mark, or persistent congestion.
    pub(super) fn on_certain(&mut self) {
        self.is_certain = true;
    }

    /// An acknowledgement came. It is learnt from only if the flow does not send faster than it
    /// believes the path to deliver, or does not know that yet.
    pub(super) fn on_ack(
        &mut self,
        totals: Totals,
        (rtt, min_rtt): (Option<Duration>, Option<Duration>),
        may_learn: bool,
    ) {
        if let (Some(rtt), Some(min)) = (rtt, min_rtt) {
            let least = LEAST_RISE.min(min / MOST_RISE_DIVISOR);
            self.is_risen = rtt > min + least.max(min / RISE_DIVISOR);
            self.has_queue = rtt > min + least.max(min / QUEUE_DIVISOR);
        }
        self.was_risen |= self.is_risen;
        self.is_standing &= self.has_queue;
        self.was_queued &= self.has_queue;
        let events = core::mem::take(&mut self.fresh_events);
        let Some(before) = self.newest.replace(totals) else {
            self.round = totals;
            return;
        };
        if may_learn && !self.is_risen {
            let lost = bytes(totals.lost) - bytes(before.lost);
            self.lost = (self.lost + lost).max(0.0);
            self.bursts += f64::from(events);
            let delivered = totals.delivered.saturating_sub(before.delivered);
            self.seen = (self.seen + bytes(delivered) + lost).max(self.lost);
        }
    }

    /// Whether there is a queue worth the name.
    pub(super) fn has_queue(&self) -> bool {
        self.has_queue
    }

    /// Whether the path loses so little that the rate hardly varies by chance from round to round.
    pub(super) fn is_rare(&self) -> bool {
        self.baseline() < THRESHOLD
    }

    /// Whether enough was seen to learn from.
    pub(super) fn is_known(&self) -> bool {
        self.seen >= bytes(KNOWN_PACKETS * self.max_datagram_size)
    }

    /// Asks whether there will be a queue all the time from now on.
    pub(super) fn watch_queue(&mut self) {
        self.is_standing = true;
    }

    /// Whether there was one all the time.
    pub(super) fn has_standing_queue(&self) -> bool {
        self.is_standing
    }

    /// A round is over.
    pub(super) fn end_round(&mut self) -> Round {
        let now = self.newest.unwrap_or_default();
        let lost = now.lost.saturating_sub(self.round.lost);
        let sent = now.delivered.saturating_sub(self.round.delivered).saturating_add(lost);
        let round = Round {
            is_congested: self.is_certain || self.is_excess(lost, sent),
            is_lossy: self.is_more(lost, sent, 0.0),
            events: self.events,
            is_certain: self.is_certain,
            is_heavy: self.is_beyond(lost, sent, THRESHOLD, self.baseline() + THRESHOLD),
            is_queued: self.was_queued,
        };
        if self.was_risen {
            self.check_baseline(sent, lost);
        }
        let memory = (MEMORY_PACKETS * self.max_datagram_size).max(MEMORY_ROUNDS * sent);
        if self.seen > bytes(memory) {
            let kept = bytes(memory) / self.seen;
            (self.seen, self.lost) = (self.seen * kept, self.lost * kept);
            self.bursts *= kept;
        }
        (self.round, self.events, self.is_certain) = (now, 0, false);
        (self.was_risen, self.was_queued) = (self.is_risen, true);
        round
    }

    /// A round in a queue is over. Losses in a queue can only make it more: what is less shows that the path
    /// loses less. Rounds of few packets are taken together, until a loss is to be expected in them: most have
    /// none by chance, and a flow that others leave little to would forget what it has learnt. (More patience is
    /// fairer where packets are lost by chance, but lets short queues teach for longer that theirs are.)
    fn check_baseline(&mut self, sent: u64, lost: u64) {
        let (expected, before) = self.queued;
        self.queued = (expected + bytes(sent) * self.baseline(), before + bytes(lost));
        let (expected, lost) = self.queued;
        if expected < bytes(self.max_datagram_size) {
            return;
        }
        if lost < expected / 2.0 {
            (self.lost, self.bursts) = (self.lost * 0.75, self.bursts * 0.75);
        }
        self.queued = (0.0, 0.0);
    }

    /// What has to be sent so that `rate` arrives.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number, and the cast saturates"
    )]
    pub(super) fn to_send(&self, rate: u64) -> u64 {
        (bytes(rate) / (1.0 - self.baseline())) as u64
    }
}

/// A number of bytes as an `f64`.
#[expect(clippy::cast_precision_loss, reason = "sizes beyond 2^53 bytes do not occur")]
fn bytes(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 1_000;
    const LOW: u64 = 100;
    const HIGH: u64 = 110;

    struct Path {
        loss: Loss,
        totals: Totals,
    }

    impl Path {
        fn new() -> Self {
            let mut path = Self { loss: Loss::new(SIZE), totals: Totals::default() };
            path.round(0, 0, LOW);
            path
        }

        /// A round of ten acknowledgements, in which so many packets came and were lost.
        fn round(&mut self, came: u64, lost: u64, rtt: u64) -> Round {
            for part in 0..10 {
                let share = |count: u64| (count * (part + 1) / 10 - count * part / 10) * SIZE;
                self.totals.delivered += share(came);
                self.totals.lost += share(lost);
                for _ in 0..share(lost) / SIZE {
                    self.loss.on_loss();
                }
                let rtts = (Some(Duration::from_millis(rtt)), Some(Duration::from_millis(LOW)));
                self.loss.on_ack(self.totals, rtts, true);
            }
            self.loss.end_round()
        }
    }

    #[test]
    fn two_percent_are_tolerated_at_first() {
        for (lost, is_congested) in [(0, false), (20, false), (21, true)] {
            let mut path = Path::new();
            let round = path.round(1_000 - lost, lost, HIGH);
            assert_eq!((round.is_congested, round.is_lossy), (is_congested, lost > 0), "{lost}");
            assert_eq!(u64::from(round.events), lost);
        }
    }

    #[test]
    fn what_chance_explains_is_not_heavy() {
        // (packets, lost, congested, heavy): 2 % are tolerated, and with 300 packets 4.4 % may be chance.
        let table = [
            (300, 6, false, false),
            (300, 7, true, false),
            (300, 13, true, false),
            (300, 14, true, true),
        ];
        for (packets, lost, is_congested, is_heavy) in table {
            let round = Path::new().round(packets - lost, lost, HIGH);
            assert_eq!((round.is_congested, round.is_heavy), (is_congested, is_heavy), "{lost}");
        }
    }

    #[test]
    fn a_queue_stands_in_a_round_if_it_never_drains() {
        let mut path = Path::new();
        for (rtt, is_queued) in [(120, true), (LOW, false), (HIGH, false), (113, true)] {
            assert_eq!(path.round(100, 0, rtt).is_queued, is_queued, "{rtt} ms");
        }
        let rtts = (Some(Duration::from_millis(LOW)), Some(Duration::from_millis(LOW)));
        path.loss.on_ack(path.totals, rtts, true);
        assert!(!path.round(100, 0, 120).is_queued, "it had drained for a moment");
    }

    #[test]
    fn the_baseline_is_what_is_lost_without_a_queue() {
        // (lost in a thousand, round-trip time, baseline afterwards)
        let table =
            [(0, LOW, 0.0), (10, LOW, 0.01), (100, LOW, 0.1), (400, LOW, 0.15), (100, HIGH, 0.0)];
        for (lost, rtt, expected) in table {
            let mut path = Path::new();
            for _ in 0..10 {
                path.round(1_000 - lost, lost, rtt);
            }
            let baseline = path.loss.baseline();
            assert!((baseline - expected).abs() < 0.003, "{lost} at {rtt} ms: {baseline}");
        }
    }

    #[test]
    fn a_queue_without_losses_lowers_the_baseline() {
        let mut path = Path::new();
        for _ in 0..10 {
            path.round(900, 100, LOW);
        }
        assert!(!path.round(900, 100, HIGH).is_congested, "as much as always");
        for _ in 0..20 {
            path.round(1_000, 0, HIGH);
        }
        assert!(path.loss.baseline() < 0.002);
        assert!(path.round(900, 100, HIGH).is_congested);
    }

    #[test]
    fn a_round_of_few_packets_without_losses_is_chance() {
        // (lost in each of five rounds of 5 packets, whether the baseline of 10 % stays)
        let table = [([1, 0, 1, 0, 1], true), ([0, 1, 0, 1, 0], true), ([0; 5], false)];
        for (losses, stays) in table {
            let mut path = Path::new();
            for _ in 0..10 {
                path.round(900, 100, LOW);
            }
            let before = path.loss.baseline();
            for lost in losses.repeat(8) {
                path.round(5 - lost, lost, HIGH);
            }
            let after = path.loss.baseline();
            assert_eq!(after > before * 0.7, stays, "{losses:?}: {before} {after}");
        }
    }

    #[test]
    fn rounds_before_the_path_lost_packets_say_nothing_of_those_that_it_loses() {
        let mut path = Path::new();
        for _ in 0..50 {
            path.round(1_000, 0, HIGH);
        }
        path.round(1_000, 0, LOW);
        for _ in 0..10 {
            path.round(900, 100, LOW);
        }
        let before = path.loss.baseline();
        path.round(5, 0, HIGH);
        assert!(before > 0.09 && path.loss.baseline() > before * 0.9, "{before}");
    }

    #[test]
    fn chance_and_bursts_explain_more_in_short_rounds() {
        let mut path = Path::new();
        for _ in 0..10 {
            path.round(950, 50, LOW);
        }
        assert!(path.loss.is_excess(110 * SIZE, 1_000 * SIZE));
        assert!(!path.loss.is_excess(11 * SIZE, 100 * SIZE));
        // The same losses, four at a time.
        path.loss.bursts /= 4.0;
        assert!(!path.loss.is_excess(110 * SIZE, 1_000 * SIZE));
        assert!(path.loss.is_excess(160 * SIZE, 1_000 * SIZE));
    }

    #[test]
    fn losses_that_were_none_are_taken_back() {
        let mut path = Path::new();
        path.round(1_000, 100, LOW);
        let before = path.loss.baseline();
        path.totals.lost -= 100 * SIZE;
        path.round(0, 0, LOW);
        assert!(before > 0.08 && path.loss.baseline() < 0.001, "{}", path.loss.baseline());
    }

    #[test]
    fn more_is_sent_than_shall_arrive() {
        let mut path = Path::new();
        for _ in 0..50 {
            path.round(900, 100, LOW);
        }
        let sent = path.loss.to_send(900_000);
        assert!((990_000..1_000_000).contains(&sent), "{sent}");
    }
}
