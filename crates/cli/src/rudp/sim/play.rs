//! [`play`]: flows of the real protocol through one bottleneck, in virtual time.
//! What came of it is put into words by the report, and drawn by the plot.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::AddAssign;
use std::time::Duration;

use rudp::sans_io::{Endpoint, EndpointConfig, Instant, Seed, Target, noise};
use rudp::{Config, Key, Stats};
use rudp_sim::{LinkConfig, LinkId, LinkStats, NodeId, World};

use super::bins::Bins;
use super::watch::{Program, Seen, Watched};
use crate::exit::{Exit, Failure, OrExit};
use crate::rudp::spread::Spread;

/// The longest that time passes before the network is looked at.
const STEP: Duration = Duration::from_millis(10);

/// The most that happens before it is: on fast links much does in [`STEP`], and Ctrl-C waits for it.
const EVENTS: u32 = 50_000;

/// The link is full for the first time when so much of what it can carry arrived in one stretch.
const FULL: f64 = 0.9;

/// The least packets in such a stretch.
const STRETCH_PACKETS: f64 = 100.0;

/// The looks at a stretch.
const LOOKS: u32 = 8;

/// The least time between two of them.
const LEAST_LOOK: Duration = Duration::from_micros(100);

/// What is played.
pub(super) struct Scenario {
    pub(super) seed: u64,
    /// The link that data go through.
    pub(super) data: LinkConfig,
    /// The link of their acknowledgements.
    pub(super) back: LinkConfig,
    pub(super) flows: Vec<Flow>,
    /// It is over then, whatever is left.
    pub(super) limit: Duration,
}

/// A session that sends.
pub(super) struct Flow {
    pub(super) config: Config,
    /// How much; without an end if nothing is said.
    pub(super) bytes: Option<u64>,
    /// When it begins, from the begin of what is played on.
    pub(super) begins: Duration,
    /// Whether it is there for the others' sake: what is played is over without its end.
    pub(super) is_rival: bool,
}

/// What a queue made packets wait, or the sum of many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    pub(super) packets: u64,
    pub(super) sum: Duration,
}

impl AddAssign for Waits {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.sum += other.sum;
    }
}

/// What was seen.
pub(super) struct Played {
    /// How long it took.
    pub(super) time: Duration,
    pub(super) flows: Vec<FlowPlayed>,
    /// The link of the data.
    pub(super) data: LinkStats,
    /// The waits in its queue over time.
    pub(super) queue: Bins<Waits>,
    /// When the link was full for the first time.
    pub(super) full_at: Option<Duration>,
}

/// What was seen of one flow.
pub(super) struct FlowPlayed {
    /// Bytes that the receiver's program has read.
    pub(super) got: u64,
    /// When it had everything.
    pub(super) done_at: Option<Duration>,
    /// When and why the session was over before that.
    pub(super) ended: Option<(Duration, String)>,
    /// The sender's counters.
    pub(super) stats: Stats,
    pub(super) rtt: Spread,
    pub(super) seen: Bins<Seen>,
    /// Bytes that arrived over time, headers of IP and UDP included.
    pub(super) arrived: Bins<u64>,
}

type Node = NodeId<Watched, Program>;

/// A flow that has not begun.
struct Waiting {
    begins: Instant,
    sender: Node,
    server: SocketAddr,
    target: Target,
}

/// Plays `scenario`, and tells now and then which part of it is over; stops if the answer is false.
pub(super) fn play(
    scenario: &Scenario,
    mut go_on: impl FnMut(f64) -> bool,
) -> Result<Played, Failure> {
    let mut world = World::new(scenario.seed);
    world.set_step_budget(u64::MAX);
    let link = world.add_link(scenario.data.clone());
    let mut nodes = Vec::new();
    // In the order in which they begin.
    let mut waiting = VecDeque::new();
    for (number, flow) in (0_u8..).zip(&scenario.flows) {
        let (ends, flow) = add(&mut world, link, scenario, number, flow)?;
        nodes.push(ends);
        waiting.push_back(flow);
    }
    let end = Instant::ZERO + scenario.limit;
    let mut waited = Waits::default();
    let mut queue = Bins::default();
    let mut filling = Filling::new(scenario);
    while world.now() < end && !is_over(&world, scenario, &nodes) {
        let now = world.now();
        while let Some(flow) = waiting.pop_front_if(|flow| flow.begins <= now) {
            begin(&mut world, flow)?;
        }
        let next = waiting.front().map_or(end, |flow| flow.begins);
        run(&mut world, filling.due().min(now + STEP).min(next).min(end), |world| {
            is_over(world, scenario, &nodes)
        });
        let stats = world.link(link).stats();
        let packets = stats.queued - waited.packets;
        let sum = stats.queue_delay_sum.saturating_sub(waited.sum);
        waited += Waits { packets, sum };
        queue.add(now, Waits { packets, sum });
        let total = nodes.iter().map(|(_, receiver)| world.machine(*receiver).total).sum();
        filling.look(world.now(), total);
        if !go_on((world.now() - Instant::ZERO).div_duration_f64(scenario.limit)) {
            return Err(Failure::message(Exit::Interrupted, "interrupted"));
        }
    }
    if !waiting.is_empty() {
        // Of all flows only a rival is not waited for.
        let over = world.now() - Instant::ZERO;
        let message = format!("all is over after {over:?}, before the flow of --vs begins");
        return Err(Failure::message(Exit::Usage, message));
    }
    Ok(played(&world, link, &nodes, queue, filling.full_at))
}

/// Lets time pass until `until`, but for no more than so many events, and not beyond the end.
fn run(world: &mut World, until: Instant, is_over: impl Fn(&World) -> bool) {
    let mut left = EVENTS;
    let go_on = |world: &World| {
        left -= 1;
        left > 0 && !is_over(world)
    };
    if !world.run_while(until, go_on) {
        // Nothing happens until then.
        world.run_until(until);
    }
}

/// Whether every flow that is not endless has arrived, or will not any more.
fn is_over(world: &World, scenario: &Scenario, nodes: &[(Node, Node)]) -> bool {
    let mut flows = scenario.flows.iter().zip(nodes).filter(|(flow, _)| !flow.is_rival);
    flows.all(|(_, (sender, receiver))| {
        let (sender, receiver) = (world.application(*sender), world.application(*receiver));
        receiver.done_at.is_some() || sender.ended.is_some()
    })
}

/// Adds both ends of a flow, and gives what it begins with.
fn add(
    world: &mut World,
    link: LinkId,
    scenario: &Scenario,
    number: u8,
    flow: &Flow,
) -> Result<((Node, Node), Waiting), Failure> {
    let seed = Seed::from_u64(scenario.seed).fork(&format!("flow {number}"));
    // A key that anybody can compute is no key, but nobody but us is here.
    let key = Key::from_bytes(seed.secret_stream("key").array());
    let config = EndpointConfig { session: flow.config.clone(), ..EndpointConfig::default() };
    let endpoint = |key: Option<&Key>, name: &str| {
        let endpoint = Endpoint::new(config.clone(), noise(key, None), &seed.fork(name));
        endpoint.or_exit(Exit::Usage, || "the settings do not fit".into())
    };
    let mut receiver = endpoint(Some(&key), "receiver")?;
    receiver.listen();
    let sender = endpoint(None, "sender")?;
    let address = |net: u8| SocketAddr::from((Ipv4Addr::new(10, net, 0, number), 7_777));
    let overhead = scenario.data.overhead;
    let receiver = world.add(address(1), Watched::new(receiver, overhead), Program::receiver());
    let sender = world.add(address(0), Watched::new(sender, overhead), Program::sender(flow.bytes));
    // The ways back are apart, so that acknowledgements of many flows do not fill one.
    let back = world.add_link(scenario.back.clone());
    world.route(sender, receiver, link);
    world.route(receiver, sender, back);
    let target = Target { server_key: Some(key.public_key().into()), ..Target::default() };
    let begins = Instant::ZERO + flow.begins;
    Ok(((sender, receiver), Waiting { begins, sender, server: address(1), target }))
}

/// A flow begins now.
fn begin(world: &mut World, flow: Waiting) -> Result<(), Failure> {
    let Waiting { sender, server, target, .. } = flow;
    world
        .with(sender, |now, machine, _| machine.endpoint.connect(now, server, target))
        .or_exit(Exit::Other, || "cannot begin a session".into())?;
    Ok(())
}

fn played(
    world: &World,
    link: LinkId,
    nodes: &[(Node, Node)],
    queue: Bins<Waits>,
    full_at: Option<Duration>,
) -> Played {
    let since = |at: Instant| at - Instant::ZERO;
    let flows = nodes.iter().map(|(sender, receiver)| {
        let (program, reader) = (world.application(*sender), world.application(*receiver));
        let (sender, receiver) = (world.machine(*sender), world.machine(*receiver));
        FlowPlayed {
            got: reader.got,
            done_at: reader.done_at.map(since),
            ended: program.ended.clone().map(|(at, why)| (since(at), why)),
            stats: sender.stats,
            rtt: sender.rtt.clone(),
            seen: sender.seen.clone(),
            arrived: receiver.arrived.clone(),
        }
    });
    let data = *world.link(link).stats();
    Played { time: since(world.now()), flows: flows.collect(), data, queue, full_at }
}

/// Finds out when the link is full for the first time.
struct Filling {
    /// Bytes that have to arrive in a stretch.
    enough: f64,
    /// The time between two looks.
    interval: Duration,
    /// When the next look is due.
    due: Instant,
    /// How much had arrived at each of the last looks.
    looks: VecDeque<u64>,
    full_at: Option<Duration>,
}

impl Filling {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn new(scenario: &Scenario) -> Self {
        let data = &scenario.data;
        let rate = data.rate.unwrap_or(u64::MAX) as f64 / 8.0;
        let packets = STRETCH_PACKETS * data.mtu.unwrap_or(1_500) as f64 / rate;
        let rtt = data.delay + scenario.back.delay;
        let stretch = rtt.max(Duration::try_from_secs_f64(packets).unwrap_or(Duration::MAX));
        let stretch = stretch.max(LEAST_LOOK * LOOKS);
        let interval = stretch / LOOKS;
        Self {
            enough: FULL * rate * (1.0 - data.mean_loss()) * stretch.as_secs_f64(),
            interval,
            due: Instant::ZERO + interval,
            looks: VecDeque::new(),
            full_at: None,
        }
    }

    /// When the next look is due: never any more once the link was full.
    fn due(&self) -> Instant {
        if self.full_at.is_some() { Instant::MAX } else { self.due }
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
    fn look(&mut self, now: Instant, arrived: u64) {
        if now < self.due() {
            return;
        }
        self.due += self.interval;
        self.looks.push_back(arrived);
        if self.looks.len() > LOOKS as usize {
            let before = self.looks.pop_front().unwrap_or_default();
            // A link that can carry nothing is never full.
            if arrived > before && (arrived - before) as f64 >= self.enough {
                self.full_at = Some(now - Instant::ZERO);
            }
        }
    }
}
