//! [`Connection`]: one session from the end of its handshake to its own end, as a list of parts.
//! What the parts do is their own; here is what they have to know of each other.

mod closing;
mod deadlines;
mod ending;
mod frequency;
mod lull;
mod numbers;
mod program;
mod receive;
mod rest;
mod run;
mod shared;
mod sharing;
mod sizes;
mod transmit;

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use rudp_base::{Instant, PublicRng, SecretRng, Seed};
use rudp_wire::frame::MESSAGES;
use rudp_wire::packet::{ConnectionId, Profile};
use rudp_wire::parameters::Parameters;

use self::closing::Closing;
use self::frequency::Frequency;
use self::lull::Lull;
use self::numbers::Numbers;
pub use self::program::{
    Fail, Message, MessageFate, Read, ReceiptState, ReceivedMode, SendMode, Stats,
};
use self::rest::Rest;
pub(crate) use self::shared::Shared;
pub(crate) use self::sharing::Way;
pub(crate) use self::transmit::{Joined, MAX_BATCH, MAX_SEGMENTS};
use crate::acks::Acks;
use crate::config::{Config, Congestion};
use crate::congestion::{Bbr, Controller, Cubic, Fixed};
use crate::crypto::{Crypto, PublicKey};
use crate::event::{Ended, EventKind, Outcome};
use crate::flow::Flow;
use crate::handshake::{self, Arrival, Begun, Opened};
use crate::idle::{self, Idle};
use crate::keys::Keys;
use crate::memory::{Memory, Windows};
use crate::messages::{self, Mailbox};
use crate::mtu::Mtu;
use crate::path::{Address, Path};
use crate::priority::Turns;
use crate::read_delay::Inflow;
use crate::recovery::Recovery;
use crate::redundancy::Redundancy;
use crate::streams::{Shelf, Side, StreamEvent, Streams};
use crate::token::Token;

/// What all connections of an endpoint share while they are called.
pub(crate) struct Resources {
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) public: PublicRng,
    pub(crate) secret: SecretRng,
    pub(crate) memory: Memory,
    /// Memory for the data of streams that nobody uses.
    pub(crate) shelf: Arc<Shelf>,
    /// What was just sent is all that there was.
    pub(crate) is_drained: bool,
    /// Another session waits to send to the same address.
    pub(crate) is_accompanied: bool,
    /// Frames on their way in or out.
    scratch: Vec<u8>,
    /// Frames of a packet that was opened where its data seemed to belong.
    landed: Vec<u8>,
    tokens: Vec<Token>,
}

impl Resources {
    pub(crate) fn new(crypto: Arc<dyn Crypto>, seed: &Seed, memory: Memory) -> Self {
        Self {
            crypto,
            public: seed.public_stream("endpoint"),
            secret: seed.secret_stream("endpoint"),
            memory,
            shelf: Arc::default(),
            is_drained: false,
            is_accompanied: false,
            scratch: vec![0; 1 << 16],
            landed: Vec::new(),
            tokens: Vec::new(),
        }
    }

    pub(crate) fn handshake(&mut self) -> handshake::Context<'_> {
        handshake::Context {
            crypto: &*self.crypto,
            secret: &mut self.secret,
            public: &mut self.public,
        }
    }
}

/// Where a connection comes from.
pub(crate) enum Origin {
    /// A client's attempt was answered; the server was told of these windows.
    Opened(Opened, Windows),
    /// A server got an ACK, which came in this way.
    Begun(Begun, Arrival),
}

/// One session.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Connection {
    is_client: bool,
    profile: Profile,
    local_id: ConnectionId,
    remote_id: ConnectionId,
    config: Arc<Shared>,
    peer_key: Option<Box<PublicKey>>,
    /// What the peer answers with if it has forgotten this session (docs/PROTOCOL.md, 10.1).
    reset_token: Option<Box<[u8; 16]>>,
    /// The ACK with which a client begins its datagrams (docs/PROTOCOL.md, 5.3.5), and until when the
    /// server has to answer.
    confirmation: Option<Box<(Box<[u8]>, Instant)>>,
    mtu: Mtu,
    /// The bits of headers that mean nothing (docs/PROTOCOL.md, 2.8).
    grease: u8,
    keys: Keys,
    numbers: Numbers,
    recovery: Recovery,
    /// The flow that its packets are part of, while it is called.
    flow: Box<Flow>,
    acks: Acks,
    frequency: Frequency,
    redundancy: Redundancy,
    turns: Turns,
    idle: Idle,
    lull: Lull,
    inflow: Inflow,
    /// How often the program has written; it wraps.
    writes: u32,
    idle_timeout: Option<Duration>,
    rest: Rest,
    path: Path,
    /// The first number that was sent to the address of now.
    moved_before: u64,
    streams: Streams,
    messages: Mailbox,
    closing: Closing,
    /// There are more receipts than fit into CLOSE.
    are_receipts_apart: bool,
    /// A PING is to be sent.
    wants_ping: bool,
    /// So many packets are to be sent whatever the controller says (RFC 9002, 6.2.4).
    probes: u8,
    ended: Option<Box<Ended>>,
    outcome: Option<Box<Outcome>>,
    /// The program has asked for an outcome, until when.
    awaits_outcome: Option<Instant>,
    is_forgotten: bool,
    /// What of the endpoint's memory is promised to this session.
    promised: u64,
    events: VecDeque<EventKind>,
    counters: Counters,
}

/// What is counted here and by no part.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    packets_sent: u64,
    bytes_sent: u64,
    packets_received: u64,
    bytes_received: u64,
    acks_sent: u64,
    duplicates: u64,
    refused: u64,
}

impl Connection {
    /// The session begins. Its windows were promised.
    pub(crate) fn new(
        now: Instant,
        cx: &mut Resources,
        origin: Origin,
        config: Arc<Shared>,
    ) -> Self {
        let Start { is_client, local_id, remote_id, peer_key, parameters, rtt, windows } =
            origin.start();
        let profile = cx.crypto.profile();
        let crypto = Arc::clone(&cx.crypto);
        let recovery = new_recovery(now, &config, &parameters, rtt);
        let (path, keys, confirmation, reset_token) = match origin {
            Origin::Opened(opened, _) => {
                let peer = Address { remote: opened.remote, local: opened.local };
                let keys = Keys::client(crypto, opened.suite, opened.secrets);
                let confirmation = Some(Box::new((opened.ack, opened.deadline)));
                (Path::to_server(profile, peer), keys, confirmation, opened.reset_token)
            }
            Origin::Begun(begun, arrival) => {
                let peer = Address { remote: arrival.remote, local: arrival.local };
                let path = match (profile, begun.is_proven) {
                    (Profile::Plain, _) => Path::fixed(peer),
                    (Profile::Sealed, true) => Path::roaming(peer),
                    (Profile::Sealed, false) => {
                        Path::unproven(now, recovery.probe_timeout(), peer, arrival.len as u64)
                    }
                };
                let keys = Keys::server(crypto, begun.suite, begun.secrets);
                (path, keys, None, begun.parameters.reset_token)
            }
        };
        let most = u16::try_from(parameters.max_datagram_size).unwrap_or(u16::MAX);
        let mtu = Mtu::new(config.packet_size, most, path.address().remote.ip());
        let mut connection = Self {
            is_client,
            profile,
            local_id,
            remote_id,
            peer_key: peer_key.map(Box::new),
            reset_token: reset_token.filter(|_| profile == Profile::Sealed).map(Box::new),
            confirmation,
            mtu,
            grease: u8::try_from(cx.public.below(16)).unwrap_or(0),
            keys,
            numbers: Numbers::new(&mut cx.public),
            recovery,
            flow: Box::new(Flow::none()),
            acks: Acks::new(Arc::clone(&config.acks)),
            frequency: new_frequency(&config, &parameters),
            redundancy: Redundancy::default(),
            turns: Turns::default(),
            idle: Idle::new(now),
            lull: Lull::default(),
            inflow: Inflow::default(),
            writes: 0,
            idle_timeout: new_idle_timeout(&config, &parameters),
            rest: Rest::default(),
            path,
            moved_before: 0,
            streams: new_streams(is_client, &config, windows, &parameters),
            messages: Mailbox::new(Arc::clone(&config.messages), windows, &parameters),
            closing: Closing::default(),
            are_receipts_apart: false,
            // A client's first packet has to be answered (docs/PROTOCOL.md, 5.3.5).
            wants_ping: is_client,
            probes: 0,
            ended: None,
            outcome: None,
            awaits_outcome: None,
            is_forgotten: false,
            promised: windows.sum(),
            events: VecDeque::new(),
            counters: Counters::default(),
            config,
        };
        connection.update_packet_room();
        connection
    }

    /// This side has another socket. What the server sends goes to the old one until a packet comes
    /// from the new: it is asked at once, whatever is in flight (docs/PROTOCOL.md, 9.3.6). In the plain
    /// profile nobody moves.
    pub(crate) fn on_rebound(&mut self, now: Instant) {
        if self.profile == Profile::Plain {
            return;
        }
        self.path.on_rebound();
        if !self.closing.is_over() {
            self.recovery.on_rebound(now);
            // RFC 9002, 6.2.4: two, in case one is lost.
            (self.wants_ping, self.probes) = (true, 2);
            self.lull.on_asked();
        }
    }

    /// A datagram was larger than the interface or the path takes. Says whether it may have been
    /// this session's.
    pub(crate) fn on_too_big(&mut self, now: Instant, transmit: &rudp_base::Transmit) -> bool {
        if transmit.remote != self.path.address().remote {
            return false;
        }
        let size = u16::try_from(transmit.stride).unwrap_or(u16::MAX);
        if self.mtu.on_too_big(now, size) {
            self.on_packet_size();
        }
        true
    }

    /// Packets have another size from now on, on the same path.
    fn on_packet_size(&mut self) {
        self.update_packet_room();
        self.flow.on_packet_size(self.mtu.size());
    }

    /// Frames have what is left of a packet.
    fn update_packet_room(&mut self) {
        let room = usize::from(self.mtu.size()).saturating_sub(self.overhead());
        self.messages.set_packet_room(room);
    }

    pub(crate) fn local_id(&self) -> ConnectionId {
        self.local_id
    }

    pub(crate) fn remote_id(&self) -> ConnectionId {
        self.remote_id
    }

    /// What of the endpoint's memory this session was promised.
    pub(crate) fn promised(&self) -> u64 {
        self.promised
    }

    #[cfg(test)]
    pub(crate) fn keys(&mut self) -> &mut Keys {
        &mut self.keys
    }

    /// Whether nothing is sent or expected any more.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.is_forgotten
    }

    /// How long the peer's acknowledgements are expected to wait.
    #[cfg(test)]
    pub(crate) fn ack_delay(&self) -> Duration {
        self.recovery.max_ack_delay()
    }

    /// Nothing may be sent to the peer's address.
    #[cfg(test)]
    pub(crate) fn forbid(&mut self) {
        let peer = self.path.address();
        self.path = Path::unproven(Instant::ZERO, Duration::ZERO, peer, 0);
    }

    /// Leaves numbers for one packet.
    #[cfg(test)]
    pub(crate) fn wear(&mut self) {
        self.numbers = Numbers::late(rudp_wire::packet::MAX_PACKET_NUMBER - 1);
    }

    /// The next thing that the program should hear of.
    pub(crate) fn poll_event(&mut self) -> Option<EventKind> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        while let Some(event) = self.streams.poll_event() {
            return Some(match event {
                StreamEvent::Opened => EventKind::Opened,
                StreamEvent::MayOpen(direction) => EventKind::MayOpen { direction },
                StreamEvent::Readable(stream) => EventKind::Readable { stream },
                StreamEvent::Writable(stream) | StreamEvent::Stopped(stream, _) => {
                    EventKind::Writable { stream }
                }
                StreamEvent::ReceiptChanged(stream) => EventKind::Receipt { stream },
                StreamEvent::Finished(_) => continue,
            });
        }
        self.messages.poll_event().map(|event| match event {
            messages::Event::Readable => EventKind::MessageReadable,
            messages::Event::Writable => EventKind::MessageWritable,
            messages::Event::FateChanged(message) => EventKind::MessageFate { message },
            messages::Event::ReceiptChanged => EventKind::Receipt { stream: MESSAGES },
        })
    }
}

/// What both kinds of origin have.
struct Start {
    is_client: bool,
    local_id: ConnectionId,
    remote_id: ConnectionId,
    peer_key: Option<PublicKey>,
    parameters: Parameters,
    rtt: Option<Duration>,
    windows: Windows,
}

impl Origin {
    fn start(&self) -> Start {
        match self {
            Self::Opened(opened, windows) => Start {
                is_client: true,
                local_id: opened.client_id,
                remote_id: opened.server_id,
                peer_key: opened.server_key,
                parameters: opened.parameters,
                rtt: opened.rtt,
                windows: *windows,
            },
            Self::Begun(begun, _) => Start {
                is_client: false,
                local_id: begun.server_id,
                remote_id: begun.client_id,
                peer_key: begun.client_key,
                parameters: begun.parameters,
                rtt: begun.rtt,
                windows: begun.windows,
            },
        }
    }
}

fn new_recovery(
    now: Instant,
    config: &Shared,
    peer: &Parameters,
    rtt: Option<Duration>,
) -> Recovery {
    let mut recovery = Recovery::new(Arc::clone(&config.recovery));
    recovery.set_max_ack_delay(Duration::from_micros(peer.max_ack_delay));
    if let Some(rtt) = rtt {
        recovery.on_handshake_rtt(now, rtt);
    }
    recovery
}

fn new_controller(
    config: &Config,
    packet_size: u16,
    public: &mut PublicRng,
) -> Box<dyn Controller> {
    let size = u32::from(packet_size);
    match config.congestion {
        Congestion::Cubic => Box::new(Cubic::new(size)),
        Congestion::Bbr => Box::new(Bbr::new(size, public.next_u64())),
        Congestion::Fixed(rate) => Box::new(Fixed::new(rate, size)),
    }
}

fn new_frequency(config: &Config, peer: &Parameters) -> Frequency {
    let least_delay = Duration::from_micros(peer.min_ack_delay);
    let (tolerance, threshold) = (config.ack_tolerance, config.ack_threshold);
    Frequency::new((tolerance, threshold), config.max_ack_delay, least_delay)
}

fn new_idle_timeout(config: &Config, peer: &Parameters) -> Option<Duration> {
    idle::timeout_of(config.parameters(None).max_idle_timeout, peer.max_idle_timeout)
}

fn new_streams(is_client: bool, config: &Shared, first: Windows, peer: &Parameters) -> Streams {
    let side = if is_client { Side::Client } else { Side::Server };
    let mut streams = Streams::new(side, Arc::clone(&config.streams));
    streams.set_first_window(first.session);
    streams.set_peer_limits(peer);
    streams
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("is_client", &self.is_client)
            .field("local_id", &self.local_id)
            .field("remote_id", &self.remote_id)
            .finish_non_exhaustive()
    }
}
