//! The stop-and-wait sender: one packet outstanding, its number, its tries and its timer.
//! It knows neither files nor addresses; the server's session tells it what to send.

use core::time::Duration;

use rudp_base::Instant;

use crate::rto::{Rto, RttEstimator};
use crate::wire::{Header, Kind, Options, PACKET_LEN, PAYLOAD_LEN, Packet};

/// The least time between two transmissions of one packet that NAKs can cause, the first excepted.
const NAK_INTERVAL: Duration = Duration::from_millis(20);

/// How often a session may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    /// One packet.
    pub(crate) packet: u32,
    /// Packets for each one that it got. Whoever forges a client's packets must not make the server
    /// send that client much more.
    pub(crate) amplification: u32,
}

/// What a client's packet did to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The outstanding packet arrived; there is none now.
    Acked,
    /// The outstanding packet is asked for again, and goes out again at [`Sender::due`].
    Nak,
    /// Stale, repeated, damaged, invalid or unexpected: nothing changed.
    Ignored,
}

/// The outstanding packet's way through its tries.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    kind: Kind,
    transmissions: u32,
    naks: u32,
    /// A NAK waits for its interval to end; `due` is that end.
    nak_waits: bool,
    sent_at: Instant,
    /// When it goes out again, or is given up, if no answer comes.
    due: Instant,
}

/// One direction of a session: the server's packets and the client's answers to them.
#[derive(Debug)]
pub(crate) struct Sender {
    /// Of the outstanding packet, or of the next one.
    sequence: u16,
    /// Which of its own numbers the client's next packet has.
    answer_sequence: u16,
    /// Packets of the client that counted, its \[GET\] included.
    received: u64,
    /// Packets sent, retransmissions included.
    sent: u64,
    tries: Tries,
    rtt: RttEstimator,
    outstanding: Option<Outstanding>,
    /// Kept from the first \[DAT\] on: a packet is sent again with the same bytes. It is allocated
    /// once a session.
    payload: Option<Box<[u8; PAYLOAD_LEN]>>,
}

impl Sender {
    pub(crate) fn new(rto: Rto, tries: Tries) -> Self {
        Self {
            sequence: 1,
            answer_sequence: 2, // The client's [GET] was its packet 1.
            received: 1,
            sent: 0,
            tries,
            rtt: RttEstimator::new(rto),
            outstanding: None,
            payload: None,
        }
    }

    /// The number of the outstanding packet, or of the next.
    pub(crate) fn sequence(&self) -> u16 {
        self.sequence
    }

    /// The number of the client's next packet.
    pub(crate) fn answer_sequence(&self) -> u16 {
        self.answer_sequence
    }

    /// Takes a payload to send, encoded where the session encodes, at most [`PAYLOAD_LEN`] bytes.
    pub(crate) fn load_data(&mut self, payload: &[u8]) {
        let slot = self.payload.get_or_insert_with(|| Box::new([0; PAYLOAD_LEN]));
        let len = payload.len().min(PAYLOAD_LEN);
        slot[..len].copy_from_slice(&payload[..len]);
        slot[len..].fill(0);
        self.load(Kind::Data);
    }

    /// The last packet that wants an answer.
    pub(crate) fn load_fin(&mut self) {
        self.payload = None;
        self.load(Kind::Fin);
    }

    fn load(&mut self, kind: Kind) {
        self.outstanding = Some(Outstanding {
            kind,
            transmissions: 0,
            naks: 0,
            nak_waits: false,
            sent_at: Instant::ZERO,
            due: Instant::ZERO,
        });
    }

    /// When something is to be done about the outstanding packet: at once if it was never sent.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.outstanding.map(|outstanding| outstanding.due)
    }

    /// Whether the outstanding packet has been sent as often as it may be.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.transmissions() >= self.tries.packet
            || self.sent >= self.received.saturating_mul(u64::from(self.tries.amplification))
    }

    /// How often the outstanding packet was sent.
    pub(crate) fn transmissions(&self) -> u32 {
        self.outstanding.map_or(0, |outstanding| outstanding.transmissions)
    }

    /// When the outstanding packet was sent last; the origin of time where it was not.
    pub(crate) fn sent_at(&self) -> Instant {
        self.outstanding.map_or(Instant::ZERO, |outstanding| outstanding.sent_at)
    }

    /// The outstanding packet is due again: nothing came in time, so that the next transmission
    /// waits longer, or a NAK's interval ended.
    pub(crate) fn on_due(&mut self) {
        if !self.outstanding.is_some_and(|outstanding| outstanding.nak_waits) {
            self.rtt.on_timeout();
        }
    }

    /// Writes the outstanding packet, and starts its timer.
    pub(crate) fn emit(&mut self, now: Instant, options: Options, packet: &mut [u8; PACKET_LEN]) {
        let Some(outstanding) = &mut self.outstanding else { return };
        let (sequence, kind) = (self.sequence, outstanding.kind);
        let payload = self.payload.as_ref().map_or(&[][..], |payload| &payload[..]);
        Header { sequence, acknowledgement: 0, kind, options }.emit(payload, packet);
        outstanding.transmissions += 1;
        self.sent += 1;
        outstanding.nak_waits = false;
        outstanding.sent_at = now;
        outstanding.due = now + self.rtt.rto();
    }

    /// The client repeated its \[GET\].
    pub(crate) fn on_repeated_get(&mut self) {
        self.received += 1;
    }

    /// Takes a packet of the client.
    pub(crate) fn on_packet(&mut self, now: Instant, packet: &Packet<'_>) -> Answer {
        let Some(outstanding) = &mut self.outstanding else { return Answer::Ignored };
        let header = &packet.header;
        let (ack, nak) = match outstanding.kind {
            Kind::Data => (Kind::DataAck, Kind::DataNak),
            _ => (Kind::FinAck, Kind::FinNak),
        };
        let expected = outstanding.transmissions > 0
            && (header.kind == ack || header.kind == nak)
            && header.acknowledgement == self.sequence
            && header.sequence == self.answer_sequence;
        if !expected || !packet.is_intact() {
            return Answer::Ignored;
        }
        self.answer_sequence = self.answer_sequence.wrapping_add(1);
        self.received += 1;
        if header.kind == nak {
            self.on_nak(now);
            return Answer::Nak;
        }
        if outstanding.transmissions == 1 {
            self.rtt.on_sample(now - outstanding.sent_at);
        }
        self.outstanding = None;
        self.sequence = self.sequence.wrapping_add(1);
        Answer::Acked
    }

    /// A NAK is answered at once the first time; later ones for the same packet wait their interval,
    /// and all count as tries, so that a client cannot turn them into a flood.
    fn on_nak(&mut self, now: Instant) {
        if self.is_exhausted() {
            return; // The timer runs on, and ends the session.
        }
        let Some(outstanding) = &mut self.outstanding else { return };
        outstanding.due =
            if outstanding.naks == 0 { now } else { now.max(outstanding.sent_at + NAK_INTERVAL) };
        outstanding.nak_waits = true;
        outstanding.naks += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Options = Options { checksum: false, encoding: false };
    const TRIES: Tries = Tries { packet: 8, amplification: 3 };

    fn sender(payload: &[u8]) -> Sender {
        let mut sender = Sender::new(Rto::default(), TRIES);
        sender.load_data(payload);
        sender
    }

    fn emit(sender: &mut Sender, now: Instant) -> [u8; PACKET_LEN] {
        let mut packet = [0; PACKET_LEN];
        sender.emit(now, PLAIN, &mut packet);
        packet
    }

    fn answer(sender: &mut Sender, now: Instant, kind: Kind, sequence: u16, ack: u16) -> Answer {
        let header = Header { sequence, acknowledgement: ack, kind, options: PLAIN };
        sender.on_packet(now, &Packet::parse(&header.packet(b"")).unwrap())
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn an_answer_to_what_was_never_sent_is_ignored() {
        let mut sender = sender(b"x");
        assert_eq!(answer(&mut sender, at(0), Kind::DataAck, 2, 1), Answer::Ignored);
    }

    #[test]
    fn only_the_exact_answer_counts() {
        let mut sender = sender(b"x");
        emit(&mut sender, at(0));
        let wrong = [
            (Kind::DataAck, 3, 1),
            (Kind::DataAck, 2, 2),
            (Kind::DataAck, 1, 1),
            (Kind::DataAck, 2, 0),
            (Kind::FinAck, 2, 1),
            (Kind::FinNak, 2, 1),
        ];
        for (kind, sequence, ack) in wrong {
            assert_eq!(answer(&mut sender, at(1), kind, sequence, ack), Answer::Ignored);
        }
        assert_eq!(answer(&mut sender, at(1), Kind::DataAck, 2, 1), Answer::Acked);
        assert_eq!(answer(&mut sender, at(1), Kind::DataAck, 2, 1), Answer::Ignored, "repeated");
        assert_eq!((sender.sequence(), sender.answer_sequence()), (2, 3));
    }

    #[test]
    fn a_retransmission_is_the_same_packet() {
        let mut sender = sender(b"same");
        let first = emit(&mut sender, at(0));
        sender.on_due();
        assert_eq!(emit(&mut sender, at(1_000)), first);
    }

    #[test]
    fn the_first_nak_is_answered_at_once_and_the_next_ones_are_spaced() {
        let mut sender = sender(b"x");
        emit(&mut sender, at(0));
        assert_eq!(answer(&mut sender, at(5), Kind::DataNak, 2, 1), Answer::Nak);
        assert_eq!(sender.due(), Some(at(5)));
        emit(&mut sender, at(5));
        assert_eq!(answer(&mut sender, at(6), Kind::DataNak, 3, 1), Answer::Nak);
        assert_eq!(sender.due(), Some(at(25)));
    }

    #[test]
    fn a_nak_restarts_the_timer() {
        let mut sender = Sender::new(Rto::CLASSIC, TRIES);
        sender.load_data(b"x");
        emit(&mut sender, at(0));
        answer(&mut sender, at(3_000), Kind::DataNak, 2, 1);
        emit(&mut sender, at(3_000));
        assert_eq!(sender.due(), Some(at(7_000)));
    }

    #[test]
    fn naks_count_as_tries() {
        let mut sender = sender(b"x");
        let (mut now, mut transmissions) = (at(0), 0);
        for sequence in 2..100 {
            if !sender.is_exhausted() {
                emit(&mut sender, now);
                transmissions += 1;
            }
            answer(&mut sender, now, Kind::DataNak, sequence, 1);
            now += NAK_INTERVAL;
        }
        assert_eq!(transmissions, TRIES.packet);
    }

    #[test]
    fn sends_three_packets_at_most_for_each_it_got() {
        let mut sender = sender(b"x");
        let mut exhaust = |sequence| {
            let mut sent = 0;
            while !sender.is_exhausted() {
                emit(&mut sender, at(0));
                sent += 1;
            }
            answer(&mut sender, at(1), Kind::DataAck, sequence + 1, sequence);
            sender.load_data(b"y");
            sent
        };
        assert_eq!([exhaust(1), exhaust(2), exhaust(3)], [3, 3, 3]);
    }

    #[test]
    fn a_client_that_answers_well_earns_all_the_tries() {
        let mut sender = sender(b"x");
        for sequence in 1..5 {
            emit(&mut sender, at(0));
            answer(&mut sender, at(1), Kind::DataAck, sequence + 1, sequence);
            sender.load_data(b"y");
        }
        let sent = (0..100).take_while(|_| {
            emit(&mut sender, at(1));
            !sender.is_exhausted()
        });
        assert_eq!(sent.count() + 1, TRIES.packet as usize);
    }

    #[test]
    fn a_packet_sent_twice_measures_nothing() {
        let mut sender = sender(b"x");
        emit(&mut sender, at(0));
        sender.on_due();
        emit(&mut sender, at(1_000));
        answer(&mut sender, at(1_001), Kind::DataAck, 2, 1);
        sender.load_data(b"y");
        emit(&mut sender, at(1_001));
        assert_eq!(sender.due(), Some(at(1_001 + 2_000)), "the doubled timer stays (Karn)");
    }

    #[test]
    fn both_counts_wrap_at_65_536() {
        let mut sender = sender(b"x");
        let mut answered = 2_u16;
        for number in 1..=70_000_u32 {
            emit(&mut sender, at(0));
            let number = u16::try_from(number % 65_536).unwrap();
            assert_eq!(sender.sequence(), number);
            assert_eq!(answer(&mut sender, at(0), Kind::DataAck, answered, number), Answer::Acked);
            answered = answered.wrapping_add(1);
            sender.load_data(b"x");
        }
    }
}
