//! [`Download`]: the application of a client, which keeps what came and checks the order of events.
//! Whether what came is right is for the test to say.

use rudp_base::{Application, Instant};
use rushb::wire::Options;
use rushb::{Client, ClientEvent, Failure};

/// How a download ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client has everything.
    Complete,
    /// The client has nothing that it takes for everything.
    Failed(Failure),
}

/// What a download is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// The file, byte by byte.
    Exact,
    /// Something else, said to be the file.
    Wrong,
    /// A clear error.
    Error(Failure),
}

/// What a client told.
#[derive(Debug, Default)]
pub struct Download {
    /// The options that were granted, once the server has answered.
    pub granted: Option<Options>,
    /// The bytes so far.
    pub bytes: Vec<u8>,
    /// How and when it ended.
    pub end: Option<(End, Instant)>,
    /// When the session was over.
    pub closed_at: Option<Instant>,
}

impl Download {
    /// What came, compared with the file that was asked for.
    ///
    /// # Panics
    /// Where the download is not over.
    #[track_caller]
    pub fn got(&self, expected: &[u8]) -> Got {
        match self.end {
            Some((End::Complete, _)) if self.bytes == expected => Got::Exact,
            Some((End::Complete, _)) => Got::Wrong,
            Some((End::Failed(failure), _)) => Got::Error(failure),
            None => panic!("neither complete nor failed after {} bytes", self.bytes.len()),
        }
    }
}

impl Application<Client> for Download {
    fn on_event(&mut self, now: Instant, _: &mut Client, event: ClientEvent) {
        assert_eq!(self.closed_at, None, "{event:?} after the end");
        if matches!(event, ClientEvent::Closed) {
            assert!(self.end.is_some(), "closed without a result");
            self.closed_at = Some(now);
            return;
        }
        assert_eq!(self.end, None, "{event:?} after the result");
        match event {
            ClientEvent::Granted(options) => {
                assert_eq!(self.granted.replace(options), None, "granted twice");
            }
            ClientEvent::Data(bytes) => self.bytes.extend(bytes),
            ClientEvent::Complete => self.end = Some((End::Complete, now)),
            ClientEvent::Failed(failure) => self.end = Some((End::Failed(failure), now)),
            ClientEvent::Closed => {}
        }
    }
}
