//! The command line of `rudp`, with the help that teaches it.
//! Settings of sessions are in `settings`; nothing is done with the values here.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use rudp::{Congestion, PublicKey};

use super::path::PathArgs;
use super::settings::{Profile, Settings, congestion};
use super::url::{Url, address, listen, server};
use crate::values::{duration, percent, size};

const ABOUT: &str = "Move files and bytes over bad networks: reliable, encrypted sessions over UDP.

A server has a key, which is in the URL that it prints; whoever has the URL knows that nobody else \
answers. Everything is encrypted, every file is checked end to end, and it is said how far the data \
came when something breaks.";

const EXAMPLES: &str = "Examples:
  rudp serve photos/                            prints a URL
  rudp get rudp://KEY@HOST:7777/cat.jpg         downloads what it names
  rudp ls rudp://KEY@HOST:7777/
  tar c dir | rudp pipe rudp://KEY@HOST:7777    ... into `rudp pipe -l | tar x` there
  rudp demo                                     see it work over a bad network
  rudp sim --preset lte --svg lte.svg           see what would happen over another
  rudp link --to HOST:PORT --loss 5%            put any program that uses UDP behind a bad one

Where keys are kept: $XDG_STATE_HOME/rudp, or ~/.local/state/rudp.";

const CODES: &str = "Exit codes:
  0    done
  1    something else failed
  2    the command line makes no sense
  3    the peer did not answer, or stopped answering
  4    the peer refused, or has no such thing
  5    the server has another key than it should
  6    what arrived is damaged
  7    a local file or socket failed
  8    what was sent may have arrived or not
  130  interrupted with Ctrl-C";

const SIM: &str = "Without flags the network has 100 Mbit/s, a round trip of 50 ms and a queue of 1bdp. \
The same flags and seed give the same bytes of output. What each line and each field means, and what \
the presets stand for, is in docs/NETWORKS.md.

Examples:
  rudp sim --rate 100mbit --rtt 50ms --loss 1% --queue 1bdp
  rudp sim --preset satellite --time 60s --svg satellite.svg
  rudp sim --rate 50mbit --rtt 40ms --vs cubic --time 60s

Exit codes:
  0    done
  2    the command line makes no sense
  3    a session was over before its time
  7    a local file failed
  130  interrupted with Ctrl-C";

const LINK: &str = "Programs send to the address that it prints instead of to HOST:PORT. Up is towards \
HOST:PORT. Without flags nothing is lost, and nothing takes time.

It is one thread, and exact as far as the system wakes it in time: how late packets left is said at \
the end. On two virtual cores with much else to do half of them left less than 0.03 ms late, 99 % less \
than 6 ms, and a link of 500 Mbit/s carried 447 Mbit/s of data (480 are possible). For delays below a \
millisecond and for gigabits, netem in a network namespace is the better tool.

Examples:
  rudp link -l 127.0.0.1:9000 --to 127.0.0.1:7777 --rate 20mbit --rtt 100ms --loss 2%
  rudp link --to server:7777 --preset dsl
  rudp link --to server:7777 --up-rate 1mbit --down-rate 16mbit --rtt 30ms --queue 200ms

Exit codes:
  0    done, by Ctrl-C
  2    the command line makes no sense
  3    HOST is not known
  7    a local socket failed";

#[derive(Debug, Parser)]
#[command(name = "rudp", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 100)]
#[command(propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How much is said, and to whom.
#[derive(Debug, Clone, Copy, Default, ClapArgs)]
pub(crate) struct Common {
    /// Say it to programs: one JSON object a line on standard output (on standard error where data
    /// go to standard output)
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print errors only (servers: and warnings)
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Tell more; twice: still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let others read the files below a directory
    #[command(after_help = CODES)]
    Serve(ServeArgs),
    /// Download one file
    #[command(after_help = CODES)]
    Get(GetArgs),
    /// List a directory
    #[command(after_help = CODES)]
    Ls(LsArgs),
    /// Connect standard input and output here with those there
    #[command(after_help = CODES)]
    Pipe(PipeArgs),
    /// Show and make keys, and say which servers' keys are known
    #[command(subcommand)]
    Key(KeyCommand),
    /// Measure; the contract is that of the performance lab
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Send 16 MiB through a bad network made on the spot, and check that they arrived
    #[command(after_help = CODES)]
    Demo(DemoArgs),
    /// Run the protocol over a network that is described, in virtual time, and say what would happen
    #[command(after_help = SIM)]
    Sim(SimArgs),
    /// Carry UDP between a server and its clients as a network would that is described
    #[command(after_help = LINK)]
    Link(LinkArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write all pages into a directory
    Man {
        /// Where to write rudp.1, rudp-serve.1 and the others
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ServeArgs {
    /// The directory; nothing outside it can be read, whatever names or links say
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Where to listen: ADDR:PORT, :PORT for all addresses, port 0 for any that is free [default:
    /// :7777]
    #[arg(short, long, value_name = "ADDR", value_parser = listen)]
    pub(crate) listen: Option<String>,

    /// Stop when one file has been read
    #[arg(long)]
    pub(crate) once: bool,

    /// Only for clients whose key is in this file, one a line (`rudp key show` prints them)
    #[arg(long, value_name = "KEYFILE")]
    pub(crate) allow: Option<PathBuf>,

    /// Sessions at the same time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = crate::values::at_least_one)]
    pub(crate) max_sessions: usize,

    /// Sessions at the same time of one address (IPv6: of one /64 network)
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = crate::values::at_least_one)]
    pub(crate) max_sessions_per_address: usize,

    /// Threads that serve, each with a socket of its own on the same port and its share of the
    /// sessions: 1 to 64, or auto for as many as there are cores. One thread moves what one core can
    /// encrypt and send; more help when several clients come at once, for one session is always
    /// served by one of them
    #[arg(long, value_name = "N|auto", default_value = "1", value_parser = crate::values::shards)]
    pub(crate) shards: usize,

    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct GetArgs {
    /// The server and the name of the file there: rudp://KEY@HOST:PORT/NAME
    #[arg(value_name = "URL")]
    pub(crate) url: Url,

    /// Where to put it: a file, a directory, or - for standard output; without it, under its own
    /// name here. An existing file is replaced, but only by a complete one
    #[arg(short, long, value_name = "FILE|-")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct LsArgs {
    /// The server and the name of the directory there: rudp://KEY@HOST:PORT/NAME
    #[arg(value_name = "URL")]
    pub(crate) url: Url,

    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct PipeArgs {
    /// The server: rudp://KEY@HOST:PORT
    #[arg(value_name = "URL", required_unless_present = "listen", conflicts_with = "listen")]
    pub(crate) url: Option<Url>,

    /// Be the server, for one client, and listen here [default: :7777]
    #[arg(short, long, value_name = "ADDR", value_parser = listen, num_args = 0..=1)]
    #[arg(default_missing_value = ":7777")]
    pub(crate) listen: Option<String>,

    /// With -l: only for clients whose key is in this file
    #[arg(long, value_name = "KEYFILE", requires = "listen")]
    pub(crate) allow: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print the public key of this user, which is made if there is none, or of a key's file
    Show {
        /// A file with a key
        file: Option<PathBuf>,
        /// Print the servers whose keys are known
        #[arg(long, conflicts_with = "file")]
        known: bool,
    },
    /// Make a new key in a file, or a new secret for --secret-file
    New {
        /// The file; there must be none of this name
        file: PathBuf,
        /// A secret that clients and servers share, not a key
        #[arg(long)]
        secret: bool,
    },
    /// Believe that a server has this key
    Trust {
        /// HOST:PORT
        #[arg(value_parser = address)]
        server: String,
        /// The server's public key
        // One in 64 keys begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        key: PublicKey,
    },
    /// Forget the key of a server: whoever answers next is believed
    Forget {
        /// HOST:PORT
        #[arg(value_parser = address)]
        server: String,
    },
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Goodput of one stream
    Bulk,
    /// Round trips of 64 bytes
    Pingpong,
    /// Sessions per second
    Conn,
    /// Memory of sessions that do nothing
    Idle,
    /// One-way latency of messages
    Msg,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BenchCommand {
    /// The side that listens; prints READY, and its figures as one line of JSON
    Server {
        /// What is measured
        mode: Mode,
        /// Where to listen
        #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7700")]
        listen: String,
        /// Threads that serve, each with a socket of its own on the port: 1 to 64, or auto for as
        /// many as there are cores
        #[arg(long, value_name = "N|auto", default_value = "1", value_parser = crate::values::shards)]
        shards: usize,
        #[command(flatten)]
        load: Load,
        #[command(flatten)]
        settings: Settings,
    },
    /// The side that connects; prints its figures as one line of JSON
    Client {
        /// What is measured
        mode: Mode,
        /// Where to connect to; whichever key is there is taken
        #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7700")]
        connect: String,
        #[command(flatten)]
        load: Load,
        #[command(flatten)]
        settings: Settings,
    },
}

/// How much is done.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Load {
    /// bulk, conn, msg: for how long
    #[arg(long, value_name = "SECONDS", default_value_t = 8.0)]
    pub(crate) secs: f64,
    /// pingpong: round trips
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(crate) rounds: u32,
    /// idle: sessions
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) conns: u32,
    /// idle: for how long they are held, while the server's processor time is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub(crate) hold: f64,
    /// conn: sessions at a time
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) conc: u32,
    /// bulk: sessions that send at once, each a task, in one thread; a server counts them from when the last
    /// one has begun. Without it there is one session, with a thread that waits in its calls
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) sessions: Option<u32>,
    /// msg: time between two messages
    #[arg(long, value_name = "MS", default_value_t = 10.0)]
    pub(crate) every_ms: f64,
    /// msg: bytes of a message, at least 8
    #[arg(long, value_name = "BYTES", default_value_t = 100, value_parser = clap::value_parser!(u32).range(8..=60_000))]
    pub(crate) size: u32,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Percent of the packets that get lost, each way
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    pub(crate) loss: f64,

    /// The link's rate in Mbit/s
    #[arg(long, value_name = "MBIT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) rate: u64,

    /// The round-trip time in ms
    #[arg(long, value_name = "MS", default_value_t = 40, value_parser = clap::value_parser!(u64).range(0..=2_000))]
    pub(crate) rtt: u64,

    /// MiB that are sent
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) size: u32,

    /// Which packets are hit
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct SimArgs {
    #[command(flatten)]
    pub(crate) path: PathArgs,

    /// Send for so long, in virtual time [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "bytes")]
    pub(crate) time: Option<Duration>,

    /// Send so much, such as 100MB, for a day at most
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) bytes: Option<u64>,

    /// Send up: from the client to the server
    #[arg(long)]
    pub(crate) upload: bool,

    /// How many sessions send at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) flows: u8,

    /// Each of them, and the one of --vs, begins so long after the one before [default: all at once]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) apart: Option<Duration>,

    /// Settings of the sessions for a purpose [default: bulk]
    #[arg(long, value_enum)]
    pub(crate) profile: Option<Profile>,

    /// How fast they send: bbr, cubic, or a rate [default: bbr]
    #[arg(long, value_name = "bbr|cubic|RATE", value_parser = congestion)]
    pub(crate) congestion: Option<Congestion>,

    /// One session more, which sends in this way as long as the others
    #[arg(long, value_name = "bbr|cubic|RATE", value_parser = congestion)]
    pub(crate) vs: Option<Congestion>,

    /// Bytes of the largest packets, without the headers of IP and UDP [default: what the network
    /// takes, which is searched for]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1_200..=65_507))]
    pub(crate) packet_size: Option<u16>,

    /// Which packets are hit
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Draw it: rate, round trip, queue and window over time
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct LinkArgs {
    /// Where clients send to: ADDR:PORT, :PORT for all addresses [default: a free port of 127.0.0.1]
    #[arg(short, long, value_name = "ADDR", value_parser = listen)]
    pub(crate) listen: Option<String>,

    /// The server: HOST:PORT
    #[arg(long, value_name = "HOST:PORT", value_parser = server)]
    pub(crate) to: String,

    #[command(flatten)]
    pub(crate) path: PathArgs,

    /// Clients at the same time, each of which has a port of its own towards the server; more are
    /// not carried
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) clients: u16,

    /// A client is forgotten when nothing was carried for it for so long
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    pub(crate) idle: Duration,

    /// Which packets are hit
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_pipe_listens_or_connects() {
        let parse = |line: &str| Args::try_parse_from(line.split(' ')).map(|args| args.command);
        let Ok(Command::Pipe(args)) = parse("rudp pipe -l") else { panic!() };
        assert_eq!(args.listen.as_deref(), Some("[::]:7777"));
        let Ok(Command::Pipe(args)) = parse("rudp pipe -l 127.0.0.1:0") else { panic!() };
        assert_eq!(args.listen.as_deref(), Some("127.0.0.1:0"));
        assert!(parse("rudp pipe 127.0.0.1:1").is_ok());
        assert!(parse("rudp pipe").is_err());
    }
}
