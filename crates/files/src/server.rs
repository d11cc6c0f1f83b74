//! [`Server`]: answers clients out of a store, with a thread for each session.
//! What an answer consists of is in `respond`, who gets a place in `places`.

use std::fmt;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rudp::{Endpoint, ErrorKind, PublicKey, Session, Stream};

use crate::answer::ResetCode;
use crate::metered::Metered;
use crate::places::{Place, Places};
use crate::request::{MAX_REQUEST, Operation, Request};
use crate::respond::{Answered, respond};
use crate::store::{Refusal, Store};

/// The code of the abort of sessions for which there is no place (docs/FILES.md, 4.1).
const NO_PLACE: u32 = 1;

/// The code of the abort of sessions that have asked too often (docs/FILES.md, 4.2).
const ENOUGH: u32 = 2;

/// How much clients may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once, each with a thread of its own. Default 256.
    pub sessions: usize,
    /// Sessions at once of one IPv4 address or IPv6 /64 network. Default 32.
    pub sessions_per_address: usize,
    /// Requests of one session. Default 100,000.
    pub requests: u64,
    /// How long a client may let the server wait: for its next request, for the rest of one, for
    /// room to send on, or until it has read some more of what was sent. Default 60 s.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 256,
            sessions_per_address: 32,
            requests: 100_000,
            patience: Duration::from_mins(1),
        }
    }
}

/// What became of an answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The client's program has read all of it.
    Delivered,
    /// All of it was sent, and nothing is known beyond that.
    Sent,
    /// The request was refused.
    Refused(Refusal),
    /// The file failed in the middle.
    GivenUp(ResetCode),
    /// The client is gone, or does not want it any more: why, for people.
    Gone(String),
}

/// One request, and what became of it.
#[derive(Clone, Debug)]
pub struct Served {
    /// Whose it was.
    pub client: Peer,
    /// What kind it was; `None` if it was no request.
    pub operation: Option<Operation>,
    /// What it was about: any text.
    pub name: String,
    /// Bytes of the body.
    pub bytes: u64,
    /// From its beginning until its outcome was known.
    pub took: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address when the session began; `None` if it was over at once.
    pub address: Option<SocketAddr>,
    /// Its key, if it has one.
    pub key: Option<PublicKey>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("somebody"),
        }
    }
}

/// What a server tells whoever watches it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A session began.
    Came(Peer),
    /// A request has its outcome.
    Served(Served),
    /// A session was turned away, since there was no place for it.
    Crowded(Peer),
    /// A session is over.
    Left(Peer),
}

/// A file service.
#[derive(Clone)]
pub struct Server {
    store: Arc<dyn Store>,
    limits: Limits,
}

type Watch = Arc<dyn Fn(Event) + Send + Sync>;

/// Ends an answer. A client that has read all of it may be gone before it sees the end.
fn finish(stream: &Stream) -> rudp::Result<()> {
    match stream.finish() {
        Err(error) if error.kind() == ErrorKind::StreamStopped => Ok(()),
        result => result,
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Server {
    /// A server of what is in `store`.
    pub fn new(store: impl Store + 'static, limits: Limits) -> Self {
        Self { store: Arc::new(store), limits }
    }

    /// Serves those who come to `endpoint`, until it is shut down, and tells `watch` what happens.
    /// The sessions that are open then are the endpoint's to end.
    ///
    /// # Errors
    /// The endpoint had to end.
    pub fn run(
        &self,
        endpoint: &Endpoint,
        watch: impl Fn(Event) + Send + Sync + 'static,
    ) -> rudp::Result<()> {
        let places = Places::new(self.limits.sessions, self.limits.sessions_per_address);
        let watch: Watch = Arc::new(watch);
        loop {
            match endpoint.accept() {
                Ok(session) => self.receive(session, &places, &watch),
                Err(error) if error.kind() == ErrorKind::ServerShutdown => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives a new session a thread, or turns it away.
    fn receive(&self, session: Session, places: &Arc<Places>, watch: &Watch) {
        let client = Peer { address: session.remote_addr(), key: session.peer_key() };
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let address = client.address.map_or(nowhere, |address| address.ip());
        let turned_away = session.clone();
        let started = places.take(address).is_some_and(|place| {
            let (server, watching) = (self.clone(), Arc::clone(watch));
            let serve = move || server.serve(&session, client, &place, &watching);
            thread::Builder::new().name("rudp-files".into()).spawn(serve).is_ok()
        });
        if !started {
            turned_away.abort(NO_PLACE, "too many sessions: try again later");
            watch(Event::Crowded(client));
        }
    }

    fn serve(&self, session: &Session, client: Peer, _place: &Place, watch: &Watch) {
        watch(Event::Came(client));
        // Both are above zero, or the default is kept, which waits for the idle timeout.
        let _ = session.set_read_timeout(Some(self.limits.patience));
        let _ = session.set_write_timeout(Some(self.limits.patience));
        let mut requests = 0;
        while let Ok(stream) = session.accept_stream() {
            if requests == self.limits.requests {
                session.abort(ENOUGH, "too many requests in one session: open another");
                break;
            }
            requests += 1;
            if stream.can_write() {
                watch(Event::Served(self.answer(&stream, client)));
            }
        }
        watch(Event::Left(client));
    }

    fn answer(&self, stream: &Stream, client: Peer) -> Served {
        let begun = Instant::now();
        let mut served = Served {
            client,
            operation: None,
            name: String::new(),
            bytes: 0,
            took: Duration::ZERO,
            outcome: Outcome::Sent,
        };
        served.outcome = match self.exchange(stream, &mut served) {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Gone(error.to_string()),
        };
        served.took = begun.elapsed();
        served
    }

    fn exchange(&self, stream: &Stream, served: &mut Served) -> io::Result<Outcome> {
        let mut bytes = Vec::new();
        stream.take(MAX_REQUEST as u64 + 1).read_to_end(&mut bytes)?;
        let request = Request::from_bytes(&bytes);
        served.operation = request.as_ref().map(Request::operation);
        served.name = request.as_ref().map(|request| request.name().to_owned()).unwrap_or_default();
        let mut metered = Metered::new(stream);
        match respond(request.as_ref(), &*self.store, &mut metered)? {
            Answered::Refused(refusal) => {
                finish(stream)?;
                Ok(Outcome::Refused(refusal))
            }
            Answered::GivenUp(bytes, code) => {
                served.bytes = bytes;
                stream.reset(code as u32)?;
                Ok(Outcome::GivenUp(code))
            }
            Answered::Done(bytes) => {
                served.bytes = bytes;
                finish(stream)?;
                // Only files are worth the wait.
                if served.operation != Some(Operation::Read) {
                    return Ok(Outcome::Sent);
                }
                metered.wait(self.limits.patience)?;
                Ok(Outcome::Delivered)
            }
        }
    }
}
