//! [`Trust`]: which key a server has to have, and what that comes to for one server.
//! The file of known servers is in `known_hosts`; keys are compared by the protocol.

use std::path::PathBuf;

use rudp_proto::Failure;

use crate::error::{Error, ErrorKind, Origin, Result};
use crate::key::PublicKey;
use crate::known_hosts::{self, Known};

/// Which key a server has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// This one. The safe choice: whoever else answers is found out.
    Key(PublicKey),
    /// The one it had the first time, which is kept in this file, as SSH does. Who answers the first
    /// time is believed; if the key changes later, connecting fails with
    /// [`KeyChanged`](crate::ErrorKind::KeyChanged).
    FirstUse(PathBuf),
    /// Any. The session is encrypted, but nobody knows to whom: compare
    /// [`peer_key`](crate::Session::peer_key) before something secret is sent.
    AnyKey,
}

impl From<PublicKey> for Trust {
    fn from(key: PublicKey) -> Self {
        Self::Key(key)
    }
}

/// What [`Trust`] comes to for one server.
#[derive(Debug)]
pub(crate) struct Decision {
    server: String,
    trust: Trust,
    known: Option<Known>,
}

impl Decision {
    /// Decides on `server`, an address with its port as the program wrote it.
    pub(crate) fn on(server: &str, trust: Trust, plain: bool) -> Result<Self> {
        if plain && trust != Trust::AnyKey {
            return Err(Error::invalid(
                "the plain profile has no keys: connect with Trust::AnyKey, which says so",
            ));
        }
        // Names are the same in capitals.
        let server = server.to_ascii_lowercase();
        let known = match &trust {
            Trust::FirstUse(path) => known_hosts::look_up(path, &server)?,
            Trust::Key(_) | Trust::AnyKey => None,
        };
        Ok(Self { server, trust, known })
    }

    /// The key that the server has to have, if that is known.
    pub(crate) fn expected(&self) -> Option<PublicKey> {
        match &self.trust {
            Trust::Key(key) => Some(*key),
            Trust::FirstUse(_) | Trust::AnyKey => self.known.map(|known| known.key),
        }
    }

    /// Keeps the key that the server had, before anything is sent to it.
    pub(crate) fn confirm(&self, found: Option<PublicKey>) -> Result<()> {
        let Trust::FirstUse(path) = &self.trust else { return Ok(()) };
        if self.known.is_some() {
            return Ok(());
        }
        let found = found.ok_or_else(|| Error::bare(ErrorKind::Protocol, Origin::Peer))?;
        known_hosts::add(path, &self.server, found)
    }

    /// The error for an attempt that failed, which says where the other key comes from.
    pub(crate) fn explain(&self, failure: Failure) -> Error {
        if let (Failure::KeyChanged { found, .. }, Trust::FirstUse(path), Some(known)) =
            (&failure, &self.trust, self.known)
        {
            return known_hosts::changed(path, &self.server, known, (*found).into());
        }
        failure.into()
    }
}

/// The error of a program that has not decided, with the line that it lacks.
pub(crate) fn undecided(server: &str) -> Error {
    Error::new(
        ErrorKind::TrustNeeded,
        Origin::Program,
        format!(
            "{server} is not this machine, and nothing says which key it has to have. If you know \
             it, add before connect():\n    socket.trust(Trust::Key(\"THE SERVER'S \
             KEY\".parse()?));\nelse, to believe it the first time and be told if it changes:\n    \
             socket.trust(Trust::FirstUse(\"known_hosts\".into()));"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PublicKey = PublicKey::from_bytes([1; 32]);
    const B: PublicKey = PublicKey::from_bytes([2; 32]);

    #[test]
    fn a_pinned_key_is_expected_and_nothing_is_kept() {
        let decision = Decision::on("a:1", A.into(), false).unwrap();
        assert_eq!(decision.expected(), Some(A));
        decision.confirm(Some(A)).unwrap();
        let decision = Decision::on("a:1", Trust::AnyKey, false).unwrap();
        assert_eq!(decision.expected(), None);
        decision.confirm(Some(B)).unwrap();
    }

    #[test]
    fn the_first_key_is_kept_and_expected_from_then_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("known");
        let first_use = || Trust::FirstUse(path.clone());
        let decision = Decision::on("Host:1", first_use(), false).unwrap();
        assert_eq!(decision.expected(), None);
        assert!(!path.exists());
        decision.confirm(Some(A)).unwrap();
        let decision = Decision::on("hOST:1", first_use(), false).unwrap();
        assert_eq!(decision.expected(), Some(A));
        let failure = Failure::KeyChanged { expected: A.into(), found: B.into() };
        let error = decision.explain(failure);
        assert_eq!(error.kind(), ErrorKind::KeyChanged);
        assert!(error.to_string().contains("line 1 of"), "{error}");
    }

    #[test]
    fn two_first_uses_at_once_have_to_agree() {
        let directory = tempfile::tempdir().unwrap();
        let trust = Trust::FirstUse(directory.path().join("known"));
        let one = Decision::on("a:1", trust.clone(), false).unwrap();
        let two = Decision::on("a:1", trust, false).unwrap();
        one.confirm(Some(A)).unwrap();
        assert_eq!(two.confirm(Some(B)).unwrap_err().kind(), ErrorKind::KeyChanged);
    }

    #[test]
    fn keys_are_not_silently_ignored_in_the_plain_profile() {
        let error = Decision::on("a:1", A.into(), true).unwrap_err();
        assert!(error.to_string().contains("Trust::AnyKey"), "{error}");
        assert!(Decision::on("a:1", Trust::AnyKey, true).is_ok());
    }

    #[test]
    fn who_has_not_decided_is_given_the_line_to_add() {
        let text = undecided("example.org:1").to_string();
        assert!(text.contains("\n    socket.trust(Trust::FirstUse(\"known_hosts\".into()));"));
        assert!(text.starts_with("example.org:1 is not this machine"), "{text}");
    }
}
