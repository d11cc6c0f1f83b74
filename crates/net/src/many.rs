//! Sending several datagrams to one address by one call to the system, on Linux. Which datagrams those
//! are, and what becomes of those that were not sent, is decided elsewhere.

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::SockAddr;

use crate::control::Control;

/// How many datagrams one call sends at most.
pub(crate) const MAX_DATAGRAMS: usize = 32;

/// Sends the datagrams that lie one behind the other in `data`, each `stride` bytes long but the last,
/// which may be shorter, and returns how many were sent: at least one, and no more than
/// [`MAX_DATAGRAMS`].
///
/// # Errors
///
/// Those that the first datagram meets. Those of a later one only end the call.
#[expect(unsafe_code, reason = "no safe interface sends datagrams with control messages of IP")]
pub(crate) fn send_many(
    socket: BorrowedFd<'_>,
    destination: &SockAddr,
    control: &Control,
    stride: usize,
    data: &[u8],
) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); MAX_DATAGRAMS];
    // SAFETY: a header is numbers and raw pointers, and zero is a value of both.
    let mut headers: [libc::mmsghdr; MAX_DATAGRAMS] = unsafe { mem::zeroed() };
    let mut count = 0;
    let room = slices.iter_mut().zip(&mut headers);
    for (datagram, (slice, header)) in data.chunks(stride.max(1)).zip(room) {
        *slice = IoSlice::new(datagram);
        let header = &mut header.msg_hdr;
        header.msg_name = destination.as_ptr().cast_mut().cast();
        header.msg_namelen = destination.len();
        // An `IoSlice` is an `iovec` in memory.
        header.msg_iov = (&raw mut *slice).cast();
        header.msg_iovlen = 1;
        header.msg_control = control.as_ptr().cast_mut();
        header.msg_controllen = control.len() as _;
        count += 1;
    }
    loop {
        // SAFETY: the descriptor is open as long as it is borrowed. The first `count` headers point to
        // an address, a slice and control messages that outlive the call with as many bytes as they
        // say, all of which the system only reads. It writes to the headers alone.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
        match usize::try_from(sent) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => return Ok(sent),
            Err(_) => {}
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::AsFd;

    use rudp_base::Ecn;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use socket2::{Domain, Type};

    use super::*;
    use crate::{ReceiveBuffers, Socket, SocketOptions};

    /// A row of 49 datagrams: more than one call sends.
    const STRIDE: usize = 20;
    const LEN: usize = 48 * STRIDE + 7;

    fn numbered(len: usize) -> Vec<u8> {
        (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect()
    }

    /// A datagram as it came: who sent it, its mark, and its bytes.
    type Arrived = (IpAddr, Option<Ecn>, Vec<u8>);

    /// What a socket of `family` that is bound to nothing sends to `destination` by one call.
    fn sent_to(
        receiver: &Socket,
        (family, destination): (Domain, SocketAddr),
        ecn: Option<Ecn>,
        source: Option<IpAddr>,
    ) -> io::Result<Vec<Arrived>> {
        let sender = socket2::Socket::new(family, Type::DGRAM, None).unwrap();
        if family == Domain::IPV6 {
            sender.set_only_v6(false).unwrap();
        }
        let control = Control::new(destination, ecn, source);
        let data = numbered(LEN);
        let count = send_many(sender.as_fd(), &destination.into(), &control, STRIDE, &data)?;
        let (mut buffers, mut arrived) = (ReceiveBuffers::new(), Vec::new());
        while arrived.len() < count {
            let timeout = Timespec { tv_sec: 20, tv_nsec: 0 };
            let ready = poll(&mut [PollFd::new(receiver, PollFlags::IN)], Some(&timeout)).unwrap();
            assert_eq!(ready, 1, "nothing arrived");
            receiver.receive(&mut buffers).unwrap();
            for batch in buffers.batches() {
                let (from, ecn) = (batch.remote.ip(), batch.ecn);
                arrived.extend(batch.iter().map(|datagram| (from, ecn, datagram.to_vec())));
            }
        }
        Ok(arrived)
    }

    fn receiver(ip: &str) -> Socket {
        let ip: IpAddr = ip.parse().unwrap();
        Socket::bind((ip, 0).into(), &SocketOptions::default()).unwrap()
    }

    /// The destinations that `receiver` has, with the family of the socket that has to be used.
    fn ways(receiver: &Socket) -> Vec<(Domain, SocketAddr)> {
        match receiver.local_addr() {
            v6 @ SocketAddr::V6(_) => vec![(Domain::IPV6, v6)],
            v4 @ SocketAddr::V4(_) => {
                vec![(Domain::IPV4, v4), (Domain::IPV6, crate::address::mapped(v4))]
            }
        }
    }

    #[test]
    fn one_call_sends_what_it_may_and_in_order() {
        for ip in ["127.0.0.1", "::1"] {
            let receiver = receiver(ip);
            for way in ways(&receiver) {
                let arrived = sent_to(&receiver, way, None, None).unwrap();
                assert_eq!(arrived.len(), MAX_DATAGRAMS);
                let data = numbered(LEN);
                let sent = data.chunks(STRIDE).take(MAX_DATAGRAMS);
                assert!(arrived.iter().map(|(.., datagram)| datagram.as_slice()).eq(sent));
            }
        }
    }

    #[test]
    fn every_datagram_has_the_mark() {
        for ip in ["127.0.0.1", "::1"] {
            let receiver = receiver(ip);
            for way in ways(&receiver) {
                for ecn in [None, Some(Ecn::Ect0), Some(Ecn::Ect1), Some(Ecn::Ce)] {
                    let arrived = sent_to(&receiver, way, ecn, None).unwrap();
                    assert!(arrived.iter().all(|(_, mark, _)| *mark == ecn), "{way:?} {ecn:?}");
                }
            }
        }
    }

    #[test]
    fn every_datagram_leaves_from_the_source() {
        let receiver = receiver("127.0.0.1");
        let source: IpAddr = "127.0.0.2".parse().unwrap();
        for way in ways(&receiver) {
            let of_family =
                if way.1.is_ipv6() { crate::address::mapped_ip(source) } else { source };
            let arrived = sent_to(&receiver, way, Some(Ecn::Ect0), Some(of_family)).unwrap();
            let marked = |(from, mark, _): &Arrived| *from == source && *mark == Some(Ecn::Ect0);
            assert!(arrived.iter().all(marked), "{arrived:?}");
        }
    }

    #[test]
    fn a_source_of_ipv6_counts_as_well() {
        let receiver = receiver("::1");
        let way = (Domain::IPV6, receiver.local_addr());
        let own: IpAddr = "::1".parse().unwrap();
        let arrived = sent_to(&receiver, way, Some(Ecn::Ect1), Some(own)).unwrap();
        let marked = |(from, mark, _): &Arrived| *from == own && *mark == Some(Ecn::Ect1);
        assert!(arrived.iter().all(marked), "{arrived:?}");
        // There is one address to choose from here, and so what shows is that no other will do.
        let other = "2001:db8::1".parse().unwrap();
        let error = sent_to(&receiver, way, None, Some(other)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    }

    /// A sender whose buffer fills up, as that of UDP does not on loopback, a receiver, and its address.
    /// Control messages of IP mean nothing to these two.
    fn narrow_pair() -> (socket2::Socket, socket2::Socket, SockAddr) {
        let socket = || socket2::Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
        let (sender, receiver) = (socket(), socket());
        // The system chooses a name.
        receiver.bind(&SockAddr::unix("").unwrap()).unwrap();
        // As little as the system lets it have.
        sender.set_send_buffer_size(0).unwrap();
        sender.set_nonblocking(true).unwrap();
        receiver.set_nonblocking(true).unwrap();
        let name = receiver.local_addr().unwrap();
        (sender, receiver, name)
    }

    fn receive_all(mut receiver: &socket2::Socket, received: &mut Vec<Vec<u8>>) {
        let mut datagram = [0; STRIDE];
        while let Ok(len) = receiver.read(&mut datagram) {
            received.push(datagram[..len].to_vec());
        }
    }

    fn some_control() -> Control {
        Control::new(([127, 0, 0, 1], 9).into(), None, None)
    }

    #[test]
    fn a_full_buffer_says_how_many_were_sent_and_then_that_it_would_block() {
        let (sender, receiver, name) = narrow_pair();
        let (control, data) = (some_control(), numbered(LEN));
        let (mut sent, mut received, mut blocked) = (0, Vec::new(), 0);
        while sent < data.len() {
            match send_many(sender.as_fd(), &name, &control, STRIDE, &data[sent..]) {
                Ok(count) => sent = data.len().min(sent + count * STRIDE),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    blocked += 1;
                    receive_all(&receiver, &mut received);
                }
            }
        }
        receive_all(&receiver, &mut received);
        assert!(blocked > 0);
        assert!(received.iter().map(Vec::as_slice).eq(data.chunks(STRIDE)));
    }

    #[test]
    fn what_the_first_datagram_meets_is_the_error() {
        let (sender, receiver, name) = narrow_pair();
        drop(receiver);
        let (control, data) = (some_control(), numbered(LEN));
        let error = send_many(sender.as_fd(), &name, &control, STRIDE, &data).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let error = send_many(sender.as_fd(), &name, &control, STRIDE, &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }
}
