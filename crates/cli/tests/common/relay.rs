//! A bad network: a relay between one client and a server, which asks a rule about every packet.
//! It runs on threads of the test, and ends with its guard.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::process::PATIENCE;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the server.
    Up,
    /// To the client.
    Down,
}

/// A relay that runs.
pub(crate) struct Relay {
    /// Where its clients send to.
    pub(crate) address: SocketAddr,
    above: SocketAddr,
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// A relay to `server`. `rule` may change each packet, and says how many copies go on.
    pub(crate) fn start(
        server: SocketAddr,
        rule: impl FnMut(Way, &mut [u8]) -> usize + Send + 'static,
    ) -> Self {
        let bind = || UdpSocket::bind(("127.0.0.1", 0)).expect("the loopback has free ports");
        let (below, above) = (Arc::new(bind()), Arc::new(bind()));
        let local = |socket: &UdpSocket| socket.local_addr().expect("it is bound");
        let addresses = (local(&below), local(&above));
        let stopped = Arc::new(AtomicBool::new(false));
        let rule = Arc::new(Mutex::new(rule));
        let client = Arc::new(Mutex::new(None));
        let carry = |way, from: &Arc<UdpSocket>, to: &Arc<UdpSocket>| {
            let (from, to) = (Arc::clone(from), Arc::clone(to));
            let (rule, client, stopped) =
                (Arc::clone(&rule), Arc::clone(&client), Arc::clone(&stopped));
            thread::spawn(move || {
                let mut buffer = [0; 2048];
                while !stopped.load(Ordering::SeqCst) {
                    // A signal, or word of a server that is gone, ends nothing.
                    let Ok((len, sender)) = from.recv_from(&mut buffer) else { continue };
                    if len == 0 {
                        continue;
                    }
                    let mut client = client.lock().expect("no rule panics");
                    let receiver = match way {
                        Way::Up => {
                            *client = Some(sender);
                            server
                        }
                        Way::Down => match *client {
                            Some(client) => client,
                            None => continue,
                        },
                    };
                    drop(client);
                    let copies = (rule.lock().expect("no rule panics"))(way, &mut buffer[..len]);
                    for _ in 0..copies {
                        // Whoever is gone gets nothing.
                        let _ = to.send_to(&buffer[..len], receiver);
                    }
                }
            })
        };
        let threads = vec![carry(Way::Up, &below, &above), carry(Way::Down, &above, &below)];
        Self { address: addresses.0, above: addresses.1, stopped, threads }
    }

    /// Where the file `name` can be downloaded through the relay.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Ok(socket) = UdpSocket::bind(("127.0.0.1", 0)) {
            for address in [self.address, self.above] {
                let _ = socket.send_to(b"", address);
            }
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A relay that stops in the middle of a transfer, and goes on when it is told to.
pub(crate) struct Stalling {
    pub(crate) relay: Relay,
    reached: Receiver<()>,
    open: Arc<AtomicBool>,
}

impl Stalling {
    /// Carries `packets` packets to the client, and then nothing either way.
    pub(crate) fn after(packets: usize, server: SocketAddr) -> Self {
        let open = Arc::new(AtomicBool::new(false));
        let opened = Arc::clone(&open);
        let (sender, reached) = mpsc::channel();
        let mut carried = 0;
        let relay = Relay::start(server, move |way, _| {
            if opened.load(Ordering::SeqCst) {
                return 1;
            }
            if carried == packets {
                if way == Way::Down {
                    // Only the first message is waited for.
                    let _ = sender.send(());
                }
                return 0;
            }
            carried += usize::from(way == Way::Down);
            1
        });
        Self { relay, reached, open }
    }

    /// Waits until the transfer stands still: the server sent a packet that did not arrive.
    pub(crate) fn wait(&self) {
        self.reached.recv_timeout(PATIENCE).expect("the transfer gets that far");
    }

    /// Lets the transfer go on.
    pub(crate) fn go_on(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}
