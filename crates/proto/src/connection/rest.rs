//! [`Rest`]: when a session gives back the memory that it keeps for speed.
//! What each part gives back is the part's business.

use core::time::Duration;

use rudp_base::Instant;

use super::Connection;

/// Whether a session rests.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// When something happened last, until memory was given back since.
    stirred_at: Option<Instant>,
    /// A session at rest has sent or heard that it is alive, and nothing else: it rests again at once
    /// instead of being visited once more for it, when nothing of it is in the processor's cache.
    has_nodded: bool,
}

impl Rest {
    /// A packet was sent or came, with more in it than that its sender is alive if it `is_news`.
    pub(super) fn on_packet(&mut self, now: Instant, is_news: bool) {
        if is_news || self.stirred_at.is_some() {
            *self = Self { stirred_at: Some(now), has_nodded: false };
        } else {
            self.has_nodded = true;
        }
    }

    /// Whether it rests, and has given a sign of life meanwhile.
    pub(super) fn has_nodded(&self) -> bool {
        self.has_nodded
    }

    /// When memory is given back, if nothing happens: after a probe timeout. Where many sessions begin, and
    /// then rest, what each of them had meanwhile is what the next ones have, and the later it is given back
    /// the more of it there is at one time.
    pub(super) fn due(&self, pto: Duration) -> Option<Instant> {
        Some(self.stirred_at? + pto)
    }
}

impl Connection {
    /// When memory is given back, if nothing happens.
    pub(super) fn rest_at(&self) -> Option<Instant> {
        self.rest.due(self.recovery.probe_timeout())
    }

    /// Goes back to rest at once if nothing but signs of life woke it.
    pub(super) fn doze_off(&mut self) {
        if self.rest.has_nodded && self.recovery.bytes_in_flight() == 0 {
            self.go_to_rest();
        }
    }

    /// Gives back memory that is kept for speed.
    pub(super) fn go_to_rest(&mut self) {
        self.rest = Rest::default();
        if self.recovery.bytes_in_flight() == 0 {
            self.keys.shrink();
            self.streams.release_memory();
            self.recovery.release_memory();
            self.redundancy.release_memory();
            self.acks.release_memory();
            self.events.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTO: Duration = Duration::from_millis(10);

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn rest_comes_some_time_after_the_last_packet() {
        let mut rest = Rest::default();
        assert_eq!(rest.due(PTO), None);
        rest.on_packet(at(5), true);
        assert_eq!(rest.due(PTO), Some(at(15)));
        // Acknowledgements are a part of what goes on.
        rest.on_packet(at(30), false);
        assert_eq!((rest.due(PTO), rest.has_nodded), (Some(at(40)), false));
    }

    #[test]
    fn signs_of_life_do_not_wake_who_rests() {
        let mut rest = Rest::default();
        rest.on_packet(at(5), false);
        assert_eq!((rest.due(PTO), rest.has_nodded), (None, true));
        rest.on_packet(at(6), true);
        assert_eq!((rest.due(PTO), rest.has_nodded), (Some(at(16)), false));
    }
}
