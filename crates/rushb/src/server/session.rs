//! One client's session on the server: from its [GET] to the end of the closing handshake.
//! Limits, queues and timers over all sessions are the server's, in the parent module.

use core::net::IpAddr;
use core::time::Duration;

use rudp_base::Instant;

use super::config::ServerConfig;
use super::event::{Outcome, Progress, SessionId};
use super::queue::{Lane, Ticket};
use crate::cipher;
use crate::sender::{Answer, Sender};
use crate::wire::{Header, Kind, Options, PACKET_LEN, PAYLOAD_LEN, Packet};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The application has been asked for the resource, or for its next piece.
    Waiting,
    /// A \[DAT\] or the \[FIN\] is to be sent, or answered.
    Sending,
    /// The client's \[FIN/ACK\] is here; the last packet is repeated when that one is.
    Closed,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    /// The address that the client sent its \[GET\] to, and expects answers from.
    pub(super) local: Option<IpAddr>,
    pub(super) options: Options,
    pub(super) stage: Stage,
    pub(super) sender: Sender,
    /// Bytes of the resource: known once the application has accepted.
    len: Option<u64>,
    /// Bytes handed to the sender so far.
    offset: u64,
    /// How the session ends, if it does not fail.
    pub(super) outcome: Outcome,
    /// Acknowledged bytes, and counts for the report.
    pub(super) progress: Progress,
    /// Where the session waits to send, if it does.
    pub(super) ticket: Option<Ticket>,
    /// Whether its outstanding packet counts as in flight; if so, whether the client had never
    /// answered when it was sent.
    pub(super) in_flight: Option<bool>,
    /// Whether the client has never answered.
    pub(super) is_new: bool,
    /// When the server's timer for it is set to.
    pub(super) armed: Option<Instant>,
    /// When a closed session is forgotten.
    pub(super) closed_until: Instant,
}

impl Session {
    pub(super) fn new(
        now: Instant,
        id: SessionId,
        local: Option<IpAddr>,
        options: Options,
        config: &ServerConfig,
    ) -> Self {
        Self {
            id,
            local,
            options,
            stage: Stage::Waiting,
            sender: Sender::new(config.rto, config.tries()),
            len: None,
            offset: 0,
            outcome: Outcome::Delivered,
            progress: Progress::starting(now),
            ticket: None,
            in_flight: None,
            is_new: true,
            armed: None,
            closed_until: Instant::ZERO,
        }
    }

    /// The application serves a resource of `len` bytes. False where the session is past that.
    pub(super) fn accept(&mut self, len: u64) -> bool {
        if self.stage != Stage::Waiting || self.len.is_some() {
            return false;
        }
        self.len = Some(len);
        if len == 0 {
            // An empty file is one [DAT] of zeros: that is how it differs from a missing one.
            self.sender.load_data(&[]);
            self.stage = Stage::Sending;
        }
        true
    }

    /// Answers the \[GET\] with a \[FIN\]. False where the session is past that.
    pub(super) fn refuse(&mut self, outcome: Outcome) -> bool {
        if self.stage != Stage::Waiting || self.len.is_some() {
            return false;
        }
        self.outcome = outcome;
        self.finish();
        true
    }

    /// The application cannot go on. False where the client has something already: then the session
    /// must fall silent, for a \[FIN\] would make that look complete.
    pub(super) fn give_up(&mut self) -> bool {
        if self.stage != Stage::Waiting || self.offset > 0 {
            return false;
        }
        self.outcome = Outcome::Abandoned;
        self.finish();
        true
    }

    /// Where the session has to wait to send what it has, if it has something.
    pub(super) fn lane(&self) -> Option<Lane> {
        match self.stage {
            Stage::Waiting => None,
            Stage::Sending if self.is_new => Some(Lane::New),
            Stage::Sending => Some(Lane::Known),
            Stage::Closed => Some(Lane::Reply),
        }
    }

    fn finish(&mut self) {
        self.sender.load_fin();
        self.stage = Stage::Sending;
    }

    /// The piece of the resource that the session needs next.
    pub(super) fn wanted(&self) -> Option<(u64, usize)> {
        let left = self.len?.saturating_sub(self.offset);
        let len = usize::try_from(left).map_or(PAYLOAD_LEN, |left| left.min(PAYLOAD_LEN));
        (self.stage == Stage::Waiting && len > 0).then_some((self.offset, len))
    }

    /// Takes the wanted piece. False where it is not what was wanted, or has no code under ENC:
    /// then the session cannot go on, for anything it sent would look like the file.
    pub(super) fn supply(&mut self, data: &[u8]) -> bool {
        if self.wanted().is_none_or(|(_, len)| len != data.len()) {
            return false;
        }
        if self.options.encoding {
            let mut encoded = [0; PAYLOAD_LEN];
            let encoded = &mut encoded[..data.len()];
            encoded.copy_from_slice(data);
            if cipher::encode(encoded).is_err() {
                return false;
            }
            self.sender.load_data(encoded);
        } else {
            self.sender.load_data(data);
        }
        self.offset += data.len() as u64;
        self.stage = Stage::Sending;
        true
    }

    /// Takes a packet of the client; `Acked` also where it ends the session or is its last answer
    /// once more, so that the last packet goes out (again).
    pub(super) fn on_packet(&mut self, now: Instant, packet: &Packet<'_>) -> Answer {
        if packet.header.options != self.options {
            return Answer::Ignored;
        }
        if self.is_new && packet.header.kind == Kind::Get && packet.is_intact() {
            // It is not answered, but a client that repeats it has the right to more packets.
            self.sender.on_repeated_get();
        }
        match self.stage {
            Stage::Waiting => Answer::Ignored,
            Stage::Closed => {
                let header = &packet.header;
                let repeated = header.kind == Kind::FinAck
                    && header.sequence == self.sender.answer_sequence().wrapping_sub(1)
                    && header.acknowledgement == self.sender.sequence().wrapping_sub(1)
                    && packet.is_intact();
                if repeated { Answer::Acked } else { Answer::Ignored }
            }
            Stage::Sending => self.on_answer(now, packet),
        }
    }

    fn on_answer(&mut self, now: Instant, packet: &Packet<'_>) -> Answer {
        let answer = self.sender.on_packet(now, packet);
        self.is_new &= answer == Answer::Ignored;
        match answer {
            Answer::Acked if packet.header.kind == Kind::FinAck => self.stage = Stage::Closed,
            Answer::Acked => {
                self.progress.bytes = self.offset;
                self.stage = Stage::Waiting;
                if self.wanted().is_none() {
                    self.finish();
                }
            }
            Answer::Nak => self.progress.naks += 1,
            Answer::Ignored => {}
        }
        answer
    }

    /// When the server must look at the session: to forget it, to send again, or to take its
    /// packet for lost, which is `flight_time` after it was sent.
    pub(super) fn deadline(&self, flight_time: Duration) -> Option<Instant> {
        if self.stage == Stage::Closed {
            return Some(self.closed_until);
        }
        let due = self.sender.due().filter(|_| self.ticket.is_none())?;
        let lost = self.in_flight.map(|_| self.sender.sent_at() + flight_time);
        Some(lost.map_or(due, |lost| lost.min(due)))
    }

    /// Writes the packet that is due.
    pub(super) fn emit(&mut self, now: Instant, packet: &mut [u8; PACKET_LEN]) {
        if self.stage == Stage::Closed {
            // The one packet that is sent without a timer, and again only when asked for.
            let header = Header {
                sequence: self.sender.sequence(),
                acknowledgement: self.sender.answer_sequence().wrapping_sub(1),
                kind: Kind::FinAck,
                options: self.options,
            };
            header.emit(&[], packet);
        } else {
            self.progress.retransmissions += u64::from(self.sender.transmissions() > 0);
            self.sender.emit(now, self.options, packet);
        }
        self.progress.packets += 1;
    }
}
