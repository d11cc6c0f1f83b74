//! [`Lull`]: when a client that was reading a stream of packets should ask whether the server still
//! finds it (docs/PROTOCOL.md, 9.3.5). Silence in which nothing was expected is `idle`'s.

use core::time::Duration;

use rudp_base::Instant;

/// So many packets that ask for acknowledgement, none long after the one before, are a stream: less than
/// the first window, which is all that comes before the next move if that is soon.
const PACKETS: u8 = 8;
/// A stream has paused when nothing came for half a round trip, and at least this time.
const LEAST: Duration = Duration::from_millis(10);

/// The stream of packets that comes, if one does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lull {
    /// Packets without a pause between them, up to what makes a stream.
    run: u8,
    /// When the last of them came.
    last_at: Instant,
}

impl Lull {
    /// A packet came that asks for acknowledgement.
    pub(super) fn on_packet(&mut self, now: Instant, rtt: Duration) {
        let goes_on = now <= self.last_at + pause(rtt);
        self.run = if goes_on { self.run.saturating_add(1).min(PACKETS) } else { 1 };
        self.last_at = now;
    }

    /// When to ask, if nothing comes before.
    pub(super) fn due(&self, rtt: Duration) -> Option<Instant> {
        (self.run >= PACKETS).then(|| self.last_at + pause(rtt))
    }

    /// It was asked: another stream has to begin before it is again.
    pub(super) fn on_asked(&mut self) {
        self.run = 0;
    }
}

fn pause(rtt: Duration) -> Duration {
    (rtt / 2).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const RTT: Duration = Duration::from_millis(50);

    fn at(ms: u32) -> Instant {
        Instant::ZERO + MS * ms
    }

    // spec: 9.3.5
    #[test]
    fn a_stream_that_pauses_is_asked_about_once() {
        let mut lull = Lull::default();
        for ms in 108..115 {
            lull.on_packet(at(ms), RTT);
            assert_eq!(lull.due(RTT), None);
        }
        lull.on_packet(at(115), RTT);
        assert_eq!(lull.due(RTT), Some(at(140)));
        lull.on_asked();
        assert_eq!(lull.due(RTT), None);
        for ms in 158..166 {
            lull.on_packet(at(ms), RTT);
        }
        assert_eq!(lull.due(RTT), Some(at(190)), "another stream");
    }

    // spec: 9.3.5
    #[test]
    fn packets_that_come_now_and_then_are_no_stream() {
        let mut lull = Lull::default();
        for turn in 1..100 {
            lull.on_packet(at(turn * 26), RTT);
            assert_eq!(lull.due(RTT), None);
        }
        assert_eq!(pause(MS), LEAST, "not for every pause on a short path");
    }
}
