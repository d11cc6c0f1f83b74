//! What a driver counts, as its users see it.
//! The counting itself is done where the things happen.

use crate::fault::Loss;

/// What a driver did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Bytes in them, without headers of UDP and IP.
    pub bytes_in: u64,
    /// Batches they came in.
    pub batches_in: u64,
    /// Datagrams that the system took for sending.
    pub datagrams_out: u64,
    /// Bytes in them, without headers of UDP and IP.
    pub bytes_out: u64,
    /// Batches they were sent in, as the machine made them.
    pub batches_out: u64,
    /// Datagrams that were lost because the system refused them.
    pub send_errors: SendErrors,
    /// Errors on receiving, most often the news that a sent datagram was refused.
    pub receive_errors: u64,
    /// Datagrams the system dropped because the receive buffer was full, as far as noticed.
    pub receive_drops: u64,
    /// Datagrams that came to this socket of a [group](crate::SocketGroup), and were handed to the
    /// sibling that they belong to, which counts them as received.
    pub handed_over: u64,
    /// Datagrams of a sibling that were dropped because too many waited for it.
    pub handover_drops: u64,
    /// How often the driver's thread woke up.
    pub wake_ups: u64,
    /// How often sending had to wait because the socket or the system had no room.
    pub blocked: u64,
}

/// Datagrams that the system refused to send, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendErrors {
    /// The receiver has no such port.
    pub refused: u64,
    /// There is no way to the receiver.
    pub unreachable: u64,
    /// The system does not permit it, a packet filter for example.
    pub denied: u64,
    /// A datagram was larger than the interface or the path takes.
    pub too_big: u64,
    /// The address makes no sense for this socket.
    pub invalid: u64,
    /// The system had no buffers for a long time.
    pub no_buffers: u64,
    /// Anything else.
    pub other: u64,
}

impl SendErrors {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.refused
            + self.unreachable
            + self.denied
            + self.too_big
            + self.invalid
            + self.no_buffers
            + self.other
    }

    pub(crate) fn count(&mut self, loss: Loss, datagrams: usize) {
        let counter = match loss {
            Loss::Refused => &mut self.refused,
            Loss::Unreachable => &mut self.unreachable,
            Loss::Denied => &mut self.denied,
            Loss::TooBig => &mut self.too_big,
            Loss::Invalid => &mut self.invalid,
            Loss::NoBuffers => &mut self.no_buffers,
            Loss::Other => &mut self.other,
        };
        *counter += datagrams as u64;
    }
}
