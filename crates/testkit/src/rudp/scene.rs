//! [`Scene`]: a server, its clients and the links between them.
//! What the programs on them do is in their plans.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::sync::Arc;

use rudp_base::{Machine as _, Seed};
use rudp_crypto::{NoiseCrypto, PlainCrypto, PresharedSecret, StaticKey};
use rudp_proto::config::EndpointConfig;
use rudp_proto::crypto::{Crypto, PublicKey};
use rudp_proto::{Endpoint, Handle, Session, Target};
use rudp_sim::{LinkConfig, NodeId, Runner, World};

use super::actor::{Actor, Log, Plan};
use super::content::End;

/// No scene lasts longer.
const LIMIT: Duration = Duration::from_secs(100_000);

/// A node with an endpoint.
pub type NodeOf = NodeId<Endpoint, Actor>;

/// Where the server is.
pub fn server_address() -> SocketAddr {
    ([10, 0, 0, 1], 7_000).into()
}

/// Where client `number` is: each has an IP address of its own.
pub fn client_address(number: u32) -> SocketAddr {
    let ip = u32::from(Ipv4Addr::new(11, 0, 0, 0)) + number;
    (Ipv4Addr::from(ip), 5_000).into()
}

/// What the two ends of a scene are made of.
#[derive(Clone, Debug)]
pub struct Ends {
    /// Settings of the server.
    pub server: EndpointConfig,
    /// Settings of the clients.
    pub client: EndpointConfig,
    /// Whether both speak the plain profile.
    pub is_plain: bool,
    /// Whether clients have a key.
    pub client_has_key: bool,
    /// Whether both have a secret.
    pub has_secret: bool,
    /// How endpoints are run.
    pub runner: Runner,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            server: EndpointConfig::default(),
            client: EndpointConfig::default(),
            is_plain: false,
            client_has_key: false,
            has_secret: false,
            runner: Runner::Rough,
        }
    }
}

impl Ends {
    /// The key of whatever endpoint has one, by its name.
    pub fn key(seed: u64, name: &str) -> StaticKey {
        StaticKey::generate(&mut Seed::from_u64(seed).fork("keys").secret_stream(name))
    }

    /// An endpoint at `end`.
    ///
    /// # Panics
    /// Where the settings are out of range.
    pub fn endpoint(&self, seed: u64, end: End, name: &str) -> Endpoint {
        let config = match end {
            End::Client => self.client.clone(),
            End::Server => self.server.clone(),
        };
        let has_key = end == End::Server || self.client_has_key;
        let crypto: Arc<dyn Crypto> = if self.is_plain {
            Arc::new(PlainCrypto)
        } else {
            let secret = self.has_secret.then(|| PresharedSecret::from_bytes([7; 32]));
            Arc::new(NoiseCrypto::new(has_key.then(|| Self::key(seed, name)), secret))
        };
        let seed = Seed::from_u64(seed).fork(name);
        Endpoint::new(config, crypto, &seed).expect("settings in range")
    }
}

/// One server and its clients.
#[derive(Debug)]
pub struct Scene {
    /// The network.
    pub world: World,
    /// The server.
    pub server: NodeOf,
    /// The clients, and their sessions.
    pub clients: Vec<(NodeOf, Handle)>,
    /// What new nodes are made of.
    pub ends: Ends,
    link: LinkConfig,
}

impl Scene {
    /// A server without clients, at which programs follow `plan`.
    pub fn new(seed: u64, ends: Ends, link: LinkConfig, plan: Plan) -> Self {
        let mut world = World::new(seed);
        world.set_runner(ends.runner);
        let mut endpoint = ends.endpoint(seed, End::Server, "server");
        endpoint.listen();
        let server = world.add(server_address(), endpoint, Actor::new(End::Server, plan));
        Self { world, server, clients: Vec::new(), ends, link }
    }

    /// A server and one client with default settings.
    pub fn pair(seed: u64, link: LinkConfig, client: Plan, server: Plan) -> Self {
        Self::pair_of(seed, Ends::default(), link, client, server)
    }

    /// A server and one client.
    pub fn pair_of(seed: u64, ends: Ends, link: LinkConfig, client: Plan, server: Plan) -> Self {
        let mut scene = Self::new(seed, ends, link, server);
        scene.client(client);
        scene
    }

    /// The server's key.
    pub fn server_key(&self) -> PublicKey {
        Ends::key(self.world.seed(), "server").public_key()
    }

    /// Adds a client that knows the server's key and connects.
    pub fn client(&mut self, plan: Plan) -> Handle {
        let server_key = (!self.ends.is_plain).then(|| self.server_key());
        self.client_to(Target { server_key, ..Target::default() }, plan)
    }

    /// Adds a client that connects to `target`.
    ///
    /// # Panics
    /// Where the target's settings are out of range.
    pub fn client_to(&mut self, target: Target, plan: Plan) -> Handle {
        let number = u32::try_from(self.clients.len()).expect("memory ends before 2^32 clients");
        let endpoint =
            self.ends.endpoint(self.world.seed(), End::Client, &format!("client {number}"));
        let actor = Actor::new(End::Client, plan);
        let node = self.world.add(client_address(number), endpoint, actor);
        self.world.connect(node, self.server, self.link.clone());
        let handle = self.world.with(node, |now, endpoint, _| {
            endpoint.connect(now, server_address(), target).expect("settings in range")
        });
        self.clients.push((node, handle));
        handle
    }

    /// Plays until nothing happens any more.
    ///
    /// # Panics
    /// Where there is no end, or an endpoint keeps anything.
    pub fn run(&mut self) {
        self.run_out();
        for node in self.clients.iter().map(|client| client.0).chain([self.server]) {
            self.world.with(node, |_, endpoint, _| {
                assert_eq!(endpoint.sessions(), 0, "{node:?} keeps sessions");
                let timeout = endpoint.poll_timeout();
                assert_eq!(timeout, None, "{node:?} has a timer without a session");
            });
        }
    }

    /// Plays until nothing happens any more, whatever is left.
    ///
    /// # Panics
    /// Where there is no end.
    pub fn run_out(&mut self) {
        let limit = self.world.now() + LIMIT;
        assert!(self.world.run_until_idle(limit), "no end");
    }

    /// The node at `end` and its session: client 0, or the server's first. `None` where the server
    /// has none yet.
    pub fn side(&self, end: End) -> Option<(NodeOf, Handle)> {
        match end {
            End::Client => self.clients.first().copied(),
            End::Server => {
                let handle = self.world.application(self.server).logs.keys().next()?;
                Some((self.server, *handle))
            }
        }
    }

    /// Closes the session at `end` now, if there is one.
    pub fn close(&mut self, end: End, wait: Duration) {
        let Some((node, handle)) = self.side(end) else { return };
        self.world.with(node, |now, endpoint, actor| actor.close(now, endpoint, handle, wait));
    }

    /// Calls the session at `end`, if it is there and not released, and lets its program go on.
    pub fn call<R>(
        &mut self,
        end: End,
        call: impl FnOnce(&mut Session<'_>, &mut Log) -> R,
    ) -> Option<R> {
        let (node, handle) = self.side(end)?;
        self.world.with(node, |now, endpoint, actor| {
            let log = actor.logs.get_mut(&handle)?;
            let result = call(&mut endpoint.session(now, handle)?, log);
            actor.act(now, endpoint, handle);
            Some(result)
        })
    }

    /// What happened at client `number`.
    pub fn log(&self, number: usize) -> &Log {
        let (node, handle) = self.clients[number];
        &self.world.application(node).logs[&handle]
    }

    /// What happened at the server in the only session.
    #[track_caller]
    pub fn server_log(&self) -> &Log {
        self.world.application(self.server).log()
    }
}
