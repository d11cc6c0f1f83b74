//! [`World`]: nodes with their addresses, and the links between them.
//! How time passes has a file of its own; what happens to packets on their way is the network's.

mod address;
mod run;

use core::any::Any;
use core::fmt;
use core::net::SocketAddr;
use core::task::Waker;

use rudp_base::{Application, Instant, Machine, Seed, TRANSMIT_BUFFER, Transmit};

use self::address::Address;
use crate::events::Event;
use crate::network::Network;
use crate::node::{AnyNode, Endpoint, Node};
use crate::poison::Poison;
use crate::runner::Rough;
use crate::seed::tell_if_panicking;
use crate::{Link, LinkConfig, LinkId, NodeId, Runner, Script, Trace, What};

const DEFAULT_STEP_BUDGET: u64 = 50_000_000;

/// A network of machines in virtual time.
///
/// Everything in it follows from the seed and the calls made. Machines that break their law make it
/// panic; when it is dropped by any panic, it prints its seed and its time.
pub struct World {
    seed: u64,
    now: Instant,
    network: Network,
    nodes: Vec<Slot>,
    buffer: Vec<u8>,
    poison: Poison,
    batch: Vec<u8>,
    /// Whom a node's application wants woken after the node's turn. Empty between turns.
    wakes: Vec<Waker>,
    coalesce: bool,
    step_budget: u64,
    rough: Option<Rough>,
}

/// A node and what the world knows of it.
struct Slot {
    node: Box<dyn Node>,
    /// The first is the one it sends from, unless it chooses another.
    addresses: Vec<Address>,
    alive: bool,
    deadline: Option<Instant>,
    /// The one entry in the event queue that counts: at, or before, the deadline. A deadline that
    /// moves later leaves it where it is, since most do and few come true.
    armed: Option<(Instant, u64)>,
    /// When a timeout was handled, if no other input came since.
    timed_out: Option<Instant>,
    /// Until when nobody looks at what arrives.
    asleep_until: Instant,
    held: Option<Box<Held>>,
}

/// A batch that the socket has refused: nothing is polled until it is sent.
struct Held {
    until: Instant,
    transmit: Transmit,
    bytes: Vec<u8>,
}

impl World {
    /// An empty world at [`Instant::ZERO`]. The links' dice follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let poison = Poison::new();
        Self {
            seed,
            now: Instant::ZERO,
            network: Network::new(Seed::from_u64(seed).fork("world")),
            nodes: Vec::new(),
            buffer: poison.buffer(TRANSMIT_BUFFER),
            poison,
            batch: Vec::new(),
            wakes: Vec::new(),
            coalesce: false,
            step_budget: DEFAULT_STEP_BUDGET,
            rough: None,
        }
    }

    /// The seed the world was made with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The digest of everything that has happened: the same seed and calls give the same digest.
    pub fn digest(&self) -> u64 {
        self.network.trace.digest()
    }

    /// What has happened, in full since [`record_trace`](Self::record_trace).
    pub fn trace(&self) -> &Trace {
        &self.network.trace
    }

    /// Keeps the records of all events from now on, or stops it.
    pub fn record_trace(&mut self, keep: bool) {
        self.network.trace.set_keep(keep);
    }

    /// How many datagrams machines have sent.
    pub fn packets_sent(&self) -> u64 {
        self.network.sent
    }

    /// Sets faults by the number of the packet in the whole world, counted from now on.
    pub fn set_script(&mut self, script: impl Into<Script>) {
        self.network.script = script.into();
    }

    /// The faults set by [`set_script`](Self::set_script).
    pub fn script(&self) -> &Script {
        &self.network.script
    }

    /// Whether consecutive datagrams of one sender that arrive at the same time with equal size (the
    /// last may be shorter) are handed over as one batch, as GRO does. Off at first.
    pub fn set_coalesce(&mut self, coalesce: bool) {
        self.coalesce = coalesce;
    }

    /// How machines are run from now on: ideally at first.
    pub fn set_runner(&mut self, runner: Runner) {
        self.rough = match runner {
            Runner::Ideal => None,
            Runner::Rough => Some(Rough::new(&Seed::from_u64(self.seed))),
        };
    }

    /// How many steps a `run_` method may take before it panics, since something loops. 50,000,000
    /// at first.
    pub fn set_step_budget(&mut self, steps: u64) {
        self.step_budget = steps;
    }
}

/// Nodes and their addresses.
impl World {
    /// Adds a node. It is drained for the first time at the next step, so that there is time for
    /// links.
    ///
    /// # Panics
    ///
    /// Where the address is taken.
    pub fn add<M, A>(&mut self, address: SocketAddr, machine: M, application: A) -> NodeId<M, A>
    where
        M: Machine + 'static,
        A: Application<M> + 'static,
    {
        let index = u32::try_from(self.nodes.len()).expect("memory ends before 2^32 nodes");
        self.network.register(address, AnyNode(index));
        self.nodes.push(Slot {
            node: Box::new(Endpoint { machine, application }),
            addresses: vec![Address::new(address)],
            alive: true,
            deadline: None,
            armed: None,
            timed_out: None,
            asleep_until: Instant::ZERO,
            held: None,
        });
        self.network.events.push(self.now, Event::Drain(index));
        NodeId::new(index)
    }

    /// The address a node sends from, unless its machine chooses another.
    pub fn address(&self, node: impl Into<AnyNode>) -> SocketAddr {
        self.nodes[node.into().index()].addresses[0].public
    }

    /// Gives a node one more address, that it can be reached at and may send from.
    ///
    /// # Panics
    ///
    /// Where the address is taken, or the node was killed.
    pub fn alias(&mut self, node: impl Into<AnyNode>, address: SocketAddr) {
        let node = node.into();
        self.alive(node).addresses.push(Address::new(address));
        self.network.register(address, node);
    }

    /// Gives a node that stays where it is another address in front of its NAT. The machine is not
    /// told: what arrives has the same [`local`](rudp_base::Datagrams::local) as before. What is
    /// sent to the old address from now on, or on its way to it, is lost.
    ///
    /// # Panics
    ///
    /// Where the address is taken, or the node was killed.
    pub fn rebind(&mut self, node: impl Into<AnyNode>, address: SocketAddr) {
        let node = node.into();
        let local = self.alive(node).addresses[0].local;
        self.readdress(node, What::Rebound, Address { public: address, local });
    }

    /// Moves a node to another network, where it has another address and is told so: it is the
    /// [`local`](rudp_base::Datagrams::local) of what arrives. What is sent to the old address from
    /// now on, or on its way to it, is lost.
    ///
    /// # Panics
    ///
    /// Where the address is taken, or the node was killed.
    pub fn move_to(&mut self, node: impl Into<AnyNode>, address: SocketAddr) {
        self.readdress(node.into(), What::Moved, Address::new(address));
    }

    fn readdress(&mut self, node: AnyNode, what: What, address: Address) {
        let old = core::mem::replace(&mut self.alive(node).addresses[0], address);
        self.network.unregister(old.public);
        self.network.register(address.public, node);
        self.network.trace.node(self.now, what, old.public, address.public);
    }

    /// Ends a node's life: what is sent to it vanishes, and its machine is never called again, but
    /// can still be looked at. Its addresses are free for a successor.
    pub fn kill(&mut self, node: impl Into<AnyNode>) {
        let slot = &mut self.nodes[node.into().index()];
        if !core::mem::replace(&mut slot.alive, false) {
            return;
        }
        slot.deadline = None;
        slot.held = None;
        for address in &slot.addresses {
            self.network.unregister(address.public);
        }
        let address = slot.addresses[0].public;
        self.network.trace.node(self.now, What::Killed, address, address);
    }

    /// A node's machine.
    pub fn machine<M: 'static, A: 'static>(&self, node: NodeId<M, A>) -> &M {
        &self.endpoint(node).machine
    }

    /// A node's application.
    pub fn application<M: 'static, A: 'static>(&self, node: NodeId<M, A>) -> &A {
        &self.endpoint(node).application
    }

    /// Lets the test or an application call a machine at the current time, and drains it.
    ///
    /// # Panics
    ///
    /// Where the node was killed, or its machine breaks the law.
    pub fn with<M: 'static, A: 'static, R>(
        &mut self,
        node: NodeId<M, A>,
        call: impl FnOnce(Instant, &mut M, &mut A) -> R,
    ) -> R {
        let now = self.now;
        let any: &mut dyn Any = &mut *self.alive(node.any()).node;
        let Some(endpoint) = any.downcast_mut::<Endpoint<M, A>>() else { foreign(node.any()) };
        let result = call(now, &mut endpoint.machine, &mut endpoint.application);
        self.alive(node.any()).timed_out = None;
        self.drain(node.any());
        result
    }

    fn alive(&mut self, node: AnyNode) -> &mut Slot {
        let slot = &mut self.nodes[node.index()];
        assert!(slot.alive, "{node:?} was killed");
        slot
    }

    fn endpoint<M: 'static, A: 'static>(&self, node: NodeId<M, A>) -> &Endpoint<M, A> {
        let any: &dyn Any = &*self.nodes[node.any().index()].node;
        any.downcast_ref().unwrap_or_else(|| foreign(node.any()))
    }
}

fn foreign(node: AnyNode) -> ! {
    panic!("{node:?} is a node of another world")
}

/// Links and routes.
impl World {
    /// What links are made of where no route is set, one for each sender and receiver on first use.
    /// A perfect link without delay at first.
    pub fn default_link(&mut self, config: LinkConfig) {
        self.network.default_link = config;
    }

    /// Adds a link that nothing goes through yet.
    pub fn add_link(&mut self, config: LinkConfig) -> LinkId {
        self.network.add_link(config)
    }

    /// Sends what goes from one node to another through `link`. Many routes may share a link: it is
    /// their bottleneck. Routes follow the nodes, whatever their addresses.
    pub fn route(&mut self, from: impl Into<AnyNode>, to: impl Into<AnyNode>, link: LinkId) {
        self.network.route(from.into(), to.into(), link);
    }

    /// Connects two nodes by two equal links: from `a` to `b`, and back.
    pub fn connect(
        &mut self,
        a: impl Into<AnyNode>,
        b: impl Into<AnyNode>,
        config: LinkConfig,
    ) -> (LinkId, LinkId) {
        self.connect_with(a, b, config.clone(), config)
    }

    /// Connects two nodes by two links: from `a` to `b`, and back.
    pub fn connect_with(
        &mut self,
        a: impl Into<AnyNode>,
        b: impl Into<AnyNode>,
        there: LinkConfig,
        back: LinkConfig,
    ) -> (LinkId, LinkId) {
        let (a, b) = (a.into(), b.into());
        let links = (self.add_link(there), self.add_link(back));
        self.route(a, b, links.0);
        self.route(b, a, links.1);
        links
    }

    /// A link.
    pub fn link(&self, link: LinkId) -> &Link {
        self.network.link(link)
    }

    /// A link, to change it in mid-run.
    pub fn link_mut(&mut self, link: LinkId) -> &mut Link {
        self.network.link_mut(link)
    }

    /// The link from one node to another; made of the default, where there is no route yet.
    pub fn link_between(&mut self, from: impl Into<AnyNode>, to: impl Into<AnyNode>) -> LinkId {
        self.network.link_between(from.into(), to.into())
    }

    /// Cuts both links between two nodes, or heals them. Whoever shares them is cut off as well.
    pub fn set_partitioned(
        &mut self,
        a: impl Into<AnyNode>,
        b: impl Into<AnyNode>,
        partitioned: bool,
    ) {
        let (a, b) = (a.into(), b.into());
        for (from, to) in [(a, b), (b, a)] {
            let link = self.network.link_between(from, to);
            self.network.link_mut(link).set_partitioned(partitioned);
        }
    }

    /// Forges a datagram: hands `bytes` to a node as if `from` had sent them to its address, at the
    /// next step and through no link.
    pub fn inject(&mut self, from: SocketAddr, to: impl Into<AnyNode>, bytes: &[u8]) {
        let to = self.address(to);
        self.network.inject(self.now, from, to, bytes);
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("nodes", &self.nodes.len())
            .field("packets_sent", &self.network.sent)
            .finish_non_exhaustive()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        tell_if_panicking(self.seed, self.now);
    }
}
