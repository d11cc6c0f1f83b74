//! [`Directory`]: a store that is a directory of the local disk.
//! Names from the network are resolved here, and never lead out of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Component, Path};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;

use crate::answer::Status;
use crate::entry::{Entry, Kind, Metadata, Modified};
use crate::store::{Content, Listing, Refusal, Store};

/// Entries that are looked at for one listing. Directories with more are not listed.
const MOST_SCANNED: usize = 1_000_000;

/// A directory whose files may be read, and nothing outside it, whatever names and links say.
#[derive(Debug)]
pub struct Directory {
    root: Dir,
}

impl Directory {
    /// Opens `path`.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let root = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { root })
    }

    fn open_file(&self, name: &str) -> Result<(File, Metadata), Refusal> {
        let mut options = OpenOptions::new();
        // A FIFO without a writer must not stop the server.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = self.root.open_with(path(name)?, &options).map_err(|error| refusal(&error))?;
        let file = file.into_std();
        let metadata = file.metadata().map_err(|error| refusal(&error))?;
        let kind = match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => Kind::File,
            (_, true) => Kind::Directory,
            _ => return Err(neither()),
        };
        let modified = modified(metadata.mtime(), metadata.mtime_nsec());
        Ok((file, described(kind, metadata.len(), modified)))
    }
}

impl Store for Directory {
    fn stat(&self, name: &str) -> Result<Metadata, Refusal> {
        use cap_std::fs::MetadataExt as _;
        let metadata = self.root.metadata(path(name)?).map_err(|error| refusal(&error))?;
        let kind = match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => Kind::File,
            (_, true) => Kind::Directory,
            _ => return Err(neither()),
        };
        let modified = modified(metadata.mtime(), metadata.mtime_nsec());
        Ok(described(kind, metadata.len(), modified))
    }

    fn open(&self, name: &str) -> Result<Box<dyn Content>, Refusal> {
        let (file, metadata) = self.open_file(name)?;
        Ok(Box::new(OpenFile { file, metadata }))
    }

    fn list(&self, name: &str, after: &str, most: usize) -> Result<Listing, Refusal> {
        let metadata = self.stat(name)?;
        if metadata.kind != Kind::Directory {
            return Err(Refusal::new(Status::WrongKind, "it is not a directory"));
        }
        let entries = self.root.read_dir(path(name)?).map_err(|error| refusal(&error))?;
        // The first names only, however many there are: one more tells that there are more.
        let mut names = BTreeSet::new();
        for (number, entry) in entries.enumerate() {
            if number == MOST_SCANNED {
                let text = "the directory has too many entries to be listed";
                return Err(Refusal::new(Status::Limit, text));
            }
            let entry = entry.map_err(|error| refusal(&error))?;
            // What is no UTF-8 could not be asked for.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if &*name > after {
                names.insert(name);
                if names.len() > most + 1 {
                    names.pop_last();
                }
            }
        }
        let more = names.len() > most;
        if more {
            names.pop_last();
        }
        let last = names.last().cloned();
        let within = Path::new(name);
        let entry = |name: String| {
            // What leads out, or is neither file nor directory, cannot be had and is not shown.
            let metadata = self.stat(within.join(&name).to_str()?).ok()?;
            Some(Entry { name, metadata })
        };
        let entries: Vec<_> = names.into_iter().filter_map(entry).collect();
        match last {
            // A page of things that are not shown is no reason to stop.
            Some(last) if more && entries.is_empty() => self.list(name, &last, most),
            _ => Ok(Listing { metadata, entries, more }),
        }
    }
}

struct OpenFile {
    file: File,
    metadata: Metadata,
}

impl Content for OpenFile {
    fn metadata(&self) -> Metadata {
        self.metadata
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

/// The path of a name, if it goes only downwards.
fn path(name: &str) -> Result<&Path, Refusal> {
    let downwards = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    match Path::new(name) {
        _ if name.contains('\0') => Err(outside()),
        _ if name.is_empty() => Ok(Path::new(".")),
        path if path.components().all(downwards) => Ok(path),
        _ => Err(outside()),
    }
}

fn described(kind: Kind, size: u64, modified: Modified) -> Metadata {
    let size = if kind == Kind::File { size } else { 0 };
    Metadata { kind, size, modified }
}

fn modified(seconds: i64, nanos: i64) -> Modified {
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    Modified { seconds, nanos: nanos.unwrap_or_default() }
}

fn outside() -> Refusal {
    Refusal::new(Status::Refused, "the name leads out of what is served")
}

fn neither() -> Refusal {
    Refusal::new(Status::Refused, "it is neither a file nor a directory")
}

fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Refusal::new(Status::NotFound, "there is nothing of this name")
        }
        // cap-std's answer to links that lead out.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => outside(),
        io::ErrorKind::PermissionDenied => {
            Refusal::new(Status::Refused, "the server may not read it")
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => {
            Refusal::new(Status::Refused, "there can be nothing of this name")
        }
        _ => Refusal::new(Status::Failed, "the server cannot read it"),
    }
}

#[cfg(test)]
mod tests;
