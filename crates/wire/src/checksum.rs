//! CRC-32C, with which every packet of the plain profile ends (docs/PROTOCOL.md, 3.4).
//! Which packets have one is not decided here.

/// Length of the sum in bytes (docs/PROTOCOL.md, 3.4).
pub const LEN: usize = 4;

/// The CRC-32C of `bytes` (RFC 3720, appendix B.4).
///
/// ```
/// assert_eq!(rudp_wire::checksum::crc32c(b"123456789"), 0xe306_9283);
/// ```
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// The CRC-32C of `parts`, one behind the other.
///
/// ```
/// assert_eq!(rudp_wire::checksum::crc32c_of(&[b"1234", b"", b"56789"]), 0xe306_9283);
/// ```
pub fn crc32c_of(parts: &[&[u8]]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    for part in parts {
        digest.update(part);
    }
    let [_, _, _, _, sum @ ..] = digest.finalize().to_be_bytes();
    u32::from_be_bytes(sum)
}

/// `packet` without its sum, if that is right (docs/PROTOCOL.md, 3.4).
pub fn strip(packet: &[u8]) -> Option<&[u8]> {
    let (body, sum) = packet.split_last_chunk::<LEN>()?;
    (crc32c(body) == u32::from_be_bytes(*sum)).then_some(body)
}
