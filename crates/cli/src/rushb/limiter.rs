//! Keeps log lines that strangers can cause from filling the disk.
//! What the lines say is the callers'.

use std::time::{Duration, Instant};

/// Lets one line a second through, and counts the rest.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    last: Option<Instant>,
    suppressed: u64,
}

impl Limiter {
    /// Whether to log now; if so, how many lines were held back since the last time.
    pub(crate) fn admit(&mut self) -> Option<u64> {
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last < Duration::from_secs(1)) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_the_first_through_and_counts_the_rest() {
        let mut limiter = Limiter::default();
        assert_eq!(limiter.admit(), Some(0));
        limiter.last = Some(Instant::now() + Duration::from_mins(1));
        assert_eq!(limiter.admit(), None);
        assert_eq!(limiter.admit(), None);
        limiter.last = None;
        assert_eq!(limiter.admit(), Some(2));
    }
}
