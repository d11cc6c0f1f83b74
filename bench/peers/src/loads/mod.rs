//! What is measured, over any transport: in threads in `blocking`, as futures in `futures`. Both do
//! the same, with the same sizes.

pub(crate) mod blocking;
pub(crate) mod futures;

use std::time::{Duration, Instant};

use anyhow::Result;
use nix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::child;

/// Bytes that a program writes and reads at once in bulk.
pub(crate) const CHUNK: usize = 256 << 10;

/// Bytes of a ping.
pub(crate) const PING: usize = 64;

/// A moment, and the processor time of this process until then.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    at: Instant,
    cpu: Duration,
}

impl Mark {
    pub(crate) fn now() -> Self {
        // It cannot fail: every process has this clock.
        let cpu = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from);
        Self { at: Instant::now(), cpu: cpu.unwrap_or_default() }
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.at.elapsed()
    }

    /// Says how much went through since then, and what it took.
    pub(crate) fn say_bytes(self, bytes: u64) -> Result<()> {
        let now = Self::now();
        let (seconds, cpu) = ((now.at - self.at).as_secs_f64(), (now.cpu - self.cpu).as_secs_f64());
        child::say(&json!({"bytes": bytes, "seconds": seconds, "cpu": cpu}).to_string())
    }

    /// Says so after `time`, from another thread, with what only the reader of bytes knows left out:
    /// a writer may be waiting then.
    pub(crate) fn say_after(self, time: Duration) {
        std::thread::spawn(move || {
            std::thread::sleep(time);
            // Without a parent there is nobody to tell.
            let _ = self.say_bytes(0);
        });
    }
}

/// Times of pings.
pub(crate) struct Pings {
    begun: Instant,
    time: Duration,
    nanos: Vec<u64>,
}

impl Pings {
    pub(crate) fn new(time: Duration) -> Self {
        Self { begun: Instant::now(), time, nanos: Vec::with_capacity(1 << 20) }
    }

    pub(crate) fn goes_on(&self) -> bool {
        self.begun.elapsed() < self.time
    }

    /// A ping that left at `sent` has come back. The first tenth of the time is warming up.
    pub(crate) fn came(&mut self, sent: Instant) {
        if self.begun.elapsed() > self.time / 10 {
            self.nanos.push(u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "microseconds for people")]
    pub(crate) fn say(mut self) -> Result<()> {
        anyhow::ensure!(!self.nanos.is_empty(), "no ping came back");
        self.nanos.sort_unstable();
        let micros = |percent: usize| {
            let index = (self.nanos.len() * percent).div_ceil(100).max(1) - 1;
            self.nanos[index] as f64 / 1e3
        };
        child::say(&json!({"p50": micros(50), "p99": micros(99)}).to_string())
    }
}

/// Says how many set-ups there were since `begun`.
pub(crate) fn say_setups(begun: Instant, count: u32) -> Result<()> {
    let per_second = f64::from(count) / begun.elapsed().as_secs_f64();
    child::say(&json!({"per_second": per_second}).to_string())
}

/// Says that a server is at `address`, and what its clients have to trust.
pub(crate) fn say_ready(address: std::net::SocketAddr, trust: &str) -> Result<()> {
    let trust = if trust.is_empty() { "-" } else { trust };
    child::say(&format!("READY {address} {trust}"))
}
