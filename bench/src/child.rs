//! The child's half of the talk with the parent process: pins itself, and prints a line of
//! counters for each line it reads. The parent's half is in `process`.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::sample::Sample;

/// Keeps this thread, and those it starts from now on, on one core.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    anyhow::ensure!(core < CpuSet::MAX_CPU, "there is no core {core}");
    cores.set(core);
    sched_setaffinity(None, &cores).with_context(|| {
        format!("cannot pin a process to core {core}; see --server-core and --load-core")
    })
}

/// Prints `sample()` at once, and again for each line from the parent, until there is no parent.
pub(crate) fn report(mut sample: impl FnMut() -> Result<Sample>) -> Result<()> {
    let mut output = io::stdout().lock();
    let mut lines = io::stdin().lines();
    loop {
        writeln!(output, "{}", sample()?.to_json()?)?;
        output.flush()?;
        if lines.next().transpose()?.is_none() {
            return Ok(());
        }
    }
}
