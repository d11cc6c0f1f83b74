//! [`Carrier`]: receives the datagrams of clients and server, and sends each when the link would have
//! brought it. What the link is like is the simulator's; one thread does it all.

use std::io;
use std::time::Duration;

use rudp_base::{Datagrams, Instant, Seed, Transmit};
use rudp_net::{Clock, ReceiveBuffers, Socket};
use rudp_sim::{LinkStats, Profile as Line, Transit, Way};

use super::clients::{Client, Clients};
use super::ready::Ready;
use crate::rudp::spread::Spread;

/// Bytes of packets on their way: 600 ms at 2 Gbit/s.
const MEMORY: usize = 256 << 20;

/// The most calls to receive from one socket until due packets are sent, and the next socket has its
/// turn.
const CALLS: usize = 4;

/// The number of the socket where clients send to; clients' numbers begin at 0.
const LISTENER: u64 = u64::MAX;

/// How often idle clients are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Carries datagrams through a link each way.
pub(super) struct Carrier {
    clock: Clock,
    /// Where clients send to.
    socket: Socket,
    clients: Clients,
    /// Of which sockets there is something to receive.
    ready: Ready,
    /// With the number of the client whose packet it is.
    transit: Transit<u64>,
    buffers: ReceiveBuffers,
    /// How late packets left, measured against when they were to.
    lateness: Spread,
    /// Packets that the system did not take, or whose client was forgotten.
    unsent: u64,
    /// Datagrams for clients that are not from the server.
    foreign: u64,
    swept: Instant,
}

impl Carrier {
    /// # Errors
    /// The system's, where it cannot watch sockets.
    pub(super) fn new(
        socket: Socket,
        clients: Clients,
        line: Line,
        seed: &Seed,
    ) -> io::Result<Self> {
        sharpen_timers();
        let ready = Ready::new()?;
        ready.watch(LISTENER, &socket)?;
        Ok(Self {
            clock: Clock::new(),
            socket,
            clients,
            ready,
            transit: Transit::new(line.up, line.down, MEMORY, seed),
            buffers: ReceiveBuffers::new(),
            lateness: Spread::default(),
            unsent: 0,
            foreign: 0,
            swept: Instant::ZERO,
        })
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
            let sockets = self.clients.iter().map(|(number, client)| (number, &client.socket));
            self.ready.wait(sockets.chain([(LISTENER, &self.socket)]), until - now)?;
            while let Some(number) = self.ready.next() {
                if number == LISTENER {
                    self.receive_from_clients();
                } else {
                    self.receive_from_server(number);
                }
                self.send_due();
            }
        }
    }

    fn receive_from_clients(&mut self) {
        let Self { clock, socket, clients, ready, transit, buffers, .. } = self;
        for _ in 0..CALLS {
            if socket.receive(buffers).is_err() {
                return;
            }
            let now = clock.now();
            for batch in buffers.batches() {
                if let Some(number) = clients.came(now, batch.remote, batch.local, ready) {
                    clients.departed(number, offer(transit, now, Way::Up, number, batch));
                }
            }
            if !buffers.is_full() {
                return;
            }
        }
    }

    fn receive_from_server(&mut self, number: u64) {
        let Self { clock, clients, transit, buffers, foreign, .. } = self;
        for _ in 0..CALLS {
            let Some(client) = clients.get(number) else { return };
            if client.socket.receive(buffers).is_err() {
                return;
            }
            let now = clock.now();
            for batch in buffers.batches() {
                if batch.remote != clients.server() {
                    // Nobody else has anything to say here.
                    *foreign += batch.count() as u64;
                    continue;
                }
                clients.answered(now, number);
                clients.departed(number, offer(transit, now, Way::Down, number, batch));
            }
            if !buffers.is_full() {
                return;
            }
        }
    }

    /// Sends what has arrived by now.
    fn send_due(&mut self) {
        let Self { clock, socket, clients, transit, lateness, unsent, .. } = self;
        let server = clients.server();
        let mut now = clock.now();
        loop {
            while let Some(arrival) = transit.take(now) {
                let Some(client) = clients.arrived(now, *arrival.note) else {
                    *unsent += 1;
                    continue;
                };
                let Client { address, local, socket: theirs, .. } = client;
                let len = arrival.bytes.len();
                let (from, transmit) = match arrival.way {
                    Way::Up => (theirs, Transmit::single(server, len)),
                    Way::Down => {
                        (&*socket, Transmit { local: *local, ..Transmit::single(*address, len) })
                    }
                };
                let transmit = Transmit { ecn: arrival.ecn, ..transmit };
                lateness.add(now - arrival.at);
                // A packet that cannot be sent is lost, as anything may be.
                *unsent += u64::from(from.send(&transmit, arrival.bytes, &mut 0).is_err());
            }
            now = clock.now();
            // Sending takes time, in which more has become due.
            if transit.next_arrival().is_none_or(|at| at > now) {
                return;
            }
        }
    }

    /// What a link has counted, without what it let pass and was lost here for want of memory.
    pub(super) fn stats(&self, way: Way) -> LinkStats {
        self.transit.stats(way)
    }

    pub(super) fn clients(&self) -> &Clients {
        &self.clients
    }

    pub(super) fn lateness(&self) -> &Spread {
        &self.lateness
    }

    /// Datagrams that came for clients, and not from the server.
    pub(super) fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Packets that were lost here and not by the link: the system took them not, there was no
    /// memory for more, or their client had made room for another.
    pub(super) fn lost_here(&self) -> u64 {
        self.unsent + self.transit.crowded_out()
    }
}

/// Offers a batch to the link, and tells how many packets of it are on their way now.
fn offer(
    transit: &mut Transit<u64>,
    now: Instant,
    way: Way,
    number: u64,
    mut batch: Datagrams<'_>,
) -> u32 {
    let ecn = batch.ecn;
    batch.iter_mut().map(|datagram| transit.offer(now, way, number, datagram, ecn)).sum()
}

/// By default Linux may add 50 us to each wait, so that wake-ups fall together.
fn sharpen_timers() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
        tracing::debug!(%error, "timers stay as coarse as they are");
    }
}
