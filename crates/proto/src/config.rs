//! The settings of sessions and endpoints: ranges, defaults, and one check for all of them.
//! What a setting does is decided by the part that reads it.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;

use rudp_wire::parameters::Parameters;
use rudp_wire::varint;

use crate::crypto::PublicKey;
use crate::memory::Windows;

/// The least packet size: what every path takes (docs/PROTOCOL.md, 9.4.1).
pub const MIN_PACKET_SIZE: u16 = 1_200;
/// The largest packet size: what IPv4 carries in one datagram.
pub const MAX_PACKET_SIZE: u16 = 65_507;

/// Which algorithm decides how much is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// CUBIC (RFC 9438) with `HyStart++` (RFC 9406).
    Cubic,
    /// BBR, version 3 (draft-ietf-ccwg-bbr), which lives with random loss.
    Bbr,
    /// A fixed rate in bytes per second, for links that one owns. It does not slow down for
    /// anybody.
    Fixed(u64),
}

/// A whole set of settings for a purpose. Each can be changed after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// A bit of everything: [`Config::default`].
    #[default]
    Balanced,
    /// Much data: [`Config::bulk`].
    Bulk,
    /// Small data that must not be late: [`Config::realtime`].
    Realtime,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Balanced, Self::Bulk, Self::Realtime];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Bulk => "bulk",
            Self::Realtime => "realtime",
        }
    }
}

/// Settings of one session. Both ends have their own; where they have to agree, the lesser counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long to wait for the server's answer before giving up. 100 ms to 10 min; default 10 s.
    pub handshake_timeout: Duration,
    /// How often the first packet is sent before giving up: after 500 ms, give or take a tenth, and
    /// then each time after twice the time before. 1 to 16; default 5.
    pub handshake_tries: u32,
    /// The least time after which missing acknowledgements cause a retransmission. 1 ms to 10 s;
    /// default 5 ms. The measured round-trip time counts where it is more.
    pub min_rto: Duration,
    /// The most time between two retransmissions, however often they failed. 10 ms to 2 min, and
    /// not below `min_rto`; default 2 s: so soon a transfer goes on when a link is back. It is at least
    /// two round trips, whatever is set.
    pub max_rto: Duration,
    /// Give up after so many retransmissions in a row without an answer. 1 to 100, or `None` to
    /// wait for the idle timeout; default `None`.
    pub max_tries: Option<u32>,
    /// A session ends when nothing was heard for so long. 100 ms to 24 h, or `None` for never;
    /// default 30 s. The lesser of both ends' counts.
    pub idle_timeout: Option<Duration>,
    /// Ask for a sign of life after so long a silence, so that idle sessions stay and dead peers
    /// are found. 10 ms up to a third of `idle_timeout`, or `None` for never; default 10 s.
    pub keep_alive: Option<Duration>,
    /// The size of packets, in bytes of UDP payload: 1,200 to 65,507, used without being tried, up
    /// to what the peer takes. `None` begins with 1,200 and searches for the largest that the path
    /// takes while there is much to send (RFC 8899); default `None`.
    pub packet_size: Option<u16>,
    /// How much unread data of one stream may arrive before its reader has read any, in bytes. The
    /// window grows on its own up to `max_stream_window`. 1 to 2^40; default 64 KiB.
    pub stream_window: u64,
    /// The most unread data of one stream, in bytes. `stream_window` to 2^40; default 16 MiB.
    pub max_stream_window: u64,
    /// As `stream_window`, for all streams of a session together. Default 128 KiB. While the memory
    /// of the endpoint is short sessions begin with less, but not with less than 4 KiB.
    pub session_window: u64,
    /// As `max_stream_window`, for all streams of a session together. Default 24 MiB.
    pub max_session_window: u64,
    /// How many bidirectional streams the peer may have open at once, besides stream 0. 0 to 2^40;
    /// default 128.
    pub max_streams_bidi: u64,
    /// How many unidirectional streams the peer may have open at once. 0 to 2^40; default 128.
    pub max_streams_uni: u64,
    /// How many bytes of messages may arrive before the program has taken any, at a cost of 32 bytes
    /// each besides their length. 0 to 2^40; default 256 KiB. While the memory of the endpoint is
    /// short sessions begin with less, but not with less than 4 KiB, and keep to that.
    pub message_window: u64,
    /// The largest message that is taken, in bytes. 0 (none) to 16 MiB, and not above
    /// `message_window` less 32; default 64 KiB. It is less in sessions whose window of messages is.
    pub max_message_size: u32,
    /// How many bytes a program may have written that the peer does not have yet, before writing
    /// waits. It waits as well while 256 KiB of a stream were not even sent. 1,200 to 2^40; default
    /// 16 MiB.
    pub send_buffer: u64,
    /// How long acknowledgements may wait for others to go with, this end's, if the peer does not
    /// ask for another delay, and the peer's where it is asked for a tolerance, at most. 0 to 1 s;
    /// default 25 ms.
    pub max_ack_delay: Duration,
    /// After how many of our packets the peer is asked to acknowledge them at once. 1 to 1,000;
    /// default 2. With much in flight it is a sixteenth of that, up to 32 packets, and with little a
    /// half, unless 1 is set here or for `ack_threshold`, which lets the delay alone follow the path.
    /// How often this end acknowledges is the peer's to ask for, and 2 if it does not
    /// (docs/PROTOCOL.md, 8.3).
    pub ack_tolerance: u32,
    /// By how many packets one has to be overtaken for the peer to tell of it at once. 1 to 1,000;
    /// default 3. With 1, which is each gap, the peer is asked to let other acknowledgements wait for
    /// two thirds of the round-trip time, if that is more than `max_ack_delay`, but 25 ms at most, and
    /// less where a round trip takes less than 6 ms (docs/PROTOCOL.md, 8.3).
    pub ack_threshold: u32,
    /// How many bytes per second may go to repeating small data before anybody asks, so that what is
    /// lost need not wait for a round trip: as often as the measured loss makes it necessary, and not
    /// at all where nothing is lost (docs/PROTOCOL.md, 8.2.1). 0 (never) to 2^40; default 0.
    pub redundancy: u64,
    /// What may leave at once: as much as the pace allows in this time, but not more than in an 8th of the
    /// round-trip time; than in half of this and a 12th where a packet was lost in the last 4 s, the path
    /// is in use for less than a second or ten round trips, or packets wait for each other on the way; nor
    /// than in 1 ms where more than one packet in 256 was lost lately; and at least as much as in 1 ms. The
    /// more it is, the less processor time sending takes. 1 to 10 ms; default 8 ms.
    pub max_burst: Duration,
    /// How long packets may lie unread in the socket while very many come in each round trip, and
    /// hardly any are on their way back, so that the processor is woken once for several: for a 16th of the
    /// round-trip time, up to half of this, and for up to twice as long where fewer than 8 packets come in
    /// that time; for 50 us if the round trip takes less than 10 ms, and not while the program writes now and
    /// then, and so may wait for answers. 0 (never) to 10 ms; default 6 ms.
    pub max_read_delay: Duration,
    /// How long a close without a deadline of its own waits. 0 to 1 h; default 10 s.
    pub close_deadline: Duration,
    /// What decides how much is in flight. Default BBR.
    pub congestion: Congestion,
}

impl Default for Config {
    /// The profile `balanced`.
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            handshake_tries: 5,
            min_rto: Duration::from_millis(5),
            max_rto: Duration::from_secs(2),
            max_tries: None,
            idle_timeout: Some(Duration::from_secs(30)),
            keep_alive: Some(Duration::from_secs(10)),
            packet_size: None,
            stream_window: 64 << 10,
            max_stream_window: 16 << 20,
            session_window: 128 << 10,
            max_session_window: 24 << 20,
            max_streams_bidi: 128,
            max_streams_uni: 128,
            message_window: 256 << 10,
            max_message_size: 64 << 10,
            send_buffer: 16 << 20,
            max_ack_delay: Duration::from_millis(25),
            ack_tolerance: 2,
            ack_threshold: 3,
            redundancy: 0,
            max_burst: Duration::from_millis(8),
            max_read_delay: Duration::from_millis(6),
            close_deadline: Duration::from_secs(10),
            congestion: Congestion::Bbr,
        }
    }
}

impl Config {
    /// The profile `bulk`: large windows and few acknowledgements of what is sent, for moving much
    /// data.
    pub fn bulk() -> Self {
        Self {
            stream_window: 1 << 20,
            max_stream_window: 64 << 20,
            session_window: 2 << 20,
            max_session_window: 96 << 20,
            send_buffer: 32 << 20,
            ack_tolerance: 10,
            ..Self::default()
        }
    }

    /// The profile `realtime`, for small data that must not be late: they are repeated where packets
    /// are lost, the peer tells of each gap at once, and retransmissions come soon.
    pub fn realtime() -> Self {
        Self {
            min_rto: Duration::from_millis(1),
            max_rto: Duration::from_secs(1),
            max_ack_delay: Duration::from_millis(1),
            ack_tolerance: 4,
            ack_threshold: 1,
            redundancy: 62_500,
            max_burst: Duration::from_millis(1),
            max_read_delay: Duration::ZERO,
            ..Self::default()
        }
    }

    /// The settings of a profile.
    pub fn profile(profile: Profile) -> Self {
        match profile {
            Profile::Balanced => Self::default(),
            Profile::Bulk => Self::bulk(),
            Profile::Realtime => Self::realtime(),
        }
    }

    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// The first one that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        const MS: Duration = Duration::from_millis(1);
        const S: Duration = Duration::from_secs(1);
        const TIB: u64 = 1 << 40;
        range("handshake_timeout", self.handshake_timeout, 100 * MS, 600 * S)?;
        range("handshake_tries", self.handshake_tries, 1, 16)?;
        range("min_rto", self.min_rto, MS, 10 * S)?;
        range("max_rto", self.max_rto, self.min_rto.max(10 * MS), 120 * S)?;
        range("max_tries", self.max_tries.unwrap_or(1), 1, 100)?;
        let idle = self.idle_timeout.unwrap_or(86_400 * S);
        range("idle_timeout", idle, 100 * MS, 86_400 * S)?;
        range("keep_alive", self.keep_alive.unwrap_or(10 * MS), 10 * MS, idle / 3)?;
        let packet_size = self.packet_size.unwrap_or(MIN_PACKET_SIZE);
        range("packet_size", packet_size, MIN_PACKET_SIZE, MAX_PACKET_SIZE)?;
        range("stream_window", self.stream_window, 1, TIB)?;
        range("max_stream_window", self.max_stream_window, self.stream_window, TIB)?;
        range("session_window", self.session_window, 1, TIB)?;
        range("max_session_window", self.max_session_window, self.session_window, TIB)?;
        range("max_streams_bidi", self.max_streams_bidi, 0, TIB)?;
        range("max_streams_uni", self.max_streams_uni, 0, TIB)?;
        range("message_window", self.message_window, 0, TIB)?;
        let largest = self.message_window.saturating_sub(32).min(1 << 24);
        range("max_message_size", u64::from(self.max_message_size), 0, largest)?;
        range("send_buffer", self.send_buffer, 1_200, TIB)?;
        range("max_ack_delay", self.max_ack_delay, Duration::ZERO, S)?;
        range("ack_tolerance", self.ack_tolerance, 1, 1_000)?;
        range("ack_threshold", self.ack_threshold, 1, 1_000)?;
        range("redundancy", self.redundancy, 0, TIB)?;
        range("max_burst", self.max_burst, MS, 10 * MS)?;
        range("max_read_delay", self.max_read_delay, Duration::ZERO, 10 * MS)?;
        range("close_deadline", self.close_deadline, Duration::ZERO, 3_600 * S)?;
        if let Congestion::Fixed(rate) = self.congestion {
            range("congestion (fixed rate)", rate, 1_000, TIB)?;
        }
        Ok(())
    }

    /// The first windows of a session where memory is not short.
    pub(crate) fn windows(&self) -> Windows {
        Windows { session: self.session_window.min(varint::MAX), messages: self.message_window }
    }

    /// What the peer is told of these settings.
    pub(crate) fn parameters(&self, reset_token: Option<[u8; 16]>) -> Parameters {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Parameters {
            max_idle_timeout: self
                .idle_timeout
                .map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            max_datagram_size: u64::from(u16::MAX),
            initial_max_data: self.session_window.min(varint::MAX),
            initial_max_stream_data: self.stream_window.min(varint::MAX),
            initial_max_streams_bidi: self.max_streams_bidi,
            initial_max_streams_uni: self.max_streams_uni,
            initial_max_message_data: self.message_window,
            max_message_size: u64::from(self.max_message_size),
            max_ack_delay: micros(self.max_ack_delay),
            min_ack_delay: micros(self.max_ack_delay.min(Duration::from_millis(1))),
            reset_token,
        }
    }
}

/// When a server makes clients prove their address before it remembers them (docs/PROTOCOL.md,
/// 5.5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryMode {
    /// Every client: one round trip more, and no memory for addresses that are forged.
    Always,
    /// When there are more handshakes than usual.
    #[default]
    UnderLoad,
    /// Never. Clients beyond the limits are not answered.
    Never,
}

/// Which services a server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Services {
    /// Whatever name is asked for; the program is told which.
    Any,
    /// These names. Clients who ask for none get the first.
    Named(Vec<String>),
}

/// Which clients a server takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientKeys {
    /// With and without a key; the program is told which key.
    #[default]
    Any,
    /// With a key, whichever it is.
    Required,
    /// With one of these keys.
    Listed(BTreeSet<PublicKey>),
}

/// Settings of an endpoint.
#[derive(Clone)]
pub struct EndpointConfig {
    /// The settings of its sessions.
    pub session: Config,
    /// When clients have to prove their address first. Default: under load.
    pub retry: RetryMode,
    /// Which services there are. Default: any.
    pub services: Services,
    /// Which clients are taken. Default: any.
    pub client_keys: ClientKeys,
    /// The most sessions at once; clients beyond are refused. 1 to 2^24; default 65,536.
    pub max_sessions: usize,
    /// The most unfinished handshakes at once. 1 to 2^20; default 1,024.
    pub max_handshakes: usize,
    /// How many bytes all sessions together may hold for their peers. First windows are smaller the
    /// less of it is left, windows grow only as far as it allows, and clients for whom there is
    /// nothing are refused: by default none of `max_sessions`. At least the windows of one session;
    /// default 1 GiB.
    pub memory: u64,
    /// The key of the cookies, for servers that share it. Default: a fresh one.
    pub cookie_key: Option<[u8; 32]>,
    /// The key of the reset tokens, which has to outlive restarts to be of use. Default: a fresh
    /// one.
    pub reset_key: Option<[u8; 32]>,
    /// Zero to two bytes with which all ids begin, for load balancers (docs/PROTOCOL.md, 4.3).
    pub id_prefix: Vec<u8>,
    /// Which of how many sockets on one port this is (docs/PROTOCOL.md, 4.2). Default: 0 of 1.
    /// With several, whoever runs them passes on what
    /// [`poll_stray_reset`](crate::Endpoint::poll_stray_reset) gives.
    pub shard: (u32, u32),
    /// The Unix time in seconds at [`rudp_base::Instant::ZERO`], for cookies that are shared.
    pub unix_seconds_at_zero: u64,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            session: Config::default(),
            retry: RetryMode::default(),
            services: Services::Any,
            client_keys: ClientKeys::default(),
            max_sessions: 65_536,
            max_handshakes: 1_024,
            memory: 1 << 30,
            cookie_key: None,
            reset_key: None,
            id_prefix: Vec::new(),
            shard: (0, 1),
            unix_seconds_at_zero: 0,
        }
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, retry, services, client_keys, max_sessions, .. } = self;
        f.debug_struct("EndpointConfig")
            .field("session", session)
            .field("retry", retry)
            .field("services", services)
            .field("client_keys", client_keys)
            .field("max_sessions", max_sessions)
            .finish_non_exhaustive()
    }
}

impl EndpointConfig {
    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// The first one that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.session.check()?;
        range("max_sessions", self.max_sessions, 1, 1 << 24)?;
        range("max_handshakes", self.max_handshakes, 1, 1 << 20)?;
        let least = self.session.session_window + self.session.message_window;
        range("memory", self.memory, least, 1 << 50)?;
        range("id_prefix (length)", self.id_prefix.len(), 0, 2)?;
        range("shard (count)", self.shard.1, 1, 1 << 16)?;
        range("shard (number)", self.shard.0, 0, self.shard.1 - 1)
    }
}

/// A setting is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}, and has to be from {least} to {most}")]
pub struct ConfigError {
    /// The setting's name.
    pub setting: &'static str,
    /// What it is.
    pub value: String,
    /// The least that it may be.
    pub least: String,
    /// The most that it may be.
    pub most: String,
}

fn range<T: PartialOrd + fmt::Debug>(
    setting: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<(), ConfigError> {
    if least <= value && value <= most {
        return Ok(());
    }
    let text = |value: T| format!("{value:?}");
    Err(ConfigError { setting, value: text(value), least: text(least), most: text(most) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_in_range() {
        for profile in Profile::ALL {
            let (config, name) = (Config::profile(profile), profile.name());
            assert_eq!(config.check(), Ok(()), "{name}");
            assert!(config.parameters(None).check().is_ok(), "{name}");
        }
        assert_eq!(Config::profile(Profile::default()), Config::default());
        assert_eq!(EndpointConfig::default().check(), Ok(()));
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_range() {
        let config = Config { packet_size: Some(576), ..Config::default() };
        let text = config.check().unwrap_err().to_string();
        assert_eq!(text, "packet_size is 576, and has to be from 1200 to 65507");
        let config = Config { keep_alive: Some(Duration::from_secs(20)), ..Config::default() };
        let text = config.check().unwrap_err().to_string();
        assert_eq!(text, "keep_alive is 20s, and has to be from 10ms to 10s");
    }
}
