//! The exit codes of the programs, and errors that carry one.
//! What is printed beside them is the programs' choice.

use std::process::ExitCode;

/// Why a program ended. The numbers are documented in its `--help` and stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything went well.
    Done = 0,
    /// Something that should not happen, and is not one of the others.
    Other = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The peer did not answer, or stopped answering.
    NoAnswer = 3,
    /// The peer refused, or has no such thing.
    Refused = 4,
    /// The server has another key than it should.
    WrongKey = 5,
    /// What arrived is not what was sent, or not what was expected.
    Corrupt = 6,
    /// A local file or socket failed.
    Local = 7,
    /// What was sent may have arrived or not: nobody knows.
    Unknown = 8,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error with the exit code it leads to.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What happened, and what to do about it.
    pub error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    pub(crate) fn message(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, error: anyhow::anyhow!(message.into()) }
    }

    /// What happened and why, in one line. A cause that the sentence has already is not said again.
    pub(crate) fn text(&self) -> String {
        let mut causes = self.error.chain().map(ToString::to_string);
        let first = causes.next().unwrap_or_default();
        causes.fold(
            first,
            |text, cause| {
                if text.contains(&cause) { text } else { format!("{text}: {cause}") }
            },
        )
    }
}

/// Gives a result's error an exit code and a context.
pub(crate) trait OrExit<T> {
    fn or_exit(self, exit: Exit, context: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit, context: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure { exit, error: error.into().context(context()) })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = io::Error::other("the disk is gone");
        let failed: Result<(), _> = Err(cause);
        let failure = failed.or_exit(Exit::Local, || "cannot read it".into()).unwrap_err();
        assert_eq!(failure.text(), "cannot read it: the disk is gone");
        let error = failure.error.context("the server stops: the disk is gone");
        let failure = Failure { exit: Exit::Local, error };
        assert_eq!(failure.text(), "the server stops: the disk is gone: cannot read it");
    }
}
