//! How much per second: one bucket as a clock, and buckets by address in bounded memory.
//! What is counted is its owners' business.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use rudp_base::Instant;

use super::place::Host;

/// How much a bucket holds, in the time that it takes to fill.
const DEPTH: Duration = Duration::from_secs(1);

/// A token bucket as a clock (GCRA): a burst of one second's worth, then as many per second. So no
/// second ever sees more than twice the rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Time that one token takes.
    pause: Duration,
    /// When the bucket would be full again.
    full_at: Instant,
}

impl Rate {
    /// A full bucket of `per_second` tokens; 0 is none ever.
    pub(crate) fn new(per_second: u32) -> Self {
        let pause = DEPTH.checked_div(per_second).unwrap_or(Duration::MAX);
        Self { pause, full_at: Instant::ZERO }
    }

    /// Whether there is a token.
    pub(super) fn has_room(&self, now: Instant) -> bool {
        self.owed(now).saturating_add(self.pause) <= DEPTH
    }

    /// Takes a token, whether there is one or not. Nobody owes more than a bucket.
    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = now + self.owed(now).saturating_add(self.pause).min(DEPTH);
    }

    /// Takes a token if there is one.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        let has_room = self.has_room(now);
        if has_room {
            self.take(now);
        }
        has_room
    }

    fn owed(&self, now: Instant) -> Duration {
        self.full_at - now
    }
}

/// How many addresses are remembered before those that owe nothing are forgotten.
const MAX_HOSTS: usize = 4_096;

/// A bucket for each address, and one for all.
///
/// Who has been admitted within the last second is remembered. That is at most two seconds' worth
/// of the rate in all, so memory is bounded by it.
#[derive(Debug)]
pub(super) struct HostRates {
    fresh: Rate,
    hosts: BTreeMap<Host, Rate>,
    all: Rate,
}

impl HostRates {
    /// So many per second to one address, and `all` per second, at most 1,000.
    pub(super) fn new(per_host: u32, all: u32) -> Self {
        let (fresh, all) = (Rate::new(per_host), Rate::new(all.min(1_000)));
        Self { fresh, hosts: BTreeMap::new(), all }
    }

    /// Takes a token of both buckets if both have one.
    pub(super) fn admit(&mut self, now: Instant, address: IpAddr) -> bool {
        let host = Host::of(address);
        let mut rate = self.hosts.get(&host).copied().unwrap_or(self.fresh);
        if !rate.has_room(now) || !self.all.admit(now) {
            return false;
        }
        if self.hosts.len() >= MAX_HOSTS {
            self.hosts.retain(|_, rate| !rate.owed(now).is_zero());
        }
        rate.take(now);
        self.hosts.insert(host, rate);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn a_second_sees_at_most_twice_the_rate() {
        let mut rate = Rate::new(10);
        let mut admitted = |range: core::ops::Range<u64>| {
            range.filter(|millis| rate.admit(at(5_000 + millis))).count()
        };
        assert_eq!(admitted(0..1), 1);
        assert_eq!(admitted(1..100), 9, "the burst");
        assert_eq!(admitted(100..1_000), 9, "one each 100 ms");
        assert_eq!(admitted(1_000..3_000), 20);
    }

    #[test]
    fn no_rate_is_nothing_ever() {
        let mut rate = Rate::new(0);
        assert!(!rate.admit(at(0)) && !rate.admit(at(1_000_000)));
        rate.take(at(0));
    }

    #[test]
    fn addresses_have_buckets_of_their_own_and_share_one() {
        let mut rates = HostRates::new(2, 5);
        let host = |last| IpAddr::from([10, 0, 0, last]);
        let admitted: Vec<_> =
            [1, 1, 1, 2, 2, 3, 4].map(|last| rates.admit(at(0), host(last))).into();
        assert_eq!(admitted, [true, true, false, true, true, true, false]);
    }

    #[test]
    fn memory_is_bounded_by_the_rate() {
        let mut rates = HostRates::new(5, u32::MAX);
        for number in 0..100_000 {
            let address = IpAddr::from(u32::to_be_bytes(number));
            rates.admit(at(u64::from(number) / 2), address);
            assert!(rates.hosts.len() <= MAX_HOSTS);
        }
    }
}
