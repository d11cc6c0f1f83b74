//! [`Host`]: a running endpoint, which lives as long as anybody has a session or the endpoint
//! itself, and then until its sessions are closed. What is done with sessions is in `link`.

use std::io;
use std::net::SocketAddr;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rudp_base::Instant;
use rudp_net::{Socket, SocketOptions, Visit};
use rudp_proto::config::Config;

use crate::builder;
use crate::error::{Error, ErrorKind, Origin, Result};
use crate::keeper::Keeper;
use crate::key::PublicKey;
use crate::link::Link;
use crate::lobby::{Door, Lobby};
use crate::node::{AFTERGLOW, Engine, Hub, Node, turn_away};
use crate::shards::ShardStats;
use crate::waits::{Wait, Waits};

/// A running endpoint.
pub(crate) struct Host {
    /// One for each socket; at least one.
    pub(crate) shards: Box<[Shard]>,
    pub(crate) lobby: Arc<Lobby>,
    pub(crate) keeper: Arc<Keeper>,
    /// Counts the sessions that this side opens, which are dealt to the shards in turn.
    pub(crate) opened: AtomicUsize,
    pub(crate) config: Config,
    /// How its sockets are made.
    pub(crate) socket: SocketOptions,
    /// Whether it speaks the plain profile.
    pub(crate) plain: bool,
    pub(crate) public_key: Option<PublicKey>,
}

/// One socket with its sessions, which are nobody else's as long as they last, and its thread.
pub(crate) struct Shard {
    pub(crate) engine: Engine,
    /// Who waits for what at this shard.
    pub(crate) waits: Arc<Waits>,
    /// How long callers look for datagrams themselves before they sleep.
    pub(crate) spin: Duration,
}

impl Shard {
    /// Does something with the shard; what it has to send is sent by this thread at once.
    ///
    /// # Errors
    /// The shard's thread had to end: its socket became useless.
    pub(crate) fn turn<R>(
        &self,
        call: impl FnOnce(Instant, &mut Node, &mut Hub) -> R,
    ) -> Result<R> {
        self.engine.try_with(call).map_err(had_to_end)
    }

    /// Does the thread's work until `is_over`, for `patience` at most, if the caller is the only one
    /// who waits for something of a session. Else, or if another caller does it, returns at once.
    pub(crate) fn attend(&self, patience: Option<Duration>, is_over: &dyn Fn() -> bool) {
        if self.waits.of_sessions() <= 1 {
            let deadline = patience.map(|patience| self.engine.clock().now() + patience);
            let is_alone = &|| self.waits.of_sessions() == 0;
            self.engine.visit(&Visit { is_over, deadline, spin: self.spin, is_alone });
        } else {
            self.engine.give_up();
        }
    }

    /// Leaves all work to the thread, since the caller waits elsewhere.
    pub(crate) fn give_up(&self) {
        self.engine.give_up();
    }

    /// As [`attend`](Self::attend), whoever else waits: for a caller with many tasks, which are most of
    /// those who do, and which come again at once. Others may have to wait for the thread a little longer.
    pub(crate) fn attend_to_all(&self, is_over: &dyn Fn() -> bool) {
        let is_alone = &|| true;
        self.engine.visit(&Visit { is_over, deadline: None, spin: self.spin, is_alone });
    }

    /// Does what the thread has left to a caller that comes again and again, whoever else waits if it
    /// attends `to_all`. A call begins.
    pub(crate) fn begin_call(&self, to_all: bool) -> Call<'_> {
        self.engine.begin_call(&|| to_all || self.waits.of_sessions() == 0);
        Call(self)
    }

    /// The same in the middle of a call.
    pub(crate) fn go_on_call(&self, to_all: bool) {
        self.engine.go_on_call(&|| to_all || self.waits.of_sessions() == 0);
    }

    /// What tells it from others that live at the same time.
    pub(crate) fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

/// A call at a shard, until it is dropped.
#[must_use]
pub(crate) struct Call<'a>(&'a Shard);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.engine.end_call();
    }
}

impl Host {
    /// Leaves all work to the shards' threads, since the caller waits elsewhere.
    pub(crate) fn give_up(&self) {
        self.shards.iter().for_each(Shard::give_up);
    }

    /// The shard of the next session that this side opens.
    pub(crate) fn next_shard(&self) -> usize {
        self.opened.fetch_add(1, Ordering::Relaxed) % self.shards.len()
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.shards[0].engine.local_addr()
    }

    /// Replaces the socket by one at `address`, and has the sessions say so.
    pub(crate) fn rebind(&self, address: &str) -> Result<()> {
        let refused = |text| Err(Error::invalid(format!("not bound to {address}: {text}")));
        let [shard] = &*self.shards else {
            return refused("the sockets of several shards have their port together");
        };
        if self.plain {
            return refused("sessions of the plain profile stay at their address");
        }
        if self.lobby.door() != Door::Closed {
            return refused("clients look for a server where it was, and this one has listened");
        }
        let socket = builder::bind(Some(address), |to| Socket::bind(to, &self.socket))?;
        let rebound = shard.engine.rebind(socket, |now, node, _| node.endpoint.on_rebound(now));
        rebound.map_err(had_to_end)
    }

    pub(crate) fn listen(&self) -> Result<()> {
        if self.public_key.is_none() && !self.plain {
            return Err(Error::invalid(
                "a server has a key: give the builder one with key(), or with bind() an address, \
                 which makes one up",
            ));
        }
        match self.lobby.door() {
            // Whoever accepts says so each time, and need not disturb the shards.
            Door::Open if !self.lobby.is_broken() => return Ok(()),
            // One that had to end says why.
            Door::Open | Door::Closed => {}
            Door::Shut | Door::Unattended => return Err(shut()),
        }
        for shard in &self.shards {
            shard.turn(|_, node, _| node.endpoint.listen())?;
        }
        self.lobby.open();
        Ok(())
    }

    /// The next session that a client began.
    pub(crate) fn poll_accept(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Result<Arc<Link>>> {
        self.lobby.poll(cx).map(|comer| {
            if let Some(comer) = comer {
                return Ok(Link::new(Arc::clone(self), comer.shard, comer.handle));
            }
            // One that had to end says why.
            self.shards.iter().try_for_each(|shard| shard.turn(|_, _, _| ()))?;
            Err(shut())
        })
    }

    pub(crate) fn shutdown(&self) -> Result<()> {
        self.lobby.shut();
        // All of them, whatever has become of one.
        let ended =
            self.shards.iter().map(|shard| shard.turn(|now, node, _| node.endpoint.shutdown(now)));
        ended.fold(Ok(()), Result::and)
    }

    /// Turns clients away from now on.
    pub(crate) fn leave_unattended(&self) {
        for comer in self.lobby.leave_unattended() {
            // If the shard has ended, then the session has.
            let _ = self.shards[comer.shard].turn(|now, node, _| {
                turn_away(now, &mut node.endpoint, comer.handle);
            });
        }
    }

    pub(crate) fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut idle = Poll::Ready(Ok(()));
        for shard in &self.shards {
            let turn = shard.turn(|_, node, hub| {
                let is_idle = node.endpoint.is_idle();
                if !is_idle {
                    node.watch(None);
                    hub.waits.add(Wait::Idle, cx.waker());
                }
                is_idle
            });
            match turn {
                Ok(true) => {}
                Ok(false) => idle = Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        idle
    }

    /// What has been counted, shard by shard.
    pub(crate) fn stats(&self) -> Vec<ShardStats> {
        self.shards.iter().map(ShardStats::of).collect()
    }
}

impl Drop for Host {
    /// Nobody is left who could do something with the endpoint. It goes on by itself for the
    /// sessions that close in the background.
    fn drop(&mut self) {
        let patience = self.config.close_deadline + AFTERGLOW;
        let engines = self.shards.iter().map(|shard| shard.engine.clone()).collect();
        // One more than there are: nobody lets go before all have been asked.
        let asked = self.shards.len();
        self.keeper.keep(engines, (0..=asked).collect());
        for (number, shard) in self.shards.iter().enumerate() {
            let is_busy = shard.turn(|now, node, _| {
                let is_busy = !node.endpoint.is_idle();
                if is_busy {
                    node.watch(Some(now + patience));
                }
                is_busy
            });
            // If the shard has ended, then there is nothing to go on with.
            if !is_busy.unwrap_or(false) {
                self.keeper.done(number);
            }
        }
        self.keeper.done(asked);
    }
}

fn had_to_end(error: io::Error) -> Error {
    Error::system("the endpoint had to end", error)
}

fn shut() -> Error {
    let text = "the endpoint was shut down";
    Error::new(ErrorKind::ServerShutdown, Origin::Program, text)
}
