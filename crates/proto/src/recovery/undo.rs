//! [`Undo`]: whether all that a congestion response was based on proved spurious
//! (docs/PROTOCOL.md, 8.1). What undoing means is the controller's business.

use rudp_base::Instant;

/// The newest congestion event: the losses of one round trip.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Undo {
    event: Option<Event>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    /// When it began. Losses of packets sent before belong to it (RFC 9002, 7.3.2).
    started: Instant,
    /// Lost packets of which nothing has been heard since.
    missing: u64,
    /// Nothing but losses caused it: no mark, no persistent congestion.
    is_plain: bool,
}

impl Undo {
    /// `packets` were lost, the newest of them sent at `sent_at`.
    pub(super) fn on_loss(&mut self, now: Instant, sent_at: Instant, packets: u64) {
        let event = self.event_at(now, sent_at);
        event.missing = event.missing.saturating_add(packets);
    }

    /// There is a sign of congestion that cannot prove wrong.
    pub(super) fn on_certain(&mut self, now: Instant, sent_at: Instant) {
        self.event_at(now, sent_at).is_plain = false;
    }

    /// A packet that was taken for lost at `lost_at` has come.
    pub(super) fn on_spurious(&mut self, lost_at: Instant) {
        if let Some(event) = self.event.as_mut().filter(|event| lost_at >= event.started) {
            event.missing = event.missing.saturating_sub(1);
        }
    }

    /// Whether the whole event proved wrong, once.
    pub(super) fn take_proof(&mut self) -> bool {
        self.event.take_if(|event| event.is_plain && event.missing == 0).is_some()
    }

    fn event_at(&mut self, now: Instant, sent_at: Instant) -> &mut Event {
        let fresh = Event { started: now, missing: 0, is_plain: true };
        let event = self.event.get_or_insert(fresh);
        if sent_at > event.started {
            *event = fresh;
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    // spec: 8.1
    #[test]
    fn all_losses_of_the_round_trip_must_prove_wrong() {
        let mut undo = Undo::default();
        undo.on_loss(at(100), at(50), 2);
        undo.on_loss(at(110), at(60), 1);
        undo.on_spurious(at(100));
        undo.on_spurious(at(110));
        assert!(!undo.take_proof());
        undo.on_spurious(at(100));
        assert!(undo.take_proof());
        assert!(!undo.take_proof(), "only once");
    }

    // spec: 8.1
    #[test]
    fn marks_and_persistent_congestion_are_not_undone() {
        let mut undo = Undo::default();
        undo.on_loss(at(100), at(50), 1);
        undo.on_certain(at(105), at(55));
        undo.on_spurious(at(100));
        assert!(!undo.take_proof());
        undo.on_certain(at(300), at(250));
        undo.on_loss(at(301), at(251), 1);
        undo.on_spurious(at(301));
        assert!(!undo.take_proof());
    }

    #[test]
    fn older_losses_prove_nothing_about_the_newest_event() {
        let mut undo = Undo::default();
        undo.on_loss(at(100), at(50), 1);
        undo.on_loss(at(200), at(150), 1);
        undo.on_spurious(at(100));
        assert!(!undo.take_proof());
        undo.on_spurious(at(200));
        assert!(undo.take_proof());
    }
}
