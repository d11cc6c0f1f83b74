//! The program `rudp`: serves, gets and lists files, pipes, measures, simulates, and keeps keys.
//! This module reads the command line and calls the command; each command has a file.

mod args;
mod bench;
mod connect;
mod demo;
mod explain;
mod get;
mod key;
mod keys;
mod known;
mod link;
mod ls;
mod path;
mod pipe;
mod say;
mod serve;
mod settings;
mod sim;
mod spread;
mod url;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use self::args::{Args, Command};
use self::say::Say;
use crate::exit::{Exit, Failure};
use crate::{logs, pages};

/// Runs the program with the arguments it was started with, its own name first.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let Args { common, command } = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        // Help and version are errors to clap, with an exit code of their own.
        Err(error) => error.exit(),
    };
    let data = match &command {
        Command::Get(args) => args.output.as_deref() == Some(Path::new("-")),
        Command::Pipe(_) | Command::Completions { .. } | Command::Man { .. } => true,
        _ => false,
    };
    let say = Say { common, data };
    // Servers have a log of their own. The others are silent if nobody asks.
    let is_server = matches!(command, Command::Serve(_));
    let _log = (!is_server)
        .then(|| logs::init(false, common.verbose == 0, common.verbose.saturating_sub(1)));
    match run(command, say) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            say.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(command: Command, say: Say) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(&args, say),
        Command::Get(args) => get::run(&args, say),
        Command::Ls(args) => ls::run(&args, say),
        Command::Pipe(args) => pipe::run(&args, say),
        Command::Key(command) => key::run(&command, say),
        Command::Bench(command) => bench::run(&command),
        Command::Demo(args) => demo::run(&args, say),
        Command::Sim(args) => sim::run(&args, say),
        Command::Link(args) => link::run(&args, say),
        Command::Completions { shell } => pages::completions(Args::command(), shell),
        Command::Man { out } => pages::man(Args::command(), out.as_deref()),
    }
}
