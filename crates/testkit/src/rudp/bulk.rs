//! [`Bulk`]: flows that send as much as they may over one bottleneck, and what became of them.
//! Which controllers they have, and what is expected of them, is the tests'.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use rudp_base::Instant;
use rudp_proto::config::{Config, Congestion, EndpointConfig, MIN_PACKET_SIZE};
use rudp_proto::{Handle, Stats, Target};
use rudp_sim::{Link, LinkConfig, LinkId, LinkStats, Runner, World};

use super::actor::{Actor, Plan};
use super::content::End;
use super::scene::{Ends, NodeOf};

/// More than any flow sends.
const ENDLESS: u64 = 1 << 50;
/// The part of the bytes of IP that bulk data are expected to have.
const PAYLOAD: f64 = 0.955;

/// A client, its session, and its server.
#[derive(Clone, Copy, Debug)]
struct Flow {
    client: NodeOf,
    session: Handle,
    server: NodeOf,
    back: LinkId,
}

/// Flows from clients to servers of their own, through one link. The ways back are apart.
#[derive(Debug)]
pub struct Bulk {
    /// The network.
    pub world: World,
    /// The link that all data go through.
    pub bottleneck: LinkId,
    back: LinkConfig,
    flows: Vec<Flow>,
}

impl Bulk {
    /// A bottleneck without flows, and what the ways back are like.
    pub fn new(seed: u64, bottleneck: LinkConfig, back: LinkConfig) -> Self {
        let mut world = World::new(seed);
        world.set_runner(Runner::Ideal);
        world.set_step_budget(u64::MAX);
        let bottleneck = world.add_link(bottleneck);
        Self { world, bottleneck, back, flows: Vec::new() }
    }

    /// The usual bottleneck: `rate` in bits per second, a queue of `bdps` times what is on the way
    /// in `rtt`, and a loss of `loss` on both ways.
    pub fn path(seed: u64, rate: u64, rtt: Duration, bdps: f64, loss: f64) -> Self {
        let link = LinkConfig { loss, ..LinkConfig::delay(rtt / 2) }.rate(rate);
        Self::new(seed, link.clone().queue_bdp(bdps, rtt), link)
    }

    /// Adds a flow with default settings but for its controller and packets of 1,200 bytes, which
    /// begins now, and gives its number.
    ///
    /// # Panics
    /// Where there are too many.
    pub fn add(&mut self, congestion: Congestion) -> usize {
        let packet_size = Some(MIN_PACKET_SIZE);
        self.add_with(Config { congestion, packet_size, ..Config::default() })
    }

    /// Adds a flow with these settings at both ends.
    ///
    /// # Panics
    /// Where there are too many, or settings are out of range.
    pub fn add_with(&mut self, session: Config) -> usize {
        let number = self.flows.len();
        let place = u8::try_from(number).expect("few flows");
        let config = EndpointConfig { session, ..EndpointConfig::default() };
        let ends = Ends { server: config.clone(), client: config, ..Ends::default() };
        let seed = self.world.seed();
        let (name, address) = (format!("server {number}"), address(10, place));
        let mut server = ends.endpoint(seed, End::Server, &name);
        server.listen();
        let server_key = Some(Ends::key(seed, &name).public_key());
        let reader = Plan { read_size: 64 << 10, ..Plan::default() };
        let server = self.world.add(address, server, Actor::new(End::Server, reader));
        let client = ends.endpoint(seed, End::Client, &format!("client {number}"));
        let writer = Plan { bytes: ENDLESS, ..Plan::default() };
        let actor = Actor::new(End::Client, writer);
        let client = self.world.add(self::address(11, place), client, actor);
        let back = self.world.add_link(self.back.clone());
        self.world.route(client, server, self.bottleneck);
        self.world.route(server, client, back);
        let session = self.world.with(client, |now, endpoint, _| {
            let target = Target { server_key, ..Target::default() };
            endpoint.connect(now, address, target).expect("settings in range")
        });
        self.flows.push(Flow { client, session, server, back });
        number
    }

    /// Adds a session between the client and the server of flow `number`, which sends as well from now on.
    ///
    /// # Panics
    /// Where there is no such flow.
    pub fn add_session(&mut self, number: usize) {
        let place = u8::try_from(number).expect("few flows");
        let key = Ends::key(self.world.seed(), &format!("server {number}"));
        let target = Target { server_key: Some(key.public_key()), ..Target::default() };
        self.world.with(self.flows[number].client, |now, endpoint, _| {
            endpoint.connect(now, address(10, place), target).expect("settings in range");
        });
    }

    /// How many flows there are.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.world.run_for(time);
    }

    /// Bytes that the reader of flow `number` has.
    pub fn received(&self, number: usize) -> u64 {
        let logs = &self.world.application(self.flows[number].server).logs;
        logs.values().map(|log| log.got(0).bytes).sum()
    }

    /// What the sender of flow `number` has counted.
    ///
    /// # Panics
    /// Where its session is over.
    pub fn stats(&mut self, number: usize) -> Stats {
        let Flow { client, session, .. } = self.flows[number];
        self.world.with(client, |now, endpoint, _| {
            endpoint.session(now, session).expect("it goes on").stats()
        })
    }

    /// What the bottleneck has counted.
    pub fn link(&self) -> LinkStats {
        *self.world.link(self.bottleneck).stats()
    }

    /// What the way back of flow `number` has counted.
    pub fn back_stats(&self, number: usize) -> LinkStats {
        *self.world.link(self.flows[number].back).stats()
    }

    /// Changes the bottleneck.
    pub fn link_mut(&mut self) -> &mut LinkConfig {
        self.world.link_mut(self.bottleneck).config_mut()
    }

    /// Changes the way back of flow `number`.
    pub fn back_mut(&mut self, number: usize) -> &mut LinkConfig {
        self.world.link_mut(self.flows[number].back).config_mut()
    }

    /// Makes both ways of all flows take `rtt` together, half of it each, from now on.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.each_link(|link| link.config_mut().delay = rtt / 2);
    }

    /// Cuts both ways of all flows, or heals them. What is on its way arrives.
    pub fn set_cut(&mut self, is_cut: bool) {
        self.each_link(|link| link.set_partitioned(is_cut));
    }

    fn each_link(&mut self, mut change: impl FnMut(&mut Link)) {
        change(self.world.link_mut(self.bottleneck));
        for flow in &self.flows {
            change(self.world.link_mut(flow.back));
        }
    }

    /// The longest time in the next `time` in which the reader of flow 0 got nothing, to `step`.
    pub fn longest_pause(&mut self, time: Duration, step: Duration) -> Duration {
        let (mut longest, mut pause, mut before) =
            (Duration::ZERO, Duration::ZERO, self.received(0));
        let end = self.world.now() + time;
        while self.world.now() < end {
            self.run_for(step);
            let received = self.received(0);
            pause = if received > before { Duration::ZERO } else { pause + step };
            longest = longest.max(pause);
            before = received;
        }
        longest
    }

    /// Bits per second that the reader of flow 0 gets in the next `time`.
    #[expect(clippy::cast_precision_loss, reason = "numbers of bytes that a simulation reaches")]
    pub fn rate(&mut self, time: Duration) -> f64 {
        let before = self.received(0);
        self.run_for(time);
        (self.received(0) - before) as f64 * 8.0 / time.as_secs_f64()
    }

    /// Bytes of all readers since the beginning, as a part of what the bottleneck could have carried
    /// with its loss.
    pub fn share(&self) -> f64 {
        self.share_since(Instant::ZERO, 0)
    }

    /// As [`share`](Self::share), since `begin`, when the readers had `before` bytes.
    #[expect(clippy::cast_precision_loss, reason = "numbers of bytes that a simulation reaches")]
    pub fn share_since(&self, begin: Instant, before: u64) -> f64 {
        let config = self.world.link(self.bottleneck).config();
        let (rate, loss) = (config.rate.unwrap_or(0) as f64 / 8.0, config.loss);
        let seconds = (self.world.now() - begin).as_secs_f64();
        let received: u64 = (0..self.flows.len()).map(|number| self.received(number)).sum();
        (received - before) as f64 / (rate * (1.0 - loss) * PAYLOAD * seconds)
    }

    /// Packets sent beyond what the loss required, as a part of what is allowed: 0.5 % of all, and
    /// 15 % of the retransmissions that it required.
    #[expect(clippy::cast_precision_loss, reason = "numbers of packets that a simulation reaches")]
    pub fn waste(&mut self) -> f64 {
        let link = self.link();
        let all = (0..self.flows.len()).map(|number| self.stats(number));
        let again: u64 = all.map(|stats| stats.packets_lost + 2 * stats.probe_timeouts).sum();
        let allowed = 0.005 * link.offered as f64 + 0.15 * link.dropped_loss as f64;
        again.saturating_sub(link.dropped_loss) as f64 / allowed.max(1.0)
    }
}

fn address(net: u8, place: u8) -> SocketAddr {
    (Ipv4Addr::new(net, 0, 0, place + 1), 7_000).into()
}
