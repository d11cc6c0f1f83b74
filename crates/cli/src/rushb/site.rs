//! The application above the server machine: requests become files, and what happens becomes log
//! lines and totals. Sockets and signals are `serve`'s.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use rudp_base::{Application, Instant};
use rushb::wire::{Options, PAYLOAD_LEN};
use rushb::{Limit, Outcome, Report, Server, ServerEvent, SessionId, cipher};
use tracing::{debug, error, info, warn};

use super::directory::{Directory, FileId, Found, Refusal};
use crate::limiter::Limiter;
use crate::print::shown;

/// Characters of a name in a log line.
const LOGGED_NAME: usize = 100;

/// A served directory, with everything that is being downloaded from it.
pub(crate) struct Site {
    directory: Directory,
    downloads: HashMap<SessionId, FileId>,
    /// Files to be looked through before ENC is promised; another thread does it.
    scans: SyncSender<Scan>,
    /// Which they are, and who waits for them: open sessions only, so that whoever asks over and over
    /// while a large file is looked through fills nothing.
    scanning: HashSet<FileId>,
    waiting: HashMap<SessionId, FileId>,
    totals: Totals,
    limited: Limiter,
    dropped: Limiter,
    refused: Limiter,
    gone: Limiter,
    broken: Limiter,
}

/// A file to be looked through for bytes that ENC cannot carry.
pub(crate) struct Scan {
    id: FileId,
    file: Arc<File>,
}

impl Scan {
    /// Reads the whole file: not for the thread that answers clients.
    pub(crate) fn run(&self) -> bool {
        let mut buffer = vec![0; 1 << 16];
        let mut offset = 0;
        loop {
            match self.file.read_at(&mut buffer, offset) {
                Ok(0) => return true,
                Ok(len) if cipher::is_encodable(&buffer[..len]) => offset += len as u64,
                _ => return false,
            }
        }
    }
}

/// What a server did in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) delivered: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) retransmissions: u64,
}

impl Site {
    pub(crate) fn new(directory: Directory, scans: SyncSender<Scan>) -> Self {
        Self {
            directory,
            downloads: HashMap::new(),
            scans,
            scanning: HashSet::new(),
            waiting: HashMap::new(),
            totals: Totals::default(),
            limited: Limiter::default(),
            dropped: Limiter::default(),
            refused: Limiter::default(),
            gone: Limiter::default(),
            broken: Limiter::default(),
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// A file has been looked through.
    pub(crate) fn on_scanned(&mut self, server: &mut Server, scan: &Scan, encodable: bool) {
        self.directory.set_encodable(&scan.id, encodable);
        self.scanning.remove(&scan.id);
        let served: Vec<_> = self.waiting.extract_if(|_, id| *id == scan.id).collect();
        for (session, id) in served {
            if encodable {
                self.serve(server, session, id);
            } else {
                self.refuse(server, session, id.name(), &Refusal::NotEncodable);
            }
        }
    }

    /// Serves the file if ENC can carry it, which another thread finds out.
    fn serve_if_encodable(&mut self, server: &mut Server, session: SessionId, found: Found) {
        if !self.scanning.contains(&found.id) {
            let scan = Scan { id: found.id.clone(), file: found.file };
            if self.scans.try_send(scan).is_err() {
                return self.refuse(server, session, found.id.name(), &Refusal::Busy);
            }
            self.scanning.insert(found.id.clone());
        }
        self.waiting.insert(session, found.id);
    }

    fn on_request(
        &mut self,
        server: &mut Server,
        session: SessionId,
        name: &str,
        options: Options,
    ) {
        debug!(client = %session.peer, name = loggable(name), chk = options.checksum, enc = options.encoding, "asked");
        let found = match self.directory.find(name) {
            Ok(found) => found,
            Err(refusal) => return self.refuse(server, session, name, &refusal),
        };
        if found.ends_in_zero && found.is_new {
            warn!(
                name = loggable(name),
                "the file ends in zero bytes, which RUSHB cannot carry: it will arrive shorter"
            );
        }
        match found.encodable {
            Some(true) => self.serve(server, session, found.id),
            _ if !options.encoding => self.serve(server, session, found.id),
            Some(false) => self.refuse(server, session, name, &Refusal::NotEncodable),
            None => self.serve_if_encodable(server, session, found),
        }
    }

    fn serve(&mut self, server: &mut Server, session: SessionId, id: FileId) {
        if server.accept(session, id.len()) {
            self.downloads.insert(session, id);
        }
    }

    fn refuse(&mut self, server: &mut Server, session: SessionId, name: &str, reason: &Refusal) {
        server.refuse(session);
        if let Some(more) = self.refused.admit() {
            warn!(client = %session.peer, name = loggable(name), %reason, more, "refused");
        }
    }

    fn on_wanted(
        &mut self,
        now: Instant,
        server: &mut Server,
        session: SessionId,
        offset: u64,
        len: usize,
    ) {
        let mut piece = [0; PAYLOAD_LEN];
        let Some(id) = self.downloads.get(&session) else { return };
        let piece = &mut piece[..len];
        match self.directory.read(id, offset, piece) {
            Ok(()) => {
                server.supply(now, session, piece);
            }
            Err(reason) => {
                let name = loggable(id.name());
                if let Some(more) = self.broken.admit() {
                    error!(client = %session.peer, name, offset, %reason, more, "cannot go on serving");
                }
                server.abandon(now, session);
            }
        }
    }

    fn on_end(&mut self, session: SessionId, outcome: Outcome, report: &Report) {
        self.waiting.remove(&session);
        let id = self.downloads.remove(&session);
        let name = id.map(|id| loggable(id.name()));
        let client = session.peer;
        let Report { bytes, packets, retransmissions, naks, duration } = *report;
        self.totals.bytes += bytes;
        self.totals.packets += packets;
        self.totals.retransmissions += retransmissions;
        match outcome {
            Outcome::Delivered => {
                self.totals.delivered += 1;
                info!(%client, name, bytes, packets, retransmissions, naks, ?duration, "delivered");
            }
            Outcome::Refused | Outcome::BadName => {
                self.totals.refused += 1;
                debug!(%client, ?outcome, "the client knows");
            }
            Outcome::ClientGone => {
                self.totals.failed += 1;
                if let Some(more) = self.gone.admit() {
                    warn!(%client, name, bytes, packets, ?duration, more, "the client is gone");
                }
            }
            Outcome::Evicted => {
                self.totals.failed += 1;
                debug!(%client, name, "dropped for others before the client answered");
            }
            Outcome::Abandoned | Outcome::Interrupted => {
                self.totals.failed += 1;
                if let Some(more) = self.gone.admit() {
                    warn!(%client, name, bytes, ?outcome, more, "not delivered");
                }
            }
        }
    }
}

impl Application<Server> for Site {
    fn on_event(&mut self, now: Instant, server: &mut Server, event: ServerEvent) {
        match event {
            ServerEvent::Requested { session, name, options } => {
                self.on_request(server, session, &name, options);
            }
            ServerEvent::Wanted { session, offset, len } => {
                self.on_wanted(now, server, session, offset, len);
            }
            ServerEvent::Ended { session, outcome, report } => {
                self.on_end(session, outcome, &report);
            }
            ServerEvent::Limited { limit: Limit::Closing, .. } => {}
            ServerEvent::Limited { peer, limit } => {
                if let Some(more) = self.limited.admit() {
                    warn!(client = %peer, ?limit, more, "a limit was reached");
                }
            }
        }
    }

    fn on_receive_drops(&mut self, now: Instant, server: &mut Server, count: u64) {
        server.on_receive_drops(now);
        if let Some(more) = self.dropped.admit() {
            warn!(count, more, "the socket's buffer was full: sending less for a while");
        }
    }
}

/// What a log may show of a name that anybody can choose.
fn loggable(name: &str) -> String {
    shown(name, LOGGED_NAME)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use rudp_base::{Datagrams, Machine as _, TRANSMIT_BUFFER, drain};
    use rushb::ServerConfig;
    use rushb::wire::{Header, Kind};

    use super::*;

    #[test]
    fn whoever_asks_while_a_file_is_looked_through_fills_nothing() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "text").unwrap();
        let (scans, to_scan) = mpsc::sync_channel(1);
        let mut site = Site::new(Directory::open(directory.path(), 1).unwrap(), scans);
        let config = ServerConfig { max_unanswered: 10, ..ServerConfig::default() };
        let mut server = Server::new(config);
        let options = Options { checksum: false, encoding: true };
        let header = Header { sequence: 1, acknowledgement: 0, kind: Kind::Get, options };
        let mut name = *b"file";
        cipher::encode(&mut name).unwrap();
        let mut buffer = vec![0; TRANSMIT_BUFFER];
        let mut sent = 0;
        let mut settle = |server: &mut Server, site: &mut Site| {
            drain(Instant::ZERO, server, site, &mut buffer, |_, _| {
                sent += 1;
                std::ops::ControlFlow::Continue(())
            });
            sent
        };
        for port in 1..1_000 {
            let client = ([10, 0, 0, 1], port).into();
            server.handle(Instant::ZERO, Datagrams::single(client, &mut header.packet(&name)));
            settle(&mut server, &mut site);
        }
        assert_eq!(site.waiting.len(), 10, "those whose sessions are open");
        let scan = to_scan.try_recv().unwrap();
        assert!(to_scan.try_recv().is_err(), "the file is looked through once");
        let encodable = scan.run();
        site.on_scanned(&mut server, &scan, encodable);
        assert_eq!((site.waiting.len(), site.scanning.len()), (0, 0));
        assert_eq!(settle(&mut server, &mut site), 10, "each gets its first packet");
    }
}
