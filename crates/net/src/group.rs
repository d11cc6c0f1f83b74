//! [`SocketGroup`]: several sockets on one port, and by which bytes a datagram finds its own.
//! What is done with one that came to another is in `handover`.

use std::io;
use std::net::SocketAddr;

use crate::socket::{Socket, SocketOptions};

/// By which bytes datagrams find their socket among several on one port.
///
/// A datagram belongs to the socket with the number `x % sockets`, `x` being the four bytes from
/// [`offset`](Self::offset) on, most significant first. Shorter ones belong wherever they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steering {
    /// Where the number is, in bytes from the beginning of the datagram, without headers of UDP and
    /// IP.
    pub offset: u16,
}

impl Steering {
    /// To which of `sockets` sockets a datagram belongs; `None` if it does not say, or there is
    /// none.
    pub fn socket_of(self, datagram: &[u8], sockets: usize) -> Option<usize> {
        let (_, number) = datagram.split_at_checked(self.offset.into())?;
        let number = u32::from_be_bytes(*number.first_chunk()?);
        (number as usize).checked_rem(sockets)
    }
}

/// Sockets on one port, in the order of their numbers.
///
/// The system gives each datagram to the socket it belongs to, where it can: on Linux a program of
/// three instructions looks at it. Elsewhere it gives them to any, and the
/// [drivers](crate::Driver::spawn_group) hand them on.
pub struct SocketGroup {
    pub(crate) sockets: Vec<Socket>,
    pub(crate) steering: Steering,
    pub(crate) is_steered: bool,
}

impl SocketGroup {
    /// The most sockets of one group.
    pub const MAX: usize = 64;

    /// `count` sockets bound to `address`; port 0 lets the system choose one, which all have.
    ///
    /// Sockets of the same user that share their port as well may join by force of the system's
    /// rules, but no other group does by accident: the first socket is bound as one that does not
    /// share (on Linux; other systems want to know before).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for none or more than [`MAX`](Self::MAX), and
    /// as [`Socket::bind`].
    pub fn bind(
        address: SocketAddr,
        count: usize,
        steering: Steering,
        options: &SocketOptions,
    ) -> io::Result<Self> {
        if !(1..=Self::MAX).contains(&count) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let sharing = SocketOptions { reuse_port: true, ..options.clone() };
        let shares_later = count == 1 || cfg!(target_os = "linux");
        let first = Socket::bind(address, if shares_later { options } else { &sharing })?;
        if count == 1 {
            return Ok(Self { sockets: vec![first], steering, is_steered: true });
        }
        first.share_port()?;
        let address = first.local_addr();
        let mut sockets = vec![first];
        while sockets.len() < count {
            sockets.push(Socket::bind(address, &sharing)?);
        }
        let is_steered = options.steer && steer(&sockets, steering);
        Ok(Self { sockets, steering, is_steered })
    }

    /// The address they are bound to, with the port the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.sockets[0].local_addr()
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Whether the system gives datagrams to the socket they belong to.
    pub fn is_steered(&self) -> bool {
        self.is_steered
    }
}

/// Asks the system to steer, and says whether it does.
fn steer(sockets: &[Socket], steering: Steering) -> bool {
    #[cfg(target_os = "linux")]
    let outcome = crate::sys::steer(&sockets[0], steering.offset, sockets.len());
    #[cfg(not(target_os = "linux"))]
    let outcome: io::Result<()> = Err(io::ErrorKind::Unsupported.into());
    if let Err(error) = &outcome {
        tracing::warn!(
            %error,
            sockets = sockets.len(),
            offset = steering.offset,
            "the system does not steer datagrams to the sockets of one port, so that they are \
             handed on between threads, which costs time"
        );
    }
    outcome.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_belongs_to_the_socket_of_its_number() {
        let steering = Steering { offset: 2 };
        assert_eq!(steering.socket_of(&[9, 9, 0, 0, 1, 4, 9], 7), Some(260 % 7));
        assert_eq!(steering.socket_of(&[9, 9, 0xff, 0xff, 0xff, 0xff], 64), Some(63));
        assert_eq!(steering.socket_of(&[9, 9, 0, 0, 1], 7), None);
        assert_eq!(steering.socket_of(&[], 7), None);
        assert_eq!(steering.socket_of(&[9, 9, 0, 0, 1, 4], 0), None);
    }

    #[test]
    fn a_group_has_one_to_64_sockets() {
        let bind = |count| {
            let address = ([127, 0, 0, 1], 0).into();
            SocketGroup::bind(address, count, Steering { offset: 5 }, &SocketOptions::default())
        };
        assert_eq!(bind(0).err().unwrap().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(bind(65).err().unwrap().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(bind(64).unwrap().len(), 64);
    }
}
