//! Ctrl-C, SIGTERM and SIGHUP as a message in a channel.
//! What is then finished, dropped or deleted is the programs' business.

use std::sync::mpsc::Sender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::{Exit, Failure, OrExit};

/// Sends `message` at the first signal, and ends the process at the second, for those who will not
/// wait.
pub(crate) fn on_interrupt<T: Send + 'static>(
    sender: Sender<T>,
    message: T,
) -> Result<(), Failure> {
    let failed = || "cannot listen for Ctrl-C".into();
    // Whoever ignores SIGHUP was started to outlive its terminal, by nohup for one.
    let hangup = (!ignores(SIGHUP)).then_some(SIGHUP);
    let mut signals =
        Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup)).or_exit(Exit::Other, failed)?;
    let listen = move || {
        let mut signals = signals.forever();
        if signals.next().is_some() && sender.send(message).is_ok() {
            signals.next();
        }
        std::process::exit(Exit::Interrupted as i32);
    };
    let thread = thread::Builder::new().name("signals".into()).spawn(listen);
    thread.or_exit(Exit::Other, failed).map(drop)
}

/// Whether the process was started to ignore a signal. Where the system does not tell, it was not.
fn ignores(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
