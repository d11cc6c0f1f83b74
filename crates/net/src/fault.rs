//! What an error of a socket means for the loop that got it, and how often the log hears of it.
//! Nothing is retried here.

use std::io;
use std::time::Duration;

use rudp_base::{Instant, SendError};

/// What to do about an error of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Wait until the socket is ready.
    Blocked,
    /// The system is out of buffers, which the socket's readiness does not show: try again soon.
    NoBuffers,
    /// What was being sent or received is lost, and the next may well succeed.
    Lost(Loss),
    /// The socket is of no use any more.
    Fatal,
}

/// Why datagrams were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Refused,
    Unreachable,
    Denied,
    TooBig,
    Invalid,
    NoBuffers,
    Other,
}

impl Loss {
    /// How many reasons there are.
    pub(crate) const COUNT: usize = Self::Other as usize + 1;

    /// Whether the address is to blame, which the rest of a batch shares.
    pub(crate) fn is_of_address(self) -> bool {
        matches!(self, Self::Unreachable | Self::Invalid)
    }

    /// What a machine is told.
    pub(crate) fn error(self) -> SendError {
        match self {
            Self::Refused => SendError::Refused,
            Self::Unreachable => SendError::Unreachable,
            Self::Denied => SendError::Denied,
            Self::TooBig => SendError::TooBig,
            Self::Invalid | Self::NoBuffers | Self::Other => SendError::Other,
        }
    }
}

impl Fault {
    /// Sorts an error by what is to be done about it.
    pub(crate) fn of(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::WouldBlock {
            return Self::Blocked;
        }
        match error.raw_os_error() {
            Some(libc::ENOBUFS | libc::ENOMEM) => Self::NoBuffers,
            Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT) => Self::Fatal,
            Some(libc::ECONNREFUSED | libc::ECONNRESET) => Self::Lost(Loss::Refused),
            Some(
                libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::ENETDOWN
                | libc::EADDRNOTAVAIL,
            ) => Self::Lost(Loss::Unreachable),
            Some(libc::EPERM | libc::EACCES) => Self::Lost(Loss::Denied),
            Some(libc::EMSGSIZE) => Self::Lost(Loss::TooBig),
            Some(libc::EINVAL | libc::EAFNOSUPPORT | libc::EDESTADDRREQ) => {
                Self::Lost(Loss::Invalid)
            }
            _ => Self::Lost(Loss::Other),
        }
    }
}

/// Whether a segmented send that failed so is worth repeating as single datagrams: the interface
/// cannot segment, or not at this size.
pub(crate) fn is_segmentation_fault(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE))
}

/// Whether `quinn_udp` takes an error for the sign of an old system, and gives up congestion marks.
pub(crate) fn is_mistaken_for_an_old_system(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL))
}

/// Lets one line a minute pass for each kind of loss.
#[derive(Default)]
pub(crate) struct LogLimit {
    kinds: [Quiet; Loss::COUNT],
}

#[derive(Clone, Copy, Default)]
struct Quiet {
    until: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// The time between two lines of one kind.
    const INTERVAL: Duration = Duration::from_mins(1);

    /// Whether to write a line about `loss` now: if so, the number of lines not written since the
    /// one before.
    pub(crate) fn admit(&mut self, loss: Loss, now: Instant) -> Option<u64> {
        let quiet = &mut self.kinds[loss as usize];
        if quiet.until.is_some_and(|until| now < until) {
            quiet.suppressed += 1;
            return None;
        }
        quiet.until = Some(now + Self::INTERVAL);
        Some(std::mem::take(&mut quiet.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(errno: i32) -> Fault {
        Fault::of(&io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn errors_are_sorted_by_what_to_do() {
        assert_eq!(fault(libc::EAGAIN), Fault::Blocked);
        assert_eq!(fault(libc::ENOBUFS), Fault::NoBuffers);
        assert_eq!(fault(libc::ECONNREFUSED), Fault::Lost(Loss::Refused));
        assert_eq!(fault(libc::EHOSTUNREACH), Fault::Lost(Loss::Unreachable));
        assert_eq!(fault(libc::ENETUNREACH), Fault::Lost(Loss::Unreachable));
        assert_eq!(fault(libc::EPERM), Fault::Lost(Loss::Denied));
        assert_eq!(fault(libc::EACCES), Fault::Lost(Loss::Denied));
        assert_eq!(fault(libc::EMSGSIZE), Fault::Lost(Loss::TooBig));
        assert_eq!(fault(libc::EINVAL), Fault::Lost(Loss::Invalid));
        assert_eq!(fault(libc::EIO), Fault::Lost(Loss::Other));
        assert_eq!(fault(libc::EBADF), Fault::Fatal);
    }

    #[test]
    fn only_what_segmenting_may_cause_is_repeated_without() {
        let repeats = |errno| is_segmentation_fault(&io::Error::from_raw_os_error(errno));
        assert!(repeats(libc::EIO) && repeats(libc::EINVAL) && repeats(libc::EMSGSIZE));
        assert!(!repeats(libc::EAGAIN) && !repeats(libc::ENOBUFS) && !repeats(libc::EPERM));
    }

    #[test]
    fn one_line_a_minute_for_each_kind() {
        let mut limit = LogLimit::default();
        let start = Instant::ZERO;
        assert_eq!(limit.admit(Loss::Denied, start), Some(0));
        assert_eq!(limit.admit(Loss::Denied, start + Duration::from_secs(1)), None);
        assert_eq!(limit.admit(Loss::Denied, start + Duration::from_secs(59)), None);
        assert_eq!(limit.admit(Loss::TooBig, start + Duration::from_secs(59)), Some(0));
        assert_eq!(limit.admit(Loss::Denied, start + Duration::from_mins(1)), Some(2));
        assert_eq!(limit.admit(Loss::Denied, start + Duration::from_mins(2)), Some(0));
    }
}
