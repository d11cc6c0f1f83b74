//! The command line, and the names of what is measured. What they do is said elsewhere.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

/// Compares rudp with other transports on loopback (Linux)
///
/// Every client and every server is a process of its own, pinned to a core. The transports take
/// turns, so that whatever else the machine does meets all of them; the figures are medians of all
/// rounds. They are of this machine at this moment, which should have nothing else to do: compare
/// them with each other, not with figures from elsewhere.
#[derive(Debug, Parser)]
#[command(max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each transport is measured
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// How long each time, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) secs: u32,
    /// Which transports, in this order
    #[arg(long, value_name = "PEER,..", value_delimiter = ',', default_values_t = Peer::value_variants().to_vec())]
    pub(crate) only: Vec<Peer>,
    /// What to measure
    #[arg(long, value_name = "TEST,..", value_delimiter = ',', default_values_t = Test::value_variants().to_vec())]
    pub(crate) tests: Vec<Test>,
    /// The core of servers
    #[arg(long, value_name = "CORE", default_value_t = 1)]
    pub(crate) server_core: usize,
    /// The core of clients
    #[arg(long, value_name = "CORE", default_value_t = 0)]
    pub(crate) client_core: usize,
    /// Where to draw the figures, if anywhere
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// A server, as a process of its own
    #[command(hide = true)]
    Server(Task),
    /// A client, as a process of its own
    #[command(hide = true)]
    Client {
        #[command(flatten)]
        task: Task,
        #[arg(long)]
        address: SocketAddr,
        /// It may begin with a hyphen.
        #[arg(long, allow_hyphen_values = true)]
        trust: String,
    },
}

/// What a process has to do.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Task {
    #[arg(long)]
    pub(crate) peer: Peer,
    #[arg(long)]
    pub(crate) test: Test,
    #[arg(long)]
    secs: u32,
    #[arg(long)]
    pub(crate) core: usize,
}

impl Task {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.secs.into())
    }
}

/// A transport with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Peer {
    /// rudp, encrypted, datagrams of 1,472 bytes
    Rudp,
    /// rudp, encrypted, datagrams as large as it finds that the path takes
    RudpFound,
    /// rudp without encryption, datagrams of 1,472 bytes
    RudpPlain,
    /// quinn
    Quinn,
    /// s2n-quic
    S2nQuic,
    /// KCP (`tokio_kcp`), which does not encrypt
    Kcp,
    /// ENet (`rusty_enet`), which does not encrypt
    Enet,
    /// the kernel's TCP, which does not encrypt
    Tcp,
    /// bare datagrams of 1,472 bytes with GSO and GRO: nothing is encrypted, repeated or put in order
    Udp,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Test {
    /// One connection as fast as it goes
    Bulk,
    /// 64 bytes there and back, again and again
    Pingpong,
    /// Connect, have one byte echoed, close; one at a time
    Setups,
}

impl Peer {
    /// How tables and pictures call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Rudp => "rudp",
            Self::RudpFound => "rudp, the size that it finds",
            Self::RudpPlain => "rudp, plain",
            Self::Quinn => "quinn",
            Self::S2nQuic => "s2n-quic",
            Self::Kcp => "KCP",
            Self::Enet => "ENet",
            Self::Tcp => "kernel TCP",
            Self::Udp => "raw UDP, GSO",
        }
    }

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Rudp | Self::RudpFound | Self::RudpPlain)
    }

    pub(crate) fn is_encrypted(self) -> bool {
        matches!(self, Self::Rudp | Self::RudpFound | Self::Quinn | Self::S2nQuic)
    }

    /// Whether it can be asked for this: bare datagrams are never set up.
    pub(crate) fn has(self, test: Test) -> bool {
        test != Test::Setups || !matches!(self, Self::Udp)
    }
}

macro_rules! as_on_the_command_line {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let value = self.to_possible_value();
                f.write_str(value.as_ref().map_or("", |value| value.get_name()))
            }
        }
    )*};
}

as_on_the_command_line!(Peer, Test);

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
