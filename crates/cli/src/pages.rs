//! Completion scripts and manual pages, made from the command line's own description.
//! Nothing here knows what the commands do.

use std::path::Path;

use clap::Command;
use clap_complete::Shell;

use crate::exit::{Exit, Failure, OrExit};
use crate::print::print;

/// Prints a completion script.
pub(crate) fn completions(mut command: Command, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(&script)
}

/// Prints the program's page, or writes the pages of all commands below `out`.
pub(crate) fn man(command: Command, out: Option<&Path>) -> Result<(), Failure> {
    if let Some(out) = out {
        std::fs::create_dir_all(out)
            .and_then(|()| clap_mangen::generate_to(command, out))
            .or_exit(Exit::Local, || format!("cannot write to {}", out.display()))?;
        return Ok(());
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .or_exit(Exit::Local, || "cannot make the page".into())?;
    print(&page)
}
