//! Benchmarks of rudp and RUSHB: loads and servers in processes of their own, measured from
//! outside. Nothing here is published, and nothing but figures depends on it.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "benchmarks stand above the line: clocks, threads and processes are theirs"
)]

mod args;
mod child;
mod datapath;
mod file;
mod idle;
mod machine;
mod process;
mod rounds;
mod sample;
mod servers;
mod summary;
mod swarm;

use clap::Parser as _;

use crate::args::{Args, Command};

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Rushb(args) => rounds::run(&args),
        Command::RushbIdle(args) => idle::run(&args),
        Command::Datapath(args) => datapath::run(&args),
        Command::Server(args) => servers::run(&args),
        Command::Swarm(args) => swarm::run(&args),
    }
}
