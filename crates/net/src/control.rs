//! [`Control`]: what Linux is told about a datagram beside its bytes and its destination, which is a
//! congestion mark and the address it leaves from. Sending it is done elsewhere.

use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::net::{IpAddr, SocketAddr};

use rudp_base::Ecn;

/// A control message as the system reads it, with room for `N` bytes. Its alignment is what the
/// system takes the next message to have.
#[repr(C)]
struct Message<const N: usize> {
    /// The bytes of the header and of the value, which may be shorter than the room.
    len: usize,
    level: c_int,
    kind: c_int,
    value: [u8; N],
}

impl<const N: usize> Message<N> {
    /// A message whose value begins with `value` and has `len` bytes, the others zero.
    fn new(level: c_int, kind: c_int, len: usize, value: impl IntoIterator<Item = u8>) -> Self {
        let mut room = [0; N];
        for (room, byte) in room.iter_mut().zip(value) {
            *room = byte;
        }
        Self { len: offset_of!(Self, value) + len.min(N), level, kind, value: room }
    }
}

/// The messages one behind the other.
#[repr(C)]
struct Messages {
    mark: Message<{ size_of::<c_int>() }>,
    source: Message<{ size_of::<libc::in6_pktinfo>() }>,
}

/// The control messages of a datagram, or of several that have the same.
pub(crate) struct Control {
    messages: Messages,
    /// Which of their bytes the system gets.
    start: usize,
    end: usize,
}

impl Control {
    /// What goes with a datagram to `destination` that has the mark `ecn` and leaves from `source`, or
    /// from where the system chooses. A socket of IPv6 has IPv4 addresses in their mapped form.
    pub(crate) fn new(destination: SocketAddr, ecn: Option<Ecn>, source: Option<IpAddr>) -> Self {
        // The two lower bits of what else is the class of traffic (RFC 3168, section 5).
        let mark: c_int = match ecn {
            None => 0b00,
            Some(Ecn::Ect1) => 0b01,
            Some(Ecn::Ect0) => 0b10,
            Some(Ecn::Ce) => 0b11,
        };
        // The header that bears the mark is the destination's family's, whichever the socket's is.
        let (level, kind) = if destination.ip().to_canonical().is_ipv4() {
            (libc::IPPROTO_IP, libc::IP_TOS)
        } else {
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS)
        };
        let mark = Message::new(level, kind, size_of::<c_int>(), mark.to_ne_bytes());
        // Both say which interface a datagram leaves by as well: 0 is any.
        let any = [0; size_of::<c_int>()];
        let (source, source_len) = match source {
            None => (Message::new(0, 0, 0, []), 0),
            Some(IpAddr::V4(ip)) => {
                let (kind, len) = (libc::IP_PKTINFO, size_of::<libc::in_pktinfo>());
                let info = any.into_iter().chain(ip.octets());
                let message = Message::new(libc::IPPROTO_IP, kind, len, info);
                let len = message.len;
                (message, len)
            }
            Some(IpAddr::V6(ip)) => {
                let (kind, len) = (libc::IPV6_PKTINFO, size_of::<libc::in6_pktinfo>());
                let info = ip.octets().into_iter().chain(any);
                let message = Message::new(libc::IPPROTO_IPV6, kind, len, info);
                let len = message.len;
                (message, len)
            }
        };
        let end = offset_of!(Messages, source) + source_len;
        Self { messages: Messages { mark, source }, start: 0, end }
    }

    /// The same for a socket whose datagrams have the mark anyway.
    pub(crate) fn without_mark(self) -> Self {
        Self { start: offset_of!(Messages, source), ..self }
    }

    /// Where the messages are.
    pub(crate) fn as_ptr(&self) -> *const c_void {
        (&raw const self.messages).cast::<c_void>().wrapping_byte_add(self.start)
    }

    /// How many bytes of them there are, behind the pointer.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }
}
