//! [`Member`]: one socket of several on a port, which hands datagrams that are its siblings' to
//! them. How the system is kept from mixing them up in the first place is in `group`.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, mem};

use rudp_base::{Datagrams, Ecn};

use crate::group::{SocketGroup, Steering};
use crate::receive::ReceiveBuffers;
use crate::socket::Socket;
use crate::wake::Waker;

/// The most bytes and batches that wait for one socket: a few turns' worth. What comes beyond is
/// dropped, as the system does when a socket's buffer is full.
const MOST_BYTES: usize = 1 << 20;
const MOST_PARCELS: usize = 1_024;

/// One socket on a port, alone or of several.
pub(crate) struct Member {
    own: usize,
    boxes: Arc<[Mailbox]>,
    steering: Steering,
    is_steered: bool,
    handed_over: AtomicU64,
    dropped: AtomicU64,
}

/// What its siblings know of a socket. Each looks into its own in every turn: none shares a cache line
/// with another, or with the one that processors fetch along with it.
#[repr(align(128))]
struct Mailbox {
    /// Held by all, since the system counts the sockets of a port: none of them is closed as long as
    /// another is used. It is replaced where it is alone.
    socket: Mutex<Arc<Socket>>,
    waker: Arc<Waker>,
    mail: Mutex<Mail>,
    /// Whether there is any, which hardly ever is where the system steers. Written under the lock.
    has_mail: AtomicBool,
}

/// What siblings have handed over, until the machine has handled it.
#[derive(Default)]
pub(crate) struct Mail {
    parcels: Vec<Parcel>,
    /// Their bytes, one after the other.
    bytes: Vec<u8>,
}

/// A batch, but for its bytes.
struct Parcel {
    remote: SocketAddr,
    local: Option<IpAddr>,
    ecn: Option<Ecn>,
    stride: usize,
    len: usize,
}

/// What became of a batch that was put into a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Posted {
    /// It is the first one: somebody has to tell.
    First,
    Behind,
    Full,
}

impl Member {
    /// A socket that has its port for itself.
    pub(crate) fn alone(socket: Socket) -> io::Result<Self> {
        let boxes = [Mailbox::new(socket)?].into();
        Ok(Self::new(0, boxes, (Steering { offset: 0 }, true)))
    }

    /// All sockets of a group.
    pub(crate) fn all(group: SocketGroup) -> io::Result<Vec<Self>> {
        let SocketGroup { sockets, steering, is_steered } = group;
        let steering = (steering, is_steered);
        let boxes: io::Result<Arc<[_]>> = sockets.into_iter().map(Mailbox::new).collect();
        let boxes = boxes?;
        Ok((0..boxes.len()).map(|own| Self::new(own, Arc::clone(&boxes), steering)).collect())
    }

    fn new(own: usize, boxes: Arc<[Mailbox]>, (steering, is_steered): (Steering, bool)) -> Self {
        let (handed_over, dropped) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { own, boxes, steering, is_steered, handed_over, dropped }
    }

    /// Whether all that comes to the socket is its own.
    pub(crate) fn is_steered(&self) -> bool {
        self.is_steered
    }

    pub(crate) fn socket(&self) -> Arc<Socket> {
        Arc::clone(&self.boxes[self.own].socket.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it has its port for itself.
    pub(crate) fn is_alone(&self) -> bool {
        self.boxes.len() == 1
    }

    /// Another socket takes the place of the one that has its port for itself.
    pub(crate) fn replace(&self, socket: Arc<Socket>) {
        *self.boxes[self.own].socket.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }

    /// Wakes who waits at the socket.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.boxes[self.own].waker)
    }

    /// Hands over what was received and is the siblings', and replaces `mail` by what they have
    /// handed over. A socket that is alone has nothing to look at.
    pub(crate) fn exchange(&self, received: &mut ReceiveBuffers, mail: &mut Mail) {
        if !self.is_alone() {
            self.sort(received);
            self.boxes[self.own].take(mail);
        }
    }

    /// How many datagrams were handed over, and how many could not be.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.handed_over.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed))
    }

    fn sort(&self, received: &mut ReceiveBuffers) {
        let sockets = self.boxes.len();
        let owner = |datagram: &[u8]| self.steering.socket_of(datagram, sockets);
        let owner = |datagram: &[u8]| owner(datagram).unwrap_or(self.own);
        // A bit for each sibling: they are told when all is there.
        let mut to_wake = 0u64;
        received.divert(self.own, owner, |sibling, batch| {
            let datagrams = batch.count() as u64;
            match self.boxes[sibling].post(&batch) {
                Posted::Full => {
                    self.dropped.fetch_add(datagrams, Ordering::Relaxed);
                    return;
                }
                Posted::First => to_wake |= 1 << sibling,
                Posted::Behind => {}
            }
            self.handed_over.fetch_add(datagrams, Ordering::Relaxed);
        });
        for (sibling, mailbox) in self.boxes.iter().enumerate() {
            if to_wake & (1 << sibling) != 0 {
                mailbox.waker.wake();
            }
        }
    }
}

impl Mailbox {
    fn new(socket: Socket) -> io::Result<Self> {
        let (socket, waker) = (Mutex::new(Arc::new(socket)), Arc::new(Waker::new()?));
        Ok(Self { socket, waker, mail: Mutex::default(), has_mail: AtomicBool::new(false) })
    }

    fn post(&self, batch: &Datagrams<'_>) -> Posted {
        let mut mail = self.lock();
        let is_first = mail.parcels.is_empty();
        if mail.parcels.len() >= MOST_PARCELS || mail.bytes.len() + batch.data.len() > MOST_BYTES {
            return Posted::Full;
        }
        let Datagrams { remote, local, ecn, stride, ref data } = *batch;
        mail.parcels.push(Parcel { remote, local, ecn, stride, len: data.len() });
        mail.bytes.extend_from_slice(data);
        // Before the owner is woken, which looks here.
        self.has_mail.store(true, Ordering::Release);
        if is_first { Posted::First } else { Posted::Behind }
    }

    /// Replaces `mail`, which was handled, by what is here. The room of both is used again.
    fn take(&self, mail: &mut Mail) {
        mail.parcels.clear();
        mail.bytes.clear();
        if self.has_mail.load(Ordering::Acquire) {
            let mut waiting = self.lock();
            mem::swap(&mut *waiting, mail);
            self.has_mail.store(false, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        // Nothing that can panic runs under this lock.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mail {
    /// The batches in the order in which they were handed over.
    pub(crate) fn batches(&mut self) -> impl Iterator<Item = Datagrams<'_>> {
        let mut rest = self.bytes.as_mut_slice();
        self.parcels.iter().map(move |parcel| {
            let Parcel { remote, local, ecn, stride, len } = *parcel;
            let (data, behind) = mem::take(&mut rest).split_at_mut(len);
            rest = behind;
            Datagrams { remote, local, ecn, stride, data }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::SocketOptions;

    const REMOTE: SocketAddr =
        SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 9);

    fn mailbox() -> Mailbox {
        let options = SocketOptions::default();
        Mailbox::new(Socket::bind(([127, 0, 0, 1], 0).into(), &options).unwrap()).unwrap()
    }

    fn batch(data: &mut [u8], stride: usize) -> Datagrams<'_> {
        Datagrams { stride, ecn: Some(Ecn::Ce), ..Datagrams::single(REMOTE, data) }
    }

    #[test]
    fn batches_come_out_as_they_went_in_and_only_the_first_rings() {
        let (mailbox, mut mail) = (mailbox(), Mail::default());
        for _ in 0..2 {
            mailbox.take(&mut mail);
            assert_eq!(mail.batches().count(), 0);
            assert_eq!(mailbox.post(&batch(&mut [1, 1, 2], 2)), Posted::First);
            assert_eq!(mailbox.post(&batch(&mut [3; 4], 2)), Posted::Behind);
            mailbox.take(&mut mail);
            let taken: Vec<_> = mail
                .batches()
                .map(|batch| (batch.remote, batch.ecn, batch.stride, batch.data.to_vec()))
                .collect();
            let expected = |data: &[u8]| (REMOTE, Some(Ecn::Ce), 2, data.to_vec());
            assert_eq!(taken, [expected(&[1, 1, 2]), expected(&[3; 4])]);
        }
    }

    #[test]
    fn a_mailbox_is_full_by_bytes_or_by_batches_and_empty_again() {
        let (mailbox, mut mail) = (mailbox(), Mail::default());
        let mut large = vec![0; 60_000];
        let fitting = MOST_BYTES / large.len();
        for _ in 0..2 {
            let posted = |data: &mut [u8]| mailbox.post(&batch(data, 1_200)) != Posted::Full;
            assert_eq!((0..100).filter(|_| posted(&mut large)).count(), fitting);
            mailbox.take(&mut mail);
            assert_eq!((0..2_000).filter(|_| posted(&mut [1])).count(), MOST_PARCELS);
            mailbox.take(&mut mail);
            assert_eq!(mail.batches().count(), MOST_PARCELS);
            mailbox.take(&mut mail);
        }
    }
}
