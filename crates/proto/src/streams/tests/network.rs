//! Random operations over a random network, against an oracle: bytes follow from stream and offset,
//! and everything written and ended arrives, is read, and is told to have been.

use bytes::Bytes;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Open(bool, bool),
    Write(bool, usize, usize),
    Finish(bool, usize),
    Read(bool, usize, usize),
    Send(bool, usize),
    /// Delivers the packet at this place of those on their way.
    Deliver(bool, usize),
    Duplicate(bool, usize),
    /// Declares it lost; it may still come.
    Lose(bool, usize, bool),
    Request(bool, usize),
    Release(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let side = any::<bool>();
    prop_oneof![
        1 => (side, any::<bool>()).prop_map(|(side, uni)| Step::Open(side, uni)),
        4 => (side, 0..8usize, 1..400usize).prop_map(|(s, n, len)| Step::Write(s, n, len)),
        1 => (side, 0..8usize).prop_map(|(s, n)| Step::Finish(s, n)),
        4 => (side, 0..8usize, 1..300usize).prop_map(|(s, n, len)| Step::Read(s, n, len)),
        8 => (side, 24..200usize).prop_map(|(s, room)| Step::Send(s, room)),
        8 => (side, 0..6usize).prop_map(|(s, n)| Step::Deliver(s, n)),
        1 => (side, 0..6usize).prop_map(|(s, n)| Step::Duplicate(s, n)),
        2 => (side, 0..6usize, any::<bool>()).prop_map(|(s, n, late)| Step::Lose(s, n, late)),
        1 => (side, 0..8usize).prop_map(|(s, n)| Step::Request(s, n)),
        1 => side.prop_map(Step::Release),
    ]
}

/// What should be true of one direction of a stream.
#[derive(Debug, Default)]
struct Flow {
    written: u64,
    finished: bool,
    read: u64,
    ended: bool,
}

struct World {
    nodes: [Node; 2],
    /// By who writes, and the stream.
    flows: BTreeMap<(usize, u64), Flow>,
    /// On their way from each side, and whether they were declared lost.
    packets: [Vec<(Packet, bool)>; 2],
}

impl World {
    fn new(window: u64) -> Self {
        let (client, server) = pair(&config(window));
        let mut flows = BTreeMap::new();
        flows.insert((0, 0), Flow::default());
        flows.insert((1, 0), Flow::default());
        Self { nodes: [client, server], flows, packets: Default::default() }
    }

    fn pick(&self, writer: usize, n: usize) -> Option<u64> {
        let own = self.flows.keys().filter(|(side, _)| *side == writer);
        let own: Vec<u64> = own.map(|(_, stream)| *stream).collect();
        own.get(n % own.len().max(1)).copied()
    }

    fn write(&mut self, writer: usize, stream: u64, len: usize) -> bool {
        let flow = self.flows.get_mut(&(writer, stream)).expect("it exists");
        if flow.finished {
            return false;
        }
        let data = bytes(stream, flow.written, len);
        let streams = &mut self.nodes[writer].streams;
        let written = if len.is_multiple_of(2) {
            streams.write(stream, &data)
        } else {
            streams.give(stream, &mut data.into())
        };
        match written {
            Ok(len) => flow.written += len as u64,
            Err(error) => assert_eq!(error, WriteError::Blocked),
        }
        true
    }

    fn read(&mut self, writer: usize, stream: u64, len: usize) {
        let flow = self.flows.get_mut(&(writer, stream)).expect("it exists");
        let (mut out, mut taken) = (vec![0; len], Bytes::new());
        let streams = &mut self.nodes[1 - writer].streams;
        let read = if len.is_multiple_of(3) {
            streams.take(stream, &mut taken)
        } else {
            streams.read(stream, &mut out)
        };
        match read {
            Ok(Read::Bytes { len: got, end }) => {
                let out = if len.is_multiple_of(3) { &taken } else { &out[..got] };
                assert_eq!(*out, bytes(stream, flow.read, got));
                let len = got;
                flow.read += len as u64;
                flow.ended |= end;
                assert!(flow.read <= flow.written);
                assert!(!end || (flow.finished && flow.read == flow.written));
            }
            Ok(Read::Blocked) => {}
            Err(ReadError::Ended) => assert!(flow.ended),
            // Nothing of it has come yet.
            Err(ReadError::Unknown) => assert_eq!(flow.read, 0),
            other => panic!("{other:?}"),
        }
    }

    fn deliver(&mut self, from: usize, n: usize) {
        if self.packets[from].is_empty() {
            return;
        }
        let n = n % self.packets[from].len();
        let (packet, _) = self.packets[from].remove(n);
        let taken = self.nodes[1 - from].take(&packet.bytes).expect("the peer is correct");
        // What was not taken is not acknowledged, and so lost.
        let fate = if taken { Fate::Acknowledged } else { Fate::Lost };
        self.nodes[from].fate(fate, &packet);
    }

    fn send(&mut self, from: usize, room: usize) -> bool {
        let now = &mut self.nodes[from].now;
        *now += Duration::from_millis(1);
        let packet = self.nodes[from].packet(room);
        let is_some = packet.is_some();
        assert!(!is_some || !packet.as_ref().is_some_and(|packet| packet.tokens.is_empty()));
        self.packets[from].extend(packet.map(|packet| (packet, false)));
        is_some
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Open(side, uni) => {
                let direction =
                    if uni { Direction::Unidirectional } else { Direction::Bidirectional };
                let side = usize::from(side);
                if let Ok(stream) = self.nodes[side].streams.open(direction) {
                    self.flows.insert((side, stream), Flow::default());
                    if !uni {
                        self.flows.insert((1 - side, stream), Flow::default());
                    }
                    self.write(side, stream, 1);
                }
            }
            Step::Write(side, n, len) => {
                let side = usize::from(side);
                let stream = self.pick(side, n).expect("stream 0");
                if self.is_known(side, stream) {
                    self.write(side, stream, len);
                }
            }
            Step::Finish(side, n) => {
                let side = usize::from(side);
                let stream = self.pick(side, n).expect("stream 0");
                self.finish(side, stream);
            }
            Step::Read(side, n, len) => {
                let stream = self.pick(usize::from(side), n).expect("stream 0");
                self.read(usize::from(side), stream, len);
            }
            Step::Send(side, room) => {
                self.send(usize::from(side), room);
            }
            Step::Deliver(side, n) => self.deliver(usize::from(side), n),
            Step::Duplicate(side, n) => {
                let from = usize::from(side);
                if let Some((packet, _)) = self.packets[from].get(n).cloned() {
                    // The same bytes in a packet of their own, as after a loss that was none.
                    self.nodes[1 - from].take(&packet.bytes).expect("the peer is correct");
                }
            }
            Step::Lose(side, n, late) => {
                let from = usize::from(side);
                if let Some((packet, lost)) = self.packets[from].get_mut(n) {
                    if !core::mem::replace(lost, true) {
                        self.nodes[from].fate(Fate::Lost, packet);
                    }
                    if !late {
                        self.packets[from].remove(n);
                    }
                }
            }
            Step::Request(side, n) => {
                let side = usize::from(side);
                let stream = self.pick(side, n).expect("stream 0");
                let result = self.nodes[side].streams.request_receipt(stream);
                assert!(matches!(result, Ok(()) | Err(WriteError::Ended | WriteError::Unknown)));
            }
            Step::Release(side) => self.nodes[usize::from(side)].streams.release_memory(),
        }
        self.check();
    }

    /// Whether a side has heard of a stream that the other one opened.
    fn is_known(&mut self, side: usize, stream: u64) -> bool {
        self.nodes[side].streams.write(stream, &[]) != Err(WriteError::Unknown)
    }

    fn finish(&mut self, side: usize, stream: u64) {
        let result = self.nodes[side].streams.finish(stream);
        let flow = self.flows.get_mut(&(side, stream)).expect("it exists");
        match result {
            Ok(()) => flow.finished = true,
            Err(WriteError::Ended) => assert!(flow.finished),
            Err(error) => assert_eq!(error, WriteError::Unknown),
        }
    }

    fn check(&mut self) {
        for node in &mut self.nodes {
            assert!(node.streams.receive_memory() <= node.streams.budget());
            node.events();
        }
        for ((writer, stream), flow) in &self.flows {
            let Some(receipt) = self.nodes[*writer].streams.receipt(*stream) else { continue };
            assert_eq!(receipt.written, flow.written);
            assert!(receipt.read <= flow.read, "{stream}: {receipt:?} {flow:?}");
            assert!(!receipt.all_read || flow.read == flow.written);
        }
    }

    /// From now on everything arrives and is read; all waits must end.
    fn run_out(&mut self) {
        let keys: Vec<_> = self.flows.keys().copied().collect();
        for turn in 0.. {
            assert!(turn < 2_000, "{:?}", self.flows);
            let mut is_active = false;
            for from in 0..2 {
                while self.send(from, 150) {
                    is_active = true;
                }
                while !self.packets[from].is_empty() {
                    is_active = true;
                    self.deliver(from, 0);
                }
            }
            for &(writer, stream) in &keys {
                let before = self.flows[&(writer, stream)].read;
                self.read(writer, stream, 1_000);
                is_active |= self.flows[&(writer, stream)].read > before;
                if self.is_known(writer, stream) && !self.flows[&(writer, stream)].finished {
                    self.finish(writer, stream);
                    is_active = true;
                }
            }
            self.check();
            if !is_active {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    // spec: 7.4.3, 7.4.6, 7.4.8, 7.6.1, 7.6.2, 8.2, 9.2.5
    #[test]
    fn what_is_written_is_read_whatever_the_network_does(
        window in prop_oneof![Just(300u64), Just(2_000)],
        lands in any::<bool>(),
        steps in prop::collection::vec(step(), 0..250),
    ) {
        let mut world = World::new(window);
        for node in &mut world.nodes {
            node.lands = lands;
        }
        for step in &steps {
            world.step(step);
        }
        world.run_out();
        for ((_, stream), flow) in &world.flows {
            prop_assert!(flow.finished, "stream {}", stream);
            prop_assert_eq!((flow.read, flow.ended), (flow.written, true), "stream {}", stream);
        }
        for node in &mut world.nodes {
            let closing = node.streams.closing();
            prop_assert_eq!(closing, Closing { pending: 0, outcome: Outcome::Delivered });
            prop_assert_eq!(node.streams.certain().count(), 0);
            prop_assert!(node.streams.records.len() == 0, "{:?}", node.streams.records);
            prop_assert_eq!(node.streams.buffered, 0);
            prop_assert_eq!(node.streams.send_pool.used() + node.streams.receive_pool.used(), 0);
        }
    }
}
