//! The program `rushb`: serves a directory and downloads files over RUSHB.
//! This module reads the command line and calls the command; each command has a file.

mod args;
mod demo;
mod directory;
mod download;
mod expected;
mod get;
mod ladder;
mod location;
mod serve;
mod site;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use self::args::{Args, Command, ServeArgs};
use crate::exit::{Exit, Failure};
use crate::pages;
use crate::print::note;

/// The name under which old harnesses start a server, without arguments.
const CLASSIC_NAME: &str = "RUSHBSvr";

/// Runs the program with the arguments it was started with, its own name first.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let name = arguments.first().and_then(|name| Path::new(name).file_name());
    let result = if name.is_some_and(|name| name == CLASSIC_NAME) && arguments.len() == 1 {
        serve::run(&ServeArgs::classic())
    } else {
        match Args::try_parse_from(arguments) {
            Ok(args) => run(args.command),
            // Help and version are errors to clap, with an exit code of their own.
            Err(error) => error.exit(),
        }
    };
    match result {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            if failure.exit != Exit::Interrupted {
                note(format!("rushb: {}", failure.text()));
            }
            failure.exit.into()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Completions { shell } => pages::completions(Args::command(), shell),
        Command::Man { out } => pages::man(Args::command(), out.as_deref()),
    }
}
