//! An endpoint with very many sessions, each with deadlines of its own: what an exchange and an
//! expiry cost beside those of an endpoint with one session.

#![allow(missing_docs, reason = "criterion's macro makes public functions without any")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rudp::sans_io::{
    Datagrams, Endpoint, EndpointConfig, Event, EventKind, Handle, Instant, Machine as _, Read,
    Seed, TRANSMIT_BUFFER, Target, plain,
};

/// A client, a server, and their sessions with each other.
struct Pair {
    now: Instant,
    ends: [Endpoint; 2],
    handles: [Vec<Handle>; 2],
    buffer: Vec<u8>,
}

impl Pair {
    fn new(sessions: usize) -> Self {
        let mut config = EndpointConfig { max_handshakes: 1 << 16, ..EndpointConfig::default() };
        config.session.packet_size = Some(1_200);
        config.session.keep_alive = None;
        config.session.idle_timeout = Some(Duration::from_mins(10));
        let end = |seed| {
            Endpoint::new(config.clone(), plain(), &Seed::from_u64(seed)).expect("it is in range")
        };
        let mut pair = Self {
            now: Instant::ZERO,
            ends: [end(1), end(2)],
            handles: [Vec::new(), Vec::new()],
            buffer: vec![0; TRANSMIT_BUFFER],
        };
        pair.ends[1].listen();
        while pair.handles[0].len() < sessions {
            let target = Target { server_key: None, service: String::new(), config: None };
            let connected = pair.ends[0].connect(pair.now, ([127, 0, 0, 1], 7).into(), target);
            connected.expect("there is room for more");
            // Deadlines differ.
            pair.wait(Duration::from_micros(100));
        }
        pair.wait(Duration::from_secs(1));
        assert_eq!(pair.handles.each_ref().map(Vec::len), [sessions; 2], "all are open");
        pair
    }

    /// Lets time pass, and delivers all that is sent.
    fn wait(&mut self, time: Duration) {
        self.now += time;
        for end in &mut self.ends {
            end.handle_timeout(self.now);
        }
        while self.deliver(0) | self.deliver(1) {}
    }

    /// Delivers what one end sends, and tells whether that was anything.
    fn deliver(&mut self, from: usize) -> bool {
        let mut is_any = false;
        self.events(from);
        while let Some(sent) = self.ends[from].poll_transmit(self.now, &mut self.buffer) {
            let data = &mut self.buffer[..sent.len];
            let batch = Datagrams { stride: sent.stride, ..Datagrams::single(sent.remote, data) };
            self.ends[1 - from].handle(self.now, batch);
            is_any = true;
        }
        self.events(1 - from);
        is_any
    }

    fn events(&mut self, end: usize) {
        while let Some(Event { session, kind, .. }) = self.ends[end].poll_event() {
            match kind {
                EventKind::Connected => self.handles[end].push(session),
                EventKind::Incoming => self.handles[end].extend(self.ends[end].accept()),
                _ => {}
            }
        }
    }

    /// Client `number` writes a byte, the server reads it, and the acknowledgement comes back.
    fn exchange(&mut self, number: usize) {
        let session = self.ends[0].session(self.now, self.handles[0][number]);
        session.expect("it is open").write(0, &[1]).expect("there is room");
        self.deliver(0);
        let mut byte = [0; 16];
        let session = self.ends[1].session(self.now, self.handles[1][number]);
        let read = session.expect("it is open").read(0, &mut byte);
        assert_eq!(read.ok(), Some(Read::Bytes(1)));
        self.wait(Duration::from_millis(26));
    }
}

fn exchanges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a byte and its acknowledgement");
    for sessions in [1, 10_000] {
        let mut pair = Pair::new(sessions);
        let mut turn = 0;
        group.bench_function(BenchmarkId::new("sessions", sessions), |bencher| {
            bencher.iter(|| {
                // A stride without a factor in common with the number of sessions.
                turn = (turn + 7_919) % sessions;
                pair.exchange(turn);
            });
        });
    }
    group.finish();
}

fn glances(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nothing is due");
    for sessions in [1, 10_000] {
        let mut pair = Pair::new(sessions);
        group.bench_function(BenchmarkId::new("sessions", sessions), |bencher| {
            bencher.iter(|| {
                let end = &mut pair.ends[1];
                end.handle_timeout(pair.now);
                let sent = end.poll_transmit(pair.now, &mut pair.buffer);
                assert!(sent.is_none());
                end.poll_timeout()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, exchanges, glances);
criterion_main!(benches);
