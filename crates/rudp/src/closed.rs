//! [`Closed`]: what a close came to.
//! How that is found out is the protocol's (docs/PROTOCOL.md, 9.2.5).

use std::fmt;

use rudp_proto::{MESSAGES, Outcome};

use crate::error::Error;

/// What became of everything that was sent, as far as it is certain when a close returns.
#[derive(Clone, Debug)]
#[must_use = "it says whether what was sent has arrived"]
pub enum Closed {
    /// The peer, authenticated, has said that its program's read calls returned every byte and the
    /// end of every stream. That is not "processed", and not "on a disk".
    Delivered,
    /// The peer's host has everything; whether its program has read it is not known.
    Received,
    /// Neither is certain.
    Unknown {
        /// The streams of which not everything is known to have arrived.
        streams: Vec<Confirmed>,
        /// Why no more is known; `None` if the deadline passed.
        cause: Option<Error>,
    },
}

/// How much of a stream is known to have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// The stream's number; 0 is that of `send`.
    pub stream: u64,
    /// The peer's host has so many bytes from the stream's beginning, and perhaps more.
    pub received: u64,
}

impl Closed {
    /// Whether the peer's program has read everything.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered)
    }

    /// Whether at least the peer's host has everything.
    pub fn is_received(&self) -> bool {
        matches!(self, Self::Delivered | Self::Received)
    }

    /// A close that learnt nothing, because of `cause`.
    pub(crate) fn failed(cause: Error) -> Self {
        Self::Unknown { streams: Vec::new(), cause: Some(cause) }
    }
}

impl From<&Outcome> for Closed {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Self::Delivered,
            Outcome::Received => Self::Received,
            Outcome::Unknown { streams, cause } => {
                let confirmed = |&(stream, received)| Confirmed { stream, received };
                Self::Unknown {
                    streams: streams.iter().map(confirmed).collect(),
                    cause: cause.clone().map(Error::from),
                }
            }
        }
    }
}

impl fmt::Display for Closed {
    /// A sentence for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (streams, cause) = match self {
            Self::Delivered => return f.write_str("the peer's program has read everything"),
            Self::Received => return f.write_str("the peer's host has everything"),
            Self::Unknown { streams, cause } => (streams, cause),
        };
        match cause {
            Some(cause) => write!(f, "it is not certain what has arrived: {cause}")?,
            None => f.write_str("it was not certain by the deadline what has arrived")?,
        }
        for (index, Confirmed { stream, received }) in streams.iter().enumerate() {
            f.write_str(if index == 0 { "; certain are " } else { ", " })?;
            match *stream {
                MESSAGES => write!(f, "{received} bytes of messages")?,
                stream => write!(f, "{received} bytes of stream {stream}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rudp_proto::Ended;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn an_unknown_outcome_says_what_is_certain() {
        let streams = vec![(0, 7), (MESSAGES, 9)];
        let closed = Closed::from(&Outcome::Unknown { streams, cause: Some(Ended::Silent) });
        assert!(!closed.is_received());
        assert_eq!(
            closed.to_string(),
            "it is not certain what has arrived: the peer fell silent; certain are 7 bytes of \
             stream 0, 9 bytes of messages"
        );
        let Closed::Unknown { cause: Some(cause), .. } = closed else { panic!("{closed:?}") };
        assert_eq!(cause.kind(), ErrorKind::Silent);
    }

    #[test]
    fn certain_outcomes_are_ordered() {
        let delivered = Closed::from(&Outcome::Delivered);
        assert!(delivered.is_delivered() && delivered.is_received());
        let received = Closed::from(&Outcome::Received);
        assert!(!received.is_delivered() && received.is_received());
    }
}
