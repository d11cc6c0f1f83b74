//! [`Clients`]: who sends through the link, each with a socket of its own towards the server.
//! Packets are received and sent by the carrier.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rudp_base::Instant;
use rudp_net::{Socket, SocketOptions};

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
    /// When something was last carried for it.
    used: Instant,
}

/// So many clients at most, each until nothing was carried for it for some time.
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

    /// The number of the client at `address`, which may be a new one; `None` if there is no room for
    /// it, or no socket to be had.
    pub(super) fn came(
        &mut self,
        now: Instant,
        address: SocketAddr,
        local: Option<IpAddr>,
    ) -> Option<u64> {
        if let Some(number) = self.numbers.get(&address) {
            if let Some(client) = self.list.get_mut(number) {
                (client.used, client.local) = (now, local);
            }
            return Some(*number);
        }
        let Some(socket) = self.socket() else {
            self.turned_away += 1;
            return None;
        };
        let number = self.seen;
        self.seen += 1;
        self.list.insert(number, Client { address, local, socket, used: now });
        self.numbers.insert(address, number);
        Some(number)
    }

    /// A socket for one client more.
    fn socket(&self) -> Option<Socket> {
        if self.list.len() >= self.most {
            return None;
        }
        let ip = match self.server {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let options = SocketOptions {
            receive_buffer: BUFFER,
            send_buffer: BUFFER,
            ..SocketOptions::default()
        };
        let socket = Socket::bind((ip, 0).into(), &options);
        socket.inspect_err(|error| tracing::debug!(%error, "no socket for one client more")).ok()
    }

    /// Something came for a client from the server.
    pub(super) fn answered(&mut self, now: Instant, number: u64) {
        if let Some(client) = self.list.get_mut(&number) {
            client.used = now;
        }
    }

    pub(super) fn get(&self, number: u64) -> Option<&Client> {
        self.list.get(&number)
    }

    /// All of them, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Client)> {
        self.list.iter().map(|(number, client)| (*number, client))
    }

    /// Forgets those for whom nothing was carried for too long.
    pub(super) fn forget_idle(&mut self, now: Instant) {
        let Self { list, numbers, idle, .. } = self;
        list.retain(|_, client| {
            let stays = client.used + *idle > now;
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

    #[test]
    fn there_are_so_many_at_most_and_the_idle_make_room() {
        let second = Duration::from_secs(1);
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let mut clients = Clients::new(address(9), 2, second * 10);
        let came = |clients: &mut Clients, now: u32, port: u16| {
            clients.came(Instant::ZERO + second * now, address(port), None)
        };
        assert_eq!(came(&mut clients, 0, 1), Some(0));
        assert_eq!(came(&mut clients, 5, 2), Some(1));
        assert_eq!(came(&mut clients, 5, 1), Some(0));
        assert_eq!(came(&mut clients, 6, 3), None);
        clients.forget_idle(Instant::ZERO + second * 14);
        assert_eq!(clients.count(), 2);
        clients.answered(Instant::ZERO + second * 14, 1);
        clients.forget_idle(Instant::ZERO + second * 16);
        assert_eq!((clients.count(), clients.get(0).is_none()), (1, true));
        // Whoever comes again is somebody new.
        assert_eq!(came(&mut clients, 16, 1), Some(2));
        assert_eq!((clients.seen(), clients.turned_away()), (3, 1));
        assert_eq!(clients.get(2).map(|client| client.address), Some(address(1)));
    }
}
