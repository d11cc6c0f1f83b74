//! [`Endpoint`]: all sessions behind one socket, as one machine. Which session a datagram belongs
//! to, and whose turn it is, is decided here; what happens in a session is the connection's.

mod flows;
mod ids;
mod inputs;
mod machine;
mod session;
mod slot;
#[cfg(test)]
mod tests;
mod timers;

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;
use std::sync::Arc;

use rudp_base::{Instant, Seed, SendError, Transmit};
use rudp_wire::code::Code;
use rudp_wire::packet::{ConnectionId, Profile, Reset};
use slab::Slab;

use self::flows::{Flows, Turn};
use self::ids::Ids;
use self::slot::{Slot, Stage, Terms};
use self::timers::Timers;
use crate::config::{ClientKeys, Config, ConfigError, EndpointConfig, RetryMode, Services};
use crate::connection::{Connection, Resources, Shared};
use crate::crypto::{Crypto, PublicKey};
use crate::event::{Event, EventKind, Handle};
use crate::handshake::{
    self, Ask, Attempt, Cookies, IdPlan, Pending, Rate, Resets, Settings, Timing, VersionAnswers,
    When,
};
use crate::memory::{Memory, Windows};
use crate::read_delay::Patience;

pub use self::session::{
    Fail, Message, MessageFate, Read, ReceiptState, ReceivedMode, SendMode, Session, State, Stats,
};

/// The most sessions at which another one may be asked for: as many as there are indices.
const MAX_SESSIONS: usize = u32::MAX as usize;
/// The most RESETs that are passed on at once, and per second: each of them wakes all siblings, and
/// anybody can forge one. More are dropped, as a network would.
const MAX_STRAYS: u32 = 64;
/// The most answers to handshakes that wait to be sent; more are dropped, as a network would.
const MAX_ANSWERS: usize = 1_024;

/// Whom to connect to.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The key that the server has to have; `None` takes any.
    /// [`Session::peer_key`] tells afterwards which it was.
    pub server_key: Option<PublicKey>,
    /// The name of the service, of at most 255 bytes; empty for the only or first one.
    pub service: String,
    /// Settings of this session, instead of the endpoint's.
    pub config: Option<Config>,
}

/// Why a session cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No server has a service with so long a name (docs/PROTOCOL.md, 5.1.3).
    #[error("the name of the service has {len} bytes, and 255 are the most")]
    ServiceTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A key is expected that no server can prove to have in the plain profile.
    #[error("in the plain profile no server can prove that it has a key")]
    KeyInPlainProfile,
    /// The endpoint has as many sessions as it can tell apart.
    #[error("the endpoint has too many sessions")]
    TooManySessions,
}

/// All sessions behind one socket.
///
/// It is a [`Machine`](rudp_base::Machine): whoever runs it gives it datagrams and the time, sends
/// what it wants to send, and passes its events to a program. The program calls it in between.
pub struct Endpoint {
    config: EndpointConfig,
    session: Arc<Shared>,
    cx: Resources,
    plan: IdPlan,
    ids: Ids,
    slots: Slab<Slot>,
    flows: Flows,
    generation: u32,
    timers: Timers,
    /// Sessions that may have something to send, each once.
    ready: VecDeque<u32>,
    /// Sessions that something happened to since they were last settled.
    touched: Vec<u32>,
    /// Sessions whose deadlines may have changed, and when the last of them did.
    unarmed: Vec<u32>,
    reported_at: Instant,
    events: VecDeque<Event>,
    incoming: VecDeque<Handle>,
    /// What a server has; a client that does not listen has none of it.
    pending: Option<Pending>,
    resets: Resets,
    versions: VersionAnswers,
    answers: VecDeque<Answer>,
    /// RESETs that are for no session here, and perhaps for one of another socket.
    strays: VecDeque<StrayReset>,
    stray_rate: Rate,
    /// How long packets may lie unread.
    patience: Patience,
    is_shut_down: bool,
}

/// A RESET that is for no session of the endpoint that got it (docs/PROTOCOL.md, 10.4).
#[derive(Clone, Copy, Debug)]
pub struct StrayReset(Reset);

/// A datagram that answers one, outside of any session.
#[derive(Debug)]
struct Answer {
    remote: SocketAddr,
    local: Option<IpAddr>,
    datagram: Box<[u8]>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("config", &self.config)
            .field("sessions", &self.slots.len())
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint without sessions, that does not listen.
    ///
    /// `seed` is where all its randomness comes from; nobody else may know it.
    ///
    /// # Errors
    /// A setting is out of its range.
    pub fn new(
        config: EndpointConfig,
        crypto: Arc<dyn Crypto>,
        seed: &Seed,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let plan = id_plan(&config);
        let mut keys = seed.secret_stream("reset key");
        let reset_key = config.reset_key.unwrap_or_else(|| keys.array());
        let memory = Memory::new(config.memory, config.max_sessions as u64);
        let cx = Resources::new(crypto, seed, memory);
        Ok(Self {
            plan,
            ids: Ids::default(),
            slots: Slab::new(),
            flows: Flows::default(),
            generation: 0,
            timers: Timers::default(),
            ready: VecDeque::new(),
            touched: Vec::new(),
            unarmed: Vec::new(),
            reported_at: Instant::ZERO,
            events: VecDeque::new(),
            incoming: VecDeque::new(),
            pending: None,
            resets: Resets::new(&*cx.crypto, &reset_key, plan),
            versions: VersionAnswers::new(cx.crypto.profile(), plan),
            answers: VecDeque::new(),
            strays: VecDeque::new(),
            stray_rate: Rate::new(MAX_STRAYS),
            patience: Patience::default(),
            is_shut_down: false,
            session: Arc::new(Shared::new(config.session.clone(), &cx.shelf)),
            cx,
            config,
        })
    }

    /// Answers clients from now on.
    pub fn listen(&mut self) {
        if self.pending.is_some() {
            return;
        }
        let cookie_key = self.config.cookie_key.unwrap_or_else(|| self.cx.secret.array());
        let cookies =
            Cookies::new(self.cx.crypto.token_key(&cookie_key), self.config.unix_seconds_at_zero);
        let usual = Settings::default();
        let settings = Settings {
            retry: match self.config.retry {
                RetryMode::Always => When::Always,
                RetryMode::UnderLoad => When::UnderLoad,
                RetryMode::Never => When::Never,
            },
            load_unfinished: self.config.max_handshakes / 2,
            max_unfinished: self.config.max_handshakes,
            services: match &self.config.services {
                Services::Any => handshake::Services::Any,
                Services::Named(names) => handshake::Services::Named(
                    names.iter().map(|name| name.as_str().into()).collect(),
                ),
            },
            needs_client_key: !matches!(self.config.client_keys, ClientKeys::Any),
            parameters: self.config.session.parameters(None),
            load_per_second: self.plan.share(usual.load_per_second),
            max_per_network: self.share(usual.max_per_network),
            max_proven_per_network: self.share(usual.max_proven_per_network),
            max_recent: self.share(usual.max_recent),
            ..usual
        };
        // The parameters follow from settings that were checked.
        self.pending = Pending::new(self.cx.crypto.profile(), settings, cookies).ok();
        self.update_room();
    }

    /// Begins a session. An event tells when it has begun, or why it has not.
    ///
    /// # Errors
    /// It cannot be asked for, whatever the server would say.
    pub fn connect(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        target: Target,
    ) -> Result<Handle, ConnectError> {
        if let Some(config) = &target.config {
            config.check()?;
        }
        if target.server_key.is_some() && self.cx.crypto.profile() == Profile::Plain {
            // No server could prove it (docs/PROTOCOL.md, 3.3).
            return Err(ConnectError::KeyInPlainProfile);
        }
        let ids = &self.ids;
        let id = self.plan.choose(&mut self.cx.public, |id| ids.contains(id));
        let id = id.filter(|_| self.slots.len() < MAX_SESSIONS);
        let id = id.ok_or(ConnectError::TooManySessions)?;
        let own = target.config.map(|config| Arc::new(Shared::new(config, &self.cx.shelf)));
        let config = own.unwrap_or_else(|| Arc::clone(&self.session));
        let windows = self.cx.memory.own_windows(config.windows());
        let mut parameters = config.parameters(self.client_reset_token(id));
        windows.tell(&mut parameters);
        let ask = Ask {
            remote,
            server_key: target.server_key,
            service: &target.service,
            id,
            parameters,
            timing: Timing {
                tries: config.handshake_tries,
                timeout: config.handshake_timeout,
                ..Timing::default().varied(&mut self.cx.public)
            },
        };
        // The parameters follow from settings that were checked: it is the name.
        let too_long = |_| ConnectError::ServiceTooLong { len: target.service.len() };
        let attempt = Attempt::new(now, &ask, &mut self.cx.handshake()).map_err(too_long)?;
        self.cx.memory.begin(windows);
        let stage = Stage::Asking(Box::new(attempt), Box::new(Terms { config, windows }));
        let handle = self.insert(Slot::new(stage, target.service.as_str().into()));
        self.ids.insert(id, handle.index);
        self.touch(handle.index);
        self.settle(now);
        Ok(handle)
    }

    /// The next session that a client began, if there is one.
    pub fn accept(&mut self) -> Option<Handle> {
        while let Some(handle) = self.incoming.pop_front() {
            if self.slot(handle).is_some() {
                return Some(handle);
            }
        }
        None
    }

    /// A session, to do something with, until it is released.
    pub fn session(&mut self, now: Instant, handle: Handle) -> Option<Session<'_>> {
        self.slot(handle)?;
        Some(Session::new(self, now, handle))
    }

    /// The server ends: new clients are refused from now on, and all their sessions are closed with
    /// `SERVER_SHUTDOWN`.
    pub fn shutdown(&mut self, now: Instant) {
        self.is_shut_down = true;
        self.update_room();
        for (index, slot) in &mut self.slots {
            if let Stage::Live(connection) = &mut slot.stage
                && !connection.is_client()
            {
                connection.abort(now, Code::SERVER_SHUTDOWN, "");
                if let Ok(index) = u32::try_from(index)
                    && !core::mem::replace(&mut slot.is_touched, true)
                {
                    self.touched.push(index);
                }
            }
        }
        self.settle(now);
    }

    /// The next RESET that came here and is for no session of this endpoint. Where several
    /// endpoints share a port ([`shard`](EndpointConfig::shard)), whoever runs them gives it to the
    /// others' [`take_stray_reset`](Self::take_stray_reset): it bears the peer's id, which says
    /// nothing of the socket it belongs to (docs/PROTOCOL.md, 10.4). An endpoint that is alone has
    /// none.
    pub fn poll_stray_reset(&mut self) -> Option<StrayReset> {
        self.strays.pop_front()
    }

    /// Takes a RESET that another endpoint of this port got, and says whether it was for a session
    /// here. It is not passed on again.
    pub fn take_stray_reset(&mut self, now: Instant, stray: &StrayReset) -> bool {
        let is_taken = self.end_forgotten(now, &stray.0);
        self.settle(now);
        is_taken
    }

    /// Whether no session has anything left to say or to wait for: the endpoint may be dropped, and
    /// no peer will miss it.
    pub fn is_idle(&self) -> bool {
        self.answers.is_empty() && self.slots.iter().all(|(_, slot)| slot.is_silent())
    }

    /// How many sessions there are, those included that a program has not released.
    pub fn sessions(&self) -> usize {
        self.slots.len()
    }

    /// What was sent did not leave: the driver says why. What was in it is lost as on the way, and
    /// sent again; but packets that are too large for the path have to become smaller before.
    pub fn on_send_error(&mut self, now: Instant, transmit: &Transmit, error: SendError) {
        if error != SendError::TooBig {
            return;
        }
        let indices: Vec<u32> =
            self.slots.iter().filter_map(|(index, _)| u32::try_from(index).ok()).collect();
        for index in indices {
            if self.visit(index, |connection, _| connection.on_too_big(now, transmit)) == Some(true)
            {
                self.touch(index);
            }
        }
        self.settle(now);
    }

    /// The socket was replaced by one with another port, or at another address of this machine.
    /// Everything is sent from there from now on, and what was received from the old one and not
    /// handled is lost.
    ///
    /// Each session with a server asks at once whether the server finds it there, and so moves
    /// (docs/PROTOCOL.md, 9.3); attempts begin anew. Sessions with clients do not move: clients do not
    /// look for their server. Nor do those of the plain profile (3.6).
    pub fn on_rebound(&mut self, now: Instant) {
        for answer in &mut self.answers {
            answer.local = None;
        }
        for (index, slot) in &mut self.slots {
            match &mut slot.stage {
                Stage::Asking(attempt, _) => attempt.on_rebound(),
                Stage::Live(connection) if connection.is_client() => connection.on_rebound(now),
                Stage::Live(_) | Stage::Failed(_) => continue,
            }
            if let Ok(index) = u32::try_from(index)
                && !core::mem::replace(&mut slot.is_touched, true)
            {
                self.touched.push(index);
            }
        }
        self.settle(now);
    }

    /// Calls the connection of a session that has begun, which has its flow for as long.
    fn visit<T>(
        &mut self,
        index: u32,
        call: impl FnOnce(&mut Connection, &mut Resources) -> T,
    ) -> Option<T> {
        let slot = self.slots.get_mut(index as usize)?;
        let (Stage::Live(connection), Some(member)) = (&mut slot.stage, &mut slot.member) else {
            return None;
        };
        self.flows.lend(index, member, connection);
        let result = call(connection, &mut self.cx);
        if let Some(next) = self.flows.take_back(index, member, connection) {
            self.ready(next);
        }
        Some(result)
    }

    /// It is another session's turn, or that of whoever asks first.
    fn pass(&mut self, turn: Turn) {
        match turn {
            Turn::Of(index) => self.ready(index),
            Turn::Free => {
                for index in 0..self.ready.len() {
                    if let Some(index) = self.ready.get(index) {
                        self.rearm(*index);
                    }
                }
            }
        }
    }

    /// A session may have something to send, or it is its turn: if the pacer keeps it waiting then, its
    /// deadline is another one.
    fn ready(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize)
            && !core::mem::replace(&mut slot.is_ready, true)
        {
            self.ready.push_back(index);
        }
        self.rearm(index);
    }

    /// A session's deadline may have changed: it is looked at when somebody asks.
    fn rearm(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize)
            && !core::mem::replace(&mut slot.is_unarmed, true)
        {
            self.unarmed.push(index);
        }
    }

    /// Why no client with these windows is taken, if none is.
    fn refusal(&self, windows: Windows) -> Option<Code> {
        let is_full =
            self.slots.len() >= self.config.max_sessions || !self.cx.memory.has_room(windows);
        match (self.is_shut_down, is_full) {
            (true, _) => Some(Code::SERVER_SHUTDOWN),
            (false, true) => Some(Code::BUSY),
            (false, false) => None,
        }
    }

    /// Refuses clients while there is no room for another session, and takes them again, with the
    /// windows that there is memory for.
    fn update_room(&mut self) {
        let windows = self.cx.memory.windows(self.session.windows());
        let refusal = self.refusal(windows);
        if let Some(pending) = &mut self.pending {
            pending.refuse_all(refusal);
            pending.set_windows(windows);
        }
    }

    /// What this socket may have of `total`, as [`IdPlan::share`].
    fn share(&self, total: usize) -> usize {
        u32::try_from(total).map_or(total, |total| self.plan.share(total) as usize)
    }

    fn client_reset_token(&self, id: ConnectionId) -> Option<[u8; 16]> {
        let is_sealed = self.cx.crypto.profile() == Profile::Sealed;
        is_sealed.then(|| self.resets.token(id))
    }

    fn insert(&mut self, mut slot: Slot) -> Handle {
        self.generation = self.generation.wrapping_add(1);
        slot.generation = self.generation;
        let index = self.slots.insert(slot);
        // `max_sessions` is at most 2^24, and what connects has `MAX_SESSIONS`.
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Handle { index, generation: self.generation }
    }

    fn slot(&self, handle: Handle) -> Option<&Slot> {
        let slot = self.slots.get(handle.index as usize)?;
        (slot.generation == handle.generation && !slot.is_released).then_some(slot)
    }

    fn push_answer(&mut self, answer: Answer) {
        if self.answers.len() < MAX_ANSWERS {
            self.answers.push_back(answer);
        }
    }

    fn event(&mut self, index: u32, kind: EventKind) {
        if let Some(slot) = self.slots.get(index as usize).filter(|slot| !slot.is_released) {
            let session = Handle { index, generation: slot.generation };
            self.events.push_back(Event { session, kind });
        }
    }
}

/// The ids that the settings leave free; they were checked.
fn id_plan(config: &EndpointConfig) -> IdPlan {
    let narrow = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    let (shard, shards) = config.shard;
    IdPlan::new(&config.id_prefix, narrow(shard), narrow(shards)).unwrap_or_default()
}
