//! Where this user's key and the keys of known servers are, and reading secrets.
//! Whom to trust is decided in `connect`.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rudp::Key;

use crate::exit::{Exit, Failure, OrExit};

/// The longest file of a secret, in bytes.
const MAX_SECRET: u64 = 4_096;

/// The directory with this user's state, which is made if there is none.
pub(crate) fn state() -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    let Some(base) = base else {
        let message = "neither XDG_STATE_HOME nor HOME says where keys are kept";
        return Err(Failure::message(Exit::Local, message));
    };
    let path = base.join("rudp");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&path)
        .or_exit(Exit::Local, || format!("cannot make {}", path.display()))?;
    Ok(path)
}

/// The file of this user's key.
pub(crate) fn own_path() -> Result<PathBuf, Failure> {
    Ok(state()?.join("key"))
}

/// The file of the keys of known servers.
pub(crate) fn known_path() -> Result<PathBuf, Failure> {
    Ok(state()?.join("known_hosts"))
}

/// This user's key, which is made if there is none.
pub(crate) fn own() -> Result<Key, Failure> {
    Key::load_or_generate(own_path()?).or_exit(Exit::Local, no_key)
}

/// What tells a server's clients that it was restarted (docs/PROTOCOL.md, 10.1). It is made of the
/// server's key, so that it outlives the process, and of where it listens, so that another server
/// with this key on this machine has another one; those of other machines need keys of their own. None where the system chooses the port: each start is a new server.
pub(crate) fn reset_key(key: &Key, listen: &str) -> Option<[u8; 32]> {
    if listen.ends_with(":0") {
        return None;
    }
    let mut hasher = blake3::Hasher::new_derive_key("rudp 2026 reset key of a server");
    hasher.update(&key.to_bytes()).update(listen.as_bytes());
    Some(hasher.finalize().into())
}

/// What is said where a key cannot be had.
pub(crate) fn no_key() -> String {
    "there is no key to use".into()
}

/// The text of a file that only its owner may read.
pub(crate) fn read_secret(path: &Path) -> Result<String, Failure> {
    let failed = || format!("cannot read {}", path.display());
    let file = fs::File::open(path).or_exit(Exit::Local, failed)?;
    let mode = file.metadata().or_exit(Exit::Local, failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        let message = format!("others can read {0}: chmod 600 {0}", path.display());
        return Err(Failure::message(Exit::Local, message));
    }
    let mut text = String::new();
    file.take(MAX_SECRET).read_to_string(&mut text).or_exit(Exit::Local, failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_keys_outlive_restarts_and_are_shared_with_nobody() {
        let (a, b) = (Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
        let own = reset_key(&a, "[::]:7777");
        assert!(own.is_some());
        assert_eq!(reset_key(&a, "[::]:7777"), own);
        assert_ne!(reset_key(&a, "[::]:7778"), own);
        assert_ne!(reset_key(&b, "[::]:7777"), own);
        assert_eq!(reset_key(&a, "127.0.0.1:0"), None);
    }
}
