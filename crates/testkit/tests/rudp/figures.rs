//! Figures that scenarios find, for whoever wants more than to know that they are within bounds:
//! where the environment variable `RUDP_FIGURES` names a file, each appends a line to it.

use std::env;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;

/// Leaves a figure.
pub(crate) fn figure(name: impl Display, value: impl Display) {
    let Some(path) = env::var_os("RUDP_FIGURES") else { return };
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the file opens");
    // One write, so that lines of tests that run at the same time do not mix.
    file.write_all(format!("{name}: {value}\n").as_bytes()).expect("the line is written");
}

/// A part as a figure in percent.
pub(crate) fn percent(name: impl Display, part: f64) {
    figure(name, format!("{:.1} %", part * 100.0));
}
