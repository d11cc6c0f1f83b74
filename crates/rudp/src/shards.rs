//! Several sockets on one port: how an endpoint's settings and memory are divided among its shards,
//! how they are started, and what each of them counts. What a running shard does is in `host`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rudp_base::Seed;
use rudp_net::{Clock, Driver, DriverOptions, SocketGroup, Steering};
use rudp_proto::Endpoint;
use rudp_proto::config::EndpointConfig;
use rudp_proto::crypto::Crypto;

use crate::error::{Error, Result};
use crate::host::Shard;
use crate::keeper::Keeper;
use crate::lobby::Lobby;
use crate::node::{Engine, Hub, Node};
use crate::random;
use crate::waits::Waits;

/// The most shards of one endpoint: so many that what one of them may have of everything is not
/// next to nothing.
pub(crate) const MOST: usize = SocketGroup::MAX;

/// Where packets say to which socket they belong (docs/PROTOCOL.md, 4.2).
pub(crate) const STEERING: Steering = Steering { offset: 5 };

/// What one shard of an endpoint did so far: whether the load is even, and how much of it was handed
/// over between shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardStats {
    /// The sessions that there are now, those included that close in the background.
    pub sessions: usize,
    /// The sessions that have begun, from clients and to servers.
    pub begun: u64,
    /// Datagrams received, and handed over by other shards.
    pub datagrams_in: u64,
    /// Bytes in them, without headers of UDP and IP.
    pub bytes_in: u64,
    /// Datagrams that the system took for sending.
    pub datagrams_out: u64,
    /// Bytes in them, without headers of UDP and IP.
    pub bytes_out: u64,
    /// Datagrams that the system dropped because the shard was too slow to take them.
    pub receive_drops: u64,
    /// Datagrams that came to this shard and were handed to the one that they belong to. On Linux
    /// these are few: such as the system merged with others of the same sender.
    pub handed_over: u64,
    /// Datagrams that could not be handed over because the other shard was too slow to take them.
    pub handover_drops: u64,
}

impl ShardStats {
    pub(crate) fn of(shard: &Shard) -> Self {
        let net = shard.engine.stats();
        // A shard that had to end has no sessions.
        let counted = shard.turn(|_, node, hub| (node.endpoint.sessions(), hub.begun()));
        let (sessions, begun) = counted.unwrap_or_default();
        Self {
            sessions,
            begun,
            datagrams_in: net.datagrams_in,
            bytes_in: net.bytes_in,
            datagrams_out: net.datagrams_out,
            bytes_out: net.bytes_out,
            receive_drops: net.receive_drops,
            handed_over: net.handed_over,
            handover_drops: net.handover_drops,
        }
    }
}

/// What all shards of an endpoint have in common.
pub(crate) struct Common {
    pub(crate) config: EndpointConfig,
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) seed: Seed,
    pub(crate) spin: Duration,
    pub(crate) lobby: Arc<Lobby>,
    pub(crate) keeper: Arc<Keeper>,
}

impl Common {
    /// Starts a shard on each of `sockets`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): a setting is out of its range, or too small
    /// to be divided; [`Io`](crate::ErrorKind::Io): the system has no thread or file for it.
    pub(crate) fn start(self, sockets: SocketGroup) -> Result<Box<[Shard]>> {
        let configs = divide(self.config, sockets.len())?;
        let clock = Clock::new();
        let (mut parts, mut waits) = (Vec::new(), Vec::new());
        for (number, config) in configs.into_iter().enumerate() {
            let seed = self.seed.fork(&format!("shard {number}"));
            let endpoint = Endpoint::new(config, Arc::clone(&self.crypto), &seed)?;
            let waiting = Arc::new(Waits::default());
            let (lobby, keeper) = (Arc::clone(&self.lobby), Arc::clone(&self.keeper));
            let hub = Hub::new(number, Arc::clone(&waiting), lobby, keeper);
            waits.push(Arc::clone(&waiting));
            let (lobby, keeper) = (Arc::clone(&self.lobby), Arc::clone(&self.keeper));
            let on_end = move |_: &io::Result<()>| {
                waiting.end();
                lobby.break_down();
                keeper.done(number);
            };
            let name = if sockets.len() > 1 { format!("rudp-{number}") } else { "rudp".into() };
            let options = DriverOptions { name, clock, on_end: Some(Box::new(on_end)) };
            parts.push((Node::new(endpoint), hub, options));
        }
        let engines: Vec<Engine> = Driver::spawn_group(sockets, parts)
            .map_err(|error| Error::system("starting the endpoint's thread", error))?;
        introduce(&engines);
        let spin = self.spin;
        let shards = engines.into_iter().zip(waits);
        Ok(shards.map(|(engine, waits)| Shard { engine, waits, spin }).collect())
    }
}

/// Tells each shard of the others.
fn introduce(engines: &[Engine]) {
    for (number, engine) in engines.iter().enumerate() {
        let siblings = engines.iter().enumerate().filter(|(sibling, _)| *sibling != number);
        let siblings = siblings.map(|(_, engine)| engine.downgrade()).collect();
        // One that has ended already has nothing to tell them.
        let _ = engine.try_with(|_, _, hub| hub.introduce(siblings));
    }
}

/// The settings of each of `shards` shards: together they have what one endpoint would have, and the
/// same keys.
fn divide(mut config: EndpointConfig, shards: usize) -> Result<Vec<EndpointConfig>> {
    config.check()?;
    if shards == 1 {
        return Ok(vec![config]);
    }
    let windows = config.session.session_window + config.session.message_window;
    if config.max_sessions < shards || config.memory / (shards as u64) < windows {
        return Err(Error::invalid(format!(
            "{shards} shards need at least as many sessions (max_sessions), and memory for the \
             windows of one session each ({} bytes in all)",
            windows * shards as u64,
        )));
    }
    // A cookie of one shard is good at the others, and so is its word that it knows no such session.
    for key in [&mut config.cookie_key, &mut config.reset_key] {
        if key.is_none() {
            *key = Some(*random::bytes()?);
        }
    }
    let count = u32::try_from(shards).unwrap_or(u32::MAX);
    // A part of what fits does so as well.
    let seats =
        |total: usize, number| usize::try_from(part(total as u64, number, count)).unwrap_or(total);
    let share = |number: u32| EndpointConfig {
        max_sessions: seats(config.max_sessions, number),
        max_handshakes: seats(config.max_handshakes, number).max(1),
        memory: part(config.memory, number, count),
        shard: (number, count),
        ..config.clone()
    };
    Ok((0..count).map(share).collect())
}

/// What number `number` of `count` gets of `total`: the same as the others, or one more.
fn part(total: u64, number: u32, count: u32) -> u64 {
    let (number, count) = (u64::from(number), u64::from(count));
    total / count + u64::from(number < total % count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn shards_have_together_what_one_would_have() {
        let whole = EndpointConfig {
            max_sessions: 1_001,
            max_handshakes: 100,
            memory: (64 << 20) + 5,
            ..EndpointConfig::default()
        };
        for shards in [1, 2, 3, 7] {
            let parts = divide(whole.clone(), shards).unwrap();
            assert_eq!(parts.len(), shards);
            let sum = |of: fn(&EndpointConfig) -> u64| parts.iter().map(of).sum::<u64>();
            assert_eq!(sum(|part| part.max_sessions as u64), 1_001);
            assert_eq!(sum(|part| part.max_handshakes as u64), 100);
            assert_eq!(sum(|part| part.memory), whole.memory);
            for (number, part) in (0..).zip(&parts) {
                assert_eq!((part.shard.0, part.shard.1 as usize), (number, shards));
                assert_eq!(
                    (part.cookie_key, part.reset_key),
                    (parts[0].cookie_key, parts[0].reset_key)
                );
                part.check().unwrap();
            }
            assert_eq!(parts[0].cookie_key.is_some(), shards > 1);
        }
    }

    #[test]
    fn keys_that_are_set_stay() {
        let whole = EndpointConfig { reset_key: Some([7; 32]), ..EndpointConfig::default() };
        let parts = divide(whole, 2).unwrap();
        assert!(parts.iter().all(|part| part.reset_key == Some([7; 32])));
        assert!(parts[0].cookie_key != Some([7; 32]));
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let few = EndpointConfig { max_sessions: 3, ..EndpointConfig::default() };
        let least = few.session.session_window + few.session.message_window;
        let little = EndpointConfig { memory: 4 * least - 1, ..EndpointConfig::default() };
        for config in [few, little] {
            let error = divide(config.clone(), 4).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("4 shards"), "{error}");
            assert!(divide(config, 2).is_ok());
        }
    }
}
