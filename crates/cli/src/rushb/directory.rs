//! The served directory: names to files, safely, and reading pieces of very many at once.
//! It knows no sessions and no protocol.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Component, Path};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use lru::LruCache;
use rustix::fs::OFlags;

/// A directory whose files may be read, and nothing outside it.
///
/// Files are kept open while there is room, each once however many read it, and opened again when
/// they are needed again: so that thousands of readers do with a few hundred file descriptors.
pub(crate) struct Directory {
    root: Dir,
    open: LruCache<FileId, OpenFile>,
}

struct OpenFile {
    file: Arc<File>,
    /// Whether every byte is below 249, once somebody has looked.
    encodable: Option<bool>,
}

/// A file as it was when it was found: one that was written since is another, and so is one that
/// took its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    name: Arc<str>,
    device: u64,
    inode: u64,
    len: u64,
    /// Seconds and nanoseconds of the last change.
    changed: (i64, i64),
}

impl FileId {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }
}

/// A file that can be served.
pub(crate) struct Found {
    pub(crate) id: FileId,
    pub(crate) file: Arc<File>,
    /// Zero bytes at the end, which RUSHB cannot carry.
    pub(crate) ends_in_zero: bool,
    /// Whether it was not open before.
    pub(crate) is_new: bool,
    /// Whether every byte is below 249, if it is known.
    pub(crate) encodable: Option<bool>,
}

/// Why a name is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the name leads out of the served directory")]
    Outside,
    #[error("no such file")]
    NotFound,
    #[error("not a regular file")]
    NotRegular,
    #[error("cannot be opened: {0}")]
    Unreadable(io::Error),
    #[error("it has bytes over 248, which ENC cannot carry")]
    NotEncodable,
    #[error("too many files are being checked for ENC")]
    Busy,
}

/// Why a file that is being served cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("it became shorter while it was served")]
    Shrunk,
    #[error("it was replaced or removed while it was served")]
    Replaced,
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Directory {
    /// Opens `path`, and keeps at most `max_open` files below it open.
    pub(crate) fn open(path: &Path, max_open: usize) -> io::Result<Self> {
        let root = Dir::open_ambient_dir(path, ambient_authority())?;
        let max_open = NonZeroUsize::new(max_open).unwrap_or(NonZeroUsize::MIN);
        Ok(Self { root, open: LruCache::new(max_open) })
    }

    /// Finds what a client calls `name`.
    pub(crate) fn find(&mut self, name: &str) -> Result<Found, Refusal> {
        let (file, id) = self.open_file(name.into())?;
        let mut last = [0];
        let ends_in_zero = match id.len.checked_sub(1) {
            Some(offset) => {
                file.read_exact_at(&mut last, offset).map_err(Refusal::Unreadable)?;
                last == [0]
            }
            None => false,
        };
        let is_new = !self.open.contains(&id);
        let opened = || OpenFile { file: Arc::new(file), encodable: None };
        let kept = self.open.get_or_insert(id.clone(), opened);
        let (file, encodable) = (Arc::clone(&kept.file), kept.encodable);
        Ok(Found { id, file, ends_in_zero, is_new, encodable })
    }

    /// Fills `piece` with the bytes at `offset` of a file that was found before.
    pub(crate) fn read(
        &mut self,
        id: &FileId,
        offset: u64,
        piece: &mut [u8],
    ) -> Result<(), ReadError> {
        if !self.open.contains(id) {
            let (file, found) =
                self.open_file(id.name.clone()).map_err(|refusal| match refusal {
                    Refusal::Unreadable(error) => ReadError::Io(error),
                    _ => ReadError::Replaced,
                })?;
            if (found.device, found.inode) != (id.device, id.inode) {
                return Err(ReadError::Replaced);
            }
            if found.len < id.len {
                return Err(ReadError::Shrunk);
            }
            // What has grown meanwhile is served as far as it went at first.
            self.open.put(id.clone(), OpenFile { file: Arc::new(file), encodable: None });
        }
        let Some(kept) = self.open.get(id) else { return Err(ReadError::Replaced) };
        kept.file.read_exact_at(piece, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Shrunk,
            _ => ReadError::Io(error),
        })
    }

    /// Remembers whether ENC can carry a file.
    pub(crate) fn set_encodable(&mut self, id: &FileId, encodable: bool) {
        if let Some(kept) = self.open.peek_mut(id) {
            kept.encodable = Some(encodable);
        }
    }

    fn open_file(&mut self, name: Arc<str>) -> Result<(File, FileId), Refusal> {
        let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(&*name).components().all(plain) {
            return Err(Refusal::Outside);
        }
        // First, so that not even for a moment too many are open.
        while self.open.len() >= self.open.cap().get() {
            self.open.pop_lru();
        }
        let mut options = OpenOptions::new();
        // A FIFO without a writer must not stop the server.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = self.root.open_with(&*name, &options).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Refusal::NotFound,
            // cap-std's answer to links that lead out.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => Refusal::Outside,
            _ => Refusal::Unreadable(error),
        })?;
        let file = file.into_std();
        let metadata = file.metadata().map_err(Refusal::Unreadable)?;
        if !metadata.is_file() {
            return Err(Refusal::NotRegular);
        }
        let (device, inode, len) = (metadata.dev(), metadata.ino(), metadata.len());
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Ok((file, FileId { name, device, inode, len, changed }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn site() -> (TempDir, Directory) {
        let temporary = TempDir::new().unwrap();
        let root = temporary.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(temporary.path().join("secret"), "secret").unwrap();
        fs::write(root.join("a.txt"), "alpha").unwrap();
        fs::write(root.join("sub/b.txt"), "beta").unwrap();
        let directory = Directory::open(&root, 2).unwrap();
        (temporary, directory)
    }

    fn refusal(directory: &mut Directory, name: &str) -> String {
        directory.find(name).map(|found| found.id).unwrap_err().to_string()
    }

    #[test]
    fn finds_files_below_and_nothing_else() {
        let (temporary, mut directory) = site();
        let root = temporary.path().join("root");
        symlink("../secret", root.join("out")).unwrap();
        symlink("/etc/passwd", root.join("absolute")).unwrap();
        symlink("sub/b.txt", root.join("inside")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            root.join("fifo"),
            rustix::fs::Mode::from_raw_mode(0o600),
        )
        .unwrap();
        for name in ["a.txt", "sub/b.txt", "./a.txt", "inside"] {
            assert!(directory.find(name).is_ok(), "{name}");
        }
        for name in
            ["../secret", "sub/../../secret", "sub/../a.txt", "/etc/passwd", "out", "absolute"]
        {
            assert_eq!(refusal(&mut directory, name), Refusal::Outside.to_string(), "{name}");
        }
        for name in ["nothing", "a.txt/x", "sub/nothing"] {
            assert_eq!(refusal(&mut directory, name), Refusal::NotFound.to_string(), "{name}");
        }
        for name in ["sub", ".", "fifo"] {
            assert_eq!(refusal(&mut directory, name), Refusal::NotRegular.to_string(), "{name}");
        }
        assert!(directory.find("loop").is_err());
    }

    #[test]
    fn reads_more_files_than_it_keeps_open() {
        let (temporary, mut directory) = site();
        let mut ids = Vec::new();
        for number in 0..10 {
            let name = format!("{number}.txt");
            fs::write(temporary.path().join("root").join(&name), &name).unwrap();
            ids.push(directory.find(&name).unwrap().id);
        }
        for _ in 0..3 {
            for id in &ids {
                let mut piece = vec![0; 5];
                directory.read(id, 0, &mut piece).unwrap();
                assert_eq!(piece, id.name().as_bytes());
            }
        }
        assert_eq!(directory.open.len(), 2);
    }

    #[test]
    fn a_file_that_shrinks_or_is_replaced_is_not_read_on() {
        let (temporary, mut directory) = site();
        let path = temporary.path().join("root/a.txt");
        let id = directory.find("a.txt").unwrap().id;
        fs::write(&path, "al").unwrap();
        assert!(matches!(directory.read(&id, 0, &mut [0; 5]), Err(ReadError::Shrunk)));
        directory.open.clear();
        assert!(matches!(directory.read(&id, 0, &mut [0; 5]), Err(ReadError::Shrunk)));
        fs::write(temporary.path().join("root/new"), "alpha").unwrap();
        fs::rename(temporary.path().join("root/new"), &path).unwrap();
        assert!(matches!(directory.read(&id, 0, &mut [0; 5]), Err(ReadError::Replaced)));
        fs::remove_file(&path).unwrap();
        assert!(matches!(directory.read(&id, 0, &mut [0; 5]), Err(ReadError::Replaced)));
    }

    #[test]
    fn a_replaced_file_is_served_to_the_end_while_it_is_open() {
        let (temporary, mut directory) = site();
        let old = directory.find("a.txt").unwrap().id;
        fs::write(temporary.path().join("root/new"), "omega").unwrap();
        fs::rename(temporary.path().join("root/new"), temporary.path().join("root/a.txt")).unwrap();
        let new = directory.find("a.txt").unwrap().id;
        let mut piece = [0; 5];
        directory.read(&old, 0, &mut piece).unwrap();
        assert_eq!(&piece, b"alpha");
        directory.read(&new, 0, &mut piece).unwrap();
        assert_eq!(&piece, b"omega");
    }

    #[test]
    fn a_file_that_grows_is_served_as_far_as_it_went() {
        let (temporary, mut directory) = site();
        let id = directory.find("a.txt").unwrap().id;
        fs::write(temporary.path().join("root/a.txt"), "alpha and omega").unwrap();
        let mut piece = [0; 5];
        directory.read(&id, 0, &mut piece).unwrap();
        assert_eq!(&piece, b"alpha");
        directory.open.clear();
        directory.read(&id, 0, &mut piece).unwrap();
        assert_eq!(&piece, b"alpha");
        assert_eq!(directory.find("a.txt").unwrap().id.len(), 15);
    }

    #[test]
    fn what_is_known_of_a_file_is_forgotten_when_it_changes() {
        let (temporary, mut directory) = site();
        let path = temporary.path().join("root/a.txt");
        let before = directory.find("a.txt").unwrap();
        assert!(before.is_new);
        directory.set_encodable(&before.id, false);
        assert_eq!(directory.find("a.txt").unwrap().encodable, Some(false));
        // The clock of file systems is coarser than this test.
        while directory.find("a.txt").unwrap().id == before.id {
            fs::write(&path, "omega").unwrap();
        }
        assert_eq!(directory.find("a.txt").unwrap().encodable, None);
    }

    #[test]
    fn zero_bytes_at_the_end_are_noticed() {
        let (temporary, mut directory) = site();
        fs::write(temporary.path().join("root/zeros"), b"ab\0").unwrap();
        fs::write(temporary.path().join("root/empty"), b"").unwrap();
        assert!(directory.find("zeros").unwrap().ends_in_zero);
        assert!(!directory.find("empty").unwrap().ends_in_zero);
        assert!(!directory.find("a.txt").unwrap().ends_in_zero);
    }
}
