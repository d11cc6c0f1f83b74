//! [`Carrier`]: receives the datagrams of clients and server, and sends each when the link would have
//! brought it. What the link is like is the simulator's; one thread does it all.

use std::io;
use std::time::Duration;

use rudp_base::{Datagrams, Instant, Seed, Transmit};
use rudp_net::{Clock, ReceiveBuffers, Socket};
use rudp_sim::{LinkStats, Profile as Line, Transit, Way};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::clients::{Client, Clients};
use crate::rudp::spread::Spread;

/// Bytes of packets on their way: 600 ms at 2 Gbit/s.
const MEMORY: usize = 256 << 20;

/// Batches of one socket until the next has its turn, and due packets are sent.
const CALLS: usize = 4;

/// How often idle clients are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Carries datagrams through a link each way.
pub(super) struct Carrier {
    clock: Clock,
    /// Where clients send to.
    socket: Socket,
    clients: Clients,
    /// With the number of the client whose packet it is.
    transit: Transit<u64>,
    buffers: ReceiveBuffers,
    /// How late packets left, measured against when they were to.
    lateness: Spread,
    /// What the system took no more of.
    unsent: u64,
    swept: Instant,
}

impl Carrier {
    pub(super) fn new(socket: Socket, clients: Clients, line: Line, seed: &Seed) -> Self {
        sharpen_timers();
        Self {
            clock: Clock::new(),
            socket,
            clients,
            transit: Transit::new(line.up, line.down, MEMORY, seed),
            buffers: ReceiveBuffers::new(),
            lateness: Spread::default(),
            unsent: 0,
            swept: Instant::ZERO,
        }
    }

    /// Carries what there is for so long.
    ///
    /// # Errors
    /// The system's, where it cannot wait.
    pub(super) fn carry(&mut self, time: Duration) -> io::Result<()> {
        let end = self.clock.now() + time;
        loop {
            self.send_due();
            let now = self.clock.now();
            if now >= end {
                return Ok(());
            }
            if now >= self.swept + SWEEP {
                self.swept = now;
                self.clients.forget_idle(now);
            }
            let until = self.transit.next_arrival().map_or(end, |at| at.min(end));
            let ready = self.wait(until - now)?;
            if ready.0 {
                self.receive_from_clients();
            }
            for number in ready.1 {
                self.receive_from_server(number);
            }
        }
    }

    /// Waits for datagrams, for so long at most. Tells whether there are some of clients, and for
    /// which clients.
    fn wait(&self, time: Duration) -> io::Result<(bool, Vec<u64>)> {
        let mut files = vec![PollFd::new(&self.socket, PollFlags::IN)];
        files.extend(self.clients.iter().map(|(_, c)| PollFd::new(&c.socket, PollFlags::IN)));
        let timeout = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        match poll(&mut files, Some(&timeout)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok((false, Vec::new())),
            Err(error) => return Err(error.into()),
        }
        // Errors are news of earlier datagrams, and receiving takes them off.
        let mut ready = files.iter().map(|file| !file.revents().is_empty());
        let clients_ready = ready.next().unwrap_or(false);
        let numbers = self.clients.iter().zip(ready).filter(|(_, ready)| *ready);
        Ok((clients_ready, numbers.map(|((number, _), _)| number).collect()))
    }

    fn receive_from_clients(&mut self) {
        let Self { clock, socket, clients, transit, buffers, .. } = self;
        for _ in 0..CALLS {
            if socket.receive(buffers).is_err() {
                return;
            }
            let now = clock.now();
            for batch in buffers.batches() {
                if let Some(number) = clients.came(now, batch.remote, batch.local) {
                    offer(transit, now, Way::Up, number, batch);
                }
            }
            if !buffers.is_full() {
                return;
            }
        }
    }

    fn receive_from_server(&mut self, number: u64) {
        let Self { clock, clients, transit, buffers, .. } = self;
        for _ in 0..CALLS {
            let Some(client) = clients.get(number) else { return };
            if client.socket.receive(buffers).is_err() {
                return;
            }
            let now = clock.now();
            // Nobody else has anything to say here.
            let server = clients.server();
            for batch in buffers.batches().filter(|batch| batch.remote == server) {
                clients.answered(now, number);
                offer(transit, now, Way::Down, number, batch);
            }
            if !buffers.is_full() {
                return;
            }
        }
    }

    /// Sends what has arrived by now.
    fn send_due(&mut self) {
        let Self { clock, socket, clients, transit, lateness, unsent, .. } = self;
        let mut now = clock.now();
        loop {
            while let Some(arrival) = transit.take(now) {
                let Some(client) = clients.get(*arrival.note) else { continue };
                let Client { address, local, socket: theirs, .. } = client;
                let len = arrival.bytes.len();
                let (from, transmit) = match arrival.way {
                    Way::Up => (theirs, Transmit::single(clients.server(), len)),
                    Way::Down => {
                        (&*socket, Transmit { local: *local, ..Transmit::single(*address, len) })
                    }
                };
                let transmit = Transmit { ecn: arrival.ecn, ..transmit };
                lateness.add(now - arrival.at);
                // A packet that cannot be sent is lost, as anything may be.
                *unsent += u64::from(from.send(&transmit, arrival.bytes, &mut 0).is_err());
            }
            let before = now;
            now = clock.now();
            // Sending takes time, in which more has become due.
            if transit.next_arrival().is_none_or(|at| at > now) || now == before {
                return;
            }
        }
    }

    pub(super) fn stats(&self, way: Way) -> &LinkStats {
        self.transit.link(way).stats()
    }

    pub(super) fn clients(&self) -> &Clients {
        &self.clients
    }

    pub(super) fn lateness(&self) -> &Spread {
        &self.lateness
    }

    /// Packets that were lost here and not by the link: the system took them not, or there was no
    /// memory for more.
    pub(super) fn lost_here(&self) -> u64 {
        self.unsent + self.transit.crowded_out()
    }
}

fn offer(
    transit: &mut Transit<u64>,
    now: Instant,
    way: Way,
    number: u64,
    mut batch: Datagrams<'_>,
) {
    let ecn = batch.ecn;
    for datagram in batch.iter_mut() {
        transit.offer(now, way, number, datagram, ecn);
    }
}

/// By default Linux may add 50 us to each wait, so that wake-ups fall together.
fn sharpen_timers() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
        tracing::debug!(%error, "timers stay as coarse as they are");
    }
}
