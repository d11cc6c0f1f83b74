//! The program `rushb`; under the name `RUSHBSvr` without arguments, a server as old peers know it.

use std::process::ExitCode;

fn main() -> ExitCode {
    rudp_cli::rushb::main(std::env::args_os().collect())
}
