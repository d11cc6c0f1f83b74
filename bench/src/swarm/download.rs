//! [`Downloader`]: the leanest client of RUSHB, which downloads one file again and again.
//! It keeps none of the bytes, but compares the checksum of each piece with what it should be.

use rushb::checksum;
use rushb::wire::{Header, Kind, Options, PACKET_LEN, Packet};

use super::machine::{Client, Heard};
use crate::file::{File, NAME};

const OPTIONS: Options = Options { checksum: true, encoding: false };

/// What the clients of a swarm download, and their packets, made once.
pub(super) struct Plan {
    /// The checksum of each piece.
    sums: Vec<u16>,
    /// After as many pieces a client falls silent.
    most: usize,
    get: [u8; PACKET_LEN],
    data_ack: [u8; PACKET_LEN],
    fin_ack: [u8; PACKET_LEN],
}

impl Plan {
    /// Downloads of `file`, which end after `most` pieces without a further word.
    pub(super) fn new(file: &File, most: usize) -> Self {
        let packet = |kind, sequence, payload: &[u8]| {
            Header { sequence, acknowledgement: 0, kind, options: OPTIONS }.packet(payload)
        };
        Self {
            sums: (0..file.pieces()).filter_map(|number| file.sum(number)).collect(),
            most,
            get: packet(Kind::Get, 1, NAME.as_bytes()),
            data_ack: packet(Kind::DataAck, 0, &[]),
            fin_ack: packet(Kind::FinAck, 0, &[]),
        }
    }
}

/// Where a download stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The \[GET\] is not answered yet.
    #[default]
    Asking,
    /// Some pieces are here.
    Reading,
    /// The \[FIN\] is here.
    Closing,
}

/// A client that downloads.
#[derive(Default)]
pub(super) struct Downloader {
    stage: Stage,
    /// The server's packets so far; its numbers do not wrap within the files that are used here,
    /// and the client's own are one higher.
    heard: u16,
    /// Pieces so far.
    pieces: usize,
}

impl Downloader {
    fn hear_data(&mut self, plan: &Plan, packet: &Packet<'_>) -> Heard {
        if self.stage == Stage::Closing {
            return Heard::Nothing;
        }
        if self.stage == Stage::Reading && packet.header.sequence == self.heard {
            return Heard::Again;
        }
        if packet.header.sequence != self.heard + 1 || self.pieces >= plan.most {
            return Heard::Nothing;
        }
        if plan.sums.get(self.pieces) != Some(&packet.checksum) {
            return Heard::Damaged;
        }
        self.stage = Stage::Reading;
        self.pieces += 1;
        self.heard += 1;
        Heard::Exchange
    }

    fn hear_fin(&mut self, plan: &Plan, packet: &Packet<'_>) -> Heard {
        if self.stage == Stage::Closing && packet.header.sequence == self.heard {
            return Heard::Again;
        }
        if self.stage == Stage::Closing || packet.header.sequence != self.heard + 1 {
            return Heard::Nothing;
        }
        if self.pieces != plan.sums.len() {
            return Heard::Damaged;
        }
        self.stage = Stage::Closing;
        self.heard += 1;
        Heard::Step
    }

    fn hear_fin_ack(&mut self, packet: &Packet<'_>) -> Heard {
        let header = &packet.header;
        let last = header.sequence == self.heard + 1 && header.acknowledgement == self.heard + 1;
        if self.stage != Stage::Closing || !last {
            return Heard::Nothing;
        }
        *self = Self::default();
        Heard::Finished
    }
}

impl Client for Downloader {
    type Plan = Plan;

    fn hear(&mut self, plan: &Plan, datagram: &[u8]) -> Heard {
        let Ok(packet) = Packet::parse(datagram) else { return Heard::Damaged };
        let intact =
            packet.header.options == OPTIONS && packet.checksum == checksum::of(packet.payload);
        if !intact {
            return Heard::Damaged;
        }
        match packet.header.kind {
            Kind::Data => self.hear_data(plan, &packet),
            Kind::Fin => self.hear_fin(plan, &packet),
            Kind::FinAck => self.hear_fin_ack(&packet),
            _ => Heard::Damaged,
        }
    }

    fn say(&self, plan: &Plan, datagram: &mut [u8; PACKET_LEN]) {
        let template = match self.stage {
            Stage::Asking => &plan.get,
            Stage::Reading => &plan.data_ack,
            Stage::Closing => &plan.fin_ack,
        };
        datagram.copy_from_slice(template);
        if self.stage != Stage::Asking {
            // The checksum is that of the payload alone.
            datagram[..2].copy_from_slice(&(self.heard + 1).to_be_bytes());
            datagram[2..4].copy_from_slice(&self.heard.to_be_bytes());
        }
    }

    fn waits(&self, plan: &Plan) -> bool {
        self.pieces < plan.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_server(kind: Kind, sequence: u16, ack: u16, payload: &[u8]) -> [u8; PACKET_LEN] {
        Header { sequence, acknowledgement: ack, kind, options: OPTIONS }.packet(payload)
    }

    /// What the client says, without its payload.
    fn said(client: &Downloader, plan: &Plan) -> (Kind, u16, u16) {
        let mut datagram = [0; PACKET_LEN];
        client.say(plan, &mut datagram);
        let packet = Packet::parse(&datagram).unwrap();
        assert!(packet.is_intact());
        (packet.header.kind, packet.header.sequence, packet.header.acknowledgement)
    }

    #[test]
    fn a_download_from_the_get_to_the_next_get() {
        let file = File::new(2_000);
        let (plan, mut client) = (Plan::new(&file, usize::MAX), Downloader::default());
        let first = from_server(Kind::Data, 1, 0, file.piece(0, 1_464));
        let second = from_server(Kind::Data, 2, 0, file.piece(1_464, 1_464));
        let fin = from_server(Kind::Fin, 3, 0, &[]);
        assert_eq!(said(&client, &plan), (Kind::Get, 1, 0));
        assert_eq!(client.hear(&plan, &first), Heard::Exchange);
        assert_eq!(said(&client, &plan), (Kind::DataAck, 2, 1));
        assert_eq!(client.hear(&plan, &first), Heard::Again);
        assert_eq!(client.hear(&plan, &fin), Heard::Nothing, "too early");
        assert_eq!(client.hear(&plan, &second), Heard::Exchange);
        assert_eq!(client.hear(&plan, &fin), Heard::Step);
        assert_eq!(said(&client, &plan), (Kind::FinAck, 4, 3));
        let last = from_server(Kind::FinAck, 4, 4, &[]);
        assert_eq!(client.hear(&plan, &last), Heard::Finished);
        assert_eq!(said(&client, &plan), (Kind::Get, 1, 0));
    }

    #[test]
    fn damage_and_missing_pieces_are_seen() {
        let file = File::new(2_000);
        let (plan, mut client) = (Plan::new(&file, usize::MAX), Downloader::default());
        let wrong = from_server(Kind::Data, 1, 0, file.piece(1_464, 1_464));
        assert_eq!(client.hear(&plan, &wrong), Heard::Damaged, "another piece");
        let mut flipped = from_server(Kind::Data, 1, 0, file.piece(0, 1_464));
        flipped[700] ^= 1;
        assert_eq!(client.hear(&plan, &flipped), Heard::Damaged);
        let fin = from_server(Kind::Fin, 1, 0, &[]);
        assert_eq!(client.hear(&plan, &fin), Heard::Damaged, "refused");
    }

    #[test]
    fn a_client_that_had_enough_is_silent() {
        let file = File::new(5_000);
        let (plan, mut client) = (Plan::new(&file, 1), Downloader::default());
        assert!(client.waits(&plan));
        client.hear(&plan, &from_server(Kind::Data, 1, 0, file.piece(0, 1_464)));
        assert!(!client.waits(&plan));
        let second = from_server(Kind::Data, 2, 0, file.piece(1_464, 1_464));
        assert_eq!(client.hear(&plan, &second), Heard::Nothing);
    }
}
