//! [`Picture`]: a file that takes its name when it is complete. What is drawn is in `svg`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A picture on its way to where it belongs.
pub(crate) struct Picture {
    file: File,
    /// What the file is called until it is complete; none where it is written in place, being
    /// something else than a file.
    part: Option<PathBuf>,
    path: PathBuf,
}

impl Picture {
    /// Opens the place, in which nothing changes yet.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = || format!("cannot write {}", path.display());
        // Through a link, the file it names is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            let file = File::options().write(true).open(&path).with_context(failed)?;
            return Ok(Self { file, part: None, path });
        }
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let file = File::create(&part).with_context(failed)?;
        Ok(Self { file, part: Some(part.into()), path })
    }

    /// Writes it, and gives the file its name. Returns where it is.
    pub(crate) fn complete(mut self, picture: &str) -> Result<PathBuf> {
        let failed = || format!("cannot write {}", self.path.display());
        self.file.write_all(picture.as_bytes()).with_context(failed)?;
        if let Some(part) = &self.part {
            fs::rename(part, &self.path).with_context(failed)?;
        }
        Ok(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_picture_stays_until_the_new_one_is_complete() {
        let directory = std::env::temp_dir().join(format!("rudp-peers-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let path = directory.join("picture.svg");
        fs::write(&path, "old").expect("it is written");
        let picture = Picture::open(&path).expect("there is room");
        assert_eq!(fs::read(&path).expect("it is there"), b"old");
        assert!(picture.complete("new").is_ok_and(|written| written.ends_with("picture.svg")));
        assert_eq!(fs::read(&path).expect("it is there"), b"new");
        assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 1);
        assert!(Picture::open(&directory.join("missing/picture.svg")).is_err());
        assert!(Picture::open(&directory).is_err());
        let device = Picture::open(Path::new("/dev/null")).expect("it takes everything");
        assert!(device.complete("nothing").is_ok());
        assert!(!fs::metadata("/dev/null").expect("it is there").is_file());
        fs::remove_dir_all(&directory).expect("it goes");
    }
}
