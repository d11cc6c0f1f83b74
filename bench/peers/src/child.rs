//! [`Child`]: a server or client in a process of its own, and the talk with it: a server says that
//! it is ready and where, both print one line of figures, and are ended.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::Value;

/// Keeps this process on one core.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core).with_context(|| format!("there is no core {core}"))?;
    sched_setaffinity(Pid::from_raw(0), &cores)
        .with_context(|| format!("cannot pin a process to core {core}; see --help"))
}

/// Prints a line to the parent, now.
pub(crate) fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// A process that is ended when its handle goes.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
    name: String,
}

impl Child {
    pub(crate) fn start(words: &[String]) -> Result<Self> {
        let program = env::current_exe().context("where is this program?")?;
        let name = words.join(" ");
        let mut process = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{name}`"))?;
        let output = process.stdout.take().context("a child without output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, lines, name })
    }

    /// Where a server is, and what its clients have to trust.
    pub(crate) fn ready(&self) -> Result<(String, String)> {
        let line = self.line(Duration::from_secs(10))?;
        let words: Vec<_> = line.split(' ').collect();
        ensure!(words.len() == 3 && words[0] == "READY", "`{}` said `{line}`", self.name);
        Ok((words[1].to_owned(), words[2].to_owned()))
    }

    /// Its figures, which come within `time`.
    pub(crate) fn figures(&self, time: Duration) -> Result<Value> {
        let line = self.line(time)?;
        serde_json::from_str(&line).with_context(|| format!("`{}` said `{line}`", self.name))
    }

    fn line(&self, time: Duration) -> Result<String> {
        self.lines.recv_timeout(time).with_context(|| format!("`{}` said nothing", self.name))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
