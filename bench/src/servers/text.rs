//! [`Text`]: the application on top of the RUSHB server, which has one file in memory.
//! Limits are lifted here, so that none of them is what is measured.

use rudp_base::{Application, Instant};
use rushb::{Outcome, Server, ServerConfig, ServerEvent};

use crate::file::{File, NAME};
use crate::sample::Sample;

/// A server that takes as many sessions as a swarm has clients.
pub(super) fn server() -> Server {
    Server::new(ServerConfig {
        max_sessions: 131_072,
        max_unanswered: 65_536,
        max_rate_per_address: 1_000_000,
        max_in_flight: 65_536,
        ..ServerConfig::default()
    })
}

/// Serves one file, and counts.
pub(super) struct Text {
    file: File,
    delivered: u64,
    failed: u64,
    retransmissions: u64,
}

impl Text {
    pub(super) fn new(file: File) -> Self {
        Self { file, delivered: 0, failed: 0, retransmissions: 0 }
    }
}

impl Application<Server> for Text {
    fn on_event(&mut self, now: Instant, server: &mut Server, event: ServerEvent) {
        match event {
            ServerEvent::Requested { session, name, .. } => {
                if name == NAME {
                    server.accept(session, self.file.len());
                } else {
                    server.refuse(session);
                }
            }
            ServerEvent::Wanted { session, offset, len } => {
                server.supply(now, session, self.file.piece(offset, len));
            }
            ServerEvent::Ended { outcome, report, .. } => {
                let delivered = outcome == Outcome::Delivered;
                self.delivered += u64::from(delivered);
                self.failed += u64::from(!delivered);
                self.retransmissions += report.retransmissions;
            }
            ServerEvent::Limited { .. } => self.failed += 1,
        }
    }

    fn on_receive_drops(&mut self, now: Instant, server: &mut Server, _count: u64) {
        server.on_receive_drops(now);
    }
}

/// What is counted beyond the driver's counters.
pub(super) fn add_counters(sample: &mut Sample, server: &Server, text: &Text) {
    sample.set("open_sessions", server.open_sessions() as u64);
    sample.set("ignored", server.ignored());
    sample.set("delivered", text.delivered);
    sample.set("failed", text.failed);
    sample.set("retransmissions", text.retransmissions);
}
