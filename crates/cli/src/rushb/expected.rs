//! What the user said must arrive, and an output that holds what arrives against it.
//! Where the bytes go is the output's business.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::print::hex;

/// The beginning of the names of temporary files.
const PREFIX: &str = ".rushb-";

/// What the user said must arrive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<[u8; 32]>,
}

/// An output that takes nothing else than what is expected.
pub(crate) struct Checked {
    output: Output,
    len: u64,
    hash: Sha256,
    expected: Expected,
}

impl Checked {
    /// Opens the place for a download that the server calls `name`.
    pub(crate) fn open(
        output: Option<&Path>,
        name: &str,
        expected: Expected,
    ) -> Result<Self, Failure> {
        let output = Output::open(output, name, PREFIX)?;
        Ok(Self { output, len: 0, hash: Sha256::new(), expected })
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.len += data.len() as u64;
        if let Some(size) = self.expected.size.filter(|size| self.len > *size) {
            let message = format!("more bytes arrived than the {size} that were expected");
            return Err(Failure::message(Exit::Corrupt, message));
        }
        self.hash.update(data);
        self.output.write(data)
    }

    /// That was all: checks it, and gives the file its name. Returns where it is.
    pub(crate) fn complete(self) -> Result<Option<PathBuf>, Failure> {
        if let Some(size) = self.expected.size.filter(|size| self.len != *size) {
            let message = format!(
                "{} bytes arrived, {size} were expected (RUSHB loses zero bytes at the end of a file)",
                self.len
            );
            return Err(Failure::message(Exit::Corrupt, message));
        }
        let hash: [u8; 32] = self.hash.finalize().into();
        if self.expected.sha256.is_some_and(|expected| expected != hash) {
            let message =
                format!("what arrived has the SHA-256 {}, not the expected one", hex(&hash));
            return Err(Failure::message(Exit::Corrupt, message));
        }
        self.output.complete()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_not_expected_does_not_appear() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let wrong_hash = Expected { size: None, sha256: Some([0; 32]) };
        let wrong_size = Expected { size: Some(4), sha256: None };
        for expected in [wrong_hash, wrong_size] {
            let mut output = Checked::open(Some(&path), "x", expected).unwrap();
            output.write(b"new").unwrap();
            assert_eq!(output.complete().unwrap_err().exit, Exit::Corrupt);
        }
        let mut too_long = Checked::open(Some(&path), "x", wrong_size).unwrap();
        assert_eq!(too_long.write(b"12345").unwrap_err().exit, Exit::Corrupt);
        drop(too_long);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
