//! [`Outbox`]: takes what a machine wants to send to the socket, and keeps what it has no room for.
//! The socket is a function here, and waiting for it is left to the caller.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use rudp_base::{Application, Instant, Machine, SendError, TRANSMIT_BUFFER, Transmit, drain};

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

/// A batch on its way.
struct Batch {
    transmit: Transmit,
    /// How many of its bytes are gone, or lost.
    done: usize,
    /// How many datagrams are lost, and their bytes.
    lost: usize,
    lost_bytes: usize,
    retries: u32,
    until: Until,
}

impl Batch {
    fn new(transmit: Transmit) -> Self {
        Self { transmit, done: 0, lost: 0, lost_bytes: 0, retries: 0, until: Until::NextTurn }
    }

    /// The part of the batch that starts where it is done, of at most `len` bytes.
    fn next(&self, len: usize) -> Transmit {
        let len = len.min(self.transmit.len - self.done);
        Transmit { len, stride: len.min(self.transmit.stride), ..self.transmit }
    }

    /// Sends what is left: all at once, or datagram by datagram if one has been refused, so that
    /// the others are not refused with it.
    fn send(
        &mut self,
        data: &[u8],
        send: &mut impl FnMut(&Transmit, &[u8], &mut usize) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.lost == 0 {
            return send(&self.transmit, data, &mut self.done);
        }
        while self.done < self.transmit.len {
            let next = self.next(self.transmit.stride);
            send(&next, &data[self.done..], &mut 0)?;
            self.done += next.len;
        }
        Ok(())
    }

    /// Gives the next datagram up, or all that are left, and returns them.
    fn skip(&mut self, all: bool) -> Transmit {
        let lost = self.next(if all { self.transmit.len } else { self.transmit.stride });
        self.done += lost.len;
        self.lost += lost.count();
        self.lost_bytes += lost.len;
        lost
    }

    /// Counts what was sent of a batch that is done with.
    fn count(&self, stats: &mut Stats) {
        stats.datagrams_out += (self.transmit.count() - self.lost) as u64;
        stats.bytes_out += (self.done - self.lost_bytes) as u64;
        stats.batches_out += u64::from(self.lost == 0);
    }
}

/// What was lost and has to be told.
#[derive(Default)]
struct Losses {
    untold: Vec<(Transmit, SendError)>,
    log: LogLimit,
}

impl Losses {
    /// Tries to send what is left of a batch, which is returned if it has to wait.
    fn attempt(
        &mut self,
        now: Instant,
        mut batch: Batch,
        data: &[u8],
        stats: &mut Stats,
        send: &mut impl FnMut(&Transmit, &[u8], &mut usize) -> io::Result<()>,
    ) -> io::Result<Option<Batch>> {
        while let Err(error) = batch.send(data, send) {
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
            let first = batch.lost == 0;
            let lost = batch.skip(loss.is_of_address());
            stats.send_errors.count(loss, lost.count());
            self.note(lost, loss, first);
            if first && let Some(suppressed) = self.log.admit(loss, now) {
                let Transmit { remote, local, len, stride, .. } = batch.transmit;
                tracing::warn!(%error, %remote, ?local, len, stride, suppressed, "not sent");
            }
            if batch.done >= batch.transmit.len {
                break;
            }
        }
        batch.count(stats);
        Ok(None)
    }

    /// Remembers what to tell: losses of one batch for one reason as one, though there may be
    /// others between them.
    fn note(&mut self, lost: Transmit, loss: Loss, first: bool) {
        match self.untold.last_mut() {
            Some((before, error)) if !first && *error == loss.error() => before.len += lost.len,
            _ => self.untold.push((lost, loss.error())),
        }
    }

    /// Tells what was lost, and returns whether there was anything to tell.
    fn tell<M: Machine, A: Application<M>>(
        &mut self,
        now: Instant,
        machine: &mut M,
        application: &mut A,
    ) -> bool {
        let any = !self.untold.is_empty();
        for (transmit, error) in self.untold.drain(..) {
            application.on_send_error(now, machine, &transmit, error);
        }
        any
    }
}

/// The buffer machines write batches to, and the one batch in it that could not be sent yet.
pub(crate) struct Outbox {
    buffer: Box<[u8]>,
    kept: Option<Batch>,
    /// How many more batches may be sent in this turn.
    budget: usize,
    losses: Losses,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; TRANSMIT_BUFFER].into_boxed_slice(),
            kept: None,
            budget: TURN_BATCHES,
            losses: Losses::default(),
        }
    }

    /// What there is to wait for, if anything is left to do.
    pub(crate) fn waits_until(&self) -> Option<Until> {
        let untold = (!self.losses.untold.is_empty()).then_some(Until::NextTurn);
        untold.or(self.kept.as_ref().map(|batch| batch.until))
    }

    /// The socket has room again.
    pub(crate) fn on_writable(&mut self) {
        if let Some(batch) = &mut self.kept
            && batch.until == Until::Writable
        {
            batch.until = Until::NextTurn;
        }
    }

    /// What is sent leaves from another socket from now on, which has room, and another address.
    pub(crate) fn on_rebound(&mut self) {
        if let Some(batch) = &mut self.kept {
            batch.until = Until::NextTurn;
            batch.transmit.local = None;
        }
    }

    /// Sends the kept batch, if it is its time, and then drains the machine, until all is done, a
    /// batch has to wait, or it is enough for one turn. Tells the application what was lost, and
    /// sends its answer.
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
        if let Some(batch) = self.kept.take() {
            let waits = match batch.until {
                Until::NextTurn => false,
                Until::Writable => true,
                Until::Time(time) => now < time,
            };
            self.kept = if waits {
                Some(batch)
            } else {
                self.losses.attempt(now, batch, &self.buffer, stats, &mut send)?
            };
        }
        self.budget = TURN_BATCHES;
        self.drain(now, machine, application, stats, &mut send)?;
        // Once: should the answer be lost as well, others get the lock in between.
        if self.losses.tell(now, machine, application) {
            self.drain(now, machine, application, stats, &mut send)?;
        }
        Ok(())
    }

    /// Drains the machine of as many batches as it may still send, or of its events alone if a
    /// batch waits.
    fn drain<M: Machine, A: Application<M>>(
        &mut self,
        now: Instant,
        machine: &mut M,
        application: &mut A,
        stats: &mut Stats,
        send: &mut impl FnMut(&Transmit, &[u8], &mut usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let Self { buffer, kept, budget, losses } = self;
        if kept.is_some() {
            while let Some(event) = machine.poll_event() {
                application.on_event(now, machine, event);
            }
            return Ok(());
        }
        let mut outcome = Ok(());
        drain(now, machine, application, buffer, |&transmit, data| {
            let batch = Batch::new(transmit);
            if *budget == 0 {
                *kept = Some(batch);
                return ControlFlow::Break(());
            }
            *budget -= 1;
            match losses.attempt(now, batch, data, stats, send) {
                Ok(None) => return ControlFlow::Continue(()),
                Ok(waiting) => *kept = waiting,
                Err(error) => outcome = Err(error),
            }
            ControlFlow::Break(())
        });
        outcome
    }
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

        fn poll_timeout(&mut self) -> Option<Instant> {
            None
        }

        fn poll_event(&mut self) -> Option<()> {
            self.events = self.events.checked_sub(1)?;
            Some(())
        }
    }

    /// Counts events, and notes what is lost, for which it lets the machine send so many batches.
    #[derive(Default)]
    struct Witness {
        events: usize,
        lost: Vec<(usize, usize, SendError)>,
        answers: usize,
    }

    impl Application<Source> for Witness {
        fn on_event(&mut self, _: Instant, _: &mut Source, (): ()) {
            self.events += 1;
        }

        fn on_send_error(
            &mut self,
            _: Instant,
            machine: &mut Source,
            transmit: &Transmit,
            error: SendError,
        ) {
            assert_eq!(transmit.remote, REMOTE);
            self.lost.push((transmit.len, transmit.stride, error));
            machine.batches += self.answers;
        }
    }

    /// An outbox with a socket that follows a script: an error number for each call, then success.
    struct Rig {
        outbox: Outbox,
        source: Source,
        script: std::collections::VecDeque<i32>,
        sent: Vec<u8>,
        witness: Witness,
        stats: Stats,
    }

    impl Rig {
        fn new(batches: usize, script: impl IntoIterator<Item = i32>) -> Self {
            Self {
                outbox: Outbox::new(),
                source: Source { next: 0, batches, events: 0 },
                script: script.into_iter().collect(),
                sent: Vec::new(),
                witness: Witness::default(),
                stats: Stats::default(),
            }
        }

        fn flush(&mut self, now: Instant) -> io::Result<()> {
            let Self { outbox, source, script, sent, witness, stats } = self;
            outbox.flush(now, source, witness, stats, |transmit, data, progress| {
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
        assert_eq!((rig.sent.as_slice(), rig.witness.events), (&[0][..], 1));
        assert_eq!(rig.outbox.waits_until(), Some(Until::Writable));

        // Not writable yet: nothing is tried, but events are taken.
        rig.source.events = 2;
        rig.flush(at(1)).unwrap();
        assert_eq!((rig.sent.as_slice(), rig.witness.events), (&[0][..], 3));

        rig.outbox.on_writable();
        rig.flush(at(2)).unwrap();
        assert_eq!(rig.sent, [0, 1, 2, 3, 4, 5]);
        assert_eq!(rig.outbox.waits_until(), None);
        let Stats { datagrams_out, bytes_out, batches_out, blocked, .. } = rig.stats;
        assert_eq!((datagrams_out, bytes_out, batches_out, blocked), (6, 10, 2, 1));
    }

    #[test]
    fn a_batch_that_waits_leaves_from_another_socket_at_once_and_from_any_address() {
        for errno in [libc::EAGAIN, libc::ENOBUFS] {
            let mut rig = Rig::new(1, [0, errno]);
            rig.flush(at(0)).unwrap();
            let kept = &mut rig.outbox.kept.as_mut().unwrap().transmit;
            kept.local = Some(REMOTE.ip());
            rig.outbox.on_rebound();
            assert_eq!(rig.outbox.kept.as_ref().unwrap().transmit.local, None);
            assert_eq!(rig.outbox.waits_until(), Some(Until::NextTurn));
            rig.flush(at(0)).unwrap();
            assert_eq!(rig.sent, [0, 1, 2]);
        }
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
    fn without_buffers_for_ever_a_datagram_is_lost_and_the_next_is_sent() {
        let mut rig = Rig::new(2, [libc::ENOBUFS; MAX_RETRIES as usize + 1]);
        for n in 0..=u64::from(MAX_RETRIES) {
            rig.flush(at(n)).unwrap();
        }
        assert_eq!(rig.sent, [1, 2, 3, 4, 5]);
        assert_eq!(rig.stats.send_errors.no_buffers, 1);
    }

    #[test]
    fn a_refused_datagram_is_lost_without_its_followers() {
        let mut rig = Rig::new(2, [0, libc::EPERM]);
        rig.flush(at(0)).unwrap();
        assert_eq!(rig.sent, [0, 2, 3, 4, 5]);
        assert_eq!((rig.stats.send_errors.denied, rig.stats.send_errors.total()), (1, 1));
        let Stats { datagrams_out, bytes_out, batches_out, .. } = rig.stats;
        assert_eq!((datagrams_out, bytes_out, batches_out), (5, 8, 1));
        assert_eq!(rig.witness.lost, [(2, 2, SendError::Denied)]);
    }

    #[test]
    fn an_address_that_does_not_work_is_tried_once_a_batch() {
        let mut rig = Rig::new(2, [0, libc::EHOSTUNREACH]);
        rig.flush(at(0)).unwrap();
        assert_eq!(rig.sent, [0, 3, 4, 5]);
        assert_eq!(rig.stats.send_errors.unreachable, 2);
        assert_eq!((rig.stats.datagrams_out, rig.stats.bytes_out), (4, 7));
        assert_eq!(rig.witness.lost, [(3, 2, SendError::Unreachable)]);
    }

    #[test]
    fn losses_of_one_batch_for_one_reason_are_told_as_one() {
        let (big, denied) = (libc::EMSGSIZE, libc::EPERM);
        let mut rig = Rig::new(3, [big, 0, big, big, denied, 0, denied]);
        rig.flush(at(0)).unwrap();
        assert_eq!(rig.sent, [1, 5, 7, 8]);
        let (big, denied) = (SendError::TooBig, SendError::Denied);
        assert_eq!(rig.witness.lost, [(3, 2, big), (2, 2, big), (2, 2, denied), (2, 2, denied)]);
        assert_eq!((rig.stats.send_errors.too_big, rig.stats.send_errors.denied), (3, 2));
    }

    #[test]
    fn a_batch_that_lost_and_is_blocked_goes_on_after_both() {
        let mut rig = Rig::new(1, [libc::EPERM, 0, libc::EAGAIN]);
        rig.flush(at(0)).unwrap();
        assert_eq!(rig.sent, [1]);
        assert_eq!(rig.outbox.waits_until(), Some(Until::Writable));
        assert_eq!(rig.witness.lost, [(2, 2, SendError::Denied)]);
        rig.outbox.on_writable();
        rig.flush(at(1)).unwrap();
        assert_eq!(rig.sent, [1, 2]);
        assert_eq!((rig.stats.datagrams_out, rig.stats.bytes_out), (2, 3));
    }

    #[test]
    fn the_answer_to_a_loss_is_sent_in_the_same_turn_but_not_for_ever() {
        let mut rig = Rig::new(1, [0, 0, libc::EMSGSIZE, 0, 0, libc::EMSGSIZE, 0]);
        rig.witness.answers = 1;
        rig.flush(at(0)).unwrap();
        assert_eq!(rig.sent, [0, 1, 3, 4]);
        assert_eq!(rig.witness.lost, [(1, 1, SendError::TooBig)]);
        // The answer was lost as well: more in the next turn.
        assert_eq!(rig.outbox.waits_until(), Some(Until::NextTurn));
        rig.flush(at(0)).unwrap();
        assert_eq!(rig.sent, [0, 1, 3, 4, 6, 7, 8]);
        assert_eq!(rig.witness.lost.len(), 2);
        assert_eq!(rig.outbox.waits_until(), None);
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
