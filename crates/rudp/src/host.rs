//! [`Host`]: a running endpoint, which lives as long as anybody has a session or the endpoint
//! itself, and then until its sessions are closed. What is done with sessions is in `link`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rudp_base::Instant;
use rudp_net::Visit;
use rudp_proto::config::Config;

use crate::error::{Error, ErrorKind, Origin, Result};
use crate::key::PublicKey;
use crate::link::Link;
use crate::node::{AFTERGLOW, Door, Engine, Hub, Node, turn_away};
use crate::waits::{Wait, Waits};

/// A running endpoint.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    /// Who waits for what at this endpoint.
    pub(crate) waits: Arc<Waits>,
    /// How long callers look for datagrams themselves before they sleep.
    pub(crate) spin: Duration,
    pub(crate) config: Config,
    /// Whether it speaks the plain profile.
    pub(crate) plain: bool,
    pub(crate) public_key: Option<PublicKey>,
}

impl Host {
    /// Does something with the endpoint; what it has to send is sent by this thread at once.
    ///
    /// # Errors
    /// The endpoint's thread had to end: its socket became useless.
    pub(crate) fn turn<R>(
        &self,
        call: impl FnOnce(Instant, &mut Node, &mut Hub) -> R,
    ) -> Result<R> {
        self.engine.try_with(call).map_err(|error| Error::system("the endpoint had to end", error))
    }

    /// Does the thread's work until `is_over`, for `patience` at most, if the caller is the only one
    /// who waits for something of a session. Else, or if another caller does it, returns at once.
    pub(crate) fn attend(&self, patience: Option<Duration>, is_over: &dyn Fn() -> bool) {
        if self.waits.of_sessions() <= 1 {
            let deadline = patience.map(|patience| self.engine.clock().now() + patience);
            let is_alone = &|| self.waits.of_sessions() == 0;
            self.engine.visit(&Visit { is_over, deadline, spin: self.spin, is_alone });
        }
    }

    /// Does what the thread has left to a caller that attends again and again.
    pub(crate) fn glance(&self) {
        self.engine.look(&|| self.waits.of_sessions() == 0);
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.engine.local_addr()
    }

    pub(crate) fn listen(&self) -> Result<()> {
        if self.public_key.is_none() && !self.plain {
            return Err(Error::invalid(
                "a server has a key: give the builder one with key(), or with bind() an address, \
                 which makes one up",
            ));
        }
        self.turn(|_, node, hub| {
            if hub.door == Door::Open {
                node.endpoint.listen();
                return Ok(());
            }
            Err(shut())
        })?
    }

    /// The next session that a client began.
    pub(crate) fn poll_accept(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Result<Arc<Link>>> {
        let next = self.turn(|_, node, hub| match (node.endpoint.accept(), hub.door) {
            (Some(handle), _) => Poll::Ready(Ok(handle)),
            (None, Door::Open) => {
                hub.waits.add(Wait::Incoming, cx.waker());
                Poll::Pending
            }
            (None, Door::Shut | Door::Unattended) => Poll::Ready(Err(shut())),
        });
        match next {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(next)) => {
                Poll::Ready(next.map(|handle| Link::new(Arc::clone(self), handle)))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    pub(crate) fn shutdown(&self) -> Result<()> {
        self.turn(|now, node, hub| {
            hub.door = Door::Shut;
            node.endpoint.shutdown(now);
            hub.wake(Wait::Incoming);
        })
    }

    /// Turns clients away from now on.
    pub(crate) fn leave_unattended(&self) {
        // If the endpoint has ended, then nobody comes any more.
        let _ = self.turn(|now, node, hub| {
            if hub.door == Door::Open {
                hub.door = Door::Unattended;
            }
            turn_away(now, &mut node.endpoint);
        });
    }

    pub(crate) fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let idle = self.turn(|_, node, hub| {
            if node.endpoint.is_idle() {
                return true;
            }
            node.watch(None);
            hub.waits.add(Wait::Idle, cx.waker());
            false
        });
        match idle {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Host {
    /// Nobody is left who could do something with the endpoint. It goes on by itself for the
    /// sessions that close in the background.
    fn drop(&mut self) {
        let engine = self.engine.clone();
        let patience = self.config.close_deadline + AFTERGLOW;
        // If the endpoint has ended, then there is nothing to go on with.
        let _ = self.turn(move |now, node, hub| {
            if !node.endpoint.is_idle() {
                hub.keep(engine, node, now + patience);
            }
        });
    }
}

fn shut() -> Error {
    let text = "the endpoint was shut down";
    Error::new(ErrorKind::ServerShutdown, Origin::Program, text)
}
