//! What the endpoint has to know of a connection to let several of them send as one [`Flow`].
//! Whose turn it is is decided there.

use rudp_base::{Instant, PublicRng};

use super::{Connection, new_controller};
use crate::config::Congestion;
use crate::flow::Flow;
use crate::keys::Allowance;
use crate::path::Address;

/// The way that packets take. Those of several sessions that take the same are one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    address: Address,
    is_bbr: bool,
}

impl Connection {
    /// The way that its packets take, if others' may share a flow with them: not before the peer's
    /// address is proven, since anybody could name another's, and not at a rate that was set for one.
    pub(crate) fn way(&self) -> Option<Way> {
        let is_bbr = match self.config.congestion {
            Congestion::Bbr => true,
            Congestion::Cubic => false,
            Congestion::Fixed(_) => return None,
        };
        self.path.home().map(|address| Way { address, is_bbr })
    }

    /// A flow of which it is the first session.
    pub(crate) fn new_flow(&self, public: &mut PublicRng) -> Box<Flow> {
        let size = self.mtu.size();
        Box::new(Flow::new(new_controller(&self.config, size, public), size))
    }

    /// The place for the flow, which is there while the connection is called.
    pub(crate) fn flow(&mut self) -> &mut Box<Flow> {
        &mut self.flow
    }

    /// The size of its packets now.
    pub(crate) fn packet_size(&self) -> u64 {
        self.size().into()
    }

    /// It belongs to another flow from now on.
    pub(crate) fn on_other_flow(&mut self) {
        // What becomes of the last probe is not told any more.
        self.mtu.forget_probe();
        self.recovery.on_tally();
    }

    /// What it has in flight, in bytes, as far as others have to leave room for it: what a peer that is
    /// gone does not acknowledge is in nobody's way.
    pub(crate) fn flight(&self) -> u64 {
        let is_dead = self.closing.is_over() || self.recovery.is_unanswered();
        if is_dead { 0 } else { self.recovery.bytes_in_flight() }
    }

    /// Whether it has data to send that wait for nothing but the flow: if it `has_sent` just now, for more
    /// of the same. One that is alone has no turns.
    pub(crate) fn wants_turn(&mut self, now: Instant, has_sent: bool) -> bool {
        let size = u64::from(self.size());
        let wants = self.flow.has_others()
            && !self.is_forgotten
            && !self.closing.is_over()
            && self.probes == 0
            && !self.recovery.is_unanswered()
            && self.keys.allowance() == Allowance::All
            && self.path.budget() >= size
            && self.wants_data(now);
        wants && (has_sent || self.is_held_up(now, size))
    }

    /// Whether the flow lets no packet of that size leave now.
    fn is_held_up(&mut self, now: Instant, size: u64) -> bool {
        if self.window_room(now) < size {
            return true;
        }
        let pace = self.pace(now);
        self.flow.budget(now, pace.as_ref()) < size
    }
}
