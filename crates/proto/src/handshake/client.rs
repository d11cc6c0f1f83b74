//! A client's attempt to open a session (docs/PROTOCOL.md, 5): from the first SYN to the server's
//! answer or to the timeout. The ACK is made here, and sent by the session that begins with it.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use rudp_base::{Instant, PublicRng};
use rudp_wire::code::Code;
use rudp_wire::cursor::WriteError;
use rudp_wire::handshake::{Accepted, Confirmation, Request, Response, prologue};
use rudp_wire::packet::{
    AckPacket, ConnectionId, Pattern, Profile, Retry, Suite, Suites, Syn, SynAck, Version,
    VersionPacket,
};
use rudp_wire::parameters::Parameters;

use super::{Arrival, Context, payload, random_bit};
use crate::crypto::{Confirmer, Crypto, Initiator, PublicKey, Secrets};

/// The shortest time that a wrong key is not believed, from the first SYN (docs/PROTOCOL.md,
/// 5.2.4).
const KEY_GRACE: Duration = Duration::from_secs(1);
/// How many RETRY are followed between two firings of the SYN timer (docs/PROTOCOL.md, 5.5.2).
const MAX_RETRIES: u8 = 3;
/// How many different SYN-ACKs are tried in [`TRIAL_TIME`] (docs/PROTOCOL.md, 5.2.3).
const MAX_TRIALS: usize = 16;
const TRIAL_TIME: Duration = Duration::from_secs(1);

/// The shortest pause of a timer (docs/PROTOCOL.md, 13).
const GRANULARITY: Duration = Duration::from_millis(1);

/// How patient an attempt is (docs/PROTOCOL.md, 5.1.4 and 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// From the first SYN to the second. Each later pause is twice the one before.
    pub(crate) first_repetition: Duration,
    /// How many SYNs are sent by the timer, the first one included.
    pub(crate) tries: u32,
    /// When the attempt is over.
    pub(crate) timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first_repetition: Duration::from_millis(500),
            tries: 5,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Timing {
    /// The same with pauses up to a tenth longer or shorter (docs/PROTOCOL.md, 5.1.4): clients that
    /// began together, such as those of a server that was away, do not come back together.
    pub(crate) fn varied(self, public: &mut PublicRng) -> Self {
        let pause = self.first_repetition;
        let range = u64::try_from((pause / 5).as_nanos()).unwrap_or(u64::MAX);
        let shift = Duration::from_nanos(public.below(range.saturating_add(1)));
        Self { first_repetition: pause.saturating_mul(9) / 10 + shift, ..self }
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// The server's address.
    pub(crate) remote: SocketAddr,
    /// The server's key, if the client knows what it has to be.
    pub(crate) server_key: Option<PublicKey>,
    /// The service: at most 255 bytes, empty for the server's first one.
    pub(crate) service: &'a str,
    /// The client's id, which is not in use (docs/PROTOCOL.md, 4.1).
    pub(crate) id: ConnectionId,
    /// The client's parameters, with the reset token of its id if the server is to have it.
    pub(crate) parameters: Parameters,
    /// How long to wait for what.
    pub(crate) timing: Timing,
}

/// How an attempt goes on.
#[derive(Debug)]
pub(crate) enum Step {
    /// It waits.
    Waiting,
    /// The server has answered; the attempt is over.
    Done(Box<Opened>),
    /// There will be no session; the attempt is over.
    Failed(Failure),
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer was good. `answered` says whether any came for this attempt, true or forged.
    #[error("no answer from the server")]
    Timeout {
        /// Whether somebody answered.
        answered: bool,
    },
    /// The server, or somebody in its place, has another key (docs/PROTOCOL.md, 5.2.4).
    #[error("the server's key has changed")]
    KeyChanged {
        /// The key that the client knows.
        expected: PublicKey,
        /// The first other key that answered.
        found: PublicKey,
    },
    /// The server does not want the session (docs/PROTOCOL.md, 5.2.6).
    #[error("refused: {code}, {reason}")]
    Refused {
        /// Why.
        code: Code,
        /// The same for people.
        reason: String,
    },
    /// The server speaks other versions only (docs/PROTOCOL.md, 5.6.2).
    #[error("no version in common")]
    NoCommonVersion {
        /// What it, or somebody in its place, says that it speaks.
        versions: Vec<Version>,
    },
}

/// A session as the client's side of the handshake leaves it.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The client's id.
    pub(crate) client_id: ConnectionId,
    /// The server's id.
    pub(crate) server_id: ConnectionId,
    /// The server's key; `None` in the plain profile.
    pub(crate) server_key: Option<PublicKey>,
    /// The suite chosen; `None` in the plain profile.
    pub(crate) suite: Option<Suite>,
    /// The server's parameters.
    pub(crate) parameters: Parameters,
    /// The reset token of the server's id; `None` in the plain profile.
    pub(crate) reset_token: Option<[u8; 16]>,
    /// The ACK, which never changes (docs/PROTOCOL.md, 5.3.4). Each datagram begins with it until a
    /// data packet of the server has opened.
    pub(crate) ack: Box<[u8]>,
    /// The first secrets.
    pub(crate) secrets: Secrets,
    /// From SYN to SYN-ACK, if nothing was sent twice (docs/PROTOCOL.md, 5.3.5).
    pub(crate) rtt: Option<Duration>,
    /// The server's address.
    pub(crate) remote: SocketAddr,
    /// The client's own address, where the system tells.
    pub(crate) local: Option<IpAddr>,
    /// When the session is given up if no data packet of the server has opened (docs/PROTOCOL.md,
    /// 5.3.5).
    pub(crate) deadline: Instant,
}

/// One attempt: one SYN, sent a few times, and what has come in answer.
#[derive(Debug)]
pub(crate) struct Attempt {
    remote: SocketAddr,
    expected: Option<PublicKey>,
    profile: Profile,
    syn: Fields,
    /// The payload of message 3 and the random bit of the ACK, which are drawn once.
    confirmation: Vec<u8>,
    ack_bit: bool,
    timer: Timer,
    retries: u8,
    trials: Trials,
    changed: Option<Changed>,
    versions: Vec<Version>,
    answered: bool,
    is_over: bool,
}

/// What the SYN is made of, each time.
#[derive(Debug)]
struct Fields {
    initial: ConnectionId,
    id: ConnectionId,
    initiator: Box<dyn Initiator>,
    pattern: Pattern,
    suites: Suites,
    cookie: Vec<u8>,
    random: bool,
}

impl Fields {
    fn syn(&self) -> Syn<'_> {
        Syn {
            initial: self.initial,
            source: self.id,
            pattern: self.pattern,
            suites: self.suites,
            cookie: &self.cookie,
            message: self.initiator.message(),
        }
    }
}

/// When SYNs are sent.
#[derive(Debug)]
struct Timer {
    started: Instant,
    deadline: Instant,
    /// When it fires, if it does once more.
    at: Option<Instant>,
    pause: Duration,
    tries_left: u32,
    /// Whether a SYN is to be sent now.
    is_due: bool,
    /// How many have been sent, and when the last one.
    sent: u32,
    sent_at: Instant,
}

/// Another key than the expected one has answered.
#[derive(Clone, Copy, Debug)]
struct Changed {
    expected: PublicKey,
    found: PublicKey,
    report_at: Instant,
}

impl Attempt {
    /// Begins an attempt: the first SYN is due at once.
    ///
    /// # Errors
    /// The service's name is too long, or a parameter is out of its range.
    pub(crate) fn new(
        now: Instant,
        ask: &Ask<'_>,
        context: &mut Context<'_>,
    ) -> Result<Self, WriteError> {
        let Context { crypto, secret, public } = context;
        let (pattern, suites) = (crypto.pattern(), crypto.suites());
        let initial = super::ids::initial(public);
        let request = Request { service: ask.service };
        let request = payload(public, |writer| request.encode(writer))?;
        let header = Syn { initial, source: ask.id, pattern, suites, cookie: &[], message: &[] };
        let initiator = crypto.initiate(&prologue(&header), &request, secret);
        // 5.6.3: there is one version for each profile, so the first one is the only one.
        let first_version = crypto.profile().version();
        let confirmation = Confirmation { first_version, parameters: ask.parameters };
        let confirmation = payload(public, |writer| confirmation.encode(writer))?;
        let random = random_bit(public);
        Ok(Self {
            remote: ask.remote,
            expected: ask.server_key,
            profile: crypto.profile(),
            syn: Fields {
                initial,
                id: ask.id,
                initiator,
                pattern,
                suites,
                cookie: Vec::new(),
                random,
            },
            confirmation,
            ack_bit: random_bit(public),
            timer: Timer::new(now, &ask.timing),
            retries: 0,
            trials: Trials::default(),
            changed: None,
            versions: Vec::new(),
            answered: false,
            is_over: false,
        })
    }

    /// The client's id.
    pub(crate) fn id(&self) -> ConnectionId {
        self.syn.id
    }

    /// Where the SYNs go.
    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Writes the SYN if it is due, and gives its length.
    pub(crate) fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<usize> {
        if self.is_over || !self.timer.is_due {
            return None;
        }
        let len = self.syn.syn().emit(self.syn.random, buffer).ok()?;
        self.timer.on_sent(now);
        Some(len)
    }

    /// The socket was replaced: answers to the SYNs so far are lost, and a cookie is one for the old
    /// address. Another SYN is due at once, besides those that the timer sends.
    pub(crate) fn on_rebound(&mut self) {
        self.syn.cookie.clear();
        self.retries = 0;
        self.timer.is_due = true;
    }

    /// When [`on_timeout`](Self::on_timeout) is to be called.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        if self.is_over {
            return None;
        }
        let end = self.changed.map_or(self.timer.deadline, |changed| changed.report_at);
        Some(self.timer.at.map_or(end, |at| at.min(end)))
    }

    /// Does what is due.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> Step {
        if self.is_over {
            return Step::Waiting;
        }
        if let Some(changed) = self.changed.filter(|changed| changed.report_at <= now) {
            let Changed { expected, found, .. } = changed;
            return self.fail(Failure::KeyChanged { expected, found });
        }
        if self.timer.deadline <= now {
            let failure = match core::mem::take(&mut self.versions) {
                versions if versions.is_empty() => Failure::Timeout { answered: self.answered },
                versions => Failure::NoCommonVersion { versions },
            };
            return self.fail(failure);
        }
        if self.timer.fire(now) {
            self.retries = 0;
        }
        Step::Waiting
    }

    /// Takes RETRY (docs/PROTOCOL.md, 5.5.2).
    pub(crate) fn on_retry(&mut self, arrival: &Arrival, retry: &Retry<'_>) {
        if !self.is_answer(arrival, retry.destination) || retry.initial != self.syn.initial {
            return;
        }
        self.answered = true;
        if self.retries == MAX_RETRIES || self.syn.cookie == retry.cookie {
            return;
        }
        self.retries += 1;
        self.syn.cookie = retry.cookie.to_vec();
        self.timer.is_due = true;
    }

    /// Takes VERSION (docs/PROTOCOL.md, 5.6.2). The endpoint speaks one version, so there is none
    /// to begin anew with; the list is for the report.
    pub(crate) fn on_version(&mut self, arrival: &Arrival, packet: &VersionPacket<'_>) {
        if !self.is_answer(arrival, packet.destination)
            || packet.initial != self.syn.initial
            || packet.versions().any(|version| version == self.profile.version())
        {
            return;
        }
        self.answered = true;
        if self.versions.is_empty() {
            self.versions = packet.versions().collect();
        }
    }

    /// Takes SYN-ACK, with the checks of 5.2.3 (docs/PROTOCOL.md) in their order.
    pub(crate) fn on_syn_ack(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        packet: &SynAck<'_>,
        crypto: &dyn Crypto,
    ) -> Step {
        if !self.is_answer(arrival, packet.destination) {
            return Step::Waiting;
        }
        self.answered = true;
        if !self.trials.admit(now, packet, crypto) {
            return Step::Waiting;
        }
        let Ok(confirmer) = self.syn.initiator.read(packet.message) else { return Step::Waiting };
        if !self.has_expected_key(now, confirmer.server_key()) {
            return Step::Waiting;
        }
        match Response::parse(confirmer.payload(), self.profile) {
            Ok(Response::Accepted(accepted)) => {
                // 5.2.2 and 5.2.3: no other id, and no suite that was not offered.
                let Accepted { suite, source, .. } = accepted;
                let is_offered = suite.is_none_or(|suite| self.syn.suites.contains(suite));
                if source != packet.source || !is_offered {
                    return Step::Waiting;
                }
                self.open(now, arrival, confirmer, accepted)
            }
            Ok(Response::Refused { code, reason }) => {
                let reason = String::from_utf8_lossy(reason).into_owned();
                self.fail(Failure::Refused { code, reason })
            }
            Err(_) => Step::Waiting,
        }
    }

    /// Whether a packet for `id` is one for this attempt. 9.3.3: from the server's address alone.
    fn is_answer(&self, arrival: &Arrival, id: ConnectionId) -> bool {
        !self.is_over && arrival.remote == self.remote && id == self.syn.id
    }

    /// Compares the server's key with the one that is expected. Another one is reported later,
    /// since anybody can answer a SYN that he has seen (docs/PROTOCOL.md, 5.2.4).
    fn has_expected_key(&mut self, now: Instant, found: Option<PublicKey>) -> bool {
        let Some(expected) = self.expected else { return true };
        // In the plain profile there are no keys: none is the expected one.
        let Some(found) = found else { return false };
        if found == expected {
            return true;
        }
        let Timer { started, deadline, .. } = self.timer;
        let grace = (now - started).saturating_mul(2).max(KEY_GRACE);
        let report_at = (started + grace).min(deadline);
        self.changed.get_or_insert(Changed { expected, found, report_at });
        false
    }

    fn open(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        confirmer: Box<dyn Confirmer>,
        accepted: Accepted,
    ) -> Step {
        let Accepted { suite, source: server_id, reset_token, parameters } = accepted;
        let server_key = confirmer.server_key();
        let (message, secrets) = confirmer.confirm(suite, &self.confirmation);
        let ack = AckPacket {
            destination: server_id,
            source: self.syn.id,
            message: &message,
            data: None,
        };
        let mut bytes = vec![0; AckPacket::overhead(self.profile) + message.len()];
        if ack.emit(self.profile, self.ack_bit, &mut bytes).is_err() {
            // A message 3 that no packet holds: the payload is bounded, so this is no handshake.
            return Step::Waiting;
        }
        self.is_over = true;
        Step::Done(Box::new(Opened {
            client_id: self.syn.id,
            server_id,
            server_key,
            suite,
            parameters,
            reset_token: (self.profile == Profile::Sealed).then_some(reset_token),
            ack: bytes.into(),
            secrets,
            rtt: (self.timer.sent == 1).then(|| now - self.timer.sent_at),
            remote: self.remote,
            local: arrival.local,
            deadline: self.timer.deadline,
        }))
    }

    fn fail(&mut self, failure: Failure) -> Step {
        self.is_over = true;
        Step::Failed(failure)
    }
}

impl Timer {
    fn new(now: Instant, timing: &Timing) -> Self {
        let tries_left = timing.tries.saturating_sub(1);
        let pause = timing.first_repetition.max(GRANULARITY);
        Self {
            started: now,
            deadline: now + timing.timeout,
            at: (tries_left > 0).then(|| now + pause),
            pause,
            tries_left,
            is_due: true,
            sent: 0,
            sent_at: now,
        }
    }

    /// Makes a SYN due if it is time (docs/PROTOCOL.md, 5.1.4), and says whether it was.
    fn fire(&mut self, now: Instant) -> bool {
        if self.at.is_none_or(|at| at > now) {
            return false;
        }
        self.is_due = true;
        self.tries_left = self.tries_left.saturating_sub(1);
        self.pause = self.pause.saturating_mul(2);
        self.at = (self.tries_left > 0).then(|| now + self.pause);
        true
    }

    fn on_sent(&mut self, now: Instant) {
        self.is_due = false;
        self.sent = self.sent.saturating_add(1);
        self.sent_at = now;
    }
}

/// The SYN-ACKs that were tried lately, so that forged ones cost a bounded number of
/// Diffie-Hellman operations, and repeated ones none.
#[derive(Debug, Default)]
struct Trials {
    since: Instant,
    digests: Vec<[u8; 32]>,
}

impl Trials {
    /// Whether a SYN-ACK may be tried. The server's id counts as well: with another one the same
    /// message fails, and the true one must not be taken for it.
    fn admit(&mut self, now: Instant, packet: &SynAck<'_>, crypto: &dyn Crypto) -> bool {
        if now - self.since >= TRIAL_TIME {
            self.since = now;
            self.digests.clear();
        }
        if self.digests.len() >= MAX_TRIALS {
            return false;
        }
        let digest = crypto.hash(&[&packet.source.0, packet.message].concat());
        let is_new = !self.digests.contains(&digest);
        if is_new {
            self.digests.push(digest);
        }
        is_new
    }
}
