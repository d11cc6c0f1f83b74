//! [`Link`]: the one-way way of a packet through all impairments, as a pure function of time.
//! It keeps no packet and needs no timer: each is told at once when, how often and how it arrives.

use rudp_base::{Ecn, Instant, Seed};

use crate::dice::Dice;
use crate::impair::corrupt::damage;
use crate::impair::delay::Delay;
use crate::impair::loss::Loss;
use crate::impair::queue::Queue;
use crate::script::Scripted;
use crate::{DropCause, EcnHandling, LinkConfig, LinkStats, Script};

/// A one-way link.
///
/// A packet meets, in this order: scripted faults, partition, MTU, what is done to ECN, the drop-tail
/// queue with its serialiser and congestion marks, loss (what is lost has used the link), corruption, duplication,
/// delay with jitter and reordering.
///
/// ```
/// use core::time::Duration;
/// use rudp_base::{Instant, Seed};
/// use rudp_sim::{Fate, Link, LinkConfig};
///
/// let seed = Seed::from_u64(1).fork("link");
/// let mut link = Link::new(LinkConfig::delay(Duration::from_millis(10)), &seed);
/// let mut arrivals = Vec::new();
/// let fate = link.offer(Instant::ZERO, &mut b"hello".to_vec(), None, |d| arrivals.push(d.at));
/// assert!(matches!(fate, Fate::Delivered { copies: 1, .. }));
/// assert_eq!(arrivals, [Instant::from_nanos(10_000_000)]);
/// ```
#[derive(Clone, Debug)]
pub struct Link {
    config: LinkConfig,
    dice: Dice,
    script: Script,
    partitioned: bool,
    queue: Queue,
    loss: Loss,
    delay: Delay,
    stats: LinkStats,
}

/// An arrival at the other end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// When it arrives; not earlier than it was offered.
    pub at: Instant,
    /// The congestion mark it arrives with.
    pub ecn: Option<Ecn>,
    /// The payload, damaged where it was.
    pub bytes: &'a [u8],
}

/// What became of a packet that was offered to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Delivered {
        /// How often: 1, or more where it was duplicated.
        copies: u32,
        /// Whether its bytes were damaged.
        corrupted: bool,
        /// Whether at least one copy was held back while others pass.
        reordered: bool,
        /// Whether it was marked CE.
        ce_marked: bool,
    },
    /// It does not.
    Dropped(DropCause),
}

impl Link {
    /// A link as `config` says, with dice forked from `seed`: it should be no other link's.
    pub fn new(config: LinkConfig, seed: &Seed) -> Self {
        Self {
            config,
            dice: Dice::new(seed),
            script: Script::default(),
            partitioned: false,
            queue: Queue::default(),
            loss: Loss::default(),
            delay: Delay::default(),
            stats: LinkStats::default(),
        }
    }

    /// Offers a packet, and calls `deliver` for each time that it arrives. `now` never goes back;
    /// the bytes in `packet` are nobody's afterwards.
    pub fn offer(
        &mut self,
        now: Instant,
        packet: &mut [u8],
        ecn: Option<Ecn>,
        deliver: impl FnMut(Delivery<'_>),
    ) -> Fate {
        self.offer_scripted(now, packet, ecn, Scripted::default(), deliver)
    }

    /// As [`offer`](Self::offer), for a packet that another script has seen before.
    pub(crate) fn offer_scripted(
        &mut self,
        now: Instant,
        packet: &mut [u8],
        ecn: Option<Ecn>,
        scripted: Scripted,
        deliver: impl FnMut(Delivery<'_>),
    ) -> Fate {
        self.stats.offered += 1;
        self.stats.offered_bytes += packet.len() as u64;
        let scripted = scripted.and(self.script.apply(packet));
        match self.pass(now, packet, ecn, scripted, deliver) {
            Ok(fate) => fate,
            Err(cause) => {
                self.stats.count_drop(cause);
                Fate::Dropped(cause)
            }
        }
    }

    fn pass(
        &mut self,
        now: Instant,
        packet: &mut [u8],
        ecn: Option<Ecn>,
        scripted: Scripted,
        mut deliver: impl FnMut(Delivery<'_>),
    ) -> Result<Fate, DropCause> {
        let size = packet.len() + self.config.overhead;
        if scripted.dropped {
            return Err(DropCause::Script);
        }
        if self.partitioned {
            return Err(DropCause::Partition);
        }
        if self.config.mtu.is_some_and(|mtu| size > mtu) {
            return Err(DropCause::Mtu);
        }
        if self.config.ecn == EcnHandling::Dropped && ecn.is_some() {
            return Err(DropCause::Ecn);
        }
        let ecn = ecn.filter(|_| self.config.ecn == EcnHandling::Kept);
        let departure = self.queue.admit(now, size, &self.config).ok_or(DropCause::Queue)?;
        self.stats.count_wait(departure.waited);
        let ce_marked = departure.congested && matches!(ecn, Some(Ecn::Ect0 | Ecn::Ect1));
        let ecn = if ce_marked { Some(Ecn::Ce) } else { ecn };
        // All dice are thrown, whatever the first ones show: see `LinkConfig`.
        let lost = self.loss.strikes(&self.config, &mut self.dice);
        let hit = self.dice.corrupt.chance(self.config.corrupt)
            && damage(packet, self.config.corruption, self.dice.damage.rng());
        let corrupted = hit || scripted.damaged;
        let again = self.dice.duplicate.chance(self.config.duplicate);
        let copies = 1 + u32::from(again) + scripted.copies;
        let mut reordered = !scripted.delay.is_zero();
        for copy in 0..copies {
            let extra = self.delay.throw(departure.at, &self.config, &mut self.dice, copy > 0);
            if lost {
                continue;
            }
            reordered |= extra.held_back;
            let at = self.delay.arrival(departure.at, &self.config, extra) + scripted.delay;
            deliver(Delivery { at, ecn, bytes: packet });
        }
        if lost {
            return Err(DropCause::Loss);
        }
        let stats = &mut self.stats;
        stats.ce_marked += u64::from(ce_marked);
        stats.corrupted += u64::from(corrupted);
        stats.reordered += u64::from(reordered);
        stats.duplicated += u64::from(copies - 1);
        stats.delivered += u64::from(copies);
        stats.delivered_bytes += u64::from(copies) * packet.len() as u64;
        Ok(Fate::Delivered { copies, corrupted, reordered, ce_marked })
    }

    /// What the link does to packets.
    pub fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// Changes what the link does to packets offered from now on. The ones already in its queue
    /// leave as they were told, and no packet overtakes them because of the change.
    pub fn config_mut(&mut self) -> &mut LinkConfig {
        &mut self.config
    }

    /// Sets the faults to come. The script counts the packets offered from now on.
    pub fn set_script(&mut self, script: impl Into<Script>) {
        self.script = script.into();
    }

    /// The scripted faults.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// Cuts the link, or heals it. Packets already on their way arrive.
    pub fn set_partitioned(&mut self, partitioned: bool) {
        self.partitioned = partitioned;
    }

    /// Whether the link is cut.
    pub fn is_partitioned(&self) -> bool {
        self.partitioned
    }

    /// What the link has counted.
    pub fn stats(&self) -> &LinkStats {
        &self.stats
    }
}

#[cfg(test)]
mod tests;
