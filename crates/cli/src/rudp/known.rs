//! The file of known servers as people change it: look up, believe, forget.
//! Its form, a server and its key on each line, is that of `rudp::Trust::FirstUse`, which adds to it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rudp::PublicKey;

use crate::exit::{Exit, Failure, OrExit};

/// The servers that are known, with the words behind them, in their order.
pub(crate) fn all(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let mut text = String::new();
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => {
            let read = opened.and_then(|mut file| {
                file.lock_shared()?;
                file.read_to_string(&mut text)
            });
            read.or_exit(Exit::Local, || format!("cannot read {}", path.display()))?;
        }
    }
    Ok(text.lines().filter_map(server).collect())
}

/// What is known of a server.
pub(crate) fn look_up(path: &Path, server: &str) -> Result<Option<String>, Failure> {
    let found = all(path)?.into_iter().find(|(known, _)| known == server);
    Ok(found.map(|(_, key)| key))
}

/// Believes that `server` has `key`, whatever was believed before.
pub(crate) fn trust(path: &Path, server: &str, key: PublicKey) -> Result<(), Failure> {
    change(path, server, Some(format!("{server} {key}\n"))).map(drop)
}

/// Forgets a server. Returns whether it was known.
pub(crate) fn forget(path: &Path, server: &str) -> Result<bool, Failure> {
    change(path, server, None)
}

/// Takes out all lines of `server`, and puts `line` in. Returns whether there was one.
fn change(path: &Path, server: &str, line: Option<String>) -> Result<bool, Failure> {
    // In place and not through another file, since whoever adds a server locks this one.
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let changed = options.open(path).and_then(|mut file| {
        file.lock()?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let is_it = |line: &str| self::server(line).is_some_and(|(known, _)| known == server);
        let (theirs, others): (Vec<_>, Vec<_>) = text.lines().partition(|line| is_it(line));
        let mut new: String = others.into_iter().flat_map(|line| [line, "\n"]).collect();
        new.extend(line);
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(new.as_bytes())?;
        file.sync_all()?;
        Ok(!theirs.is_empty())
    });
    changed.or_exit(Exit::Local, || format!("cannot write {}", path.display()))
}

fn server(line: &str) -> Option<(String, String)> {
    let (server, key) = line.split_once(char::is_whitespace)?;
    let server = Some(server).filter(|server| !server.starts_with('#') && !server.is_empty())?;
    Some((server.to_owned(), key.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn servers_are_believed_and_forgotten_and_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("known");
        let (a, b) = (PublicKey::from_bytes([1; 32]), PublicKey::from_bytes([2; 32]));
        assert_eq!(look_up(&path, "a:1").unwrap(), None);
        assert!(!forget(&path, "a:1").unwrap());
        trust(&path, "a:1", a).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, format!("# a:1 by hand\na:1 {a} note\nb:1 {b}")).unwrap();
        trust(&path, "a:1", b).unwrap();
        assert_eq!(look_up(&path, "a:1").unwrap(), Some(b.to_string()));
        assert_eq!(all(&path).unwrap().len(), 2);
        assert!(forget(&path, "a:1").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("# a:1 by hand\nb:1 {b}\n"));
    }
}
