//! What the socket does with batches, addresses and options, seen through the system.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test above the line: real sockets and threads, and any byte will do as data"
)]

mod common;

use std::io;
use std::net::{IpAddr, UdpSocket};

use common::{Peer, address, echo_peer, quiet_peer, start};
use rudp_base::{Ecn, Transmit};
use rudp_net::{ReceiveBuffers, Socket, SocketOptions};

fn bind(text: &str, options: &SocketOptions) -> Socket {
    Socket::bind(address(text), options).unwrap()
}

fn wait_readable(socket: &Socket) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let timeout = Timespec { tv_sec: 20, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&timeout)).unwrap();
    assert_eq!(ready, 1, "nothing arrived");
}

/// The next `count` datagrams.
fn receive(socket: &Socket, count: usize) -> Vec<Vec<u8>> {
    let mut buffers = ReceiveBuffers::new();
    let mut received = Vec::new();
    while received.len() < count {
        wait_readable(socket);
        socket.receive(&mut buffers).unwrap();
        for batch in buffers.batches() {
            received.extend(batch.iter().map(<[u8]>::to_vec));
        }
    }
    received
}

fn numbered(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n / 7 + n) as u8).collect()
}

fn a_batch_arrives_as_its_datagrams(sender: &SocketOptions, receiver: &SocketOptions) {
    let receiver = bind("127.0.0.1:0", receiver);
    let sender = bind("127.0.0.1:0", sender);
    let (stride, batches) = (1_200, 3);
    let data = numbered(40 * stride + 77);
    let transmit = Transmit { stride, ..Transmit::single(receiver.local_addr(), data.len()) };
    for _ in 0..batches {
        let mut sent = 0;
        sender.send(&transmit, &data, &mut sent).unwrap();
        assert_eq!(sent, data.len());
    }
    let received = receive(&receiver, batches * transmit.count());
    for batch in received.chunks(transmit.count()) {
        assert!(batch.iter().map(Vec::as_slice).eq(data.chunks(stride)));
    }
}

#[test]
fn a_batch_arrives_as_its_datagrams_with_and_without_offload() {
    let on = SocketOptions::default();
    let off = SocketOptions { offload: false, ..SocketOptions::default() };
    for (sender, receiver) in [(&on, &on), (&on, &off), (&off, &on), (&off, &off)] {
        a_batch_arrives_as_its_datagrams(sender, receiver);
    }
}

#[test]
fn more_segments_than_the_system_takes_at_once_arrive() {
    let receiver = bind("[::1]:0", &SocketOptions::default());
    let sender = bind("[::1]:0", &SocketOptions::default());
    let data = numbered(200 * 10 + 3);
    let transmit = Transmit { stride: 10, ..Transmit::single(receiver.local_addr(), data.len()) };
    sender.send(&transmit, &data, &mut 0).unwrap();
    assert!(receive(&receiver, 201).iter().map(Vec::as_slice).eq(data.chunks(10)));
}

#[test]
fn a_batch_goes_on_where_it_is_told_to() {
    let receiver = bind("127.0.0.1:0", &SocketOptions::default());
    let sender = bind("127.0.0.1:0", &SocketOptions::default());
    let data = numbered(250);
    let transmit = Transmit { stride: 100, ..Transmit::single(receiver.local_addr(), data.len()) };
    sender.send(&transmit, &data, &mut 100).unwrap();
    assert_eq!(receive(&receiver, 2), [&data[100..200], &data[200..]]);
}

/// What a socket receives of a batch: who sent each datagram, its mark, and its bytes.
fn receive_marked(socket: &Socket, count: usize) -> Vec<(IpAddr, Option<Ecn>, Vec<u8>)> {
    let (mut buffers, mut received) = (ReceiveBuffers::new(), Vec::new());
    while received.len() < count {
        wait_readable(socket);
        socket.receive(&mut buffers).unwrap();
        for batch in buffers.batches() {
            let (from, ecn) = (batch.remote.ip(), batch.ecn);
            received.extend(batch.iter().map(|datagram| (from, ecn, datagram.to_vec())));
        }
    }
    received
}

#[test]
fn without_offload_a_batch_has_its_mark_its_source_and_its_order() {
    let off = SocketOptions { offload: false, ..SocketOptions::default() };
    let data = numbered(100 * 90 + 1);
    for (sender, receiver, source) in [
        ("0.0.0.0:0", "127.0.0.1:0", Some("127.0.0.2")),
        ("[::]:0", "127.0.0.1:0", Some("127.0.0.2")),
        ("127.0.0.1:0", "127.0.0.1:0", None),
        ("[::]:0", "[::1]:0", Some("::1")),
        ("[::1]:0", "[::1]:0", None),
    ] {
        let (receiver, sender) = (bind(receiver, &off), bind(sender, &off));
        let local: Option<IpAddr> = source.map(|ip| ip.parse().unwrap());
        let from = local.unwrap_or(sender.local_addr().ip());
        for ecn in [Some(Ecn::Ect0), None, Some(Ecn::Ce), Some(Ecn::Ect1)] {
            let single = Transmit::single(receiver.local_addr(), data.len());
            let transmit = Transmit { stride: 90, ecn, local, ..single };
            let mut sent = 0;
            sender.send(&transmit, &data, &mut sent).unwrap();
            assert_eq!(sent, data.len());
            let received = receive_marked(&receiver, transmit.count());
            let expected = data.chunks(90).map(|datagram| (from, ecn, datagram.to_vec()));
            assert!(received.into_iter().eq(expected), "{} {ecn:?}", sender.local_addr());
        }
    }
}

#[test]
fn without_offload_a_batch_goes_on_where_it_is_told_to() {
    let off = SocketOptions { offload: false, ..SocketOptions::default() };
    let (receiver, sender) = (bind("127.0.0.1:0", &off), bind("127.0.0.1:0", &off));
    let data = numbered(250);
    let transmit = Transmit { stride: 100, ..Transmit::single(receiver.local_addr(), data.len()) };
    for start in [100, 200] {
        let mut sent = start;
        sender.send(&transmit, &data, &mut sent).unwrap();
        assert_eq!(sent, data.len());
        let count = (data.len() - start).div_ceil(100);
        assert!(receive(&receiver, count).iter().map(Vec::as_slice).eq(data[start..].chunks(100)));
        let nothing = receiver.receive(&mut ReceiveBuffers::new()).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }
}

#[test]
fn without_offload_a_refused_batch_sends_nothing_and_keeps_the_marks() {
    let off = SocketOptions { offload: false, ..SocketOptions::default() };
    let receiver = bind("127.0.0.1:0", &off);
    let sender = bind("[::]:0", &off);
    let data = numbered(2 * 65_508);
    for (remote, stride, local, errno) in [
        (receiver.local_addr(), 65_508, None, libc::EMSGSIZE),
        (address("[::1]:9"), 100, Some("2001:db8::1"), libc::EINVAL),
    ] {
        let local = local.map(|ip| ip.parse().unwrap());
        let transmit = Transmit { stride, local, ..Transmit::single(remote, data.len()) };
        let mut sent = 0;
        let error = sender.send(&transmit, &data, &mut sent).unwrap_err();
        assert_eq!((error.raw_os_error(), sent), (Some(errno), 0));
        for len in [1, 250] {
            let single = Transmit::single(receiver.local_addr(), len);
            let marked = Transmit { stride: 100.min(len), ecn: Some(Ecn::Ect0), ..single };
            sender.send(&marked, &data, &mut 0).unwrap();
            let received = receive_marked(&receiver, marked.count());
            assert!(received.iter().all(|(_, mark, _)| *mark == Some(Ecn::Ect0)), "{received:?}");
            assert_eq!(received.len(), marked.count());
        }
    }
}

#[test]
fn the_largest_and_the_smallest_datagram_arrive() {
    for (bind_to, largest) in [("127.0.0.1:0", 65_507), ("[::1]:0", 65_527)] {
        let options = SocketOptions { fragment: true, ..SocketOptions::default() };
        let receiver = bind(bind_to, &options);
        let sender = bind(bind_to, &options);
        for len in [largest, 0, 1] {
            let data = numbered(len);
            let transmit = Transmit::single(receiver.local_addr(), len);
            sender.send(&transmit, &data, &mut 0).unwrap();
            assert_eq!(receive(&receiver, 1), [data]);
        }
    }
}

#[test]
fn nothing_to_receive_is_would_block() {
    let socket = bind("127.0.0.1:0", &SocketOptions::default());
    let error = socket.receive(&mut ReceiveBuffers::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn port_zero_is_refused_and_changes_nothing() {
    let receiver = bind("127.0.0.1:0", &SocketOptions::default());
    let sender = bind("127.0.0.1:0", &SocketOptions::default());
    let nobody = Transmit::single(address("127.0.0.1:0"), 1);
    let error = sender.send(&nobody, &[0], &mut 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let marked = Transmit { ecn: Some(Ecn::Ect0), ..Transmit::single(receiver.local_addr(), 1) };
    sender.send(&marked, &[1], &mut 0).unwrap();
    wait_readable(&receiver);
    let mut buffers = ReceiveBuffers::new();
    receiver.receive(&mut buffers).unwrap();
    assert_eq!(buffers.batches().next().unwrap().ecn, Some(Ecn::Ect0));
}

/// The mark that `socket`'s last datagram had.
fn last_mark(socket: &Socket, count: usize) -> Option<Ecn> {
    let (mut buffers, mut received, mut mark) = (ReceiveBuffers::new(), 0, None);
    while received < count {
        wait_readable(socket);
        socket.receive(&mut buffers).unwrap();
        for batch in buffers.batches() {
            received += batch.iter().count();
            mark = batch.ecn;
        }
    }
    mark
}

#[test]
fn nothing_that_is_refused_takes_the_congestion_marks_away() {
    let receiver = bind("127.0.0.1:0", &SocketOptions::default());
    let to = receiver.local_addr();
    let marked = Transmit { ecn: Some(Ecn::Ect0), ..Transmit::single(to, 1) };
    for wildcard in ["0.0.0.0:0", "[::]:0"] {
        let sender = bind(wildcard, &SocketOptions::default());
        for (remote, local, arrives) in [
            (to, Some("255.255.255.255"), true),
            (to, Some("224.0.0.1"), true),
            (to, Some("::1"), true),
            (to, Some("192.0.2.1"), false),
            // Not ours, which is invalid to Linux.
            (address("[::1]:9"), Some("2001:db8::1"), false),
        ] {
            let local = local.map(|ip| ip.parse().unwrap());
            let odd = Transmit { local, ..Transmit::single(remote, 1) };
            let result = sender.send(&odd, &[0], &mut 0);
            assert_eq!(result.is_ok(), arrives, "{remote} {local:?}: {result:?}");
            sender.send(&marked, &[1], &mut 0).unwrap();
            let count = 1 + usize::from(arrives);
            assert_eq!(last_mark(&receiver, count), Some(Ecn::Ect0), "{remote} {local:?}");
        }
    }
}

#[test]
fn congestion_marks_arrive() {
    for bind_to in ["127.0.0.1:0", "[::1]:0"] {
        let receiver = bind(bind_to, &SocketOptions::default());
        let sender = bind(bind_to, &SocketOptions::default());
        for ecn in [None, Some(Ecn::Ect0), Some(Ecn::Ect1), Some(Ecn::Ce)] {
            let transmit = Transmit { ecn, ..Transmit::single(receiver.local_addr(), 1) };
            sender.send(&transmit, &[7], &mut 0).unwrap();
            wait_readable(&receiver);
            let mut buffers = ReceiveBuffers::new();
            assert_eq!(receiver.receive(&mut buffers).unwrap(), 1);
            assert_eq!(buffers.batches().next().unwrap().ecn, ecn);
        }
    }
}

#[test]
fn drops_are_counted() {
    let options = SocketOptions { receive_buffer: 4_096, ..SocketOptions::default() };
    let receiver = bind("127.0.0.1:0", &options);
    let sender = bind("127.0.0.1:0", &SocketOptions::default());
    let Some(before) = receiver.receive_drops() else { return };
    assert_eq!(before, 0);
    let transmit = Transmit::single(receiver.local_addr(), 1_000);
    for _ in 0..100 {
        sender.send(&transmit, &[0; 1_000], &mut 0).unwrap();
    }
    let drops = receiver.receive_drops().unwrap();
    assert!((50..100).contains(&drops), "{drops}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_dont_fragment_bit_is_as_asked_for() {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, ip_mtu_discover, ipv6_mtu_discover,
    };
    for (fragment, v4, v6) in [
        (false, Ipv4PathMtuDiscovery::PROBE, Ipv6PathMtuDiscovery::PROBE),
        (true, Ipv4PathMtuDiscovery::DONT, Ipv6PathMtuDiscovery::DONT),
    ] {
        let options = SocketOptions { fragment, ..SocketOptions::default() };
        assert_eq!(ip_mtu_discover(bind("127.0.0.1:0", &options)).unwrap(), v4);
        let dual = bind("[::]:0", &options);
        assert_eq!(ip_mtu_discover(&dual).unwrap(), v4);
        assert_eq!(ipv6_mtu_discover(&dual).unwrap(), v6);
    }
}

#[test]
fn a_shared_port_has_several_sockets_and_another_has_not() {
    let options = SocketOptions { reuse_port: true, ..SocketOptions::default() };
    let first = bind("127.0.0.1:0", &options);
    let second = Socket::bind(first.local_addr(), &options).unwrap();
    assert_eq!(second.local_addr(), first.local_addr());
    let error = Socket::bind(first.local_addr(), &SocketOptions::default()).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_leaves_from_the_address_asked() {
    for wildcard in ["0.0.0.0:0", "[::]:0"] {
        let (echo, _told) = echo_peer(wildcard);
        let asked = address(&format!("127.0.0.2:{}", echo.local_addr().port()));
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(common::PATIENCE)).unwrap();
        client.send_to(b"?", asked).unwrap();
        let (_, answered) = client.recv_from(&mut [0; 8]).unwrap();
        assert_eq!(answered, asked);
    }
}

#[test]
fn a_dual_stack_socket_shows_plain_addresses() {
    let (dual, dual_told) = quiet_peer("[::]:0");
    let (v4, v4_told) = quiet_peer("127.0.0.1:0");
    let (v6, v6_told) = quiet_peer("[::1]:0");
    let port = dual.local_addr().port();
    for (peer, told, host) in [(&v4, &v4_told, "127.0.0.1"), (&v6, &v6_told, "[::1]")] {
        let to = address(&format!("{host}:{port}"));
        peer.with(|_, peer, _| peer.send(to, b"there"));
        let there = dual_told.arrived();
        assert_eq!(there.remote, peer.local_addr());
        assert_eq!(there.local, Some(to.ip()));
        dual.with(|_, peer, _| peer.send(there.remote, b"back"));
        assert_eq!(told.arrived().remote, to);
    }
}

#[test]
fn a_dual_stack_socket_begins_with_peers_of_both_families() {
    let (dual, dual_told) = quiet_peer("[::]:0");
    for host in ["127.0.0.1:0", "[::1]:0"] {
        let (echo, _told) = echo_peer(host);
        dual.with(|_, peer, _| peer.send(echo.local_addr(), b"first"));
        let back = dual_told.arrived();
        assert_eq!((back.remote, back.data), (echo.local_addr(), b"first".to_vec()));
        assert_eq!(back.local, Some(echo.local_addr().ip()));
    }
    // The mapped form is understood, though it is never shown.
    let (echo, _told) = echo_peer("127.0.0.1:0");
    let port = echo.local_addr().port();
    let mapped = address(&format!("[::ffff:127.0.0.1]:{port}"));
    dual.with(|_, peer, _| peer.send(mapped, b"mapped"));
    assert_eq!(dual_told.arrived().remote, echo.local_addr());
    assert_eq!(dual.stats().send_errors.total(), 0);
}

#[test]
fn an_address_of_the_other_family_is_only_counted() {
    let (v4, _told) = start("127.0.0.1:0", &SocketOptions::default(), Peer::default());
    v4.with(|_, peer, _| peer.send(address("[::1]:9"), b"?"));
    let errors = v4.stats().send_errors;
    assert_eq!(errors.total(), 1, "{errors:?}");
    assert!(matches!(v4.local_addr().ip(), IpAddr::V4(_)));
}
