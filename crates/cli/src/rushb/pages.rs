//! Completion scripts and manual pages, made from the command line's own description.
//! Nothing here knows what the commands do.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Args;
use crate::exit::{Exit, Failure, OrExit};
use crate::print::print;

/// Prints a completion script.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "rushb", &mut script);
    print(&script)
}

/// Prints `rushb(1)`, or writes the pages of all commands below `out`.
pub(crate) fn man(out: Option<&Path>) -> Result<(), Failure> {
    if let Some(out) = out {
        std::fs::create_dir_all(out)
            .and_then(|()| clap_mangen::generate_to(Args::command(), out))
            .or_exit(Exit::Local, || format!("cannot write to {}", out.display()))?;
        return Ok(());
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Args::command())
        .render(&mut page)
        .or_exit(Exit::Local, || "cannot make the page".into())?;
    print(&page)
}
