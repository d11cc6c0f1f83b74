//! What the tests have in common: clients and servers with the double of cryptography, and the
//! packets between them as bytes.

use core::net::SocketAddr;
use core::time::Duration;

use rudp_base::{Instant, PublicRng, SecretRng, Seed};
use rudp_wire::packet::{
    AckPacket, ConnectionId, Packet, Profile, Retry, Syn, SynAck, SynInvariant, Version,
};
use rudp_wire::parameters::Parameters;

use crate::crypto::{Crypto, PublicKey};
use crate::handshake::{
    AnswerKind, Arrival, Ask, Attempt, Begun, Context, Cookies, Dropped, Failure, IdPlan, Ids,
    Opened, Pending, Resets, Settings, Step, Timing,
};
use crate::toy::Toy;

pub(super) const SERVER: u8 = 9;
pub(super) const COOKIE_KEY: [u8; 32] = [5; 32];
/// The Unix time at the origin, close to where 32 bits of it are over.
pub(super) const UNIX: u64 = 0xffff_fffa;

pub(super) fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

pub(super) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn server_addr() -> SocketAddr {
    addr("192.0.2.1:4433")
}

pub(super) fn client_addr() -> SocketAddr {
    addr("198.51.100.7:5000")
}

pub(super) fn from(remote: SocketAddr, datagram: &[u8]) -> Arrival {
    Arrival { remote, local: Some(server_addr().ip()), len: datagram.len() }
}

/// A side's key and randomness.
pub(super) struct Side {
    pub(super) toy: Toy,
    secret: SecretRng,
    pub(super) public: PublicRng,
}

impl Side {
    pub(super) fn new(toy: Toy, seed: u64) -> Self {
        let seed = Seed::from_u64(seed);
        Self { toy, secret: seed.secret_stream("test"), public: seed.public_stream("test") }
    }

    pub(super) fn context(&mut self) -> Context<'_> {
        Context { crypto: &self.toy, secret: &mut self.secret, public: &mut self.public }
    }
}

/// A client and its attempt.
pub(super) struct Client {
    pub(super) side: Side,
    pub(super) attempt: Attempt,
}

/// What a test changes of a client's wishes.
#[derive(Clone)]
pub(super) struct Wish {
    pub(super) server_key: Option<PublicKey>,
    pub(super) service: &'static str,
    pub(super) parameters: Parameters,
    pub(super) timing: Timing,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            server_key: None,
            service: "",
            parameters: Parameters { max_datagram_size: 1_400, ..Parameters::default() },
            timing: Timing::default(),
        }
    }
}

impl Client {
    pub(super) fn new(now: Instant, toy: Toy, seed: u64, wish: &Wish) -> Self {
        let mut side = Side::new(toy, seed);
        let id = IdPlan::default().choose(&mut side.public, |_| false).unwrap();
        let ask = Ask {
            remote: server_addr(),
            server_key: wish.server_key,
            service: wish.service,
            id,
            parameters: wish.parameters,
            timing: wish.timing,
        };
        let attempt = Attempt::new(now, &ask, &mut side.context()).unwrap();
        Self { side, attempt }
    }

    /// A client without a key that knows the server's.
    pub(super) fn simple(now: Instant, seed: u64) -> Self {
        let wish = Wish { server_key: Some(Toy::key(SERVER)), ..Wish::default() };
        Self::new(now, Toy::sealed(), seed, &wish)
    }

    pub(super) fn send(&mut self, now: Instant) -> Option<Vec<u8>> {
        let mut buffer = [0xee; 1_500];
        let len = self.attempt.poll_transmit(now, &mut buffer)?;
        assert!(len >= 1_200, "5.1.1");
        Some(buffer[..len].to_vec())
    }

    pub(super) fn take(&mut self, now: Instant, datagram: &[u8]) -> Step {
        self.take_from(now, server_addr(), datagram)
    }

    pub(super) fn take_from(&mut self, now: Instant, remote: SocketAddr, datagram: &[u8]) -> Step {
        let arrival = Arrival { local: None, ..from(remote, datagram) };
        match Packet::parse(datagram, self.side.toy.profile()) {
            Ok(Packet::SynAck(packet)) => {
                return self.attempt.on_syn_ack(now, &arrival, &packet, &self.side.toy);
            }
            Ok(Packet::Retry(packet)) => self.attempt.on_retry(&arrival, &packet),
            Ok(Packet::Version(packet)) => self.attempt.on_version(&arrival, &packet),
            _ => {}
        }
        Step::Waiting
    }

    /// Lets time pass up to `end`, and gives when SYNs were sent and how it ended.
    pub(super) fn wait(&mut self, end: Instant) -> (Vec<u64>, Option<(Instant, Failure)>) {
        let mut sent = Vec::new();
        while let Some(now) = self.attempt.timeout().filter(|now| *now <= end) {
            match self.attempt.on_timeout(now) {
                Step::Failed(failure) => return (sent, Some((now, failure))),
                Step::Done(_) => panic!("no timer opens a session"),
                Step::Waiting => {}
            }
            while self.send(now).is_some() {
                sent.push((now - Instant::ZERO).as_millis().try_into().unwrap());
            }
            assert!(self.attempt.timeout().is_none_or(|next| next > now), "the law of machines");
        }
        (sent, None)
    }
}

/// A server.
pub(super) struct Server {
    pub(super) side: Side,
    pub(super) pending: Pending,
    pub(super) resets: Resets,
}

/// An answer as bytes.
pub(super) type Answered = Result<(AnswerKind, Vec<u8>), Dropped>;

impl Server {
    pub(super) fn new(toy: Toy, settings: Settings) -> Self {
        Self::with_cookies(toy, settings, COOKIE_KEY, UNIX)
    }

    pub(super) fn with_cookies(toy: Toy, settings: Settings, key: [u8; 32], unix: u64) -> Self {
        let cookies = Cookies::new(toy.token_key(&key), unix);
        let resets = Resets::new(&toy, &[6; 32], IdPlan::default());
        let pending = Pending::new(toy.profile(), settings, cookies).unwrap();
        Self { side: Side::new(toy, 1_000), pending, resets }
    }

    /// With the usual key and settings.
    pub(super) fn simple() -> Self {
        Self::new(Toy::sealed().with_key(SERVER), Settings::default())
    }

    pub(super) fn syn(&mut self, now: Instant, remote: SocketAddr, datagram: &[u8]) -> Answered {
        let profile = self.side.toy.profile();
        let Ok(Packet::Syn(syn)) = Packet::parse(datagram, profile) else {
            return Err(Dropped::Message);
        };
        self.parsed_syn(now, &from(remote, datagram), &syn)
    }

    pub(super) fn parsed_syn(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        syn: &Syn<'_>,
    ) -> Answered {
        let ids = Ids { plan: IdPlan::default(), resets: &self.resets, in_use: &|_| false };
        let answer = self.pending.on_syn(now, arrival, syn, &ids, &mut self.side.context())?;
        assert!(answer.datagram.len() <= arrival.len, "5.2.5");
        Ok((answer.kind, answer.datagram.to_vec()))
    }

    pub(super) fn ack(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<Box<Begun>, Dropped> {
        match Packet::parse(datagram, self.side.toy.profile()) {
            Ok(Packet::Ack(packet)) => self.pending.on_ack(now, &from(remote, datagram), &packet),
            _ => Err(Dropped::Message),
        }
    }
}

/// A whole handshake without loss, RETRY included.
pub(super) fn shake(
    now: Instant,
    client: &mut Client,
    server: &mut Server,
) -> Result<(Box<Opened>, Box<Begun>), Failure> {
    while let Some(syn) = client.send(now) {
        let (_, answer) = server.syn(now, client_addr(), &syn).expect("an answer");
        match client.take(now, &answer) {
            Step::Waiting => {}
            Step::Failed(failure) => return Err(failure),
            Step::Done(opened) => {
                let begun = server.ack(now, client_addr(), &opened.ack).expect("a session");
                return Ok((opened, begun));
            }
        }
    }
    panic!("nothing more to send");
}

/// That both sides mean the same session.
pub(super) fn agree(opened: &Opened, begun: &Begun) {
    assert_eq!(opened.client_id, begun.client_id);
    assert_eq!(opened.server_id, begun.server_id);
    assert_eq!(opened.suite, begun.suite);
    assert_eq!(opened.secrets.client.0, begun.secrets.client.0);
    assert_eq!(opened.secrets.server.0, begun.secrets.server.0);
}

pub(super) fn as_syn(datagram: &[u8], profile: Profile) -> Syn<'_> {
    match Packet::parse(datagram, profile) {
        Ok(Packet::Syn(syn)) => syn,
        other => panic!("{other:?}"),
    }
}

pub(super) fn as_syn_ack(datagram: &[u8]) -> SynAck<'_> {
    match Packet::parse(datagram, Profile::Sealed) {
        Ok(Packet::SynAck(packet)) => packet,
        other => panic!("{other:?}"),
    }
}

pub(super) fn as_retry(datagram: &[u8]) -> Retry<'_> {
    match Packet::parse(datagram, Profile::Sealed) {
        Ok(Packet::Retry(packet)) => packet,
        other => panic!("{other:?}"),
    }
}

pub(super) fn as_ack(datagram: &[u8], profile: Profile) -> AckPacket<'_> {
    match Packet::parse(datagram, profile) {
        Ok(Packet::Ack(packet)) => packet,
        other => panic!("{other:?}"),
    }
}

/// What `write` writes.
pub(super) fn bytes(
    write: impl FnOnce(&mut [u8]) -> Result<usize, rudp_wire::cursor::WriteError>,
) -> Vec<u8> {
    let mut buffer = [0; 1_500];
    let len = write(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

/// A VERSION for `syn` that lists `versions`.
pub(super) fn version_packet(syn: &[u8], versions: &[Version]) -> Vec<u8> {
    let syn = as_syn(syn, Profile::Sealed);
    let syn = SynInvariant { initial: syn.initial, version: Version::ONE, source: syn.source };
    bytes(|buffer| rudp_wire::packet::write_versions(&syn, versions, true, buffer))
}

/// A RETRY for `syn` with a cookie.
pub(super) fn retry_packet(syn: &[u8], cookie: &[u8]) -> Vec<u8> {
    let syn = as_syn(syn, Profile::Sealed);
    let retry = Retry { destination: syn.source, initial: syn.initial, cookie };
    bytes(|buffer| retry.emit(Profile::Sealed, false, buffer))
}

pub(super) fn id(number: u64) -> ConnectionId {
    ConnectionId(number.to_be_bytes())
}
