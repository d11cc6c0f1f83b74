//! What a server can be told, with the defaults and their reasons.
//! How the limits are kept is in `limits` and `budget`.

use core::time::Duration;

use crate::rto::Rto;
use crate::sender::Tries;

/// Settings of a [`Server`](super::Server).
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// When a packet without answer is sent again. Default: adaptive, 200 ms to 4 s.
    pub rto: Rto,
    /// How often a packet is sent before its session is given up. At least 1; default 8.
    pub tries: u32,
    /// How many packets a session sends at most for each one that it got: whoever forges a \[GET\]
    /// cannot make the server send more than that to the forged address. At least 1; default 3.
    pub amplification: u32,
    /// Sessions at the same time, those that wait for a repeated \[FIN/ACK\] included.
    /// Default 16,384.
    pub max_sessions: usize,
    /// Of these, sessions whose client has not answered yet. When a \[GET\] finds them all taken,
    /// the oldest is dropped. Default 12,288.
    pub max_unanswered: usize,
    /// Sessions at the same time of one IP address (IPv6: of one /64 network). Default 1,024.
    pub max_sessions_per_address: u32,
    /// New sessions per second of one IP address, with a burst of as many. Default 1,000.
    pub max_rate_per_address: u32,
    /// Packets in flight to all clients together; those that have not answered yet get half of it
    /// at most. Default 2,048: their answers fit the 4 MiB
    /// receive buffer that a server should have.
    pub max_in_flight: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            rto: Rto::default(),
            tries: 8,
            amplification: 3,
            max_sessions: 16_384,
            max_unanswered: 12_288,
            max_sessions_per_address: 1_024,
            max_rate_per_address: 1_000,
            max_in_flight: 2_048,
        }
    }
}

impl ServerConfig {
    /// The settings that old peers cannot tell from their own server: the fixed 4-second timer, and
    /// patience for more than four minutes. Not for open networks: a forged \[GET\] makes it send 64
    /// packets.
    pub fn classic() -> Self {
        Self { rto: Rto::CLASSIC, tries: 64, amplification: u32::MAX, ..Self::default() }
    }

    pub(super) fn tries(&self) -> Tries {
        Tries { packet: self.tries.max(1), amplification: self.amplification.max(1) }
    }

    /// How long a closed session is kept to repeat its last packet: two retransmission times, the
    /// client's if they are longer (docs/RUSHB.md, 4.8).
    pub(super) fn closed_time(&self) -> Duration {
        (self.rto.longest() * 2).max(Duration::from_secs(8))
    }
}
