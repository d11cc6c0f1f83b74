//! [`Swarm`]: clients as one machine: which of them a datagram is for, whose turn it is to send,
//! and who has waited too long. What they say is a [`Client`]'s business.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use rushb::wire::PACKET_LEN;

use crate::sample::Sample;

/// How often clients are looked through for those that have waited too long, and how long that is.
const SCAN: Duration = Duration::from_secs(1);

/// Over how long the clients start, so that they are not all at the same piece of their files.
const START: Duration = Duration::from_millis(500);

/// How often some of them start.
const START_STEP: Duration = Duration::from_millis(5);

/// The first client's address; the others follow.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

/// What a datagram did to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// An exchange: it sends the next datagram.
    Exchange,
    /// Opening or closing: it sends the next datagram.
    Step,
    /// The end of a whole and undamaged file: it starts the next.
    Finished,
    /// An earlier datagram once more: it sends its answer once more.
    Again,
    /// Nothing: late, or of no interest.
    Nothing,
    /// It was not what it should have been.
    Damaged,
}

/// One of the clients: small, since there are many.
pub(super) trait Client: Default {
    /// What all clients of a swarm have in common.
    type Plan;

    /// Takes a datagram from the server.
    fn hear(&mut self, plan: &Self::Plan, datagram: &[u8]) -> Heard;

    /// Writes the datagram it sends now, or once more.
    fn say(&self, plan: &Self::Plan, datagram: &mut [u8; PACKET_LEN]);

    /// Whether it waits for an answer, and says the same again if none comes.
    fn waits(&self, plan: &Self::Plan) -> bool;
}

/// A client with what the swarm notes about it.
struct Member<C> {
    client: C,
    sent_at: Instant,
    queued: bool,
    exchanges: u64,
}

/// Many clients of one server.
pub(super) struct Swarm<C: Client> {
    server: SocketAddr,
    plan: C::Plan,
    members: Vec<Member<C>>,
    /// Who is to send.
    queue: VecDeque<u32>,
    /// How many have started, and when some more do.
    started: u32,
    next_start: Instant,
    next_scan: Instant,
    /// Exchanges of each member when they were last reported.
    reported: Vec<u64>,
    downloads: u64,
    repeats: u64,
    damaged: u64,
}

impl<C: Client> Swarm<C> {
    /// `count` clients, all of which want to send soon.
    pub(super) fn new(server: SocketAddr, count: u32, plan: C::Plan) -> Self {
        let member =
            || Member { client: C::default(), sent_at: Instant::ZERO, queued: true, exchanges: 0 };
        Self {
            server,
            plan,
            members: (0..count).map(|_| member()).collect(),
            queue: VecDeque::new(),
            started: 0,
            next_start: Instant::ZERO,
            next_scan: Instant::ZERO + SCAN,
            reported: vec![0; count as usize],
            downloads: 0,
            repeats: 0,
            damaged: 0,
        }
    }

    /// What was counted: in all, and, of the slowest client, since the last report.
    pub(super) fn add_counters(&mut self, sample: &mut Sample) {
        let counts = self.members.iter().map(|member| member.exchanges);
        let slowest = counts.clone().zip(&self.reported).map(|(now, before)| now - before).min();
        sample.set("exchanges", counts.clone().sum());
        sample.set("slowest", slowest.unwrap_or(0));
        sample.set("downloads", self.downloads);
        sample.set("repeats", self.repeats);
        sample.set("damaged", self.damaged);
        let silent = self.members.iter().filter(|member| !member.client.waits(&self.plan));
        sample.set("silent", silent.count() as u64);
        self.reported = counts.collect();
    }

    fn on_datagram(&mut self, index: u32, datagram: &[u8]) {
        let Some(member) = self.members.get_mut(index as usize) else { return };
        match member.client.hear(&self.plan, datagram) {
            Heard::Exchange => member.exchanges += 1,
            Heard::Step => {}
            Heard::Finished => self.downloads += 1,
            Heard::Again => self.repeats += 1,
            Heard::Nothing => return,
            Heard::Damaged => {
                self.damaged += 1;
                return;
            }
        }
        self.enqueue(index);
    }

    /// Starts the clients whose time has come: evenly over [`START`] from the clock's origin.
    fn start(&mut self, now: Instant) {
        self.next_start = now + START_STEP;
        let count = self.reported.len() as u128;
        let due = count * u128::from(now.as_nanos()) / START.as_nanos();
        // There are at most 65,000.
        let due = u32::try_from(due.min(count)).unwrap_or(u32::MAX);
        self.queue.extend(self.started..due);
        self.started = self.started.max(due);
    }

    /// Looks for clients that have waited too long.
    fn scan(&mut self, now: Instant) {
        self.next_scan = now + SCAN;
        for index in 0..self.started {
            let Some(member) = self.members.get(index as usize) else { return };
            if now - member.sent_at >= SCAN && member.client.waits(&self.plan) && !member.queued {
                self.repeats += 1;
                self.enqueue(index);
            }
        }
    }

    fn all_started(&self) -> bool {
        self.started as usize == self.members.len()
    }

    fn enqueue(&mut self, index: u32) {
        let Some(member) = self.members.get_mut(index as usize) else { return };
        if !std::mem::replace(&mut member.queued, true) {
            self.queue.push_back(index);
        }
    }
}

impl<C: Client> Machine for Swarm<C> {
    type Event = ();

    fn handle(&mut self, _now: Instant, datagrams: Datagrams<'_>) {
        let Some(index) = datagrams.local.and_then(index_of) else { return };
        for datagram in datagrams.iter() {
            self.on_datagram(index, datagram);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if !self.all_started() && now >= self.next_start {
            self.start(now);
        }
        if now >= self.next_scan {
            self.scan(now);
        }
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let datagram = buffer.first_chunk_mut::<PACKET_LEN>()?;
        let index = self.queue.pop_front()?;
        let member = self.members.get_mut(index as usize)?;
        member.queued = false;
        member.sent_at = now;
        member.client.say(&self.plan, datagram);
        let local = Some(address_of(index));
        Some(Transmit { local, ..Transmit::single(self.server, PACKET_LEN) })
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let next_start = (!self.all_started()).then_some(self.next_start);
        next_start.into_iter().chain([self.next_scan]).min()
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }
}

fn address_of(index: u32) -> IpAddr {
    Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + index).into()
}

fn index_of(address: IpAddr) -> Option<u32> {
    let IpAddr::V4(address) = address else { return None };
    address.to_bits().checked_sub(FIRST_ADDRESS.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_back_to_their_clients() {
        assert_eq!(address_of(0), IpAddr::from([127, 1, 0, 1]));
        assert_eq!(address_of(64_999), IpAddr::from([127, 1, 253, 232]));
        for index in [0, 1, 255, 64_999] {
            assert_eq!(index_of(address_of(index)), Some(index));
        }
        assert_eq!(index_of(Ipv4Addr::LOCALHOST.into()), None);
    }
}
