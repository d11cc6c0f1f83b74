//! One download as it runs: the client machine on a socket of its own, its bytes into an output.
//! The command line, and what is printed, is `get`'s.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use indicatif::ProgressBar;
use rudp_base::{Application, Instant, Machine};
use rudp_net::{Driver, DriverOptions, Socket, SocketOptions};
use rushb::wire::Options;
use rushb::{ClientEvent, Failure as Cause};

use super::expected::Checked;
use crate::exit::{Exit, Failure, OrExit};

/// What ends the waiting for a download.
pub(crate) enum Signal {
    /// The download of this number is over.
    Over(usize),
    /// Ctrl-C.
    Interrupted,
}

/// The application above a client: it writes what comes.
pub(crate) struct Download {
    number: usize,
    signals: Sender<Signal>,
    bar: ProgressBar,
    /// Gone once the file is in its place, or will never be.
    output: Option<Checked>,
    result: Result<(), Failure>,
    bytes: u64,
    complete: bool,
    granted: Option<Options>,
}

/// How a download went.
pub(crate) struct Outcome {
    pub(crate) result: Result<(), Failure>,
    pub(crate) bytes: u64,
    /// Whether everything is in its place.
    complete: bool,
    /// What the server granted, if it answered at all.
    pub(crate) granted: Option<Options>,
    /// The place for the bytes, where nothing came to fill it.
    pub(crate) output: Option<Checked>,
}

impl Download {
    pub(crate) fn new(
        number: usize,
        output: Checked,
        bar: ProgressBar,
        signals: Sender<Signal>,
    ) -> Self {
        Self {
            number,
            signals,
            bar,
            output: Some(output),
            result: Ok(()),
            bytes: 0,
            complete: false,
            granted: None,
        }
    }

    /// Runs `client` (with or without something around it) against `server` until the session is
    /// over, or `signals` says that it shall be.
    pub(crate) fn run<M>(
        self,
        client: M,
        server: SocketAddr,
        signals: &Receiver<Signal>,
    ) -> Result<Outcome, Failure>
    where
        M: Machine<Event = ClientEvent> + Send + 'static,
    {
        let (number, sender) = (self.number, self.signals.clone());
        let options = DriverOptions { name: "rushb-get".into(), ..DriverOptions::default() };
        let driver = Driver::spawn(client, self, socket_for(server)?, options)
            .or_exit(Exit::Other, || "cannot start a thread".into())?;
        let watched = driver.clone();
        let watcher = thread::spawn(move || {
            let ended = watched.join();
            // Nobody listens where the download was over first.
            let _ = sender.send(Signal::Over(number));
            ended
        });
        driver.with(|_, _, _| ()); // The first packet leaves.
        let interrupted = loop {
            match signals.recv() {
                Ok(Signal::Over(over)) if over != number => {}
                Ok(Signal::Over(_)) => break false,
                Ok(Signal::Interrupted) | Err(_) => break true,
            }
        };
        driver.shutdown();
        let ended = watcher.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")));
        ended.or_exit(Exit::Local, || "the download's thread failed".into())?;
        let mut outcome = driver.with(|_, _, download| download.take());
        // Ctrl-C while the closing handshake went on comes too late to undo anything.
        if interrupted && !outcome.complete {
            outcome.result = Err(Failure::message(Exit::Interrupted, "interrupted"));
        }
        Ok(outcome)
    }

    fn take(&mut self) -> Outcome {
        Outcome {
            result: std::mem::replace(&mut self.result, Ok(())),
            bytes: self.bytes,
            complete: self.complete,
            granted: self.granted,
            output: self.output.take(),
        }
    }

    fn on_data(&mut self, data: &[u8]) {
        let Some(output) = &mut self.output else { return };
        match output.write(data) {
            Ok(()) => {
                self.bytes += data.len() as u64;
                self.bar.set_position(self.bytes);
            }
            // No use in the rest of the file.
            Err(failure) => self.give_up(failure),
        }
    }

    fn on_complete(&mut self) {
        let Some(output) = self.output.take() else { return };
        match output.complete() {
            Ok(_) => self.complete = true,
            Err(failure) => self.give_up(failure),
        }
    }

    fn give_up(&mut self, failure: Failure) {
        self.output = None;
        self.result = Err(failure);
        self.over();
    }

    fn over(&self) {
        let _ = self.signals.send(Signal::Over(self.number));
    }
}

impl<M: Machine<Event = ClientEvent>> Application<M> for Download {
    fn on_event(&mut self, _: Instant, _: &mut M, event: ClientEvent) {
        match event {
            ClientEvent::Granted(options) => self.granted = Some(options),
            ClientEvent::Data(data) => self.on_data(&data),
            ClientEvent::Complete => self.on_complete(),
            ClientEvent::Failed(cause) => {
                let exit = match cause {
                    Cause::NoAnswer => Exit::NoAnswer,
                    Cause::Refused => Exit::Refused,
                    Cause::Corrupt => Exit::Corrupt,
                };
                self.result = Err(Failure::new(exit, cause));
            }
            ClientEvent::Closed => self.over(),
        }
    }
}

/// A socket that reaches `server`, on a port that no earlier session had.
fn socket_for(server: SocketAddr) -> Result<Socket, Failure> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // One packet at a time needs no large buffers, and packets may be fragmented on the way.
    let options = SocketOptions {
        fragment: true,
        receive_buffer: 1 << 17,
        send_buffer: 1 << 17,
        ..SocketOptions::default()
    };
    Socket::bind(SocketAddr::new(any, 0), &options)
        .or_exit(Exit::Local, || "cannot open a socket".into())
}
