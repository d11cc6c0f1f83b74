//! `rudp bench`: the two sides of the performance lab's measurements, and what they measure with.
//! Each side prints one line of JSON; the modes are in `server` and `client`.

mod client;
mod crowd;
mod server;

use std::fs;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::args::{BenchCommand, Load, Mode};
use super::settings::Profile;
use crate::exit::{Exit, Failure, OrExit};
use crate::print::print;

/// The name by which the client asks for the server.
const SERVICE: &str = "bench";

/// Bytes that are written and read at once.
const CHUNK: usize = 1 << 18;

pub(crate) fn run(command: &BenchCommand) -> Result<(), Failure> {
    // Before anybody is told that it is ready.
    let (BenchCommand::Server { mode, load, .. } | BenchCommand::Client { mode, load, .. }) =
        command;
    load.duration().and(load.hold())?;
    if *mode == Mode::Msg {
        load.messages()?;
    }
    match command {
        BenchCommand::Server { mode, listen, shards, load, settings } => {
            let builder = settings.server(usual(*mode), listen)?.services([SERVICE]).bind(listen);
            let builder = builder.shards(*shards);
            let endpoint =
                builder.build().or_exit(Exit::Local, || format!("cannot listen on {listen}"))?;
            server::run(*mode, &endpoint, load)
        }
        BenchCommand::Client { mode, connect, load, settings } => {
            let endpoint = settings.client(usual(*mode))?.build();
            let endpoint = endpoint.or_exit(Exit::Local, || "cannot open a socket".into())?;
            client::run(*mode, &endpoint, connect, load)
        }
    }
}

/// The profile for what is measured.
fn usual(mode: Mode) -> Profile {
    match mode {
        Mode::Bulk => Profile::Bulk,
        Mode::Msg => Profile::Realtime,
        Mode::Pingpong | Mode::Conn | Mode::Idle => Profile::Balanced,
    }
}

impl Load {
    fn duration(&self) -> Result<Duration, Failure> {
        Duration::try_from_secs_f64(self.secs).or_exit(Exit::Usage, || "--secs".into())
    }

    fn hold(&self) -> Result<Duration, Failure> {
        Duration::try_from_secs_f64(self.hold).or_exit(Exit::Usage, || "--hold".into())
    }

    fn every(&self) -> Result<Duration, Failure> {
        let every = Duration::try_from_secs_f64(self.every_ms / 1e3).ok();
        let every = every.filter(|every| !every.is_zero());
        every.ok_or_else(|| Failure::message(Exit::Usage, "--every-ms must be above 0"))
    }

    /// How many messages there are.
    fn messages(&self) -> Result<u32, Failure> {
        let count = self.duration()?.as_nanos() / self.every()?.as_nanos();
        u32::try_from(count).or_exit(Exit::Usage, || "that is too many messages".into())
    }
}

/// Gives a session's error an exit code.
fn failed(error: rudp::Error) -> Failure {
    let exit = match error.kind() {
        rudp::ErrorKind::NoAnswer | rudp::ErrorKind::Silent => Exit::NoAnswer,
        rudp::ErrorKind::Io => Exit::Local,
        _ => Exit::Other,
    };
    Failure::new(exit, error)
}

/// Prints the figures.
fn figures(value: &Value) -> Result<(), Failure> {
    print(format!("{value}\n"))
}

/// Bytes, time and processor time since it began.
struct Meter {
    begun: Instant,
    cpu: f64,
    bytes: u64,
}

impl Meter {
    fn begin() -> Self {
        Self { begun: Instant::now(), cpu: cpu_seconds(), bytes: 0 }
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn cpu(&self) -> f64 {
        cpu_seconds() - self.cpu
    }

    fn figures(&self, ended: &str) -> Value {
        json!({
            "bytes": self.bytes,
            "seconds": self.elapsed().as_secs_f64(),
            "cpu_s": self.cpu(),
            "max_rss_kib": peak_kib(),
            "ended": ended,
        })
    }
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let time = Duration::try_from(time).unwrap_or_default();
    time.as_secs_f64()
}

/// `CLOCK_MONOTONIC` in nanoseconds, which all processes of a machine have in common.
fn monotonic() -> u64 {
    let time = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The most memory that this process had.
fn peak_kib() -> u64 {
    status_kib("VmHWM:")
}

/// The memory that this process has.
fn rss_kib() -> u64 {
    status_kib("VmRSS:")
}

fn status_kib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Memory per session: the difference to `before`.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn kib_each(before: u64, sessions: usize) -> f64 {
    (rss_kib() as f64 - before as f64) / sessions.max(1) as f64
}

/// A summary of latencies.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn latencies(mut nanos: Vec<u64>) -> Value {
    nanos.sort_unstable();
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let quantile = |per_mille: usize| {
        let index = (nanos.len() * per_mille).div_ceil(1_000).clamp(1, nanos.len().max(1)) - 1;
        nanos.get(index).copied().map(micros)
    };
    let sum: u64 = nanos.iter().sum();
    json!({
        "count": nanos.len(),
        "mean_us": micros(sum) / nanos.len().max(1) as f64,
        "p50_us": quantile(500),
        "p95_us": quantile(950),
        "p99_us": quantile(990),
        "p999_us": quantile(999),
        "max_us": quantile(1_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_sorted_latencies() {
        let value = latencies((1..=1_000).rev().map(|micros| micros * 1_000).collect());
        let expected = [500.0, 950.0, 990.0, 999.0, 1_000.0];
        let names = ["p50_us", "p95_us", "p99_us", "p999_us", "max_us"];
        for (name, expected) in names.into_iter().zip(expected) {
            assert_eq!(value[name].as_f64(), Some(expected), "{name}");
        }
        assert_eq!(latencies(Vec::new())["p99_us"], Value::Null);
        assert_eq!(latencies(vec![5_000])["p50_us"].as_f64(), Some(5.0));
    }

    #[test]
    fn this_process_has_used_something() {
        assert!(rss_kib() > 0 && peak_kib() >= rss_kib() / 2);
        let before = monotonic();
        let mut spent = 0u64;
        while cpu_seconds() <= 0.0 {
            spent = std::hint::black_box(spent + 1);
        }
        assert!(monotonic() > before);
    }
}
