//! rudp beside other transports, on loopback: each client and each server a process of its own,
//! pinned to a core of its own, all in turn. What is measured is in `loads`, how each transport is
//! used in `peers`.

mod args;
mod child;
mod compare;
mod figures;
mod loads;
mod peers;
mod picture;
mod svg;

use clap::Parser as _;

use crate::args::{Args, Role};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match args.role {
        None => compare::run(&args.options),
        Some(Role::Server(task)) => {
            child::pin(task.core)?;
            peers::server(&task)
        }
        Some(Role::Client { task, address, trust }) => {
            child::pin(task.core)?;
            peers::client(&task, address, &trust)
        }
    }
}
