//! [`Metered`]: a stream with receipts along what was written to it, which tell a client that is
//! slow from one that does nothing. What is written is in `respond`.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Duration;

use rudp::{ErrorKind, Receipt, Stream, Until};

/// Bytes from one receipt to the next.
const STEP: usize = 1 << 18;

/// Receipts that are kept, for 64 MiB: more than is on its way when the last byte was written.
const MOST: usize = 256;

/// A stream that an answer is written to.
pub(crate) struct Metered<'a> {
    stream: &'a Stream,
    /// Bytes behind the last receipt.
    beyond: usize,
    receipts: VecDeque<Receipt>,
}

impl<'a> Metered<'a> {
    pub(crate) fn new(stream: &'a Stream) -> Self {
        Self { stream, beyond: 0, receipts: VecDeque::new() }
    }

    /// Waits until the client's program has read everything, and has the patience anew as long as
    /// some of it arrives: what is on its way may take any time on a slow network.
    pub(crate) fn wait(mut self, patience: Duration) -> rudp::Result<()> {
        let last = self.stream.receipt();
        loop {
            match last.wait(Until::Read, patience) {
                Err(error) if error.kind() == ErrorKind::TimedOut && self.has_come_further() => {}
                result => return result,
            }
        }
    }

    /// Whether more has arrived than the last time.
    fn has_come_further(&mut self) -> bool {
        let before = self.receipts.len();
        let has_arrived = |receipt: &Receipt| receipt.wait(Until::Received, Duration::ZERO).is_ok();
        while self.receipts.front().is_some_and(has_arrived) {
            self.receipts.pop_front();
        }
        self.receipts.len() < before
    }
}

impl Write for Metered<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let len = (&mut &*self.stream).write(data)?;
        self.beyond += len;
        if self.beyond >= STEP {
            self.beyond = 0;
            if self.receipts.len() == MOST {
                self.receipts.pop_front();
            }
            self.receipts.push_back(self.stream.receipt());
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test stands above the line")]
mod tests {
    use std::thread;

    use rudp::{Config, Endpoint, Session, Trust};

    use super::*;

    /// Several steps.
    const LEN: usize = 4 * STEP + 1;

    /// What may be on its way, and is much less.
    const WINDOW: u64 = 1 << 16;

    fn pair() -> (Session, Session) {
        let server = Endpoint::builder().bind("127.0.0.1:0").build().unwrap();
        server.listen().unwrap();
        let config =
            Config { stream_window: WINDOW, max_stream_window: WINDOW, ..Config::default() };
        let client = Endpoint::builder().config(config).build().unwrap();
        let session = client.connect(server.local_addr(), Trust::AnyKey).unwrap();
        (server.accept().unwrap(), session)
    }

    fn written(stream: &Stream, len: usize) -> Metered<'_> {
        let mut metered = Metered::new(stream);
        metered.write_all(&vec![7; len]).unwrap();
        stream.finish().unwrap();
        metered
    }

    #[test]
    fn a_network_may_be_slow_as_long_as_something_arrives() {
        let (server, client) = pair();
        let stream = server.open_uni_stream().unwrap();
        let patience = Duration::from_secs(6);
        let reading = thread::spawn(move || {
            let stream = client.accept_stream().unwrap();
            let mut len = 0;
            while len < LEN {
                len += stream.receive(STEP / 4).unwrap().len();
                // All in all more than the patience, and no step comes near to it.
                thread::sleep(patience / 12);
            }
            client
        });
        written(&stream, LEN).wait(patience).unwrap();
        drop(reading.join().unwrap());
    }

    #[test]
    fn a_client_that_reads_nothing_is_not_waited_for() {
        let (server, _client) = pair();
        let stream = server.open_uni_stream().unwrap();
        // More than the window, and not so much that writing waits.
        let error = written(&stream, STEP / 2).wait(Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
