//! What the three messages of the handshake carry (docs/PROTOCOL.md, 5.1.3, 5.2.1, 5.3.3), and the
//! prologue (5.1.2). Sealing and opening them is done elsewhere.

use crate::code::Code;
use crate::cursor::{Reader, Truncated, WriteError, Writer};
use crate::packet::{ConnectionId, Profile, Suite, Syn, Version};
use crate::parameters::{self, ParameterError, Parameters};

/// Length of the prologue in bytes (docs/PROTOCOL.md, 5.1.2).
pub const PROLOGUE_LEN: usize = 26;

/// The prologue that a SYN gives: all of it but cookie and message (docs/PROTOCOL.md, 5.1.2).
pub fn prologue(syn: &Syn<'_>) -> [u8; PROLOGUE_LEN] {
    let [i1, i2, i3, i4, i5, i6, i7, i8] = syn.initial.0;
    let [v1, v2, v3, v4] = syn.profile().version().0.to_be_bytes();
    let [s1, s2, s3, s4, s5, s6, s7, s8] = syn.source.0;
    let (pattern, suites) = (syn.pattern.number(), syn.suites.0);
    [
        b'R', b'U', b'D', b'P', v1, v2, v3, v4, i1, i2, i3, i4, i5, i6, i7, i8, s1, s2, s3, s4, s5,
        s6, s7, s8, pattern, suites,
    ]
}

/// Why the payload of a message does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It ends too early.
    #[error("the payload ends too early")]
    Truncated,
    /// There are bytes behind it (docs/PROTOCOL.md, 5.0.2).
    #[error("{0} bytes behind the payload")]
    Trailing(usize),
    /// The name of the service is not UTF-8 (docs/PROTOCOL.md, 5.1.3).
    #[error("the name of the service is not UTF-8")]
    ServiceName,
    /// No suite has that number (docs/PROTOCOL.md, 5.2.1).
    #[error("no suite has the number {0}")]
    Suite(u8),
    /// The parameters are in error (docs/PROTOCOL.md, 5.4.2).
    #[error(transparent)]
    Parameters(#[from] ParameterError),
}

impl From<Truncated> for PayloadError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// The payload of message 1 (docs/PROTOCOL.md, 5.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The service; at most 255 bytes, empty for the only or first one.
    pub service: &'a str,
}

impl<'a> Request<'a> {
    /// Reads a payload. Its parameters are ignored, but have to be some.
    pub fn parse(payload: &'a [u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(payload);
        let len = reader.u8()?;
        let service = core::str::from_utf8(reader.bytes(usize::from(len))?)
            .map_err(|_| PayloadError::ServiceName)?;
        parameters::ignore(reader.rest())?;
        Ok(Self { service })
    }

    /// Writes the payload without parameters.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        write_short(self.service.as_bytes(), writer)
    }
}

/// The payload of message 2 (docs/PROTOCOL.md, 5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// The server wants the session.
    Accepted(Accepted),
    /// It does not.
    Refused {
        /// Why; not 0.
        code: Code,
        /// The same for people: UTF-8 if the server is correct, and at most 255 bytes.
        reason: &'a [u8],
    },
}

/// What a server says that wants a session (docs/PROTOCOL.md, 5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The suite chosen; in the plain profile none (docs/PROTOCOL.md, 3.3).
    pub suite: Option<Suite>,
    /// The server's id.
    pub source: ConnectionId,
    /// The reset token of that id (docs/PROTOCOL.md, 10.1).
    pub reset_token: [u8; 16],
    /// The server's parameters.
    pub parameters: Parameters,
}

impl<'a> Response<'a> {
    /// Reads a payload. In the plain profile suite and token are ignored (docs/PROTOCOL.md, 3.5).
    pub fn parse(payload: &'a [u8], profile: Profile) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(payload);
        let code = reader.u16()?;
        if code != 0 {
            let len = reader.u8()?;
            let reason = reader.bytes(usize::from(len))?;
            return match reader.rest().len() {
                0 => Ok(Self::Refused { code: Code(code.into()), reason }),
                behind => Err(PayloadError::Trailing(behind)),
            };
        }
        let number = reader.u8()?;
        let suite = match profile {
            Profile::Sealed => Some(Suite::from_number(number).ok_or(PayloadError::Suite(number))?),
            Profile::Plain => None,
        };
        let source = ConnectionId(*reader.array()?);
        let reset_token = *reader.array()?;
        let parameters = Parameters::parse(reader.rest())?;
        Ok(Self::Accepted(Accepted { suite, source, reset_token, parameters }))
    }

    /// Writes the payload.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        writer.whole(|writer| match self {
            Self::Accepted(Accepted { suite, source, reset_token, parameters }) => {
                writer.u16(0)?;
                writer.u8(suite.map_or(0, Suite::number))?;
                writer.bytes(&source.0)?;
                writer.bytes(reset_token)?;
                parameters.encode(writer)
            }
            Self::Refused { code: Code(0), .. } => Err(WriteError::Value),
            Self::Refused { code, reason } => {
                writer.u16(u16::try_from(code.0).map_err(|_| WriteError::Value)?)?;
                write_short(reason, writer)
            }
        })
    }
}

/// The payload of message 3 (docs/PROTOCOL.md, 5.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The version of the client's first SYN to this server (docs/PROTOCOL.md, 5.6.3).
    pub first_version: Version,
    /// The client's parameters.
    pub parameters: Parameters,
}

impl Confirmation {
    /// Reads a payload.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(payload);
        let first_version = Version(reader.u32()?);
        Ok(Self { first_version, parameters: Parameters::parse(reader.rest())? })
    }

    /// Writes the payload.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        writer.whole(|writer| {
            writer.u32(self.first_version.0)?;
            self.parameters.encode(writer)
        })
    }
}

/// Bytes behind their length as a `u8`.
fn write_short(bytes: &[u8], writer: &mut Writer<'_>) -> Result<(), WriteError> {
    let len = u8::try_from(bytes.len()).map_err(|_| WriteError::Value)?;
    writer.whole(|writer| {
        writer.u8(len)?;
        writer.bytes(bytes)
    })
}
