//! Keeps log lines that strangers can cause from filling the disk.
//! What the lines say is the callers'.

use std::time::{Duration, Instant};

/// Lines that may be logged in one second.
const LINES_PER_SECOND: u32 = 50;

/// Lets so many lines a second through, and counts the rest.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    second: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl Limiter {
    /// Whether to log now; if so, how many lines were held back since the last one.
    pub(crate) fn admit(&mut self) -> Option<u64> {
        let now = Instant::now();
        if self.second.is_none_or(|second| now.duration_since(second) >= Duration::from_secs(1)) {
            self.second = Some(now);
            self.lines = 0;
        }
        if self.lines == LINES_PER_SECOND {
            self.suppressed += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_some_through_each_second_and_counts_the_rest() {
        let mut limiter = Limiter::default();
        for _ in 0..LINES_PER_SECOND {
            assert_eq!(limiter.admit(), Some(0));
        }
        // Another minute begins before the second is over.
        limiter.second = Some(Instant::now() + Duration::from_mins(1));
        assert_eq!(limiter.admit(), None);
        assert_eq!(limiter.admit(), None);
        limiter.second = None;
        assert_eq!(limiter.admit(), Some(2));
        assert_eq!(limiter.admit(), Some(0));
    }
}
