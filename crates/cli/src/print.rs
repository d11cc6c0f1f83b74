//! Lines for people, where a reader that went away is no reason to panic.
//! What the lines say is the programs', but nothing in them is obeyed by a terminal.

use std::io::{self, Write as _};

use crate::exit::{Exit, Failure, OrExit};

/// Prints a line on standard error; if that cannot be written, nobody is told.
pub(crate) fn note(line: impl AsRef<str>) {
    let _ = writeln!(io::stderr(), "{}", line.as_ref());
}

/// Prints `text` on standard output.
pub(crate) fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    stdout
        .write_all(text.as_ref())
        .and_then(|()| stdout.flush())
        .or_exit(Exit::Local, || "cannot write to standard output".into())
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What may be shown of a text that a stranger chose: at most `most` characters of it, and nothing
/// that a terminal would obey.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(most).map(shown).collect()
}
