//! The command line, with the help that says what is measured and how.
//! Values are checked here; nothing is done with them.

use std::net::SocketAddr;

use clap::builder::RangedU64ValueParser;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

const ABOUT: &str = "Benchmarks of rudp and RUSHB over the loopback interface (Linux).

Build with --release. Every figure is of this machine at this moment: compare the sides of one \
run with each other, not with figures from elsewhere.";

const EXAMPLES: &str = "\x1b[1;4mExamples:\x1b[0m
  cargo run --release -p rudp-bench -- rushb
  cargo run --release -p rudp-bench -- rushb --clients 100 --secs 2 --file-size 1000
  cargo run --release -p rudp-bench -- rushb-idle
  perf record -e cpu-clock -- target/release/rudp-bench rushb --sides rushb --runs 1";

const RUSHB: &str = "Concurrent downloads over RUSHB against a bare UDP echo

Server and load generator are processes of their own, each pinned to a core of its own. The sides \
take turns, so that whatever else the machine does meets all of them:

  bare   an echo straight on the batching socket, without driver and machine
  echo   an echo as the simplest machine, run by the driver: the same batching as rushb
  rushb  the RUSHB server with one file in memory, run by the driver

The load generator has one socket and as many clients as asked for, which differ in their address \
(127.1.0.1 and up). Each sends the next datagram when it has the answer to the last one; every \
datagram has 1472 bytes. On the rushb side each client downloads the file with CHK again and again, \
and compares the checksum of every piece, computed anew, with that of the piece as it should be.

An exchange is a datagram to a client and its answer: an echo and the next datagram, or a [DAT] \
and its [DAT/ACK]. The two exchanges of opening and closing a download are not counted, but cost \
time all the same: the smaller the file, the lower the figure.

\"server us\" and \"load us\" are processor time (user and system) per exchange of the server's and the \
load generator's process; a \"busy\" of 100 % is the side that limits the rate. Where neither is near \
it, others use the cores, and the rates say little: then compare the server time per exchange, which \
is the second ratio at the end. \"fair\" is what the slowest client got, as a share of the mean.

The exit code is 1 if a download was damaged or short, or nothing was exchanged.";

const RUSHB_IDLE: &str = "Memory of a RUSHB server per open session

Each client asks for a file, acknowledges its first piece, and falls silent. The server's resident \
memory is read before, and once all sessions are open and none has been given up yet, which takes \
some seconds. The exit code is 1 if not all are open then.";

#[derive(Debug, Parser)]
#[command(name = "rudp-bench", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 100)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(about = first_line(RUSHB), long_about = RUSHB)]
    Rushb(RushbArgs),
    #[command(about = first_line(RUSHB_IDLE), long_about = RUSHB_IDLE)]
    RushbIdle(IdleArgs),
    /// The protocol alone: two endpoints in one thread, without system and driver
    Datapath(DatapathArgs),
    /// A server, as a process of its own
    #[command(hide = true)]
    Server(ServerArgs),
    /// A load generator, as a process of its own
    #[command(hide = true)]
    Swarm(SwarmArgs),
}

fn first_line(text: &'static str) -> &'static str {
    text.lines().next().unwrap_or_default()
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RushbArgs {
    /// Clients at the same time
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clients())]
    pub(crate) clients: u32,
    /// How long each side is measured in each run, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = 1..=3_600)]
    pub(crate) secs: i64,
    /// How often each side is measured
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = 1..=1_000)]
    pub(crate) runs: i64,
    /// The size of the file that is downloaded
    #[arg(long, value_name = "BYTES", default_value_t = 102_400, value_parser = file_size())]
    pub(crate) file_size: u32,
    /// What to measure, in this order
    #[arg(long, value_name = "SIDE,..", value_delimiter = ',', num_args = 1..)]
    #[arg(default_values = ["bare", "echo", "rushb"])]
    pub(crate) sides: Vec<Side>,
    #[command(flatten)]
    pub(crate) cores: Cores,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct IdleArgs {
    /// Sessions to open
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clients())]
    pub(crate) sessions: u32,
    #[command(flatten)]
    pub(crate) cores: Cores,
}

#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Cores {
    /// The core that the server is pinned to
    #[arg(long, value_name = "CORE", default_value_t = 1)]
    pub(crate) server_core: usize,
    /// The core that the load generator is pinned to
    #[arg(long, value_name = "CORE", default_value_t = 0)]
    pub(crate) load_core: usize,
}

/// What is measured against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Side {
    /// An echo straight on the socket
    Bare,
    /// An echo as a machine, run by the driver
    Echo,
    /// The RUSHB server
    Rushb,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Echo => "echo",
            Self::Rushb => "rushb",
        }
    }
}

/// What the clients of a load generator do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Habit {
    /// Send, and wait for the echo
    Ping,
    /// Download again and again
    Download,
    /// Acknowledge one piece of a download, and fall silent
    Abandon,
}

impl Habit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Download => "download",
            Self::Abandon => "abandon",
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServerArgs {
    #[arg(long)]
    pub(crate) side: Side,
    #[arg(long)]
    pub(crate) file_size: u32,
    #[arg(long)]
    pub(crate) core: usize,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SwarmArgs {
    #[arg(long)]
    pub(crate) habit: Habit,
    #[arg(long)]
    pub(crate) server: SocketAddr,
    #[arg(long)]
    pub(crate) clients: u32,
    #[arg(long)]
    pub(crate) file_size: u32,
    #[arg(long)]
    pub(crate) core: usize,
}

/// As many addresses as `swarm` takes from 127.1.0.0/16.
fn clients() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=65_000)
}

/// Sequence numbers do not wrap within such a file.
fn file_size() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(0..=64 << 20)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for side in Side::value_variants() {
            assert_eq!(Side::from_str(side.name(), false), Ok(*side));
        }
        for habit in Habit::value_variants() {
            assert_eq!(Habit::from_str(habit.name(), false), Ok(*habit));
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DatapathArgs {
    /// How much is sent
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub(crate) bytes: u64,

    /// Bytes of UDP payload in a full packet
    #[arg(long, value_name = "BYTES", default_value_t = 1_472)]
    pub(crate) packet_size: u16,

    /// How much is on its way at once
    #[arg(long, value_name = "BYTES", default_value_t = 128 << 10)]
    pub(crate) flight: usize,

    /// What the sending side may hold
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20)]
    pub(crate) send_buffer: u64,

    /// A fixed rate in bytes per second, instead of what the default congestion control finds
    #[arg(long, value_name = "BYTES")]
    pub(crate) rate: Option<u64>,

    /// Without encryption
    #[arg(long)]
    pub(crate) plain: bool,
}
