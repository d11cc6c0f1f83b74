//! Ctrl-C, SIGTERM and SIGHUP as a message in a channel.
//! What is then finished, dropped or deleted is the programs' business.

use std::sync::mpsc::Sender;

use crate::exit::{Exit, Failure, OrExit};

/// Sends `message` at the first signal, and ends the process at the second, for those who will not
/// wait.
pub(crate) fn on_interrupt<T: Clone + Send + 'static>(
    sender: Sender<T>,
    message: T,
) -> Result<(), Failure> {
    let mut sent = false;
    ctrlc::set_handler(move || {
        if sent || sender.send(message.clone()).is_err() {
            std::process::exit(Exit::Interrupted as i32);
        }
        sent = true;
    })
    .or_exit(Exit::Other, || "cannot listen for Ctrl-C".into())
}
