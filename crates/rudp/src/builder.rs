//! [`Builder`]: the settings of an endpoint, and how it is made of them.
//! What a running endpoint does is in `host`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use rudp_crypto::{NoiseCrypto, PlainCrypto};
use rudp_net::{SocketGroup, SocketOptions};
use rudp_proto::config::{self, Config, EndpointConfig, Profile, RetryMode, Services};
use rudp_proto::crypto::Crypto;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::keeper::Keeper;
use crate::key::{Key, PublicKey, Secret};
use crate::lobby::Lobby;
use crate::random;
use crate::shards::{self, Common};

/// Which clients an endpoint takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientKeys {
    /// With and without a key; [`peer_key`](crate::Session::peer_key) tells which.
    #[default]
    Any,
    /// With a key, whichever it is.
    Required,
    /// With one of these keys.
    Listed(Vec<PublicKey>),
}

/// The settings of an endpoint, of which none has to be made.
///
/// ```no_run
/// use rudp::{ClientKeys, Config, Endpoint, Key};
///
/// # fn main() -> Result<(), rudp::Error> {
/// let key = Key::load_or_generate("server.key")?;
/// let friends = vec!["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".parse()?];
/// let endpoint = Endpoint::builder()
///     .bind("[::]:7777")
///     .key(key)
///     .client_keys(ClientKeys::Listed(friends))
///     .services(["chat", "files"])
///     .config(Config::bulk())
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Default)]
#[must_use = "an endpoint is made by build()"]
pub struct Builder {
    address: Option<String>,
    key: Option<Key>,
    secret: Option<Secret>,
    plain: bool,
    client_keys: ClientKeys,
    spin: Duration,
    /// `None` is one.
    shards: Option<usize>,
    is_unsteered: bool,
    is_one_by_one: bool,
    endpoint: EndpointConfig,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, key, secret, plain, client_keys, spin, shards, endpoint, .. } = self;
        f.debug_struct("Builder")
            .field("address", address)
            .field("key", key)
            .field("secret", secret)
            .field("plain", plain)
            .field("client_keys", client_keys)
            .field("spin", spin)
            .field("shards", shards)
            .field("endpoint", endpoint)
            .finish()
    }
}

impl Builder {
    /// The address to use, as `address:port`, with port 0 for any that is free. `[::]` is all
    /// addresses of IPv6 and IPv4. Default: all addresses, any port.
    #[expect(clippy::needless_pass_by_value, reason = "callers have a `&str` or a `SocketAddr`")]
    pub fn bind(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// The endpoint's key: what others know it by. Default: a new one, which nobody can know, if an
    /// [address](Self::bind) was given, and else none.
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// A secret that clients and server share besides their keys. Who does not have it gets no
    /// answer. Default: none.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// The settings of its sessions for a purpose: what
    /// [`config`](Self::config) set before is set anew.
    pub fn profile(self, profile: Profile) -> Self {
        self.config(Config::profile(profile))
    }

    /// The settings of its sessions.
    pub fn config(mut self, config: Config) -> Self {
        self.endpoint.session = config;
        self
    }

    /// The services that clients may ask for by name; the empty name is that of clients who ask for
    /// none. Others are refused. Default: whatever is asked for
    /// ([`service`](crate::Session::service) tells).
    pub fn services(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.endpoint.services = Services::Named(names.into_iter().map(Into::into).collect());
        self
    }

    /// Which clients are taken. Default: any.
    pub fn client_keys(mut self, keys: ClientKeys) -> Self {
        self.client_keys = keys;
        self
    }

    /// When clients have to prove their address first, which costs them a round trip. Default:
    /// under load.
    pub fn retry(mut self, mode: RetryMode) -> Self {
        self.endpoint.retry = mode;
        self
    }

    /// Neither encryption nor keys, only a checksum: for closed networks, and for measuring. The
    /// other end has to be told so too.
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// For how long calls that read or write look at the socket again and again before they sleep:
    /// answers that come within this time come without the wake-up of a thread, at the price of a
    /// busy processor. Up to a second; default 0, which is never.
    pub fn spin(mut self, time: Duration) -> Self {
        self.spin = time;
        self
    }

    /// On how many sockets, all on the same port, and with how many threads the endpoint runs, from 1
    /// to 64; default 1. A server that is to use all cores has as many as there are
    /// ([`available_parallelism`](std::thread::available_parallelism) tells).
    ///
    /// A session belongs to one shard from its first packet to its last, wherever its client moves,
    /// and shards have nothing in common that a packet would touch. Which one it is is drawn at
    /// random, so that many clients spread evenly and few may not ([`Endpoint::shards`] tells).
    /// [`max_sessions`](Self::max_sessions), [`memory`](Self::memory) and how many handshakes there
    /// may be at once are divided among them: a shard may refuse clients though others still have
    /// room.
    ///
    /// On Linux the system steers each packet to its shard. Elsewhere shards hand packets on to each
    /// other, which costs more than it gives.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Lets shards hand packets on to each other, as they do where the system does not steer.
    #[doc(hidden)]
    pub fn unsteered(mut self) -> Self {
        self.is_unsteered = true;
        self
    }

    /// Whether the system may cut what is sent into datagrams, and merge those that come (GSO and GRO on
    /// Linux), where it can. `false` costs half of the rate and more; it is for drivers that do it
    /// wrongly, and for measuring. Default: `true`.
    pub fn offload(mut self, may: bool) -> Self {
        self.is_one_by_one = !may;
        self
    }

    /// The most sessions at once; clients beyond are refused. 1 to 2^24; default 65,536.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.endpoint.max_sessions = sessions;
        self
    }

    /// The most bytes that all sessions together hold for their peers. At least the windows of one
    /// session; default 1 GiB.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.endpoint.memory = bytes;
        self
    }

    /// 32 secret bytes that outlive restarts, and that no other endpoint has: with them, peers learn
    /// within one round trip that this endpoint was restarted. Default: new ones each time, so that
    /// peers find out by their idle timeout.
    pub fn reset_key(mut self, key: [u8; 32]) -> Self {
        self.endpoint.reset_key = Some(key);
        self
    }

    /// Makes the endpoint: binds the socket and starts the thread of each [shard](Self::shards). It
    /// dials at once, and answers clients from the first [`listen`](Endpoint::listen) or
    /// [`accept`](Endpoint::accept) on.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): a setting is out of its range, or makes no
    /// sense with another; [`Io`](crate::ErrorKind::Io): the address is in use, or not of this
    /// machine.
    pub fn build(self) -> Result<Endpoint> {
        self.check()?;
        let crypto = self.crypto()?;
        let socket = self.socket_options();
        let shards = self.shards.unwrap_or(1);
        let sockets = bind(self.address.as_deref(), |address| {
            SocketGroup::bind(address, shards, shards::STEERING, &socket)
        })?;
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let endpoint = EndpointConfig {
            client_keys: listed(self.client_keys),
            unix_seconds_at_zero: unix.as_secs(),
            ..self.endpoint
        };
        let config = endpoint.session.clone();
        let public_key = crypto.public_key().map(PublicKey::from);
        let (lobby, keeper) = (Arc::new(Lobby::default()), Arc::new(Keeper::default()));
        let common = Common {
            config: endpoint,
            crypto,
            seed: random::seed()?,
            spin: self.spin,
            lobby: Arc::clone(&lobby),
            keeper: Arc::clone(&keeper),
        };
        let shards = common.start(sockets)?;
        let (opened, plain) = (AtomicUsize::new(0), self.plain);
        Ok(Endpoint::new(Host { shards, lobby, keeper, opened, config, socket, plain, public_key }))
    }

    fn socket_options(&self) -> SocketOptions {
        let (steer, offload) = (!self.is_unsteered, !self.is_one_by_one);
        SocketOptions { steer, offload, ..SocketOptions::default() }
    }

    fn check(&self) -> Result<()> {
        let keyed = self.key.is_some() || self.secret.is_some();
        if self.spin > Duration::from_secs(1) {
            return Err(Error::invalid("spin: at most one second"));
        }
        if self.shards.is_some_and(|shards| !(1..=shards::MOST).contains(&shards)) {
            return Err(Error::invalid(format!("shards: from 1 to {}", shards::MOST)));
        }
        if self.plain && (keyed || self.client_keys != ClientKeys::Any) {
            return Err(Error::invalid("the plain profile has neither keys nor secrets"));
        }
        Ok(())
    }

    fn crypto(&self) -> Result<Arc<dyn Crypto>> {
        if self.plain {
            return Ok(Arc::new(PlainCrypto));
        }
        let key = match (&self.key, &self.address) {
            (None, Some(_)) => Some(Key::generate()?.to_static()),
            (key, _) => key.as_ref().map(Key::to_static),
        };
        let secret = self.secret.as_ref().map(Secret::to_preshared);
        Ok(Arc::new(NoiseCrypto::new(key, secret)))
    }
}

fn listed(keys: ClientKeys) -> config::ClientKeys {
    match keys {
        ClientKeys::Any => config::ClientKeys::Any,
        ClientKeys::Required => config::ClientKeys::Required,
        ClientKeys::Listed(keys) => {
            config::ClientKeys::Listed(keys.into_iter().map(Into::into).collect())
        }
    }
}

/// What `bind_to` makes at `address`, of which the first that can be used is, or anywhere.
pub(crate) fn bind<T>(
    address: Option<&str>,
    bind_to: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<T> {
    let Some(address) = address else {
        // Machines without IPv6 have no `[::]`.
        let everywhere: [SocketAddr; 2] = [([0u16; 8], 0).into(), ([0u8; 4], 0).into()];
        return bind_first(&everywhere, "any address", bind_to);
    };
    let failed = |error| Error::system(format!("using the address {address}"), error);
    let addresses: Vec<_> = address.to_socket_addrs().map_err(failed)?.collect();
    bind_first(&addresses, address, bind_to)
}

fn bind_first<T>(
    addresses: &[SocketAddr],
    name: &str,
    bind_to: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<T> {
    let mut failure = None;
    for address in addresses {
        match bind_to(*address) {
            Ok(bound) => return Ok(bound),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let error = failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into());
    Err(Error::system(format!("using {name}"), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn sockets_are_made_as_was_said() {
        let builder = Builder::default();
        assert!(builder.socket_options().offload && builder.socket_options().steer);
        assert!(!builder.offload(false).socket_options().offload);
        assert!(!Builder::default().unsteered().socket_options().steer);
    }

    #[test]
    fn the_plain_profile_has_no_keys() {
        let key = Key::from_bytes([1; 32]);
        let secret = Secret::from_bytes([1; 32]);
        let builders = [
            Builder::default().plain().key(key),
            Builder::default().plain().secret(secret),
            Builder::default().plain().client_keys(ClientKeys::Required),
        ];
        for builder in builders {
            assert_eq!(builder.check().unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert!(Builder::default().plain().check().is_ok());
    }

    #[test]
    fn there_is_one_shard_at_least_and_there_are_64_at_most() {
        for shards in [0, 65] {
            let error = Builder::default().shards(shards).build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn addresses_that_cannot_be_used_are_named() {
        let bind = |address, shards| {
            let options = SocketOptions::default();
            bind(address, |to| SocketGroup::bind(to, shards, shards::STEERING, &options))
        };
        for address in ["192.0.2.1:0", "no port", "[::1"] {
            let error = bind(Some(address), 1).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Io, "{address}");
            assert!(error.to_string().contains(address), "{error}");
        }
        assert!(bind(None, 2).is_ok());
        assert!(bind(Some("localhost:0"), 1).unwrap().local_addr().ip().is_loopback());
    }
}
