//! Several sockets on one port, seen through the system: who gets which datagram, and what drivers do
//! with those that come to the wrong one.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test above the line: real sockets and threads"
)]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{Event, PATIENCE, Peer, PeerDriver, Tell, Told, address};
use rudp_base::Transmit;
use rudp_net::{Driver, DriverOptions, Socket, SocketGroup, SocketOptions, Steering};

const STEERING: Steering = Steering { offset: 5 };

const UNSTEERED: fn() -> SocketOptions =
    || SocketOptions { steer: false, ..SocketOptions::default() };

/// Numbers whose remainders are easily mixed up: by sign, by the order of bytes, by powers of two.
const NUMBERS: [u32; 12] =
    [0, 1, 2, 3, 4, 5, 255, 256, 0x0100_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

struct Member {
    driver: PeerDriver,
    told: Told,
}

fn start(bind: &str, count: usize, options: &SocketOptions) -> Vec<Member> {
    let group = SocketGroup::bind(address(bind), count, STEERING, options).unwrap();
    let (mut parts, mut told) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (sender, receiver) = channel();
        parts.push((Peer::default(), Tell(sender), DriverOptions::default()));
        told.push(Told::new(receiver));
    }
    let drivers = Driver::spawn_group(group, parts).unwrap();
    drivers.into_iter().zip(told).map(|(driver, told)| Member { driver, told }).collect()
}

/// A datagram that belongs to the socket `number % sockets`.
fn datagram(number: u32) -> Vec<u8> {
    let mut data = b"\xc0name".to_vec();
    data.extend(number.to_be_bytes());
    data.extend(b"what it says");
    data
}

fn socket_of(number: u32, members: &[Member]) -> usize {
    number as usize % members.len()
}

/// A socket that reaches `to`.
fn client(to: SocketAddr) -> UdpSocket {
    let any = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    UdpSocket::bind(any).unwrap()
}

fn handed_over(members: &[Member]) -> u64 {
    members.iter().map(|member| member.driver.stats().handed_over).sum()
}

/// Sends from many ports, so that a system that does not steer spreads them.
fn each_datagram_reaches_its_machine(bind: &str, to: &str, count: usize, options: &SocketOptions) {
    let members = start(bind, count, options);
    let port = members[0].driver.local_addr().port();
    let ports: Vec<_> = members.iter().map(|member| member.driver.local_addr().port()).collect();
    assert!(port != 0 && ports.iter().all(|other| *other == port), "{ports:?}");
    let to = SocketAddr::new(to.parse().unwrap(), port);
    for _ in 0..8 {
        let client = client(to);
        for number in NUMBERS {
            client.send_to(&datagram(number), to).unwrap();
            let arrived = members[socket_of(number, &members)].told.arrived();
            assert_eq!(arrived.data, datagram(number), "{number:#x}");
            assert_eq!(arrived.remote, client.local_addr().unwrap());
        }
    }
    let handed_over = handed_over(&members);
    assert_eq!(handed_over > 0, !options.steer && count > 1, "{handed_over} were handed over");
    for member in &members {
        assert_eq!(member.told.try_next(), None);
        assert_eq!(member.driver.stats().handover_drops, 0);
    }
}

#[test]
fn each_datagram_reaches_its_machine_by_both_families_steered_or_handed_over() {
    let places = [
        ("127.0.0.1:0", "127.0.0.1"),
        ("[::1]:0", "::1"),
        ("[::]:0", "::1"),
        ("[::]:0", "127.0.0.1"),
    ];
    for (bind, to) in places {
        for count in [1, 2, 3, 5] {
            each_datagram_reaches_its_machine(bind, to, count, &SocketOptions::default());
            each_datagram_reaches_its_machine(bind, to, count, &UNSTEERED());
        }
    }
}

#[test]
fn the_parts_of_a_merged_batch_reach_their_machines() {
    let members = start("127.0.0.1:0", 2, &SocketOptions::default());
    let to = members[0].driver.local_addr();
    // One segmented send, which the loopback delivers in one piece.
    let sender = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    let numbers = [0, 0, 1, 0, 1, 1, 0, 3];
    let batch: Vec<u8> = numbers.into_iter().flat_map(datagram).collect();
    let transmit = Transmit { stride: datagram(0).len(), ..Transmit::single(to, batch.len()) };
    sender.send(&transmit, &batch, &mut 0).unwrap();
    for number in numbers {
        assert_eq!(members[socket_of(number, &members)].told.arrived().data, datagram(number));
    }
    let merged = handed_over(&members) > 0;
    assert!(merged || !sender_merges(), "the system merges, and nothing was handed over");
}

/// Whether the loopback delivers a segmented send in one piece, which not all systems do.
fn sender_merges() -> bool {
    let options = SocketOptions::default();
    let receiver = Socket::bind(address("127.0.0.1:0"), &options).unwrap();
    let sender = Socket::bind(address("127.0.0.1:0"), &options).unwrap();
    let transmit = Transmit { stride: 2, ..Transmit::single(receiver.local_addr(), 8) };
    sender.send(&transmit, &[7; 8], &mut 0).unwrap();
    let mut buffers = rudp_net::ReceiveBuffers::new();
    receiver.receive(&mut buffers).is_ok() && buffers.batches().any(|batch| batch.count() > 1)
}

#[test]
fn what_too_many_wait_for_is_dropped_and_counted() {
    let members = start("127.0.0.1:0", 2, &UNSTEERED());
    let to = members[0].driver.local_addr();
    // Whoever is of a port whose datagrams come to the first socket.
    let client = (0..100)
        .map(|_| client(to))
        .find(|client| {
            let before = members[0].driver.stats().handed_over;
            client.send_to(&datagram(1), to).unwrap();
            members[1].told.arrived();
            members[0].driver.stats().handed_over > before
        })
        .expect("one in two ports is");
    let mut large = datagram(1);
    large.resize(60_000, 0);
    // The second machine is busy: what is handed to it has to wait.
    members[1].driver.with(|_, _, _| {
        let enough = |stats: rudp_net::Stats| stats.handover_drops >= 3;
        while !enough(members[0].driver.stats()) {
            client.send_to(&large, to).unwrap();
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    // And then it goes on: behind what was kept comes the next.
    let mut kept = 0;
    loop {
        client.send_to(&datagram(1), to).unwrap();
        match members[1].told.next_within(Duration::from_millis(50)) {
            Some(Event::Arrived(arrived)) if arrived.data == datagram(1) => break,
            arrived => kept += u32::from(arrived.is_some()),
        }
    }
    assert!((17..=36).contains(&kept), "{kept}: two mailboxes of 1 MiB at most");
}

#[test]
fn no_other_group_takes_the_port_and_it_is_free_when_the_last_driver_has_gone() {
    let mut members = start("127.0.0.1:0", 3, &SocketOptions::default());
    let taken = members[0].driver.local_addr();
    let again = || SocketGroup::bind(taken, 2, STEERING, &SocketOptions::default());
    assert_eq!(again().err().unwrap().kind(), std::io::ErrorKind::AddrInUse);
    let client = client(taken);
    // Its siblings' numbers stay what they are when a driver has gone.
    drop(members.remove(0));
    for number in [1, 2, 4, 5] {
        client.send_to(&datagram(number), taken).unwrap();
        let arrived = members[number as usize % 3 - 1].told.arrived();
        assert_eq!(arrived.data, datagram(number));
    }
    assert!(again().is_err());
    drop(members);
    assert!(again().unwrap().is_steered() || !cfg!(target_os = "linux"));
}

#[test]
fn a_weak_handle_reaches_a_driver_that_runs_and_does_not_keep_it() {
    let members = start("127.0.0.1:0", 2, &SocketOptions::default());
    let weak = members[1].driver.downgrade();
    let (tell, told) = channel();
    // From within a call to a sibling, and though the driver itself sleeps.
    let is_left = members[0].driver.with(|_, _, _| {
        let tell = tell.clone();
        weak.leave(move |_, _, _| tell.send(std::thread::current().id()).unwrap())
    });
    assert!(is_left);
    assert!(told.recv_timeout(PATIENCE).unwrap() != std::thread::current().id());
    drop(members);
    assert!(!weak.clone().leave(|_, _, _| ()));
}

#[test]
fn a_group_needs_as_many_parts_as_sockets() {
    let group =
        SocketGroup::bind(address("127.0.0.1:0"), 2, STEERING, &SocketOptions::default()).unwrap();
    assert_eq!((group.len(), group.local_addr().ip()), (2, "127.0.0.1".parse().unwrap()));
    let parts = vec![(Peer::default(), Tell(channel::<Event>().0), DriverOptions::default())];
    let error = Driver::spawn_group(group, parts).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn sockets_of_a_group_are_not_replaced() {
    let members = start("127.0.0.1:0", 2, &SocketOptions::default());
    let before = members[0].driver.local_addr();
    let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    let error = members[0].driver.rebind(socket, |_, _, _| ()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    assert_eq!(members[0].driver.local_addr(), before);
}
