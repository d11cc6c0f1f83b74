//! [`Raw`]: packets of RUSHB written from the document alone, without the code under test.
//! Any field can be wrong, since tests need wrong ones.

use rushb::wire::Options;

/// A packet, field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The sequence number.
    pub sequence: u16,
    /// The acknowledgement number.
    pub acknowledgement: u16,
    /// The flags, reserved bits and version.
    pub flags: u16,
    /// The checksum where it is not what the flags ask for.
    pub checksum: Option<u16>,
    /// The payload before padding, encoded where it should be.
    pub payload: Vec<u8>,
}

impl Raw {
    /// The bit of CHK.
    pub const CHK: u16 = 0x0400;
    /// The bit of ENC.
    pub const ENC: u16 = 0x0200;

    fn new(flags: u16, sequence: u16, acknowledgement: u16, payload: &[u8]) -> Self {
        Self { sequence, acknowledgement, flags, checksum: None, payload: payload.to_vec() }
    }

    /// \[GET\] 1.
    pub fn get(name: &str) -> Self {
        Self::new(0x2002, 1, 0, name.as_bytes())
    }

    /// \[DAT\].
    pub fn dat(sequence: u16, payload: &[u8]) -> Self {
        Self::new(0x1002, sequence, 0, payload)
    }

    /// \[DAT/ACK\].
    pub fn dat_ack(sequence: u16, acknowledgement: u16) -> Self {
        Self::new(0x9002, sequence, acknowledgement, &[])
    }

    /// \[DAT/NAK\].
    pub fn dat_nak(sequence: u16, acknowledgement: u16) -> Self {
        Self::new(0x5002, sequence, acknowledgement, &[])
    }

    /// \[FIN\].
    pub fn fin(sequence: u16) -> Self {
        Self::new(0x0802, sequence, 0, &[])
    }

    /// \[FIN/ACK\], of either side.
    pub fn fin_ack(sequence: u16, acknowledgement: u16) -> Self {
        Self::new(0x8802, sequence, acknowledgement, &[])
    }

    /// \[FIN/NAK\].
    pub fn fin_nak(sequence: u16, acknowledgement: u16) -> Self {
        Self::new(0x4802, sequence, acknowledgement, &[])
    }

    /// With more flags: [`CHK`](Self::CHK), and [`ENC`](Self::ENC), which encodes the payload.
    #[must_use]
    pub fn with(mut self, flags: u16) -> Self {
        self.flags |= flags;
        if flags & Self::ENC != 0 {
            self.payload = encoded(&self.payload);
        }
        self
    }

    /// The options that flags stand for.
    pub fn options(flags: u16) -> Options {
        Options { checksum: flags & Self::CHK != 0, encoding: flags & Self::ENC != 0 }
    }

    /// The packet as it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let sum = if self.flags & Self::CHK == 0 { 0 } else { sum(&self.payload) };
        let sum = self.checksum.unwrap_or(sum);
        let head = [self.sequence, self.acknowledgement, sum, self.flags];
        let mut bytes: Vec<u8> = head.into_iter().flat_map(u16::to_be_bytes).collect();
        bytes.extend_from_slice(&self.payload);
        bytes.resize(1472, 0);
        bytes
    }
}

impl From<Raw> for Vec<u8> {
    fn from(raw: Raw) -> Self {
        raw.bytes()
    }
}

/// The checksum of the Internet with its bytes swapped.
fn sum(payload: &[u8]) -> u16 {
    let mut sum = 0;
    for (index, byte) in payload.iter().enumerate() {
        sum += u32::from(*byte) << (8 * (index % 2));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(0xffff - sum).unwrap_or(0)
}

/// Each byte to its 11th power modulo 249.
fn encoded(payload: &[u8]) -> Vec<u8> {
    payload.iter().map(|byte| power11(*byte)).collect()
}

fn power11(byte: u8) -> u8 {
    let power = (0..11).fold(1, |power, _| power * u32::from(byte) % 249);
    u8::try_from(power).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_vectors() {
        assert_eq!(sum(b"files/file.txt"), 19008);
        assert_eq!(sum(&[b'a'; 1464]), 36237);
        assert_eq!(sum(b""), 65535);
        assert_eq!(sum(&encoded(b"files/file.txt")), 17430);
        assert_eq!(encoded(b"ab"), [0xb5, 0x2f]);
    }

    #[test]
    fn a_packet_is_1472_bytes() {
        let bytes = Raw::get("file.txt").with(Raw::CHK).bytes();
        assert_eq!(bytes.len(), 1472);
        assert_eq!(bytes[..4], [0, 1, 0, 0]);
        assert_eq!(bytes[6..17], *b"\x24\x02file.txt\0");
    }
}
