//! What one IP address may take: sessions at a time, and new sessions per second.
//! The caps over all addresses are the server's.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use std::collections::BTreeMap;

use rudp_base::Instant;

use super::event::Limit;

/// How often the table is searched for addresses to forget, when it is full.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Counts by address. An address is remembered while it has sessions or owes the rate limit.
#[derive(Debug)]
pub(super) struct Addresses {
    max_sessions: u32,
    max_rate: u32,
    /// How many addresses are remembered at most.
    capacity: usize,
    table: BTreeMap<IpAddr, Usage>,
    swept_at: Option<Instant>,
}

#[derive(Debug)]
struct Usage {
    sessions: u32,
    /// A token bucket as a clock (GCRA): when it would be full again.
    full_at: Instant,
}

impl Addresses {
    pub(super) fn new(max_sessions: u32, max_rate: u32, capacity: usize) -> Self {
        let (max_sessions, max_rate) = (max_sessions.max(1), max_rate.max(1));
        Self { max_sessions, max_rate, capacity, table: BTreeMap::new(), swept_at: None }
    }

    /// Counts a new session of `address`, if it may have one. Where no more addresses can be
    /// remembered, it may: the limits over all addresses hold.
    pub(super) fn admit(&mut self, now: Instant, address: IpAddr) -> Result<(), Limit> {
        let network = network(address);
        if !self.table.contains_key(&network) && !self.make_room(now) {
            return Ok(());
        }
        let usage = self.table.entry(network).or_insert(Usage { sessions: 0, full_at: now });
        // A burst of one second's worth, then one session every 1/rate.
        let full_at = usage.full_at.max(now) + Duration::from_secs(1) / self.max_rate;
        if full_at - now > Duration::from_secs(1) {
            return Err(Limit::RatePerAddress);
        }
        if usage.sessions >= self.max_sessions {
            return Err(Limit::SessionsPerAddress);
        }
        usage.full_at = full_at;
        usage.sessions += 1;
        Ok(())
    }

    /// A session of `address` ended.
    pub(super) fn release(&mut self, now: Instant, address: IpAddr) {
        let network = network(address);
        if let Some(usage) = self.table.get_mut(&network) {
            usage.sessions = usage.sessions.saturating_sub(1);
            if usage.sessions == 0 && usage.full_at <= now {
                self.table.remove(&network);
            }
        }
    }

    /// Room for one more address. The search is rare even where somebody forges a new address with
    /// every datagram.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.table.len() < self.capacity {
            return true;
        }
        if self.swept_at.is_none_or(|at| now - at >= SWEEP_INTERVAL) {
            self.swept_at = Some(now);
            self.table.retain(|_, usage| usage.sessions > 0 || usage.full_at > now);
        }
        self.table.len() < self.capacity
    }
}

/// The first and the last address of those that count as `address`.
pub(super) fn neighbours(address: IpAddr) -> (IpAddr, IpAddr) {
    match address {
        IpAddr::V4(_) => (address, address),
        IpAddr::V6(v6) => {
            let last = Ipv6Addr::from_bits(v6.to_bits() | u128::from(u64::MAX));
            (network(address), IpAddr::V6(last))
        }
    }
}

/// Whoever has one IPv6 address usually has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn sessions_at_a_time() {
        let mut addresses = Addresses::new(2, 1_000, 10);
        let now = Instant::ZERO;
        assert_eq!(addresses.admit(now, address(1)), Ok(()));
        assert_eq!(addresses.admit(now, address(1)), Ok(()));
        assert_eq!(addresses.admit(now, address(1)), Err(Limit::SessionsPerAddress));
        assert_eq!(addresses.admit(now, address(2)), Ok(()), "others are not concerned");
        addresses.release(now, address(1));
        assert_eq!(addresses.admit(now, address(1)), Ok(()));
    }

    #[test]
    fn sessions_per_second() {
        let mut addresses = Addresses::new(1_000, 10, 10);
        let mut admitted = |millis: u64| {
            let now = Instant::ZERO + Duration::from_millis(millis);
            (0..100).filter(|_| addresses.admit(now, address(1)).is_ok()).count()
        };
        assert_eq!(admitted(0), 10, "a burst of one second's worth");
        assert_eq!(admitted(100), 1);
        assert_eq!(admitted(500), 4);
        assert_eq!(admitted(10_000), 10);
    }

    #[test]
    fn one_ipv6_network_counts_as_one() {
        let mut addresses = Addresses::new(1, 1_000, 10);
        let now = Instant::ZERO;
        assert!(addresses.admit(now, "2001:db8::1".parse().unwrap()).is_ok());
        assert!(addresses.admit(now, "2001:db8::2".parse().unwrap()).is_err());
        assert!(addresses.admit(now, "2001:db8:0:1::1".parse().unwrap()).is_ok());
    }

    #[test]
    fn remembers_a_bounded_number_of_addresses() {
        let mut addresses = Addresses::new(1, 1, 3);
        let now = Instant::ZERO;
        for last in 0..100 {
            assert!(addresses.admit(now, address(last)).is_ok());
            addresses.release(now, address(last));
        }
        assert_eq!(addresses.table.len(), 3);
        let later = now + Duration::from_secs(2);
        assert!(
            addresses.admit(later, address(200)).is_ok(),
            "those who owe nothing are forgotten"
        );
        addresses.release(later + Duration::from_secs(2), address(200));
        assert!(addresses.table.is_empty());
    }
}
