//! [`Beat`]: a session over which a message leaves at every beat, and how long each was on its way.
//! What the network is like, and what is expected of it, is the tests'.

use core::time::Duration;

use bytes::Bytes;
use rudp_base::Instant;
use rudp_proto::config::{Config, EndpointConfig};
use rudp_proto::{Handle, Priority, SendMode, Stats, Target};
use rudp_sim::{LinkConfig, LinkId, Runner, World};

use super::actor::{Actor, Plan};
use super::content::{End, fill, message, message_number};
use super::scene::{Ends, NodeOf, client_address, server_address};

/// What is sent at each beat, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// The time between two messages.
    pub every: Duration,
    /// Bytes of each message, at least 8.
    pub len: usize,
    /// How they are sent.
    pub mode: SendMode,
}

impl Default for Rhythm {
    /// That of the performance lab: 100 bytes each 10 ms, in order.
    fn default() -> Self {
        Self { every: Duration::from_millis(10), len: 100, mode: SendMode::Ordered }
    }
}

/// A client, its session with a server, and the messages that it sends.
#[derive(Debug)]
pub struct Beat {
    /// The network.
    pub world: World,
    /// The link from the client to the server.
    pub there: LinkId,
    /// The link from the server to the client.
    pub back: LinkId,
    client: NodeOf,
    session: Handle,
    server: NodeOf,
    rhythm: Rhythm,
    sent_at: Vec<Instant>,
    /// Bytes written to stream 0.
    written: u64,
}

impl Beat {
    /// Two ends with the same settings and equal links between them. The session begins now; the
    /// client's program follows `plan`, besides.
    ///
    /// # Panics
    /// Where settings are out of range.
    pub fn new(seed: u64, link: LinkConfig, session: Config, rhythm: Rhythm, plan: Plan) -> Self {
        let mut world = World::new(seed);
        world.set_runner(Runner::Ideal);
        world.set_step_budget(u64::MAX);
        // Of 1 GiB no session would get a window for the largest messages.
        let config = EndpointConfig { session, memory: 1 << 36, ..EndpointConfig::default() };
        let ends = Ends { server: config.clone(), client: config, ..Ends::default() };
        let mut server = ends.endpoint(seed, End::Server, "server");
        server.listen();
        let server_key = Some(Ends::key(seed, "server").public_key());
        let reader = Plan { read_size: 64 << 10, ..Plan::default() };
        let server = world.add(server_address(), server, Actor::new(End::Server, reader));
        let client = ends.endpoint(seed, End::Client, "client");
        let client = world.add(client_address(0), client, Actor::new(End::Client, plan));
        let (there, back) = world.connect(client, server, link);
        let session = world.with(client, |now, endpoint, _| {
            let target = Target { server_key, ..Target::default() };
            endpoint.connect(now, server_address(), target).expect("settings in range")
        });
        world.run_for(Duration::from_secs(2));
        let (sent_at, written) = (Vec::new(), 0);
        Self { world, there, back, client, session, server, rhythm, sent_at, written }
    }

    /// Sends `count` more messages, and waits until the last has come.
    ///
    /// # Panics
    /// Where the session is over, or a message does not come within 30 s.
    pub fn play(&mut self, count: usize) {
        for _ in 0..count {
            self.beat();
            self.world.run_for(self.rhythm.every);
        }
        let limit = self.world.now() + Duration::from_secs(30);
        let (server, sent) = (self.server, self.sent_at.len());
        self.world.run_while(limit, |world| world.application(server).log().messages.len() < sent);
        assert_eq!(self.world.application(server).log().messages.len(), sent, "all came");
    }

    fn beat(&mut self) {
        let Rhythm { len, mode, .. } = self.rhythm;
        self.send(len, mode, Priority::Normal);
    }

    /// Sends one message now.
    ///
    /// # Panics
    /// Where the session is over, or has no room.
    pub fn send(&mut self, len: usize, mode: SendMode, priority: Priority) {
        let number = self.sent_at.len() as u64;
        let data = Bytes::from(message(End::Client, number, len));
        let session = self.session;
        let now = self.world.with(self.client, |now, endpoint, _| {
            let mut session = endpoint.session(now, session).expect("it goes on");
            session.send_message_with(data, mode, priority, false).expect("there is room");
            now
        });
        self.sent_at.push(now);
    }

    /// Gives what the client writes to a stream another priority.
    ///
    /// # Panics
    /// Where the session is over, or has no such stream.
    pub fn set_priority(&mut self, stream: u64, priority: Priority) {
        let session = self.session;
        self.world.with(self.client, |now, endpoint, _| {
            let mut session = endpoint.session(now, session).expect("it goes on");
            session.set_priority(stream, priority).expect("it is there");
        });
    }

    /// Writes `len` bytes to stream 0, lets a time pass, and says how many of them the server's
    /// program has read by then. Then a beat passes without a word.
    ///
    /// # Panics
    /// Where the session is over, or has no room.
    pub fn write(&mut self, len: u64, wait: Duration) -> u64 {
        let (session, offset) = (self.session, self.written);
        let mut data = vec![0; usize::try_from(len).expect("small")];
        fill(End::Client, 0, offset, &mut data);
        self.world.with(self.client, |now, endpoint, _| {
            let mut session = endpoint.session(now, session).expect("it goes on");
            assert_eq!(session.write(0, &data), Ok(data.len()));
        });
        self.world.run_for(wait);
        self.written += len;
        let read = self.received().saturating_sub(offset);
        self.world.run_for(self.rhythm.every);
        read
    }

    /// How long each message was on its way, from the program that sent it to the one that reads, in
    /// the order in which they came.
    ///
    /// # Panics
    /// Where one is not as it was sent.
    pub fn latencies(&self) -> Vec<Duration> {
        self.came().map(|(_, latency)| latency).collect()
    }

    /// As [`latencies`](Self::latencies), of the messages of `len` bytes alone.
    ///
    /// # Panics
    /// Where one is not as it was sent.
    pub fn latencies_of(&self, len: usize) -> Vec<Duration> {
        self.came().filter(|came| came.0 == len).map(|(_, latency)| latency).collect()
    }

    /// The lengths of the messages that came, and how long they were on their way.
    fn came(&self) -> impl Iterator<Item = (usize, Duration)> {
        let log = self.world.application(self.server).log();
        log.messages.iter().zip(&log.messages_at).map(|(message, at)| {
            let number = message_number(End::Client, &message.data).expect("as it was sent");
            let number = usize::try_from(number).expect("few messages");
            (message.data.len(), *at - self.sent_at[number])
        })
    }

    /// How long the slowest but `per_mille` thousandths of the messages were on their way.
    pub fn quantile(&self, per_mille: usize) -> Duration {
        quantile(self.latencies(), per_mille)
    }

    /// Bytes of IP that the client and the server have sent since the session was asked for.
    pub fn wire_bytes(&self) -> (u64, u64) {
        let bytes = |link| {
            let stats = self.world.link(link).stats();
            let overhead = self.world.link(link).config().overhead as u64;
            stats.offered_bytes + stats.offered * overhead
        };
        (bytes(self.there), bytes(self.back))
    }

    /// What the client has counted.
    ///
    /// # Panics
    /// Where its session is over.
    pub fn stats(&mut self) -> Stats {
        let session = self.session;
        self.world.with(self.client, |now, endpoint, _| {
            endpoint.session(now, session).expect("it goes on").stats()
        })
    }

    /// Bytes that the server's program has read of stream 0.
    pub fn received(&self) -> u64 {
        self.received_of(0)
    }

    /// As [`received`](Self::received), of any stream.
    pub fn received_of(&self, stream: u64) -> u64 {
        self.world.application(self.server).log().got(stream).bytes
    }
}

/// The slowest but `per_mille` thousandths.
pub fn quantile(mut all: Vec<Duration>, per_mille: usize) -> Duration {
    all.sort_unstable();
    let index = (all.len() * per_mille).div_ceil(1_000).clamp(1, all.len().max(1)) - 1;
    all.get(index).copied().unwrap_or_default()
}
