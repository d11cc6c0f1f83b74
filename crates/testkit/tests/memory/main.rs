//! What sessions cost a server that has many, in allocated bytes. The allocator of this program
//! counts everything, so that there is one test in it.

mod counting;

use core::ops::ControlFlow;
use core::time::Duration;
use std::collections::VecDeque;

use rudp_base::{Datagrams, Instant, Machine as _, TRANSMIT_BUFFER, drain};
use rudp_proto::{Endpoint, Event, EventKind, Read, Target};
use rudp_testkit::rudp::{End, Ends, client_address, server_address};

/// How long each datagram takes.
const DELAY: Duration = Duration::from_millis(1);
/// Sessions that begin at a time, and how long that takes.
const AT_A_TIME: usize = 50;
const PAUSE: Duration = Duration::from_millis(50);
/// Longer than handshakes are remembered (docs/PROTOCOL.md, 5.2.5a), and not right behind a PING.
const QUIET: Duration = Duration::from_secs(25);
/// What an idle session may take, in bytes.
const BOUND: usize = 3_712;

/// A server, and a client with many sessions.
struct Crowd {
    now: Instant,
    server: Endpoint,
    client: Endpoint,
    flying: VecDeque<(Instant, End, Vec<u8>)>,
    buffer: Vec<u8>,
    /// Bytes that the server has allocated.
    held: usize,
    echoed: usize,
}

impl Crowd {
    fn new() -> Self {
        let ends = Ends::default();
        let mut server = ends.endpoint(1, End::Server, "server");
        server.listen();
        Self {
            now: Instant::ZERO + DELAY,
            server,
            client: ends.endpoint(1, End::Client, "client"),
            flying: VecDeque::new(),
            buffer: vec![0; TRANSMIT_BUFFER],
            held: 0,
            echoed: 0,
        }
    }

    /// So many sessions more, on each of which one byte is echoed, and then nothing happens.
    fn join(&mut self, count: usize) {
        for begun in 1..=count {
            self.client
                .connect(self.now, server_address(), Target::default())
                .expect("it can be asked for");
            if begun % AT_A_TIME == 0 {
                self.run_for(PAUSE);
            }
        }
        self.run_for(QUIET);
    }

    /// Lets the server do something, and counts what it allocates.
    fn serve<T>(&mut self, work: impl FnOnce(Instant, &mut Endpoint, &mut [u8]) -> T) -> T {
        let before = counting::allocated();
        let done = work(self.now, &mut self.server, &mut self.buffer);
        self.held = self.held + counting::allocated() - before;
        done
    }

    fn run_for(&mut self, time: Duration) {
        let limit = self.now + time;
        loop {
            self.ask();
            self.answer();
            let timers = [self.server.poll_timeout(), self.client.poll_timeout()];
            let arrival = self.flying.front().map(|(at, ..)| *at);
            let next = timers.into_iter().flatten().chain(arrival).min();
            let Some(next) = next.filter(|next| *next <= limit) else { break };
            self.now = self.now.max(next);
            while self.flying.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, to, mut bytes) = self.flying.pop_front().expect("one is there");
                self.arrive(to, &mut bytes);
            }
            self.serve(|now, server, _| server.handle_timeout(now));
            self.client.handle_timeout(self.now);
        }
        self.now = limit;
    }

    fn arrive(&mut self, to: End, bytes: &mut [u8]) {
        match to {
            End::Server => self.serve(|now, server, _| {
                server.handle(now, Datagrams::single(client_address(1), bytes));
            }),
            End::Client => {
                self.client.handle(self.now, Datagrams::single(server_address(), bytes));
            }
        }
    }

    /// The client says one byte in each session, and reads it again.
    fn ask(&mut self) {
        let Self { now, client, flying, buffer, echoed, .. } = self;
        let at = *now + DELAY;
        let mut program = |now, client: &mut Endpoint, event: Event| {
            let mut session = client.session(now, event.session).expect("nobody released it");
            match event.kind {
                EventKind::Connected => drop(session.write(0, b"?").expect("there is room")),
                EventKind::Readable { .. } => *echoed += usize::from(takes_byte(&mut session)),
                _ => {}
            }
        };
        drain(*now, client, &mut program, buffer, |transmit, bytes| {
            let datagrams = bytes.chunks(transmit.stride);
            flying.extend(datagrams.map(|datagram| (at, End::Server, datagram.to_vec())));
            ControlFlow::Continue(())
        });
    }

    /// The server echoes what comes.
    fn answer(&mut self) {
        loop {
            let transmit = self.serve(|now, server, buffer| {
                while let Some(event) = server.poll_event() {
                    while server.accept().is_some() {}
                    let mut session =
                        server.session(now, event.session).expect("nobody released it");
                    if takes_byte(&mut session) {
                        session.write(0, b"!").expect("there is room");
                    }
                }
                server.poll_transmit(now, buffer)
            });
            let Some(transmit) = transmit else { break };
            let at = self.now + DELAY;
            let datagrams = self.buffer[..transmit.len].chunks(transmit.stride);
            self.flying.extend(datagrams.map(|datagram| (at, End::Client, datagram.to_vec())));
        }
    }
}

/// Whether there was a byte to read.
fn takes_byte(session: &mut rudp_proto::Session<'_>) -> bool {
    matches!(session.read(0, &mut [0]), Ok(Read::Bytes(1)))
}

#[test]
fn idle_sessions_cost_a_server_little_and_all_get_in() {
    let (before, count) = (200, 5_000);
    let mut crowd = Crowd::new();
    // What is allocated once, and tables that grow by halves, are not what is measured.
    crowd.join(before);
    let held = crowd.held;
    crowd.join(count);
    let each = (crowd.held - held) / count;
    println!("{each} bytes for an idle session");
    assert_eq!((crowd.echoed, crowd.server.sessions()), (before + count, before + count));
    assert!(each <= BOUND, "{each} bytes for an idle session");
}
