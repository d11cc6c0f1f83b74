//! `rudp-bench rushb`: the sides in turn, measured over the same time each.
//! The figures are put together in `summary`.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::args::{Habit, RushbArgs, Side};
use crate::machine;
use crate::process::Child;
use crate::summary::{self, Figures};

/// How long a side runs before it is measured: all clients have started, all memory is there.
const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &RushbArgs) -> Result<()> {
    println!("{}\n", machine::describe());
    println!(
        "{} clients, a file of {} bytes, {} runs of {} s each, server on core {}, load on core {}\n",
        args.clients,
        args.file_size,
        args.runs,
        args.secs,
        args.cores.server_core,
        args.cores.load_core
    );
    let mut measured = Vec::new();
    println!("{}", summary::heading("run"));
    for run in 1..=args.runs {
        for side in &args.sides {
            let figures = measure(args, *side)?;
            println!("{}", figures.row(&format!("{run} {}", side.name())));
            measured.push((*side, figures));
        }
    }
    println!("\n{}", summary::medians(&measured));
    for (side, figures) in &measured {
        ensure!(figures.exchanges > 0.0, "{}: nothing was exchanged", side.name());
        ensure!(figures.damaged == 0, "{}: {} were damaged", side.name(), figures.damaged);
    }
    Ok(())
}

fn measure(args: &RushbArgs, side: Side) -> Result<Figures> {
    let habit = if side == Side::Rushb { Habit::Download } else { Habit::Ping };
    let mut server = Child::server(side, args.file_size, args.cores)?;
    let mut swarm = Child::swarm(habit, &server, args.clients, args.file_size, args.cores)?;
    thread::sleep(WARM_UP);
    let before = (server.sample()?, swarm.sample()?);
    thread::sleep(Duration::from_secs(args.secs.unsigned_abs()));
    let after = (server.sample()?, swarm.sample()?);
    // The load goes first, so that it does not hear that the server is gone.
    drop(swarm);
    Ok(Figures::new(args.clients, [&before.0, &after.0], [&before.1, &after.1]))
}
