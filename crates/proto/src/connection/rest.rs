//! [`Rest`]: when a session gives back the memory that it keeps for speed.
//! What each part gives back is the part's business.

use core::time::Duration;

use rudp_base::Instant;

use super::Connection;

/// After more packets than this a session is likely to need again soon what it has: where many take turns, a
/// probe timeout may be over before the next one.
const BUSY: usize = 32;

/// How long it keeps that at least.
const LINGER: Duration = Duration::from_millis(250);

/// Whether a session rests.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// When something happened last, until memory was given back since.
    stirred_at: Option<Instant>,
    /// A session at rest has sent or heard that it is alive, and nothing else: it rests again at once
    /// instead of being visited once more for it, when nothing of it is in the processor's cache.
    has_nodded: bool,
    /// How many packets with news there were since it last rested.
    news: usize,
}

impl Rest {
    /// Packets were sent or came, `news` of them with more in them than that their sender is alive.
    pub(super) fn on_packets(&mut self, now: Instant, news: usize) {
        if news > 0 || self.stirred_at.is_some() {
            let news = self.news.saturating_add(news);
            *self = Self { stirred_at: Some(now), has_nodded: false, news };
        } else {
            self.has_nodded = true;
        }
    }

    /// Whether it rests, and has given a sign of life meanwhile.
    pub(super) fn has_nodded(&self) -> bool {
        self.has_nodded
    }

    /// When memory is given back, if nothing happens: after a probe timeout, or later if much did. Where
    /// many sessions begin, and then rest, what each of them had meanwhile is what the next ones have, and
    /// the later it is given back the more of it there is at one time.
    pub(super) fn due(&self, pto: Duration) -> Option<Instant> {
        let least = if self.news > BUSY { LINGER } else { Duration::ZERO };
        Some(self.stirred_at? + pto.max(least))
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
        rest.on_packets(at(5), 1);
        assert_eq!(rest.due(PTO), Some(at(15)));
        // Acknowledgements are a part of what goes on.
        rest.on_packets(at(30), 0);
        assert_eq!((rest.due(PTO), rest.has_nodded), (Some(at(40)), false));
    }

    #[test]
    fn whoever_moves_much_rests_later() {
        let mut rest = Rest::default();
        rest.on_packets(at(5), BUSY);
        assert_eq!(rest.due(PTO), Some(at(15)));
        rest.on_packets(at(6), 1);
        assert_eq!(rest.due(PTO), Some(at(6) + LINGER));
        assert_eq!(rest.due(LINGER * 2), Some(at(6) + LINGER * 2));
    }

    #[test]
    fn signs_of_life_do_not_wake_who_rests() {
        let mut rest = Rest::default();
        rest.on_packets(at(5), 0);
        assert_eq!((rest.due(PTO), rest.has_nodded), (None, true));
        rest.on_packets(at(6), 1);
        assert_eq!((rest.due(PTO), rest.has_nodded), (Some(at(16)), false));
    }
}
