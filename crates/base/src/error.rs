//! [`SendError`]: why something was not sent, as far as a protocol can do something about it.
//! The system's own errors are known to drivers only.

/// Why datagrams were not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendError {
    /// They are larger than the interface or the path takes.
    TooBig,
    /// There is no way to the receiver, at the moment.
    Unreachable,
    /// The receiver has no such port, as was learned from an earlier datagram.
    Refused,
    /// The system does not permit it, a packet filter for example.
    Denied,
    /// Anything else.
    Other,
}
