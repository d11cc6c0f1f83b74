//! Processes and their output as it comes. Which programs they are is the tests' business.
//! Every process that is started here is killed and reaped when its guard goes.

#![allow(dead_code, reason = "each program's tests use some of it")]

use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

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
    /// Starts a process that has nothing to read.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    /// Starts a process that reads `input`.
    pub(crate) fn start_with(command: &mut Command, input: impl Into<Stdio>) -> Self {
        let mut child = command
            .stdin(input)
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
