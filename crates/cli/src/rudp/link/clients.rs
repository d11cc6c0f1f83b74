//! [`Clients`]: who sends through the link, each with a socket of its own towards the server.
//! Packets are received and sent by the carrier.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rudp_base::Instant;
use rudp_net::{Socket, SocketOptions};

use super::ready::Ready;

/// Bytes of a client's buffers in the system each way.
const BUFFER: usize = 1 << 20;

/// A client.
pub(super) struct Client {
    /// Where it is.
    pub(super) address: SocketAddr,
    /// The address that it sends to, which answers come from.
    pub(super) local: Option<IpAddr>,
    /// How the server sees it.
    pub(super) socket: Socket,
    /// When something last came from it, came for it, or was sent for it.
    used: Instant,
    /// Whether the server has ever answered it.
    is_answered: bool,
    /// Its packets that are on the link.
    under_way: u32,
}

/// So many clients at most, each until nothing was carried for it for some time.
///
/// Anybody can forge datagrams of many clients. The server does not answer those: so the clients that
/// it has answered stay, and of the others the one that was silent for longest makes room.
pub(super) struct Clients {
    server: SocketAddr,
    most: usize,
    idle: Duration,
    /// By number: numbers are not used again, so that no answer to one client gets to another.
    list: BTreeMap<u64, Client>,
    numbers: HashMap<SocketAddr, u64>,
    seen: u64,
    turned_away: u64,
}

impl Clients {
    pub(super) fn new(server: SocketAddr, most: usize, idle: Duration) -> Self {
        let (list, numbers) = (BTreeMap::new(), HashMap::new());
        Self { server, most, idle, list, numbers, seen: 0, turned_away: 0 }
    }

    pub(super) fn server(&self) -> SocketAddr {
        self.server
    }

    /// The number of the client at `address`, which may be a new one, whose socket `ready` then
    /// watches; `None` if there is no room for it, or no socket to be had.
    pub(super) fn came(
        &mut self,
        now: Instant,
        address: SocketAddr,
        local: Option<IpAddr>,
        ready: &Ready,
    ) -> Option<u64> {
        if let Some(number) = self.numbers.get(&address) {
            if let Some(client) = self.list.get_mut(number) {
                (client.used, client.local) = (now, local);
            }
            return Some(*number);
        }
        let number = self.seen;
        let Some(socket) = self.make_room().then(|| self.socket(number, ready)).flatten() else {
            self.turned_away += 1;
            return None;
        };
        self.seen += 1;
        let client = Client { address, local, socket, used: now, is_answered: false, under_way: 0 };
        self.list.insert(number, client);
        self.numbers.insert(address, number);
        Some(number)
    }

    /// Whether there is room for one client more. Where it takes that, one is forgotten that the
    /// server has not answered.
    fn make_room(&mut self) -> bool {
        if self.list.len() < self.most {
            return true;
        }
        let silent = self.list.iter().filter(|(_, client)| !client.is_answered);
        let Some(number) = silent.min_by_key(|(_, client)| client.used).map(|(number, _)| *number)
        else {
            return false;
        };
        if let Some(client) = self.list.remove(&number) {
            self.numbers.remove(&client.address);
        }
        true
    }

    /// A socket for one client more.
    fn socket(&self, number: u64, ready: &Ready) -> Option<Socket> {
        let ip = match self.server {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let options = SocketOptions {
            receive_buffer: BUFFER,
            send_buffer: BUFFER,
            ..SocketOptions::default()
        };
        let socket = Socket::bind((ip, 0).into(), &options)
            .and_then(|socket| ready.watch(number, &socket).map(|()| socket));
        socket.inspect_err(|error| tracing::debug!(%error, "no socket for one client more")).ok()
    }

    /// Something came for a client from the server.
    pub(super) fn answered(&mut self, now: Instant, number: u64) {
        if let Some(client) = self.list.get_mut(&number) {
            (client.used, client.is_answered) = (now, true);
        }
    }

    /// So many packets more of a client are on the link.
    pub(super) fn departed(&mut self, number: u64, packets: u32) {
        if let Some(client) = self.list.get_mut(&number) {
            client.under_way += packets;
        }
    }

    /// A packet has come off the link, and is sent: whose it is, unless that one was forgotten.
    pub(super) fn arrived(&mut self, now: Instant, number: u64) -> Option<&Client> {
        let client = self.list.get_mut(&number)?;
        client.used = now;
        client.under_way = client.under_way.saturating_sub(1);
        Some(client)
    }

    pub(super) fn get(&self, number: u64) -> Option<&Client> {
        self.list.get(&number)
    }

    /// All of them, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Client)> {
        self.list.iter().map(|(number, client)| (*number, client))
    }

    /// Forgets those for whom nothing was carried for too long, and of whom nothing is on the link.
    pub(super) fn forget_idle(&mut self, now: Instant) {
        let Self { list, numbers, idle, .. } = self;
        list.retain(|_, client| {
            let stays = client.under_way > 0 || client.used + *idle > now;
            if !stays {
                numbers.remove(&client.address);
            }
            stays
        });
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// How many there were, with those that are forgotten.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Packets of those for whom there was no room.
    pub(super) fn turned_away(&self) -> u64 {
        self.turned_away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Two clients at most, forgotten after 10 s.
    struct Two(Clients, Ready);

    impl Two {
        fn new() -> Self {
            Self(Clients::new(address(9), 2, SECOND * 10), Ready::new().unwrap())
        }

        /// Something comes from the client at `port`.
        fn came(&mut self, second: u32, port: u16) -> Option<u64> {
            self.0.came(Instant::ZERO + SECOND * second, address(port), None, &self.1)
        }
    }

    #[test]
    fn there_are_so_many_at_most_and_the_idle_make_room() {
        let mut two = Two::new();
        assert_eq!((two.came(0, 1), two.came(5, 2), two.came(5, 1)), (Some(0), Some(1), Some(0)));
        for number in [0, 1] {
            two.0.answered(Instant::ZERO + SECOND * 5, number);
        }
        assert_eq!(two.came(6, 3), None);
        two.0.forget_idle(Instant::ZERO + SECOND * 14);
        assert_eq!(two.0.count(), 2);
        two.0.answered(Instant::ZERO + SECOND * 14, 1);
        two.0.forget_idle(Instant::ZERO + SECOND * 16);
        assert_eq!((two.0.count(), two.0.get(0).is_none()), (1, true));
        // Whoever comes again is somebody new.
        assert_eq!(two.came(16, 1), Some(2));
        assert_eq!((two.0.seen(), two.0.turned_away()), (3, 1));
        assert_eq!(two.0.get(2).map(|client| client.address), Some(address(1)));
    }

    #[test]
    fn forged_clients_shut_out_nobody() {
        let mut two = Two::new();
        assert_eq!(two.came(0, 1), Some(0));
        two.0.answered(Instant::ZERO, 0);
        // Each takes the place of the one before, and never of the one that was answered.
        for (number, port) in (1..).zip(100..200) {
            assert_eq!(two.came(1, port), Some(number));
        }
        assert_eq!((two.came(2, 1), two.0.count(), two.0.turned_away()), (Some(0), 2, 0));
        let newest = two.came(3, 2).unwrap();
        two.0.answered(Instant::ZERO + SECOND * 3, newest);
        assert_eq!((two.came(3, 3), two.came(3, 1)), (None, Some(0)));
        assert_eq!((two.came(3, 2), two.0.numbers.len()), (Some(newest), 2));
    }

    #[test]
    fn a_client_whose_packets_are_on_the_link_is_not_forgotten() {
        let mut two = Two::new();
        two.came(0, 1);
        two.0.departed(0, 2);
        for _ in 0..2 {
            two.0.forget_idle(Instant::ZERO + SECOND * 20);
            assert!(two.0.arrived(Instant::ZERO + SECOND * 20, 0).is_some());
        }
        // An answer has as long from when its cause was sent.
        two.0.forget_idle(Instant::ZERO + SECOND * 29);
        assert_eq!(two.0.count(), 1);
        two.0.forget_idle(Instant::ZERO + SECOND * 30);
        assert!(two.0.arrived(Instant::ZERO + SECOND * 30, 0).is_none());
    }
}
