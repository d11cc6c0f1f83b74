//! [`Clock`]: the system's monotonic clock, read as [`rudp_base::Instant`].
//! Waiting is done elsewhere.

use rudp_base::Instant;

/// The system's monotonic clock, with the moment of its creation as origin.
///
/// Copies share the origin. Time never goes backwards, not even between threads, as long as one
/// reading happens before the other (say, both under one lock).
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock that reads zero now.
    pub fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// The time, in nanoseconds since this clock was made.
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
