//! Files of secrets: written in one step, readable for their owner only.
//! What is in them is not known here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The most that a file of a secret can have, in bytes.
const MAX: u64 = 4_096;

/// What happens to a file that is there already.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Existing {
    Replace,
    Keep,
}

/// The text of a small file, unless others than its owner can read it.
pub(crate) fn read_secret(path: &Path) -> Result<String> {
    let failed = |error| Error::system(format!("reading {}", path.display()), error);
    let file = File::open(path).map_err(failed)?;
    check_mode(path, &file)?;
    let mut text = String::new();
    file.take(MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(unix)]
fn check_mode(path: &Path, file: &File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error| Error::system(format!("reading {}", path.display()), error);
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        let name = path.display();
        return Err(Error::invalid(format!(
            "others than its owner have access to {name} (mode {:03o}); to end that: chmod 600 \
             {name}",
            mode & 0o777
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &File) -> Result<()> {
    Ok(())
}

/// Writes a file that only its owner may read: first beside its place, and then into it.
pub(crate) fn write_secret(path: &Path, text: &str, existing: Existing) -> Result<()> {
    let failed = |error| Error::system(format!("writing {}", path.display()), error);
    let aside = Aside(aside(path).map_err(failed)?);
    write_aside(&aside.0, text).map_err(failed)?;
    let placed = match existing {
        Existing::Replace => fs::rename(&aside.0, path),
        Existing::Keep => fs::hard_link(&aside.0, path),
    };
    match placed {
        Err(error)
            if existing == Existing::Keep && error.kind() == io::ErrorKind::AlreadyExists => {}
        placed => placed.map_err(failed)?,
    }
    // So that the name outlives a crash as well. Some file systems cannot, which is no failure.
    if let Ok(directory) = File::open(parent(path)) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// A file that is removed when it is no longer needed.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        // It has another name by now, or something failed that was told already.
        let _ = fs::remove_file(&self.0);
    }
}

/// A name beside `path` that nobody else uses.
fn aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut random = [0; 8];
    getrandom::fill(&mut random)?;
    let mut aside = std::ffi::OsString::from(".");
    aside.push(name);
    aside.push(format!(".{:016x}", u64::from_ne_bytes(random)));
    Ok(parent(path).join(aside))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_aside(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes files that are created readable for their owner only.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_secret_is_its_owners_and_leaves_nothing_beside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        write_secret(&path, "one", Existing::Replace).unwrap();
        write_secret(&path, "two", Existing::Keep).unwrap();
        assert_eq!(read_secret(&path).unwrap(), "one");
        write_secret(&path, "three", Existing::Replace).unwrap();
        assert_eq!(read_secret(&path).unwrap(), "three");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        write_secret(&path, "one", Existing::Replace).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = read_secret(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_failure_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("missing").join("secret");
        for error in [
            read_secret(&path).unwrap_err(),
            write_secret(&path, "", Existing::Replace).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.to_string().contains("missing/secret"), "{error}");
        }
    }
}
