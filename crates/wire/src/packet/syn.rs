//! SYN (docs/PROTOCOL.md, 5.1): the packet with which a client asks, patterns and suites.
//! What the message in it says is in `handshake`.

use core::fmt;

use crate::cursor::{Reader, WriteError};

use super::{
    ConnectionId, ControlHeader, ControlType, MAX_COOKIE, MIN_SYN, Malformed, Packet, Profile,
    Version, emit, message, write_message,
};

/// The pattern of a handshake (docs/PROTOCOL.md, 5; 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// NX: the client has no key.
    Nx,
    /// XX: the client has a key.
    Xx,
    /// `NXpsk0`: as NX, and both have a secret.
    NxPsk0,
    /// `XXpsk0`: as XX, and both have a secret.
    XxPsk0,
    /// None: the plain profile.
    Plain,
}

impl Pattern {
    const TABLE: [(Self, u8, &'static str); 5] = [
        (Self::Nx, 0, "NX"),
        (Self::Xx, 1, "XX"),
        (Self::NxPsk0, 2, "NXpsk0"),
        (Self::XxPsk0, 3, "XXpsk0"),
        (Self::Plain, 255, "plain"),
    ];

    /// The value of byte 21.
    pub fn number(self) -> u8 {
        Self::TABLE.iter().find(|row| row.0 == self).map_or(0, |row| row.1)
    }

    /// The pattern's name.
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|row| row.0 == self).map_or("", |row| row.2)
    }

    /// The pattern with a number, if the profile has it (docs/PROTOCOL.md, 3.3).
    fn from_number(number: u8, profile: Profile) -> Option<Self> {
        let pattern = Self::TABLE.iter().find(|row| row.1 == number)?.0;
        ((pattern == Self::Plain) == (profile == Profile::Plain)).then_some(pattern)
    }

    /// Whether the client has a key.
    pub fn has_client_key(self) -> bool {
        matches!(self, Self::Xx | Self::XxPsk0)
    }

    /// Whether both have a secret.
    pub fn has_secret(self) -> bool {
        matches!(self, Self::NxPsk0 | Self::XxPsk0)
    }
}

/// An AEAD for data packets, with the number of its bit (docs/PROTOCOL.md, 5.1 and 5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Suite {
    /// AES-128-GCM.
    Aes128Gcm = 0,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305 = 1,
    /// AES-256-GCM.
    Aes256Gcm = 2,
    /// AEGIS-128L with a tag of 128 bits (RFC 10032).
    Aegis128L = 3,
    /// AEGIS-128X of degree 4 with a tag of 128 bits (RFC 10032).
    Aegis128X4 = 4,
}

impl Suite {
    /// All of them, by number.
    pub const ALL: [Self; 5] = [
        Self::Aes128Gcm,
        Self::ChaCha20Poly1305,
        Self::Aes256Gcm,
        Self::Aegis128L,
        Self::Aegis128X4,
    ];

    /// The suite with a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The number of its bit.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// The suites that a client offers: byte 22 of a SYN as it came (docs/PROTOCOL.md, 5.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Suites(pub u8);

impl Suites {
    /// These suites.
    pub fn of(suites: &[Suite]) -> Self {
        Self(suites.iter().fold(0, |bits, suite| bits | 1 << suite.number()))
    }

    /// Whether a suite is among them.
    pub const fn contains(self, suite: Suite) -> bool {
        self.0 & (1 << suite.number()) != 0
    }
}

impl fmt::Display for Suites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#07b}", self.0)
    }
}

/// What SYNs of all versions have (docs/PROTOCOL.md, 2.3 to 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynInvariant {
    /// The id that the client drew for this attempt.
    pub initial: ConnectionId,
    /// The version.
    pub version: Version,
    /// The client's id.
    pub source: ConnectionId,
}

/// A SYN (docs/PROTOCOL.md, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syn<'a> {
    /// The id that the client drew for this attempt.
    pub initial: ConnectionId,
    /// The client's id.
    pub source: ConnectionId,
    /// The pattern.
    pub pattern: Pattern,
    /// The suites offered.
    pub suites: Suites,
    /// The cookie of a RETRY; empty if there was none.
    pub cookie: &'a [u8],
    /// Noise message 1.
    pub message: &'a [u8],
}

/// Reads a SYN of any version. That of another version may have any sum, or none.
pub(super) fn parse(datagram: &[u8], profile: Profile) -> Result<Packet<'_>, Malformed> {
    if datagram.len() < MIN_SYN {
        return Err(Malformed::Length(datagram.len()));
    }
    let header = ControlHeader::read(&mut Reader::new(datagram))?;
    if header.version == profile.version() {
        return Syn::parse(profile.strip(datagram)?, profile).map(Packet::Syn);
    }
    if header.version == Version::NONE {
        return Err(Malformed::Version(header.version));
    }
    let ControlHeader { destination: initial, version, other: source } = header;
    Ok(Packet::ForeignSyn(SynInvariant { initial, version, source }))
}

impl<'a> Syn<'a> {
    fn parse(packet: &'a [u8], profile: Profile) -> Result<Self, Malformed> {
        let mut reader = Reader::new(packet);
        let header = ControlHeader::read_own(&mut reader, profile)?;
        let pattern = reader.u8()?;
        let pattern = Pattern::from_number(pattern, profile).ok_or(Malformed::Pattern(pattern))?;
        let suites = Suites(reader.u8()?);
        let cookie_len = usize::from(reader.u8()?);
        if cookie_len > MAX_COOKIE {
            return Err(Malformed::Cookie(cookie_len));
        }
        let cookie = reader.bytes(cookie_len)?;
        let message = message(&mut reader)?;
        let ControlHeader { destination: initial, other: source, .. } = header;
        Ok(Self { initial, source, pattern, suites, cookie, message })
    }

    /// Writes the packet with its padding, and gives its length (docs/PROTOCOL.md, 5.1.1, 3.4). The
    /// pattern says which profile it is.
    pub fn emit(&self, random: bool, buffer: &mut [u8]) -> Result<usize, WriteError> {
        let profile = self.profile();
        emit(buffer, profile, |writer| {
            let header = ControlHeader::own(profile, self.initial, self.source);
            header.encode(ControlType::Syn, random, writer)?;
            writer.u8(self.pattern.number())?;
            writer.u8(self.suites.0)?;
            if self.cookie.len() > MAX_COOKIE {
                return Err(WriteError::Value);
            }
            writer.u8(u8::try_from(self.cookie.len()).map_err(|_| WriteError::Value)?)?;
            writer.bytes(self.cookie)?;
            write_message(self.message, writer)?;
            let padding = (MIN_SYN - profile.control_trailer()).saturating_sub(writer.len());
            writer.zeros(padding)
        })
    }

    /// The profile that the pattern belongs to.
    pub fn profile(&self) -> Profile {
        if self.pattern == Pattern::Plain { Profile::Plain } else { Profile::Sealed }
    }

    /// Bytes 1 to 22: with address and message, what a handshake is known by (docs/PROTOCOL.md,
    /// 5.2.5a), and a part of what a cookie proves (5.5.3).
    pub fn identity(&self) -> [u8; 22] {
        let [i1, i2, i3, i4, i5, i6, i7, i8] = self.initial.0;
        let [v1, v2, v3, v4] = self.profile().version().0.to_be_bytes();
        let [s1, s2, s3, s4, s5, s6, s7, s8] = self.source.0;
        let (pattern, suites) = (self.pattern.number(), self.suites.0);
        [
            i1, i2, i3, i4, i5, i6, i7, i8, v1, v2, v3, v4, s1, s2, s3, s4, s5, s6, s7, s8,
            pattern, suites,
        ]
    }
}
