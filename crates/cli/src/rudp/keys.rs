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
