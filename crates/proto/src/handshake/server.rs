//! A server's side of the handshake (docs/PROTOCOL.md, 5): SYNs in, RETRY and SYN-ACKs out, and a
//! session with the first ACK that opens. What is kept meanwhile lies in `table` and `recent`.

use core::time::Duration;
use std::sync::Arc;

use rudp_base::Instant;
use rudp_wire::code::Code;
use rudp_wire::cursor::{WriteError, Writer};
use rudp_wire::handshake::{Accepted, Confirmation, Request, Response, prologue};
use rudp_wire::packet::{AckPacket, ConnectionId, MAX_COOKIE, Profile, Retry, Suite, Syn, SynAck};
use rudp_wire::parameters::{ParameterError, Parameters};

use super::cookie::Cookies;
use super::place::{Network, Place};
use super::rate::Rate;
use super::recent::Recent;
use super::table::{Bounds, Entry, Key, Table, Wanted};
use super::version::is_downgrade;
use super::{Arrival, Context, IdPlan, Resets, payload, random_bit};
use crate::crypto::{Crypto, PublicKey, Secrets};
use crate::memory::Windows;

/// How long a handshake that became a session is remembered (docs/PROTOCOL.md, 5.2.5a).
const MEMORY: Duration = Duration::from_secs(10);
/// The longest that an unfinished handshake is kept (docs/PROTOCOL.md, 5.1.5).
const MAX_LIFETIME: Duration = Duration::from_secs(10);
/// The longest RETRY in bytes.
const MAX_RETRY: usize = 22 + MAX_COOKIE + 4;

/// When a SYN without a valid cookie is answered with RETRY (docs/PROTOCOL.md, 5.5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum When {
    /// Each time: nothing is kept of clients whose address is not proven.
    Always,
    /// While there are more handshakes than the settings say.
    #[default]
    UnderLoad,
    /// Not at all: what is beyond the settings is dropped.
    Never,
}

/// Which services a server has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Services {
    /// Every name is one.
    #[default]
    Any,
    /// These. Clients that name none get the first.
    Named(Vec<Arc<str>>),
}

impl Services {
    /// The service that a client means.
    fn find(&self, name: &str) -> Option<Arc<str>> {
        match self {
            Self::Any => Some(name.into()),
            Self::Named(names) if name.is_empty() => names.first().cloned(),
            Self::Named(names) => names.iter().find(|known| ***known == *name).cloned(),
        }
    }
}

/// How a server answers.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// When clients have to prove their address first.
    pub(crate) retry: When,
    /// From how many unfinished handshakes on the server is under load.
    pub(crate) load_unfinished: usize,
    /// From how many handshakes per second on the server is under load. A burst of one second's
    /// worth is none.
    pub(crate) load_per_second: u32,
    /// The most unfinished handshakes (docs/PROTOCOL.md, 5.1.5).
    pub(crate) max_unfinished: usize,
    /// The most of one IPv4 address or IPv6 /64 network without a valid cookie (docs/PROTOCOL.md,
    /// 5.1.5). Beyond it clients of that network have to prove their address.
    pub(crate) max_per_network: usize,
    /// The most of one with a valid cookie.
    pub(crate) max_proven_per_network: usize,
    /// How long one is kept, at most 10 s (docs/PROTOCOL.md, 5.1.5).
    pub(crate) lifetime: Duration,
    /// How many handshakes that became sessions are remembered. If more sessions than that begin
    /// within 10 s, clients have to repeat their ACKs.
    pub(crate) max_recent: usize,
    /// Which services there are.
    pub(crate) services: Services,
    /// Whether clients without a key are refused.
    pub(crate) needs_client_key: bool,
    /// The server's parameters.
    pub(crate) parameters: Parameters,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry: When::default(),
            load_unfinished: 512,
            load_per_second: 5_000,
            max_unfinished: 1_024,
            max_per_network: 64,
            max_proven_per_network: 256,
            lifetime: MAX_LIFETIME,
            max_recent: 1 << 17,
            services: Services::default(),
            needs_client_key: false,
            parameters: Parameters::default(),
        }
    }
}

/// Where a server's ids come from.
#[derive(Clone, Copy)]
pub(crate) struct Ids<'a> {
    /// What they have in common.
    pub(crate) plan: IdPlan,
    /// Their reset tokens.
    pub(crate) resets: &'a Resets,
    /// Whether a session, or an attempt of the endpoint as a client, has an id.
    pub(crate) in_use: &'a dyn Fn(ConnectionId) -> bool,
}

impl core::fmt::Debug for Ids<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ids").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// What an answer to a SYN is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// RETRY.
    Retry,
    /// SYN-ACK.
    SynAck,
    /// SYN-ACK with a refusal.
    Refusal(Code),
    /// One of the last two once more.
    Repetition,
}

/// A datagram that goes back to where the SYN came from, from where it came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    #[cfg_attr(not(test), expect(dead_code, reason = "what it is matters to tests alone"))]
    pub(crate) kind: AnswerKind,
    pub(crate) datagram: &'a [u8],
}

/// Why a SYN has no answer, or an ACK begins no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Dropped {
    /// Its pattern is not one for this endpoint (docs/PROTOCOL.md, 5).
    #[error("a pattern that this endpoint does not take")]
    Pattern,
    /// It has become a session already (docs/PROTOCOL.md, 5.2.5a).
    #[error("the session has begun")]
    Begun,
    /// There are too many handshakes, and no RETRY (docs/PROTOCOL.md, 5.5.1).
    #[error("too many handshakes")]
    Load,
    /// Its message does not open or parse (docs/PROTOCOL.md, 5.1.5, 5.3.6, 5.4.2).
    #[error("its message does not open or parse")]
    Message,
    /// The answer would be larger than the SYN (docs/PROTOCOL.md, 5.2.5).
    #[error("the answer would be larger")]
    Larger,
    /// No id is free (docs/PROTOCOL.md, 4.1).
    #[error("no id is free")]
    NoId,
    /// No unfinished handshake has the id of this ACK.
    #[error("no such handshake")]
    Unknown,
    /// The ACK has another source id, or in the plain profile came from another address
    /// (docs/PROTOCOL.md, 3.5, 5.3.6).
    #[error("not from whom it should be")]
    Source,
}

/// A session as the server's side of the handshake leaves it.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The client's id.
    pub(crate) client_id: ConnectionId,
    /// The server's id.
    pub(crate) server_id: ConnectionId,
    /// The client's key, if it has one.
    pub(crate) client_key: Option<PublicKey>,
    /// The suite chosen; `None` in the plain profile.
    pub(crate) suite: Option<Suite>,
    /// The client's parameters, with the reset token of its id if it told that.
    pub(crate) parameters: Parameters,
    /// The first secrets.
    pub(crate) secrets: Secrets,
    /// From SYN-ACK to ACK, if the SYN-ACK was not repeated (docs/PROTOCOL.md, 5.3.5).
    pub(crate) rtt: Option<Duration>,
    /// Whether the ACK came from there as well, which proves that address. If not, 9.3.1 holds from
    /// the start for the address that the ACK came from (docs/PROTOCOL.md, 5.3.6).
    pub(crate) is_proven: bool,
    /// The service, by its own name if the client named none.
    pub(crate) service: Arc<str>,
    /// What the client was told it may send.
    pub(crate) windows: Windows,
    /// Whether somebody made the client use another version (docs/PROTOCOL.md, 5.6.3).
    pub(crate) is_downgrade: bool,
}

impl Begun {
    /// The code to close the session with at once, if there is one. `knows` says whether a client's
    /// key is one that the server wants.
    pub(crate) fn objection(&self, knows: impl FnOnce(&PublicKey) -> bool) -> Option<Code> {
        if self.is_downgrade {
            return Some(Code::VERSION_DOWNGRADE);
        }
        let is_unknown = self.client_key.is_some_and(|key| !knows(&key));
        is_unknown.then_some(Code::CLIENT_KEY_UNKNOWN)
    }
}

/// The handshakes of a server that are no sessions yet.
#[derive(Debug)]
pub(crate) struct Pending {
    profile: Profile,
    settings: Settings,
    cookies: Cookies,
    rate: Rate,
    table: Table,
    recent: Recent,
    /// Why every new session is refused, if it is.
    refusal: Option<Code>,
    /// What clients are told they may send.
    windows: Windows,
    /// The last RETRY.
    retry: [u8; MAX_RETRY],
}

/// A SYN with what is computed once of it.
struct Asked<'a> {
    syn: &'a Syn<'a>,
    arrival: &'a Arrival,
    place: Place,
    /// SHA-256 of the message.
    digest: [u8; 32],
    key: Key,
    has_cookie: bool,
}

/// What a session is to have.
struct Terms {
    suite: Option<Suite>,
    service: Arc<str>,
}

impl Pending {
    /// A server without handshakes.
    ///
    /// # Errors
    /// One of its parameters is out of range.
    pub(crate) fn new(
        profile: Profile,
        settings: Settings,
        cookies: Cookies,
    ) -> Result<Self, ParameterError> {
        settings.parameters.check()?;
        let bounds =
            Bounds { all: settings.max_unfinished, lifetime: settings.lifetime.min(MAX_LIFETIME) };
        Ok(Self {
            profile,
            cookies,
            rate: Rate::new(settings.load_per_second),
            table: Table::new(bounds),
            recent: Recent::new(MEMORY, settings.max_recent),
            refusal: None,
            windows: Windows::of(&settings.parameters),
            retry: [0; MAX_RETRY],
            settings,
        })
    }

    /// How many handshakes are unfinished.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether an unfinished handshake has this id of the server. Data packets for it are dropped
    /// (docs/PROTOCOL.md, 5.3.6), and no other session may take it.
    pub(crate) fn contains(&self, id: ConnectionId) -> bool {
        self.table.contains_id(id)
    }

    /// From now on new sessions are refused with `code` (`BUSY`, `SERVER_SHUTDOWN`), or no more.
    pub(crate) fn refuse_all(&mut self, code: Option<Code>) {
        self.refusal = code;
    }

    /// From now on clients are told that they may send so much.
    pub(crate) fn set_windows(&mut self, windows: Windows) {
        self.windows = windows;
    }

    /// When [`on_timeout`](Self::on_timeout) is to be called.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.table.timeout().into_iter().chain(self.recent.timeout()).min()
    }

    /// Forgets what is old enough. Nothing is ever sent (docs/PROTOCOL.md, 5.2.5).
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.table.expire(now);
        self.recent.expire(now);
    }

    /// Takes a SYN, and gives what to answer.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) fn on_syn(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        syn: &Syn<'_>,
        ids: &Ids<'_>,
        context: &mut Context<'_>,
    ) -> Result<Answer<'_>, Dropped> {
        self.on_timeout(now);
        if !context.crypto.accepts(syn.pattern) {
            return Err(Dropped::Pattern);
        }
        let mut asked = Asked::new(syn, arrival, context.crypto);
        if self.recent.contains(&asked.key) {
            return Err(Dropped::Begun);
        }
        if self.table.contains_key(&asked.key) {
            return self.repeat(&asked);
        }
        asked.has_cookie = self.cookies.is_valid(now, asked.place, syn, &asked.digest);
        let crowd = self.table.crowd(Network::of(arrival.remote.ip()), asked.has_cookie);
        if asked.has_cookie {
            if crowd >= self.settings.max_proven_per_network {
                return Err(Dropped::Load);
            }
        } else {
            let is_loaded = crowd >= self.settings.max_per_network || self.is_loaded(now);
            match self.settings.retry {
                When::Always => return self.retry(now, &asked, context),
                When::UnderLoad if is_loaded => return self.retry(now, &asked, context),
                When::Never if is_loaded => return Err(Dropped::Load),
                When::UnderLoad | When::Never => {}
            }
        }
        self.answer(now, &asked, ids, context)
    }

    /// Takes an ACK for an id that no session has.
    ///
    /// # Errors
    /// Why it begins no session.
    pub(crate) fn on_ack(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        ack: &AckPacket<'_>,
    ) -> Result<Box<Begun>, Dropped> {
        self.on_timeout(now);
        let is_full = self.recent.is_full();
        let (number, entry) = self.table.by_id(ack.destination).ok_or(Dropped::Unknown)?;
        let is_proven = Place::of(entry.remote) == Place::of(arrival.remote);
        if ack.source != entry.client_id || (self.profile == Profile::Plain && !is_proven) {
            return Err(Dropped::Source);
        }
        if is_full {
            return Err(Dropped::Load);
        }
        let wanted = entry.wanted.as_mut().ok_or(Dropped::Message)?;
        let confirmed = wanted.awaiting.read(ack.message).map_err(|_| Dropped::Message)?;
        let Ok(confirmation) = Confirmation::parse(&confirmed.payload) else {
            // The client's message 3 never changes, so no other one will do; in the plain profile
            // anybody can have sent it.
            if self.profile == Profile::Sealed {
                entry.wanted = None;
            }
            return Err(Dropped::Message);
        };
        let entry = self.table.remove(number).ok_or(Dropped::Unknown)?;
        let Wanted { suite, service, windows, .. } = entry.wanted.ok_or(Dropped::Unknown)?;
        self.recent.insert(now, entry.key);
        let version = self.profile.version();
        Ok(Box::new(Begun {
            client_id: entry.client_id,
            server_id: entry.server_id,
            client_key: confirmed.client_key,
            suite,
            parameters: confirmation.parameters,
            secrets: confirmed.secrets,
            rtt: (!entry.is_repeated).then(|| now - entry.answered_at),
            is_proven,
            service,
            windows,
            is_downgrade: is_downgrade(confirmation.first_version, version, &[version]),
        }))
    }

    fn is_loaded(&self, now: Instant) -> bool {
        self.table.len() >= self.settings.load_unfinished || !self.rate.has_room(now)
    }

    /// The kept SYN-ACK, byte for byte (docs/PROTOCOL.md, 5.2.5).
    fn repeat(&mut self, asked: &Asked<'_>) -> Result<Answer<'_>, Dropped> {
        let entry = self.table.by_key(&asked.key).ok_or(Dropped::Unknown)?;
        if entry.answer.len() > asked.arrival.len {
            return Err(Dropped::Larger);
        }
        entry.is_repeated = true;
        Ok(Answer { kind: AnswerKind::Repetition, datagram: &entry.answer })
    }

    /// RETRY, of which nothing is kept (docs/PROTOCOL.md, 5.5.1).
    fn retry(
        &mut self,
        now: Instant,
        asked: &Asked<'_>,
        context: &mut Context<'_>,
    ) -> Result<Answer<'_>, Dropped> {
        let cookie = self.cookies.make(now, asked.place, asked.syn, &asked.digest);
        let (destination, initial) = (asked.syn.source, asked.syn.initial);
        let retry = Retry { destination, initial, cookie: &cookie };
        let len = retry
            .emit(self.profile, random_bit(context.public), &mut self.retry)
            .map_err(|_| Dropped::Larger)?;
        let datagram = self.retry.get(..len).ok_or(Dropped::Larger)?;
        Ok(Answer { kind: AnswerKind::Retry, datagram })
    }

    /// A SYN-ACK, which is kept (docs/PROTOCOL.md, 5.2).
    fn answer(
        &mut self,
        now: Instant,
        asked: &Asked<'_>,
        ids: &Ids<'_>,
        context: &mut Context<'_>,
    ) -> Result<Answer<'_>, Dropped> {
        let Asked { syn, arrival, .. } = *asked;
        let crypto = context.crypto;
        let responder = crypto
            .respond(syn.pattern, &prologue(syn), syn.message, context.secret)
            .map_err(|_| Dropped::Message)?;
        let request = Request::parse(responder.payload()).map_err(|_| Dropped::Message)?;
        let verdict = self.judge(syn, request.service, crypto);
        self.rate.take(now);
        let in_use = |id| (ids.in_use)(id) || self.table.contains_id(id);
        let server_id = ids.plan.choose(context.public, in_use).ok_or(Dropped::NoId)?;
        let (suite, response) = match &verdict {
            Ok(terms) => {
                let reset_token = ids.resets.token(server_id);
                // 5.4.2: the parameter of that name is for clients.
                let mut parameters = Parameters { reset_token: None, ..self.settings.parameters };
                self.windows.tell(&mut parameters);
                let suite = terms.suite;
                let accepted = Accepted { suite, source: server_id, reset_token, parameters };
                let accepted = Response::Accepted(accepted);
                (suite, payload(context.public, |writer| accepted.encode(writer)))
            }
            Err(code) => (None, refusal(*code)),
        };
        let response = response.map_err(|_| Dropped::Larger)?;
        let (message, awaiting) =
            responder.answer(suite, &response).map_err(|_| Dropped::Message)?;
        let packet = SynAck { destination: syn.source, source: server_id, message: &message };
        let mut datagram = vec![0; SynAck::overhead(self.profile) + message.len()];
        packet
            .emit(self.profile, random_bit(context.public), &mut datagram)
            .map_err(|_| Dropped::Larger)?;
        if datagram.len() > arrival.len {
            return Err(Dropped::Larger);
        }
        let (kind, wanted) = match verdict {
            Ok(Terms { suite, service }) => (
                AnswerKind::SynAck,
                Some(Wanted { awaiting, suite, service, windows: self.windows }),
            ),
            Err(code) => (AnswerKind::Refusal(code), None),
        };
        let entry = self.table.insert(Entry {
            key: asked.key,
            remote: arrival.remote,
            client_id: syn.source,
            server_id,
            answer: datagram.into(),
            answered_at: now,
            is_repeated: false,
            has_cookie: asked.has_cookie,
            wanted,
        });
        Ok(Answer { kind, datagram: &entry.answer })
    }

    /// What a session is to have, or the code of a refusal.
    fn judge(&self, syn: &Syn<'_>, service: &str, crypto: &dyn Crypto) -> Result<Terms, Code> {
        if let Some(code) = self.refusal {
            return Err(code);
        }
        if self.settings.needs_client_key && !syn.pattern.has_client_key() {
            return Err(Code::CLIENT_KEY_REQUIRED);
        }
        let service = self.settings.services.find(service).ok_or(Code::UNKNOWN_SERVICE)?;
        let suite = match self.profile {
            Profile::Sealed => Some(crypto.choose(syn.suites).ok_or(Code::NO_COMMON_SUITE)?),
            Profile::Plain => None,
        };
        Ok(Terms { suite, service })
    }
}

impl<'a> Asked<'a> {
    fn new(syn: &'a Syn<'a>, arrival: &'a Arrival, crypto: &dyn Crypto) -> Self {
        let place = Place::of(arrival.remote);
        let digest = crypto.hash(syn.message);
        // 5.2.5a: address, port, bytes 1 to 22, message.
        let parts = [&place.address()[..], &place.port(), &syn.identity(), &digest].concat();
        let [key @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = crypto.hash(&parts);
        Self { syn, arrival, place, digest, key: Key(key), has_cookie: false }
    }
}

/// The payload of a refusal (docs/PROTOCOL.md, 5.2.1). Nothing follows it, no parameter either.
fn refusal(code: Code) -> Result<Vec<u8>, WriteError> {
    let reason = code.row().map_or("", |row| row.meaning).as_bytes();
    let mut buffer = [0; super::MAX_PAYLOAD];
    let mut writer = Writer::new(&mut buffer);
    Response::Refused { code, reason }.encode(&mut writer)?;
    Ok(writer.written().to_vec())
}
