//! [`Slot`]: one session in the endpoint's table, from the first SYN until nobody needs it.
//! The table itself, and the session's place in queues, are the endpoint's.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use rudp_base::Instant;

use super::flows::Member;
use crate::connection::{Connection, Shared};
use crate::event::{Ended, Outcome};
use crate::handshake::Attempt;
use crate::memory::Windows;

/// How far a session has come.
pub(super) enum Stage {
    /// A client waits for the server's answer.
    Asking(Box<Attempt>, Box<Terms>),
    /// The session has begun.
    Live(Box<Connection>),
    /// It never began, and the program has not released it.
    Failed(Box<Failed>),
}

/// What a client's session is to have.
pub(super) struct Terms {
    pub(super) config: Arc<Shared>,
    /// What the server is told.
    pub(super) windows: Windows,
}

/// A session that never began.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) why: Ended,
    pub(super) outcome: Outcome,
}

impl Stage {
    /// A session does not begin. Nothing was sent, and nothing is known of the peer.
    pub(super) fn failed(why: Ended) -> Self {
        let outcome = Outcome::Unknown { streams: Vec::new(), cause: Some(why.clone()) };
        Self::Failed(Box::new(Failed { why, outcome }))
    }
}

/// One session.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Slot {
    pub(super) generation: u32,
    pub(super) stage: Stage,
    /// Its place among those that send to the same address, as soon as it has begun.
    pub(super) member: Option<Member>,
    /// The service it is for.
    pub(super) service: Arc<str>,
    /// The program does not use it any more.
    pub(super) is_released: bool,
    /// It is in the queue of those that may have something to send.
    pub(super) is_ready: bool,
    /// It is in the list of those that something happened to.
    pub(super) is_touched: bool,
    /// It is in the list of those whose deadline may have changed.
    pub(super) is_unarmed: bool,
    /// Its place in the timers.
    pub(super) scheduled: Option<Instant>,
}

impl Slot {
    pub(super) fn new(stage: Stage, service: Arc<str>) -> Self {
        Self {
            generation: 0,
            stage,
            member: None,
            service,
            is_released: false,
            is_ready: false,
            is_touched: false,
            is_unarmed: false,
            scheduled: None,
        }
    }

    /// How long packets for it may lie unread, if it matters.
    pub(super) fn read_delay(&mut self, now: Instant) -> Option<Duration> {
        match &mut self.stage {
            Stage::Live(connection) => connection.read_delay(now),
            Stage::Asking(..) | Stage::Failed(_) => Some(Duration::ZERO),
        }
    }

    /// Whether it has nothing to say and waits for nothing.
    pub(super) fn is_silent(&self) -> bool {
        match &self.stage {
            Stage::Asking(..) => false,
            Stage::Live(connection) => connection.is_forgotten(),
            Stage::Failed(_) => true,
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("generation", &self.generation).finish_non_exhaustive()
    }
}
