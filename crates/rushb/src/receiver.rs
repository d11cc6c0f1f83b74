//! The stop-and-wait receiver: which packets of the server count, and what is in them.
//! It sends nothing and keeps no time; the client does.

use crate::cipher;
use crate::wire::{Kind, Options, PAYLOAD_LEN, Packet, unpadded};

/// What a packet of the server is to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next \[DAT\]. Its payload is held until it is known whether it is the last.
    Data,
    /// The \[FIN\] after the last \[DAT\].
    Finished,
    /// The \[FIN\] instead of a first \[DAT\].
    Refused,
    /// The last packet of the session.
    Closed,
    /// The packet before the expected one, once more: its acknowledgement was lost or is late.
    Repeated,
    /// The expected packet, damaged; to be asked for again with this kind.
    Corrupt(Kind),
    /// Nothing that a session expects.
    Ignored,
}

/// The server's packets, put in order.
#[derive(Debug)]
pub(crate) struct Receiver {
    requested: Options,
    /// What the server granted, once it has answered.
    agreed: Option<Options>,
    /// The number of the server's next packet.
    expected: u16,
    /// The number of the client's \[FIN/ACK\], once the \[FIN\] is here.
    closing: Option<u16>,
    /// The last payload, decoded: whether its padding belongs to it shows with the next packet.
    held: Option<Box<[u8; PAYLOAD_LEN]>>,
    /// The payload before, for the application to take.
    complete: Vec<u8>,
}

impl Receiver {
    pub(crate) fn new(requested: Options) -> Self {
        Self {
            requested,
            agreed: None,
            expected: 1,
            closing: None,
            held: None,
            complete: Vec::new(),
        }
    }

    /// What the server granted; before its first answer, what it was asked for.
    pub(crate) fn options(&self) -> Options {
        self.agreed.unwrap_or(self.requested)
    }

    /// What the server granted, once it has answered.
    pub(crate) fn agreed(&self) -> Option<Options> {
        self.agreed
    }

    /// The number of the server's next packet.
    pub(crate) fn expected(&self) -> u16 {
        self.expected
    }

    /// The client's \[FIN/ACK\] has this number; the last packet acknowledges it.
    pub(crate) fn expect_last(&mut self, fin_ack: u16) {
        self.closing = Some(fin_ack);
    }

    /// Bytes that are known to belong to the resource, in order.
    pub(crate) fn take_data(&mut self) -> Option<Vec<u8>> {
        (!self.complete.is_empty()).then(|| core::mem::take(&mut self.complete))
    }

    pub(crate) fn on_packet(&mut self, packet: &Packet<'_>) -> Verdict {
        let header = &packet.header;
        if !self.agrees(header.options) {
            return Verdict::Ignored;
        }
        if self.closing.is_some() {
            return self.on_last(packet);
        }
        let again = match header.kind {
            Kind::Data => Kind::DataNak,
            Kind::Fin => Kind::FinNak,
            _ => return Verdict::Ignored,
        };
        if self.agreed.is_some() && header.sequence == self.expected.wrapping_sub(1) {
            return if packet.is_intact() { Verdict::Repeated } else { Verdict::Ignored };
        }
        if header.sequence != self.expected {
            return Verdict::Ignored;
        }
        if !packet.is_intact() {
            return Verdict::Corrupt(again);
        }
        if header.kind == Kind::Fin { self.on_fin(packet) } else { self.on_data(packet) }
    }

    /// After the first answer a packet has just what was agreed; before it, nothing that was not
    /// asked for.
    fn agrees(&self, options: Options) -> bool {
        match self.agreed {
            Some(agreed) => options == agreed,
            None => {
                (self.requested.checksum || !options.checksum)
                    && (self.requested.encoding || !options.encoding)
            }
        }
    }

    fn on_data(&mut self, packet: &Packet<'_>) -> Verdict {
        let mut payload = Box::new([0; PAYLOAD_LEN]);
        payload.copy_from_slice(packet.payload);
        if packet.header.options.encoding && cipher::decode(&mut payload[..]).is_err() {
            return Verdict::Corrupt(Kind::DataNak);
        }
        // What came before is not the last one: its zeros are the resource's.
        if let Some(before) = self.held.replace(payload) {
            self.complete.extend_from_slice(&before[..]);
        }
        self.accept(packet);
        Verdict::Data
    }

    fn on_fin(&mut self, packet: &Packet<'_>) -> Verdict {
        self.accept(packet);
        match self.held.take() {
            None => Verdict::Refused,
            Some(last) => {
                self.complete.extend_from_slice(unpadded(&last[..]));
                Verdict::Finished
            }
        }
    }

    fn accept(&mut self, packet: &Packet<'_>) {
        self.agreed = Some(packet.header.options);
        self.expected = self.expected.wrapping_add(1);
    }

    /// After the \[FIN\]: the server's \[FIN/ACK\], or the \[FIN\] again.
    fn on_last(&self, packet: &Packet<'_>) -> Verdict {
        let header = &packet.header;
        let number = header.sequence;
        match header.kind {
            _ if !packet.is_intact() => Verdict::Ignored,
            Kind::FinAck
                if number == self.expected && Some(header.acknowledgement) == self.closing =>
            {
                Verdict::Closed
            }
            Kind::Fin if number == self.expected.wrapping_sub(1) => Verdict::Repeated,
            _ => Verdict::Ignored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Header;

    const CHK: Options = Options { checksum: true, encoding: false };
    const ENC: Options = Options { checksum: false, encoding: true };
    const PLAIN: Options = Options { checksum: false, encoding: false };

    fn give(
        receiver: &mut Receiver,
        kind: Kind,
        sequence: u16,
        options: Options,
        payload: &[u8],
    ) -> Verdict {
        let header = Header { sequence, acknowledgement: 0, kind, options };
        receiver.on_packet(&Packet::parse(&header.packet(payload)).unwrap())
    }

    #[test]
    fn only_the_last_payload_is_stripped() {
        let mut receiver = Receiver::new(PLAIN);
        assert_eq!(give(&mut receiver, Kind::Data, 1, PLAIN, b"one\0"), Verdict::Data);
        assert_eq!(receiver.take_data(), None, "it may be the last");
        assert_eq!(give(&mut receiver, Kind::Data, 2, PLAIN, b"two\0"), Verdict::Data);
        let first = receiver.take_data().unwrap();
        assert_eq!((first.len(), &first[..3]), (PAYLOAD_LEN, &b"one"[..]));
        assert_eq!(give(&mut receiver, Kind::Fin, 3, PLAIN, b""), Verdict::Finished);
        assert_eq!(receiver.take_data().unwrap(), b"two");
    }

    #[test]
    fn an_extra_empty_packet_at_the_end_is_accepted() {
        let mut receiver = Receiver::new(PLAIN);
        give(&mut receiver, Kind::Data, 1, PLAIN, &[7; PAYLOAD_LEN]);
        give(&mut receiver, Kind::Data, 2, PLAIN, b"");
        assert_eq!(give(&mut receiver, Kind::Fin, 3, PLAIN, b""), Verdict::Finished);
        assert_eq!(receiver.take_data().unwrap(), [7; PAYLOAD_LEN]);
    }

    #[test]
    fn an_empty_file_is_not_a_refusal() {
        let mut empty = Receiver::new(PLAIN);
        give(&mut empty, Kind::Data, 1, PLAIN, b"");
        assert_eq!(give(&mut empty, Kind::Fin, 2, PLAIN, b""), Verdict::Finished);
        assert_eq!(empty.take_data(), None);
        let mut refused = Receiver::new(PLAIN);
        assert_eq!(give(&mut refused, Kind::Fin, 1, PLAIN, b""), Verdict::Refused);
    }

    #[test]
    fn what_was_not_asked_for_is_ignored_and_what_was_agreed_is_kept() {
        let mut receiver = Receiver::new(CHK);
        assert_eq!(give(&mut receiver, Kind::Data, 1, ENC, b"x"), Verdict::Ignored);
        assert_eq!(give(&mut receiver, Kind::Data, 1, CHK, b"x"), Verdict::Data);
        assert_eq!(give(&mut receiver, Kind::Data, 2, PLAIN, b"x"), Verdict::Ignored);
        let mut downgraded = Receiver::new(CHK);
        assert_eq!(give(&mut downgraded, Kind::Data, 1, PLAIN, b"x"), Verdict::Data);
        assert_eq!(downgraded.agreed(), Some(PLAIN));
        assert_eq!(give(&mut downgraded, Kind::Data, 2, CHK, b"x"), Verdict::Ignored);
    }

    #[test]
    fn numbers_decide() {
        let mut receiver = Receiver::new(PLAIN);
        assert_eq!(give(&mut receiver, Kind::Data, 0, PLAIN, b"x"), Verdict::Ignored);
        assert_eq!(give(&mut receiver, Kind::Data, 2, PLAIN, b"x"), Verdict::Ignored);
        assert_eq!(give(&mut receiver, Kind::Data, 1, PLAIN, b"x"), Verdict::Data);
        assert_eq!(give(&mut receiver, Kind::Data, 1, PLAIN, b"x"), Verdict::Repeated);
        assert_eq!(give(&mut receiver, Kind::Fin, 3, PLAIN, b""), Verdict::Ignored);
        for kind in [Kind::Get, Kind::DataAck, Kind::DataNak, Kind::FinAck, Kind::FinNak] {
            assert_eq!(give(&mut receiver, kind, 2, PLAIN, b""), Verdict::Ignored);
        }
    }

    #[test]
    fn damage_is_asked_for_again_by_its_kind() {
        let mut receiver = Receiver::new(CHK);
        let mut corrupt = |kind, sequence| {
            let header = Header { sequence, acknowledgement: 0, kind, options: CHK };
            let mut bytes = header.packet(b"");
            bytes[100] ^= 1;
            receiver.on_packet(&Packet::parse(&bytes).unwrap())
        };
        assert_eq!(corrupt(Kind::Data, 1), Verdict::Corrupt(Kind::DataNak));
        assert_eq!(corrupt(Kind::Fin, 1), Verdict::Corrupt(Kind::FinNak));
        assert_eq!(corrupt(Kind::Data, 2), Verdict::Ignored);
        let mut encoded = Receiver::new(ENC);
        let verdict = give(&mut encoded, Kind::Data, 1, ENC, &[249]);
        assert_eq!(verdict, Verdict::Corrupt(Kind::DataNak), "no code is no data");
    }

    #[test]
    fn the_last_packet_must_acknowledge_ours() {
        let mut receiver = Receiver::new(PLAIN);
        give(&mut receiver, Kind::Fin, 1, PLAIN, b"");
        receiver.expect_last(2);
        let mut last = |sequence, acknowledgement| {
            let header = Header { sequence, acknowledgement, kind: Kind::FinAck, options: PLAIN };
            receiver.on_packet(&Packet::parse(&header.packet(b"")).unwrap())
        };
        assert_eq!(last(3, 2), Verdict::Ignored);
        assert_eq!(last(2, 3), Verdict::Ignored);
        assert_eq!(last(2, 2), Verdict::Closed);
        assert_eq!(give(&mut receiver, Kind::Fin, 1, PLAIN, b""), Verdict::Repeated);
    }
}
