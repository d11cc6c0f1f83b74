//! [`Path`]: the peer's address, and what happens when it changes (docs/PROTOCOL.md, 9.3).
//! Round-trip times, windows and packet sizes are their owners', who are told when to begin anew.

#[cfg(test)]
mod tests;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use rudp_base::{Instant, SecretRng};
use rudp_wire::packet::Profile;

/// What a challenge says and its response repeats.
pub(crate) type ChallengeBytes = [u8; 8];

/// Challenges to one address (docs/PROTOCOL.md, 9.3.1).
const ROUNDS: usize = 5;
/// Proven addresses that are remembered; the oldest make room.
const MOST_PROVEN: usize = 4;
/// Responses that wait to be sent; the oldest make room.
const MOST_RESPONSES: usize = 8;

/// Where packets go, and from which of the own addresses if that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) remote: SocketAddr,
    pub(crate) local: Option<IpAddr>,
}

/// A datagram that held a packet that opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) from: Address,
    /// The whole datagram's.
    pub(crate) bytes: u64,
    /// Whether the packet has the highest number so far.
    pub(crate) is_highest: bool,
}

/// The session is at another address, which is proven. The sender skips a packet number soon
/// (docs/PROTOCOL.md, 2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Not only the port is another: congestion state, round-trip times, packet size and the
    /// validation of ECN start anew (9.3.2).
    pub(crate) fresh: bool,
}

/// A frame for a small packet of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// `PATH_CHALLENGE`.
    Challenge(ChallengeBytes),
    /// `PATH_RESPONSE`.
    Response(ChallengeBytes),
}

/// An address that is being probed: the one that packets go to.
#[derive(Clone, Debug)]
struct Trial {
    /// Where to go back to, and where the other challenges go. There is none if the session began
    /// at an unproven address (docs/PROTOCOL.md, 5.3.6).
    old: Option<Address>,
    /// What was sent to the new address, round by round.
    challenges: [Option<ChallengeBytes>; ROUNDS],
    round: usize,
    /// Whether the old address's challenge of this round has to be sent.
    old_is_due: bool,
    /// The end of the round. There is none when all are over and there is no way back.
    deadline: Option<Instant>,
    /// Bytes that came from the new address, and that went there.
    received: u64,
    sent: u64,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// A server stays where it is. What a client sends it follows the system's routes, and so leaves
    /// from wherever the system chooses (docs/PROTOCOL.md, 9.3.3 and 9.3.7).
    Server,
    /// Either end of the plain profile stays (3.6), and is answered from where it asked.
    Settled,
    /// A client that may move, and is answered likewise.
    Roaming,
}

/// The state of a session's path.
#[derive(Debug)]
pub(crate) struct Path {
    current: Address,
    /// The last proven one: what congestion state and so on were learnt on.
    learnt_on: SocketAddr,
    /// The way that packets were last proven to take, both ends of it. A client's stays what it was when
    /// the system's routes change: it need not notice, and only sessions from before share a flow then.
    home: Option<Address>,
    /// This side has another socket, to which nothing has come yet: `current` has the old one's
    /// address, and it is not known that packets get there.
    is_rebound: bool,
    peer: Peer,
    trial: Option<Box<Trial>>,
    /// Proven addresses of before, until they are forgotten. The newest is the last.
    proven: Vec<(SocketAddr, Instant)>,
    responses: Vec<(Address, ChallengeBytes)>,
    /// Whether the last packet's challenge, of which one is answered, has been taken.
    is_challenged: bool,
}

impl Path {
    /// A path between two that stay where they are, as in the plain profile (docs/PROTOCOL.md, 3.6).
    pub(crate) fn fixed(peer: Address) -> Self {
        Self {
            current: peer,
            learnt_on: peer.remote,
            home: Some(peer),
            is_rebound: false,
            peer: Peer::Settled,
            trial: None,
            proven: Vec::new(),
            responses: Vec::new(),
            is_challenged: false,
        }
    }

    /// A client's path to its server, which stays where it is (docs/PROTOCOL.md, 9.3.3).
    pub(crate) fn to_server(profile: Profile, server: Address) -> Self {
        match profile {
            Profile::Plain => Self::fixed(server),
            Profile::Sealed => Self { peer: Peer::Server, ..Self::fixed(server) },
        }
    }

    /// A server's path to a client whose address the handshake has proven.
    pub(crate) fn roaming(peer: Address) -> Self {
        Self { peer: Peer::Roaming, ..Self::fixed(peer) }
    }

    /// A server's path to a client whose ACK, a datagram of `bytes`, came from another address than
    /// its SYN (docs/PROTOCOL.md, 5.3.6).
    pub(crate) fn unproven(
        now: Instant,
        probe_timeout: Duration,
        peer: Address,
        bytes: u64,
    ) -> Self {
        let trial = Trial::new(None, now + probe_timeout, bytes);
        Self { home: None, trial: Some(Box::new(trial)), ..Self::roaming(peer) }
    }

    /// Where packets go.
    pub(crate) fn address(&self) -> Address {
        self.leaving(self.current)
    }

    /// An answer's way to where a packet `from` there came from.
    fn leaving(&self, from: Address) -> Address {
        Address { local: from.local.filter(|_| self.peer != Peer::Server), ..from }
    }

    /// The way that packets were last proven to take; none if they never were.
    pub(crate) fn home(&self) -> Option<Address> {
        self.home
    }

    /// Whether it is known that packets get there. Where it is not, they have 1,200 bytes at most.
    pub(crate) fn is_proven(&self) -> bool {
        self.trial.is_none() && !self.is_rebound
    }

    /// This side has another socket (docs/PROTOCOL.md, 9.3.6). It is a client's.
    pub(crate) fn on_rebound(&mut self) {
        debug_assert!(self.peer == Peer::Server, "others stay");
        self.is_rebound = true;
    }

    /// Whether packets from `remote` are looked at. Others are dropped unopened.
    pub(crate) fn accepts(&self, remote: SocketAddr) -> bool {
        self.peer == Peer::Roaming || remote == self.current.remote
    }

    /// How many bytes may be sent to the current address (docs/PROTOCOL.md, 9.3.1).
    pub(crate) fn budget(&self) -> u64 {
        self.trial.as_ref().map_or(u64::MAX, |trial| trial.received.saturating_sub(trial.sent))
    }

    /// `bytes` were sent to the current address; probes are counted where they are made.
    pub(crate) fn on_sent(&mut self, bytes: u64) {
        if let Some(trial) = &mut self.trial {
            trial.sent = trial.sent.saturating_add(bytes);
        }
    }

    /// A packet has opened and its number is new. Call it before its frames are looked at.
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        probe_timeout: impl FnOnce() -> Duration,
        arrival: &Arrival,
    ) -> Option<Moved> {
        self.is_challenged = false;
        let from = arrival.from;
        if from.remote == self.current.remote {
            let left = self.current.local;
            if arrival.is_highest {
                // Answers leave from where the last packet came to.
                self.current.local = from.local;
            }
            if let Some(trial) = &mut self.trial {
                trial.received = trial.received.saturating_add(arrival.bytes);
                // All challenges were lost, and there was no way back: the peer is alive after all.
                if trial.deadline.is_none() {
                    trial.begin(now + probe_timeout());
                }
            }
            let is_found = arrival.is_highest && core::mem::take(&mut self.is_rebound);
            let fresh = left.is_some() && from.local.is_some() && left != from.local;
            return is_found.then(|| {
                self.home = Some(self.current);
                Moved { fresh }
            });
        }
        if arrival.is_highest && self.peer == Peer::Roaming {
            return self.go_to(now, probe_timeout(), arrival);
        }
        None
    }

    fn go_to(&mut self, now: Instant, probe_timeout: Duration, arrival: &Arrival) -> Option<Moved> {
        self.forget(now);
        let Arrival { from, bytes, .. } = *arrival;
        let old = if self.trial.is_some() { self.give_up() } else { Some(self.current) };
        self.current = from;
        if old.is_some_and(|old| old.remote == from.remote) {
            // Back before anything was proven: it had only seemed to move.
            return None;
        }
        if self.proven.iter().any(|(remote, _)| *remote == from.remote) {
            if let Some(old) = old {
                self.remember(old.remote, now, probe_timeout);
            }
            return self.learn(from.remote);
        }
        self.trial = Some(Box::new(Trial::new(old, now + probe_timeout, bytes)));
        None
    }

    /// Ends the trial of the current address without proof, and says where it came from.
    fn give_up(&mut self) -> Option<Address> {
        // What came from there may have been spent on challenges: nothing is owed.
        self.responses.retain(|(to, _)| to.remote != self.current.remote);
        self.trial.take()?.old
    }

    /// The current address is proven.
    fn learn(&mut self, remote: SocketAddr) -> Option<Moved> {
        self.proven.retain(|(proven, _)| *proven != remote);
        self.home = Some(self.current);
        let before = core::mem::replace(&mut self.learnt_on, remote);
        (before != remote).then_some(Moved { fresh: before.ip() != remote.ip() })
    }

    fn remember(&mut self, remote: SocketAddr, now: Instant, probe_timeout: Duration) {
        self.proven.retain(|(proven, _)| *proven != remote);
        if self.proven.len() == MOST_PROVEN {
            self.proven.remove(0);
        }
        self.proven.push((remote, now + 3 * probe_timeout));
    }

    fn forget(&mut self, now: Instant) {
        self.proven.retain(|(_, until)| *until > now);
        if self.proven.is_empty() {
            self.proven = Vec::new();
        }
    }

    /// `PATH_CHALLENGE` came in the last packet of [`on_packet`](Self::on_packet), from `from`. Of
    /// several in one packet the first is answered: more would be larger than their cause.
    pub(crate) fn on_challenge(&mut self, from: Address, bytes: ChallengeBytes) {
        if core::mem::replace(&mut self.is_challenged, true) {
            return;
        }
        if self.responses.len() == MOST_RESPONSES {
            self.responses.remove(0);
        }
        self.responses.push((self.leaving(from), bytes));
    }

    /// `PATH_RESPONSE` came, from whatever address (docs/PROTOCOL.md, 9.3.3).
    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        probe_timeout: Duration,
        bytes: ChallengeBytes,
    ) -> Option<Moved> {
        let trial = self.trial.take_if(|trial| trial.challenges.contains(&Some(bytes)))?;
        self.forget(now);
        if let Some(old) = trial.old {
            self.remember(old.remote, now, probe_timeout);
        }
        self.learn(self.current.remote)
    }

    /// When to call [`on_timeout`](Self::on_timeout).
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.trial.as_ref().and_then(|trial| trial.deadline)
    }

    /// Begins the next round of challenges, or gives the new address up.
    pub(crate) fn on_timeout(&mut self, now: Instant, probe_timeout: Duration) {
        let is_over = |trial: &&mut Box<Trial>| trial.deadline.is_some_and(|at| at <= now);
        let Some(trial) = self.trial.as_mut().filter(is_over) else { return };
        if trial.round + 1 < ROUNDS {
            trial.round += 1;
            trial.old_is_due = trial.old.is_some();
            trial.deadline = Some(now + probe_timeout);
        } else if let Some(old) = trial.old {
            self.give_up();
            self.current = old;
        } else {
            trial.deadline = None;
        }
    }

    /// Whether there may be a [`probe`](Self::poll_probe) to send.
    pub(crate) fn has_probe(&self) -> bool {
        self.trial.is_some() || !self.responses.is_empty()
    }

    /// The next probe, for a packet of `size` bytes of its own, which is sent at once. Call it
    /// before other packets are made, until nothing comes.
    pub(crate) fn poll_probe(
        &mut self,
        size: u64,
        rng: &mut SecretRng,
    ) -> Option<(Address, Probe)> {
        let budget = self.budget();
        let current = self.current;
        if let Some(trial) = &mut self.trial {
            if let Some(old) = trial.old.filter(|_| trial.old_is_due) {
                trial.old_is_due = false;
                // Nobody compares it: what counts is where the answer comes from.
                return Some((old, Probe::Challenge(rng.array())));
            }
            let is_due = trial.deadline.is_some();
            let slot = trial.challenges.get_mut(trial.round);
            if let Some(slot) = slot.filter(|slot| slot.is_none() && is_due && size <= budget) {
                let bytes = *slot.insert(rng.array());
                self.on_sent(size);
                return Some((current, Probe::Challenge(bytes)));
            }
        }
        // An answer to another address is no larger than the packet that asked.
        let may_leave = |to: &Address| to.remote != current.remote || size <= budget;
        let index = self.responses.iter().position(|(to, _)| may_leave(to))?;
        let (to, bytes) = self.responses.remove(index);
        if self.responses.is_empty() {
            self.responses = Vec::new();
        }
        if to.remote == current.remote {
            self.on_sent(size);
        }
        Some((to, Probe::Response(bytes)))
    }
}

impl Trial {
    fn new(old: Option<Address>, deadline: Instant, received: u64) -> Self {
        let mut trial = Self {
            old,
            challenges: [None; ROUNDS],
            round: 0,
            old_is_due: false,
            deadline: None,
            received,
            sent: 0,
        };
        trial.begin(deadline);
        trial
    }

    /// The first round, which ends at `deadline`.
    fn begin(&mut self, deadline: Instant) {
        self.challenges = [None; ROUNDS];
        self.round = 0;
        self.old_is_due = self.old.is_some();
        self.deadline = Some(deadline);
    }
}
