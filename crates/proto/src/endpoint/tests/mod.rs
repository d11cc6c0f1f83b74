//! Two endpoints with a short way between them: how sessions end, and what the parts of a
//! connection have to know of each other.

mod bursts;
mod crowd;
mod ending;
mod flows;
mod joined;
mod packets;
mod patience;
mod rest;
mod sizes;
mod stray_resets;
mod worn_keys;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use rudp_base::{Datagrams, Ecn, Instant, Machine as _, Seed, TRANSMIT_BUFFER};

use super::slot::Stage;
use super::{Endpoint, Session, Target};
use crate::config::EndpointConfig;
use crate::connection::Connection;
use crate::event::{EventKind, Handle};
use crate::toy::Toy;

pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;
/// How long each datagram takes.
pub(super) const DELAY: Duration = Duration::from_millis(10);
/// No test needs more turns.
const MOST_TURNS: usize = 200_000;

/// A datagram on its way.
struct Flying {
    at: Instant,
    to: usize,
    ecn: Option<Ecn>,
    bytes: Vec<u8>,
}

/// A client, a server, and one session.
pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) ends: [Endpoint; 2],
    pub(super) handles: [Option<Handle>; 2],
    pub(super) events: [Vec<EventKind>; 2],
    /// Datagrams to this end are lost.
    pub(super) is_cut: [bool; 2],
    /// So are those for this id.
    pub(super) cut_id: Option<Vec<u8>>,
    /// Where datagrams of each end come from.
    pub(super) from: [SocketAddr; 2],
    /// The lengths of what each end sent.
    pub(super) sent: [Vec<usize>; 2],
    flying: VecDeque<Flying>,
    buffer: Vec<u8>,
}

pub(super) fn address(end: usize) -> SocketAddr {
    let host = u8::try_from(end).unwrap() + 1;
    SocketAddr::from(([10, 0, 0, host], 7_000))
}

/// A server, or a client.
pub(super) fn endpoint(end: usize, config: &EndpointConfig) -> Endpoint {
    let crypto = if end == SERVER { Toy::sealed().with_key(1) } else { Toy::sealed() };
    let config = EndpointConfig { reset_key: Some([9; 32]), ..config.clone() };
    let seed = Seed::from_u64(end as u64);
    let mut endpoint = Endpoint::new(config, Arc::new(crypto), &seed).unwrap();
    if end == SERVER {
        endpoint.listen();
    }
    endpoint
}

impl Pair {
    /// Both ends know of the session, and have nothing to say.
    pub(super) fn open(client: &EndpointConfig, server: &EndpointConfig) -> Self {
        let mut pair = Self::new(client, server);
        pair.run_for(DELAY * 8);
        assert!(pair.handles[SERVER].is_some());
        pair
    }

    /// The client asks for a session.
    pub(super) fn new(client: &EndpointConfig, server: &EndpointConfig) -> Self {
        let mut pair = Self {
            now: Instant::ZERO + DELAY,
            ends: [endpoint(CLIENT, client), endpoint(SERVER, server)],
            handles: [None; 2],
            events: [Vec::new(), Vec::new()],
            is_cut: [false; 2],
            cut_id: None,
            from: [address(CLIENT), address(SERVER)],
            sent: [Vec::new(), Vec::new()],
            flying: VecDeque::new(),
            buffer: vec![0; TRANSMIT_BUFFER],
        };
        let target = Target { server_key: Some(Toy::key(1)), ..Target::default() };
        let handle = pair.ends[CLIENT].connect(pair.now, address(SERVER), target).unwrap();
        pair.handles[CLIENT] = Some(handle);
        pair
    }

    pub(super) fn session(&mut self, end: usize) -> Session<'_> {
        self.ends[end].session(self.now, self.handles[end].unwrap()).unwrap()
    }

    pub(super) fn connection(&mut self, end: usize) -> &mut Connection {
        let index = self.handles[end].unwrap().index as usize;
        match &mut self.ends[end].slots[index].stage {
            Stage::Live(connection) => connection,
            _ => panic!("no session"),
        }
    }

    /// Takes all that both ends want to say.
    pub(super) fn drain(&mut self) {
        for end in [CLIENT, SERVER] {
            loop {
                while let Some(event) = self.ends[end].poll_event() {
                    self.events[end].push(event.kind);
                    if event.kind == EventKind::Incoming {
                        self.handles[end] = self.ends[end].accept();
                    }
                }
                let Some(transmit) = self.ends[end].poll_transmit(self.now, &mut self.buffer)
                else {
                    break;
                };
                for bytes in self.buffer[..transmit.len].chunks(transmit.stride) {
                    self.sent[end].push(bytes.len());
                    let (at, to, ecn) = (self.now + DELAY, 1 - end, transmit.ecn);
                    self.flying.push_back(Flying { at, to, ecn, bytes: bytes.to_vec() });
                }
            }
        }
    }

    /// Drains, and goes on to what happens next, which is not later than `limit`. Says whether there
    /// was something.
    pub(super) fn step(&mut self, limit: Instant) -> bool {
        self.drain();
        let arrival = self.flying.front().map(|flying| flying.at);
        let timers = self.ends.iter_mut().filter_map(Endpoint::poll_timeout);
        let Some(next) = timers.chain(arrival).min().filter(|next| *next <= limit) else {
            self.now = limit;
            return false;
        };
        self.now = self.now.max(next);
        while let Some(mut flying) = self.flying.pop_front_if(|flying| flying.at <= self.now) {
            let is_cut =
                self.cut_id.as_deref().is_some_and(|id| flying.bytes.get(1..9) == Some(id));
            if self.is_cut[flying.to] || is_cut {
                continue;
            }
            let mut datagrams = Datagrams::single(self.from[1 - flying.to], &mut flying.bytes);
            datagrams.ecn = flying.ecn;
            self.ends[flying.to].handle(self.now, datagrams);
        }
        for end in &mut self.ends {
            end.handle_timeout(self.now);
        }
        true
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let limit = self.now + time;
        for _ in 0..MOST_TURNS {
            if !self.step(limit) {
                return;
            }
        }
        panic!("a machine does not come to rest");
    }

    /// Whether the last datagram on its way has ECT(0).
    pub(super) fn is_last_marked(&self) -> bool {
        self.flying.back().is_some_and(|flying| flying.ecn == Some(Ecn::Ect0))
    }

    /// Which of the datagrams on their way to this end have ECT(0).
    pub(super) fn marks(&self, to: usize) -> Vec<bool> {
        let flying = self.flying.iter().filter(|flying| flying.to == to);
        flying.map(|flying| flying.ecn == Some(Ecn::Ect0)).collect()
    }

    /// What is on its way gets lost.
    pub(super) fn lose_flying(&mut self) {
        self.drain();
        self.flying.clear();
    }
}
