//! [`Outbox`]: takes what a machine wants to send to the socket, and keeps what it has no room for.
//! The socket is a function here, and waiting for it is left to the caller.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use rudp_base::{Application, Instant, Machine, TRANSMIT_BUFFER, Transmit, drain};

use crate::fault::{Fault, LogLimit, Loss};
use crate::stats::Stats;

/// How many batches are sent in one turn, so that others get the lock in between.
const TURN_BATCHES: usize = 32;

/// How long to wait before the system may have buffers again.
pub(crate) const RETRY: Duration = Duration::from_millis(1);

/// How often to retry before the batch counts as lost. A datagram that needs more than the
/// system will ever give must not block those behind it for good.
const MAX_RETRIES: u32 = 100;

/// What a kept batch waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Nothing: it was enough for one turn.
    NextTurn,
    /// Room in the socket's buffer.
    Writable,
    /// Buffers of the system, hopefully there at this time.
    Time(Instant),
}

/// A batch on its way, the first `sent` bytes of which are gone.
struct Held {
    transmit: Transmit,
    sent: usize,
    retries: u32,
    until: Until,
}

/// The buffer machines write batches to, and the one batch in it that could not be sent yet.
pub(crate) struct Outbox {
    buffer: Box<[u8]>,
    held: Option<Held>,
    log: LogLimit,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; TRANSMIT_BUFFER].into_boxed_slice(),
            held: None,
            log: LogLimit::default(),
        }
    }

    /// What the kept batch waits for, if there is one.
    pub(crate) fn waits_until(&self) -> Option<Until> {
        self.held.as_ref().map(|held| held.until)
    }

    /// The socket has room again.
    pub(crate) fn on_writable(&mut self) {
        if let Some(held) = &mut self.held
            && held.until == Until::Writable
        {
            held.until = Until::NextTurn;
        }
    }

    /// Sends the kept batch, if it is its time, and then drains the machine, until all is done, a
    /// batch has to wait, or it is enough for one turn.
    ///
    /// `send` is as [`Socket::send`](crate::Socket::send). Events are taken even while a batch
    /// waits.
    ///
    /// # Errors
    ///
    /// Those of `send` after which there is no use going on.
    pub(crate) fn flush<M: Machine, A: Application<M>>(
        &mut self,
        now: Instant,
        machine: &mut M,
        application: &mut A,
        stats: &mut Stats,
        mut send: impl FnMut(&Transmit, &[u8], &mut usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let Self { buffer, held, log } = self;
        let mut attempt = |mut batch: Held, data: &[u8], stats: &mut Stats| {
            let result = send(&batch.transmit, data, &mut batch.sent);
            settle(now, batch, result, stats, log)
        };
        if let Some(batch) = held.take() {
            let waits = match batch.until {
                Until::NextTurn => false,
                Until::Writable => true,
                Until::Time(time) => now < time,
            };
            *held = if waits { Some(batch) } else { attempt(batch, buffer, stats)? };
        }
        if held.is_some() {
            while let Some(event) = machine.poll_event() {
                application.on_event(now, machine, event);
            }
            return Ok(());
        }
        let mut budget = TURN_BATCHES;
        let mut outcome = Ok(());
        drain(now, machine, application, buffer, |&transmit, data| {
            let batch = Held { transmit, sent: 0, retries: 0, until: Until::NextTurn };
            if budget == 0 {
                *held = Some(batch);
                return ControlFlow::Break(());
            }
            budget -= 1;
            match attempt(batch, data, stats) {
                Ok(None) => return ControlFlow::Continue(()),
                Ok(kept) => *held = kept,
                Err(error) => outcome = Err(error),
            }
            ControlFlow::Break(())
        });
        outcome
    }
}

/// Decides what becomes of a batch after an attempt to send it: it is returned if it has to wait.
fn settle(
    now: Instant,
    mut batch: Held,
    result: io::Result<()>,
    stats: &mut Stats,
    log: &mut LogLimit,
) -> io::Result<Option<Held>> {
    let Err(error) = result else {
        count_sent(&batch, stats);
        return Ok(None);
    };
    let loss = match Fault::of(&error) {
        Fault::Blocked => {
            stats.blocked += 1;
            batch.until = Until::Writable;
            return Ok(Some(batch));
        }
        Fault::NoBuffers if batch.retries < MAX_RETRIES => {
            stats.blocked += 1;
            batch.retries += 1;
            batch.until = Until::Time(now + RETRY);
            return Ok(Some(batch));
        }
        Fault::NoBuffers => Loss::NoBuffers,
        Fault::Lost(loss) => loss,
        Fault::Fatal => return Err(error),
    };
    count_sent(&batch, stats);
    stats.send_errors.count(loss);
    if let Some(suppressed) = log.admit(loss, now) {
        let Transmit { remote, local, len, stride, .. } = batch.transmit;
        tracing::warn!(%error, %remote, ?local, len, stride, suppressed, "a batch was not sent");
    }
    Ok(None)
}

/// Counts what went of a batch that is done with.
fn count_sent(batch: &Held, stats: &mut Stats) {
    let Held { transmit, sent, .. } = batch;
    let whole = *sent == transmit.len;
    let datagrams = if whole { transmit.count() } else { sent / transmit.stride.max(1) };
    stats.datagrams_out += datagrams as u64;
    stats.bytes_out += *sent as u64;
    stats.batches_out += u64::from(whole);
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rudp_base::Datagrams;

    use super::*;
    use crate::split::send_pieces;

    const REMOTE: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

    /// Sends `batches` batches of three datagrams, which are numbered through, and has `events`.
    struct Source {
        next: u8,
        batches: usize,
        events: usize,
    }

    impl Machine for Source {
        type Event = ();

        fn handle(&mut self, _: Instant, _: Datagrams<'_>) {}

        fn handle_timeout(&mut self, _: Instant) {}

        fn poll_transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Option<Transmit> {
            self.batches = self.batches.checked_sub(1)?;
            for (offset, byte) in [0, 0, 1, 1, 2].into_iter().zip(buffer) {
                *byte = self.next + offset;
            }
            self.next += 3;
            Some(Transmit { stride: 2, ..Transmit::single(REMOTE, 5) })
        }

        fn poll_timeout(&self) -> Option<Instant> {
            None
        }

        fn poll_event(&mut self) -> Option<()> {
            self.events = self.events.checked_sub(1)?;
            Some(())
        }
    }

    /// An outbox with a socket that follows a script: an error number for each call, then success.
    struct Rig {
        outbox: Outbox,
        source: Source,
        script: std::collections::VecDeque<i32>,
        sent: Vec<u8>,
        events: usize,
        stats: Stats,
    }

    impl Rig {
        fn new(batches: usize, script: impl IntoIterator<Item = i32>) -> Self {
            Self {
                outbox: Outbox::new(),
                source: Source { next: 0, batches, events: 0 },
                script: script.into_iter().collect(),
                sent: Vec::new(),
                events: 0,
                stats: Stats::default(),
            }
        }

        fn flush(&mut self, now: Instant) -> io::Result<()> {
            let Self { outbox, source, script, sent, events, stats } = self;
            let mut application = |_: Instant, _: &mut Source, ()| *events += 1;
            outbox.flush(now, source, &mut application, stats, |transmit, data, progress| {
                send_pieces(transmit, data, progress, 1, |piece| match script.pop_front() {
                    None | Some(0) => {
                        sent.push(piece[0]);
                        Ok(())
                    }
                    Some(errno) => Err(io::Error::from_raw_os_error(errno)),
                })
            })
        }
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn a_blocked_batch_goes_on_in_its_middle_when_writable() {
        let mut rig = Rig::new(2, [0, libc::EAGAIN]);
        rig.source.events = 1;
        rig.flush(at(0)).unwrap();
        assert_eq!((rig.sent.as_slice(), rig.events), (&[0][..], 1));
        assert_eq!(rig.outbox.waits_until(), Some(Until::Writable));

        // Not writable yet: nothing is tried, but events are taken.
        rig.source.events = 2;
        rig.flush(at(1)).unwrap();
        assert_eq!((rig.sent.as_slice(), rig.events), (&[0][..], 3));

        rig.outbox.on_writable();
        rig.flush(at(2)).unwrap();
        assert_eq!(rig.sent, [0, 1, 2, 3, 4, 5]);
        assert_eq!(rig.outbox.waits_until(), None);
        let Stats { datagrams_out, bytes_out, batches_out, blocked, .. } = rig.stats;
        assert_eq!((datagrams_out, bytes_out, batches_out, blocked), (6, 10, 2, 1));
    }

    #[test]
    fn without_buffers_it_is_tried_again_a_little_later() {
        let mut rig = Rig::new(1, [libc::ENOBUFS]);
        rig.flush(at(5)).unwrap();
        assert_eq!(rig.outbox.waits_until(), Some(Until::Time(at(5) + RETRY)));
        rig.outbox.on_writable();
        rig.flush(at(5)).unwrap();
        assert!(rig.sent.is_empty());
        rig.flush(at(6)).unwrap();
        assert_eq!(rig.sent, [0, 1, 2]);
    }

    #[test]
    fn without_buffers_for_ever_the_batch_is_lost_and_the_next_is_sent() {
        let mut rig = Rig::new(2, [libc::ENOBUFS; MAX_RETRIES as usize + 1]);
        for n in 0..=u64::from(MAX_RETRIES) {
            rig.flush(at(n)).unwrap();
        }
        assert_eq!(rig.sent, [3, 4, 5]);
        assert_eq!(rig.stats.send_errors.no_buffers, 1);
    }

    #[test]
    fn a_refused_batch_is_lost_with_its_rest() {
        let mut rig = Rig::new(2, [0, libc::EPERM]);
        rig.flush(at(0)).unwrap();
        assert_eq!(rig.sent, [0, 3, 4, 5]);
        assert_eq!((rig.stats.send_errors.denied, rig.stats.send_errors.total()), (1, 1));
        assert_eq!((rig.stats.datagrams_out, rig.stats.batches_out), (4, 1));
    }

    #[test]
    fn a_useless_socket_ends_it() {
        let mut rig = Rig::new(2, [libc::EBADF]);
        assert_eq!(rig.flush(at(0)).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn a_turn_is_bounded_and_loses_nothing() {
        let mut rig = Rig::new(TURN_BATCHES + 2, []);
        rig.flush(at(0)).unwrap();
        assert_eq!(rig.sent.len(), 3 * TURN_BATCHES);
        assert_eq!(rig.outbox.waits_until(), Some(Until::NextTurn));
        rig.flush(at(0)).unwrap();
        assert!(rig.sent.iter().copied().map(usize::from).eq(0..3 * (TURN_BATCHES + 2)));
        assert_eq!(rig.outbox.waits_until(), None);
    }
}
