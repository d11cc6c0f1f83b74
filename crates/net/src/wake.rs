//! [`Waker`]: wakes a thread that waits in `poll` for files.
//! Who waits for what is decided elsewhere.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_os = "linux")]
use rustix::event::{EventfdFlags, eventfd};

/// A file that becomes readable when somebody calls [`wake`](Self::wake), and stays so until
/// [`clear`](Self::clear).
pub(crate) struct Waker {
    /// Whether it was called, for who looks again and again.
    is_rung: AtomicBool,
    read: OwnedFd,
    /// The other end, where the system has no eventfd, which is both.
    #[cfg(not(target_os = "linux"))]
    write: OwnedFd,
}

impl Waker {
    #[cfg(target_os = "linux")]
    pub(crate) fn new() -> io::Result<Self> {
        let read = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { is_rung: AtomicBool::new(false), read })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = std::os::unix::net::UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        Ok(Self { is_rung: AtomicBool::new(false), read: read.into(), write: write.into() })
    }

    /// Makes the file readable. A failure means that it is readable already.
    pub(crate) fn wake(&self) {
        self.is_rung.store(true, Ordering::Relaxed);
        #[cfg(target_os = "linux")]
        let end = &self.read;
        #[cfg(not(target_os = "linux"))]
        let end = &self.write;
        let _ = rustix::io::write(end, &1u64.to_ne_bytes());
    }

    /// Whether somebody has called [`wake`](Self::wake).
    pub(crate) fn is_rung(&self) -> bool {
        self.is_rung.load(Ordering::Relaxed)
    }

    /// Forgets every call of [`wake`](Self::wake) so far. A failure means that there was none.
    pub(crate) fn clear(&self) {
        self.is_rung.store(false, Ordering::Relaxed);
        let mut bytes = [0; 512];
        // An eventfd gives 8 bytes for all calls together; a stream may hold more than one read
        // takes, and then wakes its reader once more, which does no harm.
        let _ = rustix::io::read(&self.read, &mut bytes[..]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}
