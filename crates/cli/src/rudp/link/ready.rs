//! [`Ready`]: which of many sockets have something to receive; on Linux at a cost that does not grow
//! with their number. What is then received is the carrier's.

use std::io;
use std::time::Duration;

use rudp_net::Socket;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

#[cfg(target_os = "linux")]
pub(super) use self::by_epoll::Ready;
#[cfg(not(target_os = "linux"))]
pub(super) use self::by_poll::Ready;

/// Waits until one of `files` is ready, for so long at most.
fn wait(files: &mut [PollFd<'_>], time: Duration) -> io::Result<usize> {
    let timeout = Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    };
    match poll(files, Some(&timeout)) {
        Err(Errno::INTR) => Ok(0),
        ready => Ok(ready?),
    }
}

#[cfg(target_os = "linux")]
mod by_epoll {
    use rustix::buffer::spare_capacity;
    use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
    use rustix::fd::OwnedFd;

    use super::{Duration, PollFd, PollFlags, Socket, Timespec, io};

    /// The most sockets that have their turn until the system is asked again.
    const MOST: usize = 64;

    /// Sockets, each with a number, and those of them that are ready.
    pub(in super::super) struct Ready {
        /// A socket that is closed leaves it by itself.
        epoll: OwnedFd,
        events: Vec<Event>,
    }

    impl Ready {
        pub(in super::super) fn new() -> io::Result<Self> {
            let epoll = epoll::create(CreateFlags::CLOEXEC)?;
            Ok(Self { epoll, events: Vec::with_capacity(MOST) })
        }

        /// From now on it is told when `socket` has something.
        pub(in super::super) fn watch(&self, number: u64, socket: &Socket) -> io::Result<()> {
            // Errors are told as well: they are news of earlier datagrams, and receiving takes them
            // off.
            Ok(epoll::add(&self.epoll, socket, EventData::new_u64(number), EventFlags::IN)?)
        }

        /// Waits until some of the sockets are ready, which are all that are watched, for so long at
        /// most.
        pub(in super::super) fn wait<'a>(
            &mut self,
            _sockets: impl Iterator<Item = (u64, &'a Socket)>,
            time: Duration,
        ) -> io::Result<()> {
            self.events.clear();
            // To wait by epoll itself is exact to a millisecond only, before Linux 5.11.
            if super::wait(&mut [PollFd::new(&self.epoll, PollFlags::IN)], time)? > 0 {
                let room = spare_capacity(&mut self.events);
                epoll::wait(&self.epoll, room, Some(&Timespec::default()))?;
            }
            Ok(())
        }

        /// The number of the next socket that is ready.
        pub(in super::super) fn next(&mut self) -> Option<u64> {
            let Event { data, .. } = self.events.pop()?;
            Some(data.u64())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod by_poll {
    use super::{Duration, PollFd, PollFlags, Socket, io};

    /// Sockets, each with a number, and those of them that are ready.
    pub(in super::super) struct Ready(Vec<u64>);

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "called as it is by epoll")]
    impl Ready {
        pub(in super::super) fn new() -> io::Result<Self> {
            Ok(Self(Vec::new()))
        }

        /// There is nothing to do: `wait` is told of all sockets.
        pub(in super::super) fn watch(&self, _number: u64, _socket: &Socket) -> io::Result<()> {
            Ok(())
        }

        /// Waits until some of the sockets are ready, which are all that are watched, for so long at
        /// most.
        pub(in super::super) fn wait<'a>(
            &mut self,
            sockets: impl Iterator<Item = (u64, &'a Socket)>,
            time: Duration,
        ) -> io::Result<()> {
            let watched =
                sockets.map(|(number, socket)| (number, PollFd::new(socket, PollFlags::IN)));
            let (numbers, mut files): (Vec<_>, Vec<_>) = watched.unzip();
            super::wait(&mut files, time)?;
            let ready = numbers.iter().zip(&files).filter(|(_, file)| !file.revents().is_empty());
            self.0 = ready.map(|(number, _)| *number).collect();
            Ok(())
        }

        /// The number of the next socket that is ready.
        pub(in super::super) fn next(&mut self) -> Option<u64> {
            self.0.pop()
        }
    }
}
