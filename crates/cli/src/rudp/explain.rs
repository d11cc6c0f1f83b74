//! Errors of sessions and of the file service as people need them: the exit code, what happened, and
//! the likely causes.

use std::time::Duration;

use rudp::{Closed, Error, ErrorKind};
use rudp_files::{Error as FileError, Status};

use super::keys;
use super::url::Url;
use crate::exit::{Exit, Failure};
use crate::print::shown;

/// Characters of what a peer says.
const MOST: usize = 300;

/// Why no session came about, after so long.
pub(crate) fn no_session(url: &Url, error: &Error, after: Duration) -> Failure {
    let server = &url.server;
    let text = said(error);
    match error.kind() {
        ErrorKind::NoAnswer => Failure::message(
            Exit::NoAnswer,
            format!(
                "no answer from {server} in {after:.1?}: wrong port, UDP filtered, or server down \
                 (a server with a secret answers only those who have it)"
            ),
        ),
        ErrorKind::UnknownService => {
            Failure::message(Exit::Refused, format!("{server} has another service than this one"))
        }
        ErrorKind::InvalidInput | ErrorKind::TrustNeeded => Failure::message(Exit::Usage, text),
        _ => broken(url, error),
    }
}

/// Why a session ended before its time.
pub(crate) fn broken(url: &Url, error: &Error) -> Failure {
    let server = &url.server;
    let text = said(error);
    let (exit, message) = match error.kind() {
        ErrorKind::Silent | ErrorKind::TimedOut => {
            (Exit::NoAnswer, format!("{server} fell silent: the network or the server is down"))
        }
        ErrorKind::Forgotten => {
            (Exit::NoAnswer, format!("{server} was restarted: it has forgotten the session"))
        }
        ErrorKind::ServerShutdown => (Exit::NoAnswer, format!("{server} is shutting down")),
        ErrorKind::NoAnswer | ErrorKind::Closed => {
            (Exit::NoAnswer, format!("{server} does not answer any more: {text}"))
        }
        // The server may find out when the session is open already.
        ErrorKind::KeyRefused => {
            let key = keys::own_path().map_or("FILE".into(), |path| path.display().to_string());
            let message = format!(
                "{server} takes only clients whose key it knows: `rudp key show` prints yours for \
                 its owner; then use --key {key}"
            );
            (Exit::Refused, message)
        }
        ErrorKind::Incompatible => {
            let message = format!(
                "{server} speaks another version or profile: either both ends have --plain, or none"
            );
            (Exit::Refused, message)
        }
        ErrorKind::Refused
        | ErrorKind::Busy
        | ErrorKind::UnknownService
        | ErrorKind::StreamStopped
        | ErrorKind::StreamReset
        | ErrorKind::Aborted => (Exit::Refused, format!("{server} refuses: {text}")),
        ErrorKind::KeyChanged => return changed(url, &text),
        ErrorKind::Io => (Exit::Local, text),
        _ => (Exit::Other, format!("the session with {server} failed: {text}")),
    };
    Failure::message(exit, message)
}

/// Why a request for a file or a directory failed.
pub(crate) fn request(url: &Url, error: FileError) -> Failure {
    let (server, name) = (&url.server, shown(&url.name, MOST));
    match error {
        FileError::Session(error) => broken(url, &error),
        FileError::Refused(refusal) => {
            let exit = if refusal.status == Status::Failed { Exit::Other } else { Exit::Refused };
            let text = shown(&refusal.text, MOST);
            Failure::message(exit, format!("{server} does not give {name:?}: {text}"))
        }
        error @ FileError::GivenUp(_) => {
            Failure::message(Exit::Refused, format!("{server} gave {name:?} up: {error}"))
        }
        error => Failure::message(Exit::Corrupt, format!("{name:?} from {server}: {error}")),
    }
}

/// What a close came to, for programs.
pub(crate) fn word(closed: &Closed) -> &'static str {
    match closed {
        Closed::Delivered => "delivered",
        Closed::Received => "received",
        Closed::Unknown { .. } => "unknown",
    }
}

/// The server has another key than it should. As loud as ssh.
fn changed(url: &Url, text: &str) -> Failure {
    let bar = "@".repeat(64);
    let server = &url.server;
    let remedy = if url.key.is_some() {
        "If its owner changed the key, ask for the new URL.".to_owned()
    } else {
        format!("If its owner changed the key: rudp key forget {server}")
    };
    Failure::message(
        Exit::WrongKey,
        format!(
            "WRONG KEY\n{bar}\n  THE KEY OF {server} IS NOT THE ONE IT SHOULD BE!\n  Somebody may \
             be answering in its place. Nothing was sent.\n{bar}\n{text}\n{remedy}"
        ),
    )
}

/// The library's sentence, in which a peer may have had a word.
fn said(error: &Error) -> String {
    shown(&error.to_string(), MOST)
}
