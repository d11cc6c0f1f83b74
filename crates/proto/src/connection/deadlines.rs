//! When a connection wants to be called, and whom it calls then.
//! Each part knows its own deadline; here they are put together.

use core::time::Duration;

use rudp_base::Instant;
use rudp_wire::code::Code;
use rudp_wire::packet::Profile;

use super::Connection;
use super::receive::tell;
use crate::event::Ended;
use crate::handshake::Failure;
use crate::pacer::{Conditions, Pace, burst};
use crate::read_delay::{read_delay, receives_bulk};
use crate::recovery::TimeoutOutcome;

impl Connection {
    /// When [`on_timeout`](Self::on_timeout) is to be called.
    pub(crate) fn timeout(&mut self, now: Instant) -> Option<Instant> {
        if self.is_forgotten {
            return None;
        }
        if self.closing.is_over() {
            let deadlines = [self.closing.next(), self.closing.forget_at()];
            return deadlines.into_iter().flatten().chain(self.awaits()).min();
        }
        // Whoever asks has let it send all that it had to say.
        self.doze_off();
        let mut first = Instant::MAX;
        let mut add = |deadline: Option<Instant>| first = first.min(deadline.unwrap_or(first));
        // What is due by now and done by sending is not waited for: it is sent next.
        let later = |deadline: &Instant| *deadline > now;
        add(self.acks.deadline().filter(later));
        add(self.redundancy.deadline().filter(later));
        add(self.recovery.timeout());
        add(self.keys.timeout());
        add(self.path.timeout());
        add(self.messages.timeout());
        add(self.closing.finishing());
        add(self.expiry());
        add(self.keep_alive());
        add(self.lull());
        add(self.rest_at());
        add(self.confirmation.as_ref().map(|confirmation| confirmation.1));
        add(self.pacing(now));
        (first < Instant::MAX).then_some(first)
    }

    /// How long packets may lie unread: not at all, unless many of them come, and hardly any are in
    /// flight. `None` if it does not matter, as nothing came but a sign of life.
    pub(crate) fn read_delay(&mut self, now: Instant) -> Option<Duration> {
        if self.rest.has_nodded() {
            return None;
        }
        let (rtt, most) = (self.recovery.rtt().smoothed(), self.config.max_read_delay);
        let coming = self.inflow.packets(now, rtt, self.counters.packets_received);
        let wrote = self.inflow.wrote(now, self.writes);
        let delay = read_delay(rtt, coming, wrote, most);
        if delay.is_zero() || self.closing.is_over() {
            return Some(Duration::ZERO);
        }
        let in_flight = self.recovery.bytes_in_flight() / u64::from(self.size()).max(1);
        Some(if receives_bulk(coming, in_flight) { delay } else { Duration::ZERO })
    }

    /// When the program's close has to have an outcome, if it has none.
    fn awaits(&self) -> Option<Instant> {
        self.awaits_outcome.filter(|_| self.outcome.is_none())
    }

    fn expiry(&self) -> Option<Instant> {
        self.idle.expiry(self.idle_timeout, self.recovery.probe_timeout())
    }

    fn keep_alive(&self) -> Option<Instant> {
        // Something in flight is a question already.
        let is_quiet = self.recovery.bytes_in_flight() == 0 && !self.wants_ping;
        self.idle.keep_alive(self.config.keep_alive, self.idle_timeout).filter(|_| is_quiet)
    }

    /// When a client that is sent nothing any more asks whether the server still finds it
    /// (docs/PROTOCOL.md, 9.3.5). What is in flight may have left from where it was before.
    fn lull(&self) -> Option<Instant> {
        let may_have_moved = self.is_client && self.profile == Profile::Sealed;
        let asks = may_have_moved && !self.wants_ping;
        self.lull.due(self.recovery.rtt().smoothed()).filter(|_| asks)
    }

    /// When the pacer lets the next packets leave, if it alone keeps them.
    fn pacing(&mut self, now: Instant) -> Option<Instant> {
        let size = u64::from(self.size());
        let fits = self.flow.room(self.recovery.bytes_in_flight()) >= size;
        if !fits || self.probes > 0 || !self.wants_data(now) {
            return None;
        }
        let pace = self.pace(now)?;
        if self.flow.budget(now, Some(&pace)) >= size {
            // They may leave now, and will.
            return None;
        }
        Some(self.flow.next(now, &pace, u64::MAX))
    }

    /// How fast packets may leave, once that is known.
    pub(super) fn pace(&self, now: Instant) -> Option<Pace> {
        let rate = self.flow.pacing_rate()?;
        // A burst's own queue would make random loss look like congestion.
        let conditions = if !self.recovery.loss_rate().is_rare() {
            Conditions::Lossy
        } else if self.recovery.is_calm(now) {
            Conditions::Calm
        } else {
            Conditions::Fair
        };
        let burst = burst(self.recovery.rtt().smoothed(), conditions, self.config.max_burst);
        Some(Pace { rate, burst, max_datagram_size: self.size().into() })
    }

    /// Does what is due.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if self.is_forgotten {
            return;
        }
        if self.closing.is_over() {
            if self.closing.on_timeout(now, self.recovery.probe_timeout()) {
                self.repeat_close();
            }
            if is_due(self.awaits()) {
                self.decide(now);
            }
            if is_due(self.closing.forget_at()) {
                self.forget(now);
            }
            return;
        }
        let is_unconfirmed =
            self.confirmation.as_ref().is_some_and(|confirmation| confirmation.1 <= now);
        if is_unconfirmed {
            // 5.3.5: the server's answer came, and nothing behind it.
            return self.lose(now, Ended::Failed(Failure::Timeout { answered: true }));
        }
        if is_due(self.expiry()) {
            return self.lose(now, Ended::Silent);
        }
        if is_due(self.rest_at()) {
            self.go_to_rest();
        }
        self.keys.on_timeout(now);
        let pto = self.recovery.probe_timeout();
        self.path.on_timeout(now, pto);
        self.messages.on_timeout(now);
        self.on_recovery_timeout(now);
        // After recovery, which may find that nothing is in flight any more.
        if is_due(self.keep_alive()) {
            self.wants_ping = true;
        }
        if is_due(self.lull()) {
            self.lull.on_asked();
            // As a probe it leaves whatever the window is full of.
            (self.wants_ping, self.probes) = (true, self.probes.max(1));
        }
        if is_due(self.closing.finishing()) {
            self.go_on_closing(now);
        }
    }

    fn on_recovery_timeout(&mut self, now: Instant) {
        let Self { recovery, flow, mtu, .. } = self;
        let Self { streams, messages, acks, frequency, redundancy, .. } = self;
        let mut fates = |fate, token| {
            if redundancy.passes(fate, token) {
                tell(streams, messages, acks, frequency, fate, token);
            }
        };
        let mut outcome = recovery.on_timeout(now, flow.feed(), &mut fates);
        if let TimeoutOutcome::Lost { sizes } = outcome {
            mtu.on_lost(now, sizes);
            // One thing is done per call, and a probe may be due as well.
            outcome = recovery.on_timeout(now, flow.feed(), &mut fates);
        }
        match outcome {
            TimeoutOutcome::Nothing | TimeoutOutcome::Lost { .. } => {}
            TimeoutOutcome::Probe { .. } => {
                // RFC 9002, 6.2.4: two, in case one is lost. Each carries something that is missed,
                // if nothing new waits.
                self.probes = 2;
                redundancy.give_up();
                let mut fates = |fate, token| tell(streams, messages, acks, frequency, fate, token);
                for _ in 0..2 {
                    recovery.give_back_oldest(&mut fates);
                }
            }
            TimeoutOutcome::GiveUp => self.lose(now, Ended::Silent),
        }
    }

    /// No packet can be sealed any more (docs/PROTOCOL.md, 2.9 and 6.5).
    pub(super) fn wear_out(&mut self, now: Instant) {
        let detail = "no more packets can be sealed";
        self.lose(now, Ended::Error { code: Code::KEYS_EXHAUSTED, detail });
    }
}
