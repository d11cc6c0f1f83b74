//! [`Shop`]: the application of a server, with files in memory.
//! It can also fail in the ways that real files fail.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::rc::Rc;

use rudp_base::{Application, Instant};
use rushb::{Limit, Outcome, Report, Server, ServerEvent, SessionId, cipher};

/// A file.
#[derive(Clone, Debug)]
pub struct Goods {
    bytes: Rc<[u8]>,
    /// How many bytes are promised, which may be more than there are.
    promised: usize,
    /// From which offset on the session is abandoned.
    ends_at: usize,
    /// Whether ENC is granted without a look at the bytes.
    unchecked: bool,
}

impl Goods {
    /// As it should be.
    pub fn new(bytes: impl Into<Rc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { promised: bytes.len(), ends_at: usize::MAX, unchecked: false, bytes }
    }

    /// A file that has shrunk: `promised` bytes when it was opened, and less when it was read.
    #[must_use]
    pub fn shrunk_from(self, promised: usize) -> Self {
        Self { promised, ..self }
    }

    /// A file that cannot be read from `offset` on.
    #[must_use]
    pub fn unreadable_from(self, offset: usize) -> Self {
        Self { ends_at: offset, ..self }
    }

    /// A file of which nobody knew that ENC cannot carry it.
    #[must_use]
    pub fn unchecked(self) -> Self {
        Self { unchecked: true, ..self }
    }

    fn is_sold_with(&self, encoding: bool) -> bool {
        !encoding || self.unchecked || cipher::is_encodable(&self.bytes)
    }
}

/// Serves files by name, and keeps what the server told.
#[derive(Debug, Default)]
pub struct Shop {
    goods: BTreeMap<String, Goods>,
    open: BTreeMap<SessionId, Goods>,
    /// All sessions that were asked for anything.
    pub requested: Vec<SessionId>,
    /// How sessions ended.
    pub ended: Vec<(SessionId, Outcome, Report)>,
    /// Which limits were met.
    pub limited: Vec<(SocketAddr, Limit)>,
}

impl Shop {
    /// A shop without goods.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more file.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: impl Into<Rc<[u8]>>) -> Self {
        self.put(name, Goods::new(bytes));
        self
    }

    /// Puts a file in place of the one of that name.
    pub fn put(&mut self, name: &str, goods: Goods) {
        self.goods.insert(name.to_owned(), goods);
    }

    /// How the sessions ended, oldest first.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.ended.iter().map(|(_, outcome, _)| *outcome).collect()
    }

    fn on_wanted(
        &self,
        now: Instant,
        server: &mut Server,
        session: SessionId,
        (offset, len): (u64, usize),
    ) {
        let goods = &self.open[&session];
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(goods.bytes.len());
        if start >= goods.ends_at {
            server.abandon(now, session);
        } else {
            server.supply(now, session, &goods.bytes[start..goods.bytes.len().min(start + len)]);
        }
    }
}

impl Application<Server> for Shop {
    fn on_event(&mut self, now: Instant, server: &mut Server, event: ServerEvent) {
        match event {
            ServerEvent::Requested { session, name, options } => {
                self.requested.push(session);
                let found = self.goods.get(&name);
                if let Some(goods) = found.filter(|goods| goods.is_sold_with(options.encoding)) {
                    self.open.insert(session, goods.clone());
                    server.accept(session, goods.promised as u64);
                } else {
                    server.refuse(session);
                }
            }
            ServerEvent::Wanted { session, offset, len } => {
                self.on_wanted(now, server, session, (offset, len));
            }
            ServerEvent::Ended { session, outcome, report } => {
                self.open.remove(&session);
                self.ended.push((session, outcome, report));
            }
            ServerEvent::Limited { peer, limit } => self.limited.push((peer, limit)),
        }
    }

    fn on_receive_drops(&mut self, now: Instant, server: &mut Server, _: u64) {
        server.on_receive_drops(now);
    }
}
