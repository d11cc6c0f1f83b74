//! [`Scene`]: one server, its clients and the links between them.
//! Whatever happens in it, in the end nothing is left of it in the server.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use rudp_base::Machine as _;
use rudp_sim::{LinkConfig, NodeId, World};
use rushb::{Client, ClientConfig, Rto, Server, ServerConfig};

use super::download::{Download, Got};
use super::raw::Raw;
use super::shop::Shop;
use crate::peer::Hand;

/// No scene lasts longer.
const LIMIT: Duration = Duration::from_secs(1_000_000);

/// Where the server is.
pub fn server_address() -> SocketAddr {
    ([10, 0, 0, 1], 7_000).into()
}

/// Where client `number` is: each has an IP address of its own.
pub fn client_address(number: u32) -> SocketAddr {
    let ip = u32::from(Ipv4Addr::new(11, 0, 0, 0)) + number;
    (Ipv4Addr::from(ip), 5_000).into()
}

/// A client with the fixed 4-second timer that asks for the options in `flags`.
pub fn classic_client(flags: u16) -> ClientConfig {
    ClientConfig { options: Raw::options(flags), rto: Rto::CLASSIC, ..ClientConfig::default() }
}

/// A node that downloads.
pub type ClientId = NodeId<Client, Download>;

/// One server and its clients.
#[derive(Debug)]
pub struct Scene {
    /// The network.
    pub world: World,
    /// The server.
    pub server: NodeId<Server, Shop>,
    /// The clients.
    pub clients: Vec<ClientId>,
}

impl Scene {
    /// A server without clients.
    pub fn new(seed: u64, shop: Shop, config: ServerConfig) -> Self {
        let mut world = World::new(seed);
        let server = world.add(server_address(), Server::new(config), shop);
        Self { world, server, clients: Vec::new() }
    }

    /// A server with default settings and one client that asks for `name`.
    pub fn pair(seed: u64, shop: Shop, name: &str, link: LinkConfig) -> Self {
        let mut scene = Self::new(seed, shop, ServerConfig::default());
        scene.download(name, ClientConfig::default(), link);
        scene
    }

    /// Adds a client that asks for `name`, with links of its own in both directions.
    ///
    /// # Panics
    /// Where the name cannot be asked for.
    pub fn download(&mut self, name: &str, config: ClientConfig, link: LinkConfig) -> ClientId {
        let number = u32::try_from(self.clients.len()).expect("memory ends before 2^32 clients");
        let client = Client::new(config, server_address(), name).expect("a name");
        let client = self.world.add(client_address(number), client, Download::default());
        self.world.connect(client, self.server, link);
        self.clients.push(client);
        client
    }

    /// Plays to the end.
    ///
    /// # Panics
    /// Where there is no end, a client is not done, or the server keeps anything.
    pub fn run(&mut self) {
        let limit = self.world.now() + LIMIT;
        assert!(self.world.run_until_idle(limit), "no end");
        for client in &self.clients {
            assert!(self.world.machine(*client).is_done(), "{client:?} is not done");
            assert!(self.world.application(*client).closed_at.is_some(), "{client:?} not closed");
        }
        self.world.with(self.server, |_, server, _| check_empty(server));
    }

    /// The application of client `number`.
    pub fn client(&self, number: usize) -> &Download {
        self.world.application(self.clients[number])
    }

    /// What client `number` got.
    #[track_caller]
    pub fn got(&self, number: usize, expected: &[u8]) -> Got {
        self.client(number).got(expected)
    }

    /// The application of the server.
    pub fn shop(&self) -> &Shop {
        self.world.application(self.server)
    }
}

fn check_empty(server: &mut Server) {
    assert_eq!((server.open_sessions(), server.remembered_sessions()), (0, 0));
    assert_eq!(server.poll_timeout(), None, "a timer without a session");
}

impl Hand<Server, Shop> {
    /// A server of ours, and a client played by hand.
    pub fn client(shop: Shop, config: ServerConfig) -> Self {
        Self::new((server_address(), Server::new(config)), shop, client_address(0))
    }

    /// Lets the server's timers run out.
    ///
    /// # Panics
    /// Where the server keeps anything.
    pub fn finish(&mut self) {
        assert!(self.world.run_until_idle(self.world.now() + LIMIT), "no end");
        self.world.with(self.ours, |_, server, _| check_empty(server));
    }

    /// The application of the server.
    pub fn shop(&self) -> &Shop {
        self.world.application(self.ours)
    }
}

impl Hand<Client, Download> {
    /// A client of ours that asks for `name`, and a server played by hand.
    ///
    /// # Panics
    /// Where the name cannot be asked for.
    pub fn server(name: &str, config: ClientConfig) -> Self {
        let client = Client::new(config, server_address(), name).expect("a name");
        Self::new((client_address(0), client), Download::default(), server_address())
    }

    /// Lets the client's timers run out.
    ///
    /// # Panics
    /// Where it goes on.
    pub fn finish(&mut self) {
        assert!(self.world.run_until_idle(self.world.now() + LIMIT), "no end");
        assert!(self.world.machine(self.ours).is_done());
        assert!(self.download().closed_at.is_some());
    }

    /// The application of the client.
    pub fn download(&self) -> &Download {
        self.world.application(self.ours)
    }
}
