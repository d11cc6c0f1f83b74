//! The load generator: very many clients on one socket, which differ in their address.
//! What a client says and hears is in `ping` and `download`.

mod download;
mod machine;
mod ping;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use rudp_base::Instant;
use rudp_net::{Driver, DriverOptions, Socket, SocketOptions};

use self::download::{Downloader, Plan};
use self::machine::{Client, Swarm};
use self::ping::Pinger;
use crate::args::{Habit, SwarmArgs};
use crate::child;
use crate::file::File;
use crate::sample::Sample;

/// Runs the clients until the parent process goes.
pub(crate) fn run(args: &SwarmArgs) -> Result<()> {
    child::pin(args.core)?;
    let options = SocketOptions { fragment: true, ..SocketOptions::default() };
    let socket = Socket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), &options)?;
    let plan = |most| Plan::new(&File::new(args.file_size), most);
    match args.habit {
        Habit::Ping => drive::<Pinger>(args, ping::payload(), socket),
        Habit::Download => drive::<Downloader>(args, plan(usize::MAX), socket),
        Habit::Abandon => drive::<Downloader>(args, plan(1), socket),
    }
}

fn drive<C>(args: &SwarmArgs, plan: C::Plan, socket: Socket) -> Result<()>
where
    C: Client + Send + 'static,
    C::Plan: Send + 'static,
{
    let swarm = Swarm::<C>::new(args.server, args.clients, plan);
    let application = |_: Instant, _: &mut Swarm<C>, ()| ();
    let driver = Driver::spawn(swarm, application, socket, DriverOptions::default())?;
    child::report(|| {
        let mut sample = Sample::of_process()?;
        sample.add_driver(&driver.stats());
        driver.with(|_, swarm, _| swarm.add_counters(&mut sample));
        Ok(sample)
    })
}
