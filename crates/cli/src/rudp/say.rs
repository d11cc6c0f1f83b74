//! What is said and where: results and failures, to people or to programs.
//! What the results are is the commands' business.

use serde_json::{Value, json};

use super::args::Common;
use crate::exit::{Exit, Failure};
use crate::print::{note, print};

/// Says things as the user wants them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Say {
    pub(crate) common: Common,
    /// Whether standard output is for data.
    pub(crate) data: bool,
}

impl Say {
    /// Says a result, which is the reason why the command was called: to people on standard output.
    #[expect(clippy::needless_pass_by_value, reason = "it is made on the spot")]
    pub(crate) fn result(self, people: impl AsRef<str>, programs: Value) -> Result<(), Failure> {
        if self.common.json {
            self.object(&programs)
        } else {
            print(people.as_ref().to_owned() + "\n")
        }
    }

    /// Says how it went: to people on standard error, unless they want to hear errors only.
    #[expect(clippy::needless_pass_by_value, reason = "it is made on the spot")]
    pub(crate) fn summary(self, people: impl AsRef<str>, programs: Value) -> Result<(), Failure> {
        if self.common.json {
            return self.object(&programs);
        }
        if !self.common.quiet {
            note(people);
        }
        Ok(())
    }

    /// Says what people must know, and programs find in the result.
    pub(crate) fn warning(self, people: impl AsRef<str>) {
        if !self.common.json {
            note(people);
        }
    }

    /// Says why the program fails, with its exit code.
    pub(crate) fn failure(self, failure: &Failure) {
        let (exit, text) = (failure.exit, failure.text());
        if self.common.json {
            let object = json!({"failed": text, "exit": exit as u8});
            // If that cannot be written, then the exit code has to do.
            let _ = self.object(&object);
        } else if exit != Exit::Interrupted {
            note(format!("rudp: {text}"));
        }
    }

    fn object(self, object: &Value) -> Result<(), Failure> {
        if self.data {
            note(object.to_string());
            return Ok(());
        }
        print(object.to_string() + "\n")
    }
}
