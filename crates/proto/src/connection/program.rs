//! What a program does with a connection: data and messages in and out, and what is known of both.
//! Limits and buffers are the parts' business.

use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;
use rudp_base::Instant;
use rudp_wire::code::Code;
use rudp_wire::frame::{Direction, MESSAGES};

use super::Connection;
use crate::config::Config;
use crate::crypto::PublicKey;
use crate::endpoint::State;
use crate::event::{Ended, Outcome};
use crate::flow::Flow;
use crate::priority::Priority;
use crate::{messages, streams};

pub use crate::messages::{MessageFate, SendMode};

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub data: Bytes,
    /// How it was sent.
    pub mode: ReceivedMode,
}

/// How a message that came was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceivedMode {
    /// Reliably, and in order.
    Ordered,
    /// Reliably.
    Reliable,
    /// With a deadline.
    Deadline,
    /// Once.
    Unreliable,
}

/// Why something cannot be done, now or ever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fail {
    /// Not now; an event tells when to try again.
    #[error("not yet")]
    Blocked,
    /// The session is over.
    #[error("the session is over: {0}")]
    Ended(Ended),
    /// There is no such stream, or not in this direction.
    #[error("no such stream")]
    NoStream,
    /// The program has ended this direction itself.
    #[error("this side has ended it")]
    Finished,
    /// The peer wants no more, with the code of its program.
    #[error("the peer wants no more (code {0})")]
    Stopped(u64),
    /// The peer has reset it, with the code of its program.
    #[error("the peer has reset it (code {0})")]
    Reset(u64),
    /// The message is larger than can be sent.
    #[error("the message is larger than {max} bytes")]
    TooLarge {
        /// The most bytes.
        max: usize,
    },
    /// Too many messages are tracked whose fate nobody took.
    #[error("too many messages are tracked")]
    TooManyTracked,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes, at least one, unless the buffer was empty.
    Bytes(usize),
    /// The end: everything was read before.
    End,
}

/// What is known of what was written to a stream (docs/PROTOCOL.md, 7.6), or of all messages.
///
/// Of messages the bytes are counted as in docs/PROTOCOL.md, 7.5.1: each costs 32 besides its
/// length, and those that were dropped count as received and read. They have no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptState {
    /// Bytes written.
    pub written: u64,
    /// The peer's host has everything up to here.
    pub received: u64,
    /// It has the end as well.
    pub all_received: bool,
    /// The peer's program has read everything up to here.
    pub read: u64,
    /// It has read everything, to the end.
    pub all_read: bool,
    /// It will read no more.
    pub is_final: bool,
}

/// What was counted and measured in one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams sent.
    pub packets_sent: u64,
    /// Bytes of UDP payload sent.
    pub bytes_sent: u64,
    /// Datagrams received that opened.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Packets taken for lost.
    pub packets_lost: u64,
    /// Their bytes of UDP payload. Whatever of it is still of use is sent again.
    pub bytes_lost: u64,
    /// Those of them that had come.
    pub packets_spurious: u64,
    /// Bytes in flight.
    pub bytes_in_flight: u64,
    /// How many may be, of all sessions between the same two addresses together.
    pub congestion_window: u64,
    /// Bytes per second at which packets leave, of these sessions together; 0 while that is not known.
    pub pacing_rate: u64,
    /// The smoothed round-trip time.
    pub smoothed_rtt: Duration,
    /// The least one.
    pub min_rtt: Duration,
    /// The newest one.
    pub latest_rtt: Duration,
    /// Probe timeouts.
    pub probe_timeouts: u64,
    /// Packets with nothing but an acknowledgement.
    pub acks_sent: u64,
    /// The size of packets, in bytes of UDP payload.
    pub packet_size: u16,
    /// Packets that came again.
    pub duplicates: u64,
    /// Packets that did not open.
    pub not_opened: u64,
}

impl Connection {
    pub(crate) fn is_client(&self) -> bool {
        self.is_client
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.path.address().remote
    }

    pub(crate) fn peer_key(&self) -> Option<PublicKey> {
        self.peer_key.as_deref().copied()
    }

    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.ended.as_deref()
    }

    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_deref()
    }

    pub(crate) fn state(&self) -> State {
        match (&self.ended, self.closing.finishing()) {
            (Some(_), _) => State::Ended,
            (None, Some(_)) => State::Closing,
            (None, None) => State::Open,
        }
    }

    pub(crate) fn stats(&self, flow: &Flow) -> Stats {
        let (own, recovery) = (&self.counters, self.recovery.counters());
        let rtt = self.recovery.rtt();
        Stats {
            packets_sent: own.packets_sent,
            bytes_sent: own.bytes_sent,
            packets_received: own.packets_received,
            bytes_received: own.bytes_received,
            packets_lost: recovery.lost_packets,
            bytes_lost: recovery.lost_bytes,
            packets_spurious: recovery.spurious_losses,
            bytes_in_flight: self.recovery.bytes_in_flight(),
            congestion_window: flow.window(),
            pacing_rate: flow.pacing_rate().unwrap_or(0),
            smoothed_rtt: rtt.smoothed(),
            min_rtt: rtt.min(),
            latest_rtt: rtt.latest(),
            probe_timeouts: recovery.probe_timeouts,
            acks_sent: own.acks_sent,
            packet_size: self.mtu.size(),
            duplicates: own.duplicates,
            not_opened: self.keys.rejected(),
        }
    }

    /// The session is over: why.
    fn check(&self) -> Result<(), Fail> {
        match self.ended() {
            Some(ended) => Err(Fail::Ended(ended.clone())),
            None => Ok(()),
        }
    }

    /// Whether something new may be written: not behind a close.
    fn check_writing(&self) -> Result<(), Fail> {
        self.check()?;
        if self.closing.finishing().is_some() { Err(Fail::Finished) } else { Ok(()) }
    }

    /// `Blocked` for ever is the end of the session.
    fn or_ended(&self, fail: Fail) -> Fail {
        match (fail, self.ended()) {
            (Fail::Blocked, Some(ended)) => Fail::Ended(ended.clone()),
            (fail, _) => fail,
        }
    }

    pub(crate) fn open(&mut self, direction: Direction) -> Result<u64, Fail> {
        self.check_writing()?;
        self.streams.open(direction).map_err(|_| Fail::Blocked)
    }

    pub(crate) fn accept(&mut self) -> Result<(u64, Direction), Fail> {
        self.streams.accept().ok_or_else(|| self.or_ended(Fail::Blocked))
    }

    pub(crate) fn write(&mut self, stream: u64, data: &[u8]) -> Result<usize, Fail> {
        self.check_writing()?;
        self.writes = self.writes.wrapping_add(1);
        self.streams.write(stream, data).map_err(written)
    }

    pub(crate) fn give(&mut self, stream: u64, data: &mut Bytes) -> Result<usize, Fail> {
        self.check_writing()?;
        self.writes = self.writes.wrapping_add(1);
        self.streams.give(stream, data).map_err(written)
    }

    pub(crate) fn set_priority(&mut self, stream: u64, priority: Priority) -> Result<(), Fail> {
        self.streams.set_priority(stream, priority).map_err(written)
    }

    pub(crate) fn finish(&mut self, stream: u64) -> Result<(), Fail> {
        self.check()?;
        self.streams.finish(stream).map_err(written)
    }

    pub(crate) fn reset(&mut self, stream: u64, code: Code) -> Result<(), Fail> {
        self.check()?;
        self.streams.reset(stream, code).map_err(written)
    }

    pub(crate) fn read(&mut self, stream: u64, buffer: &mut [u8]) -> Result<Read, Fail> {
        let read = self.streams.read(stream, buffer);
        self.told(read)
    }

    pub(crate) fn take(&mut self, stream: u64, data: &mut Bytes) -> Result<Read, Fail> {
        let taken = self.streams.take(stream, data);
        self.told(taken)
    }

    /// What the program is told of a read.
    fn told(&self, result: Result<streams::Read, streams::ReadError>) -> Result<Read, Fail> {
        match result {
            Ok(streams::Read::Bytes { len: 0, end: true }) | Err(streams::ReadError::Ended) => {
                Ok(Read::End)
            }
            Ok(streams::Read::Bytes { len, .. }) => Ok(Read::Bytes(len)),
            Ok(streams::Read::Reset(code)) => Err(Fail::Reset(code.program().unwrap_or(0))),
            Ok(streams::Read::Blocked) => Err(self.or_ended(Fail::Blocked)),
            Err(error) => Err(read(error)),
        }
    }

    pub(crate) fn stop(&mut self, stream: u64, code: Code) -> Result<(), Fail> {
        self.check()?;
        self.streams.stop(stream, code).map_err(read)
    }

    pub(crate) fn confirm_by_hand(&mut self, stream: u64) -> Result<(), Fail> {
        self.streams.set_manual_confirm(stream).map_err(read)
    }

    pub(crate) fn confirm(&mut self, stream: u64, offset: u64) -> Result<(), Fail> {
        self.streams.confirm(stream, offset).map_err(read)
    }

    pub(crate) fn request_receipt(&mut self, stream: u64) -> Result<u64, Fail> {
        self.check()?;
        if stream == MESSAGES {
            self.messages.request_receipt();
            return Ok(self.messages.progress().written);
        }
        self.streams.request_receipt(stream).map_err(written)?;
        Ok(self.streams.receipt(stream).map_or(0, |receipt| receipt.written))
    }

    pub(crate) fn receipt(&self, stream: u64) -> Option<ReceiptState> {
        if stream == MESSAGES {
            let messages::MessageProgress { written, received, read, is_final } =
                self.messages.progress();
            return Some(ReceiptState {
                written,
                received,
                read,
                is_final,
                ..ReceiptState::default()
            });
        }
        let known = self.streams.receipt(stream)?;
        Some(ReceiptState {
            written: known.written,
            received: known.received.max(known.acknowledged),
            all_received: known.all_received,
            read: known.read,
            all_read: known.all_read,
            is_final: known.is_final,
        })
    }

    pub(crate) fn send_message(
        &mut self,
        now: Instant,
        data: Bytes,
        how: (SendMode, Priority),
        track: bool,
    ) -> Result<u64, Fail> {
        self.check()?;
        self.writes = self.writes.wrapping_add(1);
        self.messages.send(now, data, how, track).map_err(|error| match error {
            messages::SendError::Blocked => Fail::Blocked,
            messages::SendError::TooLarge { max } => Fail::TooLarge { max },
            messages::SendError::TooManyTracked => Fail::TooManyTracked,
            messages::SendError::Finished => Fail::Finished,
            messages::SendError::Stopped => Fail::Stopped(0),
        })
    }

    pub(crate) fn receive_message(&mut self, now: Instant) -> Result<Message, Fail> {
        let message = self.messages.receive(now);
        let messages::Message { data, kind } =
            message.ok_or_else(|| self.or_ended(Fail::Blocked))?;
        let mode = match kind {
            messages::Kind::Ordered => ReceivedMode::Ordered,
            messages::Kind::Reliable => ReceivedMode::Reliable,
            messages::Kind::Deadline => ReceivedMode::Deadline,
            messages::Kind::Unreliable => ReceivedMode::Unreliable,
        };
        Ok(Message { data, mode })
    }

    pub(crate) fn message_fate(&self, message: u64) -> MessageFate {
        self.messages.fate(message).unwrap_or(MessageFate::Unknown)
    }

    pub(crate) fn forget_message(&mut self, message: u64) {
        self.messages.take_fate(message);
    }
}

fn written(error: streams::WriteError) -> Fail {
    match error {
        streams::WriteError::Blocked => Fail::Blocked,
        streams::WriteError::Ended => Fail::Finished,
        streams::WriteError::Stopped(code) => Fail::Stopped(code.program().unwrap_or(0)),
        streams::WriteError::Unknown => Fail::NoStream,
    }
}

fn read(error: streams::ReadError) -> Fail {
    match error {
        streams::ReadError::Ended | streams::ReadError::Stopped => Fail::Finished,
        streams::ReadError::Unknown => Fail::NoStream,
    }
}
