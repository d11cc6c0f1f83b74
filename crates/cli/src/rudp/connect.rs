//! A session to where a URL says: whom to trust, and what is said of it.
//! What the session is used for is the commands' business.

use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::time::Instant;

use rudp::{Builder, Session, Trust};

use super::say::Say;
use super::url::Url;
use super::{explain, keys, known};
use crate::exit::{Exit, Failure, OrExit};

/// Opens a session with the service `service` of a server.
pub(crate) fn connect(
    url: &Url,
    service: &str,
    builder: Builder,
    plain: bool,
    say: Say,
) -> Result<Session, Failure> {
    let (trust, first_use) = trust(url, plain)?;
    url.server
        .to_socket_addrs()
        .or_exit(Exit::NoAnswer, || format!("cannot find the address of {}", url.server))?;
    let endpoint = builder.build().or_exit(Exit::Local, || "cannot open a socket".into())?;
    let begun = Instant::now();
    let session = endpoint
        .connect(format!("{}/{service}", url.server), trust)
        .map_err(|error| explain::no_session(url, &error, begun.elapsed()))?;
    if let (Some(path), Some(key)) = (first_use, session.peer_key()) {
        say.warning(format!(
            "rudp: {} was not known and is believed: its key is {key}\n      (kept in {}; compare \
             it with the one that its owner sees)",
            url.server,
            path.display()
        ));
    }
    Ok(session)
}

/// Whom to trust, and where its key will be kept if it is not known yet.
fn trust(url: &Url, plain: bool) -> Result<(Trust, Option<PathBuf>), Failure> {
    match (url.key, plain) {
        (Some(_), true) => {
            let message = "with --plain there are no keys: leave the key out of the URL";
            Err(Failure::message(Exit::Usage, message))
        }
        (None, true) => Ok((Trust::AnyKey, None)),
        (Some(key), false) => Ok((Trust::Key(key), None)),
        (None, false) => {
            let path = keys::known_path()?;
            let is_known = known::look_up(&path, &url.server)?.is_some();
            // What has been said of this machine's servers counts all the same.
            if url.is_loopback() && !is_known {
                return Ok((Trust::AnyKey, None));
            }
            Ok((Trust::FirstUse(path.clone()), (!is_known).then_some(path)))
        }
    }
}
