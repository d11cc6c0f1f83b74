//! [`Error`]: the one error of this library: what happened, who caused it, and a sentence for
//! people. Where errors come from is the other modules' business.

use std::fmt;
use std::io;
use std::sync::Arc;

use rudp_proto::config::ConfigError;
use rudp_proto::{Code, ConnectError, Ended, Fail, Failure};

use crate::key::PublicKey;

/// What `Result` is in this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is nothing to do at the moment; only calls that never wait say so.
    WouldBlock,
    /// The time that the call was given is over.
    TimedOut,
    /// The call makes no sense: an address or a key that is none, a setting out of its range.
    InvalidInput,
    /// There is no session, or not yet.
    NotConnected,
    /// Nobody answered within the handshake's timeout.
    NoAnswer,
    /// The server has another key than expected: its owner changed it, or somebody else answers in
    /// its place.
    KeyChanged,
    /// It was not said which key the server has to have.
    TrustNeeded,
    /// The server refused, for a reason that has no kind of its own.
    Refused,
    /// The server has no service of that name.
    UnknownService,
    /// The server takes clients only with a key, or only with a key that it knows.
    KeyRefused,
    /// The server has as many sessions as it takes, or this endpoint has ([`Error::origin`] tells).
    Busy,
    /// Both ends have no version or no cipher in common.
    Incompatible,
    /// The server is shutting down.
    ServerShutdown,
    /// The session was closed in order, by this side or by the peer ([`Error::origin`] tells).
    Closed,
    /// The session was aborted with a code of the program's ([`Error::code`]).
    Aborted,
    /// The peer fell silent: nothing came within the idle timeout.
    Silent,
    /// The peer has forgotten the session, most often because it was restarted.
    Forgotten,
    /// The peer broke the protocol, or found that this side did.
    Protocol,
    /// The stream is over, or was never opened, or cannot be used in this direction.
    NoStream,
    /// This side has finished or reset the writing half of the stream already.
    Finished,
    /// The peer reset the stream ([`Error::code`]): what it wrote and was not read yet is lost.
    StreamReset,
    /// The peer reads no more of the stream ([`Error::code`]).
    StreamStopped,
    /// The message is larger than the peer takes.
    TooLarge,
    /// The message was not delivered in time, or got lost.
    NotDelivered,
    /// The system: a socket, a file, a thread.
    Io,
}

/// Who caused an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// This program: it asked for something impossible, or ended the session itself.
    Program,
    /// The peer, or its program.
    Peer,
    /// Whatever is between the two: nothing came.
    Network,
    /// The system below this program.
    System,
}

/// Why something failed.
///
/// It is cheap to make and to clone, says what happened ([`kind`](Self::kind)) and who caused it
/// ([`origin`](Self::origin)), and becomes an [`io::Error`] with `?`.
///
/// ```
/// use std::io;
///
/// let error = rudp::PublicKey::from_text("no key").unwrap_err();
/// assert_eq!(error.kind(), rudp::ErrorKind::InvalidInput);
/// assert_eq!(error.origin(), rudp::Origin::Program);
/// assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
/// ```
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    origin: Origin,
    /// `None` where the kind says it all.
    detail: Option<Arc<Detail>>,
}

#[derive(Debug, Default)]
struct Detail {
    text: String,
    code: Option<u64>,
    source: Option<io::Error>,
}

impl Error {
    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Who caused it.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The number that the peer's program gave as its reason, 0 to 2^62 - 257, where it did: with
    /// [`Aborted`](ErrorKind::Aborted), [`StreamReset`](ErrorKind::StreamReset) and
    /// [`StreamStopped`](ErrorKind::StreamStopped).
    pub fn code(&self) -> Option<u64> {
        self.detail.as_ref()?.code
    }

    pub(crate) const fn bare(kind: ErrorKind, origin: Origin) -> Self {
        Self { kind, origin, detail: None }
    }

    pub(crate) fn new(kind: ErrorKind, origin: Origin, text: impl Into<String>) -> Self {
        let detail = Detail { text: text.into(), ..Detail::default() };
        Self { kind, origin, detail: Some(Arc::new(detail)) }
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, Origin::Program, text)
    }

    /// An error of the system, and what was being done.
    pub(crate) fn system(doing: impl Into<String>, source: io::Error) -> Self {
        let detail = Detail { text: doing.into(), code: None, source: Some(source) };
        Self { kind: ErrorKind::Io, origin: Origin::System, detail: Some(Arc::new(detail)) }
    }

    pub(crate) fn timed_out() -> Self {
        Self::bare(ErrorKind::TimedOut, Origin::Network)
    }

    /// The session was given back by this program's last handle.
    pub(crate) fn released() -> Self {
        Self::bare(ErrorKind::Closed, Origin::Program)
    }

    fn with_code(kind: ErrorKind, origin: Origin, code: u64, text: &str) -> Self {
        let detail = Detail { text: text.to_owned(), code: Some(code), source: None };
        Self { kind, origin, detail: Some(Arc::new(detail)) }
    }
}

/// A kind's sentence.
fn sentence(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::WouldBlock => "nothing can be done at the moment",
        ErrorKind::TimedOut => "it took longer than the program wanted to wait",
        ErrorKind::InvalidInput => "the call makes no sense",
        ErrorKind::NotConnected => "there is no session",
        ErrorKind::NoAnswer => "nobody answered",
        ErrorKind::KeyChanged => "the server has another key than expected",
        ErrorKind::TrustNeeded => "it was not said which key the server has to have",
        ErrorKind::Refused => "the server refused",
        ErrorKind::UnknownService => "the server has no such service",
        ErrorKind::KeyRefused => "the server does not take clients without a key that it knows",
        ErrorKind::Busy => "the server has as many sessions as it takes",
        ErrorKind::Incompatible => "both ends have no version or cipher in common",
        ErrorKind::ServerShutdown => "the server is shutting down",
        ErrorKind::Closed => "the session was closed",
        ErrorKind::Aborted => "the session was aborted",
        ErrorKind::Silent => "the peer fell silent",
        ErrorKind::Forgotten => "the peer has forgotten the session: it was restarted, probably",
        ErrorKind::Protocol => "the protocol was broken",
        ErrorKind::NoStream => "there is no such stream in this direction",
        ErrorKind::Finished => "this side of the stream is finished already",
        ErrorKind::StreamReset => "the peer reset the stream",
        ErrorKind::StreamStopped => "the peer reads no more of the stream",
        ErrorKind::TooLarge => "the message is larger than the peer takes",
        ErrorKind::NotDelivered => "the message was not delivered",
        ErrorKind::Io => "the system failed",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(detail) = self.detail.as_ref().filter(|detail| !detail.text.is_empty()) else {
            f.write_str(sentence(self.kind))?;
            let code = self.code().map(|code| format!(" (code {code})"));
            return f.write_str(&code.unwrap_or_default());
        };
        match (&detail.source, detail.code) {
            (Some(source), _) => write!(f, "{}: {source}", detail.text),
            (None, Some(code)) => write!(f, "{} (code {code})", detail.text),
            (None, None) => f.write_str(&detail.text),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?}): {self}", self.kind, self.origin)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.detail.as_ref()?.source.as_ref()?;
        Some(source)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let source = error.detail.as_ref().and_then(|detail| detail.source.as_ref());
        let kind = match error.kind {
            ErrorKind::WouldBlock => io::ErrorKind::WouldBlock,
            ErrorKind::TimedOut | ErrorKind::NoAnswer | ErrorKind::Silent => {
                io::ErrorKind::TimedOut
            }
            ErrorKind::InvalidInput | ErrorKind::TooLarge => io::ErrorKind::InvalidInput,
            ErrorKind::NotConnected => io::ErrorKind::NotConnected,
            ErrorKind::KeyChanged | ErrorKind::TrustNeeded | ErrorKind::KeyRefused => {
                io::ErrorKind::PermissionDenied
            }
            ErrorKind::Refused
            | ErrorKind::UnknownService
            | ErrorKind::Busy
            | ErrorKind::ServerShutdown => io::ErrorKind::ConnectionRefused,
            ErrorKind::Incompatible => io::ErrorKind::Unsupported,
            ErrorKind::Closed if error.origin == Origin::Program => io::ErrorKind::NotConnected,
            ErrorKind::Closed | ErrorKind::Aborted => io::ErrorKind::ConnectionAborted,
            ErrorKind::Forgotten | ErrorKind::StreamReset => io::ErrorKind::ConnectionReset,
            ErrorKind::Protocol => io::ErrorKind::InvalidData,
            ErrorKind::NoStream => io::ErrorKind::NotFound,
            ErrorKind::Finished | ErrorKind::StreamStopped => io::ErrorKind::BrokenPipe,
            ErrorKind::NotDelivered => io::ErrorKind::Other,
            ErrorKind::Io => source.map_or(io::ErrorKind::Other, io::Error::kind),
        };
        Self::new(kind, error)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        let text = error.to_string();
        match error {
            ConnectError::Config(error) => error.into(),
            ConnectError::TooManySessions => Self::new(ErrorKind::Busy, Origin::Program, text),
            ConnectError::ServiceTooLong { .. } | ConnectError::KeyInPlainProfile => {
                Self::invalid(text)
            }
        }
    }
}

impl From<Fail> for Error {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Blocked => Self::bare(ErrorKind::WouldBlock, Origin::Network),
            Fail::Ended(ended) => ended.into(),
            Fail::NoStream => Self::bare(ErrorKind::NoStream, Origin::Program),
            Fail::Finished => Self::bare(ErrorKind::Finished, Origin::Program),
            Fail::Stopped(code) => {
                Self::with_code(ErrorKind::StreamStopped, Origin::Peer, code, "")
            }
            Fail::Reset(code) => Self::with_code(ErrorKind::StreamReset, Origin::Peer, code, ""),
            Fail::TooManyTracked => {
                Self::invalid("too many receipts of messages with a deadline or none are kept")
            }
            Fail::TooLarge { max } => Self::new(
                ErrorKind::TooLarge,
                Origin::Program,
                format!("the message is larger than the {max} bytes that the peer takes"),
            ),
        }
    }
}

impl From<Ended> for Error {
    fn from(ended: Ended) -> Self {
        let text = ended.to_string();
        match ended {
            Ended::Failed(failure) => failure.into(),
            Ended::Silent => Self::bare(ErrorKind::Silent, Origin::Network),
            Ended::Forgotten => Self::bare(ErrorKind::Forgotten, Origin::Peer),
            Ended::Error { code, .. } => Self::new(ErrorKind::Protocol, blame(code), text),
            Ended::Local { code, reason } => closed(code, &reason, Origin::Program, text),
            Ended::Peer { code, reason } => closed(code, &reason, Origin::Peer, text),
        }
    }
}

/// Whose fault an error is that was found here.
fn blame(code: Code) -> Origin {
    let here = matches!(code, Code::INTERNAL_ERROR | Code::KEYS_EXHAUSTED);
    if here { Origin::System } else { Origin::Peer }
}

/// The error for a session that `origin` closed with `code`.
fn closed(code: Code, reason: &str, origin: Origin, text: String) -> Error {
    let kind = match code {
        Code::NO_ERROR => ErrorKind::Closed,
        Code::SERVER_SHUTDOWN => ErrorKind::ServerShutdown,
        Code::CLIENT_KEY_UNKNOWN => ErrorKind::KeyRefused,
        _ => match code.program() {
            Some(number) => return Error::with_code(ErrorKind::Aborted, origin, number, reason),
            None => ErrorKind::Protocol,
        },
    };
    Error::new(kind, origin, text)
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        match failure {
            Failure::Timeout { .. } => Self::bare(ErrorKind::NoAnswer, Origin::Network),
            Failure::KeyChanged { expected, found } => Self::new(
                ErrorKind::KeyChanged,
                Origin::Peer,
                format!(
                    "the server has the key {}, and not {}: its owner changed it, or somebody \
                     else answers in its place",
                    PublicKey::from(found),
                    PublicKey::from(expected)
                ),
            ),
            Failure::Refused { code, .. } => {
                let kind = match code {
                    Code::BUSY => ErrorKind::Busy,
                    Code::SERVER_SHUTDOWN => ErrorKind::ServerShutdown,
                    Code::UNKNOWN_SERVICE => ErrorKind::UnknownService,
                    Code::CLIENT_KEY_REQUIRED => ErrorKind::KeyRefused,
                    Code::NO_COMMON_SUITE => ErrorKind::Incompatible,
                    _ => ErrorKind::Refused,
                };
                Self::new(kind, Origin::Peer, text)
            }
            Failure::NoCommonVersion { .. } => Self::bare(ErrorKind::Incompatible, Origin::Peer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ended: Ended) -> (ErrorKind, Origin, Option<u64>) {
        let error = Error::from(ended);
        (error.kind(), error.origin(), error.code())
    }

    #[test]
    fn every_end_has_a_kind_and_an_origin() {
        use ErrorKind as K;
        use Origin as O;
        let peer = |code| Ended::Peer { code, reason: String::new() };
        let local = |code| Ended::Local { code, reason: String::new() };
        let refused = |code| Ended::Failed(Failure::Refused { code, reason: String::new() });
        let error = |code| Ended::Error { code, detail: "x" };
        let cases = [
            (local(Code::NO_ERROR), (K::Closed, O::Program, None)),
            (local(Code(256 + 7)), (K::Aborted, O::Program, Some(7))),
            (peer(Code::NO_ERROR), (K::Closed, O::Peer, None)),
            (peer(Code::SERVER_SHUTDOWN), (K::ServerShutdown, O::Peer, None)),
            (peer(Code::CLIENT_KEY_UNKNOWN), (K::KeyRefused, O::Peer, None)),
            (peer(Code(256)), (K::Aborted, O::Peer, Some(0))),
            (peer(Code::FRAME_ERROR), (K::Protocol, O::Peer, None)),
            (error(Code::FRAME_ERROR), (K::Protocol, O::Peer, None)),
            (error(Code::KEYS_EXHAUSTED), (K::Protocol, O::System, None)),
            (Ended::Silent, (K::Silent, O::Network, None)),
            (Ended::Forgotten, (K::Forgotten, O::Peer, None)),
            (Ended::Failed(Failure::Timeout { answered: false }), (K::NoAnswer, O::Network, None)),
            (
                Ended::Failed(Failure::NoCommonVersion { versions: Vec::new() }),
                (K::Incompatible, O::Peer, None),
            ),
            (refused(Code::BUSY), (K::Busy, O::Peer, None)),
            (refused(Code::UNKNOWN_SERVICE), (K::UnknownService, O::Peer, None)),
            (refused(Code::CLIENT_KEY_REQUIRED), (K::KeyRefused, O::Peer, None)),
            (refused(Code::INTERNAL_ERROR), (K::Refused, O::Peer, None)),
        ];
        for (ended, expected) in cases {
            assert_eq!(of(ended.clone()), expected, "{ended:?}");
        }
    }

    #[test]
    fn what_cannot_be_asked_for_is_this_programs_fault() {
        let cases = [
            (ConnectError::ServiceTooLong { len: 256 }, ErrorKind::InvalidInput),
            (ConnectError::KeyInPlainProfile, ErrorKind::InvalidInput),
            (ConnectError::TooManySessions, ErrorKind::Busy),
        ];
        for (error, kind) in cases {
            let error = Error::from(error);
            assert_eq!((error.kind(), error.origin()), (kind, Origin::Program), "{error}");
        }
    }

    #[test]
    fn a_changed_key_is_reported_with_both_keys() {
        use rudp_proto::crypto;
        let (expected, found) = (crypto::PublicKey([1; 32]), crypto::PublicKey([2; 32]));
        let error = Error::from(Failure::KeyChanged { expected, found });
        assert_eq!(error.kind(), ErrorKind::KeyChanged);
        for key in [expected, found] {
            assert!(error.to_string().contains(&PublicKey::from(key).to_string()), "{error}");
        }
    }

    #[test]
    fn the_systems_error_stays_visible() {
        let error = Error::system("opening x", io::ErrorKind::NotFound.into());
        assert!(error.to_string().starts_with("opening x: "), "{error}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn codes_of_programs_are_shown() {
        let error = Error::from(Fail::Reset(9));
        assert_eq!(error.to_string(), "the peer reset the stream (code 9)");
        let aborted = Ended::Peer { code: Code(256 + 3), reason: "too late".to_owned() };
        assert_eq!(Error::from(aborted).to_string(), "too late (code 3)");
    }

    #[test]
    fn an_error_is_small() {
        assert!(size_of::<Error>() <= 16);
    }
}
