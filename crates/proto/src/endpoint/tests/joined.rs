//! Batches of several sessions to one address.

use core::time::Duration;
use std::collections::BTreeSet;

use bytes::Bytes;
use rudp_base::{Datagrams, Ecn, Machine as _};

use super::{CLIENT, Pair, SERVER, address};
use crate::config::{Config, EndpointConfig};
use crate::connection::{Read, SendMode};
use crate::endpoint::Target;
use crate::event::Handle;
use crate::toy::Toy;

const SESSIONS: usize = 5;

/// That many sessions of one client, and their ends at the server.
fn many(packet_size: Option<u16>) -> (Pair, Vec<Handle>) {
    so_many(SESSIONS, packet_size)
}

fn so_many(sessions: usize, packet_size: Option<u16>) -> (Pair, Vec<Handle>) {
    let session = Config { packet_size, ..Config::default() };
    let config = EndpointConfig { session, ..EndpointConfig::default() };
    let mut pair = Pair::open(&config, &config);
    let mut handles = vec![pair.handles[CLIENT].unwrap()];
    for _ in 1..sessions {
        let target = Target { server_key: Some(Toy::key(1)), ..Target::default() };
        handles.push(pair.ends[CLIENT].connect(pair.now, address(SERVER), target).unwrap());
        pair.run_for(Duration::from_secs(1));
    }
    // All of them send as one flow, which has to know what its path takes before each may send something.
    for _ in 0..6 {
        let last = *handles.last().unwrap();
        let mut session = pair.ends[CLIENT].session(pair.now, last).unwrap();
        assert_eq!(session.write(0, &vec![0; 100_000]).unwrap(), 100_000);
        drop(session);
        pair.run_for(Duration::from_secs(1));
        while pair.session(SERVER).read(0, &mut vec![0; 100_000]).is_ok() {}
    }
    (pair, handles)
}

/// A message that takes a whole packet of 1,200 bytes.
fn packetful() -> Bytes {
    Bytes::from(vec![7; 1_200 - 16 - 16 - 1])
}

#[test]
fn what_several_sessions_send_to_one_address_leaves_together() {
    let (mut pair, handles) = many(Some(1_200));
    pair.run_for(Duration::from_secs(2));
    for handle in &handles {
        let mut session = pair.ends[CLIENT].session(pair.now, *handle).unwrap();
        session.send_message(packetful(), SendMode::Unreliable, false).unwrap();
    }
    let mut buffer = vec![0; 1 << 16];
    let batch = pair.ends[CLIENT].poll_transmit(pair.now, &mut buffer).unwrap();
    let datagrams: Vec<_> = buffer[..batch.len].chunks_exact(1_200).collect();
    let ids: BTreeSet<_> = datagrams.iter().map(|datagram| &datagram[1..9]).collect();
    assert_eq!((batch.stride, datagrams.len(), ids.len()), (1_200, SESSIONS, SESSIONS));
    assert!(pair.ends[CLIENT].poll_transmit(pair.now, &mut buffer).is_none());
}

#[test]
fn all_of_it_arrives() {
    for size in [None, Some(1_200)] {
        let (mut pair, handles) = many(size);
        for (n, handle) in (0u8..).zip(&handles) {
            let mut session = pair.ends[CLIENT].session(pair.now, *handle).unwrap();
            assert_eq!(session.write(0, &vec![n + 1; 60_000]).unwrap(), 60_000);
        }
        pair.run_for(Duration::from_secs(5));
        let mut got = BTreeSet::<u8>::new();
        for index in 0..pair.ends[SERVER].slots.len() {
            let index = u32::try_from(index).unwrap();
            let handle =
                Handle { index, generation: pair.ends[SERVER].slots[index as usize].generation };
            let mut session = pair.ends[SERVER].session(pair.now, handle).unwrap();
            let (mut data, mut buffer) = (Vec::new(), vec![0u8; 10_000]);
            while let Ok(Read::Bytes(len)) = session.read(0, &mut buffer) {
                // What made the path known came before.
                data.extend(buffer[..len].iter().filter(|byte| **byte != 0));
            }
            assert!(data.len() == 60_000 && data.iter().all(|byte| *byte == data[0]));
            got.insert(data[0]);
        }
        assert!(got.into_iter().eq(1..6));
    }
}

// spec: 8.5
#[test]
fn an_acknowledgement_that_joins_marked_packets_is_acknowledged() {
    let (mut pair, handles) = many(Some(1_200));
    // The first one has nothing to acknowledge.
    for index in 1..pair.ends[SERVER].slots.len() {
        let generation = pair.ends[SERVER].slots[index].generation;
        let handle = Handle { index: u32::try_from(index).unwrap(), generation };
        let mut session = pair.ends[SERVER].session(pair.now, handle).unwrap();
        session.write(0, &[1; 10]).unwrap();
    }
    let limit = pair.now + Duration::from_secs(1);
    let is_there = |pair: &mut Pair| {
        let mut session = pair.ends[CLIENT].session(pair.now, handles[1]).unwrap();
        session.read(0, &mut [0; 10]).is_ok()
    };
    while !is_there(&mut pair) {
        assert!(pair.step(limit));
    }
    let acks_sent = |pair: &mut Pair| -> u64 {
        let acks_sent = |handle: &Handle| {
            pair.ends[CLIENT].session(pair.now, *handle).unwrap().stats().acks_sent
        };
        handles.iter().map(acks_sent).sum()
    };
    for handle in &handles {
        let mut session = pair.ends[CLIENT].session(pair.now, *handle).unwrap();
        // Nothing else fits into its packet.
        session.send_message(packetful(), SendMode::Unreliable, false).unwrap();
    }
    let mut buffer = vec![0; 1 << 16];
    let mut has_joined = false;
    let mut before = acks_sent(&mut pair);
    while let Some(batch) = pair.ends[CLIENT].poll_transmit(pair.now, &mut buffer) {
        let datagrams: Vec<_> = buffer[..batch.len].chunks(batch.stride).collect();
        let ids: BTreeSet<_> = datagrams.iter().map(|datagram| &datagram[1..9]).collect();
        let after = acks_sent(&mut pair);
        if batch.ecn == Some(Ecn::Ect0) && datagrams.last().unwrap().len() < 1_200 {
            has_joined |= ids.len() > 1;
            assert_eq!(after, before, "none of them is nothing but an acknowledgement");
        }
        before = after;
    }
    assert!(has_joined);
}

#[test]
fn those_that_cannot_join_have_their_turns() {
    for sessions in 2..20 {
        let (mut pair, handles) = so_many(sessions, Some(1_200));
        for handle in &handles {
            let mut session = pair.ends[CLIENT].session(pair.now, *handle).unwrap();
            let data = Bytes::from(vec![7; 700]);
            session.send_message(data, SendMode::Unreliable, false).unwrap();
        }
        let mut buffer = vec![0; 1 << 16];
        let ids: BTreeSet<_> = (0..sessions)
            .map(|_| {
                let batch = pair.ends[CLIENT].poll_transmit(pair.now, &mut buffer).unwrap();
                assert!(batch.len < 1_200, "nobody can join");
                buffer[1..9].to_vec()
            })
            .collect();
        assert_eq!(ids.len(), sessions, "each once");
    }
}

/// The next batch of the server: how long each datagram is, and how many sessions they are of.
fn next_of_server(pair: &mut Pair) -> Option<(usize, usize)> {
    let mut buffer = vec![0; 1 << 16];
    let batch = pair.ends[SERVER].poll_transmit(pair.now, &mut buffer)?;
    let datagrams = buffer[..batch.len].chunks_exact(batch.stride);
    assert!(datagrams.remainder().is_empty() && batch.ecn.is_none());
    Some((batch.stride, datagrams.map(|datagram| &datagram[1..9]).collect::<BTreeSet<_>>().len()))
}

#[test]
fn acknowledgements_of_several_sessions_leave_together() {
    // Behind the first, more than are asked for each batch wait for a second packet.
    let (mut pair, handles) = so_many(20, Some(1_200));
    for (n, handle) in handles.iter().enumerate() {
        let mut session = pair.ends[CLIENT].session(pair.now, *handle).unwrap();
        let len = if n == 0 || n > 15 { 1_300 } else { 100 };
        assert_eq!(session.write(0, &vec![7; len]).unwrap(), len);
    }
    let limit = pair.now + Duration::from_secs(1);
    assert!(pair.step(limit));
    assert_eq!(next_of_server(&mut pair), Some((80, 5)));
    assert_eq!(next_of_server(&mut pair), None);
    // One that is alone is no longer than it has to be.
    let mut session = pair.ends[CLIENT].session(pair.now, handles[3]).unwrap();
    session.write(0, &[7; 1_300]).unwrap();
    drop(session);
    pair.drain();
    assert!(pair.step(limit));
    let (len, sessions) = next_of_server(&mut pair).unwrap();
    assert!(len < 60 && sessions == 1, "{len} bytes");
}

/// A datagram with its session's id, whether it has a mark, and which batch it is of.
struct Sent {
    bytes: Vec<u8>,
    is_marked: bool,
    batch: usize,
}

impl Sent {
    fn id(&self) -> &[u8] {
        &self.bytes[1..9]
    }
}

/// All that one end wants to send.
fn drained(pair: &mut Pair, end: usize) -> Vec<Sent> {
    let (mut buffer, mut all) = (vec![0; 1 << 16], Vec::new());
    for batch in 0.. {
        while pair.ends[end].poll_event().is_some() {}
        let Some(transmit) = pair.ends[end].poll_transmit(pair.now, &mut buffer) else { break };
        let is_marked = transmit.ecn.is_some();
        let datagrams = buffer[..transmit.len].chunks(transmit.stride);
        all.extend(datagrams.map(|bytes| Sent { bytes: bytes.to_vec(), is_marked, batch }));
    }
    all
}

fn deliver(pair: &mut Pair, to: usize, from: u8, sent: &Sent) {
    let mut bytes = sent.bytes.clone();
    pair.ends[to].handle(pair.now, Datagrams::single(address(usize::from(from)), &mut bytes));
}

/// Two sessions that acknowledge each packet at once, and those of the server in the same order.
fn two_in_a_hurry() -> (Pair, [Handle; 2], [Handle; 2]) {
    let session = Config { packet_size: Some(1_200), ack_tolerance: 1, ..Config::default() };
    let config = EndpointConfig { session, ..EndpointConfig::default() };
    let mut pair = Pair::open(&config, &config);
    let target = Target { server_key: Some(Toy::key(1)), ..Target::default() };
    let first = pair.handles[CLIENT].unwrap();
    let second = pair.ends[CLIENT].connect(pair.now, address(SERVER), target).unwrap();
    pair.run_for(Duration::from_secs(1));
    let served = [0, 1].map(|index: u32| {
        let generation = pair.ends[SERVER].slots[index as usize].generation;
        Handle { index, generation }
    });
    // Each side has told the other how often it wants to hear.
    for _ in 0..2 {
        for handle in served {
            pair.ends[SERVER].session(pair.now, handle).unwrap().write(0, b"0").unwrap();
        }
        pair.run_for(Duration::from_secs(1));
    }
    (pair, [first, second], served)
}

// spec: 8.5
#[test]
fn an_acknowledgement_does_not_join_data_that_are_as_long_and_have_a_mark() {
    let mut lengths = Vec::new();
    for len in 30..60 {
        let (mut pair, handles, served) = two_in_a_hurry();
        pair.ends[SERVER].session(pair.now, served[1]).unwrap().write(0, b"1").unwrap();
        let from_server = drained(&mut pair, SERVER);
        let mut session = pair.ends[CLIENT].session(pair.now, handles[0]).unwrap();
        session.write(0, &vec![7; len]).unwrap();
        drop(session);
        deliver(&mut pair, CLIENT, 1, &from_server[0]);
        let all = drained(&mut pair, CLIENT);
        assert_eq!(all.len(), 2, "data, and an acknowledgement");
        assert!(all[0].is_marked && !all[1].is_marked, "{len} bytes of data");
        assert_ne!((all[0].batch, all[0].id()), (all[1].batch, all[1].id()));
        lengths.push(all[0].bytes.len());
    }
    assert!(lengths.contains(&80), "{lengths:?}");
}

// spec: 9.3.1
#[test]
fn who_has_to_answer_a_challenge_does_so_before_its_acknowledgement() {
    let (mut pair, handles, served) = two_in_a_hurry();
    // The second session comes from another address, and is challenged there.
    pair.ends[CLIENT].session(pair.now, handles[1]).unwrap().write(0, b"2").unwrap();
    let moved = drained(&mut pair, CLIENT);
    deliver(&mut pair, SERVER, 7, &moved[0]);
    let challenges = drained(&mut pair, SERVER);
    pair.ends[SERVER].session(pair.now, served[0]).unwrap().write(0, b"1").unwrap();
    let data = drained(&mut pair, SERVER);
    for sent in data.iter().chain(&challenges) {
        deliver(&mut pair, CLIENT, 1, sent);
    }
    let all = drained(&mut pair, CLIENT);
    // Its old address and its new one are asked at once, and it answers both.
    let of_second = all.iter().filter(|sent| sent.id() == moved[0].id());
    assert_eq!(of_second.count(), 3, "two answers, and an acknowledgement");
}
