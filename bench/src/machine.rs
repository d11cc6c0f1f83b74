//! What to say about the machine beside the figures it gave: its cores, its system, its load.
//! Nothing is measured here.

use std::fs;
use std::thread;

/// One line about this machine.
pub(crate) fn describe() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let build = if cfg!(debug_assertions) { "; a DEBUG build, not worth measuring" } else { "" };
    let (system, kernel) = (std::env::consts::OS, read("/proc/sys/kernel/osrelease"));
    let buffer = read("/proc/sys/net/core/rmem_max");
    format!("{cores} cores, {system} {kernel}, rmem_max {buffer}, load at the start {load}{build}")
}
