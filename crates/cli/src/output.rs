//! Where a download goes: a file that appears only when it is complete, or a stream.
//! Whether it is what it should be is for the programs to check before.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::exit::{Exit, Failure, OrExit};

/// A download's bytes on their way to where they belong.
pub(crate) struct Output(Target);

enum Target {
    /// A temporary file beside `path`, which takes its name at the end.
    File { temporary: BufWriter<NamedTempFile>, path: PathBuf },
    /// Standard output, or something that is no regular file, and its name.
    Stream(Box<dyn Write + Send>, String),
}

impl Output {
    /// Opens the place for a download that the server calls `name`. The names of temporary files begin
    /// with `prefix`.
    pub(crate) fn open(output: Option<&Path>, name: &str, prefix: &str) -> Result<Self, Failure> {
        let target = match output {
            Some(path) if path == Path::new("-") => {
                Target::Stream(Box::new(io::stdout()), "standard output".into())
            }
            Some(path) if path.is_dir() => Target::file(&path.join(own_name(name)?), prefix)?,
            Some(path) => Target::file(path, prefix)?,
            None => Target::file(Path::new(own_name(name)?), prefix)?,
        };
        Ok(Self(target))
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        match &mut self.0 {
            Target::File { temporary, path } => temporary
                .write_all(data)
                .or_exit(Exit::Local, || format!("cannot write {}", path.display())),
            Target::Stream(stream, name) => stream
                .write_all(data)
                .and_then(|()| stream.flush())
                .or_exit(Exit::Local, || format!("cannot write {name}")),
        }
    }

    /// That was all: gives the file its name. Returns where it is.
    pub(crate) fn complete(self) -> Result<Option<PathBuf>, Failure> {
        let Target::File { temporary, path } = self.0 else { return Ok(None) };
        let failed = || format!("cannot write {}", path.display());
        let temporary = temporary.into_inner().map_err(io::IntoInnerError::into_error);
        let temporary = temporary.or_exit(Exit::Local, failed)?;
        temporary.as_file().sync_all().or_exit(Exit::Local, failed)?;
        temporary.persist(&path).map_err(|failed| failed.error).or_exit(Exit::Local, failed)?;
        Ok(Some(path))
    }
}

impl Target {
    fn file(path: &Path, prefix: &str) -> Result<Self, Failure> {
        let failed = || format!("cannot write {}", path.display());
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            let message = format!("{} is not a directory", path.display());
            return Err(Failure::message(Exit::Local, message));
        }
        // Through a link, the file it names is replaced; a link that leads nowhere is so itself.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // What the umask leaves of this, as for any other new file.
        let mut mode = fs::Permissions::from_mode(0o666);
        if let Ok(metadata) = fs::metadata(&path) {
            if !metadata.is_file() {
                let device =
                    File::options().write(true).open(&path).or_exit(Exit::Local, failed)?;
                return Ok(Self::Stream(Box::new(device), path.display().to_string()));
            }
            mode = metadata.permissions();
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(prefix)
            .suffix(".part")
            .permissions(mode)
            .tempfile_in(directory)
            .map_err(|error| without_path(&error))
            .or_exit(Exit::Local, || {
                format!("cannot write {}: no new file in {}", path.display(), directory.display())
            })?;
        Ok(Self::File { temporary: BufWriter::new(temporary), path })
    }
}

/// The system's error, without the name of a temporary file that means nothing to anybody.
fn without_path(error: &io::Error) -> io::Error {
    // The file's library has no other way to tell them apart.
    let text = error.to_string();
    let cause = text.rsplit_once(" at path ").map_or(&*text, |(cause, _)| cause);
    io::Error::new(error.kind(), cause)
}

/// The last part of the server's name for a file, which becomes its name here.
fn own_name(name: &str) -> Result<&str, Failure> {
    match Path::new(name).file_name().and_then(|name| name.to_str()) {
        Some(own) if name.ends_with(own) => Ok(own),
        _ => Err(Failure::message(
            Exit::Usage,
            format!("{name:?} does not end in a file name: say where to put it with --output"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        let mut output = Output::open(Some(&path), "x", ".x-").unwrap();
        output.write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        output.complete().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let dropped = Output::open(Some(&path), "x", ".x-").unwrap();
        drop(dropped);
        assert_eq!(names(directory.path()), ["file"]);
    }

    #[test]
    fn goes_into_directories_through_links_and_to_devices() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().join("real");
        fs::write(&real, "old").unwrap();
        symlink("real", directory.path().join("link")).unwrap();
        let complete = |path: &Path| {
            let mut output = Output::open(Some(path), "dir/own", ".x-").unwrap();
            output.write(b"data").unwrap();
            output.complete().unwrap()
        };
        complete(&directory.path().join("link"));
        assert_eq!(fs::read(&real).unwrap(), b"data");
        complete(directory.path());
        assert_eq!(names(directory.path()), ["link", "own", "real"]);
        assert_eq!(complete(Path::new("/dev/null")), None);
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_missing_directory_is_noticed_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("private");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Output::open(Some(&path), "x", ".x-").unwrap().complete().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let missing = directory.path().join("missing/");
        assert!(Output::open(Some(&missing), "x", ".x-").is_err());
        let missing = directory.path().join("missing/file");
        let failure = Output::open(Some(&missing), "x", ".x-").err().unwrap();
        assert!(failure.text().ends_with("No such file or directory (os error 2)"), "{failure:?}");
    }

    #[test]
    fn a_name_without_a_last_part_needs_an_output() {
        for name in ["..", "a/..", "/", "a/", "a/."] {
            let error = Output::open(None, name, ".x-").err();
            assert!(error.is_some_and(|error| error.exit == Exit::Usage), "{name}");
        }
        assert_eq!(own_name("a/b.txt").unwrap(), "b.txt");
    }
}
