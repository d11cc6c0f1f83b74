//! Two endpoints with the double of the ciphers, and a bad network between them: what only a
//! session that has sealed very much meets (docs/PROTOCOL.md, 6.5 and 6.6).

#![expect(
    clippy::cast_possible_truncation,
    clippy::needless_range_loop,
    reason = "bytes are the low ends of offsets, and both ends are gone through by number"
)]

use core::time::Duration;
use std::collections::BTreeMap;

use rudp_base::{Datagrams, Machine, PublicRng};

use crate::connection::Connection;
use crate::endpoint::slot::Stage;
use crate::endpoint::*;
use crate::event::Ended;
use crate::toy::Toy;

const UPDATE_AT: u64 = 1 << 22;
const ESSENTIAL_AT: u64 = 1 << 23;
const EXHAUSTED_AT: u64 = ESSENTIAL_AT + (1 << 16);

fn address(end: usize) -> SocketAddr {
    ([10, 0, 0, end as u8], 7_000).into()
}

/// A client and a server, and the packets between them by the time at which they arrive.
struct Pair {
    now: Instant,
    ends: [Endpoint; 2],
    sessions: [Option<Handle>; 2],
    network: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    packets: u64,
    loss: f64,
    dice: PublicRng,
    read: [u64; 2],
}

impl Pair {
    fn new(loss: f64) -> Self {
        let end = |name: &str| {
            let seed = Seed::from_u64(1).fork(name);
            Endpoint::new(EndpointConfig::default(), Arc::new(Toy::sealed().with_key(9)), &seed)
        };
        let mut ends = ["client", "server"].map(|name| end(name).unwrap());
        ends[1].listen();
        let now = Instant::ZERO;
        let session = ends[0].connect(now, address(1), Target::default()).unwrap();
        let mut pair = Self {
            now,
            ends,
            sessions: [Some(session), None],
            network: BTreeMap::new(),
            packets: 0,
            loss,
            dice: Seed::from_u64(2).public_stream("network"),
            read: [0; 2],
        };
        pair.run(Duration::from_secs(1));
        pair
    }

    /// Sends what there is to send.
    fn drain(&mut self) {
        let mut buffer = vec![0; 1 << 16];
        for (index, end) in self.ends.iter_mut().enumerate() {
            while end.poll_event().is_some() {}
            self.sessions[index] = self.sessions[index].or_else(|| end.accept());
            while let Some(sent) = end.poll_transmit(self.now, &mut buffer) {
                for datagram in buffer[..sent.len].chunks(sent.stride) {
                    self.packets += 1;
                    let delay = Duration::from_micros(10_000 + self.dice.below(3_000));
                    if !self.dice.chance(self.loss) {
                        let at = (self.now + delay, self.packets);
                        self.network.insert(at, (1 - index, datagram.to_vec()));
                    }
                }
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.drain();
            let arrival = self.network.keys().next().map(|key| key.0);
            let timeouts = self.ends.iter_mut().filter_map(Endpoint::poll_timeout);
            let Some(next) = timeouts.chain(arrival).min().filter(|next| *next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            for end in &mut self.ends {
                if end.poll_timeout().is_some_and(|timeout| timeout <= self.now) {
                    end.handle_timeout(self.now);
                }
            }
            while let Some(first) = self.network.first_entry().filter(|e| e.key().0 <= self.now) {
                let (to, mut datagram) = first.remove();
                let datagrams = Datagrams::single(address(1 - to), &mut datagram);
                self.ends[to].handle(self.now, datagrams);
            }
            self.read_all();
        }
        self.now = until;
    }

    fn session(&mut self, end: usize) -> Session<'_> {
        let handle = self.sessions[end].expect("it began");
        self.ends[end].session(self.now, handle).expect("it is there")
    }

    fn connection(&mut self, end: usize) -> &mut Connection {
        let handle = self.sessions[end].expect("it began");
        match &mut self.ends[end].slots[handle.index as usize].stage {
            Stage::Live(connection) => connection,
            _ => panic!("it has not begun"),
        }
    }

    fn read_all(&mut self) {
        let mut buffer = [0; 4_096];
        for end in 0..2 {
            if self.sessions[end].is_none() {
                continue;
            }
            let mut offset = self.read[end];
            while let Ok(Read::Bytes(len)) = self.session(end).read(0, &mut buffer) {
                let is_right = (offset..).zip(&buffer[..len]).all(|(at, byte)| *byte == at as u8);
                assert!(is_right, "wrong bytes behind {offset}");
                offset += len as u64;
            }
            self.read[end] = offset;
        }
    }

    /// Writes `len` bytes at both ends, which have written `offset`.
    fn write(&mut self, offset: u64, len: u64) {
        let data: Vec<u8> = (offset..offset + len).map(|at| at as u8).collect();
        for end in 0..2 {
            assert_eq!(self.session(end).write(0, &data), Ok(data.len()));
        }
    }
}

// spec: 6.5, 6.6
#[test]
fn a_session_goes_through_many_phases_whoever_begins_them() {
    for (aging, loss) in [([true, false], 0.0), ([false, true], 0.1), ([true, true], 0.1)] {
        let mut pair = Pair::new(loss);
        let mut offset = 0;
        for round in 0..60 {
            pair.write(offset, 20_000);
            offset += 20_000;
            // In the middle of a transfer.
            pair.run(Duration::from_millis(30 + 7 * (round % 5)));
            for end in 0..2 {
                if aging[end] {
                    pair.connection(end).keys().age(UPDATE_AT);
                }
            }
            pair.run(Duration::from_secs(1));
        }
        pair.run(Duration::from_secs(20));
        assert_eq!(pair.read, [offset; 2], "{aging:?}");
        let phases = [0, 1].map(|end| pair.connection(end).keys().phase());
        assert!(phases[0] == phases[1] && phases[0] >= 30, "{aging:?}: {phases:?}");
    }
}

// spec: 6.5
#[test]
fn keys_that_cannot_be_changed_wear_out() {
    let mut pair = Pair::new(0.0);
    pair.loss = 1.0;
    pair.connection(0).keys().age(UPDATE_AT);
    pair.write(0, 5_000);
    pair.run(Duration::from_millis(500));
    assert_eq!(pair.connection(0).keys().phase(), 1, "nothing of it is acknowledged");
    pair.connection(0).keys().age(ESSENTIAL_AT);
    let before = pair.session(0).stats().packets_sent;
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.session(0).stats().packets_sent, before, "there is nothing to acknowledge");
    assert_eq!(pair.session(0).ended(), None);
    // The last packet that may be sealed is an acknowledgement.
    pair.connection(0).keys().age(EXHAUSTED_AT - 1);
    pair.loss = 0.0;
    pair.write(1, 100);
    pair.run(Duration::from_secs(10));
    let ended = pair.session(0).ended().cloned();
    assert!(matches!(ended, Some(Ended::Error { code: Code::KEYS_EXHAUSTED, .. })), "{ended:?}");
}
