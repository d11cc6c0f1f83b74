//! Processes of `rushb`, their output as it comes, and directories with files to serve.
//! Every process that is started here is killed and reaped when its guard goes.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// The program.
pub(crate) const RUSHB: &str = env!("CARGO_BIN_EXE_rushb");

/// Nothing that is waited for takes this long, on whatever machine: it only keeps a failing test
/// from hanging.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What a process has written to one of its outputs, and whether that was all.
#[derive(Default)]
struct Stream {
    state: Mutex<(Vec<u8>, bool)>,
    changed: Condvar,
}

impl Stream {
    fn of(mut source: impl Read + Send + 'static) -> Arc<Self> {
        let stream = Arc::new(Self::default());
        let filled = Arc::clone(&stream);
        thread::spawn(move || {
            let mut buffer = [0; 1 << 14];
            loop {
                let len = match source.read(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    read => read.unwrap_or(0),
                };
                let mut state = filled.state.lock().expect("no reader panics");
                state.0.extend_from_slice(&buffer[..len]);
                state.1 = len == 0;
                filled.changed.notify_all();
                if len == 0 {
                    break;
                }
            }
        });
        stream
    }

    /// Waits until `find` finds something in what was written; it is also told whether that is all.
    fn wait<T>(&self, find: impl Fn(&[u8], bool) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state.lock().expect("no reader panics");
        loop {
            if let Some(found) = find(&state.0, state.1) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            state = self.changed.wait_timeout(state, left).expect("no reader panics").0;
        }
    }

    /// Waits for a complete line that `wanted` takes.
    fn wait_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.wait(|bytes, ended| {
            let text = String::from_utf8_lossy(bytes);
            let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            match lines.find(|line| wanted(line.trim_end())) {
                Some(line) => Some(Ok(line.trim_end().to_owned())),
                None => ended.then(|| Err(text.into_owned())),
            }
        });
        match found {
            Some(Ok(line)) => line,
            Some(Err(text)) => panic!("it ended without the line; it wrote:\n{text}"),
            None => panic!("the line did not come; until now:\n{}", self.text()),
        }
    }

    fn text(&self) -> String {
        let state = self.state.lock().expect("no reader panics");
        String::from_utf8_lossy(&state.0).into_owned()
    }

    /// Waits for the end.
    fn all(&self) -> Vec<u8> {
        let all = self.wait(|bytes, ended| ended.then(|| bytes.to_vec()));
        all.unwrap_or_else(|| panic!("the process goes on; until now:\n{}", self.text()))
    }
}

/// A process that runs, and does not outlive this.
pub(crate) struct Process {
    child: Child,
    stdout: Arc<Stream>,
    stderr: Arc<Stream>,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = Stream::of(child.stdout.take().expect("it is piped"));
        let stderr = Stream::of(child.stderr.take().expect("it is piped"));
        Self { child, stdout, stderr }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    /// Waits for a line on standard output.
    pub(crate) fn printed(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.stdout.wait_line(wanted)
    }

    /// Waits for a line on standard error.
    pub(crate) fn logged(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.stderr.wait_line(wanted)
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        let status = self.child.wait().expect("it is a child that was not reaped");
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Ended { code: status.code(), stdout, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Panics unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        let stdout = String::from_utf8_lossy(&self.stdout);
        let stdout: String = stdout.chars().take(2_000).collect();
        assert_eq!(self.code, Some(code), "stderr:\n{}\nstdout:\n{stdout}", self.stderr);
        self
    }

    pub(crate) fn printed(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("what is printed is text")
    }
}

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

/// The names in a directory, in order.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("it is readable"))).collect();
    names.sort();
    names
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

/// Says that a part of a test cannot run here, past the capture of the test's output.
pub(crate) fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}
