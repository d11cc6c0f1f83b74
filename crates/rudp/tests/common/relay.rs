//! A relay between one client and a server, which may change the address that the server sees, as a
//! client does that moves to another network.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How long a relay that was dropped may still wait for packets.
const GLANCE: Duration = Duration::from_millis(100);

/// A relay that runs until it is dropped.
pub(crate) struct Relay {
    below: Arc<UdpSocket>,
    above: Above,
}

/// Where the client's packets leave from, and go to; `None` at the end.
type Above = Arc<Mutex<Option<(Arc<UdpSocket>, SocketAddr)>>>;

impl Relay {
    pub(crate) fn start(server: SocketAddr) -> Self {
        let (below, above) = (bind(), Arc::new(Mutex::new(Some((bind(), server)))));
        let relay = Self { below, above };
        relay.carry_up();
        relay.carry_down();
        relay
    }

    /// Where the client sends to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.below.local_addr().unwrap()
    }

    /// From now on the client's packets come from another address, and what is sent to the old one is
    /// lost.
    pub(crate) fn change_address(&self) {
        if let Some((above, _)) = &mut *self.above.lock().unwrap() {
            *above = bind();
        }
        self.carry_down();
    }

    /// From now on the client's packets go to another server.
    pub(crate) fn send_to(&self, other: SocketAddr) {
        if let Some((_, server)) = &mut *self.above.lock().unwrap() {
            *server = other;
        }
        self.change_address();
    }

    fn carry_up(&self) {
        let (below, above) = (Arc::clone(&self.below), Arc::clone(&self.above));
        thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            loop {
                let received = below.recv_from(&mut buffer);
                let Some((above, server)) = above.lock().unwrap().clone() else { return };
                if let Ok((len, client)) = received {
                    // Whose packets go down there is the last one who sent any up.
                    let _ = below.connect(client);
                    let _ = above.send_to(&buffer[..len], server);
                }
            }
        });
    }

    /// As long as the address is not changed.
    fn carry_down(&self) {
        let (below, all) = (Arc::clone(&self.below), Arc::clone(&self.above));
        let Some((own, _)) = all.lock().unwrap().clone() else { return };
        thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            loop {
                let received = own.recv(&mut buffer);
                let now = all.lock().unwrap().as_ref().map(|(above, _)| Arc::clone(above));
                if !now.is_some_and(|above| Arc::ptr_eq(&above, &own)) {
                    return;
                }
                if let Ok(len) = received {
                    let _ = below.send(&buffer[..len]);
                }
            }
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        *self.above.lock().unwrap() = None;
    }
}

fn bind() -> Arc<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(GLANCE)).unwrap();
    Arc::new(socket)
}
