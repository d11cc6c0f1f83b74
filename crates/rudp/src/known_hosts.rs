//! The file of servers' keys that [`Trust::FirstUse`](crate::Trust::FirstUse) keeps: one line for
//! each server, its address and its key. Whether to trust is not decided here.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::error::{Error, ErrorKind, Origin, Result};
use crate::file;
use crate::key::PublicKey;

/// The most that such a file may have, in bytes: for some 100,000 servers.
const MAX: u64 = 8 << 20;

/// What is known of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) key: PublicKey,
    /// Where it stands in the file, counted from 1.
    pub(crate) line: usize,
}

/// The key that a server had before; `None` if it is not in the file, or there is no file.
pub(crate) fn look_up(path: &Path, server: &str) -> Result<Option<Known>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, error)),
    };
    file.lock_shared().map_err(|error| failed(path, error))?;
    find(path, &read(path, file)?, server)
}

/// Adds a server with its key. If somebody else did so in the meantime, the keys have to be equal.
///
/// Programs that add at the same time wait for each other, and each line is written at once.
pub(crate) fn add(path: &Path, server: &str, key: PublicKey) -> Result<()> {
    let mut options = OpenOptions::new();
    let file = file::private(options.read(true).append(true).create(true)).open(path);
    let mut file = file.map_err(|error| failed(path, error))?;
    file.lock().map_err(|error| failed(path, error))?;
    let text = read(path, &file)?;
    match find(path, &text, server)? {
        Some(known) if known.key == key => return Ok(()),
        Some(known) => return Err(changed(path, server, known, key)),
        None => {}
    }
    // Whatever wrote the last line may have been interrupted, or have been an editor.
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let line = format!("{gap}{server} {key}\n");
    let written = file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(line.as_bytes()));
    written.and_then(|()| file.sync_data()).map_err(|error| failed(path, error))
}

/// The error for a server whose key is not the one in the file.
pub(crate) fn changed(path: &Path, server: &str, known: Known, found: PublicKey) -> Error {
    let (name, Known { key, line }) = (path.display(), known);
    Error::new(
        ErrorKind::KeyChanged,
        Origin::Peer,
        format!(
            "{server} has the key {found}, and not {key} as before: its owner changed it, or \
             somebody else answers in its place. If you know that it was changed, remove line \
             {line} of {name}"
        ),
    )
}

fn find(path: &Path, text: &str, server: &str) -> Result<Option<Known>> {
    for (index, content) in text.lines().enumerate() {
        let mut words = content.split_ascii_whitespace();
        if words.next() != Some(server) {
            continue;
        }
        let key = words.next().and_then(|word| PublicKey::from_text(word).ok());
        let key = key.ok_or_else(|| {
            // To go on as if the server were unknown would trust whoever answers.
            let (line, name) = (index + 1, path.display());
            Error::invalid(format!("line {line} of {name} has {server} without a key"))
        })?;
        return Ok(Some(Known { key, line: index + 1 }));
    }
    Ok(None)
}

fn read(path: &Path, file: impl io::Read) -> Result<String> {
    let mut text = String::new();
    let len = file.take(MAX).read_to_string(&mut text).map_err(|error| failed(path, error))?;
    if len as u64 == MAX {
        return Err(Error::invalid(format!("{} is too large", path.display())));
    }
    Ok(text)
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::system(format!("the known hosts in {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const A: PublicKey = PublicKey::from_bytes([1; 32]);
    const B: PublicKey = PublicKey::from_bytes([2; 32]);

    #[test]
    fn servers_are_added_once_and_found_by_their_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("known");
        assert_eq!(look_up(&path, "a:1").unwrap(), None);
        add(&path, "a:1", A).unwrap();
        add(&path, "b:1", B).unwrap();
        add(&path, "a:1", A).unwrap();
        assert_eq!(look_up(&path, "a:1").unwrap(), Some(Known { key: A, line: 1 }));
        assert_eq!(look_up(&path, "b:1").unwrap(), Some(Known { key: B, line: 2 }));
        assert_eq!(look_up(&path, "a:12").unwrap(), None);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("a:1 {A}\nb:1 {B}\n"));
    }

    #[test]
    fn another_key_is_refused_with_both_keys_and_the_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("known");
        fs::write(&path, format!("# by hand\na:1 {A} note")).unwrap();
        let error = add(&path, "a:1", B).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyChanged);
        let text = error.to_string();
        for part in [A.to_string(), B.to_string(), format!("line 2 of {}", path.display())] {
            assert!(text.contains(&part), "{text}");
        }
        add(&path, "b:1", B).unwrap();
        assert_eq!(look_up(&path, "b:1").unwrap(), Some(Known { key: B, line: 3 }));
    }

    #[test]
    fn a_line_without_a_key_is_no_unknown_server() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("known");
        fs::write(&path, "a:1 rubbish\n").unwrap();
        assert_eq!(look_up(&path, "a:1").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(look_up(&path, "b:1").unwrap(), None);
    }

    #[test]
    fn those_who_add_at_once_all_get_their_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("known");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || add(path, &format!("a:{number}"), A).unwrap());
            }
        });
        for number in 0..8 {
            assert!(look_up(&path, &format!("a:{number}")).unwrap().is_some());
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 8);
    }
}
