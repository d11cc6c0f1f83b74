//! [`Sample`]: counters of a process at one moment, and their way to another process as JSON.
//! What the counters mean is known to those who name them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use rudp_net::Stats;
use rustix::time::{ClockId, clock_gettime};

/// Counters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample(BTreeMap<String, u64>);

impl Sample {
    /// What every process has: the time, its processor time (both in nanoseconds), and its
    /// resident memory in bytes.
    pub(crate) fn of_process() -> Result<Self> {
        let mut sample = Self::default();
        sample.set("time", nanos(ClockId::Monotonic));
        sample.set("cpu", nanos(ClockId::ProcessCPUTime));
        sample.set("rss", resident_bytes()?);
        Ok(sample)
    }

    pub(crate) fn set(&mut self, name: &str, value: u64) {
        self.0.insert(name.to_owned(), value);
    }

    /// The counter `name`; 0 where it is not counted.
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// How much the counter `name` grew since `earlier`.
    pub(crate) fn grown(&self, earlier: &Self, name: &str) -> u64 {
        self.get(name).saturating_sub(earlier.get(name))
    }

    /// Adds what a driver counts.
    pub(crate) fn add_driver(&mut self, stats: &Stats) {
        self.set("receive_drops", stats.receive_drops);
        self.set("send_errors", stats.send_errors.total());
        self.set("datagrams_in", stats.datagrams_in);
        self.set("batches_in", stats.batches_in);
        self.set("wake_ups", stats.wake_ups);
        self.set("blocked", stats.blocked);
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string(&self.0)?)
    }

    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let counters = serde_json::from_str(text);
        Ok(Self(counters.with_context(|| format!("not a line of counters: {text:?}"))?))
    }
}

fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    // Neither is negative: both clocks started with the machine or the process.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// From `smaps_rollup`, which counts pages; `statm` may be hundreds of kilobytes behind.
fn resident_bytes() -> Result<u64> {
    let path = "/proc/self/smaps_rollup";
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kilobytes = kilobytes.and_then(|number| number.trim().parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("{path} does not tell the resident memory"))? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_survive_the_way() {
        let mut sample = Sample::of_process().unwrap();
        sample.set("things", 7);
        let again = Sample::from_json(&sample.to_json().unwrap()).unwrap();
        assert_eq!(again, sample);
        assert_eq!(again.grown(&Sample::default(), "things"), 7);
        assert_eq!(again.get("nothing"), 0);
        assert!(again.get("rss") > 0 && again.get("cpu") > 0);
        assert!(Sample::from_json("nonsense").is_err());
    }
}
