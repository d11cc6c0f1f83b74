//! Processes of `rudp` with a home of their own, and directories with files to serve.
//! How processes are started and watched is in `process`.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use crate::process::{Ended, Process};
use crate::relay::Relay;

/// A place with a directory to serve, a home for keys, and a directory to work in.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(TempDir::new().expect("a temporary directory"));
        for name in ["served", "here", "state"] {
            fs::create_dir(place.0.path().join(name)).expect("a directory");
        }
        place
    }

    /// A file that is served.
    pub(crate) fn with(self, name: &str, content: &[u8]) -> Self {
        fs::write(self.served().join(name), content).expect("the file is written");
        self
    }

    /// A file of zeros that is served, which takes no room on the disk.
    pub(crate) fn with_zeros(self, name: &str, len: u64) -> Self {
        let file = File::create(self.served().join(name)).expect("the file is made");
        file.set_len(len).expect("it can have holes");
        self
    }

    pub(crate) fn served(&self) -> PathBuf {
        self.0.path().join("served")
    }

    pub(crate) fn here(&self) -> PathBuf {
        self.0.path().join("here")
    }

    /// A file among those where keys are kept.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.0.path().join("state/rudp").join(name)
    }

    /// A file that was downloaded.
    #[track_caller]
    pub(crate) fn got(&self, name: &str) -> Vec<u8> {
        fs::read(self.here().join(name)).expect("it is there")
    }

    /// What is in the directory to work in.
    pub(crate) fn names(&self) -> Vec<String> {
        crate::disk::names(&self.here())
    }

    /// How many temporary files are there.
    pub(crate) fn parts(&self) -> usize {
        self.names().iter().filter(|name| name.starts_with(".rudp-")).count()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rudp"));
        command.args(arguments).current_dir(self.here());
        command.env("XDG_STATE_HOME", self.0.path().join("state"));
        command
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        Process::start(&mut self.command(arguments))
    }

    /// Runs the program to its end, which has to have this code.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> Ended {
        self.start(arguments).wait().expect(code)
    }

    /// Serves the directory.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Serves the directory at a port of the system's choosing.
    pub(crate) fn serve_with(&self, options: &[&str]) -> Server {
        self.serve_at("127.0.0.1:0", options)
    }

    /// Serves the directory, and waits until it is served.
    pub(crate) fn serve_at(&self, address: &str, options: &[&str]) -> Server {
        let served = self.served();
        let served = text(&served);
        let process = self.start(&[&["serve", served, "-l", address], options].concat());
        let line = process.printed(|line| line.contains("rudp://"));
        let url = url(&line).trim_end_matches("NAME").trim_end_matches('/').to_owned();
        Server { process, url }
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a name that is UTF-8")
}

/// The URL in a line.
pub(crate) fn url(line: &str) -> &str {
    let at = line.find("rudp://").expect("there is one");
    line[at..].split_whitespace().next().expect("it is a word")
}

/// The object in each line.
#[track_caller]
pub(crate) fn objects(lines: &str) -> Vec<Value> {
    let object = |line| match serde_json::from_str(line) {
        Ok(object @ Value::Object(_)) => object,
        other => panic!("{line:?} is {other:?}"),
    };
    lines.lines().map(object).collect()
}

/// A server that does not outlive this.
pub(crate) struct Server {
    pub(crate) process: Process,
    /// `rudp://KEY@HOST:PORT`.
    pub(crate) url: String,
}

impl Server {
    /// Where a file can be downloaded.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    /// Where a file can be downloaded through a relay.
    pub(crate) fn through(&self, relay: &Relay, name: &str) -> String {
        format!("rudp://{}@{}", self.key(), relay.at(name))
    }

    pub(crate) fn key(&self) -> &str {
        let rest = self.url.strip_prefix("rudp://").expect("it is a URL");
        rest.split_once('@').expect("it has a key").0
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.url.rsplit(['@', '/']).next().expect("there is always a last part");
        address.parse().expect("it is an address")
    }

    /// Ends the server as Ctrl-C does.
    pub(crate) fn interrupt(self) -> Ended {
        self.process.signal(Signal::INT);
        self.process.wait()
    }
}
