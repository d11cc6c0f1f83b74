//! Servers and clients of `rushb`, and directories with files to serve.
//! How processes are started and watched is in `process`.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub(crate) use crate::disk::{names, skip};
pub(crate) use crate::process::{Ended, PATIENCE, Process};

/// The program.
pub(crate) const RUSHB: &str = env!("CARGO_BIN_EXE_rushb");

/// Runs `rushb` with `arguments` to its end.
pub(crate) fn rushb<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    Process::start(Command::new(RUSHB).args(arguments)).wait()
}

/// Starts `rushb get` with `arguments` in the directory `here`.
pub(crate) fn start_get(here: &Path, arguments: &[&str]) -> Process {
    Process::start(Command::new(RUSHB).current_dir(here).arg("get").args(arguments))
}

/// Runs `rushb get` with `arguments` in the directory `here` to its end.
pub(crate) fn get(here: &Path, arguments: &[&str]) -> Ended {
    start_get(here, arguments).wait()
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `rushb serve` in `directory` with `arguments`, and waits until it listens.
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(RUSHB);
        command.current_dir(directory).arg("serve").args(arguments);
        Self::from(&mut command)
    }

    /// Starts `command`, which must be a server, and waits until it listens.
    pub(crate) fn from(command: &mut Command) -> Self {
        let process = Process::start(command);
        let line = process.printed(|_| true);
        let address = address(&line);
        let address = address.unwrap_or_else(|| panic!("there is no address in {line:?}"));
        Self { process, address }
    }

    /// Where the file `name` can be downloaded.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Ends the server as Ctrl-C does.
    pub(crate) fn interrupt(self) -> Ended {
        self.process.signal(Signal::INT);
        self.process.wait()
    }
}

/// The address in the line by which a server announces itself, in each of its three forms.
fn address(line: &str) -> Option<SocketAddr> {
    if let Ok(port) = line.parse::<u16>() {
        return Some(([127, 0, 0, 1], port).into());
    }
    if let Ok(event) = serde_json::from_str::<Value>(line) {
        return event["address"].as_str()?.parse().ok();
    }
    line.rsplit_once(" at ")?.1.split_once(';')?.0.parse().ok()
}

/// The number behind `key=` in the last line of a server's log.
pub(crate) fn total(log: &str, key: &str) -> Option<u64> {
    let last = log.lines().rfind(|line| line.contains("stopped"))?;
    let mut words = last.split_whitespace();
    words.find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
}

/// A directory with the directories `served` and `here` in it.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().expect("there is room for temporary files");
        for name in ["served", "here"] {
            fs::create_dir(directory.path().join(name)).expect("the directory is new");
        }
        Self { directory }
    }

    /// A place whose served directory has the file `name` of `content`.
    pub(crate) fn with(name: &str, content: &[u8]) -> Self {
        let place = Self::new();
        place.add(name, content);
        place
    }

    /// Adds a file to the served directory.
    pub(crate) fn add(&self, name: &str, content: &[u8]) {
        let path = self.served().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        fs::write(path, content).expect("the directory is writable");
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn served(&self) -> PathBuf {
        self.path().join("served")
    }

    pub(crate) fn here(&self) -> PathBuf {
        self.path().join("here")
    }

    /// What the file `name` in the directory `here` contains.
    #[track_caller]
    pub(crate) fn got(&self, name: &str) -> Vec<u8> {
        fs::read(self.here().join(name)).expect("the file is there")
    }

    /// The names in the directory `here`, hidden ones included.
    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.here())
    }
}

/// `len` bytes that RUSHB can carry, with ENC too: none is zero, and none is over 248.
pub(crate) fn content(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state % 248 + 1).expect("it is at most 248")
    });
    bytes.take(len).collect()
}

/// As `sha256sum` prints it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
