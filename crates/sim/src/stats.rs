//! What a link counts.
//! Events one by one are the trace's.

use core::time::Duration;

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropCause {
    /// A scripted fault.
    Script,
    /// The link is partitioned.
    Partition,
    /// It was greater than the link's MTU.
    Mtu,
    /// It was ECN-capable, on a link that drops such packets.
    Ecn,
    /// The queue was full.
    Queue,
    /// Random loss.
    Loss,
    /// Nobody has the address it was sent to; a world's cause, never a link's.
    NoReceiver,
    /// The node does not have the address it was to leave from; a world's cause, never a link's.
    NoSource,
}

/// Counters of a link since it was made.
///
/// At any time, `offered + duplicated == delivered + dropped()`, where `delivered` includes packets
/// still on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Packets offered.
    pub offered: u64,
    /// Bytes of payload offered.
    pub offered_bytes: u64,
    /// Packets that will arrive, copies included.
    pub delivered: u64,
    /// Bytes of payload that will arrive, copies included.
    pub delivered_bytes: u64,
    /// Dropped by a script.
    pub dropped_script: u64,
    /// Dropped by a partition.
    pub dropped_partition: u64,
    /// Dropped because of the MTU.
    pub dropped_mtu: u64,
    /// Dropped because they were ECN-capable.
    pub dropped_ecn: u64,
    /// Dropped by the full queue.
    pub dropped_queue: u64,
    /// Lost at random.
    pub dropped_loss: u64,
    /// Additional copies.
    pub duplicated: u64,
    /// Packets with damaged bytes, scripted or at random.
    pub corrupted: u64,
    /// Packets held back while others passed, scripted or at random; without those that jitter put
    /// out of order.
    pub reordered: u64,
    /// Packets marked CE.
    pub ce_marked: u64,
    /// Packets that went through the queue.
    pub queued: u64,
    /// The sum of what packets waited in the queue, without their own serialisation.
    pub queue_delay_sum: Duration,
    /// The longest that a packet waited in the queue, without its own serialisation.
    pub queue_delay_max: Duration,
}

impl LinkStats {
    /// All dropped packets.
    pub fn dropped(&self) -> u64 {
        self.dropped_script
            + self.dropped_partition
            + self.dropped_mtu
            + self.dropped_ecn
            + self.dropped_queue
            + self.dropped_loss
    }

    /// What a packet waited in the queue on average.
    pub fn queue_delay_mean(&self) -> Duration {
        let mean = self.queue_delay_sum.as_nanos() / u128::from(self.queued.max(1));
        Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    pub(crate) fn count_drop(&mut self, cause: DropCause) {
        match cause {
            DropCause::Script => self.dropped_script += 1,
            DropCause::Partition => self.dropped_partition += 1,
            DropCause::Mtu => self.dropped_mtu += 1,
            DropCause::Ecn => self.dropped_ecn += 1,
            DropCause::Queue => self.dropped_queue += 1,
            DropCause::Loss => self.dropped_loss += 1,
            // A packet without a receiver has no link, or has left it; one from nowhere never has one.
            DropCause::NoReceiver | DropCause::NoSource => {}
        }
    }

    pub(crate) fn count_wait(&mut self, waited: Duration) {
        self.queued += 1;
        self.queue_delay_sum += waited;
        self.queue_delay_max = self.queue_delay_max.max(waited);
    }
}
