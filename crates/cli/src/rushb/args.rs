//! The command line of `rushb`, with the help that teaches it.
//! Values are checked here; nothing is done with them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::Shell;
use rushb::{Rto, ServerConfig};

use super::location::Location;
use crate::values::{at_least_one, duration, percent};

const ABOUT: &str = "Serve and download files over RUSHB, a stop-and-wait protocol over UDP.

RUSHB sends one packet at a time and waits for its acknowledgement, survives loss and damage, and \
serves very many clients at once. It is made for text: zero bytes at the end of a file get lost \
on the way, nothing is encrypted, and whoever can forge addresses can end a session.";

const EXAMPLES: &str = "Examples:
  rushb serve notes/ --listen 127.0.0.1:7000
  rushb get 127.0.0.1:7000/todo.txt
  rushb get -v 127.0.0.1:7000/todo.txt -o -      show the exchange as a ladder
  rushb demo                                     see it work, loss included";

const SERVE_NOTES: &str = "\
The address is printed on standard output, the log on standard error. Ctrl-C lets open sessions end \
for a moment, and prints totals.

Under the name RUSHBSvr (a link or a copy) and without arguments the program is a classic server of \
the current directory.

Exit codes:
  0    stopped with Ctrl-C
  2    the command line makes no sense
  7    the directory cannot be opened, or the address not be listened on";

const GET_CODES: &str = "Exit codes:
  0    the whole file is there
  2    the command line makes no sense
  3    the server did not answer, or stopped answering
  4    the server refused, or has no such file
  6    what arrived is damaged, or not what was expected
  7    a local file or socket failed
  130  interrupted with Ctrl-C";

#[derive(Debug, Parser)]
#[command(name = "rushb", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 100)]
#[command(propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the files below a directory
    #[command(after_help = SERVE_NOTES)]
    Serve(ServeArgs),
    /// Download one file
    #[command(after_help = GET_CODES)]
    Get(GetArgs),
    /// Serve and download a file over a bad network made on the spot, and check that it arrived
    Demo(DemoArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write all pages into a directory
    Man {
        /// Where to write rushb.1, rushb-serve.1 and the others
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ServeArgs {
    /// The directory to serve; nothing outside it is, whatever names or links say
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Where to listen; port 0 lets the system choose
    #[arg(short, long, value_name = "ADDR:PORT", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    pub(crate) listen: SocketAddr,

    /// Behave as old servers: fixed 4 s timer, and nothing but the port on standard output
    #[arg(long, conflicts_with_all = ["rto", "json"])]
    pub(crate) classic: bool,

    /// Send a packet again after this time, always (such as 4s); without it the time follows the
    /// measured round trips, between 200ms and 4s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) rto: Option<Duration>,

    /// Give a client up when it has not answered a packet sent this often [default: 8; classic: 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) tries: Option<u32>,

    /// Log as JSON, one object a line, on standard output
    #[arg(long)]
    pub(crate) json: bool,

    /// Log more (-v: each request's details)
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Log warnings and errors only
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Limits")]
#[expect(clippy::struct_field_names, reason = "the names are those of the flags")]
pub(crate) struct Limits {
    /// Sessions at the same time
    #[arg(long, value_name = "N", default_value_t = 16_384, value_parser = at_least_one)]
    pub(crate) max_sessions: usize,

    /// Of these, sessions whose client has not answered yet; the oldest makes room for a new one
    #[arg(long, value_name = "N", default_value_t = 12_288, value_parser = at_least_one)]
    pub(crate) max_unanswered: usize,

    /// Sessions at the same time of one address (IPv6: of one /64 network)
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_sessions_per_address: u32,

    /// New sessions per second of one address, and burst
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_rate_per_address: u32,

    /// Packets in flight to all clients together
    #[arg(long, value_name = "N", default_value_t = 2_048, value_parser = at_least_one)]
    pub(crate) max_in_flight: usize,

    /// Files open at the same time; sessions of the same file share one
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_open_files: u16,
}

impl ServeArgs {
    /// What `RUSHBSvr` without arguments means.
    pub(crate) fn classic() -> Self {
        Self::parse(["--classic"])
    }

    /// A server of `directory` that logs no more than it must.
    pub(crate) fn quiet(directory: PathBuf) -> Self {
        Self { directory, ..Self::parse(["--quiet"]) }
    }

    fn parse<const N: usize>(flags: [&str; N]) -> Self {
        let arguments = ["rushb", "serve"].into_iter().chain(flags);
        match Args::try_parse_from(arguments).map(|args| args.command) {
            Ok(Command::Serve(args)) => args,
            _ => unreachable!("these flags parse, and tests say so"),
        }
    }

    pub(crate) fn config(&self) -> ServerConfig {
        let usual = ServerConfig::default();
        let base = match (self.classic, self.listen.ip().is_loopback()) {
            (false, _) => usual,
            (true, true) => ServerConfig::classic(),
            // Where clients can be forged, patience is not for those that never answer.
            (true, false) => {
                ServerConfig { amplification: usual.amplification, ..ServerConfig::classic() }
            }
        };
        ServerConfig {
            rto: self.rto.map_or(base.rto, Rto::Fixed),
            tries: self.tries.unwrap_or(base.tries),
            amplification: base.amplification,
            max_sessions: self.limits.max_sessions,
            max_unanswered: self.limits.max_unanswered,
            max_sessions_per_address: self.limits.max_sessions_per_address,
            max_rate_per_address: self.limits.max_rate_per_address,
            max_in_flight: self.limits.max_in_flight,
        }
    }
}

#[derive(Debug, Clone, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct GetArgs {
    /// The server and the name of the file there
    #[arg(value_name = "HOST:PORT/NAME")]
    pub(crate) from: Location,

    /// Where to put it: a file, a directory, or - for standard output; without it, under its own
    /// name here. An existing file is replaced, but only by a complete one
    #[arg(short, long, value_name = "FILE|-")]
    pub(crate) output: Option<PathBuf>,

    /// Do not ask for checksums; damage then goes unnoticed
    #[arg(long)]
    pub(crate) no_chk: bool,

    /// Ask for the ENC substitution, a toy that hides nothing; only bytes 0 to 248 can be sent
    #[arg(long)]
    pub(crate) enc: bool,

    /// Fail unless the file has this many bytes
    #[arg(long, value_name = "BYTES")]
    pub(crate) expect_size: Option<u64>,

    /// Fail unless the file has this SHA-256 (64 hex digits, as sha256sum prints)
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    pub(crate) expect_sha256: Option<[u8; 32]>,

    /// Give up when nothing has led on for this long
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,

    /// Give up when a packet sent this often got no answer
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) tries: u32,

    /// Print each packet on standard error, as a ladder
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Print errors only
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Percent of the packets that get lost, each way
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    pub(crate) loss: f64,

    /// Percent of the packets that get damaged, each way
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0, value_parser = percent)]
    pub(crate) corrupt: f64,

    /// Bytes of the file
    #[arg(long, value_name = "BYTES", default_value_t = 150_000, value_parser = clap::value_parser!(u32).range(..=1 << 30))]
    pub(crate) size: u32,

    /// Which packets are hit
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) seed: u64,

    /// Print each packet, as a ladder
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

fn sha256(text: &str) -> Result<[u8; 32], String> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 64).ok_or("must be 64 hex digits")?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(pair[0] << 4 | pair[1]).unwrap_or_default();
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
        let classic = ServeArgs::classic();
        assert_eq!(classic.config().rto, Rto::CLASSIC);
        assert!(ServeArgs::quiet("here".into()).quiet);
        assert_eq!(classic.listen, "127.0.0.1:0".parse().unwrap());
    }

    #[test]
    fn hashes_have_64_digits() {
        let hash = sha256(&"0123456789abcdefABCDEF0123456789".repeat(2)).unwrap();
        assert_eq!(hash[..4], [0x01, 0x23, 0x45, 0x67]);
        assert_eq!(hash[8..11], [0xab, 0xcd, 0xef]);
        for wrong in ["", "00", &"0".repeat(63), &"g".repeat(64), &"ä".repeat(32)] {
            assert!(sha256(wrong).is_err(), "{wrong}");
        }
    }
}
