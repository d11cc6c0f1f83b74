//! [`Dial`]: an attempt to connect, to several addresses in turn if a name has them.
//! Names are looked up in `address`, trust is decided on in `trust`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rudp_base::Instant;
use rudp_proto::config::Config;
use rudp_proto::{Ended, Failure, Handle, State, Target};

use crate::error::Result;
use crate::host::{Host, Shard};
use crate::link::Link;
use crate::node::{Hub, Node};
use crate::trust::Decision;
use crate::waits::{Topic, Wait};

/// How long an address is waited for before the next is tried besides it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// The least time that the protocol takes for a handshake.
const LEAST: Duration = Duration::from_millis(100);

/// Of several silent addresses, one is as good a reason as the other.
const SILENCE: Failure = Failure::Timeout { answered: false };

/// An attempt to connect.
pub(crate) struct Dial {
    host: Arc<Host>,
    /// The number of the shard that will have the session.
    shard: usize,
    decision: Decision,
    service: String,
    /// The addresses that have not been tried.
    addresses: VecDeque<SocketAddr>,
    /// The attempts that may still succeed.
    attempts: Vec<Handle>,
    /// The first failure.
    failure: Option<Failure>,
    times: Option<Times>,
}

/// When what happens.
#[derive(Clone, Copy)]
struct Times {
    /// The next address is tried.
    next: Instant,
    /// All is over.
    end: Instant,
    alarm: u64,
}

/// What became of an attempt.
enum Fate {
    Open,
    Waiting,
    Failed(Failure),
}

impl Dial {
    pub(crate) fn new(
        host: Arc<Host>,
        addresses: VecDeque<SocketAddr>,
        service: String,
        decision: Decision,
    ) -> Self {
        let attempts = Vec::with_capacity(1);
        let shard = host.next_shard();
        Self { host, shard, decision, service, addresses, attempts, failure: None, times: None }
    }

    /// The shard of `host`, which is the one it was made with, where it is waited for.
    pub(crate) fn shard_of<'a>(&self, host: &'a Host) -> &'a Shard {
        &host.shards[self.shard]
    }

    /// Waits for the first address that answers. Of those who fail, the first one says why.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<Link>>> {
        let host = Arc::clone(&self.host);
        let turn = self.shard_of(&host).turn(|now, node, hub| self.advance(now, node, hub, cx));
        match turn.flatten() {
            Err(error) => Poll::Ready(Err(error)),
            Ok(None) => Poll::Pending,
            Ok(Some(handle)) => {
                // From here on dropping it closes the session.
                let link = Link::new(host, self.shard, handle);
                let key = link.ask(|session| session.peer_key())?.map(Into::into);
                Poll::Ready(self.decision.confirm(key).map(|()| link))
            }
        }
    }

    fn advance(
        &mut self,
        now: Instant,
        node: &mut Node,
        hub: &mut Hub,
        cx: &mut Context<'_>,
    ) -> Result<Option<Handle>> {
        let mut times = *self.times.get_or_insert_with(|| Times {
            next: now,
            end: now + self.host.config.handshake_timeout,
            alarm: node.alarm_number(),
        });
        if let Some(handle) = self.settle(now, node)? {
            return Ok(Some(handle));
        }
        // Nobody is waited for if nobody is left who could answer.
        while !self.addresses.is_empty() && (now >= times.next || self.attempts.is_empty()) {
            self.begin(now, node, times.end)?;
            times.next = now + HEAD_START;
        }
        self.times = Some(times);
        if self.attempts.is_empty() {
            let failure = self.failure.take().unwrap_or(SILENCE);
            return Err(self.decision.explain(failure));
        }
        if !self.addresses.is_empty() {
            node.set_alarm(times.next, times.alarm, cx.waker());
        }
        for attempt in &self.attempts {
            hub.waits.add(Wait::About(*attempt, Topic::Connected), cx.waker());
        }
        Ok(None)
    }

    /// Looks what became of the attempts, and returns the one that succeeded.
    fn settle(&mut self, now: Instant, node: &mut Node) -> Result<Option<Handle>> {
        let mut index = 0;
        while let Some(&attempt) = self.attempts.get(index) {
            match fate(now, node, attempt) {
                Fate::Waiting => index += 1,
                Fate::Open => {
                    self.attempts.swap_remove(index);
                    return Ok(Some(attempt));
                }
                Fate::Failed(failure) => {
                    self.attempts.swap_remove(index);
                    release(now, node, attempt);
                    if !matches!(failure, Failure::Timeout { .. }) {
                        // The server has answered: its other addresses will say the same.
                        return Err(self.decision.explain(failure));
                    }
                    self.failure.get_or_insert(failure);
                }
            }
        }
        Ok(None)
    }

    /// Tries the next address.
    fn begin(&mut self, now: Instant, node: &mut Node, end: Instant) -> Result<()> {
        let Some(address) = self.addresses.pop_front() else { return Ok(()) };
        let handshake_timeout = end.saturating_since(now).max(LEAST);
        let target = Target {
            server_key: self.decision.expected().map(Into::into),
            service: self.service.clone(),
            config: Some(Config { handshake_timeout, ..self.host.config.clone() }),
        };
        self.attempts.push(node.endpoint.connect(now, address, target)?);
        Ok(())
    }
}

impl Drop for Dial {
    /// Gives up what was begun.
    fn drop(&mut self) {
        let attempts = std::mem::take(&mut self.attempts);
        if attempts.is_empty() {
            return;
        }
        // If the endpoint has ended, then they have.
        let _ = self.shard_of(&self.host).turn(|now, node, _| {
            for attempt in attempts {
                release(now, node, attempt);
            }
        });
    }
}

fn fate(now: Instant, node: &mut Node, attempt: Handle) -> Fate {
    let Some(session) = node.endpoint.session(now, attempt) else {
        return Fate::Failed(SILENCE);
    };
    match (session.state(), session.ended()) {
        (State::Connecting, _) => Fate::Waiting,
        (_, Some(Ended::Failed(failure))) => Fate::Failed(failure.clone()),
        // It may be over again, but then there may be something to read.
        _ => Fate::Open,
    }
}

fn release(now: Instant, node: &mut Node, attempt: Handle) {
    if let Some(mut session) = node.endpoint.session(now, attempt) {
        session.abort(0, "another address answered first, or nobody waits any more");
        session.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_given_no_less_time_than_the_protocol_takes() {
        let config = Config { handshake_timeout: LEAST, ..Config::default() };
        assert_eq!(config.check(), Ok(()));
        let shorter = Duration::from_nanos(99_999_999);
        let config = Config { handshake_timeout: shorter, ..Config::default() };
        assert!(config.check().is_err());
    }
}
