//! The servers, each as the main loop of a process: two echoes and RUSHB.
//! What they are asked is the swarm's business.

mod bare;
mod echo;
mod text;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use rudp_base::{Application, Instant, Machine};
use rudp_net::{Driver, DriverOptions, Socket, SocketOptions};

use self::echo::Echo;
use self::text::Text;
use crate::args::{ServerArgs, Side};
use crate::child;
use crate::file::File;
use crate::sample::Sample;

/// Runs one server until the parent process goes.
pub(crate) fn run(args: &ServerArgs) -> Result<()> {
    child::pin(args.core)?;
    // As `rushb serve` has it: its packets may be fragmented on the way.
    let options = SocketOptions { fragment: true, ..SocketOptions::default() };
    let socket = Socket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &options)?;
    match args.side {
        Side::Bare => bare::run(socket),
        Side::Echo => {
            drive(Echo::default(), |_: Instant, _: &mut Echo, ()| (), socket, |_, _, _| ())
        }
        Side::Rushb => {
            let text = Text::new(File::new(args.file_size));
            drive(text::server(), text, socket, text::add_counters)
        }
    }
}

/// Runs `machine` with the driver, and reports its counters and those that `add` adds.
fn drive<M, A>(
    machine: M,
    application: A,
    socket: Socket,
    add: impl Fn(&mut Sample, &M, &A),
) -> Result<()>
where
    M: Machine + Send + 'static,
    A: Application<M> + Send + 'static,
{
    let driver = Driver::spawn(machine, application, socket, DriverOptions::default())?;
    child::report(|| {
        let mut sample = Sample::of_process()?;
        sample.set("port", driver.local_addr().port().into());
        sample.add_driver(&driver.stats());
        driver.with(|_, machine, application| add(&mut sample, machine, application));
        Ok(sample)
    })
}
