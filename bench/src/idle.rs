//! `rudp-bench rushb-idle`: what an open session costs a RUSHB server in memory.
//! The clients that fall silent are in `swarm`.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::args::{Habit, IdleArgs, Side};
use crate::machine;
use crate::process::Child;

/// More than one piece, so that the session stays open after the first.
const FILE_SIZE: u32 = 100_000;

/// How long to wait for all to be open: the server gives up the first after about 6 seconds.
const PATIENCE: Duration = Duration::from_secs(4);

pub(crate) fn run(args: &IdleArgs) -> Result<()> {
    println!("{}\n", machine::describe());
    let sessions = u64::from(args.sessions);
    let mut server = Child::server(Side::Rushb, FILE_SIZE, args.cores)?;
    let before = server.sample()?;
    let mut swarm = Child::swarm(Habit::Abandon, &server, args.sessions, FILE_SIZE, args.cores)?;
    let started = Instant::now();
    while swarm.sample()?.get("silent") < sessions && started.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(50));
    }
    let opened_in = started.elapsed();
    // The last acknowledgements are on their way, and their answers.
    thread::sleep(Duration::from_millis(300));
    let after = server.sample()?;
    let open = after.get("open_sessions");
    let grown = after.grown(&before, "rss");
    println!("| sessions | open | opened in | resident before | resident after | per session |");
    println!("|--:|--:|--:|--:|--:|--:|");
    println!(
        "| {sessions} | {open} | {:.2} s | {} KiB | {} KiB | {} bytes |",
        opened_in.as_secs_f64(),
        before.get("rss") / 1_024,
        after.get("rss") / 1_024,
        grown / open.max(1)
    );
    ensure!(open == sessions, "only {open} of {sessions} sessions are open");
    Ok(())
}
