//! [`Offload`]: how many datagrams one call to the system may send, now that it may have refused.
//! Cutting batches accordingly is done elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long batches go as single datagrams after an interface could not segment. What one
/// interface cannot do another can, and routes change.
const PAUSE: Duration = Duration::from_mins(1);

/// The segments of one call, and the pauses in which there is only one.
pub(crate) struct Offload {
    max_segments: usize,
    made: Instant,
    /// When to segment again, in milliseconds since `made`; 0 without a pause.
    resume: AtomicU64,
}

impl Offload {
    pub(crate) fn new(max_segments: usize) -> Self {
        Self { max_segments, made: Instant::now(), resume: AtomicU64::new(0) }
    }

    /// How many datagrams one call may send now.
    pub(crate) fn max_segments(&self) -> usize {
        // The clock is read in a pause only.
        match self.resume.load(Ordering::Relaxed) {
            0 => self.max_segments,
            resume => self.segments_at(self.made.elapsed(), resume),
        }
    }

    /// An interface cannot segment at all.
    pub(crate) fn pause(&self) {
        self.pause_at(self.made.elapsed());
    }

    fn segments_at(&self, elapsed: Duration, resume: u64) -> usize {
        if elapsed < Duration::from_millis(resume) {
            return 1;
        }
        self.resume.store(0, Ordering::Relaxed);
        self.max_segments
    }

    fn pause_at(&self, elapsed: Duration) {
        let resume = u64::try_from((elapsed + PAUSE).as_millis()).unwrap_or(u64::MAX);
        self.resume.store(resume, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_refusal_it_is_tried_again_a_minute_later() {
        let offload = Offload::new(64);
        assert_eq!(offload.max_segments(), 64);
        offload.pause_at(Duration::from_secs(5));
        assert_eq!(offload.max_segments(), 1);
        let resume = offload.resume.load(Ordering::Relaxed);
        assert_eq!(offload.segments_at(Duration::from_millis(64_999), resume), 1);
        assert_eq!(offload.segments_at(Duration::from_secs(65), resume), 64);
        assert_eq!(offload.max_segments(), 64);
    }
}
