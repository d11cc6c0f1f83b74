//! [`Socket`]: a UDP socket that sends and receives batches without waiting.
//! When to call it again after it had no room or nothing to give is the caller's business.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Once, PoisonError, RwLock};

use quinn_udp::{EcnCodepoint, UdpSockRef, UdpSocketState};
use rudp_base::{Ecn, Transmit};
use socket2::{Domain, Protocol, Type};

use crate::offload::Offload;
use crate::receive::ReceiveBuffers;
use crate::{address, fault, split};
#[cfg(target_os = "linux")]
use crate::{
    control::Control,
    many::{MAX_DATAGRAMS, send_many},
    sys::set_option,
};

/// How to make a [`Socket`].
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the system's, by itself")]
#[derive(Clone, Debug)]
pub struct SocketOptions {
    /// Whether the system may fragment datagrams larger than the path takes. `false` sets the
    /// don't-fragment bit, which finding the path's size needs.
    pub fragment: bool,
    /// Bytes of the system's receive buffer.
    pub receive_buffer: usize,
    /// Bytes of the system's send buffer.
    pub send_buffer: usize,
    /// Whether other sockets may have the same address, and share what is sent to it.
    pub reuse_port: bool,
    /// Whether the system may segment and merge batches (GSO and GRO). `false` is for measuring
    /// what they give.
    pub offload: bool,
    /// Whether the system may give datagrams to the socket of a [group](crate::SocketGroup) that they
    /// belong to. `false` is for testing and measuring what drivers do without.
    pub steer: bool,
}

impl Default for SocketOptions {
    /// Don't-fragment set, 4 MiB of buffer each way, an address of its own, offload, steering.
    fn default() -> Self {
        Self {
            fragment: false,
            receive_buffer: 4 << 20,
            send_buffer: 4 << 20,
            reuse_port: false,
            offload: true,
            steer: true,
        }
    }
}

/// A UDP socket that sends and receives in batches, and never waits.
///
/// Bound to `[::]` it serves IPv4 as well; addresses of IPv4 are plain in both directions.
pub struct Socket {
    inner: socket2::Socket,
    /// What `quinn_udp` has found out about the system. Replaced when that was a wrong conclusion.
    state: RwLock<UdpSocketState>,
    local_addr: SocketAddr,
    offload: Offload,
    receive_room: usize,
    /// Whether ECT(0) is the mark of datagrams for which no other is asked for.
    #[cfg(target_os = "linux")]
    marks: bool,
}

impl Socket {
    /// A socket bound to `address`; port 0 lets the system choose one.
    ///
    /// Warns in the log, once a process, naming the remedy, if the system grants smaller buffers than asked for.
    ///
    /// # Errors
    ///
    /// Those of the system: the address is in use, is not of this machine, or is not permitted.
    pub fn bind(address: SocketAddr, options: &SocketOptions) -> io::Result<Self> {
        let socket =
            socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() && address.ip().is_unspecified() {
            socket.set_only_v6(false)?;
        }
        if options.reuse_port {
            socket.set_reuse_port(true)?;
        }
        let receive_room = set_buffers(&socket, options)?;
        socket.bind(&address.into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        #[cfg(target_os = "linux")]
        set_linux_options(&socket, address, options)?;
        let local_addr = socket
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::other("a UDP socket without an IP address"))?;
        let max_segments = if options.offload { state.max_gso_segments() } else { 1 };
        let (state, offload) = (RwLock::new(state), Offload::new(max_segments));
        Ok(Self {
            #[cfg(target_os = "linux")]
            marks: max_segments == 1 && set_mark(&socket, address).is_ok(),
            inner: socket,
            state,
            local_addr,
            offload,
            receive_room,
        })
    }

    /// The address the socket is bound to, with the port the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many bytes the system's receive buffer holds, its own bookkeeping aside.
    pub(crate) fn receive_room(&self) -> usize {
        self.receive_room
    }

    /// From now on other sockets may have the same address.
    pub(crate) fn share_port(&self) -> io::Result<()> {
        self.inner.set_reuse_port(true)
    }

    /// Receives as many batches as are there and have room in `buffers`, with one call to the
    /// system, and returns their number, at least 1. What was in `buffers` is gone.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there, else the system's. Some of
    /// them are news of datagrams sent earlier, and the next call may succeed.
    pub fn receive(&self, buffers: &mut ReceiveBuffers) -> io::Result<usize> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        buffers.fill(|slices, metas| state.recv(UdpSockRef::from(&self.inner), slices, metas))
    }

    /// Sends a batch, whose datagrams are the first `transmit.len` bytes of `data`, from byte
    /// `sent` on (0 for a new batch).
    ///
    /// One call to the system sends them all where it can segment, and the batch fits into what it
    /// segments at once. Where it cannot, a call sends up to 32 on Linux, and one elsewhere. `sent`
    /// grows by what was sent, also if an error ends the call early: then it says where to go on, so
    /// that no datagram is sent twice.
    ///
    /// A `transmit.local` that nothing can be sent from, being a group's, everybody's or of the
    /// other family, is ignored: then the system chooses.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the socket's buffer is full, else the
    /// system's.
    ///
    /// # Panics
    ///
    /// If `data` is shorter than `transmit.len`.
    pub fn send(&self, transmit: &Transmit, data: &[u8], sent: &mut usize) -> io::Result<()> {
        // The system would refuse port 0 as invalid, and anybody can forge it as the sender's.
        if transmit.remote.port() == 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let max_segments = self.offload.max_segments();
        let result = self.send_split(transmit, data, sent, max_segments);
        match result {
            Err(error)
                if max_segments > 1
                    && transmit.count() > 1
                    && fault::is_segmentation_fault(&error) =>
            {
                // Other errors may come from this batch's size or address, but this one says that
                // the interface cannot do it at all.
                if error.raw_os_error() == Some(libc::EIO) {
                    self.offload.pause();
                }
                self.send_split(transmit, data, sent, 1)
            }
            result => result,
        }
    }

    /// How many packets the system dropped, since the socket was made, because the receive buffer
    /// was full; `None` where it does not tell. The counter is the system's, and wraps.
    pub fn receive_drops(&self) -> Option<u32> {
        #[cfg(target_os = "linux")]
        return crate::sys::receive_drops(self.inner.as_fd());
        #[cfg(not(target_os = "linux"))]
        return None;
    }

    fn send_split(
        &self,
        transmit: &Transmit,
        data: &[u8],
        sent: &mut usize,
        max_segments: usize,
    ) -> io::Result<()> {
        let v6 = self.local_addr.is_ipv6();
        let map_ip = |ip: IpAddr| if v6 { address::mapped_ip(ip) } else { ip };
        let destination = if v6 { address::mapped(transmit.remote) } else { transmit.remote };
        let local = transmit.local.filter(|ip| address::may_send_from(*ip, transmit.remote.ip()));
        let src_ip = local.map(map_ip);
        let ecn = transmit.ecn.map(|ecn| match ecn {
            Ecn::Ect0 => EcnCodepoint::Ect0,
            Ecn::Ect1 => EcnCodepoint::Ect1,
            Ecn::Ce => EcnCodepoint::Ce,
        });
        let result = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            let send_piece = |contents: &[u8]| {
                let segment_size = Some(transmit.stride);
                let piece =
                    quinn_udp::Transmit { destination, ecn, contents, segment_size, src_ip };
                state.try_send(UdpSockRef::from(&self.inner), &piece)
            };
            // A datagram alone gains nothing by it, and so goes as it does on all systems.
            #[cfg(target_os = "linux")]
            if max_segments == 1 && transmit.count() > 1 {
                let control = Control::new(destination, transmit.ecn, src_ip);
                let has_mark = self.marks && transmit.ecn == Some(Ecn::Ect0);
                let control = if has_mark { control.without_mark() } else { control };
                let destination = destination.into();
                let send_row = |row: &[u8]| {
                    send_many(self.as_fd(), &destination, &control, transmit.stride, row)
                };
                split::send_rows(transmit, data, sent, MAX_DATAGRAMS, send_row, send_piece)
            } else {
                split::send_pieces(transmit, data, sent, max_segments, send_piece)
            }
            #[cfg(not(target_os = "linux"))]
            split::send_pieces(transmit, data, sent, max_segments, send_piece)
        };
        if let Err(error) = &result
            && fault::is_mistaken_for_an_old_system(error)
        {
            self.forget_conclusions();
        }
        result
    }

    /// Undoes what `quinn_udp` concluded from an error.
    ///
    /// It takes EIO and EINVAL for signs of a system that cannot mark IPv4 packets, tries once more
    /// without the mark, and sets none for as long as it lives. That the second try failed as well
    /// shows that the mark was not to blame, but the address or the size.
    fn forget_conclusions(&self) {
        let domain = Domain::for_address(self.local_addr);
        // Another socket, since making a state sets options anew. If there is none to be had, then
        // the next error comes here again.
        let fresh = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
            .and_then(|socket| UdpSocketState::new(UdpSockRef::from(&socket)));
        if let Ok(fresh) = fresh {
            *self.state.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// Sets the sizes of the buffers, and gives what the system granted for receiving, in bytes.
fn set_buffers(socket: &socket2::Socket, options: &SocketOptions) -> io::Result<usize> {
    // Linux grants double of what is asked for, and says so, to make up for its own bookkeeping.
    let factor = if cfg!(target_os = "linux") { 2 } else { 1 };
    // Where a limit is exceeded, some systems give what they can and others refuse: either way
    // the size afterwards tells.
    let _ = socket.set_recv_buffer_size(options.receive_buffer);
    let granted = socket.recv_buffer_size()? / factor;
    if granted < options.receive_buffer {
        static WARNED: Once = Once::new();
        WARNED.call_once(|| warn_small("receive", "rmem_max", granted, options.receive_buffer));
    }
    let _ = socket.set_send_buffer_size(options.send_buffer);
    let got = socket.send_buffer_size()? / factor;
    if got < options.send_buffer {
        static WARNED: Once = Once::new();
        WARNED.call_once(|| warn_small("send", "wmem_max", got, options.send_buffer));
    }
    Ok(granted)
}

fn warn_small(which: &str, limit: &str, got: usize, asked: usize) {
    tracing::warn!(
        got,
        asked,
        "the system granted a smaller {which} buffer than asked for, which may cost packets at \
         high rates; to allow it: sysctl -w net.core.{limit}={asked}"
    );
}

/// Corrects what `UdpSocketState::new` has set for every socket alike.
#[cfg(target_os = "linux")]
fn set_linux_options(
    socket: &socket2::Socket,
    address: SocketAddr,
    options: &SocketOptions,
) -> io::Result<()> {
    use rustix::net::sockopt;

    if options.fragment {
        sockopt::set_ip_mtu_discover(socket, sockopt::Ipv4PathMtuDiscovery::DONT)?;
        if address.is_ipv6() {
            sockopt::set_ipv6_mtu_discover(socket, sockopt::Ipv6PathMtuDiscovery::DONT)?;
            set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, 0)?;
        }
    }
    if !options.offload {
        // A system without the option does not merge either.
        let _ = set_option(socket.as_fd(), libc::SOL_UDP, libc::UDP_GRO, 0);
    }
    // Nobody reads the system's timestamps, and as long as any socket asks for them it takes
    // one of every packet it receives.
    let _ = set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 0);
    Ok(())
}

/// Has the system mark all datagrams ECT(0) for which no other mark is asked for. Where they go one by
/// one, saying it for each costs 3 % of the rate (docs/PERFORMANCE.md).
#[cfg(target_os = "linux")]
fn set_mark(socket: &socket2::Socket, address: SocketAddr) -> io::Result<()> {
    /// RFC 3168, section 5.
    const ECT0: libc::c_int = 0b10;

    if address.is_ipv6() {
        set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_TCLASS, ECT0)?;
    }
    // A socket of IPv6 may have destinations of IPv4.
    set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_TOS, ECT0)
}
