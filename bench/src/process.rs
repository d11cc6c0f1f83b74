//! [`Child`]: a server or load generator in a process of its own, asked for its counters.
//! The child's half of the talk is in `child`.

use std::env;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{self, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::args::{Cores, Habit, Side};
use crate::sample::Sample;

/// A process that ends when its handle goes.
pub(crate) struct Child {
    process: process::Child,
    /// `None` once the child has been told to end.
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    /// The counters at the start.
    pub(crate) first: Sample,
}

impl Child {
    /// Starts a server of the kind `side`.
    pub(crate) fn server(side: Side, file_size: u32, cores: Cores) -> Result<Self> {
        let (file_size, core) = (file_size.to_string(), cores.server_core.to_string());
        let words = ["server", "--side", side.name(), "--file-size", &file_size, "--core", &core];
        Self::spawn(&words)
    }

    /// Starts a load generator that turns to `server`.
    pub(crate) fn swarm(
        habit: Habit,
        server: &Self,
        clients: u32,
        file_size: u32,
        cores: Cores,
    ) -> Result<Self> {
        let address = format!("127.0.0.1:{}", server.first.get("port"));
        let (clients, file_size) = (clients.to_string(), file_size.to_string());
        let core = cores.load_core.to_string();
        let words = ["swarm", "--habit", habit.name(), "--server", &address, "--clients", &clients];
        let more = ["--file-size", &file_size, "--core", &core];
        Self::spawn(&[&words[..], &more].concat())
    }

    fn spawn(words: &[&str]) -> Result<Self> {
        let program = env::current_exe().context("where is this program?")?;
        let mut process = Command::new(program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start a {}", words[0]))?;
        let input = process.stdin.take();
        let output = process.stdout.take().context("a child without output")?;
        let output = BufReader::new(output).lines();
        let mut child = Self { process, input, output, first: Sample::default() };
        child.first = child.read()?;
        Ok(child)
    }

    /// The counters now.
    pub(crate) fn sample(&mut self) -> Result<Sample> {
        if let Some(input) = &mut self.input {
            input.write_all(b"\n").context("a child ended too early")?;
        }
        self.read()
    }

    fn read(&mut self) -> Result<Sample> {
        let line = self.output.next().context("a child ended too early")??;
        Sample::from_json(&line)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.input = None;
        // It sees the end of its input, and ends; how is of no interest.
        let _ = self.process.wait();
    }
}
